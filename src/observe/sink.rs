//! Where access log lines go: a bounded buffer, and one thread that writes it out.
//!
//! Lines are written together, at most a second late, because each write of its own would cost the card a block.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::observer::Style;
use crate::config::{LogConfig, LogTarget};

/// What waits to be written: about a thousand lines, so that a card that pauses for a second loses none.
const BUFFER: usize = 256 << 10;

/// From here on the writer does not wait for more.
const ENOUGH: usize = BUFFER / 2;

/// How long a line may wait for others.
const LATENCY: Duration = Duration::from_secs(1);

/// Dropping it writes out what is left.
pub(super) struct Sink {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    /// Guards the buffer and what the writer is asked to do. Held to copy a line, never to write one out.
    state: Mutex<State>,
    /// Tells the writer that there is something to do.
    work: Condvar,
    /// Tells those who wait in [`Sink::flush`] that it is done.
    done: Condvar,
    dropped: AtomicU64,
    /// [`Style::code`], to be read by every exchange without a lock.
    style: AtomicU8,
}

#[derive(Default)]
struct State {
    filled: Vec<u8>,
    /// A new place to write to.
    change: Option<Place>,
    flushes_asked: u64,
    flushes_done: u64,
    stop: bool,
}

impl Sink {
    pub(super) fn start(config: &LogConfig) -> Sink {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            dropped: AtomicU64::new(0),
            style: AtomicU8::new(Style::code(Style::of(config))),
        });
        let (theirs, place) = (Arc::clone(&shared), Place::of(config));
        let writer = std::thread::Builder::new().name("access-log".into()).spawn(move || theirs.write_out(place));
        if let Err(error) = &writer {
            log::error!("the access log is off: its thread could not be started: {error}");
            shared.style.store(Style::code(None), Relaxed);
        }
        Sink { shared, writer: writer.ok() }
    }

    pub(super) fn reconfigure(&self, config: &LogConfig) {
        let style = Style::of(config).filter(|_| self.writer.is_some());
        self.shared.style.store(Style::code(style), Relaxed);
        self.shared.lock().change = Some(Place::of(config));
        self.shared.work.notify_one();
    }

    /// How lines are to be written; nothing where they are not.
    pub(super) fn style(&self) -> Option<Style> {
        Style::from_code(self.shared.style.load(Relaxed))
    }

    /// Takes one line with its end. Never waits for the card: a line that finds no room is lost and counted.
    pub(super) fn append(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        let before = state.filled.len();
        if before + line.len() > BUFFER {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        state.filled.extend_from_slice(line);
        let crossed = |mark: usize| before < mark && before + line.len() >= mark;
        if crossed(1) || crossed(ENOUGH) {
            self.shared.work.notify_one();
        }
    }

    /// Lines that were lost: no room, or the place could not be written to.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }

    /// Waits until everything appended before is written out.
    pub(super) fn flush(&self) {
        if self.writer.is_none() {
            return;
        }
        let mut state = self.shared.lock();
        state.flushes_asked += 1;
        let mine = state.flushes_asked;
        self.shared.work.notify_one();
        let waiting = self.shared.done.wait_while(state, |state| state.flushes_done < mine && !state.stop);
        drop(waiting);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer thread.
    fn write_out(&self, mut place: Place) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.next_work();
            let (flush, stop) = (state.flushes_asked, state.stop);
            let change = state.change.take();
            std::mem::swap(&mut state.filled, &mut lines);
            drop(state);
            self.dropped.fetch_add(place.write(&lines), Relaxed);
            lines.clear();
            place = change.unwrap_or(place);
            self.lock().flushes_done = flush;
            self.done.notify_all();
            if stop {
                return;
            }
        }
    }

    /// Waits for a line, then for more of them, up to [`ENOUGH`] or for [`LATENCY`].
    fn next_work(&self) -> MutexGuard<'_, State> {
        let state = self.work.wait_while(self.lock(), |state| state.filled.is_empty() && !state.is_urgent());
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let lasting = |state: &mut State| state.filled.len() < ENOUGH && !state.is_urgent();
        let waited = self.work.wait_timeout_while(state, LATENCY, lasting);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn is_urgent(&self) -> bool {
        self.stop || self.change.is_some() || self.flushes_done < self.flushes_asked
    }
}

/// Where lines are written.
enum Place {
    Nowhere,
    Stderr,
    File(LogFile),
}

impl Place {
    fn of(config: &LogConfig) -> Place {
        match &config.access {
            LogTarget::Off => Place::Nowhere,
            LogTarget::Stderr => Place::Stderr,
            LogTarget::File(path) => Place::File(LogFile::new(path.clone(), config.size.as_u64())),
        }
    }

    /// Gives the number of lines that were lost.
    fn write(&mut self, lines: &[u8]) -> u64 {
        if lines.is_empty() {
            return 0;
        }
        match self {
            Place::Nowhere => 0,
            Place::Stderr => io::stderr().write_all(lines).map_or_else(|_| count(lines), |()| 0),
            Place::File(file) => file.write(lines),
        }
    }
}

/// A log file that is renamed to `NAME.1` when it is full. Opened at the first line, and again after a failure, as it may
/// be on a stick that comes back.
struct LogFile {
    path: PathBuf,
    /// Bytes; zero: no limit.
    limit: u64,
    open: Option<(File, u64)>,
    /// Said once, until it works again.
    failing: bool,
}

impl LogFile {
    fn new(path: PathBuf, limit: u64) -> LogFile {
        LogFile { path, limit, open: None, failing: false }
    }

    fn write(&mut self, mut lines: &[u8]) -> u64 {
        while !lines.is_empty() {
            match self.write_some(lines) {
                Ok(written) => lines = lines.get(written..).unwrap_or_default(),
                Err(error) => {
                    if !self.failing {
                        log::error!("the access log '{}' cannot be written: {error}", self.path.display());
                    }
                    self.failing = true;
                    self.open = None;
                    return count(lines);
                }
            }
        }
        self.failing = false;
        0
    }

    /// Writes as many whole lines as the file has room for; at least one, into a new file if need be.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        let (mut file, size) = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        let room = if self.limit == 0 { u64::MAX } else { self.limit.saturating_sub(size) };
        let fitting = whole_lines(lines, usize::try_from(room).unwrap_or(usize::MAX));
        if fitting == 0 && size > 0 {
            drop(file);
            std::fs::rename(&self.path, numbered(&self.path))?;
            return Ok(0);
        }
        let taken = if fitting == 0 { first_line(lines) } else { fitting };
        let taken_bytes = lines.get(..taken).unwrap_or_default();
        file.write_all(taken_bytes)?;
        self.open = Some((file, size.saturating_add(taken_bytes.len() as u64)));
        Ok(taken)
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    // Who visited what is nobody's business but the operator's.
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn numbered(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// The length of the whole lines within the first `room` bytes.
fn whole_lines(lines: &[u8], room: usize) -> usize {
    let within = lines.get(..room).unwrap_or(lines);
    within.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn first_line(lines: &[u8]) -> usize {
    lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1)
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Size;
    use std::sync::atomic::AtomicU32;

    /// A folder of its own for a test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("hafir-sink-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn config(&self, size: u64) -> LogConfig {
            let access = LogTarget::File(self.0.join("access.log"));
            LogConfig { access, size: Size::bytes(size), ..LogConfig::default() }
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.0.join(name)).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn lines_are_written_when_flushed_and_at_the_end() {
        let folder = Folder::new();
        let sink = Sink::start(&folder.config(0));
        sink.append(b"one\n");
        sink.flush();
        assert_eq!(folder.read("access.log"), "one\n");
        sink.append(b"two\n");
        drop(sink);
        assert_eq!(folder.read("access.log"), "one\ntwo\n");
    }

    #[test]
    fn a_full_file_is_renamed_and_begun_again() {
        let folder = Folder::new();
        let sink = Sink::start(&folder.config(12));
        for line in [&b"line1\n"[..], b"line2\n", b"line3\n", b"a line that is longer than the file\n", b"line5\n"] {
            sink.append(line);
        }
        sink.flush();
        assert_eq!(folder.read("access.log.1"), "a line that is longer than the file\n");
        assert_eq!(folder.read("access.log"), "line5\n");
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn the_buffer_is_bounded() {
        let folder = Folder::new();
        let sink = Sink::start(&folder.config(0));
        let mut long = vec![b'x'; BUFFER];
        long.push(b'\n');
        sink.append(&long);
        sink.append(b"short\n");
        sink.flush();
        assert_eq!((folder.read("access.log").as_str(), sink.dropped()), ("short\n", 1));
    }

    #[test]
    fn a_place_that_cannot_be_written_costs_lines_only() {
        let folder = Folder::new();
        let mut config = folder.config(0);
        config.access = LogTarget::File(folder.0.join("missing/access.log"));
        let sink = Sink::start(&config);
        sink.append(b"lost\nlost too\n");
        sink.flush();
        assert_eq!(sink.dropped(), 2);
        std::fs::create_dir(folder.0.join("missing")).unwrap();
        sink.append(b"kept\n");
        sink.flush();
        assert_eq!(folder.read("missing/access.log"), "kept\n");
    }

    #[test]
    fn a_reload_changes_the_place_of_later_lines() {
        let folder = Folder::new();
        let sink = Sink::start(&folder.config(0));
        sink.append(b"one\n");
        sink.flush();
        let mut other = folder.config(0);
        other.access = LogTarget::File(folder.0.join("other.log"));
        sink.reconfigure(&other);
        sink.flush();
        sink.append(b"two\n");
        sink.flush();
        assert_eq!((folder.read("access.log").as_str(), folder.read("other.log").as_str()), ("one\n", "two\n"));
        sink.reconfigure(&LogConfig::default());
        assert_eq!(sink.style(), None);
    }
}
