//! `hafir key`: making, showing and ending keys, beside the running gateway and without one.
//!
//! The running gateway has the ledger and is asked; where none runs, the ledger is opened here.

mod card;
mod orders;
mod when;
mod words;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use miniserde::json;

pub(super) use orders::{Keys, obey};
use orders::{PAGE, Told};
use words::Action;
pub(super) use words::{HELP, Request};

use super::control::{self, Answer, Question, Unanswered};
use super::folders::{Trouble, configured, finish};
use super::memory::Memory;
use super::{privileges, say};
use crate::auth::key::{Change, KeyRing, NewKey};
use crate::base::Now;
use crate::config::Config;
use crate::ledger::{Ledger, Table};
use crate::net::Clock;

/// Behind the ID of any key.
const LAST: &str = "~";
/// Together two seconds, until whoever has the ledger lets go of it or answers.
const MOST_TRIES: u32 = 100;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// Runs one command and gives the exit code.
pub(super) fn run(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if request.action == Action::Help {
        return say(out, HELP);
    }
    let (config, _) = match configured(request.config.as_deref(), "key", err) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let now = Clock::start(Memory::open(&config.gateway.state).clock_floor()).now();
    let desk = Desk { config, json: request.json, now };
    let served = desk.serve(&request.action, out, err).map(|()| ExitCode::SUCCESS);
    finish(served, err)
}

/// Who has the ledger.
enum Hands {
    Gateway,
    Own(Box<(Ledger, KeyRing)>),
}

/// What all commands need.
struct Desk {
    config: Config,
    json: bool,
    now: Now,
}

impl Desk {
    fn serve(&self, action: &Action, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Trouble> {
        match action {
            Action::Help => out.write_all(HELP.as_bytes()).map_err(Trouble::Output),
            Action::New { name, plan, scopes, expires, card } => {
                self.warn(plan.as_deref(), expires.is_some(), err);
                let key = NewKey::generate().ok_or_else(no_random_numbers)?;
                let change = Change::New {
                    id: key.id().to_owned(),
                    hash: key.hash(),
                    name: name.clone(),
                    plan: plan.clone(),
                    scopes: scopes.clone(),
                    expires: expires.map(|until| until.at(self.now.wall)),
                };
                self.hand_out(&key, &change, card.as_deref(), out, err)
            }
            Action::Roll { id, grace, card } => {
                self.warn(None, !grace.is_zero(), err);
                let key =
                    NewKey::again(id).ok_or_else(|| format!("'{id}' is no ID of a key: eight letters and digits"))?;
                let change = Change::Roll { id: id.clone(), hash: key.hash(), grace: *grace };
                self.hand_out(&key, &change, card.as_deref(), out, err)
            }
            Action::Revoke(id) => self.change(&Change::Revoke { id: id.clone() }, out, err),
            Action::Rename { id, name } => {
                self.change(&Change::Rename { id: id.clone(), name: name.clone() }, out, err)
            }
            Action::Show(id) => {
                let told = self.one(&self.hands(err)?, &ask("show", id))?;
                self.print(&told, out)
            }
            Action::List => self.list(out, err),
        }
    }

    /// What may not be meant.
    fn warn(&self, plan: Option<&str>, has_end: bool, err: &mut dyn Write) {
        if let Some(plan) = plan.filter(|plan| self.config.plans.iter().all(|known| known.name != **plan)) {
            let _ = writeln!(err, "hafir: there is no [plan {plan}] in the configuration yet");
        }
        if has_end && !self.now.sure {
            let _ = writeln!(
                err,
                "hafir: the clock of this machine is not set, so the end is counted from a time that is over"
            );
        }
    }

    /// The secret is shown once the change is on the card, and never again.
    fn hand_out(
        &self,
        key: &NewKey,
        change: &Change,
        card: Option<&Path>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let card = card.map(|path| Ok::<_, String>((path, new_card(path)?))).transpose()?;
        let done = self.hands(err).and_then(|hands| self.one(&hands, &orders::question(change)));
        let told = match done {
            Ok(told) => Told { key: Some(key.text().to_owned()), ..told },
            Err(trouble) => {
                if let Some((path, _)) = card {
                    let _ = std::fs::remove_file(path);
                }
                return Err(trouble);
            }
        };
        if self.json {
            writeln!(out, "{}", json::to_string(&told))?;
        } else {
            writeln!(out, "{}\n\nThis is shown once; write it down where it is needed, as in\n", key.text())?;
            writeln!(out, "  Authorization: Bearer {}\n", key.text())?;
            self.print(&told, out)?;
        }
        let Some((path, mut file)) = card else { return Ok(()) };
        let written = file.write_all(card::svg(&told, key.text()).as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|cause| format!("the key is made, but not its card {}: {cause}", path.display()).into())
    }

    fn change(&self, change: &Change, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Trouble> {
        let told = self.one(&self.hands(err)?, &orders::question(change))?;
        self.print(&told, out)
    }

    fn list(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Trouble> {
        let hands = self.hands(err)?;
        let (mut last, mut first) = (String::new(), true);
        loop {
            let note = self.ask(&hands, &ask("list", &last))?;
            let page: Vec<Told> = json::from_str(&note).map_err(|miniserde::Error| other_version())?;
            if !self.json && first && !page.is_empty() {
                writeln!(out, "{:<8}  {:<7}  {:<12}  {:<10}  NAME", "ID", "STATE", "PLAN", "EXPIRES")?;
            }
            first = false;
            for told in &page {
                self.line(told, out)?;
            }
            match page.last() {
                Some(told) if page.len() == PAGE => last.clone_from(&told.id),
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn line(&self, told: &Told, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", json::to_string(told));
        }
        let plan = told.plan.as_deref().unwrap_or("-");
        let expires = told.expires.as_deref().and_then(|stamp| stamp.get(..10)).unwrap_or("-");
        writeln!(out, "{:<8}  {:<7}  {plan:<12}  {expires:<10}  {}", told.id, told.state, told.name)
    }

    fn print(&self, told: &Told, out: &mut dyn Write) -> Result<(), Trouble> {
        if self.json {
            writeln!(out, "{}", json::to_string(told))?;
            return Ok(());
        }
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        writeln!(out, "id       {}\nname     {}\nstate    {}", told.id, told.name, told.state)?;
        writeln!(out, "plan     {}\nscopes   {}", or_dash(&told.plan), told.scopes.join(" "))?;
        writeln!(out, "created  {}\nexpires  {}", told.created, told.expires.as_deref().unwrap_or("never"))?;
        told.revoked.iter().try_for_each(|when| writeln!(out, "revoked  {when}"))?;
        told.old_secret_until.iter().try_for_each(|when| writeln!(out, "the secret before is good until {when}"))?;
        Ok(())
    }

    fn one(&self, hands: &Hands, question: &Question) -> Result<Told, Trouble> {
        let note = self.ask(hands, question)?;
        json::from_str(&note).map_err(|miniserde::Error| other_version())
    }

    /// What the answer says, which is never empty.
    fn ask(&self, hands: &Hands, question: &Question) -> Result<String, Trouble> {
        let answer = match hands {
            Hands::Gateway => control::ask(&self.config.gateway.state, question).map_err(|why| why.to_string())?,
            Hands::Own(own) if question.ask == "key change" && own.0.refusal().is_some() => {
                return Err(Trouble::Told(own.0.refusal().unwrap_or_default().to_owned()));
            }
            Hands::Own(own) => {
                let keys = Keys { ledger: &own.0, ring: &own.1, now: self.now };
                obey(question.ask.strip_prefix("key ").unwrap_or_default(), question, &keys)
            }
        };
        match answer {
            Answer { problem: Some(why), .. } => Err(Trouble::Told(why)),
            Answer { note: Some(note), .. } => Ok(note),
            Answer { note: None, .. } => Err(other_version()),
        }
    }

    /// Whose hands do it. A gateway that is just starting has the ledger before it can be asked.
    fn hands(&self, err: &mut dyn Write) -> Result<Hands, Trouble> {
        let state = &self.config.gateway.state;
        let mut tries = 0;
        loop {
            match control::ask(state, &ask("list", LAST)) {
                Ok(Answer { problem: Some(why), .. }) => return Err(Trouble::Told(why)),
                Ok(Answer { problem: None, .. }) => return Ok(Hands::Gateway),
                Err(Unanswered::NobodyThere) => {}
                Err(why @ (Unanswered::Forbidden(_) | Unanswered::Io(_))) => {
                    return Err(Trouble::Told(why.to_string()));
                }
            }
            let (ledger, problem) = self.own_ledger()?;
            tries += 1;
            if ledger.refusal().is_none() || tries == MOST_TRIES {
                return self.own_hands(ledger, problem, err);
            }
            std::thread::sleep(TRY_AGAIN);
        }
    }

    fn own_ledger(&self) -> Result<(Ledger, Option<String>), Trouble> {
        let state = &self.config.gateway.state;
        std::fs::create_dir_all(state).map_err(|cause| format!("{}: {cause}", state.display()))?;
        privileges::become_owner_of(state).map_err(|cause| format!("{}: {cause}", state.display()))?;
        Ok(Ledger::try_open(state))
    }

    fn own_hands(&self, ledger: Ledger, problem: Option<String>, err: &mut dyn Write) -> Result<Hands, Trouble> {
        let unusable = |cause: io::Error| format!("{}: {cause}", self.config.gateway.state.display());
        let (ring, lost) = KeyRing::new(ledger.all(Table::Keys).map_err(unusable)?);
        for problem in problem.iter().chain(&lost) {
            let _ = writeln!(err, "hafir: {problem}");
        }
        Ok(Hands::Own(Box::new((ledger, ring))))
    }
}

fn ask(what: &str, text: &str) -> Question {
    Question { ask: format!("key {what}"), texts: vec![text.to_owned()], hard: false }
}

/// For its owner alone, and never over something that is there. Made before the key is, and before the command may
/// become another account.
fn new_card(path: &Path) -> Result<File, String> {
    let mut options = File::options();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|cause| format!("the card {} cannot be written: {cause}", path.display()))
}

fn no_random_numbers() -> Trouble {
    Trouble::Told("the system has no random numbers to give".to_owned())
}

fn other_version() -> Trouble {
    Trouble::Told("the answer was not understood: another version of hafir may be running".to_owned())
}
