//! The housekeeper: one thread of low priority for all that must happen from time to time and may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::key_files::KeyFiles;
use super::memory::Memory;
use super::witness::Witness;
use crate::gateway::{Gateway, Process, Scribe, keep_documents};

/// The longest pause between two rounds.
const ROUND: Duration = Duration::from_secs(5);
/// Certificates and memory are looked after every so many rounds.
const SLOW_ROUNDS: u32 = 6;

/// The thread, from outside.
pub(super) struct Keeper {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What the housekeeper sees of the configuration: the one in force.
pub(super) type Current = Arc<std::sync::Mutex<Arc<Gateway>>>;

impl Keeper {
    pub(super) fn start(process: Arc<Process>, current: Current, memory: Memory) -> std::io::Result<Keeper> {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::Builder::new().name("keeper".to_owned());
        let thread = thread.spawn(move || keep(&process, &current, memory, &told))?;
        Ok(Keeper { ends, thread })
    }

    /// Lets the last round end.
    pub(super) fn stop(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            log::error!("the housekeeper had died of a defect");
        }
    }
}

fn keep(process: &Process, current: &Current, mut memory: Memory, ends: &AtomicBool) {
    // Where the priority cannot be lowered, housekeeping is only less polite.
    let _ = rustix::process::nice(5);
    let mut rounds: u32 = 0;
    let mut scribe = Scribe::default();
    let mut key_files = KeyFiles::default();
    let witness = Witness::of_environment();
    while !ends.load(Ordering::Relaxed) {
        witness.look(&process.clock);
        let pause = process.cache.maintain(process.clock.now());
        process.upstreams.sweep();
        let gateway = in_force(current);
        key_files.read(&gateway.config.jwt, process);
        keep_documents(process);
        if rounds.is_multiple_of(SLOW_ROUNDS) {
            look_after_certificates(current);
            remember(process, &mut memory);
            settle(process);
        }
        rounds = rounds.wrapping_add(1);
        let counts = scribe.keep(process).unwrap_or(ROUND);
        std::thread::park_timeout(pause.min(ROUND).min(counts));
    }
    scribe.finish(process);
    keep_documents(process);
    remember(process, &mut memory);
    settle(process);
}

/// What was written without haste is on the card from here on.
fn settle(process: &Process) {
    if let Err(cause) = process.ledger.settle() {
        log::debug!("the ledger cannot be brought to the card: {cause}");
    }
}

fn in_force(current: &Current) -> Arc<Gateway> {
    current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

fn look_after_certificates(current: &Current) {
    if let Some(front) = &in_force(current).tls {
        let (changed, problems) = front.reload_if_changed();
        if changed {
            log::info!("certificates were read anew");
        }
        problems.iter().for_each(|problem| log::error!("{problem}"));
    }
}

fn remember(process: &Process, memory: &mut Memory) {
    let now = process.clock.now();
    if now.sure {
        memory.keep(now, process.upstreams.names().export());
    }
}
