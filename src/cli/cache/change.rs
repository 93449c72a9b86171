//! The commands that change something: asked of the running gateway, or done here where none runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use miniserde::json;

use super::look::visible;
use super::words::Selection;
use super::{Desk, Trouble, import};
use crate::base::Size;
use crate::cache::{Cache, Purge, StoreState, What};
use crate::cli::control::{self, Answer, Question, Unanswered};
use crate::cli::privileges;

/// Does what a question says.
pub(in crate::cli) fn obey(what: &str, question: &Question, cache: &Cache) -> Answer {
    match what {
        "purge" => purge(question, cache),
        "facts" => facts(cache),
        "room" => import::room(question, cache),
        "adopt" => import::adopt(question, cache),
        _ => Answer::problem(format!("the running gateway does not know 'cache {what}'")),
    }
}

fn purge(question: &Question, cache: &Cache) -> Answer {
    let how = if question.hard { Purge::Hard } else { Purge::Soft };
    let what: Option<Vec<What>> = question.texts.iter().map(|text| What::parse(text)).collect();
    let Some(what) = what else { return Answer::problem("the running gateway does not know this kind of purge") };
    match cache.purge(&what, how) {
        Ok(purged) if purged.lasting => Answer::done(),
        Ok(_) => {
            let note = "the card takes no writes: this holds only until the gateway is started again";
            Answer { note: Some(note.to_owned()), ..Answer::done() }
        }
        Err(why) => Answer::problem(why),
    }
}

fn facts(cache: &Cache) -> Answer {
    let stat = cache.stat();
    let counts = [
        ("hot answers", stat.hot_objects),
        ("hot bytes", stat.hot_bytes),
        ("downloads under way", stat.fills),
        ("evicted", stat.evicted),
        ("damaged", stat.damaged),
        ("written bytes", stat.written),
        ("purges waiting", cache.purges_waiting()),
    ];
    let note = match cache.state() {
        StoreState::Ready => "ready".to_owned(),
        StoreState::ReadOnly(why) => format!("takes no writes: {why}"),
        StoreState::Full => "full".to_owned(),
        StoreState::Off(why) => format!("off: {why}"),
    };
    let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect::<BTreeMap<_, _>>();
    Answer { problem: None, note: Some(note), counts }
}

/// Who changes what is kept.
pub(super) enum Hands {
    Gateway,
    /// No gateway runs: the store is ours as long as this is.
    Own(Box<Cache>),
}

impl Desk {
    pub(super) fn purge(&self, what: &Selection, hard: bool, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let what = self.picker(what)?.meant();
        let texts = what.iter().map(What::to_text).collect();
        let question = Question { ask: "cache purge".to_owned(), texts, hard };
        let answer = self.ask(&question)?;
        if self.json {
            writeln!(out, "{}", json::to_string(&answer))?;
        } else {
            let then = if hard { "is gone" } else { "is asked for anew before it is used again" };
            what.iter().try_for_each(|what| writeln!(out, "{} {then}", named(what)))?;
            answer.note.iter().try_for_each(|note| writeln!(out, "{note}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the running gateway knows; `None` where none runs.
    pub(super) fn running(&self) -> Option<Answer> {
        let question = Question { ask: "cache facts".to_owned(), texts: Vec::new(), hard: false };
        control::ask(&self.config.gateway.state, &question).ok().filter(|answer| answer.problem.is_none())
    }

    /// Asks the running gateway; where none runs, the store is opened and the same done here.
    pub(super) fn ask(&self, question: &Question) -> Result<Answer, Trouble> {
        self.ask_with(&self.hands()?, question)
    }

    /// Whose hands are to change something.
    pub(super) fn hands(&self) -> Result<Hands, Trouble> {
        match self.ask_gateway(&Question { ask: "cache facts".to_owned(), texts: Vec::new(), hard: false })? {
            Some(_) => Ok(Hands::Gateway),
            None => Ok(Hands::Own(Box::new(self.own_cache()?))),
        }
    }

    pub(super) fn ask_with(&self, hands: &Hands, question: &Question) -> Result<Answer, Trouble> {
        let answer = match hands {
            Hands::Gateway => {
                let gone = || Trouble::Told("the gateway was stopped; do this again".to_owned());
                self.ask_gateway(question)?.ok_or_else(gone)?
            }
            Hands::Own(cache) => obey(question.ask.strip_prefix("cache ").unwrap_or_default(), question, cache),
        };
        match answer.problem {
            Some(why) => Err(Trouble::Told(why)),
            None => Ok(answer),
        }
    }

    /// `None`: no gateway runs.
    fn ask_gateway(&self, question: &Question) -> Result<Option<Answer>, Trouble> {
        match control::ask(&self.config.gateway.state, question) {
            Ok(answer) => Ok(Some(answer)),
            Err(Unanswered::NobodyThere) => Ok(None),
            Err(why @ (Unanswered::Forbidden(_) | Unanswered::Io(_))) => Err(Trouble::Told(why.to_string())),
        }
    }

    /// The cache of a folder that no gateway runs on. What it writes belongs to the folder's owner.
    fn own_cache(&self) -> Result<Cache, Trouble> {
        let dir = &self.config.cache.dir;
        privileges::become_owner_of(dir).map_err(|cause| format!("{}: {cause}", dir.display()))?;
        let cache = Cache::open(&self.config.cache, Size::mib(8));
        match cache.state() {
            StoreState::Off(why) => Err(Trouble::Told(format!(
                "{why}; if a gateway runs on it, name the configuration it runs with: hafir cache --config FILE"
            ))),
            StoreState::Ready | StoreState::ReadOnly(_) | StoreState::Full => Ok(cache),
        }
    }
}

fn named(what: &What) -> String {
    match what {
        What::Key(key) => visible(key),
        What::Beginning(beginning) if beginning.is_empty() => "everything".to_owned(),
        What::Beginning(beginning) => format!("{}*", visible(beginning)),
        What::Tag(tag) => format!("tag:{}", visible(tag)),
        What::Group { origin, name } => format!("{} of {origin}", visible(name)),
    }
}
