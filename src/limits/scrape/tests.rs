//! Budgets against counting naively, under floods, and at their ends.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::base::Rate;

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

fn policy(name: &str, amount: u32, seconds: u64, burst: u32) -> Policy {
    Policy::new("route r", name, Rate { amount, per: Duration::from_secs(seconds), burst })
}

fn client(number: u32) -> Subject {
    Subject::client(std::net::IpAddr::V4(number.into()))
}

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

fn pages(number: u32, policy: &Policy) -> Budgets<'_> {
    Budgets { client: client(number), distinct: Some(policy), errors: None }
}

fn errors(number: u32, policy: &Policy) -> Budgets<'_> {
    Budgets { client: client(number), distinct: None, errors: Some(policy) }
}

fn is_refused(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Refuse { .. })
}

/// How many different targets get through before one is refused.
fn harvest(scrape: &Scrape, number: u32, policy: &Policy, millis: u64) -> usize {
    let all = 0..usize::MAX;
    let refused = |page: &usize| {
        let target = format!("/page/{number}/{millis}/{page}");
        is_refused(scrape.ask(&pages(number, policy), target.as_bytes(), at(millis)))
    };
    all.take_while(|page| !refused(page)).count()
}

#[test]
fn without_budgets_everything_goes() {
    let budgets = Budgets { client: client(1), distinct: None, errors: None };
    let scrape = Scrape::new(1);
    scrape.erred(&budgets, at(0));
    assert_eq!(scrape.ask(&budgets, b"/", at(0)), Verdict::Go);
}

#[test]
fn errors_slow_down_and_then_refuse() {
    let policy = policy("errors", 10, 60, 10);
    let (scrape, one) = (Scrape::new(1), errors(1, &policy));
    let verdicts: Vec<Verdict> = (0..=10)
        .map(|_| {
            let verdict = scrape.ask(&one, b"/", at(0));
            scrape.erred(&one, at(0));
            verdict
        })
        .collect();
    let slow = |millis| Verdict::Slow(Duration::from_millis(millis));
    let refuse = Verdict::Refuse { retry_after: Duration::from_secs(6), budget: Budget::Errors };
    let go = Verdict::Go;
    assert_eq!(verdicts, [go, go, go, go, go, go, slow(400), slow(800), slow(1200), slow(1600), refuse]);
    // More errors than the budget has (requests that were under way) do not last longer.
    assert_eq!(
        scrape.ask(&one, b"/", at(1)),
        Verdict::Refuse { retry_after: Duration::from_millis(5999), budget: Budget::Errors }
    );
    assert_eq!(scrape.ask(&one, b"/", at(6000)), slow(1600));
    assert_eq!(scrape.ask(&one, b"/", at(30_000)), go);
    assert_eq!(scrape.ask(&errors(2, &policy), b"/", at(0)), go);
}

/// Five guesses an hour at a key of 160 bits, from each address.
#[test]
fn who_guesses_keys_is_held_to_the_rate_for_ever() {
    let policy = policy("errors", 5, 3600, 5);
    let (scrape, one) = (Scrape::new(64), errors(1, &policy));
    let mut guesses = 0;
    for minute in 0..24 * 60 {
        for _ in 0..10 {
            if !is_refused(scrape.ask(&one, b"/", at(minute * 60 * SECOND))) {
                scrape.erred(&one, at(minute * 60 * SECOND));
                guesses += 1;
            }
        }
    }
    assert_eq!(guesses, 5 + 24 * 5 - 1);
}

#[test]
fn what_was_seen_is_free() {
    let policy = policy("pages", 100, 3600, 100);
    let scrape = Scrape::new(1);
    for round in 0..1000 {
        for page in 0..40 {
            let verdict = scrape.ask(&pages(1, &policy), format!("/page/{page}").as_bytes(), at(round));
            assert_eq!(verdict, Verdict::Go);
        }
    }
}

#[test]
fn new_ones_are_slowed_down_and_seen_ones_are_not() {
    let policy = policy("pages", 100, 3600, 100);
    let scrape = Scrape::new(1);
    let ask = |page: u32| scrape.ask(&pages(1, &policy), format!("/page/{page}").as_bytes(), at(0));
    let held: Vec<Duration> = (0..)
        .map(ask)
        .take_while(|verdict| !is_refused(*verdict))
        .filter_map(|verdict| match verdict {
            Verdict::Slow(span) => Some(span),
            Verdict::Go | Verdict::Refuse { .. } => None,
        })
        .collect();
    assert!((35..55).contains(&held.len()), "{}", held.len());
    assert!(held.is_sorted() && held.iter().all(|span| *span <= SLOWEST));
    assert!(held[0] < Duration::from_millis(100) && held[held.len() - 1] > Duration::from_millis(1800));
    let scrape = Scrape::new(1);
    let ask = |page: u32| scrape.ask(&pages(1, &policy), format!("/page/{page}").as_bytes(), at(0));
    assert!((0..70).all(|page| !is_refused(ask(page))));
    assert!((0..70).all(|page| ask(page) == Verdict::Go));
}

/// The stated standard error, by clients that each use a whole budget.
#[test]
fn the_sketch_is_right_within_its_error() {
    for (amount, burst) in [(20, 20), (100, 100), (500, 500), (1000, 24), (2000, 2000), (20_000, 20_000)] {
        let policy = policy("pages", amount, 86_400, burst);
        let scrape = Scrape::new(4096);
        let clients = if burst > 10_000 { 60 } else { 200 };
        let counts: Vec<f64> = (0..clients).map(|number| harvest(&scrape, number, &policy, 0) as f64).collect();
        let mean = counts.iter().sum::<f64>() / f64::from(clients) / f64::from(burst);
        let spread = counts.iter().map(|count| (count / f64::from(burst) - mean).powi(2)).sum::<f64>();
        let error = (spread / f64::from(clients)).sqrt();
        assert!((0.95..1.06).contains(&mean), "{amount} burst {burst}: {mean} of what was promised");
        // The stated 8 %, and 3 standard errors of what a sample of so many says of it.
        let most = 0.08 * (1.0 + 3.0 / (2.0 * f64::from(clients)).sqrt());
        assert!(error < most, "{amount} burst {burst}: {error}, at most {most}");
    }
}

#[test]
fn over_hours_it_holds_to_its_rate() {
    let policy = policy("pages", 600, 3600, 100);
    let scrape = Scrape::new(64);
    let mut passed = 0;
    for second in 0..10 * 3600_u64 {
        let target = format!("/page/{second}");
        passed += u32::from(!is_refused(scrape.ask(&pages(1, &policy), target.as_bytes(), at(second * SECOND))));
    }
    let promised = 10 * 600 + 100;
    assert!((promised * 9 / 10..promised * 11 / 10).contains(&passed), "{passed} of {promised}");
}

#[test]
fn after_its_period_a_target_counts_again() {
    let policy = policy("pages", 10, 3600, 10);
    let scrape = Scrape::new(1);
    let ask = |millis| {
        for page in 0..10 {
            scrape.ask(&pages(1, &policy), format!("/page/{page}").as_bytes(), at(millis));
        }
        scrape.ask(&pages(1, &policy), b"/other", at(millis))
    };
    assert!(is_refused(ask(0)));
    assert!(!is_refused(ask(HOUR - 1)), "the same ten are free, and the budget is back");
    assert!(is_refused(ask(3 * HOUR)));
}

/// Every client against exact sets: a table with places for all of them refuses nobody by mistake who is well below
/// the budget, and lets nobody through who is well above.
#[test]
fn clients_are_told_apart_as_exact_sets_tell_them() {
    let walks = std::env::var("HAFIR_MODEL_WALKS").ok().and_then(|count| count.parse().ok()).unwrap_or(20_u64);
    for seed in 1..=walks {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = |bound: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 20) % bound
        };
        let policy = policy("pages", 200, 3600, 200);
        let scrape = Scrape::new(4096);
        let mut exact: HashMap<u32, HashSet<u64>> = HashMap::new();
        for step in 0..6000 {
            let number = roll(12) as u32;
            // Some look at few pages again and again, some at more and more.
            let page = roll(20 + 60 * u64::from(number));
            let verdict = scrape.ask(&pages(number, &policy), format!("/{page}").as_bytes(), at(step / 10));
            let seen = exact.entry(number).or_default();
            if is_refused(verdict) {
                assert!(seen.len() > 140, "walk {seed}: refused after {} of 200", seen.len());
            } else {
                seen.insert(page);
                assert!(seen.len() < 270, "walk {seed}: {} of 200 let through", seen.len());
            }
        }
        assert!(exact[&11].len() > 140);
    }
}

#[test]
fn two_hundred_thousand_clients_do_not_free_a_scraper_or_a_guesser() {
    let (distinct, failed) = (policy("pages", 60, 3600, 60), policy("errors", 10, 3600, 10));
    let scrape = Scrape::new(16_384);
    let bytes = (scrape.errors.lock().bytes(), scrape.targets.lock().bytes());
    assert_eq!(bytes, (16_384 * 32 + 1024 * 8, 4096 * 104 + 256 * 8));
    let heavy = Budgets { client: client(0), distinct: Some(&distinct), errors: Some(&failed) };
    assert!((45..80).contains(&harvest(&scrape, 0, &distinct, 0)));
    (0..10).for_each(|_| scrape.erred(&heavy, at(0)));
    let mut others = 0;
    for number in 1..=200_000_u32 {
        let budgets = Budgets { client: client(number), ..heavy };
        let now = at(u64::from(number) / 100);
        let verdict = scrape.ask(&budgets, b"/", now);
        if !is_refused(verdict) {
            others += 1;
            scrape.erred(&budgets, now);
        }
        if number % 50 == 0 {
            let only_pages = Budgets { errors: None, ..heavy };
            assert!(is_refused(scrape.ask(&only_pages, format!("/{number}").as_bytes(), now)), "{number}");
            assert!(is_refused(scrape.ask(&heavy, b"/", now)), "{number}");
        }
    }
    // A hundred new guessers a second, for half an hour: by then they have used up most of what the table holds.
    assert!(others > 150_000, "{others}");
}

#[test]
fn numbers_at_their_ends() {
    for (amount, seconds, burst) in
        [(1, 1, 1), (u32::MAX, 1, u32::MAX), (1, 2_678_400, u32::MAX), (u32::MAX, 1, 1), (0, 0, 0)]
    {
        let policy = policy("p", amount, seconds, burst);
        let scrape = Scrape::new(1);
        let both = Budgets { client: client(1), distinct: Some(&policy), errors: Some(&policy) };
        for millis in [0, 1, HOUR, u64::MAX / 1_000_000, u64::MAX] {
            scrape.ask(&both, b"/", at(millis));
            scrape.erred(&both, at(millis));
        }
    }
}
