//! Whose time is believed: what several servers said is weighed against each other and against the clock.
//!
//! Time servers prove nothing of who they are, and some are wrong. So most of those who answered must agree, and a
//! single one moves the clock by no more than a little, unless it is the only one that the file names. The clock is never
//! set back: what was written down, counted or let in at a time must not come before it again.

use std::fmt;
use std::time::Duration;

use super::sntp::Sample;
use crate::base::{Mono, Wall};

/// A single server among several is not believed beyond that (RFC 5905 §13, the panic threshold).
const LITTLE: Duration = Duration::from_secs(1000);
/// So often in a row the only server that there is has to say the same before it is believed whatever it says.
const STEADY: u32 = 3;
/// Two answers of one server say the same if they differ by no more than this: what the board's own quartz does in a
/// day.
const SAME: Duration = Duration::from_secs(5);
/// What is nearer than that is right: fields of HTTP tell whole seconds.
const NEAR: Duration = Duration::from_secs(1);
/// A clock that is ahead by more is not to be trusted with what ends or has not begun.
pub(crate) const TOLERABLE: Duration = Duration::from_secs(600);

/// What there is to tell about the clock of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockState {
    /// Whether the time is known: servers agree with the clock, or a clock with a battery told it at the start.
    pub(crate) sure: bool,
    /// Since when it is, by the clock itself.
    pub(crate) since: Option<Wall>,
    /// By how much the clock is ahead of what the servers say. It is never set back while the board runs.
    pub(crate) ahead_of_servers: Option<Duration>,
    /// Who told the time last, and when.
    pub(crate) last_server: Option<(String, Wall)>,
    /// Why the time is not known, or why it is not kept.
    pub(crate) trouble: Option<Trouble>,
}

/// What a round of answers says about the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// The clock is behind; this is the time.
    Forwards(Wall),
    /// The clock is ahead; this is the time.
    Ahead(Wall),
    NotKnown(Trouble),
}

/// Weighs answers, and remembers what a single server said in the rounds before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jury {
    single: Option<Single>,
}

/// What the only server said, as the time when the board was switched on, and how often in a row.
#[derive(Clone, Copy, Debug)]
struct Single {
    began: i64,
    times: u32,
}

impl Jury {
    /// `servers`: how many there are that could have answered. `wall`: what the clock says at `now`.
    pub(crate) fn judge(&mut self, samples: &[Sample], servers: usize, now: Mono, wall: Wall) -> Verdict {
        let single = self.single.take();
        let Some(agreed) = Agreed::of(samples, now) else {
            return Verdict::NotKnown(if samples.is_empty() { Trouble::Silent } else { Trouble::Torn });
        };
        let verdict = agreed.against(wall);
        let is_large = wall.since(agreed.time).max(agreed.time.since(wall)) > LITTLE;
        if agreed.votes > 1 || !is_large {
            return verdict;
        }
        let heard = Single::heard(single, agreed.time, now);
        self.single = Some(heard);
        if servers <= 1 && heard.times >= STEADY { verdict } else { Verdict::NotKnown(Trouble::Alone) }
    }
}

impl Single {
    fn heard(before: Option<Single>, time: Wall, now: Mono) -> Single {
        let began = time.as_millis().saturating_sub(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let same = |before: &Single| u128::from(before.began.abs_diff(began)) <= SAME.as_millis();
        match before.filter(same) {
            Some(before) => Single { times: before.times.saturating_add(1), ..before },
            None => Single { began, times: 1 },
        }
    }
}

/// What more than half of those who answered can all be right about.
struct Agreed {
    time: Wall,
    error: Duration,
    votes: usize,
}

impl Agreed {
    /// Marzullo's rule (RFC 5905 §11.2.1): each answer is a stretch of time in which the truth lies; the truth is where
    /// most of them overlap.
    fn of(samples: &[Sample], now: Mono) -> Option<Agreed> {
        let stretches = samples.iter().map(|sample| {
            let time = sample.time.after(now.since(sample.arrived)).as_millis();
            let error = i64::try_from(sample.error.as_millis()).unwrap_or(i64::MAX);
            (time.saturating_sub(error), time.saturating_add(error))
        });
        let covering = |begin: i64| {
            let those = stretches.clone().filter(move |(from, until)| *from <= begin && begin <= *until);
            let end = those.clone().map(|(_, until)| until).min().unwrap_or(begin);
            (those.count(), begin, end)
        };
        let (votes, begin, end) = stretches.clone().map(|(begin, _)| covering(begin)).max_by_key(|best| best.0)?;
        let half = end.saturating_sub(begin) / 2;
        let error = Duration::from_millis(u64::try_from(half).unwrap_or(0));
        let is_most = votes.saturating_mul(2) > samples.len();
        is_most.then(|| Agreed { time: Wall::from_millis(begin.saturating_add(half)), error, votes })
    }

    fn against(&self, wall: Wall) -> Verdict {
        let near = self.error.max(NEAR);
        if self.time.since(wall) > near {
            Verdict::Forwards(self.time)
        } else if wall.since(self.time) > near {
            Verdict::Ahead(self.time)
        } else {
            Verdict::Right
        }
    }
}

/// Why the clock is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The file says `time = off`.
    Off,
    /// No name of a time server leads to an address: mostly there is no link.
    NoNames,
    /// No time server answers.
    Silent,
    /// So large a step needs two servers that agree, and one answered.
    Alone,
    /// The servers do not agree.
    Torn,
    /// The system does not let us set the clock.
    NotSet(String),
    /// The time cannot be written down for the next start.
    NotSaved(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Off => f.write_str("no time server is asked, for the file says time = off"),
            Trouble::NoNames => f.write_str("no time server can be found; is there a link?"),
            Trouble::Silent => f.write_str("no time server answers"),
            Trouble::Alone => f.write_str(
                "one time server says that the clock is far behind; two that agree are needed to believe that",
            ),
            Trouble::Torn => f.write_str("the time servers do not agree"),
            Trouble::NotSet(cause) => write!(f, "the clock cannot be set: {cause}"),
            Trouble::NotSaved(cause) => write!(f, "the time cannot be written down for the next start: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z
    const TIME: i64 = 1_800_000_000_000;
    const DAY: i64 = 86_400_000;
    const NOW: Mono = Mono::from_millis(60_000);

    /// A server that is off by `offset` milliseconds and knows its error as 50.
    fn says(offset: i64) -> Sample {
        Sample { time: Wall::from_millis(TIME - 500 + offset), arrived: Mono::from_millis(59_500), error: ERROR }
    }

    const ERROR: Duration = Duration::from_millis(50);

    fn check(offsets: &[i64], servers: usize, wall: i64) -> Verdict {
        let samples: Vec<Sample> = offsets.iter().copied().map(says).collect();
        Jury::default().judge(&samples, servers, NOW, Wall::from_millis(TIME + wall))
    }

    fn forwards(offset: i64) -> Verdict {
        Verdict::Forwards(Wall::from_millis(TIME + offset))
    }

    fn ahead(offset: i64) -> Verdict {
        Verdict::Ahead(Wall::from_millis(TIME + offset))
    }

    fn not_known(trouble: Trouble) -> Verdict {
        Verdict::NotKnown(trouble)
    }

    #[test]
    fn most_must_agree_and_one_alone_moves_the_clock_a_little() {
        let year = 365 * DAY;
        let table = [
            ("nobody", check(&[], 4, 0), not_known(Trouble::Silent)),
            ("all well", check(&[0, 10, -10, 5], 4, 0), Verdict::Right),
            ("nearly", check(&[0, 0], 4, -900), Verdict::Right),
            ("a little behind", check(&[0, 0], 4, -1100), forwards(0)),
            ("a little ahead", check(&[0, 0], 4, 1100), ahead(0)),
            ("a year behind", check(&[0, 0], 4, -year), forwards(0)),
            ("ten years behind", check(&[0, 0, 0], 4, -10 * year), forwards(0)),
            ("a year ahead: told, not set back", check(&[0, 0], 4, year), ahead(0)),
            ("one of three is false", check(&[0, year, 0], 4, -DAY), forwards(0)),
            ("a false one cannot move a right clock", check(&[year, 0, 0], 4, 0), Verdict::Right),
            ("nor one that is late", check(&[0, -3000, 0], 4, 0), Verdict::Right),
            ("one each", check(&[0, year], 4, -DAY), not_known(Trouble::Torn)),
            ("two each", check(&[0, year, 0, year], 4, -DAY), not_known(Trouble::Torn)),
            ("three of four", check(&[0, year, 0, 0], 4, -DAY), forwards(0)),
            ("overlapping", check(&[0, 80], 4, -DAY), forwards(40)),
            ("not overlapping", check(&[0, 120], 4, -DAY), not_known(Trouble::Torn)),
            ("alone, a little", check(&[0], 4, -900_000), forwards(0)),
            ("alone, a little ahead", check(&[0], 4, 900_000), ahead(0)),
            ("alone, and far", check(&[0], 4, -1_100_000), not_known(Trouble::Alone)),
            ("alone, and far ahead", check(&[0], 4, DAY), not_known(Trouble::Alone)),
            ("alone, once, and there is no other", check(&[0], 1, -DAY), not_known(Trouble::Alone)),
        ];
        for (name, verdict, expected) in table {
            assert_eq!(verdict, expected, "{name}");
        }
    }

    #[test]
    fn the_only_server_there_is_is_believed_once_it_is_steady() {
        let mut jury = Jury::default();
        let mut round = |minutes: i64, offset: i64, servers: usize| {
            let passed = Duration::from_secs(u64::try_from(minutes * 60).unwrap());
            let sample = Sample {
                time: Wall::from_millis(TIME + offset).after(passed),
                arrived: NOW.after(passed),
                error: ERROR,
            };
            jury.judge(&[sample], servers, NOW.after(passed), Wall::from_millis(TIME - DAY).after(passed))
        };
        assert_eq!(round(0, 0, 1), not_known(Trouble::Alone));
        assert_eq!(round(1, 0, 1), not_known(Trouble::Alone));
        assert_eq!(round(2, 7000, 1), not_known(Trouble::Alone), "it says something else");
        assert_eq!(round(3, 7000, 1), not_known(Trouble::Alone));
        assert_eq!(round(4, 7100, 4), not_known(Trouble::Alone), "there are others, that do not answer");
        assert_eq!(round(5, 7000, 1), forwards(5 * 60_000 + 7000));
    }

    #[test]
    fn a_poor_link_does_not_make_the_clock_run_to_and_fro() {
        let poor = Sample { error: Duration::from_millis(1400), ..says(1300) };
        assert_eq!(Jury::default().judge(&[poor], 1, NOW, Wall::from_millis(TIME)), Verdict::Right);
    }
}
