//! The control socket: how commands on the same machine ask the running gateway to change something. It lies in the
//! state folder, belongs to the gateway's account, and takes one question at a time: a line of JSON, answered by one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use miniserde::{Deserialize, Serialize, json};
use rustix::process::geteuid;

use super::{cache, key, usage};
use crate::gateway::Process;

const NAME: &str = "control.sock";
/// Keys and tags are bounded by the length of a request's target; a question holds some of them.
const LONGEST_LINE: u64 = 1 << 20;
/// A command writes its question at once.
const QUESTION: Duration = Duration::from_secs(5);
/// What is asked may have to wait for a slow card.
const ANSWER: Duration = Duration::from_secs(60);

/// What is asked of the running gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Question {
    /// The command: `cache purge`.
    pub(super) ask: String,
    pub(super) texts: Vec<String>,
    pub(super) hard: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Why it was not done, in a sentence.
    pub(super) problem: Option<String>,
    /// What else is to be said.
    pub(super) note: Option<String>,
    /// Numbers, as their names say.
    pub(super) counts: BTreeMap<String, u64>,
}

/// Why nobody answered.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// No gateway runs on this state folder.
    NobodyThere,
    /// The socket belongs to another account.
    Forbidden(PathBuf),
    Io(io::Error),
}

impl Answer {
    /// It is done.
    pub(super) fn done() -> Answer {
        Answer { problem: None, note: None, counts: BTreeMap::new() }
    }

    pub(super) fn problem(why: impl Into<String>) -> Answer {
        Answer { problem: Some(why.into()), ..Answer::done() }
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unanswered::NobodyThere => f.write_str("no gateway runs here"),
            Unanswered::Forbidden(path) => {
                write!(f, "{} belongs to the gateway's account: run this as that account, or as root", path.display())
            }
            Unanswered::Io(cause) => write!(f, "the running gateway does not answer: {cause}"),
        }
    }
}

/// Asks the gateway that runs on this state folder.
pub(super) fn ask(state: &Path, question: &Question) -> Result<Answer, Unanswered> {
    let path = state.join(NAME);
    let mut stream = UnixStream::connect(&path).map_err(|cause| match cause.kind() {
        // A folder whose name is too long for a socket has none; the store's lock tells whether a gateway runs.
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput => {
            Unanswered::NobodyThere
        }
        io::ErrorKind::PermissionDenied => Unanswered::Forbidden(path),
        _ => Unanswered::Io(cause),
    })?;
    let exchange = || -> io::Result<Answer> {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(QUESTION))?;
        stream.write_all(format!("{}\n", json::to_string(question)).as_bytes())?;
        let line = read_line(&stream)?;
        let other = || io::Error::other("another version of hafir may be running");
        json::from_str(&line).map_err(|miniserde::Error| other())
    };
    let mut exchange = exchange;
    exchange().map_err(Unanswered::Io)
}

/// The socket, from the side of the gateway.
pub(super) struct Control {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Control {
    /// Without a socket the gateway serves all the same; the log says why there is none.
    pub(super) fn start(state: &Path, process: &Arc<Process>) -> Option<Control> {
        let path = state.join(NAME);
        let control = bind(&path).and_then(|listener| {
            let ends = Arc::new(AtomicBool::new(false));
            let (told, process) = (Arc::clone(&ends), Arc::clone(process));
            let thread = std::thread::Builder::new().name("control".to_owned());
            let thread = thread.spawn(move || serve(&listener, &process, &told))?;
            Ok(Control { path: path.clone(), ends, thread })
        });
        control
            .map_err(|cause| {
                log::warn!("{}: {cause}; 'hafir cache' and 'hafir key' cannot change anything", path.display())
            })
            .ok()
    }

    /// Lets the answer that is being given come to its end.
    pub(super) fn stop(self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread; where that fails it has ended already.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = fs::remove_file(&self.path);
        if woken && self.thread.join().is_err() {
            log::error!("the thread of the control socket had died of a defect");
        }
    }
}

/// A socket that an earlier run left is in the way and goes; one that answers is another gateway's.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::other("another gateway runs on this state folder"));
    }
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(listener: &UnixListener, process: &Arc<Process>, ends: &AtomicBool) {
    for stream in listener.incoming() {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let served = stream.and_then(|stream| answer(&stream, process));
        if let Err(cause) = served {
            log::debug!("a question at the control socket: {cause}");
        }
    }
}

fn answer(mut stream: &UnixStream, process: &Process) -> io::Result<()> {
    stream.set_read_timeout(Some(QUESTION))?;
    stream.set_write_timeout(Some(QUESTION))?;
    // The file's mode says the same, but it is set a moment after the socket is there.
    let asker = rustix::net::sockopt::socket_peercred(stream)?.uid;
    if !asker.is_root() && asker != geteuid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let line = read_line(stream)?;
    let answer = match json::from_str::<Question>(&line) {
        Ok(question) => obey(&question, process),
        Err(miniserde::Error) => Answer::problem("the question was not understood: another version of hafir runs here"),
    };
    stream.write_all(format!("{}\n", json::to_string(&answer)).as_bytes())
}

fn obey(question: &Question, process: &Process) -> Answer {
    match question.ask.split_once(' ') {
        Some(("cache", what)) => cache::obey(what, question, &process.cache),
        Some(("key", what)) => {
            let keys = key::Keys { ledger: &process.ledger, ring: &process.keys, now: process.clock.now() };
            key::obey(what, question, &keys)
        }
        Some(("usage", what)) => usage::obey(what, question, &process.quotas, process.clock.now()),
        Some(_) | None => Answer::problem(format!("the running gateway does not know '{}'", question.ask)),
    }
}

fn read_line(stream: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
