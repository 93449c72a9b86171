use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{find, free_port, loopback};

/// An origin of large files that knows ranges, behind a link of its own whose speed, length of life and bytes are the
/// test's to set and to count. `/N` is a file made from the number N, all of the same length.
pub(crate) struct FilmOrigin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    length: usize,
    /// Of all connections together, in bytes a second; zero: as fast as it goes.
    rate: u64,
    fields: Vec<String>,
    /// Counts the versions of the files.
    version: AtomicU32,
    /// Whether `Range` is understood.
    ranges: AtomicBool,
    /// Body bytes after which each connection breaks; zero: never.
    breaks_after: AtomicU64,
    /// Body bytes in all after which no answer brings any more; zero: never.
    ends_after: AtomicU64,
    sent: AtomicU64,
    requests: AtomicUsize,
    heads: Mutex<Vec<String>>,
    /// The files that were asked for, by number and version.
    bodies: Mutex<Bodies>,
    /// When the link is free again.
    free_at: Mutex<Instant>,
    stopping: AtomicBool,
}

type Bodies = HashMap<(u32, u32), Arc<Vec<u8>>>;

/// One step on the link.
const STEP: usize = 8 << 10;

impl FilmOrigin {
    /// `rate` in bytes a second, zero: as fast as it goes. `fields` are lines without their ends.
    pub(crate) fn new(length: usize, rate: u64, fields: &[&str]) -> FilmOrigin {
        let shared = Arc::new(Shared {
            length,
            rate,
            fields: fields.iter().map(|line| (*line).to_owned()).collect(),
            version: AtomicU32::new(1),
            ranges: AtomicBool::new(true),
            breaks_after: AtomicU64::new(0),
            ends_after: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            heads: Mutex::default(),
            bodies: Mutex::default(),
            free_at: Mutex::new(Instant::now()),
            stopping: AtomicBool::new(false),
        });
        let mut origin = FilmOrigin { address: loopback(free_port()), shared, accepting: None };
        origin.start();
        origin
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bytes of `/number` in its present version.
    pub(crate) fn body(&self, number: u32) -> Arc<Vec<u8>> {
        self.shared.body(number)
    }

    /// Body bytes that went over the link.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on each answer breaks off after so many bytes of its body; zero: never.
    pub(crate) fn break_after(&self, bytes: u64) {
        self.shared.breaks_after.store(bytes, Ordering::SeqCst);
    }

    /// From so many bytes of bodies in all on, each answer breaks off before its body; zero: never.
    pub(crate) fn end_after(&self, bytes: u64) {
        self.shared.ends_after.store(bytes, Ordering::SeqCst);
    }

    /// From now on the files are others.
    pub(crate) fn change(&self) {
        self.shared.version.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn without_ranges(self) -> FilmOrigin {
        self.shared.ranges.store(false, Ordering::SeqCst);
        self
    }

    /// The link is gone: connections break, new ones are refused.
    pub(crate) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }

    pub(crate) fn start(&mut self) {
        self.shared.stopping.store(false, Ordering::SeqCst);
        let listener = TcpListener::bind(self.address).expect("the origin's port");
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        }));
    }
}

impl Drop for FilmOrigin {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn body(&self, number: u32) -> Arc<Vec<u8>> {
        let version = self.version.load(Ordering::SeqCst);
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(super::pattern(self.length, number.wrapping_mul(31).wrapping_add(version)));
        Arc::clone(bodies.entry((number, version)).or_insert_with(made))
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut kept = Vec::new();
        while let Some(head) = read_head(&mut stream, &mut kept) {
            if self.answer(&mut stream, &head).is_none() {
                return;
            }
        }
    }

    fn answer(&self, stream: &mut TcpStream, head: &str) -> Option<()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.to_owned());
        let number = head.split(' ').nth(1)?.trim_start_matches('/').parse().ok()?;
        let tag = format!("\"{number}-{}\"", self.version.load(Ordering::SeqCst));
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
            lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let own = self.fields.join("\r\n") + if self.fields.is_empty() { "" } else { "\r\n" };
        let date = super::http_date(0);
        if field("if-none-match") == Some(&tag) {
            let head = format!("HTTP/1.1 304 Not Modified\r\nDate: {date}\r\nETag: {tag}\r\n{own}\r\n");
            return stream.write_all(head.as_bytes()).ok();
        }
        let applies = self.ranges.load(Ordering::SeqCst) && field("if-range").is_none_or(|have| have == tag);
        let wanted = field("range").filter(|_| applies).and_then(|range| resolve(range, self.length));
        let (status, first, end, extra) = match wanted {
            None => ("200 OK", 0, self.length, String::new()),
            Some((first, last)) if first < self.length => {
                let extra = format!("Content-Range: bytes {first}-{last}/{}\r\n", self.length);
                ("206 Partial Content", first, last + 1, extra)
            }
            Some(_) => ("416 Range Not Satisfiable", 0, 0, format!("Content-Range: bytes */{}\r\n", self.length)),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nETag: {tag}\r\nContent-Length: {}\r\nContent-Type: video/mp4\r\n{extra}{own}\r\n",
            end - first
        );
        stream.write_all(head.as_bytes()).ok()?;
        self.send(stream, self.body(number).get(first..end)?)
    }

    /// Sends over the link, as slowly as that is.
    fn send(&self, stream: &mut TcpStream, body: &[u8]) -> Option<()> {
        let breaks_after = self.breaks_after.load(Ordering::SeqCst);
        let mut here = 0;
        for piece in body.chunks(STEP) {
            let ends_after = self.ends_after.load(Ordering::SeqCst);
            let over = ends_after > 0 && self.sent.load(Ordering::SeqCst) >= ends_after;
            if over || self.stopping.load(Ordering::SeqCst) || (breaks_after > 0 && here >= breaks_after) {
                return None;
            }
            self.wait_for_link(piece.len() as u64);
            stream.write_all(piece).ok()?;
            self.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
            here += piece.len() as u64;
        }
        Some(())
    }

    fn wait_for_link(&self, bytes: u64) {
        if self.rate == 0 {
            return;
        }
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (*free_at).max(Instant::now());
        *free_at = begin + Duration::from_micros(bytes * 1_000_000 / self.rate);
        let until = *free_at;
        drop(free_at);
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

/// First and last byte of the one range.
fn resolve(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some((length.saturating_sub(suffix), length - 1));
    }
    let last = if last.is_empty() { length - 1 } else { last.parse::<usize>().ok()?.min(length - 1) };
    Some((first.parse().ok()?, last))
}

fn read_head(stream: &mut TcpStream, kept: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = find(kept, b"\r\n\r\n") {
            let head = kept.drain(..at + 4).collect();
            return String::from_utf8(head).ok();
        }
        let mut space = [0; 4096];
        let length = stream.read(&mut space).ok().filter(|length| *length > 0)?;
        kept.extend_from_slice(&space[..length]);
    }
}
