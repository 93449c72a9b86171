//! Sockets and time: listeners, connections plain and in TLS, the buffers they are read into, deadlines, permits.
//!
//! Never knows a route, a cache or a policy: what a connection says is for others to judge. This is the only room that
//! reads or sets a clock. A connection lives on one thread; while it is idle it holds a socket, a small task and no buffer.
//!
//! Entry types: [`Clock`], [`Listeners`], [`Admission`], [`Stream`], [`Buffer`], [`BodyReader`], [`Meter`],
//! [`IdleTimer`], [`TlsFront`], [`TlsClient`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod admission;
mod body;
mod buffer;
mod clock;
mod deadline;
mod listeners;
mod meter;
mod reactor;
mod socket;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod tunnel;
mod write;

pub(crate) use admission::{Admission, Permit};
pub(crate) use body::{BodyError, BodyReader};
pub(crate) use buffer::{Buffer, Filled};
pub(crate) use clock::{CertificateTimeProvider, Clock, set_system_wall, system_wall};
pub(crate) use deadline::{IdleTimer, TimedOut, within};
pub(crate) use listeners::{AcceptError, Accepted, BindError, Listener, Listeners};
pub(crate) use meter::{Meter, Progress, TooSlow};
pub(crate) use reactor::{run, spawn};
pub(crate) use socket::Socket;
pub(crate) use stream::Stream;
pub(crate) use tls::{HandshakeError, TlsClient, TlsFront};
pub(crate) use tunnel::both_ways;
pub(crate) use write::{WriteError, Wrote, close_gently, send_file, write_all, write_all_vectored, write_while_silent};
