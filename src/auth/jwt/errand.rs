//! What is to be fetched from providers, and when: a state machine for each section, without a clock or a network of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::discovery;
use super::keys::Keys;
use super::section::Live;
use crate::base::{Mono, Now, Wall};
use crate::config::{JwtConfig, KeySource};

/// After the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Between two attempts that unknown keys in tokens bring about: anybody can write such a token.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(30);
/// An errand that nothing was heard of for so long has failed.
const LONGEST_ERRAND: Duration = Duration::from_secs(120);
/// How long what discovery said is used.
const DISCOVERY_HOLDS: Duration = Duration::from_secs(24 * 3600);

/// Something to be fetched with GET. Its result goes to [`super::Tokens::fetched`], whatever it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Errand {
    /// The section's place in the configuration.
    pub(crate) section: usize,
    /// The section's name.
    pub(crate) name: String,
    pub(crate) kind: ErrandKind,
    pub(crate) url: String,
    /// PEM file of the authorities by which the provider's certificate is judged. `None`: the web's.
    pub(crate) ca: Option<PathBuf>,
    /// Which form of the section this is for: what a reload has overtaken counts for nothing.
    pub(super) form: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrandKind {
    /// The issuer's `/.well-known/openid-configuration`.
    Discovery,
    /// A JWK Set.
    Keys,
}

/// What a section knows about fetching.
pub(super) struct Work {
    pub(super) place: usize,
    pub(super) form: u64,
    pub(super) config: Arc<JwtConfig>,
    pub(super) live: Arc<Live>,
    /// Since when something is under way.
    under_way: Option<Mono>,
    /// Not before this.
    next: Mono,
    /// When keys were last asked for.
    asked: Option<Mono>,
    pub(super) failures: u32,
    pub(super) problem: Option<String>,
    /// Where the keys are, and when discovery said so.
    discovered: Option<(String, Mono)>,
    pub(super) fetched: Option<Fetched>,
    /// Whether the card should have it.
    pub(super) is_to_keep: bool,
}

/// A key set as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fetched {
    pub(super) at: Wall,
    pub(super) sure: bool,
    pub(super) url: String,
    pub(super) document: Vec<u8>,
}

impl Work {
    pub(super) fn new(place: usize, form: u64, config: Arc<JwtConfig>, live: Arc<Live>) -> Work {
        Work {
            place,
            form,
            config,
            live,
            under_way: None,
            next: Mono::default(),
            asked: None,
            failures: 0,
            problem: None,
            discovered: None,
            fetched: None,
            is_to_keep: false,
        }
    }

    /// Goes on with other rules for the same keys. What is under way is overtaken.
    pub(super) fn carried(&self, place: usize, form: u64, config: Arc<JwtConfig>, live: Arc<Live>) -> Work {
        Work {
            next: self.next,
            asked: self.asked,
            discovered: self.discovered.clone(),
            fetched: self.fetched.clone(),
            is_to_keep: self.is_to_keep,
            ..Work::new(place, form, config, live)
        }
    }

    /// Whether keys come from a provider at all.
    fn fetches(&self) -> bool {
        self.config.introspect.is_none() && !matches!(self.config.keys, KeySource::File(_))
    }

    /// When there will be something to do.
    pub(super) fn next(&self) -> Option<Mono> {
        let planned = self.under_way.map_or(self.next, |since| since.after(LONGEST_ERRAND));
        let wanted = self.wanted_from().filter(|_| self.under_way.is_none());
        self.fetches().then(|| wanted.map_or(planned, |wanted| wanted.min(planned)))
    }

    /// When keys may be asked for because a token names one that is not known. While the provider fails, its pause holds.
    fn wanted_from(&self) -> Option<Mono> {
        let is_wanted = self.failures == 0 && self.live.wanted.load(Ordering::Relaxed);
        is_wanted.then(|| self.asked.map_or(Mono::default(), |asked| asked.after(UNKNOWN_KEY_PAUSE)))
    }

    pub(super) fn due(&mut self, now: Mono) -> Option<Errand> {
        if self.next()? > now {
            return None;
        }
        if self.under_way.take().is_some() {
            self.fail("no answer".to_owned(), now);
            return None;
        }
        let (kind, url) = match self.keys_url(now) {
            Some(url) => (ErrandKind::Keys, url),
            None => (ErrandKind::Discovery, discovery::url(&self.config.issuer)),
        };
        if kind == ErrandKind::Keys {
            self.asked = Some(now);
            self.live.wanted.store(false, Ordering::Relaxed);
        }
        self.under_way = Some(now);
        let (name, ca) = (self.config.name.clone(), self.config.ca.clone());
        Some(Errand { section: self.place, name, kind, url, ca, form: self.form })
    }

    fn keys_url(&self, now: Mono) -> Option<String> {
        if let KeySource::Url(url) = &self.config.keys {
            return Some(discovery::text(url));
        }
        let (url, said) = self.discovered.as_ref()?;
        (now.since(*said) < DISCOVERY_HOLDS).then(|| url.clone())
    }

    /// The keys, where the errand brought any.
    pub(super) fn fetched(&mut self, errand: &Errand, result: Result<&[u8], String>, now: Now) -> Option<Keys> {
        self.under_way.take()?;
        let outcome = match errand.kind {
            ErrandKind::Discovery => result.and_then(|body| self.discover(body, now.mono)).map(|()| None),
            ErrandKind::Keys => result.and_then(|body| self.take_keys(errand, body, now)).map(Some),
        };
        outcome.unwrap_or_else(|problem| {
            self.fail(problem, now.mono);
            None
        })
    }

    fn discover(&mut self, body: &[u8], now: Mono) -> Result<(), String> {
        let url = discovery::keys_url(body, &self.config.issuer)?;
        self.discovered = Some((url, now));
        self.next = now;
        Ok(())
    }

    fn take_keys(&mut self, errand: &Errand, body: &[u8], now: Now) -> Result<Keys, String> {
        let keys = Keys::read(body).map_err(|problem| problem.to_string())?;
        let is_news = self.fetched.as_ref().is_none_or(|before| {
            before.document != body || !before.sure || now.wall.since(before.at) >= self.config.keep / 8
        });
        if is_news {
            let url = errand.url.clone();
            self.fetched = Some(Fetched { at: now.wall, sure: now.sure, url, document: body.to_vec() });
            self.is_to_keep = true;
        }
        self.failures = 0;
        self.problem = None;
        self.next = now.mono.after(self.config.refresh);
        Ok(keys)
    }

    /// Keys that are there stay. What discovery said may have changed.
    fn fail(&mut self, problem: String, now: Mono) {
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(problem);
        self.discovered = None;
        self.next = now.after(pause.min(LONGEST_PAUSE));
    }

    /// Takes what the card had. How much longer it may be used.
    pub(super) fn restore(&mut self, kept: Fetched, now: Now) -> Option<Duration> {
        if !self.fetches() || self.fetched.is_some() {
            return None;
        }
        // A clock that is not believed is not ahead, so the true age is no less than this.
        let age = now.wall.since(kept.at);
        let left = self.config.keep.checked_sub(age).filter(|left| !left.is_zero())?;
        if now.sure && kept.sure {
            self.next = now.mono.after(self.config.refresh.saturating_sub(age));
        }
        self.fetched = Some(kept);
        Some(left)
    }
}
