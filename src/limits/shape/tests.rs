//! Shaping against exact sums, and a thin uplink with a film and a patient record on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use super::*;
use crate::base::{LinkRate, Mono};
use crate::config::Priority;
use crate::limits::Subject;

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

fn lane(name: &str, bits: u64) -> Lane {
    Lane { subject: Subject::route(name), rate: LinkRate::bits_per_second(bits) }
}

/// Somebody who sends as fast as they may from `from` to `to`: bytes on the wire by then.
fn send(shaper: &Shaper, lanes: &[Lane], from: u64, to: u64) -> u64 {
    let (mut now, mut sent) = (from, 0);
    loop {
        let grant = shaper.take(lanes, 16_384, at(now));
        now += u64::try_from(grant.wait.as_millis()).unwrap();
        if now >= to {
            shaper.give_back(lanes, grant.bytes, at(to));
            return sent;
        }
        sent += grant.bytes;
    }
}

#[test]
fn a_lane_gives_its_rate_and_a_quarter_of_a_second_at_first() {
    for bits in [8_000, 64_000, 256_001, 2_000_000, 100_000_000] {
        let (rate, shaper) = (bits / 8, Shaper::new(64));
        let sent = send(&shaper, &[lane("a", bits)], 0, 100_000);
        let meant = rate * 100 + (rate / 4).max(1500);
        let slice = (rate / 16).max(1500);
        assert!(sent <= meant && sent + slice + rate / 1000 >= meant, "{bits}: {sent} of {meant}");
    }
}

#[test]
fn the_narrowest_lane_holds_for_all() {
    let shaper = Shaper::new(64);
    let lanes = [lane("client", 800_000), lane("route", 1_600_000), lane("plan", 8_000_000)];
    let sent = send(&shaper, &lanes, 0, 10_000);
    assert!((1_000_000..1_030_000).contains(&sent), "{sent}");
    // The route's other half is there for others.
    let shaper = Shaper::new(64);
    let other = [lane("other", 8_000_000), lane("route", 1_600_000)];
    let (mut first, mut second) = ((0, 0), (0, 0));
    let turn = |lanes: &[Lane], (now, sent): &mut (u64, u64), by: u64| {
        while *now < by {
            let grant = shaper.take(lanes, 16_384, at(*now));
            *now += u64::try_from(grant.wait.as_millis()).unwrap().max(1);
            *sent += grant.bytes;
        }
    };
    for by in (0..10_000).step_by(5) {
        turn(&lanes, &mut first, by);
        turn(&other, &mut second, by);
    }
    let (first, second) = (first.1, second.1);
    assert!((1_950_000..2_120_000).contains(&(first + second)), "{first} {second}");
    assert!(first > 900_000 && second > 900_000, "{first} {second}");
}

#[test]
fn many_who_share_a_lane_have_equal_parts() {
    let shaper = Shaper::new(64);
    let lanes = [lane("route", 800_000)];
    let mut next: BTreeMap<(u64, usize), u64> = (0..50).map(|who| ((0, who), 0)).collect();
    let mut sent = [0; 50];
    let mut longest = 0;
    while let Some(((now, who), granted)) = next.pop_first() {
        sent[who] += granted;
        if now < 60_000 {
            let grant = shaper.take(&lanes, 65_536, at(now));
            let wait = u64::try_from(grant.wait.as_millis()).unwrap();
            longest = longest.max(wait);
            next.insert((now + wait.max(1), who), grant.bytes);
        }
    }
    let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
    assert!(most - least <= 6_250 + 25_000, "{least} {most}");
    assert!(longest <= 1500, "{longest}");
}

#[test]
fn what_was_not_sent_is_given_back() {
    let shaper = Shaper::new(64);
    let lanes = [lane("a", 800_000)];
    let first = shaper.take(&lanes, 100_000, at(0));
    assert_eq!((first.bytes, first.wait.as_millis()), (25_000, 0));
    shaper.give_back(&lanes, 25_000, at(0));
    assert_eq!(shaper.take(&lanes, 100_000, at(0)), first);
    assert_eq!(shaper.take(&lanes, 1, at(0)).wait.as_millis(), 1);
    assert_eq!(shaper.take(&[], 77, at(0)).bytes, 77);
    assert_eq!(shaper.take(&lanes, 0, at(0)).wait.as_millis(), 0);
    assert_eq!(shaper.take(&lanes, 100_000, at(600_000)), first, "a full bucket holds a quarter of a second");
}

#[test]
fn grants_are_never_tiny() {
    let shaper = Shaper::new(64);
    let lanes = [lane("a", 8_000)];
    for _ in 0..100 {
        assert_eq!(shaper.take(&lanes, 16_384, at(0)).bytes, 1_500);
    }
    assert_eq!(shaper.take(&lanes, 16_384, at(0)).wait.as_millis(), 1_500 * 100);
}

#[test]
fn other_rates_go_on_with_what_was_spent() {
    let shaper = Shaper::new(64);
    for _ in 0..10 {
        shaper.take(&[lane("a", 80_000)], 16_384, at(0));
    }
    let narrow = shaper.take(&[lane("a", 80_000)], 1_500, at(0)).wait;
    let wide = shaper.take(&[lane("a", 8_000_000)], 1_500, at(0)).wait;
    assert!(wide < narrow / 50, "{narrow:?} {wide:?}");
}

#[test]
fn a_hundred_thousand_subjects_lie_in_the_same_memory() {
    let shaper = Shaper::new(1000);
    for number in 0..100_000_u32 {
        let subject = Subject::client(std::net::IpAddr::V4(number.into()));
        let rate = LinkRate::bits_per_second(800_000);
        assert_eq!(shaper.take(&[Lane { subject, rate }], 100_000, at(u64::from(number))).bytes, 25_000);
    }
}

/// Told or not.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A fill: it reads pieces as they come, and pays for each before it reads the next.
struct Fill {
    line: Line,
    bell: Arc<Bell>,
    piece: u64,
    /// What of the piece is not paid yet.
    unpaid: u64,
    /// When it asks again.
    next: u64,
    paid: u64,
    /// When it began to wait for the piece, and the longest such wait.
    asked: u64,
    longest: u64,
    asks: u64,
    /// The pause between two pieces.
    pause: u64,
}

impl Fill {
    fn new(governor: &Arc<Governor>, class: Priority, piece: u64, pause: u64) -> Fill {
        let (line, bell) = (governor.join(class), Arc::default());
        Fill { line, bell, piece, unpaid: piece, next: 0, paid: 0, asked: 0, longest: 0, asks: 0, pause }
    }

    /// What happens in one millisecond.
    fn run(&mut self, now: u64) {
        let rung = self.bell.0.swap(false, Ordering::Relaxed);
        while self.next <= now || rung && self.asked <= now {
            self.asks += 1;
            match self.line.ask(self.unpaid, at(now), &Waker::from(self.bell.clone())) {
                Turn::Go(bytes) => {
                    self.paid += bytes;
                    self.unpaid -= bytes;
                    if self.unpaid == 0 {
                        self.longest = self.longest.max(now - self.asked);
                        self.unpaid = self.piece;
                        self.next = now + self.pause;
                        self.asked = self.next;
                    }
                }
                Turn::Wait(wait) => {
                    self.next = now + u64::try_from(wait.as_millis()).unwrap();
                    return;
                }
            }
            if self.next > now {
                return;
            }
        }
    }
}

fn run(fills: &mut [Fill], from: u64, to: u64) {
    for now in from..to {
        fills.iter_mut().for_each(|fill| fill.run(now));
    }
}

fn link(bits: u64) -> Arc<Governor> {
    Governor::new(Some(LinkRate::bits_per_second(bits)))
}

#[test]
fn whoever_is_alone_has_all_of_the_uplink() {
    for class in [Priority::High, Priority::Normal, Priority::Low] {
        let governor = link(2_000_000);
        let mut fills = [Fill::new(&governor, class, 16_384, 0)];
        run(&mut fills, 0, 60_000);
        let meant = 250_000 * 60;
        assert!(fills[0].paid <= meant + 62_500 + 15_625 && fills[0].paid >= meant, "{class:?} {}", fills[0].paid);
    }
}

#[test]
fn a_record_waits_for_one_grant_of_a_film() {
    for film in [Priority::Normal, Priority::Low] {
        for start in 0..40 {
            let governor = link(2_000_000);
            let mut fills =
                [Fill::new(&governor, film, 65_536, 0), Fill::new(&governor, Priority::High, 4_096, 970 + start)];
            run(&mut fills, 0, 30_000);
            // 15,625 bytes are 62.5 ms of 2 Mbit/s.
            assert!(fills[1].longest <= 63, "{film:?}: {} ms", fills[1].longest);
            assert!(fills[1].paid >= 4_096 * 28);
            let sum = fills[0].paid + fills[1].paid;
            assert!(sum >= 250_000 * 30, "the link is always in use: {sum}");
        }
    }
}

#[test]
fn ten_films_are_no_worse_than_one() {
    let governor = link(2_000_000);
    let mut fills: Vec<Fill> = (0..10).map(|_| Fill::new(&governor, Priority::Normal, 65_536, 0)).collect();
    fills.push(Fill::new(&governor, Priority::High, 4_096, 977));
    run(&mut fills, 0, 60_000);
    assert!(fills[10].longest <= 63, "{} ms", fills[10].longest);
    let films: Vec<u64> = fills[..10].iter().map(|fill| fill.paid).collect();
    let (least, most) = (films.iter().min().unwrap(), films.iter().max().unwrap());
    assert!(most - least <= 2 * 15_625, "{films:?}");
}

#[test]
fn no_class_starves() {
    let governor = link(2_000_000);
    let mut fills = [Priority::High, Priority::High, Priority::Normal, Priority::Low]
        .map(|class| Fill::new(&governor, class, 65_536, 0));
    run(&mut fills, 0, 120_000);
    let paid = fills.each_ref().map(|fill| fill.paid);
    let all: u64 = paid.iter().sum();
    assert!((250_000 * 120..=250_000 * 120 + 62_500 + 15_625).contains(&all), "{all}");
    assert!(paid[2] * 100 >= all * 4 && paid[2] * 100 <= all * 6, "{paid:?}");
    assert!(paid[3] * 100 >= all * 4 && paid[3] * 100 <= all * 6, "{paid:?}");
    assert!(paid[0].abs_diff(paid[1]) <= 2 * 15_625, "{paid:?}");
}

#[test]
fn fills_with_small_pieces_have_the_same_part() {
    let governor = link(2_000_000);
    let mut fills = [1_460, 16_384, 65_536, 4_000].map(|piece| Fill::new(&governor, Priority::Normal, piece, 0));
    run(&mut fills, 0, 120_000);
    let paid = fills.each_ref().map(|fill| fill.paid);
    let all: u64 = paid.iter().sum();
    assert!(all >= 250_000 * 119, "{all}");
    // A small piece is paid, then the fill reads the next one and asks anew: it may miss a turn.
    assert!(paid.iter().all(|own| own * 4 >= all / 2), "{paid:?}");
    assert!(paid[1].abs_diff(paid[2]) <= 4 * 16_384, "{paid:?}");
}

#[test]
fn many_fills_ask_seldom() {
    let governor = link(2_000_000);
    let mut fills: Vec<Fill> = (0..100).map(|_| Fill::new(&governor, Priority::Low, 16_384, 0)).collect();
    run(&mut fills, 0, 20_000);
    let (asks, paid): (u64, u64) = fills.iter().fold((0, 0), |sum, fill| (sum.0 + fill.asks, sum.1 + fill.paid));
    assert!(paid >= 250_000 * 20);
    assert!(asks <= 8 * (paid / 15_625), "{asks} questions for {} grants", paid / 15_625);
}

#[test]
fn who_does_not_come_holds_nobody_up() {
    let governor = link(2_000_000);
    let mut absent = governor.join(Priority::High);
    let bell: Arc<Bell> = Arc::default();
    while let Turn::Go(_) = absent.ask(65_536, at(0), &Waker::from(bell.clone())) {}
    let mut fills = [Fill::new(&governor, Priority::Low, 16_384, 0)];
    run(&mut fills, 0, 10_000);
    assert!(bell.0.load(Ordering::Relaxed), "it was called");
    assert!(fills[0].paid > 1_200_000, "{}", fills[0].paid);
    drop(absent);
    let before = fills[0].paid;
    run(&mut fills, 10_000, 20_000);
    assert!(fills[0].paid - before >= 2_490_000, "{}", fills[0].paid - before);
}

#[test]
fn without_a_rate_nobody_waits() {
    let governor = Governor::new(None);
    let mut line = governor.join(Priority::Low);
    let bell: Arc<Bell> = Arc::default();
    assert_eq!(line.ask(1 << 30, at(0), &Waker::from(bell.clone())), Turn::Go(1 << 30));
    governor.set_rate(Some(LinkRate::bits_per_second(80_000)));
    assert_eq!(line.ask(65_536, at(1000), &Waker::from(bell.clone())), Turn::Go(1_500));
    while let Turn::Go(_) = line.ask(65_536, at(1000), &Waker::from(bell.clone())) {}
    governor.set_rate(None);
    assert!(bell.0.load(Ordering::Relaxed), "those who wait are told");
    assert_eq!(line.ask(65_536, at(1000), &Waker::from(bell)), Turn::Go(65_536));
}

#[test]
fn bytes_that_did_not_come_are_given_back() {
    let governor = link(800_000);
    let mut line = governor.join(Priority::Normal);
    let waker = Waker::from(Arc::<Bell>::default());
    let mut paid = 0;
    while let Turn::Go(bytes) = line.ask(10_000, at(1000), &waker) {
        paid += bytes;
    }
    line.give_back(paid);
    assert!(matches!(line.ask(10_000, at(1000), &waker), Turn::Go(_)));
}
