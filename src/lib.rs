//! Hafir: a caching gateway for thin links. Read `ARCHITECTURE.md` first; the rooms below are in the order of its arrows.

mod auth;
mod base;
mod board;
mod cache;
mod cli;
mod codings;
mod config;
mod content;
#[cfg(feature = "doors")]
#[doc(hidden)]
pub mod doors;
mod files;
mod gateway;
mod http;
mod ledger;
mod limits;
mod net;
mod observe;
mod portal;
mod routing;
mod transform;
mod upstream;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line (without the program's name) and gives the exit code.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    cli::run(arguments)
}
