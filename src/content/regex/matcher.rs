//! All ways to match at once: a list of operations that stand at the same character.

use super::super::unfit::{Steps, Unfit};
use super::program::{Op, Program};
use super::set::WORD;

/// Lists that are used again for each match: 6 bytes for each operation of the largest pattern so far.
#[derive(Debug, Default)]
pub(in crate::content) struct Scratch {
    now: Vec<u16>,
    next: Vec<u16>,
    /// For each operation the character (counted from 1) at which it was last put into a list.
    seen: Vec<u32>,
    stack: Vec<u16>,
}

pub(super) fn is_match(program: &Program, text: &str, scratch: &mut Scratch, steps: &mut Steps) -> Result<bool, Unfit> {
    let place = Place { text, at: 0 };
    Run { program, steps }.search(0, place, program.anchored, scratch)
}

/// A place between characters.
#[derive(Clone, Copy)]
struct Place<'t> {
    text: &'t str,
    at: usize,
}

struct Run<'r> {
    program: &'r Program,
    steps: &'r mut Steps,
}

impl Run<'_> {
    /// Whether the operations from `start` on match from this place, or (not `anchored`) from a later one.
    fn search(&mut self, start: u16, mut place: Place<'_>, anchored: bool, lists: &mut Scratch) -> Result<bool, Unfit> {
        // Making the lists ready costs, too.
        self.steps.take(1 + self.program.ops.len() as u64 / 32)?;
        lists.seen.clear();
        lists.seen.resize(self.program.ops.len(), 0);
        lists.now.clear();
        lists.next.clear();
        let mut number = 1;
        let mut chars = place.text.get(place.at..).unwrap_or_default().chars();
        let mut first = true;
        loop {
            if (first || !anchored) && self.follow(start, place, number, lists)? {
                return Ok(true);
            }
            first = false;
            std::mem::swap(&mut lists.now, &mut lists.next);
            lists.next.clear();
            let Some(c) = chars.next() else { return Ok(false) };
            if anchored && lists.now.is_empty() {
                return Ok(false);
            }
            place.at += c.len_utf8();
            number += 1;
            let now = std::mem::take(&mut lists.now);
            self.steps.take(now.len() as u64 + 1)?;
            for op in &now {
                if self.takes(*op, c) && self.follow(op + 1, place, number, lists)? {
                    return Ok(true);
                }
            }
            lists.now = now;
        }
    }

    fn takes(&self, op: u16, c: char) -> bool {
        match self.program.ops.get(usize::from(op)) {
            Some(Op::One(wanted)) => *wanted == c,
            Some(Op::Set(set)) => self.program.sets.get(usize::from(*set)).is_some_and(|set| set.has(c)),
            _ => false,
        }
    }

    /// Puts into the list what waits for the next character, behind all that needs none. `true`: it matches here.
    fn follow(&mut self, op: u16, place: Place<'_>, number: u32, lists: &mut Scratch) -> Result<bool, Unfit> {
        lists.stack.clear();
        lists.stack.push(op);
        while let Some(op) = lists.stack.pop() {
            let Some(seen) = lists.seen.get_mut(usize::from(op)).filter(|seen| **seen != number) else { continue };
            *seen = number;
            self.steps.take(1)?;
            match self.program.ops.get(usize::from(op)) {
                Some(Op::One(_) | Op::Set(_)) => lists.next.push(op),
                Some(Op::Fork(one, other)) => lists.stack.extend([*other, *one]),
                Some(Op::Jump(to)) => lists.stack.push(*to),
                Some(Op::Start) if place.at == 0 => lists.stack.push(op + 1),
                Some(Op::End) if place.at == place.text.len() => lists.stack.push(op + 1),
                Some(Op::Boundary(wanted)) if place.is_boundary() == *wanted => lists.stack.push(op + 1),
                Some(Op::Ahead(wanted, to)) => {
                    if self.search(op + 1, place, true, &mut Scratch::default())? == *wanted {
                        lists.stack.push(*to);
                    }
                }
                Some(Op::Start | Op::End | Op::Boundary(_)) => {}
                Some(Op::Match) | None => return Ok(true),
            }
        }
        Ok(false)
    }
}

impl Place<'_> {
    fn is_boundary(self) -> bool {
        let is_word = |c: char| WORD.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
        let (before, behind) = self.text.split_at_checked(self.at).unwrap_or_default();
        before.chars().next_back().is_some_and(is_word) != behind.chars().next().is_some_and(is_word)
    }
}
