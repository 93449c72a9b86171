//! What the outside asks of the process: stop, stop now, look at the file again.

use std::io;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

/// A request from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// SIGTERM or SIGINT: drain; a second one: stop at once.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals this process listens to. SIGPIPE is ignored by the Rust runtime already.
#[derive(Debug)]
pub(super) struct Wishes(Signals);

impl Wishes {
    pub(super) fn listen() -> io::Result<Wishes> {
        Signals::new([Signal::Term, Signal::Int, Signal::Hup]).map(Wishes)
    }

    /// Waits for the next wish. Never ends without one.
    pub(super) async fn next(&mut self) -> Wish {
        loop {
            match self.0.next().await {
                Some(Ok(Signal::Hup)) => return Wish::Reload,
                Some(Ok(_)) => return Wish::Stop,
                Some(Err(cause)) => log::error!("a signal was lost: {cause}"),
                None => smol::future::pending().await,
            }
        }
    }
}
