//! `hafir demo`: a remote site behind a satellite link, played on loopback, and the configuration that puts the
//! ordinary gateway in front of it.
//!
//! Never handles a request of the gateway and knows none of its rooms: what the demo shows is what the INI text says.
//! The remote site has its own thread, its own sockets and no clock; it shares no code with the gateway's wire, so
//! that it is also an independent peer. Entry types: [`Options`], [`prepare`], [`Demo`], [`announce`].

mod options;

use std::io;
use std::path::PathBuf;

pub(crate) use options::{BadOption, HELP, Options};

/// A demo that is ready: the remote site runs until this is dropped, which also removes a temporary state folder.
pub(crate) struct Demo {
    /// The configuration for the gateway, complete, with every port filled in.
    pub(crate) ini: String,
    /// The same text as a file, in the state folder.
    pub(crate) file: PathBuf,
    pub(crate) state: PathBuf,
    /// What to open in a browser.
    pub(crate) address: String,
}

/// Starts the remote site and writes the configuration. The caller runs the gateway on it.
pub(crate) fn prepare(_options: &Options) -> io::Result<Demo> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What the terminal says once the gateway listens.
pub(crate) fn announce(demo: &Demo) -> String {
    format!("Open {}\n", demo.address)
}
