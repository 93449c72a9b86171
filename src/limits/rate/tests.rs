//! The table against a naive model, under floods, and at the ends of its numbers.

use std::collections::HashMap;

use super::standing::MOST_TOLD;
use super::*;
use crate::base::Rate;
use crate::limits::Subject;

const SECOND: u64 = 1000;

fn rate(amount: u32, seconds: u64, burst: u32) -> Rate {
    Rate { amount, per: Duration::from_secs(seconds), burst }
}

fn policy(name: &str, amount: u32, seconds: u64, burst: u32) -> Policy {
    Policy::new("route r", name, rate(amount, seconds, burst))
}

fn subject(number: u32) -> Subject {
    Subject::client(std::net::IpAddr::V4(number.into()))
}

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

/// One token of one policy; how long to wait where there is none.
fn one(table: &RateTable, number: u32, policy: &Policy, millis: u64) -> Result<(), Duration> {
    let charge = Charge { subject: subject(number), policy, weight: 1 };
    table.take(&[charge], at(millis)).map(|_| ()).map_err(|exceeded| exceeded.retry_after)
}

fn policy_field(standing: &Standing<'_>) -> String {
    let mut text = String::new();
    standing.write_policy(&mut text).unwrap();
    text
}

fn limit_field(standing: &Standing<'_>) -> String {
    let mut text = String::new();
    standing.write_limit(&mut text).unwrap();
    text
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % bound
    }
}

fn walks() -> u64 {
    std::env::var("HAFIR_MODEL_WALKS").ok().and_then(|count| count.parse().ok()).unwrap_or(40)
}

/// Buckets of which nobody ever loses one. Tokens are counted in the smallest parts that time gives back, so that there
/// is no rounding at all.
#[derive(Default)]
struct Model(HashMap<(u32, usize), Naive>);

#[derive(Clone, Copy)]
struct Naive {
    missing: u128,
    since: u64,
}

impl Model {
    /// What is missing, with a token being an interval of nanoseconds.
    fn missing(&self, who: (u32, usize), now: u64) -> u128 {
        let Some(bucket) = self.0.get(&who) else { return 0 };
        bucket.missing.saturating_sub(u128::from(now - bucket.since) * 1_000_000)
    }

    /// How long until all of them can be taken.
    fn wait(&self, charges: &[(u32, usize, u32)], policies: &[Policy], now: u64) -> u128 {
        let one = |(number, which, weight): &(u32, usize, u32)| {
            let Rate { amount, per, burst } = policies[*which].rate();
            let token = per.as_nanos().div_ceil(u128::from(amount));
            let then = self.missing((*number, *which), now) + token * u128::from((*weight).min(burst));
            then.saturating_sub(token * u128::from(burst))
        };
        charges.iter().map(one).max().unwrap_or(0)
    }

    fn take(&mut self, charges: &[(u32, usize, u32)], policies: &[Policy], now: u64) {
        for (number, which, weight) in charges {
            let Rate { amount, per, burst } = policies[*which].rate();
            let token = per.as_nanos().div_ceil(u128::from(amount));
            let missing = self.missing((*number, *which), now) + token * u128::from((*weight).min(burst));
            self.0.insert((*number, *which), Naive { missing, since: now });
        }
    }
}

fn some_policies(dice: &mut Dice, count: u64) -> Vec<Policy> {
    let spans = [1, 1, 10, 60, 3600, 86_400];
    (0..count)
        .map(|number| {
            let (amount, burst) = (1 + dice.below(30) as u32, 1 + dice.below(30) as u32);
            policy(&number.to_string(), amount, spans[dice.below(6) as usize], burst)
        })
        .collect()
}

fn some_charges(dice: &mut Dice, subjects: u64, policies: &[Policy]) -> Vec<(u32, usize, u32)> {
    let number = dice.below(subjects) as u32;
    let weight = 1 + (dice.below(4) == 0) as u32 * dice.below(40) as u32;
    (0..policies.len()).filter(|_| dice.below(4) > 0).map(|which| (number, which, weight)).collect()
}

fn a_while(dice: &mut Dice) -> u64 {
    match dice.below(10) {
        0 => dice.below(3_600_000),
        1..4 => dice.below(3000),
        4..8 => dice.below(20),
        _ => 0,
    }
}

fn as_charges<'a>(charges: &[(u32, usize, u32)], policies: &'a [Policy]) -> Vec<Charge<'a>> {
    let one = |(number, which, weight): &(u32, usize, u32)| Charge {
        subject: subject(*number),
        policy: &policies[*which],
        weight: *weight,
    };
    charges.iter().map(one).collect()
}

#[test]
fn where_there_is_room_it_does_what_its_model_does_to_the_nanosecond() {
    for seed in 1..=walks() {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let count = 1 + dice.below(3);
        let policies = some_policies(&mut dice, count);
        let table = RateTable::new(4096);
        let mut model = Model::default();
        let mut now = dice.below(2) * dice.below(1 << 40);
        for step in 0..500 {
            now += a_while(&mut dice);
            let charges = some_charges(&mut dice, 12, &policies);
            let wait = model.wait(&charges, &policies, now);
            match table.take(&as_charges(&charges, &policies), at(now)) {
                Ok(_) => {
                    assert_eq!(wait, 0, "walk {seed}, step {step}");
                    model.take(&charges, &policies, now);
                }
                Err(exceeded) => assert_eq!(exceeded.retry_after.as_nanos(), wait, "walk {seed}, step {step}"),
            }
        }
    }
}

/// A table of one set and far more subjects than places: it may refuse where the model would not, never the other way.
#[test]
fn whoever_floods_it_nobody_gets_more_than_their_rate() {
    let mut refused_too_often = 0;
    for seed in 1..=walks() {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // In some walks there are more policies than places; then one at a time, as places may run out on the way.
        let count = if seed % 4 == 0 { 30 } else { 1 + dice.below(3) };
        let policies = some_policies(&mut dice, count);
        let table = RateTable::new(1);
        let mut model = Model::default();
        let mut now = 0;
        let subjects = 5 + dice.below(200);
        for step in 0..2000 {
            now += a_while(&mut dice) / 8;
            let mut charges = some_charges(&mut dice, subjects, &policies);
            if count > 3 {
                charges.drain(..dice.below(20) as usize % charges.len().max(1));
                charges.truncate(1);
            }
            let wait = model.wait(&charges, &policies, now);
            match table.take(&as_charges(&charges, &policies), at(now)) {
                Ok(_) => {
                    assert_eq!(wait, 0, "walk {seed}, step {step}");
                    model.take(&charges, &policies, now);
                }
                Err(exceeded) => {
                    let early = exceeded.retry_after.as_nanos() < wait;
                    assert!(!early || exceeded.why == Why::Crowded, "walk {seed}, step {step}");
                    refused_too_often += usize::from(wait == 0);
                }
            }
        }
    }
    // Otherwise the walks show nothing about floods.
    assert!(refused_too_often > 0);
}

#[test]
fn two_hundred_thousand_clients_in_a_table_of_fixed_size_and_one_is_still_held_to_its_rate() {
    let each = policy("each", 5, 1, 20);
    let daily = policy("daily", 1000, 86_400, 1000);
    let table = RateTable::new(ENTRIES);
    let (mut heavy, mut others, mut turned_away) = (0_u32, 0_u32, 0_u32);
    for number in 1..=200_000_u32 {
        // A hundred seconds in all; the heavy one comes 500 times a second, everybody else once.
        let now = u64::from(number) / 2;
        let charges = |number| [&each, &daily].map(|policy| Charge { subject: subject(number), policy, weight: 1 });
        match table.take(&charges(number), at(now)) {
            Ok(_) => others += 1,
            Err(_) => turned_away += 1,
        }
        if number % 4 == 0 {
            heavy += u32::from(table.take(&charges(0), at(now)).is_ok());
        }
    }
    assert_eq!(heavy, 20 + 5 * 100 - 1, "its rate, exactly: the hundred seconds begin with its first request");
    assert_eq!((others, turned_away), (200_000, 0));
    let table = table.table.lock();
    assert_eq!(table.entries(), ENTRIES);
    assert_eq!(table.bytes(), ENTRIES * 32 + ENTRIES / table::WAYS * 8);
}

#[test]
fn an_emptied_bucket_stays_empty_whoever_comes() {
    let hourly = policy("hourly", 10, 3600, 10);
    let table = RateTable::new(64);
    for _ in 0..10 {
        one(&table, 0, &hourly, 0).unwrap();
    }
    for number in 1..100_000 {
        let _ = one(&table, number, &hourly, 1);
        if number % 100 == 0 {
            assert_eq!(one(&table, 0, &hourly, 1), Err(Duration::from_millis(359_999)), "after {number}");
        }
    }
    assert_eq!(one(&table, 0, &hourly, 360_000), Ok(()));
}

/// What a flood can do to others: only when everybody in the set has nothing left, one who is new has nothing either.
#[test]
fn one_who_is_new_has_no_less_than_the_best_off_in_the_set() {
    let hourly = policy("hourly", 10, 3600, 10);
    let table = RateTable::new(1);
    // Each place of the set pays five of its ten tokens; more of them come than there are places.
    for number in 0..5 * table::WAYS as u32 {
        for _ in 0..5 {
            let _ = one(&table, number % table::WAYS as u32, &hourly, 0);
        }
    }
    let fresh = (0..20).take_while(|_| one(&table, 1_000_000, &hourly, 0).is_ok()).count();
    assert!(fresh <= 5);
    let table = RateTable::new(1);
    for number in 0..table::WAYS as u32 {
        for _ in 0..5 {
            one(&table, number, &hourly, 0).unwrap();
        }
    }
    let fresh = (0..20).take_while(|_| one(&table, 1_000_000, &hourly, 0).is_ok()).count();
    assert_eq!(fresh, 5);
}

#[test]
fn a_slow_policy_does_not_stop_a_fast_one() {
    let fast = policy("fast", 5, 1, 20);
    let daily = policy("daily", 1000, 86_400, 1000);
    let table = RateTable::new(1);
    for number in 0..1000 {
        one(&table, number, &daily, 0).unwrap();
    }
    for number in 0..100 {
        one(&table, number, &fast, u64::from(number)).unwrap();
    }
}

#[test]
fn a_set_full_of_policies_that_are_all_spent_says_come_again() {
    let policies: Vec<Policy> = (0..=table::WAYS).map(|name| policy(&name.to_string(), 1, 3600, 1)).collect();
    let table = RateTable::new(1);
    for policy in &policies[1..] {
        one(&table, 0, policy, 0).unwrap();
    }
    let charge = Charge { subject: subject(0), policy: &policies[0], weight: 1 };
    let exceeded = table.take(&[charge], at(0)).unwrap_err();
    assert_eq!((exceeded.why, exceeded.retry_seconds()), (Why::Crowded, 1));
    assert_eq!(exceeded.violated().count(), 0);
    assert_eq!(one(&table, 0, &policies[0], 3600 * SECOND), Ok(()));
    assert_eq!(one(&table, 0, &policies[0], 3600 * SECOND), Err(Duration::from_secs(3600)));
}

#[test]
fn all_or_none() {
    let loose = policy("loose", 1, 1, 100);
    let tight = policy("tight", 1, 10, 2);
    let table = RateTable::new(64);
    let both = [&loose, &tight].map(|policy| Charge { subject: subject(1), policy, weight: 1 });
    assert!(table.take(&both, at(0)).is_ok());
    assert!(table.take(&both, at(0)).is_ok());
    for _ in 0..50 {
        let exceeded = table.take(&both, at(0)).unwrap_err();
        assert_eq!((exceeded.policy.name(), exceeded.retry_after), ("tight", Duration::from_secs(10)));
        assert_eq!(exceeded.violated().collect::<Vec<_>>(), ["tight"]);
    }
    assert_eq!(limit_field(&table.take(&both[..1], at(0)).unwrap()), r#""loose";r=97;t=1"#);
}

#[test]
fn the_longest_wait_is_told() {
    let (second, hour) = (policy("second", 1, 1, 1), policy("hour", 1, 3600, 1));
    let table = RateTable::new(64);
    let both = [&hour, &second].map(|policy| Charge { subject: subject(1), policy, weight: 1 });
    table.take(&both, at(0)).unwrap();
    let exceeded = table.take(&both, at(1)).unwrap_err();
    assert_eq!((exceeded.policy.name(), exceeded.retry_seconds()), ("hour", 3600));
    assert_eq!(exceeded.violated().collect::<Vec<_>>(), ["hour", "second"]);
    // After that, and not before, both are there.
    assert!(table.take(&both, at(3_599_999)).is_err());
    assert!(table.take(&both, at(3_600_000)).is_ok());
}

#[test]
fn the_ends_of_the_numbers() {
    let check = |amount, seconds, burst, weight: u32, expected: &str| {
        let policy = policy("p", amount, seconds, burst);
        let table = RateTable::new(1);
        let charge = Charge { subject: subject(1), policy: &policy, weight };
        let said = |millis| {
            table
                .take(&[charge], at(millis))
                .map_or_else(|exceeded| exceeded.retry_seconds().to_string(), |_| "ok".to_owned())
        };
        let found = [said(0), said(0), said(u64::MAX / 2_000_000), said(u64::MAX)].join(" ");
        assert_eq!(found, expected, "{amount}/{seconds} s burst {burst}, weight {weight}");
    };
    check(1, 86_400, 1, 1, "ok 86400 ok ok");
    check(1, 1, 1, 0, "ok ok ok ok");
    check(1, 1, 1, u32::MAX, "ok 1 ok ok");
    check(u32::MAX, 1, u32::MAX, 1, "ok ok ok ok");
    check(u32::MAX, 1, u32::MAX, u32::MAX, "ok 5 ok ok");
    check(u32::MAX, 1, 1, 1, "ok 1 ok ok");
    check(1, 86_400, 100_000, 100_000, "ok 8640000000 ok ok");
    check(0, 0, 0, 1, "ok 1 ok ok");
}

#[test]
fn a_day_with_one_token_and_a_long_idle_time() {
    let daily = policy("daily", 1, 86_400, 1);
    let table = RateTable::new(1);
    let day = 86_400 * SECOND;
    assert_eq!(one(&table, 1, &daily, 0), Ok(()));
    assert_eq!(one(&table, 1, &daily, 1), Err(Duration::from_millis(day - 1)));
    assert_eq!(one(&table, 1, &daily, day - 1), Err(Duration::from_millis(1)));
    assert_eq!(one(&table, 1, &daily, day), Ok(()));
    assert_eq!(one(&table, 1, &daily, 10_000 * day), Ok(()));
    assert_eq!(one(&table, 1, &daily, 10_000 * day), Err(Duration::from_secs(86_400)));
}

#[test]
fn over_many_days_not_a_token_too_many_and_hardly_one_too_few() {
    for amount in [1, 3, 7, 11, 999] {
        let policy = policy("p", amount, 1, 1);
        let table = RateTable::new(1);
        let seconds = 2000;
        let taken = (0..seconds * SECOND).filter(|millis| one(&table, 1, &policy, *millis).is_ok()).count() as u64;
        let promised = u64::from(amount) * seconds;
        assert!(taken <= promised, "{taken} of {promised}");
        // A millisecond is lost where tokens and the clock's ticks fall apart: the bucket holds but one.
        assert!(taken >= promised * 1000 / (1000 + u64::from(amount)), "{taken} of {promised}");
    }
}

#[test]
fn with_another_rate_the_spent_tokens_stay_spent() {
    let check = |old: Rate, spent: usize, new: Rate, expected: usize| {
        let table = RateTable::new(1);
        let old = Policy::new("plan p", "p", old);
        for _ in 0..spent {
            one(&table, 1, &old, 0).unwrap();
        }
        let new = Policy::new("plan p", "p", new);
        let left = (0..10_000).take_while(|_| one(&table, 1, &new, 0).is_ok()).count();
        assert_eq!(left, expected, "{} to {}", old.rate(), new.rate());
    };
    check(rate(5, 1, 20), 15, rate(5, 1, 20), 5);
    check(rate(5, 1, 20), 15, rate(1, 60, 20), 5);
    check(rate(5, 1, 20), 15, rate(500, 1, 20), 5);
    check(rate(5, 1, 20), 15, rate(5, 1, 40), 25);
    check(rate(5, 1, 20), 15, rate(5, 1, 10), 0);
    check(rate(5, 1, 20), 0, rate(1, 60, 10), 10);
    check(rate(1000, 86_400, 1000), 400, rate(2000, 86_400, 2000), 1600);
}

#[test]
fn an_older_reading_of_the_clock_gives_nothing_back() {
    let policy = policy("p", 1, 1, 2);
    let table = RateTable::new(1);
    assert_eq!(one(&table, 1, &policy, 5000), Ok(()));
    assert_eq!(one(&table, 1, &policy, 4999), Err(Duration::from_millis(1)));
    assert_eq!(one(&table, 1, &policy, 5000), Ok(()));
    assert_eq!(one(&table, 1, &policy, 0), Err(Duration::from_secs(6)));
}

#[test]
fn the_fields_are_as_the_draft_has_them() {
    let table = RateTable::new(64);
    let policies = [policy("burst", 5, 1, 20), policy("daily", 1000, 86_400, 1000)];
    let charges = policies.each_ref().map(|policy| Charge { subject: subject(1), policy, weight: 1 });
    let standing = table.take(&charges, at(0)).unwrap();
    assert_eq!(policy_field(&standing), r#""burst";q=20;w=4, "daily";q=1000;w=86400"#);
    assert_eq!(limit_field(&standing), r#""burst";r=19;t=1, "daily";r=999;t=87"#);
    for _ in 0..19 {
        table.take(&charges, at(0)).unwrap();
    }
    let exceeded = table.take(&charges, at(0)).unwrap_err();
    let mut text = String::new();
    exceeded.write_limit(&mut text).unwrap();
    assert_eq!((text.as_str(), exceeded.retry_seconds()), (r#""burst";r=0;t=1, "daily";r=980"#, 1));
    let mut text = String::new();
    exceeded.write_policy(&mut text).unwrap();
    assert_eq!(text, r#""burst";q=20;w=4, "daily";q=1000;w=86400"#);
    let standing = table.take(&[], at(0)).unwrap();
    assert!(standing.is_empty());
}

#[test]
fn what_a_policy_says_of_itself() {
    let check = |rate: Rate, expected: &str| {
        let (policy, table) = (Policy::new("route r", "p", rate), RateTable::new(1));
        let charge = Charge { subject: subject(1), policy: &policy, weight: 0 };
        assert_eq!(policy_field(&table.take(&[charge], at(0)).unwrap()), format!("\"p\";{expected}"), "{rate}");
    };
    check(rate(5, 1, 5), "q=5;w=1");
    check(rate(5, 1, 20), "q=20;w=4");
    check(rate(5, 1, 21), "q=21;w=5");
    check(rate(100, 3600, 10), "q=100;w=3600");
    check(rate(1000, 1, 1), "q=1000;w=1");
    check(rate(1, 86_400, 1), "q=1;w=86400");
    check(Rate { amount: 3, per: Duration::from_millis(1500), burst: 3 }, "q=3;w=2");
    check(rate(u32::MAX, 1, u32::MAX), "q=4294967295;w=1");
}

#[test]
fn remaining_and_more_over_time() {
    let policy = policy("p", 1, 10, 3);
    let check = |taken: u32, millis: u64, expected: &str| {
        let table = RateTable::new(1);
        let charge = |weight| [Charge { subject: subject(1), policy: &policy, weight }];
        table.take(&charge(taken), at(0)).unwrap();
        assert_eq!(limit_field(&table.take(&charge(0), at(millis)).unwrap()), format!("\"p\";{expected}"));
    };
    check(0, 0, "r=3");
    check(1, 0, "r=2;t=10");
    check(1, 1, "r=2;t=10");
    check(1, 9000, "r=2;t=1");
    check(1, 9999, "r=2;t=1");
    check(1, 10_000, "r=3");
    check(3, 0, "r=0;t=10");
    check(3, 15_000, "r=1;t=5");
    check(3, 20_000, "r=2;t=10");
    check(3, u64::MAX, "r=3");
}

#[test]
fn names_are_strings_of_structured_fields() {
    let check = |name: &str, expected: &str| {
        let (policy, table) = (policy(name, 5, 1, 5), RateTable::new(1));
        let charge = Charge { subject: subject(1), policy: &policy, weight: 1 };
        assert_eq!(limit_field(&table.take(&[charge], at(0)).unwrap()), format!("{expected};r=4;t=1"));
    };
    check("daily", r#""daily""#);
    check("a \"b\" \\c", r#""a \"b\" \\c""#);
    check("trübe\r\n\u{7f}", r#""tr?be???""#);
    check("", r#""""#);
}

#[test]
fn more_policies_than_are_told_of_are_charged() {
    let policies: Vec<Policy> = (0..MOST_TOLD + 2).map(|name| policy(&name.to_string(), 1, 60, 1)).collect();
    let charges: Vec<_> = policies.iter().map(|policy| Charge { subject: subject(1), policy, weight: 1 }).collect();
    let table = RateTable::new(1024);
    assert_eq!(limit_field(&table.take(&charges, at(0)).unwrap()).matches(";r=0").count(), MOST_TOLD);
    assert!(table.take(&charges[MOST_TOLD + 1..], at(0)).is_err());
}
