//! What a key is. All keys stand as rows in [`super::rows`]; parsing, defaults, the reference, "did you mean" and the test
//! of the example file come from these rows alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draft::Draft;
use super::problem::Fault;
use super::rows::ROWS;
use super::{quote, suggest, value};
use crate::base::Size;

/// The kinds of sections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    Gateway,
    Limits,
    Timeouts,
    Tls,
    Cache,
    Log,
    Metrics,
    Link,
    Audit,
    Plan,
    Jwt,
    User,
    Portal,
    Wifi,
    Board,
    Route,
}

/// Whether a section carries a name, and so may be written several times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    Never,
    Perhaps,
    Always,
}

/// One key, or a family of keys that ends in `.NAME`.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) key: &'static str,
    pub(crate) preset: Preset,
    pub(super) takes: Takes,
    pub(crate) beside: Beside,
    /// One sentence.
    pub(crate) meaning: &'static str,
}

/// What holds where a key is not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Preset {
    /// This text, read as if it stood in the file.
    Is(&'static str),
    /// Nothing is set; the words say what that means.
    Unset(&'static str),
    /// The section is not complete without it.
    Needed,
}

/// The kind of route on which a key has a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    Anything,
    Upstream,
    Files,
    Redirect,
    Respond,
}

/// A word that a key takes, and what it sets.
type Word = (&'static str, fn(&mut Draft));

/// The type of a value, and where it goes.
pub(super) enum Takes {
    Switch(fn(&mut Draft, bool)),
    Choice(&'static [Word]),
    Count(usize, usize, fn(&mut Draft, usize)),
    Size(Size, Size, fn(&mut Draft, Size)),
    Span(Duration, Duration, fn(&mut Draft, Duration)),
    /// A relative one is taken from the folder of the file.
    Path(&'static str, fn(&mut Draft, PathBuf)),
    One(&'static str, fn(&mut Draft, &str) -> Result<(), Fault>),
    /// Each member by itself.
    List(&'static str, fn(&mut Draft, &str) -> Result<(), Fault>),
    /// Of a family: the name and the value.
    Named(&'static str, fn(&mut Draft, &str, &str) -> Result<(), Fault>),
    /// The same, and the value is as of `Path`.
    NamedPath(&'static str, fn(&mut Draft, &str, PathBuf) -> Result<(), Fault>),
}

impl Kind {
    pub(crate) const ALL: [Kind; 16] = [
        Kind::Gateway,
        Kind::Limits,
        Kind::Timeouts,
        Kind::Tls,
        Kind::Cache,
        Kind::Log,
        Kind::Metrics,
        Kind::Link,
        Kind::Audit,
        Kind::Plan,
        Kind::Jwt,
        Kind::User,
        Kind::Portal,
        Kind::Wifi,
        Kind::Board,
        Kind::Route,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Gateway => "gateway",
            Kind::Limits => "limits",
            Kind::Timeouts => "timeouts",
            Kind::Tls => "tls",
            Kind::Cache => "cache",
            Kind::Log => "log",
            Kind::Metrics => "metrics",
            Kind::Link => "link",
            Kind::Audit => "audit",
            Kind::Plan => "plan",
            Kind::Jwt => "jwt",
            Kind::User => "user",
            Kind::Portal => "portal",
            Kind::Wifi => "wifi",
            Kind::Board => "board",
            Kind::Route => "route",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Kind::Gateway => "The board itself: where it listens and keeps its state.",
            Kind::Limits => "What one client may ask for at most.",
            Kind::Timeouts => "How long the gateway waits for clients.",
            Kind::Tls => "A certificate for HTTPS; several sections, each with a name, serve several sites.",
            Kind::Cache => "What is kept on the card, so that it crosses the uplink once.",
            Kind::Log => "What is written down.",
            Kind::Metrics => "The address of /status and /metrics, for whoever looks after the board.",
            Kind::Link => "The link behind which the services are.",
            Kind::Audit => "The audit trail: who did what, so that no record can be changed unseen.",
            Kind::Plan => "How much its people may have; a key, a token or a route names the plan.",
            Kind::Jwt => "A provider whose tokens count (OAuth 2.0, OpenID Connect).",
            Kind::User => "Somebody with a password.",
            Kind::Portal => "The pages of the gateway itself.",
            Kind::Wifi => "The Wi-Fi of a board that was made from the card image.",
            Kind::Board => "Such a board: its name, its clock, and who may log in.",
            Kind::Route => "One service: which requests it takes, where they go, and how answers are kept.",
        }
    }

    pub(crate) fn naming(self) -> Naming {
        match self {
            Kind::Tls => Naming::Perhaps,
            Kind::Plan | Kind::Jwt | Kind::User | Kind::Route => Naming::Always,
            Kind::Gateway
            | Kind::Limits
            | Kind::Timeouts
            | Kind::Cache
            | Kind::Log
            | Kind::Metrics
            | Kind::Link
            | Kind::Audit
            | Kind::Portal
            | Kind::Wifi
            | Kind::Board => Naming::Never,
        }
    }

    /// The head of such a section, as it is written.
    pub(crate) fn example(self) -> String {
        match self {
            Kind::Plan => "[plan clinic]".to_owned(),
            Kind::Jwt => "[jwt ministry]".to_owned(),
            Kind::User => "[user anna]".to_owned(),
            Kind::Route => "[route wiki]".to_owned(),
            Kind::Gateway
            | Kind::Limits
            | Kind::Timeouts
            | Kind::Tls
            | Kind::Cache
            | Kind::Log
            | Kind::Metrics
            | Kind::Link
            | Kind::Audit
            | Kind::Portal
            | Kind::Wifi
            | Kind::Board => format!("[{}]", self.word()),
        }
    }

    pub(crate) fn find(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    pub(crate) fn nearest(word: &str) -> Option<Kind> {
        suggest::nearest(word, Kind::ALL.map(Kind::word)).and_then(Kind::find)
    }

    pub(crate) fn rows(self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(move |row| row.kind == self)
    }
}

impl Row {
    /// `header.` of `header.NAME`.
    pub(super) fn family(&self) -> Option<&'static str> {
        self.key.strip_suffix("NAME")
    }

    /// Whether the key may be given again, which appends.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.takes, Takes::List(..))
    }

    /// Whether a value would be taken; of a family, none is.
    pub(super) fn takes_text(&self, value: &str) -> bool {
        let members = if self.is_list() { quote::members(value) } else { vec![self.bare(value)] };
        let mut draft = Draft::default();
        self.family().is_none()
            && members.iter().all(|text| self.takes.set(&mut draft, Path::new(""), "", text).is_ok())
    }

    /// Without its quotes; members of a list keep theirs until they are taken apart.
    pub(super) fn bare<'a>(&self, value: &'a str) -> &'a str {
        if self.is_list() { value } else { quote::unquoted(value) }
    }

    /// The type of the value, its unit and bounds, in words.
    pub(crate) fn expected(&self) -> String {
        match &self.takes {
            Takes::Switch(_) => "on or off".into(),
            Takes::Choice(words) => one_of(words),
            Takes::Count(least, most, _) => value::count_expected(*least, *most),
            Takes::Size(least, most, _) => value::size_expected(*least, *most),
            Takes::Span(least, most, _) => value::span_expected(*least, *most),
            Takes::Path(words, _)
            | Takes::One(words, _)
            | Takes::List(words, _)
            | Takes::Named(words, _)
            | Takes::NamedPath(words, _) => (*words).into(),
        }
    }
}

impl Beside {
    /// The key that makes a route such a one.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Beside::Anything => "",
            Beside::Upstream => "upstream",
            Beside::Files => "files",
            Beside::Redirect => "redirect",
            Beside::Respond => "respond",
        }
    }
}

impl Takes {
    /// Reads one value (of a list: one member) and puts it into the draft. `base` is the folder of the file, `name` that
    /// of a family's key.
    pub(super) fn set(&self, draft: &mut Draft, base: &Path, name: &str, text: &str) -> Result<(), Fault> {
        match self {
            Takes::Switch(set) => set(draft, value::switch(text)?),
            Takes::Choice(words) => choose(words, text)?(draft),
            Takes::Count(least, most, set) => set(draft, value::count(text, *least, *most)?),
            Takes::Size(least, most, set) => set(draft, value::size(text, *least, *most)?),
            Takes::Span(least, most, set) => set(draft, value::span(text, *least, *most)?),
            Takes::Path(words, set) => set(draft, base.join(path(text, words)?)),
            Takes::One(_, set) | Takes::List(_, set) => set(draft, text)?,
            Takes::Named(_, set) => set(draft, name, text)?,
            Takes::NamedPath(words, set) => set(draft, name, base.join(path(text, words)?))?,
        }
        Ok(())
    }
}

/// The row of a key, and the NAME where it is a family's. Only the family's name keeps its case.
pub(super) fn find(kind: Kind, key: &str) -> Option<(&'static Row, String)> {
    let lower = key.to_lowercase();
    kind.rows().find_map(|row| match row.family() {
        None => (row.key == lower).then(|| (row, String::new())),
        Some(family) => {
            let name = lower.strip_prefix(family).and_then(|_| key.get(family.len()..))?;
            Some((row, name.to_owned()))
        }
    })
}

/// The nearest key of a section; of a family with the name that was given.
pub(super) fn nearest(kind: Kind, key: &str) -> Option<String> {
    let candidates: Vec<String> =
        kind.rows().map(|row| row.family().map_or(row.key.into(), |family| spelled(family, key))).collect();
    suggest::nearest(key, candidates.iter().map(String::as_str)).map(str::to_owned)
}

/// The sections that know a key.
pub(super) fn homes(key: &str) -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| find(*kind, key).is_some()).collect()
}

/// A family's prefix with the name that stands behind as many points in `key`.
fn spelled(family: &'static str, key: &str) -> String {
    let points = family.matches('.').count();
    let name = key.splitn(points.saturating_add(1), '.').nth(points).unwrap_or("NAME");
    format!("{family}{name}")
}

fn one_of(words: &[Word]) -> String {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => (*last).into(),
        None => String::new(),
    }
}

fn choose(words: &'static [Word], text: &str) -> Result<fn(&mut Draft), Fault> {
    let lower = text.to_lowercase();
    let word = match value::switch(text) {
        Ok(true) => "on",
        Ok(false) => "off",
        Err(_) => lower.as_str(),
    };
    if let Some((_, set)) = words.iter().find(|(known, _)| *known == word || *known == lower) {
        return Ok(*set);
    }
    let fault = Fault::value(text, one_of(words));
    match suggest::nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(meant) => Err(fault.meant(meant)),
        None => Err(fault),
    }
}

pub(super) fn path(text: &str, expected: &str) -> Result<PathBuf, Fault> {
    const LONGEST: usize = 4096;
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err(Fault::value(text, expected));
    }
    if text.contains("://") {
        return Err(Fault::value(text, format!("{expected}, not a URL")));
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case_and_names_keep_theirs() {
        let (row, name) = find(Kind::Route, "Set.Request.X-School").unwrap();
        assert_eq!((row.key, name.as_str()), ("set.request.NAME", "X-School"));
        assert_eq!(find(Kind::Gateway, "LISTEN").unwrap().0.key, "listen");
        assert!(find(Kind::Gateway, "upstream").is_none());
        assert!(find(Kind::Route, "header.").unwrap().1.is_empty());
    }

    #[test]
    fn the_nearest_key_keeps_the_name_of_a_family() {
        assert_eq!(nearest(Kind::Route, "uptream").as_deref(), Some("upstream"));
        assert_eq!(nearest(Kind::Route, "set.requst.X-A").as_deref(), Some("set.request.X-A"));
        assert_eq!(nearest(Kind::Route, "heder.Accept").as_deref(), Some("header.Accept"));
        assert_eq!(nearest(Kind::Route, "colour"), None);
        assert_eq!(homes("size"), [Kind::Cache, Kind::Log, Kind::Audit]);
        assert_eq!(homes("colour"), []);
    }

    #[test]
    fn rows_are_unique_and_say_one_sentence() {
        for (at, row) in ROWS.iter().enumerate() {
            let same = ROWS.iter().skip(at + 1).any(|other| other.kind == row.kind && other.key == row.key);
            assert!(!same, "{} {}", row.kind.word(), row.key);
            assert!(row.meaning.ends_with('.') && row.meaning.len() < 200, "{}", row.key);
            assert!(!row.expected().is_empty() && !row.expected().ends_with('.'), "{}", row.key);
            assert!(row.beside == Beside::Anything || row.kind == Kind::Route, "{}", row.key);
            let is_named = matches!(row.takes, Takes::Named(..) | Takes::NamedPath(..));
            assert_eq!(row.family().is_some(), is_named, "{}", row.key);
        }
    }

    #[test]
    fn defaults_are_values_like_any_other() {
        for row in ROWS {
            if let Preset::Is(text) = row.preset {
                let members = if row.is_list() { super::super::quote::members(text) } else { vec![text] };
                for member in members {
                    assert_eq!(row.takes.set(&mut Draft::default(), Path::new(""), "", member), Ok(()), "{}", row.key);
                }
            }
        }
    }
}
