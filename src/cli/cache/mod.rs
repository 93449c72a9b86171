//! `hafir cache`: looking at what is kept, and changing it, beside the running gateway and without one.
//!
//! What only looks reads the folder, without the gateway's knowledge; what changes something asks the running gateway,
//! or, where none runs, does it itself.

mod change;
mod export;
mod import;
mod look;
mod manifest;
mod tar;
mod words;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) use change::obey;
use words::{Action, Selection};
pub(super) use words::{HELP, Request};

use super::folders::{Trouble, configured, finish};
use super::say;
use crate::base::Now;
use crate::cache::{Card, Kept, What, tags};
use crate::config::Config;
use crate::gateway::{Extent, Located, locate};
use crate::net::Clock;

/// Runs one command and gives the exit code.
pub(super) fn run(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if request.action == Action::Help {
        return say(out, HELP);
    }
    let (config, file) = match configured(request.config.as_deref(), "cache", err) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let desk = Desk { config, file, json: request.json };
    finish(desk.serve(&request.action, out), err)
}

/// What all commands need.
struct Desk {
    config: Config,
    file: PathBuf,
    json: bool,
}

impl Desk {
    fn serve(&self, action: &Action, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        match action {
            Action::Help => Ok(say(out, HELP)),
            Action::Stat => self.stat(out),
            Action::List(what) => self.list(what, out),
            Action::Show(url) => self.show(url, out),
            Action::Verify => self.verify(out),
            Action::Purge { what, hard } => self.purge(what, *hard, out),
            Action::Export { file, what } => self.export(file, what, out),
            Action::Import { file } => self.import(file, out),
        }
    }

    fn card(&self) -> Result<Card, Trouble> {
        Ok(Card::open(&self.config.cache.dir)?)
    }

    fn now(&self) -> Now {
        Clock::start(super::memory::Memory::open(&self.config.gateway.state).clock_floor()).now()
    }

    fn locate(&self, address: &str, extent: Extent) -> Result<Vec<Located>, Trouble> {
        Ok(locate(&self.config, address, extent)?)
    }

    /// What decides whether an answer is selected.
    fn picker(&self, what: &Selection) -> Result<Picker, Trouble> {
        let texts = |address: &str, extent| -> Result<Vec<String>, Trouble> {
            Ok(self.locate(address, extent)?.into_iter().map(|located| located.key).collect())
        };
        Ok(match what {
            Selection::All => Picker::All,
            Selection::Url(url) => {
                let located = self.locate(url, Extent::Whole)?;
                let more = located.iter().filter_map(Located::with_more).collect();
                Picker::Keys(located.into_iter().map(|located| located.key).collect(), more)
            }
            Selection::Beginning(beginning) => Picker::Beginnings(texts(beginning, Extent::Beginning)?),
            Selection::Tag(tag) => Picker::Tag(tag.clone()),
        })
    }
}

/// A selection in the cache's own words.
enum Picker {
    All,
    /// And what longer ones begin with.
    Keys(Vec<String>, Vec<String>),
    Beginnings(Vec<String>),
    Tag(String),
}

impl Picker {
    /// The same in purges' words.
    fn meant(&self) -> Vec<What> {
        match self {
            Picker::All => vec![What::Beginning(String::new())],
            Picker::Keys(keys, more) => {
                let keys = keys.iter().cloned().map(What::Key);
                keys.chain(more.iter().cloned().map(What::Beginning)).collect()
            }
            Picker::Beginnings(beginnings) => beginnings.iter().cloned().map(What::Beginning).collect(),
            Picker::Tag(tag) => vec![What::Tag(tag.clone())],
        }
    }

    fn texts(&self) -> Vec<String> {
        self.meant().iter().map(What::to_text).collect()
    }

    fn picks(&self, kept: &Kept) -> bool {
        let key = kept.key();
        match self {
            Picker::All => true,
            Picker::Keys(keys, more) => keys.contains(&key) || more.iter().any(|beginning| key.starts_with(beginning)),
            Picker::Beginnings(beginnings) => beginnings.iter().any(|beginning| key.starts_with(beginning)),
            Picker::Tag(tag) => tags::has(kept.fields().as_bytes(), tag),
        }
    }
}
