//! The stage the socket tests play on: a gateway process, scripted origins, and clients that speak raw bytes.
//!
//! Nothing here waits for a time: everything waits for a condition, and gives up loudly after [`PATIENCE`].

mod answer;
mod client;
mod film;
mod folder;
mod gateway;
mod origin;
pub(crate) mod pki;
mod tls;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use answer::{Answer, http_date};
pub(crate) use client::{Client, End, Response};
pub(crate) use film::FilmOrigin;
pub(crate) use folder::Folder;
pub(crate) use gateway::{Gateway, Setup, hafir};
pub(crate) use origin::{Origin, Seen};
pub(crate) use tls::Authority;

/// How long anything may take before a test calls it missing. Long, because the machine may be busy with a build.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Between `fork` and `exec` a child holds copies of all sockets: a port that was just let go is still taken. Held while
/// a child is started, and while a port is tried.
static SPAWNING: Mutex<()> = Mutex::new(());

pub(crate) fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let _nobody_binds = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// A port nobody listens on. Taken from below the range of ports that outgoing connections get, each only once.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let _ = NEXT.compare_exchange(
        0,
        1 + (std::process::id().wrapping_mul(7919) ^ nanos) % COUNT,
        Ordering::Relaxed,
        Ordering::Relaxed,
    );
    loop {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(port).expect("below 65536");
        let _nobody_spawns = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Holds threads back until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// True when it was opened in time.
    pub(crate) fn wait(&self) -> bool {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, _) =
            self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        *open
    }
}

/// Says that a test could not do its work here. In `scripts/test` everything is there, and then it is a failure.
#[allow(clippy::print_stderr)] // the test report is where people look
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("HAFIR_INTEROP").is_none(), "this must not be skipped here: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Bytes that differ from place to place, so that a shifted or repeated piece is noticed.
pub(crate) fn pattern(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            b'a' + u8::try_from(state % 26).expect("below 26")
        })
        .collect()
}

/// Bytes as a test report can show them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let cut = bytes.get(..MOST).unwrap_or(bytes);
    let more = if bytes.len() > MOST { format!("… ({} bytes)", bytes.len()) } else { String::new() };
    format!("{}{more}", cut.escape_ascii())
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
