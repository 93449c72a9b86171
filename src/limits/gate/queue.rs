//! Who waits, in the order of turns.

use std::fmt;
use std::task::Waker;

use super::Path;
use crate::limits::Subject;

/// Tickets in all: each holds a connection open, and the last of them would wait too long to be of use.
pub(super) const MOST_WAITING: usize = 256;
/// Tickets of one client: a browser opens six connections, and a few may be behind one address.
pub(super) const MOST_OF_CLIENT: usize = 32;

#[derive(Default)]
pub(super) struct Queue {
    /// In the order of their turns: by round, then by number. At most [`MOST_WAITING`].
    line: Vec<Waiting>,
    /// Of the ticket that was served last.
    round: u64,
    /// Of the ticket that was given out last.
    number: u64,
}

pub(super) struct Waiting {
    number: u64,
    round: u64,
    client: Subject,
    pub(super) path: Path,
    /// `None` before the first poll, which will find out by itself.
    pub(super) waker: Option<Waker>,
}

/// Why somebody is sent away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// A gate is shut, and there is no waiting.
    Busy,
    /// The client has as many waiting as it may have.
    ClientQueue,
    /// There are as many waiting as there may be.
    Queue,
}

impl Queue {
    /// Gives the number of the ticket.
    pub(super) fn join(&mut self, client: Subject, path: Path) -> Result<u64, Full> {
        if self.line.len() >= MOST_WAITING {
            return Err(Full::Queue);
        }
        let own = self.line.iter().filter(|waiting| waiting.client == client);
        let (tickets, last) = own.fold((0, self.round), |(tickets, _), waiting| (tickets + 1, waiting.round));
        if tickets >= MOST_OF_CLIENT {
            return Err(Full::ClientQueue);
        }
        let round = last.saturating_add(1);
        self.number = self.number.wrapping_add(1);
        // A later number goes behind the others of its round.
        let at = self.line.partition_point(|waiting| waiting.round <= round);
        self.line.insert(at, Waiting { number: self.number, round, client, path, waker: None });
        Ok(self.number)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    pub(super) fn find(&self, number: u64) -> Option<usize> {
        self.line.iter().position(|waiting| waiting.number == number)
    }

    pub(super) fn get(&self, at: usize) -> Option<&Waiting> {
        self.line.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Waiting> {
        self.line.get_mut(at)
    }

    /// It is this one's turn.
    pub(super) fn serve(&mut self, at: usize) -> Option<Waiting> {
        let waiting = self.leave(at)?;
        self.round = self.round.max(waiting.round);
        Some(waiting)
    }

    /// Goes without a turn. Those behind keep their rounds.
    pub(super) fn leave(&mut self, at: usize) -> Option<Waiting> {
        (at < self.line.len()).then(|| self.line.remove(at))
    }
}

impl Waiting {
    /// Gives the waker of before, to be dropped where nothing is locked.
    pub(super) fn wake_by(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.waker {
            Some(same) if same.will_wake(waker) => None,
            Some(_) | None => self.waker.replace(waker.clone()),
        }
    }
}

impl Full {
    /// In logs and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Full::Busy => "busy",
            Full::ClientQueue => "client-queue-full",
            Full::Queue => "queue-full",
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Busy => "as many are being served at the same time as may be",
            Full::ClientQueue => "the client has as many waiting as it may have",
            Full::Queue => "as many are waiting as may be",
        })
    }
}
