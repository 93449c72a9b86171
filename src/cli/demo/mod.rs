//! `hafir demo`: a remote site behind a satellite link, played on loopback, and the configuration that puts the
//! ordinary gateway in front of it.
//!
//! Never handles a request of the gateway and knows none of its rooms: what the demo shows is what the INI text says.
//! The remote site has its own thread, its own sockets and no clock; it shares no code with the gateway's wire, so
//! that it is an independent peer too. Entry types: [`Options`], [`prepare`], [`Demo`], [`announce`].

mod control;
mod film;
mod ini;
mod link;
mod options;
mod pages;
mod pictures;
mod remote;
mod scene;
mod site;
mod wire;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::base::LinkRate;
use link::Link;
pub(super) use options::{BadOption, Options};
use remote::{Doors, Remote};

/// The gateway's port where none is asked for.
const PORT: u16 = 8080;
/// The configuration's name in the state folder.
const FILE: &str = "demo.ini";

/// A demo that is ready: the remote site runs until this is dropped, which also removes a temporary state folder.
pub(super) struct Demo {
    delay: Duration,
    rate: LinkRate,
    /// What to open in a browser.
    address: String,
    /// The configuration for the gateway, in the state folder.
    pub(super) file: PathBuf,
    state: PathBuf,
    temporary: bool,
    remote: Option<Remote>,
}

/// Starts the remote site and writes the configuration with every port filled in. The caller runs the gateway on the
/// file, and drops the demo when the gateway has ended.
pub(super) fn prepare(options: &Options) -> io::Result<Demo> {
    let gateway = gateway_address(options)?;
    // The same ports each time where possible: answers are kept under the upstream's address, and a state folder that
    // is given again should still know them.
    let doors = Doors { site: loopback(gateway.port(), 1)?, control: loopback(gateway.port(), 2)? };
    let (site, control) = doors.addresses()?;
    let admin = loopback(gateway.port(), 3)?.local_addr()?;

    let temporary = options.state.is_none();
    let state = state_folder(options.state.as_deref())?;
    let ini = ini::text(&ini::Places { gateway, site, control, admin });
    let file = state.join(FILE);
    std::fs::write(&file, &ini).map_err(|error| because(&file.display(), &error))?;

    let (delay, rate) = (options.delay, options.rate);
    let remote = Remote::start(doors, move || Link::new(delay, rate), control::start_page(&ini))?;
    Ok(Demo { delay, rate, address: address(gateway), file, state, temporary, remote: Some(remote) })
}

/// What the terminal says once the gateway listens.
pub(super) fn announce(demo: &Demo) -> String {
    let kept = if demo.temporary { "removed at the end; --state DIR keeps it" } else { "kept" };
    format!(
        "\nA remote site is behind a satellite link: {delay} ms there and back, {rate}.\n\
         Hafir stands in front of it.\n\n\
         \x20   Open   {address}\n\n\
         Load something twice, then cut the link on that page and load it again.\n\
         Configuration: {file}\n\
         Kept answers:  {state} ({kept})\n\
         Ctrl-C ends it.\n\n",
        delay = demo.delay.as_millis(),
        rate = demo.rate,
        address = demo.address,
        file = demo.file.display(),
        state = demo.state.display(),
    )
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.remote.take());
        if self.temporary {
            // What cannot be removed is in the system's folder for such things.
            let _ = std::fs::remove_dir_all(&self.state);
        }
    }
}

/// The port that is asked for, else the usual one, else any that is free. The gateway binds it right after.
fn gateway_address(options: &Options) -> io::Result<SocketAddr> {
    let bind = |port| TcpListener::bind((options.listen, port));
    let listener = match options.port {
        Some(port) => bind(port).map_err(|error| because(&SocketAddr::new(options.listen, port), &error))?,
        None => bind(PORT).or_else(|_| bind(0))?,
    };
    listener.local_addr()
}

/// A listener on loopback at `step` above a port, or on any free one.
fn loopback(port: u16, step: u16) -> io::Result<TcpListener> {
    let near = port.checked_add(step).ok_or(io::ErrorKind::AddrNotAvailable.into());
    near.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

fn state_folder(given: Option<&Path>) -> io::Result<PathBuf> {
    let folder = match given {
        Some(folder) => std::path::absolute(folder)?,
        None => temporary_folder(),
    };
    std::fs::create_dir_all(&folder).map_err(|error| because(&folder.display(), &error))?;
    Ok(folder)
}

fn temporary_folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hafir-demo-{}-{number}", std::process::id()))
}

fn because(what: &dyn fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// How a browser names the gateway. One that listens everywhere has a name that only its network knows.
fn address(gateway: SocketAddr) -> String {
    if gateway.ip().is_unspecified() {
        return format!("http://localhost:{0}/  (from elsewhere: http://THIS-MACHINE:{0}/)", gateway.port());
    }
    format!("http://{gateway}/")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn prepared() -> Demo {
        prepare(&Options { port: Some(0), ..Options::default() }).unwrap()
    }

    #[test]
    fn the_configuration_is_taken_without_a_word() {
        let demo = prepared();
        let loaded = crate::config::load(&demo.file).map_err(|problems| problems.lines()).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.config.gateway.state, demo.state);
        assert_eq!(loaded.config.routes.len(), 4);
    }

    #[test]
    fn a_demo_leaves_nothing_behind() {
        let demo = prepared();
        let said = announce(&demo);
        assert!(said.contains("600 ms there and back, 256 kbit/s") && said.contains(&demo.address), "{said}");
        let state = demo.state.clone();
        drop(demo);
        assert!(!state.exists());
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let refused = prepare(&Options { port: Some(address.port()), ..Options::default() }).err().unwrap();
        assert!(refused.to_string().starts_with(&address.to_string()), "{refused}");
    }

    #[test]
    fn the_start_page_shows_the_configuration_that_runs() {
        let demo = prepared();
        let ini = std::fs::read_to_string(&demo.file).unwrap();
        let control = ini.split("upstream = http://").last().unwrap().lines().next().unwrap();
        let mut stream = TcpStream::connect(control).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.contains(&ini) && !page.contains("{{ini}}"), "{page}");
    }
}
