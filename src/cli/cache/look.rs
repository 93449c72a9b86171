//! The commands that only look: `stat`, `list`, `show`, `verify`.

use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;

use miniserde::{Serialize, json};

use super::words::Selection;
use super::{Desk, Trouble};
use crate::base::{Size, Wall};
use crate::cache::{Card, Kept, Sight, tags};
use crate::cli::EXIT_FAILURE;
use crate::cli::control::Answer;
use crate::gateway::{Extent, Located};
use crate::http::date;

/// Ranges of an answer that are shown to people; programs get all.
const MOST_RANGES: usize = 20;

#[derive(Serialize, Default)]
struct Totals {
    folder: String,
    whole: u64,
    in_parts: u64,
    bytes_on_card: u64,
    allowed_bytes: u64,
    free_bytes: u64,
    keep_free_bytes: u64,
    /// What the running gateway says; `null` where none runs.
    gateway: Option<Answer>,
}

#[derive(Serialize)]
struct Line {
    key: String,
    status: u16,
    tags: Vec<String>,
    variant: Option<String>,
    whole: bool,
    present_bytes: u64,
    body_bytes: Option<u64>,
    bytes_on_card: u64,
    received: String,
    clock_sure: bool,
    stale: bool,
    pinned: bool,
}

#[derive(Serialize)]
struct Sheet {
    answer: Line,
    route: Option<String>,
    age_seconds: Option<u64>,
    ttl_seconds: Option<i64>,
    present: Vec<String>,
    missing: Vec<String>,
    sound_bytes: u64,
    damaged_bytes: u64,
    file: String,
    fields: Vec<String>,
}

#[derive(Serialize)]
struct Bad {
    file: String,
    key: Option<String>,
    damaged_bytes: u64,
}

#[derive(Serialize, Default)]
struct Verdict {
    answers: u64,
    lists: u64,
    sound_bytes: u64,
    damaged: u64,
}

impl Desk {
    /// Counted from the folder's names alone: it takes a moment, not minutes. Lists of variants count as well.
    pub(super) fn stat(&self, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let card = self.card()?;
        let config = &self.config.cache;
        let mut totals = Totals {
            folder: config.dir.display().to_string(),
            allowed_bytes: config.size.as_u64(),
            keep_free_bytes: config.keep_free.as_u64(),
            free_bytes: card.free(),
            ..Totals::default()
        };
        for seen in card.all() {
            match seen.is_partial() {
                false => totals.whole += 1,
                true => totals.in_parts += 1,
            }
            totals.bytes_on_card = totals.bytes_on_card.saturating_add(seen.bytes);
        }
        let running = self.running();
        if self.json {
            totals.gateway = running;
            writeln!(out, "{}", json::to_string(&totals))?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "folder    {}", totals.folder)?;
        writeln!(out, "objects   {} whole, {} in part", totals.whole, totals.in_parts)?;
        writeln!(out, "on card   {} of {} allowed", Size::bytes(totals.bytes_on_card), config.size)?;
        writeln!(
            out,
            "free      {}, of which {} are left to others",
            Size::bytes(totals.free_bytes),
            config.keep_free
        )?;
        self.print_running(running.as_ref(), out)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print_running(&self, running: Option<&Answer>, out: &mut dyn Write) -> io::Result<()> {
        let Some(running) = running else { return writeln!(out, "gateway   none runs on {}", self.file.display()) };
        let count = |name: &str| running.counts.get(name).copied().unwrap_or(0);
        writeln!(out, "gateway   {}", running.note.as_deref().unwrap_or("runs"))?;
        writeln!(out, "in RAM    {} answers, {}", count("hot answers"), Size::bytes(count("hot bytes")))?;
        writeln!(out, "coming    {} downloads", count("downloads under way"))?;
        match count("purges waiting") {
            0 => Ok(()),
            waiting => writeln!(out, "purges    {waiting} are being carried out"),
        }
    }

    pub(super) fn list(&self, what: &Selection, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let (card, picker) = (self.card()?, self.picker(what)?);
        if !self.json {
            writeln!(out, "{:>10}  {:>6}  {:>6}  {:<10}  {:<19}  URL", "SIZE", "THERE", "STATUS", "STATE", "CAME")?;
        }
        for seen in card.all() {
            let Sight::Answer(kept) = card.read(&seen) else { continue };
            if !picker.picks(&kept) {
                continue;
            }
            match self.json {
                true => writeln!(out, "{}", json::to_string(&line(&kept)))?,
                false => print_line(&kept, out)?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn show(&self, url: &str, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let (card, now) = (self.card()?, self.now());
        let located = self.locate(url, Extent::Whole)?;
        let mut found = 0;
        for located in &located {
            for kept in kept_for(&card, located) {
                let file = card.path(&kept.seen).display().to_string();
                let targets = &self.config.cache.targets;
                let freshness = kept.freshness(&located.cache, targets, now);
                let sheet = sheet(&kept, located.route.clone(), file, freshness);
                if self.json {
                    writeln!(out, "{}", json::to_string(&sheet))?;
                } else {
                    print_sheet(&sheet, found > 0, out)?;
                }
                found += 1;
            }
        }
        if found == 0 {
            let keys: Vec<&str> = located.iter().map(|located| located.key.as_str()).collect();
            let tried = keys.join("\n  ");
            return Err(Trouble::Told(format!("nothing is kept for {url}; it would be kept as\n  {tried}")));
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn verify(&self, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let card = self.card()?;
        let mut verdict = Verdict::default();
        for seen in card.all() {
            let path = card.path(&seen);
            let bad = match card.read(&seen) {
                Sight::Gone => None,
                Sight::List => {
                    verdict.lists += 1;
                    None
                }
                Sight::Unsound => Some(Bad { file: path.display().to_string(), key: None, damaged_bytes: 0 }),
                Sight::Answer(kept) => {
                    verdict.answers += 1;
                    let read = kept.verify();
                    verdict.sound_bytes = verdict.sound_bytes.saturating_add(read.sound);
                    let file = path.display().to_string();
                    // What was evicted while it was read is no damage.
                    let bad = read.damaged > 0 && path.exists();
                    bad.then(|| Bad { file, key: Some(kept.key()), damaged_bytes: read.damaged })
                }
            };
            if let Some(bad) = bad {
                verdict.damaged += 1;
                self.print_bad(&bad, out)?;
            }
        }
        self.print_verdict(&verdict, out)?;
        Ok(if verdict.damaged == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
    }

    fn print_bad(&self, bad: &Bad, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", json::to_string(bad));
        }
        match &bad.key {
            Some(key) => writeln!(out, "damaged   {} of {key} ({})", Size::bytes(bad.damaged_bytes), bad.file),
            None => writeln!(out, "damaged   {} is not what was written", bad.file),
        }
    }

    fn print_verdict(&self, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", json::to_string(verdict));
        }
        let Verdict { answers, sound_bytes, damaged, .. } = verdict;
        writeln!(out, "{answers} answers, {} are as they were written", Size::bytes(*sound_bytes))?;
        match damaged {
            0 => Ok(()),
            1 => writeln!(out, "1 is damaged: it is never served, and fetched again when somebody asks for it"),
            _ => writeln!(out, "{damaged} are damaged: they are never served, and fetched again when somebody asks"),
        }
    }
}

/// Where fields or cookies count, only a look at everything finds all.
fn kept_for(card: &Card, located: &Located) -> Vec<Kept> {
    let mut kept = card.find(&located.key);
    if let Some(beginning) = located.with_more() {
        let answers = card.all().filter_map(|seen| match card.read(&seen) {
            Sight::Answer(kept) => Some(*kept),
            Sight::List | Sight::Unsound | Sight::Gone => None,
        });
        kept.extend(answers.filter(|kept| kept.key().starts_with(&beginning)));
    }
    kept
}

fn line(kept: &Kept) -> Line {
    let present = kept.present();
    Line {
        key: kept.key(),
        status: kept.status(),
        tags: tags::of(kept.fields().as_bytes()),
        variant: kept.selection(),
        whole: kept.is_complete(),
        present_bytes: length(&present),
        body_bytes: kept.body_len(),
        bytes_on_card: kept.seen.bytes,
        received: said(kept.received()),
        clock_sure: kept.sure(),
        stale: kept.invalidated(),
        pinned: kept.pinned(),
    }
}

fn print_line(kept: &Kept, out: &mut dyn Write) -> io::Result<()> {
    let there = length(&kept.present());
    let size = kept.body_len().map_or_else(|| "?".to_owned(), |len| Size::bytes(len).to_string());
    let part = match kept.body_len() {
        Some(len) if !kept.is_complete() => format!("{} %", there.saturating_mul(100) / len.max(1)),
        None => Size::bytes(there).to_string(),
        Some(_) => "all".to_owned(),
    };
    let state = match (kept.invalidated(), kept.pinned()) {
        (true, _) => "stale",
        (false, true) => "pinned",
        (false, false) => "",
    };
    let came = short(kept.received());
    writeln!(out, "{size:>10}  {part:>6}  {:>6}  {state:<10}  {came:<19}  {}", kept.status(), visible(&kept.key()))
}

fn sheet(kept: &Kept, route: Option<String>, file: String, freshness: Option<(u64, i64)>) -> Sheet {
    let present = kept.present();
    let missing = holes(&present, kept.body_len());
    let read = kept.verify();
    Sheet {
        answer: line(kept),
        route,
        age_seconds: freshness.map(|(age, _)| age),
        ttl_seconds: freshness.map(|(_, ttl)| ttl),
        present: present.iter().map(range).collect(),
        missing: missing.iter().map(range).collect(),
        sound_bytes: read.sound,
        damaged_bytes: read.damaged,
        file,
        fields: kept.fields().lines().map(visible).collect(),
    }
}

fn print_sheet(sheet: &Sheet, another: bool, out: &mut dyn Write) -> io::Result<()> {
    let answer = &sheet.answer;
    if another {
        writeln!(out)?;
    }
    let mut row = |name: &str, value: &str| writeln!(out, "{name:<9} {value}");
    row("key", &visible(&answer.key))?;
    if let Some(variant) = &answer.variant {
        row("variant", variant)?;
    }
    if let Some(route) = &sheet.route {
        row("route", route)?;
    }
    row("came", &format!("{}{}", answer.received, if answer.clock_sure { "" } else { " (the clock was not sure)" }))?;
    row("fresh", &freshness(sheet))?;
    row("there", &there(answer))?;
    if !answer.whole {
        row("ranges", &some_of(&sheet.present))?;
        row("holes", &some_of(&sheet.missing))?;
    }
    row("checked", &checked(sheet))?;
    if !answer.tags.is_empty() {
        row("tags", &answer.tags.iter().map(|tag| visible(tag)).collect::<Vec<_>>().join(", "))?;
    }
    if answer.pinned {
        row("pinned", "never leaves to make room")?;
    }
    row("on card", &format!("{} in {}", Size::bytes(answer.bytes_on_card), sheet.file))?;
    row("head", &answer.status.to_string())?;
    sheet.fields.iter().try_for_each(|field| row("", field))
}

fn freshness(sheet: &Sheet) -> String {
    let (Some(age), Some(ttl)) = (sheet.age_seconds, sheet.ttl_seconds) else { return "unknown".to_owned() };
    let age = span(age);
    match ttl {
        _ if sheet.answer.stale => format!("marked stale, {age} old: the upstream is asked before it is used"),
        ttl if ttl > 0 => format!("for another {}, {age} old", span(ttl.unsigned_abs())),
        ttl => format!("stale since {}, {age} old", span(ttl.unsigned_abs())),
    }
}

fn there(answer: &Line) -> String {
    let present = Size::bytes(answer.present_bytes);
    match answer.body_bytes {
        Some(_) if answer.whole => format!("all of {present} ({} bytes)", answer.present_bytes),
        Some(len) => format!("{present} of {} ({} of {len} bytes)", Size::bytes(len), answer.present_bytes),
        None => format!("{present} of an unknown length"),
    }
}

fn checked(sheet: &Sheet) -> String {
    match sheet.damaged_bytes {
        0 => "every byte is as it was written".to_owned(),
        damaged => format!("{} are not as they were written, and are never served", Size::bytes(damaged)),
    }
}

fn holes(present: &[Range<u64>], body_len: Option<u64>) -> Vec<Range<u64>> {
    let mut holes = Vec::new();
    let mut position = 0;
    for range in present {
        if range.start > position {
            holes.push(position..range.start);
        }
        position = range.end;
    }
    if let Some(len) = body_len.filter(|len| *len > position) {
        holes.push(position..len);
    }
    holes
}

fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum()
}

/// As HTTP names ranges: the last byte counts.
fn range(range: &Range<u64>) -> String {
    format!("{}-{}", range.start, range.end.saturating_sub(1))
}

fn some_of(ranges: &[String]) -> String {
    let shown = ranges.iter().take(MOST_RANGES).cloned().collect::<Vec<_>>().join(", ");
    match ranges.len().saturating_sub(MOST_RANGES) {
        0 if ranges.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What came from outside must not steer a terminal.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { '\u{fffd}' } else { sign }).collect()
}

fn said(time: Wall) -> String {
    let mut text = [0; 29];
    date::format(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// `01 Jun 2026 12:00`
fn short(time: Wall) -> String {
    said(time).get(5..22).unwrap_or_default().to_owned()
}

fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min")];
    let Some(at) = units.iter().position(|(length, _)| seconds >= *length) else { return format!("{seconds} s") };
    let (length, name) = units.get(at).copied().unwrap_or((1, "s"));
    let (smaller, smaller_name) = units.get(at + 1).copied().unwrap_or((1, "s"));
    match seconds % length / smaller {
        0 => format!("{} {name}", seconds / length),
        rest => format!("{} {name} {rest} {smaller_name}", seconds / length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_lie_between_what_is_there() {
        let check = |present: &[(u64, u64)], len, expected: &[(u64, u64)]| {
            let present: Vec<_> = present.iter().map(|(start, end)| *start..*end).collect();
            let found: Vec<_> = holes(&present, len).into_iter().map(|hole| (hole.start, hole.end)).collect();
            assert_eq!(found, expected);
        };
        check(&[(10, 20), (30, 40)], Some(50), &[(0, 10), (20, 30), (40, 50)]);
        check(&[(0, 50)], Some(50), &[]);
        check(&[], Some(7), &[(0, 7)]);
        check(&[(5, 6)], None, &[(0, 5)]);
        assert_eq!((range(&(0..10)), length(&[0..10, 20..25])), ("0-9".to_owned(), 15));
    }

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, text) in [(5, "5 s"), (60, "1 min"), (3725, "1 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn what_came_from_outside_does_not_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\r"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
