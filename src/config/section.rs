//! One section: its entries are looked up in the table, read into the draft, and completed with the defaults.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::defaults::MachineDefaults;
use super::draft::Draft;
use super::effective::{EffectiveEntry, EffectiveSection, Origin};
use super::field;
use super::ini::{RawEntry, RawSection};
use super::outside::Outside;
use super::problem::{Fault, Report, shown};
use super::quote;
use super::table::{self, Beside, Kind, Preset, Row, Takes};

/// What was found in a section, for the checks between keys.
pub(super) struct Given {
    pub(super) kind: Kind,
    pub(super) title: String,
    /// The line of its head; 0 where the file has no such section.
    pub(super) line: usize,
    /// Where each key was first given, by [`Row::key_of`].
    lines: HashMap<String, Place>,
    /// Rows whose value was read; a list counts from its first member.
    read: HashSet<&'static str>,
    /// Keys that unknown ones were probably meant to be: what they lack is not told twice.
    meant: HashSet<String>,
    entries: Vec<EffectiveEntry>,
}

/// Where a key was given.
struct Place {
    line: usize,
    /// As the file spells it.
    key: String,
}

/// What sections are read with.
pub(super) struct Reader<'a> {
    pub(super) base: &'a Path,
    pub(super) outside: Outside,
    /// What holds on this machine in place of the defaults of the table.
    pub(super) machine: &'a MachineDefaults,
    pub(super) report: &'a mut Report,
}

/// The key at hand.
struct At<'a> {
    row: &'static Row,
    /// That of a family's key.
    name: &'a str,
    line: usize,
    /// Whether messages must not quote the value.
    is_hushed: bool,
}

impl Given {
    fn new(kind: Kind, raw: &RawSection) -> Given {
        let title = if raw.kind.is_empty() { kind.word().to_owned() } else { raw.title() };
        Given {
            kind,
            title,
            line: raw.line,
            lines: HashMap::new(),
            read: HashSet::new(),
            meant: HashSet::new(),
            entries: Vec::new(),
        }
    }

    /// The line where a key stands.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.lines.get(key).map(|place| place.line)
    }

    /// The line where a key stands, or that of the head.
    pub(super) fn line_or_head(&self, key: &str) -> usize {
        self.line_of(key).unwrap_or(self.line)
    }

    /// Whether somebody tried to give the key, rightly or not.
    pub(super) fn is_tried(&self, key: &str) -> bool {
        self.lines.contains_key(key) || self.meant.contains(key)
    }

    pub(super) fn is_read(&self, key: &str) -> bool {
        self.read.contains(key)
    }

    /// The route's destinations that are given, in the order of lines.
    pub(super) fn destinations(&self) -> Vec<(usize, Beside)> {
        let kinds = [Beside::Upstream, Beside::Files, Beside::Redirect, Beside::Respond];
        let mut given: Vec<_> = kinds.into_iter().filter_map(|kind| Some((self.line_of(kind.key())?, kind))).collect();
        given.sort_by_key(|(line, _)| *line);
        given
    }

    /// The keys that were given of a row (of a family, each) with their lines.
    pub(super) fn keys_of(&self, row: &Row) -> Vec<(String, usize)> {
        let is_of = |key: &str| row.family().map_or(key == row.key, |family| key.starts_with(family));
        let of_row = self.lines.iter().filter(|(key, _)| is_of(key));
        of_row.map(|(_, place)| (place.key.clone(), place.line)).collect()
    }

    pub(super) fn into_effective(self) -> EffectiveSection {
        EffectiveSection { title: self.title, line: self.line, entries: self.entries }
    }
}

impl Reader<'_> {
    /// Reads every entry, then the defaults of what was not given.
    pub(super) fn read(&mut self, kind: Kind, raw: &RawSection, draft: &mut Draft) -> Given {
        let mut given = Given::new(kind, raw);
        for entry in &raw.entries {
            self.entry(&mut given, entry, draft);
        }
        self.defaults(&mut given, draft);
        given
    }

    fn entry(&mut self, given: &mut Given, entry: &RawEntry, draft: &mut Draft) {
        let Some((row, name)) = table::find(given.kind, &entry.key) else {
            let suggestion = table::nearest(given.kind, &entry.key);
            let elsewhere = table::homes(&entry.key);
            given.meant.extend(suggestion.clone());
            let fault = Fault::UnknownKey { suggestion, elsewhere };
            self.report.add(entry.line, &given.title, &entry.key, fault);
            return;
        };
        let is_secret = row.is_secret(&name) && entry.value != "*";
        let at = At { row, name: &name, line: entry.line, is_hushed: is_secret || entry.value.starts_with('@') };
        match self.value(&at, given, entry, draft) {
            Ok((value, origin)) => {
                let key = row.family().map_or(row.key.to_owned(), |family| format!("{family}{name}"));
                let is_default = self.machine.of_row(row).is_some_and(|text| self.as_written(row, text) == value);
                given.entries.push(EffectiveEntry { key, value, origin, is_default, secret: is_secret });
            }
            Err(fault) => self.tell(&at, given, fault),
        }
    }

    /// Gives the value as it would be written, and where it came from.
    fn value(
        &mut self,
        at: &At<'_>,
        given: &mut Given,
        entry: &RawEntry,
        draft: &mut Draft,
    ) -> Result<(String, Origin), Fault> {
        if at.row.family().is_some() && at.name.is_empty() {
            return Err(Fault::NameNeeded { example: at.row.key.to_owned() });
        }
        let key = at.row.key_of(at.name);
        if let Some(first) = given.line_of(&key).filter(|_| !at.row.is_list()) {
            return Err(Fault::SecondKey { first });
        }
        given.lines.entry(key).or_insert_with(|| Place { line: entry.line, key: entry.key.clone() });
        if let Some(flaw) = &entry.flaw {
            return Err(flaw.clone());
        }
        let Some(path) = entry.value.strip_prefix('@') else {
            let members =
                if at.row.is_list() { quote::members(&entry.value) } else { vec![quote::unquoted(&entry.value)] };
            self.members(at, &members, !entry.value.is_empty(), given, draft)?;
            return Ok((self.as_written(at.row, &entry.value), Origin::Line(entry.line)));
        };
        let path = self.base.join(quote::unquoted(path));
        let shown_path = shown(&path.to_string_lossy());
        let text = self.outside.value(&path).map_err(|why| Fault::FileValue { path: shown_path, why })?;
        let members: Vec<&str> = if at.row.is_list() { quote::members_of_lines(&text) } else { vec![&text] };
        self.members(at, &members, false, given, draft)?;
        Ok((format!("@{}", path.display()), Origin::File { line: entry.line, path }))
    }

    /// Reads one value, or all members of a list so that each wrong one is told.
    fn members(
        &mut self,
        at: &At<'_>,
        members: &[&str],
        is_written: bool,
        given: &mut Given,
        draft: &mut Draft,
    ) -> Result<(), Fault> {
        // `set.request.X = ""` is a field with an empty value; anything else that is empty was forgotten.
        let may_be_empty = is_written && at.row.family().is_some();
        if members.iter().all(|member| member.is_empty()) && !may_be_empty {
            return Err(Fault::Empty { expected: at.row.expected() });
        }
        for member in members {
            match at.row.takes.set(draft, self.base, at.name, member) {
                Ok(()) => drop(given.read.insert(at.row.key)),
                Err(fault) => self.tell(at, given, fault),
            }
        }
        Ok(())
    }

    fn tell(&mut self, at: &At<'_>, given: &Given, fault: Fault) {
        let fault = if at.is_hushed { fault.hushed() } else { fault };
        let key = at.row.family().map_or(at.row.key.to_owned(), |family| format!("{family}{}", at.name));
        self.report.add(at.line, &given.title, &key, fault);
    }

    /// Relative paths are written out whole, so that the text means the same in another folder.
    fn as_written(&self, row: &Row, value: &str) -> String {
        match row.takes {
            Takes::Path(..) | Takes::NamedPath(..) => {
                quote::quoted(&self.base.join(quote::unquoted(value)).to_string_lossy())
            }
            _ => value.to_owned(),
        }
    }

    /// What holds where nothing was given. A route takes the defaults that mean something on it.
    fn defaults(&mut self, given: &mut Given, draft: &mut Draft) {
        let destinations = given.destinations();
        let unread: Vec<&'static Row> = given.kind.rows().filter(|row| !given.is_read(row.key)).collect();
        for row in unread {
            let applies = row.beside == Beside::Anything || destinations.iter().any(|(_, kind)| *kind == row.beside);
            match (self.machine.of_row(row), row.preset) {
                (Some(text), _) => self.default(row, text, applies, given, draft),
                (None, Preset::Needed) if !given.is_tried(row.key) => {
                    self.report.add(given.line, &given.title, row.key, Fault::Missing { expected: row.expected() });
                }
                (None, Preset::Is(_) | Preset::Needed | Preset::Unset(_)) => {}
            }
        }
    }

    fn default(&mut self, row: &'static Row, text: &str, applies: bool, given: &mut Given, draft: &mut Draft) {
        let members = if row.is_list() { quote::members(text) } else { vec![text] };
        for member in members {
            if let Err(fault) = row.takes.set(draft, self.base, "", member) {
                self.report.add(given.line, &given.title, row.key, fault);
            }
        }
        if applies && !given.is_tried(row.key) {
            let value = self.as_written(row, text);
            given.entries.push(EffectiveEntry {
                key: row.key.to_owned(),
                value,
                origin: Origin::Default,
                is_default: true,
                secret: false,
            });
        }
    }
}

impl Row {
    /// A key as it is compared: names of header fields are the same in any case, those of query parameters are not.
    fn key_of(&self, name: &str) -> String {
        match self.family() {
            None => self.key.to_owned(),
            Some(family @ ("query." | "check.query." | "claim." | "plan.")) => format!("{family}{name}"),
            Some(family) => format!("{family}{}", name.to_ascii_lowercase()),
        }
    }

    /// Whether nobody is to see the value: a password, or the text of a header field or query parameter of such a name.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        match (self.kind, self.key) {
            (Kind::User, "password")
            | (Kind::Jwt, "client.secret")
            | (Kind::Wifi, "passphrase" | "uplink.passphrase") => true,
            _ => {
                let holds_text = matches!(self.family(), Some("header." | "query." | "set.request." | "set.response."));
                holds_text && field::is_secret(name)
            }
        }
    }
}
