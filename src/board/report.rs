//! `hafir-status.txt`: what the card tells whoever puts it into a laptop. One page, plain words, never a secret.

use std::fmt::Write as _;
use std::time::Duration;

use super::sentences::Standing;
use super::time::ClockState;
use crate::base::{Mono, Size, Wall};
use crate::config::{Config, Uplink};

/// Sentences of one kind that are told: the page is one page.
const MOST: usize = 14;
/// Changes of the link are written down after this time at the soonest: a cable that comes and goes is no reason to wear
/// out a card.
const BETWEEN_LINKS: Duration = Duration::from_secs(10 * 60);
/// After this time the numbers at the end are written anew.
const BETWEEN_NUMBERS: Duration = Duration::from_secs(24 * 60 * 60);
/// What stands between what has a meaning and what only counts.
const NUMBERS: &str = "As it was ";

/// What is known of a board.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    /// The name of the person's file.
    pub(crate) file: &'a str,
    pub(crate) standing: Standing,
    pub(crate) config: &'a Config,
    pub(crate) needs: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) interfaces: Vec<Interface>,
    /// `None`: it does not answer.
    pub(crate) gateway: Option<Gateway>,
    pub(crate) clock: ClockState,
    pub(crate) now: Wall,
    pub(crate) card: Card,
    pub(crate) kernel: String,
    pub(crate) model: String,
}

/// A network adapter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) is_wireless: bool,
    /// A cable is in, or a network is joined or offered.
    pub(crate) is_up: bool,
    pub(crate) addresses: Vec<String>,
}

/// What the gateway says of itself.
#[derive(Clone, Default, Debug)]
pub(crate) struct Gateway {
    /// Services behind the link and whether they can be reached.
    pub(crate) services: Vec<(String, bool)>,
    /// What it finds wrong besides the file.
    pub(crate) problems: Vec<String>,
    pub(crate) kept: Size,
    pub(crate) objects: u64,
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Card {
    pub(crate) size: Size,
    pub(crate) free: Size,
    /// The data partition could not be used.
    pub(crate) in_memory: bool,
    /// It was damaged and is sound again.
    pub(crate) mended: bool,
}

/// The page in its three parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Report {
    /// What is told at once when it changes.
    pub(crate) problems: String,
    /// What may change with every cable.
    pub(crate) link: String,
    pub(crate) numbers: String,
}

pub(crate) fn report(facts: &Facts<'_>) -> Report {
    Report { problems: problems(facts), link: link(facts), numbers: numbers(facts) }
}

impl Report {
    /// As Notepad of every Windows reads it: with the mark of UTF-8 and CRLF.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = format!("\u{FEFF}{}{}{}", self.problems, self.link, self.numbers);
        text.replace('\n', "\r\n").into_bytes()
    }

    /// Whether a page says the same but for the numbers.
    fn is_told_by(&self, page: &[u8]) -> bool {
        let own = self.bytes();
        meaning(&own).is_some_and(|own| meaning(page) == Some(own))
    }
}

/// What stands before the numbers.
fn meaning(page: &[u8]) -> Option<&[u8]> {
    let at = page.windows(NUMBERS.len()).position(|window| window == NUMBERS.as_bytes())?;
    page.get(..at)
}

/// When the page is written. Knows what is on the card.
#[derive(Debug)]
pub(crate) struct Pace {
    told: Option<Report>,
    page: Vec<u8>,
    at: Mono,
}

impl Pace {
    /// `page`: what is on the card, perhaps of another day.
    pub(crate) fn new(page: Vec<u8>, now: Mono) -> Pace {
        Pace { told: None, page, at: now }
    }

    /// Whether it is to be written now: problems at once, links some time later, numbers once a day.
    pub(crate) fn is_due(&self, report: &Report, now: Mono) -> bool {
        let passed = now.since(self.at);
        match &self.told {
            Some(told) if told.problems != report.problems => true,
            Some(told) if told.link != report.link => passed >= BETWEEN_LINKS,
            Some(_) => passed >= BETWEEN_NUMBERS,
            None => !report.is_told_by(&self.page) || passed >= BETWEEN_NUMBERS,
        }
    }

    /// It was written, or could not be: either way it is not tried again at once.
    pub(crate) fn told(&mut self, report: Report, now: Mono) {
        self.page = Vec::new();
        self.told = Some(report);
        self.at = now;
    }
}

fn problems(facts: &Facts<'_>) -> String {
    let needs = needs(facts);
    let mut text = match needs.len() {
        0 => "All is well.\n\n".to_owned(),
        1 => "1 thing needs you:\n\n".to_owned(),
        count => format!("{count} things need you:\n\n"),
    };
    list(&mut text, &needs, |at| format!("{}. ", at + 1));
    let file = facts.file;
    let _ = match facts.standing {
        Standing::File => writeln!(text, "The board does what {file} says.\n"),
        Standing::LastGood => {
            writeln!(text, "Until {file} is mended, the board does what it said when it was last without mistakes.\n")
        }
        Standing::Parts { wifi: true } => {
            writeln!(text, "Until {file} is mended, the board offers its Wi-Fi, but may serve nothing.\n")
        }
        Standing::Parts { wifi: false } => {
            writeln!(text, "Until {file} is mended, the board offers no Wi-Fi; it can be reached by cable.\n")
        }
        Standing::Nothing => {
            writeln!(text, "Until then the board is as it was made: no Wi-Fi; it can be reached by cable.\n")
        }
    };
    text.push_str("How to reach it\n---------------\n");
    let (wifi, host) = (&facts.config.wifi, &facts.config.board.hostname);
    if wifi.name.is_empty() {
        text.push_str("It offers no Wi-Fi.\n");
    } else {
        let how = if wifi.passphrase.is_empty() { "open to everybody" } else { "with a passphrase" };
        let _ = writeln!(text, "Wi-Fi:     {} ({how})", wifi.name);
        let _ = writeln!(text, "There:     http://{host}.lan or http://{}", wifi.address.address);
    }
    let _ = writeln!(text, "By cable:  http://{host}.local\n");
    if !facts.notes.is_empty() {
        text.push_str("Good to know\n------------\n");
        list(&mut text, &facts.notes, |_| "- ".to_owned());
    }
    text
}

fn needs(facts: &Facts<'_>) -> Vec<String> {
    let mut needs = facts.needs.clone();
    if facts.card.in_memory {
        needs.push(
            "The card's second partition cannot be used, so all that is kept is gone with the power. Flash the card anew, \
             or take another one; cards wear out."
                .to_owned(),
        );
    }
    match &facts.gateway {
        Some(gateway) => needs.extend(gateway.problems.iter().cloned()),
        None => needs.push(
            "The gateway does not answer. Take the power away and give it again; if this stays, flash the card anew."
                .to_owned(),
        ),
    }
    needs
}

fn link(facts: &Facts<'_>) -> String {
    let mut text = String::from("Link\n----\n");
    for Interface { name, is_wireless, is_up, addresses } in &facts.interfaces {
        let state = match (is_wireless, is_up) {
            (true, true) => "on",
            (true, false) => "off",
            (false, true) => "cable is in",
            (false, false) => "no cable",
        };
        let kind = if *is_wireless { "Wi-Fi" } else { "Ethernet" };
        let addresses = if addresses.is_empty() { "no address".to_owned() } else { addresses.join(", ") };
        let _ = writeln!(text, "{kind} {name}: {state}, {addresses}");
    }
    if facts.interfaces.is_empty() {
        text.push_str("No network adapter was found.\n");
    }
    if facts.config.wifi.uplink == Uplink::Wifi {
        let _ = writeln!(text, "The Internet is reached by the Wi-Fi '{}'.", facts.config.wifi.uplink_name);
    }
    let services = facts.gateway.iter().flat_map(|gateway| &gateway.services);
    let (up, down): (Vec<_>, Vec<_>) = services.partition(|(_, up)| *up);
    let names = |list: Vec<&(String, bool)>| {
        let mut names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    if !up.is_empty() {
        let _ = writeln!(text, "Can be reached: {}", names(up));
    }
    if !down.is_empty() {
        let _ = writeln!(text, "Cannot be reached now: {}", names(down));
    }
    match (facts.clock.sure, &facts.clock.trouble) {
        (true, _) => text.push_str("The clock is right.\n"),
        (false, Some(trouble)) => drop(writeln!(text, "The clock may be wrong: {trouble}.")),
        (false, None) => text.push_str("The clock may be wrong: nobody has told the time yet.\n"),
    }
    text.push('\n');
    text
}

fn numbers(facts: &Facts<'_>) -> String {
    let mut text = format!("{NUMBERS}on {}\n", date(facts.now));
    text.push_str("-----------------------------------\n");
    if let Some(since) = facts.clock.since.filter(|_| facts.clock.sure) {
        let _ = writeln!(text, "Clock:     right since {}", date(since));
    }
    let Card { size, free, in_memory, mended } = facts.card;
    let place = if in_memory { "Memory: " } else { "Card:   " };
    let _ = writeln!(text, "{place}   {free} of {size} are free");
    if mended {
        text.push_str("           It was damaged, as by a power cut, and has been mended.\n");
    }
    if let Some(gateway) = &facts.gateway {
        let _ = writeln!(text, "Kept:      {} in {} answers", gateway.kept, gateway.objects);
    }
    if !facts.model.is_empty() {
        let _ = writeln!(text, "Board:     {}", one_line(&facts.model));
    }
    let _ = writeln!(text, "Versions:  hafir {}, Linux {}", env!("CARGO_PKG_VERSION"), one_line(&facts.kernel));
    text
}

/// Each sentence with its mark, the lines below it indented. Bounded, so that the page stays one.
fn list(text: &mut String, sentences: &[String], mark: impl Fn(usize) -> String) {
    for (at, sentence) in sentences.iter().take(MOST).enumerate() {
        let mark = mark(at);
        let mut column = mark.len();
        let indent = mark.len();
        text.push_str(&mark);
        for (place, word) in one_line(sentence).split(' ').enumerate() {
            let width = word.chars().count();
            if place > 0 && column + 1 + width > 78 {
                let _ = write!(text, "\n{:indent$}", "");
                column = indent;
            } else if place > 0 {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += width;
        }
        text.push('\n');
    }
    if sentences.len() > MOST {
        let _ = writeln!(text, "and {} more", sentences.len() - MOST);
    }
    if !sentences.is_empty() {
        text.push('\n');
    }
}

fn one_line(text: &str) -> String {
    text.trim_end_matches('\0')
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// `23 November 2026, 05:10 UTC`. By Howard Hinnant's `civil_from_days`.
fn date(at: Wall) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let minutes = at.as_seconds().div_euclid(60);
    let shifted = minutes.div_euclid(24 * 60) + 719_468;
    let era_day = shifted.rem_euclid(146_097);
    let year_of_era = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let day_of_year = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Counted from March, so that the day which leap years have is the last one.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = shifted.div_euclid(146_097) * 400 + year_of_era + i64::from(month < 2);
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
    let of_day = minutes.rem_euclid(24 * 60);
    format!("{day} {name} {year}, {:02}:{:02} UTC", of_day / 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let mut config = Config::default();
        config.wifi.name = "École de Kitgum".into();
        config.wifi.passphrase = "mango-tree".into();
        config.wifi.uplink_passphrase = "baobab-tree".into();
        config.board.hostname = "kitgum".into();
        config
    }

    fn facts(config: &Config) -> Facts<'_> {
        Facts {
            file: "hafir.ini",
            standing: Standing::File,
            config,
            needs: Vec::new(),
            notes: Vec::new(),
            interfaces: vec![Interface {
                name: "eth0".into(),
                is_wireless: false,
                is_up: true,
                addresses: vec!["10.0.0.5".into()],
            }],
            gateway: Some(Gateway {
                services: vec![("wiki".into(), true), ("films".into(), false)],
                ..Gateway::default()
            }),
            clock: ClockState::default(),
            now: Wall::from_seconds(1_795_410_600),
            card: Card { size: Size::mib(8192), free: Size::mib(4096), ..Card::default() },
            kernel: "6.12.1\n".into(),
            model: "Raspberry Pi 3\0".into(),
        }
    }

    fn text(report: &Report) -> String {
        String::from_utf8(report.bytes()).unwrap()
    }

    #[test]
    fn a_calm_page_says_so_first_and_how_to_reach_the_board() {
        let config = config();
        let page = text(&report(&facts(&config)));
        assert!(page.starts_with("\u{FEFF}All is well.\r\n"), "{page}");
        for line in [
            "Wi-Fi:     École de Kitgum (with a passphrase)",
            "There:     http://kitgum.lan or http://192.168.4.1",
            "Ethernet eth0: cable is in, 10.0.0.5",
            "Can be reached: wiki",
            "Cannot be reached now: films",
            "Board:     Raspberry Pi 3",
        ] {
            assert!(page.contains(&format!("\r\n{line}\r\n")), "{line}\n{page}");
        }
        assert!(!page.contains("-tree"));
        assert!(page.lines().count() < 60 && !page.replace("\r\n", "").contains(['\r', '\n', '\0']));
    }

    #[test]
    fn needs_are_counted_and_wrapped() {
        let config = config();
        let mut facts = facts(&config);
        facts.needs = vec!["hafir.ini, line 12: [route wiki] uptream: unknown key;\ndid you mean 'upstream'?".into()];
        let page = text(&report(&facts));
        assert!(page.contains("1 thing needs you:\r\n\r\n1. hafir.ini, line 12: [route wiki] uptream:"), "{page}");
        assert!(page.lines().all(|line| line.chars().count() < 80), "{page}");
        facts.gateway = None;
        facts.card.in_memory = true;
        assert!(text(&report(&facts)).contains("3 things need you:"));
        facts.needs = vec!["x ".repeat(1000); 500];
        assert!(text(&report(&facts)).len() < 40_000);
    }

    #[test]
    fn the_card_is_written_to_only_when_the_meaning_changed() {
        let config = config();
        let mut facts = facts(&config);
        let minute = |count: u64| Mono::from_millis(count * 60_000);
        let calm = report(&facts);
        let mut pace = Pace::new(Vec::new(), minute(0));
        assert!(pace.is_due(&calm, minute(0)));
        facts.now = Wall::from_seconds(0);
        facts.card.free = Size::mib(1);
        let later = report(&facts);
        assert!(!Pace::new(calm.bytes(), minute(0)).is_due(&later, minute(0)), "the next start says the same");
        pace.told(calm, minute(0));
        assert!(!pace.is_due(&later, minute(60)) && pace.is_due(&later, minute(24 * 60)));
        facts.interfaces.clear();
        assert!(!pace.is_due(&report(&facts), minute(9)) && pace.is_due(&report(&facts), minute(10)));
        facts.needs.push("something".into());
        assert!(pace.is_due(&report(&facts), minute(1)));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1 January 1970, 00:00 UTC"),
            (951_782_399, "28 February 2000, 23:59 UTC"),
            (951_782_400, "29 February 2000, 00:00 UTC"),
            (1_795_410_600, "23 November 2026, 05:10 UTC"),
            (-1, "31 December 1969, 23:59 UTC"),
        ] {
            assert_eq!(date(Wall::from_seconds(seconds)), expected);
        }
    }
}
