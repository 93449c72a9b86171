//! The door: a text in, an identity or a named problem out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::LONGEST_TOKEN;
use super::claims::{self, Span};
use super::compact;
use super::errand::{Errand, Work};
use super::introspection::{self, Confirmed, Enquiry};
use super::kept;
use super::keys::{Keys, KeysProblem};
use super::memory::{Digest, Memory};
use super::problem::TokenProblem;
use super::section::{Held, Live, Section};
use super::status::IssuerStatus;
use crate::auth::Identity;
use crate::base::json;
use crate::base::{Mono, Now};
use crate::config::{JwtConfig, KeySource};

/// Tokens that hold, remembered: more than a board has clients at a time. With 2 KB each, what is kept of an ordinary token,
/// they take at most 2 MB beside a table of 130 KB.
const REMEMBERED: usize = 1024;
const REMEMBERED_BYTES: usize = 2 * 1024 * 1024;
/// Tokens of which a provider said that they do not hold: 100 bytes each.
const REFUSED: usize = 256;

/// All `[jwt NAME]` sections with their keys, and the tokens that were verified.
pub(crate) struct Tokens {
    /// What requests look at. The lock is held for the copy of an `Arc`.
    book: RwLock<Arc<Vec<Section>>>,
    /// What fetching looks at, one for each section. Taken before `book`, never the other way round.
    works: Mutex<Vec<Work>>,
    verified: Memory<Verified>,
    confirmed: Memory<Confirmed>,
    refused: Memory<(Mono, TokenProblem)>,
    /// Numbers forms and epochs, each only once.
    counter: AtomicU64,
}

#[derive(Clone)]
struct Verified {
    identity: Arc<Identity>,
    span: Span,
    sure: bool,
}

/// A token that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    pub(crate) identity: Arc<Identity>,
    /// Whether its dates were ever judged while the clock was believed.
    pub(crate) sure: bool,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens {
            book: RwLock::default(),
            works: Mutex::default(),
            verified: Memory::new(REMEMBERED, REMEMBERED_BYTES),
            confirmed: Memory::new(REMEMBERED, REMEMBERED_BYTES),
            refused: Memory::new(REFUSED, REFUSED * 1024),
            counter: AtomicU64::new(1),
        }
    }
}

/// Who a token is of.
impl Tokens {
    /// Who the token is of. `sections`: the names of those that count; empty: all. `offline`: how long somebody whom the
    /// provider confirmed is believed while it cannot be asked.
    pub(crate) fn check(
        &self,
        text: &str,
        sections: &[String],
        offline: Duration,
        now: Now,
    ) -> Result<Checked, TokenProblem> {
        if text.len() > LONGEST_TOKEN {
            return Err(TokenProblem::TooLarge);
        }
        let book = self.book();
        let digest = digest(text);
        if let Some(known) = self.remembered(&digest, &book, sections, now) {
            return known;
        }
        let counts = || book.iter().filter(|section| section.is_among(sections));
        let asks = counts().any(Section::introspects);
        match self.verify(text, &digest, counts().filter(|section| !section.introspects()), now) {
            Err(problem) if asks && problem.leaves_it_to_a_provider() && is_bearer(text) => {
                self.asked(&digest, counts().filter(|section| section.introspects()), offline, now)
            }
            judged => judged,
        }
    }

    /// The common case: a hash, a look, and a copy of an `Arc`.
    fn remembered(
        &self,
        digest: &Digest,
        book: &[Section],
        sections: &[String],
        now: Now,
    ) -> Option<Result<Checked, TokenProblem>> {
        self.verified.find(digest, |epoch, known| {
            let section = book.iter().find(|section| section.epoch == epoch)?;
            if !section.is_among(sections) || section.keys(now.mono).is_none() {
                return None;
            }
            if let Err(problem) = known.span.judge(now) {
                return Some(Err(problem));
            }
            known.sure |= now.sure;
            Some(Ok(Checked { identity: Arc::clone(&known.identity), sure: known.sure }))
        })
    }

    /// By the keys of the sections that have the token's issuer.
    fn verify<'s>(
        &self,
        text: &str,
        digest: &Digest,
        sections: impl Iterator<Item = &'s Section>,
        now: Now,
    ) -> Result<Checked, TokenProblem> {
        let token = compact::read(text)?;
        let payload = json::read(&token.payload, claims::BOUNDS).map_err(|_| TokenProblem::Malformed)?;
        let issuer = claims::issuer(&payload).ok_or(TokenProblem::UnknownIssuer)?;
        let mut worst = TokenProblem::UnknownIssuer;
        for section in sections.filter(|section| section.config.issuer == issuer) {
            match section.judge(&token, &payload, now) {
                Ok((identity, span)) => {
                    let identity = Arc::new(identity);
                    let known = Verified { identity: Arc::clone(&identity), span, sure: now.sure };
                    self.verified.insert(digest, section.epoch, weight(&identity), known);
                    return Ok(Checked { identity, sure: now.sure });
                }
                // Another section of the same issuer, for another audience, says less than one that the token is for.
                Err(TokenProblem::Audience) if worst != TokenProblem::UnknownIssuer => {}
                Err(problem) => worst = problem,
            }
        }
        Err(worst)
    }

    /// By what the providers of the sections said, if they were asked.
    fn asked<'s>(
        &self,
        digest: &Digest,
        sections: impl Iterator<Item = &'s Section>,
        offline: Duration,
        now: Now,
    ) -> Result<Checked, TokenProblem> {
        let mut worst = TokenProblem::UnknownIssuer;
        for section in sections {
            let is_paused = section.live.paused.load(Ordering::Relaxed) > now.mono.as_millis();
            match self.said(digest, section, if is_paused { Some(offline) } else { None }, now) {
                Some(Ok(checked)) => return Ok(checked),
                Some(Err(problem)) => worst = problem,
                None if is_paused => worst = TokenProblem::Unreachable(section.place),
                None => return Err(TokenProblem::Introspect(section.place)),
            }
        }
        Err(worst)
    }

    /// What a provider said of a token, as far as it still counts. `offline`: the provider cannot be asked, and what it said
    /// not longer ago than this counts as well.
    fn said(
        &self,
        digest: &Digest,
        section: &Section,
        offline: Option<Duration>,
        now: Now,
    ) -> Option<Result<Checked, TokenProblem>> {
        let confirmed = self.confirmed.find(digest, |form, known| {
            let holds = now.mono < known.fresh || offline.is_some_and(|grant| now.mono < known.at.after(grant));
            if form != section.form || !holds {
                return None;
            }
            known.sure |= now.sure;
            let judged = known.span.judge(now);
            Some(judged.map(|()| Checked { identity: Arc::clone(&known.identity), sure: known.sure }))
        });
        confirmed.or_else(|| {
            self.refused.find(digest, |form, (until, problem)| {
                (form == section.form && now.mono < *until).then(|| Err(problem.clone()))
            })
        })
    }
}

/// Asking providers about tokens.
impl Tokens {
    /// The question for a token that [`Tokens::check`] called [`TokenProblem::Introspect`]. `None`: nothing is to be asked,
    /// or too much is being asked already.
    pub(crate) fn introspection(&self, text: &str, sections: &[String], now: Now) -> Option<Enquiry> {
        let Err(TokenProblem::Introspect(place)) = self.check(text, sections, Duration::ZERO, now) else { return None };
        let book = self.book();
        let section = book.iter().find(|section| section.place == place)?;
        Enquiry::new(section, text, digest(text))
    }

    /// Status and body of the answer, or in a few words why there is none. After this, [`Tokens::check`] knows.
    pub(crate) fn introspected(&self, enquiry: &Enquiry, result: Result<(u16, &[u8]), String>, now: Now) {
        let book = self.book();
        let Some(section) = book.iter().find(|section| section.form == enquiry.form) else { return };
        let read = |(status, body)| introspection::read(status, body, &section.config, now);
        let problem = match result.and_then(read) {
            Ok(Ok(confirmed)) => {
                let weight = weight(&confirmed.identity);
                self.confirmed.insert(&enquiry.digest, section.form, weight, confirmed);
                None
            }
            Ok(Err(problem)) => {
                self.forget(enquiry);
                let until = now.mono.after(introspection::REFUSED_FOR);
                self.refused.insert(&enquiry.digest, section.form, 0, (until, problem));
                None
            }
            Err(fault) => {
                let until = now.mono.after(introspection::PAUSE).as_millis();
                section.live.paused.store(until, Ordering::Relaxed);
                Some(fault)
            }
        };
        self.note(section.form, problem);
    }

    /// What the provider takes back does not come back when it cannot be asked.
    fn forget(&self, enquiry: &Enquiry) {
        let _found = self.confirmed.find(&enquiry.digest, |form, known| {
            (form == enquiry.form).then(|| {
                known.fresh = Mono::default();
                known.at = Mono::default();
                known.span.until = Some(crate::base::Wall::default());
            })
        });
    }

    fn note(&self, form: u64, problem: Option<String>) {
        let mut works = self.works();
        let Some(work) = works.iter_mut().find(|work| work.form == form) else { return };
        work.failures = if problem.is_some() { work.failures.saturating_add(1) } else { 0 };
        work.problem = problem;
    }
}

/// Sections and their keys.
impl Tokens {
    /// Takes new sections. Those that stay as they were keep their keys and their verified tokens; those whose keys come
    /// from the same place keep these.
    pub(crate) fn reconfigure(&self, sections: &[JwtConfig]) {
        let mut works = self.works();
        let before = self.book();
        let mut book = Vec::with_capacity(sections.len());
        let mut new_works = Vec::with_capacity(sections.len());
        for (place, config) in sections.iter().enumerate() {
            let old = before.iter().find(|section| same_keys(&section.config, config));
            let (section, work) = match (old, works.iter().position(|work| same_keys(&work.config, config))) {
                (Some(old), Some(at)) if *old.config == *config => {
                    let mut work = works.remove(at);
                    work.place = place;
                    (Section { place, ..old.clone() }, work)
                }
                (Some(old), Some(at)) => {
                    let section = Section { held: old.held.clone(), ..self.section(place, config) };
                    let Section { form, ref config, ref live, .. } = section;
                    let work = works.remove(at).carried(place, form, Arc::clone(config), Arc::clone(live));
                    (section, work)
                }
                (Some(_), None) | (None, _) => {
                    let section = self.section(place, config);
                    let Section { form, ref config, ref live, .. } = section;
                    let work = Work::new(place, form, Arc::clone(config), Arc::clone(live));
                    (section, work)
                }
            };
            book.push(section);
            new_works.push(work);
        }
        *works = new_works;
        self.publish(book);
    }

    fn section(&self, place: usize, config: &JwtConfig) -> Section {
        let (form, live) = (self.number(), Arc::new(Live::default()));
        Section { place, config: Arc::new(config.clone()), form, epoch: self.number(), held: None, live }
    }

    /// Gives a section whose keys are in a file what is in the file: a JWK Set or PEM public keys. The number of usable keys.
    /// Where there are none, those that were there stay.
    pub(crate) fn key_file(&self, section: &str, bytes: &[u8]) -> Result<usize, KeysProblem> {
        let works = self.works();
        let is_it = |work: &&Work| work.config.name == section && matches!(work.config.keys, KeySource::File(_));
        let form = works.iter().find(is_it).ok_or(KeysProblem::NoSection)?.form;
        let keys = Keys::read(bytes)?;
        let count = keys.len();
        self.hold(form, keys, None);
        Ok(count)
    }

    /// What is to be fetched now. Each errand counts as under way until [`Tokens::fetched`], or two minutes.
    pub(crate) fn due(&self, now: Mono) -> Vec<Errand> {
        self.works().iter_mut().filter_map(|work| work.due(now)).collect()
    }

    /// When [`Tokens::due`] will have something, as far as is known now: an unknown key may make it sooner.
    pub(crate) fn next_due(&self) -> Option<Mono> {
        self.works().iter().filter_map(Work::next).min()
    }

    /// The body of a 200 answer, or in a few words why there is none.
    pub(crate) fn fetched(&self, errand: &Errand, result: Result<&[u8], String>, now: Now) {
        let mut works = self.works();
        let Some(work) = works.iter_mut().find(|work| work.form == errand.form) else { return };
        if let Some(keys) = work.fetched(errand, result, now) {
            self.hold(work.form, keys, Some(now.mono.after(work.config.keep)));
        }
    }

    /// What has changed since the last call and is to be kept on the card.
    pub(crate) fn to_keep(&self) -> Vec<(String, Vec<u8>)> {
        let mut works = self.works();
        let kept = |work: &mut Work| {
            let is_news = std::mem::take(&mut work.is_to_keep);
            let fetched = work.fetched.as_ref().filter(|_| is_news)?;
            Some((kept::name(&work.config.name), kept::write(&work.config, fetched)))
        };
        works.iter_mut().filter_map(kept).collect()
    }

    /// What the card has. Whether it was of use.
    pub(crate) fn restore(&self, name: &str, bytes: &[u8], now: Now) -> bool {
        let mut works = self.works();
        let work = works.iter_mut().find(|work| kept::section(name) == Some(work.config.name.as_str()));
        let restored = work.and_then(|work| {
            let fetched = kept::read(&work.config, bytes)?;
            let keys = Keys::read(&fetched.document).ok()?;
            let left = work.restore(fetched, now)?;
            self.hold(work.form, keys, Some(now.mono.after(left)));
            Some(())
        });
        restored.is_some()
    }

    pub(crate) fn status(&self) -> Vec<IssuerStatus> {
        let works = self.works();
        let book = self.book();
        let status = |work: &Work| {
            let held = book.iter().find(|section| section.form == work.form).and_then(|section| section.held.as_ref());
            IssuerStatus {
                name: work.config.name.clone(),
                issuer: work.config.issuer.clone(),
                keys: held.map_or(0, |held| held.keys.len()),
                fetched: work.fetched.as_ref().map(|fetched| fetched.at),
                until: held.and_then(|held| held.until),
                failures: work.failures,
                problem: work.problem.clone(),
                introspects: work.config.introspect.is_some(),
            }
        };
        works.iter().map(status).collect()
    }

    /// The same keys for longer change nothing; others make what was verified worthless. The caller holds `works`.
    fn hold(&self, form: u64, keys: Keys, until: Option<Mono>) {
        let mut book = self.book().as_ref().clone();
        let Some(section) = book.iter_mut().find(|section| section.form == form) else { return };
        let is_same = section.held.as_ref().is_some_and(|held| *held.keys == keys);
        if !is_same {
            section.epoch = self.number();
        }
        section.held = Some(Held { keys: Arc::new(keys), until });
        self.publish(book);
    }

    fn number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn book(&self) -> Arc<Vec<Section>> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, book: Vec<Section>) {
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
    }

    fn works(&self) -> MutexGuard<'_, Vec<Work>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenProblem {
    /// Whether the text may still be one that a provider knows: it is not a JWT of a section with keys.
    fn leaves_it_to_a_provider(&self) -> bool {
        match self {
            TokenProblem::NotAToken
            | TokenProblem::Malformed
            | TokenProblem::Header
            | TokenProblem::Algorithm
            | TokenProblem::UnknownIssuer => true,
            TokenProblem::TooLarge
            | TokenProblem::UnknownKey(_)
            | TokenProblem::NoKeys(_)
            | TokenProblem::BadSignature
            | TokenProblem::Expired
            | TokenProblem::NotYet
            | TokenProblem::Audience
            | TokenProblem::Type
            | TokenProblem::Claim(_)
            | TokenProblem::Introspect(_)
            | TokenProblem::Inactive
            | TokenProblem::Unreachable(_) => false,
        }
    }
}

/// Whether two forms of a section have their keys from the same place.
fn same_keys(one: &JwtConfig, other: &JwtConfig) -> bool {
    let place = |config: &JwtConfig| (config.introspect.clone(), config.ca.clone());
    one.name == other.name && one.issuer == other.issuer && one.keys == other.keys && place(one) == place(other)
}

/// `b64token` (RFC 6750 §2.1).
fn is_bearer(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fn digest(text: &str) -> Digest {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref().try_into().unwrap_or_default()
}

/// Bytes that an identity takes, about.
fn weight(identity: &Identity) -> usize {
    /// A `String` or `Vec` and what an allocation takes beside its bytes.
    const EACH: usize = 40;
    let text = |text: &String| EACH + text.len();
    let texts = |all: &[String]| EACH + all.iter().map(text).sum::<usize>();
    let claims: usize = identity.claims.iter().map(|(name, values)| text(name) + texts(values)).sum();
    let plan = identity.plan.as_ref().map_or(0, text);
    size_of::<Identity>() + text(&identity.id) + text(&identity.name) + plan + texts(&identity.scopes) + claims
}
