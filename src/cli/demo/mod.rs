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

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::base::LinkRate;
use link::Link;
pub(crate) use options::{BadOption, Options};
use remote::{Doors, Remote};

/// The gateway's port where none is asked for.
const PORT: u16 = 8080;
/// The configuration's name in the state folder.
const FILE: &str = "demo.ini";

/// A demo that is ready: the remote site runs until this is dropped, which also removes a temporary state folder.
pub(crate) struct Demo {
    /// The configuration for the gateway, complete, with every port filled in.
    pub(crate) ini: String,
    /// The same text as a file, in the state folder.
    pub(crate) file: PathBuf,
    pub(crate) state: PathBuf,
    /// What to open in a browser.
    pub(crate) address: String,
    delay: Duration,
    rate: LinkRate,
    temporary: bool,
    remote: Option<Remote>,
}

/// Starts the remote site and writes the configuration. The caller runs the gateway on it, and drops the demo when
/// the gateway has ended.
pub(crate) fn prepare(options: &Options) -> io::Result<Demo> {
    let doors_wanted = options.port.unwrap_or(PORT);
    let gateway = SocketAddr::new(options.listen, options.port.map_or_else(|| free_port(options.listen), Ok)?);
    // The same ports each time where possible: answers are kept under the upstream's address, and a state folder that
    // is given again should still know them.
    let doors = Doors { site: loopback(doors_wanted, 1)?, control: loopback(doors_wanted, 2)? };
    let (site, control) = doors.addresses()?;
    let admin = loopback(doors_wanted, 3)?.local_addr()?;

    let temporary = options.state.is_none();
    let state = state_folder(options.state.as_deref())?;
    let ini = ini::text(&ini::Places { gateway, site, control, admin, state: &state });
    let file = state.join(FILE);
    std::fs::write(&file, &ini).map_err(|error| because(&file, &error))?;

    let (delay, rate) = (options.delay, options.rate);
    let remote = Remote::start(doors, move || Link::new(delay, rate), control::start_page(&ini))?;
    Ok(Demo { ini, file, state, address: address(gateway), delay, rate, temporary, remote: Some(remote) })
}

/// What the terminal says once the gateway listens.
pub(crate) fn announce(demo: &Demo) -> String {
    let kept = if demo.temporary { "removed at the end; --state DIR keeps it" } else { "kept" };
    format!(
        "\nA remote site is behind a satellite link: {delay} ms there and back, {rate}.\n\
         Hafir stands in front of it.\n\n\
         \x20   Open   {address}\n\n\
         Load something twice, then cut the link on that page and load it again.\n\
         Configuration: {file}\n\
         Kept answers:  {state} ({kept})\n\
         Ctrl-C ends it.\n",
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

/// The usual port, or any other where it is taken. The gateway binds it right after.
fn free_port(listen: IpAddr) -> io::Result<u16> {
    let listener = TcpListener::bind((listen, PORT)).or_else(|_| TcpListener::bind((listen, 0)))?;
    Ok(listener.local_addr()?.port())
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
    std::fs::create_dir_all(&folder).map_err(|error| because(&folder, &error))?;
    Ok(folder)
}

fn temporary_folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hafir-demo-{}-{number}", std::process::id()))
}

fn because(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
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
    fn a_demo_is_complete_and_leaves_nothing_behind() {
        let demo = prepared();
        assert_eq!(std::fs::read_to_string(&demo.file).unwrap(), demo.ini);
        assert!(announce(&demo).contains("600 ms there and back, 256 kbit/s"), "{}", announce(&demo));
        let state = demo.state.clone();
        drop(demo);
        assert!(!state.exists());
    }

    #[test]
    fn the_start_page_shows_the_configuration_that_runs() {
        let demo = prepared();
        let control = demo.ini.split("upstream = http://").last().unwrap().lines().next().unwrap();
        let mut stream = TcpStream::connect(control).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.contains(&demo.ini) && !page.contains("{{ini}}"), "{page}");
    }
}
