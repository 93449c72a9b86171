//! Counters as bytes, for the ledger.
//!
//! One record for each caller of each plan or route, and one, [`CLOCK`], for the time that counters go by. Numbers are
//! little-endian.
//!
//! ```text
//! counters  1  version (1)
//!           1  holder: 0 plan, 1 route
//!           2  length of the holder's name     n  name
//!           2  length of the caller's name     n  name
//!           then, for each counter:
//!           1  unit and period: 0–2 requests in an hour, a day, a month, 3–5 bytes
//!           1  periods that follow (0–3), the latest first: 4 label, 8 used
//! clock     1  version (1)
//!           8  milliseconds of UTC
//! ```

use std::iter;

use crate::base::Wall;

use super::allowances::{Holder, Measure};
use super::calendar::Label;
use super::counter::Counter;

pub(super) const CLOCK: &str = "clock";

const VERSION: u8 = 1;

/// What a record of counters says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Counted {
    pub(super) holder: Holder,
    pub(super) name: String,
    pub(super) caller: String,
    pub(super) counters: Vec<Counter>,
}

/// The record's name. The length keeps two that are put together differently apart.
pub(super) fn name(holder: Holder, name: &str, caller: &str) -> String {
    format!("{}:{}:{name}:{caller}", holder.word(), name.len())
}

/// Whose record it is: holder, the holder's name, the caller's.
pub(super) fn parse_name(text: &str) -> Option<(Holder, &str, &str)> {
    let (word, rest) = text.split_once(':')?;
    let holder = [Holder::Plan, Holder::Route].into_iter().find(|holder| holder.word() == word)?;
    let (length, rest) = rest.split_once(':')?;
    let (name, caller) = rest.split_at_checked(length.parse().ok()?)?;
    Some((holder, name, caller.strip_prefix(':')?))
}

impl Counted {
    pub(super) fn write(holder: Holder, name: &str, caller: &str, counters: &[Counter]) -> Vec<u8> {
        let holder = match holder {
            Holder::Plan => 0,
            Holder::Route => 1,
        };
        let mut bytes = vec![VERSION, holder];
        put_text(&mut bytes, name);
        put_text(&mut bytes, caller);
        counters.iter().for_each(|counter| put_counter(&mut bytes, counter));
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Counted> {
        let mut rest = Rest(bytes);
        if rest.byte()? != VERSION {
            return None;
        }
        let holder = match rest.byte()? {
            0 => Holder::Plan,
            1 => Holder::Route,
            _ => return None,
        };
        let (name, caller) = (rest.text()?, rest.text()?);
        let mut counters = Vec::new();
        while !rest.0.is_empty() {
            counters.push(rest.counter()?);
        }
        Some(Counted { holder, name, caller, counters })
    }
}

pub(super) fn write_clock(time: Wall) -> Vec<u8> {
    iter::once(VERSION).chain(time.as_millis().to_le_bytes()).collect()
}

pub(super) fn read_clock(bytes: &[u8]) -> Option<Wall> {
    let mut rest = Rest(bytes);
    let version = rest.byte()?;
    let millis = i64::from_le_bytes(rest.array()?);
    (version == VERSION && rest.0.is_empty()).then_some(Wall::from_millis(millis))
}

/// Names are at most as long as [`super::caller::LONGEST`] and what a configuration may hold.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.bytes().take(usize::from(length)));
}

fn put_counter(bytes: &mut Vec<u8>, counter: &Counter) {
    let count = u8::try_from(counter.uses().count()).unwrap_or(0);
    bytes.extend([counter.measure.code(), count]);
    for (label, used) in counter.uses() {
        bytes.extend(label.number().to_le_bytes());
        bytes.extend(used.to_le_bytes());
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn counter(&mut self) -> Option<Counter> {
        let measure = Measure::from_code(self.byte()?)?;
        let count = self.byte()?;
        let uses: Option<Vec<(Label, u64)>> = (0..count).map(|_| self.single_use()).collect();
        Counter::of(measure, uses?.into_iter())
    }

    fn single_use(&mut self) -> Option<(Label, u64)> {
        let label = Label::from_number(i32::from_le_bytes(self.array()?));
        Some((label, u64::from_le_bytes(self.array()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Counted {
        let counters = (0..6).filter_map(Measure::from_code).map(|measure| {
            let mut counter = Counter::new(measure);
            (0..=i32::from(measure.code())).for_each(|at| counter.add(7, Label::from_number(100 + at)));
            counter
        });
        let (name, caller) = ("clinic".to_owned(), "key/k7f3".to_owned());
        Counted { holder: Holder::Route, name, caller, counters: counters.collect() }
    }

    fn written(counted: &Counted) -> Vec<u8> {
        Counted::write(counted.holder, &counted.name, &counted.caller, &counted.counters)
    }

    #[test]
    fn what_is_written_is_read() {
        let counted = counted();
        assert_eq!(Counted::read(&written(&counted)), Some(counted));
        let time = Wall::from_millis(1_793_700_000_123);
        assert_eq!(read_clock(&write_clock(time)), Some(time));
        assert_ne!(name(Holder::Plan, "a:b", "c"), name(Holder::Plan, "a", "b:c"));
        for (holder, own, caller) in
            [(Holder::Plan, "a:b", "c"), (Holder::Route, "", "key/1:2"), (Holder::Plan, "é", "")]
        {
            assert_eq!(parse_name(&name(holder, own, caller)), Some((holder, own, caller)));
        }
        for nonsense in
            ["", "clock", "plan:2:a", "plan:x:a:b", "plan:1:a", "club:1:a:b", "plan:99999999999999999999:a:b"]
        {
            assert_eq!(parse_name(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn cut_and_changed_records_break_nothing() {
        let whole = written(&counted());
        for length in 0..whole.len() {
            let read = Counted::read(&whole[..length]);
            assert!(read.is_none_or(|read| read.counters.len() < 6), "{length}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = Counted::read(&changed);
            }
        }
        assert_eq!(read_clock(b"\x0212345678"), None);
        assert_eq!(read_clock(b"\x0112345678 "), None);
    }
}
