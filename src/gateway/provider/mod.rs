//! The gateway's own questions to identity providers: keys in the background, tokens while a request waits.
//!
//! Start-up never waits for a provider, and a request only for so long. What an answer means is decided in `auth`.

mod question;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::Event;
use smol::LocalExecutor;

use self::question::{Question, ask};
use super::{Process, Worker};
use crate::auth::{Errand, TokenProblem, Tokens};
use crate::base::Now;
use crate::ledger::{Durability, Ledger, Table};
use crate::net::within;
use crate::upstream::Group;

/// Between two looks whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// For the fetching of a document, from the connection to the last byte: it is nobody's waiting time.
const ERRAND_SPAN: Duration = Duration::from_secs(30);
/// For a question about a token: somebody waits.
const ENQUIRY_SPAN: Duration = Duration::from_secs(5);
/// How long a request waits for the keys that its token was signed with.
const KEYS_PATIENCE: Duration = Duration::from_secs(2);

/// Ways to providers that are held. Few gateways ask more than one or two.
const GROUPS: usize = 8;

/// What is under way with providers.
pub(crate) struct Providers {
    /// Whether a worker looks after the errands.
    attended: AtomicBool,
    /// Errands under way.
    errands: AtomicUsize,
    /// Somebody wants keys sooner than at the next look.
    wanted: Event,
    /// An errand or an enquiry has ended.
    ended: Event,
    /// Guards the texts that are being asked about, as hashes. Not held while waiting; as many as requests wait.
    asking: Mutex<HashSet<u64>>,
    hasher: RandomState,
    /// Guards the ways to providers that were asked lately, so that their connections are kept. The newest come last.
    groups: Mutex<Vec<Arc<Group>>>,
}

impl Default for Providers {
    fn default() -> Providers {
        Providers {
            attended: AtomicBool::new(false),
            errands: AtomicUsize::new(0),
            wanted: Event::new(),
            ended: Event::new(),
            asking: Mutex::default(),
            hasher: RandomState::new(),
            groups: Mutex::default(),
        }
    }
}

impl Providers {
    /// Keeps the connections of the last few providers open between two questions.
    fn hold(&self, group: &Arc<Group>) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.push(Arc::clone(group));
        if groups.len() > GROUPS {
            groups.remove(0);
        }
    }
}

/// Takes the keys that an earlier process fetched. What was wrong, in a sentence.
pub(super) fn restore(tokens: &Tokens, ledger: &Ledger, now: Now) -> Option<String> {
    match ledger.all(Table::Documents) {
        Ok(documents) => {
            // One whose section is gone, or that is too old, is of no use; that is no problem.
            for (name, bytes) in &documents {
                let _of_use = tokens.restore(name, bytes, now);
            }
            None
        }
        Err(cause) => Some(format!("the keys of providers that were kept cannot be read: {cause}")),
    }
}

/// Brings to the card what was fetched. May block.
pub(crate) fn keep(process: &Process) {
    let documents = process.tokens.to_keep();
    if documents.is_empty() {
        return;
    }
    let changes: Vec<_> = documents.iter().map(|(name, bytes)| (name.as_str(), Some(bytes.as_slice()))).collect();
    if let Err(cause) = process.ledger.write(Table::Documents, &changes, Durability::Soon) {
        log::error!("keys of a provider cannot be kept, a restart would have to fetch them: {cause}");
    }
}

/// Sees to the errands, on the first worker that comes; never ends. Dropped, it gives up what is under way, so that
/// nothing of the process outlives its workers.
pub(crate) async fn attend(worker: &Rc<Worker>) {
    let process = &worker.process;
    if process.providers.attended.swap(true, Ordering::AcqRel) {
        return std::future::pending().await;
    }
    let _attending = Attending(process);
    let errands = LocalExecutor::new();
    let attending = async {
        loop {
            let wanted = process.providers.wanted.listen();
            // One at a time for each section, so that there are no more tasks than sections.
            for errand in process.tokens.due(process.clock.mono()) {
                let under_way = UnderWay::new(process);
                errands.spawn(async move { run(&under_way.process, &errand).await }).detach();
            }
            // Whether somebody called or the time is up: look.
            let _ = within(LOOK, wanted).await;
        }
    };
    errands.run(attending).await
}

/// The one who sees to the errands. `Drop` lets another one do it.
struct Attending<'p>(&'p Process);

impl Drop for Attending<'_> {
    fn drop(&mut self) {
        self.0.providers.attended.store(false, Ordering::Release);
    }
}

async fn run(process: &Process, errand: &Errand) {
    let question =
        Question { url: &errand.url, ca: errand.ca.as_deref(), form: None, authorization: None, span: ERRAND_SPAN };
    let answer = match ask(process, &question).await {
        Ok((200, body)) => Ok(body),
        Ok((status, _)) => Err(format!("the provider answered {status}")),
        Err(why) => Err(why),
    };
    if let Err(why) = &answer {
        log::warn!("[jwt {}] {} cannot be fetched: {why}", errand.name, errand.url);
    }
    let body = answer.as_deref().map_err(Clone::clone);
    process.tokens.fetched(errand, body, process.clock.now());
    // Discovery tells where the keys are, and they are due at once.
    process.providers.wanted.notify(usize::MAX);
}

/// An errand under way. `Drop` tells those who wait.
struct UnderWay {
    process: Arc<Process>,
}

impl UnderWay {
    fn new(process: &Arc<Process>) -> UnderWay {
        process.providers.errands.fetch_add(1, Ordering::AcqRel);
        UnderWay { process: Arc::clone(process) }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.process.providers.errands.fetch_sub(1, Ordering::AcqRel);
        self.process.providers.ended.notify(usize::MAX);
    }
}

/// Waits until what is due was fetched, but not for long. All who want it wait for the same; how often a provider is
/// asked is for `auth` to say.
pub(super) async fn refresh(worker: &Worker) {
    let _ = within(KEYS_PATIENCE, std::pin::pin!(settled(&worker.process))).await;
}

async fn settled(process: &Process) {
    let providers = &process.providers;
    loop {
        let ended = providers.ended.listen();
        let now = process.clock.mono();
        let is_due = process.tokens.next_due().is_some_and(|due| due <= now);
        if !is_due && providers.errands.load(Ordering::Acquire) == 0 {
            return;
        }
        providers.wanted.notify(usize::MAX);
        ended.await;
    }
}

/// Asks the provider about a token. Requests with the same one ask once.
pub(super) async fn introspect(worker: &Worker, text: &str, sections: &[String]) {
    let _ = within(ENQUIRY_SPAN, std::pin::pin!(told(&worker.process, text, sections))).await;
}

async fn told(process: &Process, text: &str, sections: &[String]) {
    let hash = process.providers.hasher.hash_one((text, sections));
    loop {
        let ended = process.providers.ended.listen();
        if let Some(turn) = Turn::take(&process.providers, hash) {
            enquire(process, text, sections).await;
            return drop(turn);
        }
        // Whoever asks may have given up: then it is our turn, and otherwise there is nothing left to ask.
        ended.await;
        let judged = process.tokens.check(text, sections, Duration::ZERO, process.clock.now());
        if !matches!(judged, Err(TokenProblem::Introspect(_))) {
            return;
        }
    }
}

async fn enquire(process: &Process, text: &str, sections: &[String]) {
    let Some(enquiry) = process.tokens.introspection(text, sections, process.clock.now()) else { return };
    let question = Question {
        url: &enquiry.url,
        ca: enquiry.ca.as_deref(),
        form: Some(&enquiry.body),
        authorization: enquiry.authorization.as_deref(),
        // A little less than the request waits, so that a provider which does not answer is known as such.
        span: ENQUIRY_SPAN - Duration::from_millis(500),
    };
    let answer = ask(process, &question).await;
    let answer = answer.as_ref().map(|(status, body)| (*status, body.as_slice())).map_err(Clone::clone);
    process.tokens.introspected(&enquiry, answer, process.clock.now());
}

/// The right to ask about a text. `Drop` lets the next one.
struct Turn<'p> {
    providers: &'p Providers,
    hash: u64,
}

impl<'p> Turn<'p> {
    fn take(providers: &'p Providers, hash: u64) -> Option<Turn<'p>> {
        let is_first = providers.asking.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        is_first.then(|| Turn { providers, hash })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.providers.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.hash);
        self.providers.ended.notify(usize::MAX);
    }
}
