//! The gateway between real software: servers behind it, clients before it, each with an instance of its own.
//!
//! Where a program is missing its test says so and does nothing; in `scripts/test` that is a failure.

mod async_h1_peers;
mod clients;
mod kiwix;
mod nginx;
mod oidc;
mod python;
mod secure;
mod tokens;
mod websocket;

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::harness::{loopback, skipped, spawn, until};

/// A program that runs beside a test and ends with it.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, port: u16) -> Server {
        // A group of its own, so that what it starts ends with it.
        let child = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawn(child).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        until(&format!("{command:?} to listen on port {port}"), || {
            let ended = child.try_wait().expect("the state of a child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            TcpStream::connect(loopback(port)).is_ok()
        });
        Server { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn stop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")).expect("not zero");
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether all these programs are there; a test that gets `false` returns.
pub(crate) fn have(programs: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let missing: Vec<&&str> =
        programs.iter().filter(|name| !path.split(':').any(|folder| Path::new(folder).join(name).is_file())).collect();
    if !missing.is_empty() {
        skipped(&format!("not installed here: {missing:?}"));
    }
    missing.is_empty()
}

/// A program by its name, in the folders of administrators too.
pub(crate) fn program(name: &str) -> Command {
    let place = ["/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    place.map_or_else(|| Command::new(name), Command::new)
}

/// Runs a program to its good end.
pub(crate) fn run(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn(child).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let output = child.wait_with_output().expect("what it said");
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
