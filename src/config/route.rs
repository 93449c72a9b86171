//! From a route's keys to a route: exactly one destination, and nothing that contradicts itself.

use super::draft::RouteDraft;
use super::outside::{Expected, Outside};
use super::problem::{Fault, Report};
use super::section::Given;
use super::table::Beside;
use super::types::*;

/// Judges what no single key shows. `None` where there is no destination.
pub(super) fn finish(
    name: &str,
    draft: RouteDraft,
    given: &Given,
    outside: Outside,
    report: &mut Report,
) -> Option<RouteConfig> {
    let destination = one_destination(given, report);
    contradictions(&draft, given, report);
    let draft = of_class(draft);
    notes(&draft, given, outside, report);
    let destination = match destination? {
        Beside::Upstream => DestinationConfig::Upstream(draft.upstream),
        Beside::Files => DestinationConfig::Files(FilesConfig {
            root: draft.files,
            index: draft.index,
            listing: draft.listing,
            symlinks: draft.symlinks,
        }),
        Beside::Redirect => DestinationConfig::Redirect { location: draft.redirect, status: draft.redirect_status },
        Beside::Respond => DestinationConfig::Respond {
            status: draft.respond_status,
            text: draft.respond_text,
            content_type: draft.respond_type,
        },
        Beside::Anything => return None,
    };
    Some(RouteConfig {
        name: name.to_owned(),
        line: given.line,
        matches: draft.matches,
        destination,
        upstream: draft.how,
        allow: draft.allow,
        deny: draft.deny,
        body: draft.body,
        upgrade: draft.upgrade,
        edit_request: draft.edit_request,
        edit_response: draft.edit_response,
        cache: draft.cache,
        auth: draft.auth,
        limits: draft.limits,
        content: draft.content,
        audit: draft.audit,
        mask: draft.mask,
    })
}

/// The first destination in the file; others, and keys that mean nothing beside it, are problems.
fn one_destination(given: &Given, report: &mut Report) -> Option<Beside> {
    let destinations = given.destinations();
    let Some((first_line, first)) = destinations.first().copied() else {
        let kinds = [Beside::Upstream, Beside::Files, Beside::Redirect, Beside::Respond];
        if !kinds.into_iter().any(|kind| given.is_tried(kind.key())) {
            report.add(given.line, &given.title, "", Fault::NoDestination);
        }
        return None;
    };
    for (line, other) in destinations.iter().skip(1) {
        let why = "a route has one destination";
        let fault = Fault::Conflict { other: first.key().into(), line: first_line, why };
        report.add(*line, &given.title, other.key(), fault);
    }
    for row in given.kind.rows().filter(|row| row.beside != Beside::Anything) {
        let is_beside = destinations.iter().any(|(_, kind)| *kind == row.beside);
        for (key, line) in given.keys_of(row).into_iter().filter(|_| !is_beside) {
            let fault = Fault::Misplaced { needs: row.beside.key(), has: first.key(), line: first_line };
            report.add(line, &given.title, &key, fault);
        }
    }
    Some(first)
}

/// What a class switches on.
fn of_class(mut draft: RouteDraft) -> RouteDraft {
    let auth = &draft.auth;
    let asks = !auth.any.is_empty() || !auth.all.is_empty();
    // The upstream knows who asks, so that its answers are for that one.
    let told = asks && auth.forward || !auth.tells.is_empty() || auth.client_forward;
    let personal = asks && draft.cache.class == Class::Personal;
    draft.audit |= draft.cache.class == Class::Patient;
    if draft.cache.class == Class::Patient || personal || told && draft.cache.mode == CacheMode::On {
        draft.cache.mode = CacheMode::Off;
    }
    draft
}

fn contradictions(draft: &RouteDraft, given: &Given, report: &mut Report) {
    let strip = given.line_of("strip").filter(|_| draft.how.strip);
    if let Some((strip, rewrite)) = strip.zip(given.line_of("rewrite")) {
        let (line, key, first, other) = match strip < rewrite {
            true => (rewrite, "rewrite", strip, "strip"),
            false => (strip, "strip", rewrite, "rewrite"),
        };
        let why = "a path is taken off or replaced";
        report.add(line, &given.title, key, Fault::Conflict { other: other.into(), line: first, why });
    }
    if draft.cache.mode == CacheMode::Forced && !given.is_tried("cache.for") {
        let expected = "a time beside 'cache = forced', as 'cache.for = 1 h'".to_owned();
        report.add(given.line_or_head("cache"), &given.title, "cache.for", Fault::Missing { expected });
    }
}

/// What a person may have meant differently, and files that are not there (yet): never a reason to refuse the file.
fn notes(draft: &RouteDraft, given: &Given, outside: Outside, report: &mut Report) {
    let mut note = |key: &str, sentence: String| {
        report.add(given.line_or_head(key), &given.title, key, Fault::Note(sentence));
    };
    let is_tls = draft.upstream.is_empty() || draft.upstream.iter().any(|url| url.tls);
    for key in ["upstream.ca", "upstream.verify"].into_iter().filter(|key| !is_tls && given.line_of(key).is_some()) {
        note(key, "changes nothing, as no upstream here is https".into());
    }
    let is_all = |path: &PathMatch| matches!(path, PathMatch::Prefix(path) if path == "/");
    let changes_nothing = draft.matches.paths.iter().all(is_all) || draft.how.strip || draft.how.rewrite.is_some();
    if draft.upstream.iter().any(|url| url.path == "/") && !changes_nothing {
        note(
            "upstream",
            "the '/' at the end of the URL takes the place of the route's path, as 'strip = on' does".into(),
        );
    }
    let of_cache = ["cache.for", "stale", "cache.max_object", "cache.status", "cache.key", "cache.ignore_query"];
    for key in of_cache.into_iter().chain(["cache.pin", "cache.finish", "cache.compress"]) {
        if draft.cache.mode == CacheMode::Off && given.line_of(key).is_some() {
            note(key, "changes nothing beside 'cache = off'".into());
        }
    }
    let ca = draft.how.ca.iter().map(|path| ("upstream.ca", path, Expected::File));
    let files = given.is_read("files").then_some(("files", &draft.files, Expected::Folder));
    for (key, path, expected) in ca.chain(files) {
        if let Some(why) = outside.missing(path, expected) {
            note(key, format!("'{}' {why}; the route is not available meanwhile", path.display()));
        }
    }
}
