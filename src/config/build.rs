//! From sections to one configuration: every section once, every default in place, and the checks between sections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use super::access::{JwtConfig, PlanConfig, UserConfig};
use super::board;
use super::defaults::MachineDefaults;
use super::draft::Draft;
use super::effective::EffectiveSection;
use super::ini::{self, RawSection};
use super::outside::{Expected, Outside};
use super::problem::{Fault, Problem, Problems, Report, shown};
use super::references::Sections;
use super::section::{Given, Reader};
use super::table::{self, Kind, Naming};
use super::types::*;
use super::{MAX_PATHS, MAX_ROUTES};
use super::{route, text};

/// Each section costs a few kilobytes while it is read, and each route a place in a fixed table.
const MAX_SECTIONS: usize = 1000;

/// A file read as far as it could be.
pub(super) struct Built {
    /// Complete: where something was wrong, the default holds.
    pub(super) config: Config,
    pub(super) effective: Vec<EffectiveSection>,
    pub(super) problems: Problems,
    pub(super) notes: Vec<Problem>,
}

pub(super) fn build(name: &str, bytes: &[u8], base: &Path, outside: Outside) -> Built {
    let mut report = Report::new(name);
    let lines = text::lines(bytes).unwrap_or_else(|fault| {
        report.add(0, "", "", fault);
        Vec::new()
    });
    let sections = ini::read(&lines, &mut report);
    let mut builder = Builder::default();
    let machine = MachineDefaults::of(outside);
    let mut reader = Reader { base, outside, machine: &machine, report: &mut report };
    // The nameless section before the first head comes on top.
    for raw in sections.iter().take(MAX_SECTIONS.saturating_add(1)) {
        builder.section(raw, &mut reader);
    }
    if let Some(first) = sections.get(MAX_SECTIONS.saturating_add(1)) {
        reader.report.add(first.line, &first.title(), "", Fault::TooMany { what: "sections", most: MAX_SECTIONS });
    }
    builder.finish(&mut reader);
    let Builder { draft, tls, plans, jwt, users, routes, given, .. } = builder;
    let Draft { gateway, limits, timeouts, cache, log, metrics, link, audit, portal, wifi, board, .. } = draft;
    let (problems, notes) = report.finish();
    Built {
        config: Config {
            gateway,
            limits,
            timeouts,
            tls,
            cache,
            log,
            metrics,
            link,
            audit,
            portal,
            wifi,
            board,
            plans,
            jwt,
            users,
            routes,
        },
        effective: given.into_iter().map(Given::into_effective).collect(),
        problems,
        notes,
    }
}

#[derive(Default)]
struct Builder {
    draft: Draft,
    tls: Vec<TlsConfig>,
    plans: Vec<PlanConfig>,
    jwt: Vec<JwtConfig>,
    users: Vec<UserConfig>,
    routes: Vec<RouteConfig>,
    /// All sections that count, with what was given in them.
    given: Vec<Given>,
    /// The line of each section's head, by its title in lower case.
    heads: HashMap<String, usize>,
}

impl Builder {
    fn section(&mut self, raw: &RawSection, reader: &mut Reader<'_>) {
        if raw.line == 0 {
            return before_sections(raw, reader.report);
        }
        let Some(kind) = Kind::find(&raw.kind) else {
            return unknown_section(raw, reader);
        };
        if !self.is_first(kind, raw, reader.report) {
            // Judged all the same, so that all its problems are told; then forgotten.
            reader.read(kind, raw, &mut Draft::default());
            return;
        }
        self.take(kind, raw, reader);
    }

    fn take(&mut self, kind: Kind, raw: &RawSection, reader: &mut Reader<'_>) {
        let given = reader.read(kind, raw, &mut self.draft);
        match kind {
            Kind::Tls => {
                let mut tls = std::mem::take(&mut self.draft.tls);
                tls.name = raw.name.clone();
                self.tls.push(tls);
            }
            Kind::Route => {
                let draft = std::mem::take(&mut self.draft.route);
                self.routes.extend(route::finish(&raw.name, draft, &given, reader.outside, reader.report));
            }
            Kind::Plan => {
                let plan = std::mem::take(&mut self.draft.plan);
                self.plans.push(PlanConfig { name: raw.name.clone(), ..plan });
            }
            Kind::Jwt => {
                let jwt = std::mem::take(&mut self.draft.jwt);
                self.jwt.push(JwtConfig { name: raw.name.clone(), ..jwt });
            }
            Kind::User => {
                let user = std::mem::take(&mut self.draft.user);
                self.users.push(UserConfig { name: raw.name.clone(), ..user });
            }
            Kind::Gateway
            | Kind::Limits
            | Kind::Timeouts
            | Kind::Cache
            | Kind::Log
            | Kind::Metrics
            | Kind::Link
            | Kind::Audit
            | Kind::Portal
            | Kind::Wifi
            | Kind::Board => {}
        }
        self.given.push(given);
    }

    /// Judges the head, and whether such a section was there before.
    fn is_first(&mut self, kind: Kind, raw: &RawSection, report: &mut Report) -> bool {
        let title = raw.title();
        match (kind.naming(), raw.name.as_str()) {
            (Naming::Always, "") => {
                report.add(raw.line, &title, "", Fault::NameNeeded { example: kind.example() });
            }
            (Naming::Never, "") | (Naming::Perhaps, "") => {}
            (Naming::Never, _) => {
                report.add(raw.line, &title, "", Fault::NameNotTaken { expected: kind.example() });
            }
            (Naming::Always | Naming::Perhaps, name) if !is_name(name) => {
                report.add(raw.line, &title, "", Fault::NameInvalid);
            }
            (Naming::Always | Naming::Perhaps, _) => {}
        }
        let identity = match kind.naming() {
            Naming::Never => kind.word().to_owned(),
            Naming::Always | Naming::Perhaps => format!("{} {}", kind.word(), raw.name.to_lowercase()),
        };
        if let Some(first) = self.heads.get(&identity).copied() {
            report.add(raw.line, &title, "", Fault::SecondSection { first });
            return false;
        }
        self.heads.insert(identity, raw.line);
        true
    }

    /// Defaults of the sections that the file does not have, then what only all sections together show.
    fn finish(&mut self, reader: &mut Reader<'_>) {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.naming() == Naming::Never) {
            if !self.given.iter().any(|given| given.kind == kind) {
                self.take(kind, &RawSection::default(), reader);
            }
        }
        self.given.sort_by_key(|given| Kind::ALL.iter().position(|kind| *kind == given.kind));
        let state = &self.draft.gateway.state;
        self.draft.cache.dir = state.join(&self.draft.cache.dir);
        self.draft.audit.dir = state.join(&self.draft.audit.dir);
        if let LogTarget::File(path) = &mut self.draft.log.access {
            *path = state.join(&*path);
        }
        self.routes_fit(reader.report);
        self.sizes(reader.report);
        self.listeners(reader.report);
        self.references(reader.report);
        let Draft { gateway, wifi, board, .. } = &self.draft;
        board::judge(&self.given, wifi, board, &gateway.country, reader.report);
        self.notes(reader);
    }

    fn routes_fit(&self, report: &mut Report) {
        let title = |route: &RouteConfig| format!("{} {}", Kind::Route.word(), route.name);
        if let Some(route) = self.routes.get(MAX_ROUTES) {
            report.add(route.line, &title(route), "", Fault::TooMany { what: "routes", most: MAX_ROUTES });
        }
        let mut paths = 0_usize;
        let too_many = self.routes.iter().take(MAX_ROUTES).find(|route| {
            paths = paths.saturating_add(route.matches.paths.len().max(1));
            paths > MAX_PATHS
        });
        if let Some(route) = too_many {
            let fault = Fault::TooMany { what: "paths of all routes together", most: MAX_PATHS };
            report.add(route.line, &title(route), "path", fault);
        }
    }

    fn sizes(&self, report: &mut Report) {
        let Some(given) = self.given(Kind::Limits) else {
            return;
        };
        let lines = (given.line_of("target"), given.line_of("head"));
        if self.draft.limits.target > self.draft.limits.head && lines != (None, None) {
            let (line, key, other_line, other) = match lines {
                (None, Some(head)) => (head, "head", 0, "target"),
                (Some(target), head) => (target, "target", head.unwrap_or(0), "head"),
                (None, None) => return,
            };
            let why = "the target is a part of the head";
            report.add(line, &given.title, key, Fault::Conflict { other: other.into(), line: other_line, why });
        }
    }

    /// An address speaks one language: plain HTTP, HTTPS, or the admin pages.
    fn listeners(&self, report: &mut Report) {
        let Some((gateway, metrics)) = self.given(Kind::Gateway).zip(self.given(Kind::Metrics)) else {
            return;
        };
        let tls = self.given.iter().filter(|given| given.kind == Kind::Tls).zip(self.tls.iter());
        let mut taken: Vec<(SocketAddr, Kind, usize)> = Vec::new();
        let plain = [(gateway, &self.draft.gateway.listen), (metrics, &self.draft.metrics.listen)];
        for (given, addresses) in plain.into_iter().chain(tls.map(|(given, tls)| (given, &tls.listen))) {
            let line = given.line_of("listen").unwrap_or(0);
            for address in addresses.iter().filter(|address| address.port() != 0) {
                let other = taken.iter().find(|(other, kind, _)| other == address && *kind != given.kind);
                if let Some((_, kind, other_line)) = other {
                    let (early, late) = ((*other_line).min(line), (*other_line).max(line));
                    let (late_given, other) =
                        if late == line { (given, *kind) } else { (self.given(*kind).unwrap_or(given), given.kind) };
                    let other = format!("[{}] listen", other.word());
                    let fault = Fault::Conflict { other, line: early, why: "an address can be taken once" };
                    report.add(late, &late_given.title, "listen", fault);
                }
                taken.push((*address, given.kind, line));
            }
        }
    }

    fn references(&self, report: &mut Report) {
        let Builder { tls, plans, jwt, users, routes, given, .. } = self;
        Sections { given, tls, plans, jwt, users, routes }.judge(report);
    }

    fn notes(&self, reader: &mut Reader<'_>) {
        let outside = reader.outside;
        let mut note = |given: &Given, key: &str, sentence: String| {
            reader.report.add(given.line_or_head(key), &given.title, key, Fault::Note(sentence));
        };
        let sections = self.given.iter().filter(|given| given.kind == Kind::Tls);
        for (given, tls) in sections.zip(&self.tls) {
            for (key, path) in [("certificate", &tls.certificate), ("key", &tls.key)] {
                let why = outside.missing(path, Expected::File).filter(|_| given.is_read(key));
                if let Some(why) = why {
                    note(given, key, format!("'{}' {why}; this certificate is not offered meanwhile", path.display()));
                }
            }
        }
        if let Some(given) = self.given(Kind::Metrics) {
            for address in self.draft.metrics.listen.iter().filter(|address| !address.ip().is_loopback()) {
                note(given, "listen", format!("whoever reaches {address} sees /status and /metrics"));
            }
        }
        if let Some(given) = self.given(Kind::Cache) {
            let cache = &self.draft.cache;
            if cache.max_object > cache.size && given.line_of("max_object").is_some() {
                note(given, "max_object", "is more than all of 'size'".into());
            }
        }
        if self.routes.is_empty() && !self.given.iter().any(|given| given.kind == Kind::Route) {
            reader.report.add(
                0,
                "",
                "",
                Fault::Note("has no [route NAME] section, so every page but the start page is 'not found'".into()),
            );
        }
    }

    fn given(&self, kind: Kind) -> Option<&Given> {
        self.given.iter().find(|given| given.kind == kind)
    }
}

fn before_sections(raw: &RawSection, report: &mut Report) {
    for entry in &raw.entries {
        let belongs = table::homes(&entry.key);
        report.add(entry.line, "", &entry.key, Fault::BeforeSections { belongs });
    }
}

/// Its keys are judged by the kind that was probably meant.
fn unknown_section(raw: &RawSection, reader: &mut Reader<'_>) {
    let mut words = raw.kind.splitn(2, |c: char| !c.is_alphanumeric());
    let (word, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (meant, name) = match Kind::find(word).or_else(|| Kind::nearest(word)) {
        Some(kind) => (Some(kind), if raw.name.is_empty() { rest } else { &raw.name }),
        None => (Kind::nearest(&raw.kind), raw.name.as_str()),
    };
    let suggestion = meant.map(|kind| match (kind.naming(), name) {
        (Naming::Never, _) | (_, "") => kind.example(),
        (Naming::Always | Naming::Perhaps, name) => format!("[{} {}]", kind.word(), shown(name)),
    });
    reader.report.add(raw.line, &raw.title(), "", Fault::UnknownSection { suggestion });
    if let Some(kind) = meant {
        reader.read(kind, raw, &mut Draft::default());
    }
}

fn is_name(name: &str) -> bool {
    const LONGEST: usize = 64;
    let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    name.chars().count() <= LONGEST && name.chars().all(legal)
}
