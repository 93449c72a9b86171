//! The questions and answers of time servers: SNTP, the part of NTP that a client needs (RFC 5905 §7.3, §14; RFC 4330 §5).
//!
//! A question holds nothing but a random number where a client's own time would stand. The server repeats it, so only
//! who saw the question can answer it, and nobody learns what a board takes the time to be.

use std::time::Duration;

use crate::base::{LONGEST_USE, Mono, Wall};

/// Where time servers listen.
pub(crate) const PORT: u16 = 123;
/// The head of a packet; what may follow (extensions, a code of authenticity) is not read.
pub(crate) const PACKET: usize = 48;

/// No leap announced, version 4, mode 3: a client.
const CLIENT: u8 = (4 << 3) | 3;
const SERVER_MODE: u8 = 4;
/// A server says so of itself that does not know the time.
const ALARM: u8 = 3;
/// From here on "unsynchronized".
const STRATUM_END: u8 = 16;
/// From the first second of 1900, where NTP begins to count, to that of 1970.
const EPOCH_1970: i64 = 2_208_988_800;
/// Seconds after which the counter of a timestamp begins anew, the first time in 2036.
const ERA: i64 = 1 << 32;
/// How far a server may be from a reference clock, there and back (the reference implementation's `maxdist`).
const FARTHEST: Duration = Duration::from_millis(1500);
/// Both clocks tell whole milliseconds, and a server's timestamps are no better than its clock.
const GRAIN: Duration = Duration::from_millis(10);

/// What one server said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    /// The time when the answer had arrived.
    pub(crate) time: Wall,
    pub(crate) arrived: Mono,
    /// The true time is at most so far from `time`, either way, if the server is right.
    pub(crate) error: Duration,
}

/// Why an answer tells no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// No answer to our question: too short, of another kind, or without our number. There may still come a true one.
    Foreign,
    /// The server is there and does not know the time, or not well.
    Unsynchronized,
    /// It tells a time before this software was made, or long after.
    Implausible,
    /// Its times and ours cannot both be.
    Impossible,
    /// Kiss-o'-death `RATE`: it was asked too often (RFC 5905 §7.4).
    TooOften,
    /// Kiss-o'-death `DENY`, `RSTR`: it is never to be asked again.
    Unwelcome,
}

/// A packet that asks for the time. `number`: drawn at random for each question.
pub(crate) fn question(number: u64) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
    let [head, .., a, b, c, d, e, f, g, h] = &mut packet;
    *head = CLIENT;
    [*a, *b, *c, *d, *e, *f, *g, *h] = number.to_be_bytes();
    packet
}

/// Reads an answer to the question with `number`, which was sent and answered at these times. `built`: a time that is
/// over; it also says which era of NTP's counter is meant.
pub(crate) fn read(packet: &[u8], number: u64, sent: Mono, arrived: Mono, built: Wall) -> Result<Sample, Refused> {
    let head = Head::parse(packet).ok_or(Refused::Foreign)?;
    if head.mode != SERVER_MODE || head.originate != number {
        return Err(Refused::Foreign);
    }
    if head.stratum == 0 {
        return Err(refusal_of(head.reference));
    }
    let distance = head.root_delay / 2 + head.root_dispersion;
    if head.leap == ALARM || head.stratum >= STRATUM_END || distance > FARTHEST {
        return Err(Refused::Unsynchronized);
    }
    let received = plausible(head.receive, built).ok_or(Refused::Implausible)?;
    let left = plausible(head.transmit, built).ok_or(Refused::Implausible)?;
    let away = arrived.since(sent);
    let held = left.since(received);
    if left < received || held > away + GRAIN {
        return Err(Refused::Impossible);
    }
    let half = away.saturating_sub(held) / 2;
    Ok(Sample { time: left.after(half), arrived, error: half + distance + GRAIN })
}

/// The fields that are read.
struct Head {
    leap: u8,
    mode: u8,
    stratum: u8,
    root_delay: Duration,
    root_dispersion: Duration,
    reference: [u8; 4],
    originate: u64,
    receive: u64,
    transmit: u64,
}

impl Head {
    fn parse(packet: &[u8]) -> Option<Head> {
        let (head, words) = packet.first_chunk::<PACKET>()?.split_first_chunk::<4>()?;
        let [first, stratum, _, _] = *head;
        let short = |at: usize| words.get(at..)?.first_chunk().copied();
        let long = |at: usize| words.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        Some(Head {
            leap: first >> 6,
            mode: first & 7,
            stratum,
            root_delay: span(short(0)?),
            root_dispersion: span(short(4)?),
            reference: short(8)?,
            originate: long(20)?,
            receive: long(28)?,
            transmit: long(36)?,
        })
    }
}

/// A kiss of another kind (`INIT`, `STEP`…) says no more than that the server is not ready.
fn refusal_of(kiss: [u8; 4]) -> Refused {
    match &kiss {
        b"RATE" => Refused::TooOften,
        b"DENY" | b"RSTR" => Refused::Unwelcome,
        _ => Refused::Unsynchronized,
    }
}

/// NTP's short format: 16 bits of seconds, 16 of fractions.
fn span(short: [u8; 4]) -> Duration {
    Duration::from_millis((u64::from(u32::from_be_bytes(short)) * 1000) >> 16)
}

/// What a timestamp means, in the era that begins with the build. `None` where it says that it means nothing, and where
/// that is too late to be true, which is also what a time before the build looks like.
fn plausible(timestamp: u64, built: Wall) -> Option<Wall> {
    let seconds = i64::try_from(timestamp >> 32).ok().filter(|_| timestamp != 0)?;
    let millis = i64::try_from(((timestamp & 0xffff_ffff) * 1000) >> 32).ok()?;
    let since_build = (seconds - EPOCH_1970 - built.as_seconds()).rem_euclid(ERA);
    let told = Wall::from_millis((built.as_seconds() + since_build) * 1000 + millis);
    (told.since(built) <= LONGEST_USE).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 0x0123_4567_89ab_cdef;
    /// 2026-11-01T00:00:00Z
    const BUILT: Wall = Wall::from_seconds(1_793_491_200);

    /// An answer as a good server gives it 60 ms after the question, of which it held it for 20.
    fn answer(time: Wall) -> [u8; PACKET] {
        let mut packet = [0; PACKET];
        packet[0] = (4 << 3) | 4;
        packet[1] = 2;
        packet[4..8].copy_from_slice(&(65_536_u32 / 10).to_be_bytes());
        packet[8..12].copy_from_slice(&(65_536_u32 / 20).to_be_bytes());
        packet[24..32].copy_from_slice(&NUMBER.to_be_bytes());
        packet[32..40].copy_from_slice(&stamp(time).to_be_bytes());
        packet[40..48].copy_from_slice(&stamp(time.after(Duration::from_millis(20))).to_be_bytes());
        packet
    }

    fn stamp(time: Wall) -> u64 {
        let seconds = u64::try_from((time.as_seconds() + EPOCH_1970) % ERA).unwrap();
        let millis = u64::try_from(time.as_millis().rem_euclid(1000)).unwrap();
        (seconds << 32) + (millis << 32).div_ceil(1000)
    }

    fn look(packet: &[u8]) -> Result<Sample, Refused> {
        read(packet, NUMBER, Mono::from_millis(1000), Mono::from_millis(1060), BUILT)
    }

    #[test]
    fn questions_hold_a_number_and_nothing_else() {
        let packet = question(NUMBER);
        assert_eq!(packet[0], 0x23);
        assert!(packet[1..40].iter().all(|byte| *byte == 0));
        assert_eq!(packet[40..], NUMBER.to_be_bytes());
    }

    #[test]
    fn a_good_answer_tells_the_time_of_its_arrival() {
        let time = BUILT.after(Duration::from_millis(86_400_250));
        let sample = look(&answer(time)).unwrap();
        assert_eq!(sample.time, time.after(Duration::from_millis(40)));
        assert_eq!(sample.arrived, Mono::from_millis(1060));
        let distance = Duration::from_millis(49 + 49);
        assert!(sample.error >= distance && sample.error < distance + Duration::from_millis(35), "{:?}", sample.error);
        let mut longer = answer(time).to_vec();
        longer.extend([7; 20]);
        assert_eq!(look(&longer), Ok(sample), "a code of authenticity is passed over");
    }

    #[test]
    fn the_counter_begins_anew_in_2036_and_the_build_says_which_era_is_meant() {
        for seconds in [2_085_978_495, 2_085_978_496, 2_085_978_497, 2_147_483_648] {
            let time = Wall::from_millis(seconds * 1000 + 250);
            assert_eq!(look(&answer(time)).unwrap().time, time.after(Duration::from_millis(40)), "{seconds}");
        }
        let late_build = Wall::from_seconds(2_200_000_000);
        let time = Wall::from_seconds(2_300_000_000);
        let read = read(&answer(time), NUMBER, Mono::default(), Mono::from_millis(60), late_build);
        assert_eq!(read.unwrap().time, time.after(Duration::from_millis(40)));
    }

    #[test]
    fn what_is_no_good_answer_is_refused() {
        let changed = |change: &dyn Fn(&mut [u8; PACKET])| {
            let mut packet = answer(BUILT.after(Duration::from_secs(1000)));
            change(&mut packet);
            look(&packet).unwrap_err()
        };
        let stratum = |stratum: u8| changed(&|packet| packet[1] = stratum);
        let kiss = |word: &[u8; 4]| {
            changed(&|packet| {
                packet[1] = 0;
                packet[12..16].copy_from_slice(word);
            })
        };
        let mode = |mode: u8| changed(&|packet| packet[0] = (4 << 3) | mode);
        let told = |time: Wall| {
            changed(&|packet| {
                packet[32..40].copy_from_slice(&stamp(time).to_be_bytes());
                packet[40..48].copy_from_slice(&stamp(time).to_be_bytes());
            })
        };
        let year = |years: u64| Duration::from_secs(years * 365 * 86_400);
        let table = [
            ("another number", changed(&|packet| packet[31] ^= 1), Refused::Foreign),
            ("our own question", look(&question(NUMBER)).unwrap_err(), Refused::Foreign),
            ("broadcast", mode(5), Refused::Foreign),
            ("control", mode(6), Refused::Foreign),
            ("too short", look(&answer(BUILT)[..47]).unwrap_err(), Refused::Foreign),
            ("empty", look(b"").unwrap_err(), Refused::Foreign),
            ("alarm", changed(&|packet| packet[0] |= 0xc0), Refused::Unsynchronized),
            ("stratum 16", stratum(16), Refused::Unsynchronized),
            ("stratum 255", stratum(255), Refused::Unsynchronized),
            ("far from its clock", changed(&|packet| packet[4..8].fill(0xff)), Refused::Unsynchronized),
            ("dispersed", changed(&|packet| packet[9] = 2), Refused::Unsynchronized),
            ("not ready", kiss(b"INIT"), Refused::Unsynchronized),
            ("too often", kiss(b"RATE"), Refused::TooOften),
            ("denied", kiss(b"DENY"), Refused::Unwelcome),
            ("restricted", kiss(b"RSTR"), Refused::Unwelcome),
            ("no time", changed(&|packet| packet[32..48].fill(0)), Refused::Implausible),
            ("before the build", told(Wall::from_seconds(BUILT.as_seconds() - 1)), Refused::Implausible),
            ("31 years on", told(BUILT.after(year(31))), Refused::Implausible),
            ("left before it came", changed(&|packet| packet[35] += 1), Refused::Impossible),
            ("held longer than we waited", changed(&|packet| packet[43] += 1), Refused::Impossible),
        ];
        for (name, refused, expected) in table {
            assert_eq!(refused, expected, "{name}");
        }
    }

    #[test]
    fn no_packet_does_harm() {
        let mut seed = 88_172_645_463_325_252_u64;
        for _ in 0..20_000 {
            let mut packet = answer(BUILT);
            for _ in 0..4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                packet[usize::try_from(seed % 48).unwrap()] = seed.to_be_bytes()[0];
            }
            if let Ok(sample) = look(&packet) {
                assert!(sample.time >= BUILT && sample.error <= FARTHEST + Duration::from_secs(1));
            }
        }
    }
}
