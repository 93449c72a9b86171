//! `hafir usage`: who has used how much of their quotas, from the running gateway, or from what it wrote down.

mod words;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use miniserde::{Deserialize, Serialize, json};

pub(super) use words::{HELP, Request};

use super::control::{self, Answer, Question, Unanswered};
use super::folders::{Trouble, configured, finish};
use super::memory::Memory;
use super::{EXIT_FAILURE, privileges, say};
use crate::base::{Now, Quota, Size};
use crate::config::Config;
use crate::gateway::restore_counts;
use crate::ledger::Ledger;
use crate::limits::quota::{Allowances, Holder, Measure, Quotas, Unit, Usage, amount};
use crate::net::Clock;

/// Lines of one answer of the gateway: with the longest names far below what an answer may hold.
const LINES: usize = 1000;

/// Runs one command and gives the exit code.
pub(super) fn run(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if request.help {
        return say(out, HELP);
    }
    let (config, _) = match configured(request.config.as_deref(), "usage", err) {
        Ok(found) => found,
        Err(code) => return code,
    };
    match uses(&config) {
        Ok(uses) => print(&uses, request, &config, out),
        Err(problem) => finish(Err(Trouble::Told(problem)), err),
    }
}

/// Does what a question says.
pub(super) fn obey(what: &str, question: &Question, quotas: &Quotas, now: Now) -> Answer {
    match what {
        "list" => {
            let from = question.texts.first().and_then(|text| text.parse().ok()).unwrap_or(0);
            let all = quotas.usage(now);
            let uses: Vec<Use> = all.iter().skip(from).take(LINES).map(Use::of).collect();
            let counts = BTreeMap::from([("all".to_owned(), u64::try_from(all.len()).unwrap_or(u64::MAX))]);
            Answer { note: Some(json::to_string(&uses)), counts, ..Answer::done() }
        }
        _ => Answer::problem(format!("the running gateway does not know 'usage {what}'")),
    }
}

/// One counter, as the gateway tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Use {
    /// `plan` or `route`.
    holder: String,
    /// Of the plan or route.
    name: String,
    caller: String,
    /// `requests` or `bytes`.
    unit: String,
    /// `hour`, `day` or `month`.
    period: String,
    used: u64,
    /// Seconds until the period ends.
    resets: u64,
}

/// The same with its limit, for people and programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Shown {
    caller: String,
    holder: String,
    name: String,
    unit: String,
    period: String,
    used: u64,
    /// `null`: the configuration has no such quota any more.
    limit: Option<u64>,
    percent: Option<u64>,
    resets: u64,
}

impl Use {
    fn of(usage: &Usage) -> Use {
        Use {
            holder: usage.holder.word().to_owned(),
            name: usage.name.clone(),
            caller: usage.caller.clone(),
            unit: usage.unit.word().to_owned(),
            period: usage.period.word().to_owned(),
            used: usage.used,
            resets: usage.resets,
        }
    }

    fn is_asked_for(&self, request: &Request) -> bool {
        let on_plan = |plan: &String| self.holder == Holder::Plan.word() && self.name == *plan;
        let is_named = |name: &String| {
            self.caller == *name || self.caller.split_once('/').is_some_and(|(_, behind)| behind == name)
        };
        request.plan.as_ref().is_none_or(on_plan) && request.name.as_ref().is_none_or(is_named)
    }

    fn shown(&self, config: &Config) -> Shown {
        let limit = self.limit(config);
        let percent = |limit: u64| {
            let percent = u128::from(self.used) * 100 / u128::from(limit.max(1));
            u64::try_from(percent).unwrap_or(u64::MAX)
        };
        Shown {
            caller: self.caller.clone(),
            holder: self.holder.clone(),
            name: self.name.clone(),
            unit: self.unit.clone(),
            period: self.period.clone(),
            used: self.used,
            limit,
            percent: limit.map(percent),
            resets: self.resets,
        }
    }

    /// What the configuration says.
    fn limit(&self, config: &Config) -> Option<u64> {
        let (holder, quotas): (Holder, &[Quota]) = if self.holder == Holder::Plan.word() {
            (Holder::Plan, &config.plans.iter().find(|plan| plan.name == self.name)?.quotas)
        } else {
            (Holder::Route, &config.routes.iter().find(|route| route.name == self.name)?.limits.quotas)
        };
        let allowances = Allowances::new(holder, &self.name, quotas);
        let is_own = |quota: &&Quota| {
            let Measure { unit, period } = Measure::of(quota);
            unit.word() == self.unit && period.word() == self.period
        };
        allowances.quotas().iter().find(is_own).map(amount)
    }
}

/// What the running gateway has counted, or, where none runs, what was written down.
fn uses(config: &Config) -> Result<Vec<Use>, String> {
    let mut uses: Vec<Use> = Vec::new();
    loop {
        let texts = vec![uses.len().to_string()];
        let question = Question { ask: "usage list".to_owned(), texts, hard: false };
        let answer = match control::ask(&config.gateway.state, &question) {
            Ok(answer) => answer,
            Err(Unanswered::NobodyThere) => return written_down(config),
            Err(why @ (Unanswered::Forbidden(_) | Unanswered::Io(_))) => return Err(why.to_string()),
        };
        let some = understood(&answer)?;
        let all = answer.counts.get("all").copied().unwrap_or(0);
        let is_last = some.is_empty();
        uses.extend(some);
        if is_last || u64::try_from(uses.len()).is_ok_and(|told| told >= all) {
            return Ok(uses);
        }
    }
}

fn understood(answer: &Answer) -> Result<Vec<Use>, String> {
    if let Some(why) = &answer.problem {
        return Err(why.clone());
    }
    let lines = json::from_str(answer.note.as_deref().unwrap_or_default());
    lines.map_err(|miniserde::Error| "another version of hafir may be running".to_owned())
}

fn written_down(config: &Config) -> Result<Vec<Use>, String> {
    let state = &config.gateway.state;
    privileges::become_owner_of(state).map_err(|cause| format!("{}: {cause}", state.display()))?;
    let (ledger, problem) = Ledger::open(state);
    let now = Clock::start(Memory::open(state).clock_floor()).now();
    let quotas = Quotas::new(config.gateway.timezone);
    let uncounted = restore_counts(&quotas, &ledger, now);
    match problem.or(uncounted) {
        Some(problem) => Err(problem),
        None => Ok(quotas.usage(now).iter().map(Use::of).collect()),
    }
}

fn print(uses: &[Use], request: &Request, config: &Config, out: &mut dyn Write) -> ExitCode {
    let asked_for = uses.iter().filter(|one| one.is_asked_for(request));
    let shown: Vec<Shown> = asked_for.map(|one| one.shown(config)).collect();
    let done = if request.json { writeln!(out, "{}", json::to_string(&shown)) } else { table(&shown, out) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that went away (`hafir usage | head`) has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

const HEADS: [&str; 6] = ["caller", "by", "used", "of", "%", "begins anew in"];

fn table(shown: &[Shown], out: &mut dyn Write) -> io::Result<()> {
    if shown.is_empty() {
        return writeln!(out, "Nobody has used anything of a quota in this hour, day or month.");
    }
    let rows: Vec<[String; 6]> = shown.iter().map(Shown::row).collect();
    let heads = HEADS.map(str::to_owned);
    let width = |at: usize| {
        let cells = std::iter::once(&heads).chain(&rows).filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [caller, by, used, of, percent, _] = [0, 1, 2, 3, 4, 5].map(width);
    for [a, b, c, d, e, f] in std::iter::once(&heads).chain(&rows) {
        writeln!(out, "{a:caller$}  {b:by$}  {c:>used$}  {d:>of$}  {e:>percent$}  {f}")?;
    }
    Ok(())
}

impl Shown {
    fn row(&self) -> [String; 6] {
        let number = |count: u64| {
            if self.unit == Unit::Bytes.word() { Size::bytes(count).to_string() } else { count.to_string() }
        };
        let of = self.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("{}/{}", number(limit), self.period));
        let percent = self.percent.map_or_else(String::new, |percent| percent.to_string());
        [
            self.caller.chars().map(|char| if char.is_control() { '?' } else { char }).collect(),
            format!("{} {}", self.holder, self.name),
            number(self.used),
            of,
            percent,
            span(self.resets),
        ]
    }
}

/// The two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Period;
    use crate::base::{Allowance, Mono, Wall};
    use crate::config;
    use crate::limits::quota::{Caller, QuotaCharge};
    use std::path::Path;

    const FILE: &str = "[gateway]\nstate = /nowhere\n[plan clinic]\nquota = 10/day, 1 MB/month\n\
        [route a]\nupstream = http://a\nplan = clinic\nquota = 4/hour\n";

    fn config() -> Config {
        config::load_bytes("f.ini", FILE.as_bytes(), Path::new("/")).unwrap().config
    }

    fn now() -> Now {
        Now { mono: Mono::from_millis(0), wall: Wall::from_seconds(1_793_700_000), sure: true }
    }

    /// Three callers on the plan, one of them on the route as well, and a plan that is gone.
    fn quotas(config: &Config) -> Quotas {
        let quotas = Quotas::new(0);
        let plan = Allowances::new(Holder::Plan, "clinic", &config.plans[0].quotas);
        let route = Allowances::new(Holder::Route, "a", &config.routes[0].limits.quotas);
        let daily = Quota { allowance: Allowance::Requests(9), period: Period::Day };
        let gone = Allowances::new(Holder::Plan, "gone", &[daily]);
        let key = |id| Caller::Known { kind: "key", id };
        let take = |caller, allowances| quotas.take(&[QuotaCharge { caller, allowances }], now()).unwrap();
        (0..8).for_each(|_| drop(take(key("k7f3"), &plan)));
        take(key("k7f3"), &route);
        take(Caller::Address("192.168.4.7".parse().unwrap()), &plan);
        take(key("old"), &gone);
        quotas.spend_bytes(&[QuotaCharge { caller: key("k7f3"), allowances: &plan }], 1 << 19, now());
        quotas
    }

    fn told(line: &str) -> String {
        let config = config();
        let question = Question { ask: String::new(), texts: vec!["0".to_owned()], hard: false };
        let answer = obey("list", &question, &quotas(&config), now());
        let words = line.split_whitespace().map(std::ffi::OsString::from).collect();
        let mut out = Vec::new();
        print(&understood(&answer).unwrap(), &Request::parse(words).unwrap(), &config, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn use_is_shown_with_its_limit() {
        assert_eq!(
            told(""),
            "caller               by             used          of   %  begins anew in\n\
             address/192.168.4.7  plan clinic       1      10/day  10  14 h 0 min\n\
             key/k7f3             plan clinic       8      10/day  80  14 h 0 min\n\
             key/k7f3             plan clinic  512 KB  1 MB/month  50  27 days 14 h\n\
             key/old              plan gone         1    no limit      14 h 0 min\n\
             key/k7f3             route a           1      4/hour  25  1 h 0 min\n"
        );
    }

    #[test]
    fn some_of_it_is_shown() {
        assert_eq!(told("--plan clinic").lines().count(), 1 + 3);
        assert_eq!(told("k7f3").lines().count(), 1 + 3);
        assert_eq!(told("key/k7f3 --plan clinic").lines().count(), 1 + 2);
        assert_eq!(told("nobody"), "Nobody has used anything of a quota in this hour, day or month.\n");
        assert_eq!(
            told("--json old"),
            "[{\"caller\":\"key/old\",\"holder\":\"plan\",\"name\":\"gone\",\"unit\":\"requests\",\"period\":\"day\",\
             \"used\":1,\"limit\":null,\"percent\":null,\"resets\":50400}]\n"
        );
    }

    #[test]
    fn more_than_one_answer_holds_is_told_in_several() {
        let quotas = Quotas::new(0);
        let daily = Quota { allowance: Allowance::Requests(9), period: Period::Day };
        let plan = Allowances::new(Holder::Plan, "clinic", &[daily]);
        for number in 0..2500_u32 {
            let caller = Caller::Address(std::net::IpAddr::V4(number.into()));
            quotas.take(&[QuotaCharge { caller, allowances: &plan }], now()).unwrap();
        }
        let lines = |from: &str| {
            let question = Question { ask: String::new(), texts: vec![from.to_owned()], hard: false };
            let answer = obey("list", &question, &quotas, now());
            assert_eq!(answer.counts["all"], 2500);
            understood(&answer).unwrap().len()
        };
        assert_eq!(["0", "1000", "2000", "2500"].map(lines), [1000, 1000, 500, 0]);
    }

    #[test]
    fn what_was_written_down_is_told_without_a_gateway() {
        use crate::ledger::{Durability, Table};
        let folder = std::env::temp_dir().join(format!("hafir-usage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut config = config();
        config.gateway.state.clone_from(&folder);
        assert_eq!(uses(&config), Ok(Vec::new()));
        let records = quotas(&config).dirty(now());
        let records: Vec<_> = records.iter().map(|(name, bytes)| (name.as_str(), bytes.as_deref())).collect();
        Ledger::open(&folder).0.write(Table::Usage, &records, Durability::Now).unwrap();
        // The clock that this runs by may be in another period: only what the gateway would say is compared.
        let told = uses(&config).unwrap();
        assert!(told.iter().all(|one| one.used <= 1 << 19 && one.caller.contains('/')), "{told:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [(59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_000, "1 day 1 h"), (0, "0 s")] {
            assert_eq!(span(seconds), text);
        }
    }
}
