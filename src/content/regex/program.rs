//! A pattern as a list of small operations.

use super::BadPattern;
use super::parse::Node;
use super::set::Set;

/// Operations of one pattern: at most 64 KB, and so many steps for a character at worst.
pub(super) const MAX_OPS: usize = 8192;

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) sets: Vec<Set>,
    /// Can match from the beginning of the text only.
    pub(super) anchored: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// One character of the set; then the next operation.
    Set(u16),
    One(char),
    /// Both of these; the other operations go on with the next one.
    Fork(u16, u16),
    Jump(u16),
    Start,
    End,
    Boundary(bool),
    /// Whether what begins with the next operation matches here; goes on at the place given.
    Ahead(bool, u16),
    Match,
}

impl Program {
    pub(super) fn new(pattern: &Node) -> Result<Program, BadPattern> {
        let mut program = Program { ops: Vec::new(), sets: Vec::new(), anchored: is_anchored(pattern) };
        program.add(pattern)?;
        program.push(Op::Match)?;
        Ok(program)
    }

    fn add(&mut self, node: &Node) -> Result<(), BadPattern> {
        match node {
            Node::Set(set) => self.set(set),
            Node::All(parts) => parts.iter().try_for_each(|part| self.add(part)),
            Node::Any(ways) => self.any(ways),
            Node::Repeat(node, least, most) => self.repeat(node, *least, *most),
            Node::Start => self.push(Op::Start).map(drop),
            Node::End => self.push(Op::End).map(drop),
            Node::Boundary(wanted) => self.push(Op::Boundary(*wanted)).map(drop),
            Node::Ahead(node, wanted) => {
                let ahead = self.push(Op::Ahead(*wanted, 0))?;
                self.add(node)?;
                self.push(Op::Match)?;
                self.put(ahead, Op::Ahead(*wanted, self.next()));
                Ok(())
            }
        }
    }

    fn set(&mut self, set: &Set) -> Result<(), BadPattern> {
        if let [(first, last)] = set.ranges()
            && first == last
            && let Some(c) = char::from_u32(*first)
        {
            return self.push(Op::One(c)).map(drop);
        }
        let known = self.sets.iter().position(|known| known == set);
        let place = known.unwrap_or_else(|| {
            self.sets.push(set.clone());
            self.sets.len() - 1
        });
        self.push(Op::Set(u16::try_from(place).map_err(|_| BadPattern::TooLarge)?)).map(drop)
    }

    fn any(&mut self, ways: &[Node]) -> Result<(), BadPattern> {
        let Some((last, others)) = ways.split_last() else { return Ok(()) };
        let mut ends = Vec::with_capacity(others.len());
        for way in others {
            let fork = self.push(Op::Match)?;
            self.add(way)?;
            ends.push(self.push(Op::Match)?);
            self.put(fork, Op::Fork(fork + 1, self.next()));
        }
        self.add(last)?;
        let end = self.next();
        ends.into_iter().for_each(|place| self.put(place, Op::Jump(end)));
        Ok(())
    }

    fn repeat(&mut self, node: &Node, least: u32, most: Option<u32>) -> Result<(), BadPattern> {
        let before = self.ops.len();
        for done in 0..least {
            self.add(node)?;
            if self.ops.len() == before && done == 0 {
                // Nothing at all, however often.
                return Ok(());
            }
        }
        match most {
            None => {
                let fork = self.push(Op::Match)?;
                self.add(node)?;
                self.push(Op::Jump(fork))?;
                self.put(fork, Op::Fork(fork + 1, self.next()));
            }
            Some(most) => {
                let mut forks = Vec::new();
                for _ in least..most {
                    forks.push(self.push(Op::Match)?);
                    self.add(node)?;
                }
                let end = self.next();
                forks.into_iter().for_each(|fork| self.put(fork, Op::Fork(fork + 1, end)));
            }
        }
        Ok(())
    }

    fn push(&mut self, op: Op) -> Result<u16, BadPattern> {
        let place = self.next();
        if self.ops.len() >= MAX_OPS {
            return Err(BadPattern::TooLarge);
        }
        self.ops.push(op);
        Ok(place)
    }

    fn put(&mut self, place: u16, op: Op) {
        if let Some(found) = self.ops.get_mut(usize::from(place)) {
            *found = op;
        }
    }

    /// The place of the operation that comes next; [`MAX_OPS`] fits.
    fn next(&self) -> u16 {
        u16::try_from(self.ops.len()).unwrap_or(u16::MAX)
    }
}

fn is_anchored(node: &Node) -> bool {
    match node {
        Node::Start => true,
        Node::All(parts) => parts.first().is_some_and(is_anchored),
        Node::Any(ways) => ways.iter().all(is_anchored),
        Node::Set(_) | Node::Repeat(..) | Node::End | Node::Boundary(_) | Node::Ahead(..) => false,
    }
}
