//! What was expected of a step, and what was seen.

use super::coded::bytes;
use super::origin::Said;
use super::row::{Check, Outcome, Step};
use super::stage::Exchange;
use crate::harness::{Response, find, shown};

/// What is not as it should be. `said`: what the origin had said in each step before.
pub(super) fn complaints(
    step: &Step,
    exchange: &Exchange,
    said: &[Option<Said>],
    expand: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let judge = Judge { step, exchange, said, expand };
    let mut complaints = judge.came_about();
    complaints.extend(judge.is_the_answer());
    complaints.extend(step.checks.iter().filter_map(|check| judge.check(check).err()));
    if !complaints.is_empty() {
        complaints.push(format!("seen: {}", exchange.response.head.trim_end().replace("\r\n", " | ")));
        let asked = exchange.heard.requests.iter();
        complaints.extend(asked.map(|seen| format!("asked: {}", seen.head.trim_end().replace("\r\n", " | "))));
    }
    complaints
}

struct Judge<'a> {
    step: &'a Step,
    exchange: &'a Exchange,
    said: &'a [Option<Said>],
    expand: &'a dyn Fn(&str) -> String,
}

type Verdict = Result<(), String>;

impl Judge<'_> {
    /// Whether the origin was asked as often as it should be, and `Cache-Status` tells so.
    fn came_about(&self) -> Vec<String> {
        let asked = self.exchange.heard.requests.len();
        let told = told(&self.exchange.response);
        let (hit, forward) = (told.contains(&"hit"), told.iter().any(|part| part.starts_with("fwd=")));
        let scripted = self.step.replies.len().max(1);
        let counted = self.step.checks.iter().any(|check| matches!(check, Check::Asked(_)));
        let (right, what) = match self.step.outcome {
            Outcome::Forwarded => ((asked == scripted || counted) && !hit && forward, "forwarded"),
            Outcome::Cached(_) => (asked == 0 && hit && !forward, "cached"),
            Outcome::Validated(_) => {
                (asked == scripted && !hit && forward && told.contains(&"fwd-status=304"), "validated")
            }
            Outcome::Stale(_) => (hit != forward, "a stale answer"),
            Outcome::Background(_) => (asked == 1 && hit && !forward, "cached, then asked for in the background"),
            Outcome::Partial(_) => (!hit && told.contains(&"fwd=partial"), "partly cached"),
            Outcome::Unasked => (asked == 0 && !hit, "unasked"),
            Outcome::Failed => (!hit && matches!(self.exchange.response.status, 502..=504), "502, 503 or 504"),
            Outcome::Anyhow => (true, ""),
        };
        if right { Vec::new() } else { vec![format!("expected: {what}; the origin was asked {asked} times")] }
    }

    /// Status and body, where no check says what they should be.
    fn is_the_answer(&self) -> Vec<String> {
        let response = &self.exchange.response;
        let said = match self.step.outcome.from() {
            Some(from) => self.said.get(from).cloned().flatten(),
            None if self.step.outcome == Outcome::Forwarded => {
                self.exchange.owed.clone().or(self.exchange.heard.said.clone())
            }
            None => None,
        };
        let Some((status, body)) = said else { return Vec::new() };
        let has = |what: fn(&Check) -> bool| self.step.checks.iter().any(what);
        let mut complaints = Vec::new();
        let own_status = has(|check| matches!(check, Check::Status(_)));
        if !own_status && response.status != status {
            complaints.push(format!("expected: status {status}; seen: {}", response.status));
        }
        let own_body = has(|check| matches!(check, Check::Body(_) | Check::Bytes(..) | Check::Parts(_)));
        let bodiless = self.step.method == "HEAD" || matches!(response.status, 204 | 304);
        if own_body || bodiless || (own_status && response.status != 200) {
            return complaints;
        }
        if response.body != body || !response.is_whole() {
            complaints.push(format!("expected: body {:?}; seen: {:?}", shown(&body), shown(&response.body)));
        }
        complaints
    }

    fn check(&self, check: &Check) -> Verdict {
        let (response, heard) = (&self.exchange.response, &self.exchange.heard);
        match check {
            Check::Status(status) => same("status", status, &response.status),
            Check::Body(text) => {
                let body = if text == "-" { Vec::new() } else { bytes((self.expand)(text).as_str()) };
                same("body", &shown(&body), &shown(&response.body))
            }
            Check::Bytes(first, last) => same("body", &shown(&self.slice(*first, *last)), &shown(&response.body)),
            Check::Parts(parts) => self.parts(parts),
            Check::Field(name, value) => self.matches(name, value, &response.all(name)),
            Check::Upstream(index, name, value) => match heard.requests.get(*index) {
                Some(seen) => self.matches(&format!("upstream {name}"), value, &seen.all(name)),
                None => Err(format!("expected: request {} at the origin; seen: {}", index + 1, heard.requests.len())),
            },
            Check::CacheStatus(parts) => cache_status(response, parts),
            Check::Together(_, parts) => self.others(parts),
            Check::Asked(count) => same("asked", count, &heard.requests.len()),
            Check::Brought(count) => same("brought", count, &heard.brought),
            Check::Interim(status) => {
                let seen: Vec<u16> = self.exchange.interim.iter().map(|interim| interim.status).collect();
                seen.contains(status).then_some(()).ok_or(format!("expected: interim {status}; seen: {seen:?}"))
            }
            Check::Trailer(name, value) => {
                let trailers = response.trailers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
                let values: Vec<&str> = trailers.map(|(_, value)| value.as_str()).collect();
                self.matches(&format!("trailer {name}"), value, &values)
            }
        }
    }

    fn matches(&self, name: &str, pattern: &str, lines: &[&str]) -> Verdict {
        let pattern = (self.expand)(pattern);
        let value = lines.join(", ");
        let right = match pattern.as_str() {
            "*" => !lines.is_empty(),
            "-" => lines.is_empty(),
            pattern => !lines.is_empty() && fits(pattern, &value),
        };
        let seen = if lines.is_empty() { "nothing".to_owned() } else { format!("{value:?}") };
        right.then_some(()).ok_or_else(|| format!("expected: {name}: {pattern}; seen: {seen}"))
    }

    fn others(&self, parts: &str) -> Verdict {
        let response = &self.exchange.response;
        for other in &self.exchange.others {
            cache_status(other, parts).map_err(|problem| format!("another client: {problem}"))?;
            same("status of another client", &response.status, &other.status)?;
            same("body of another client", &shown(&response.body), &shown(&other.body))?;
        }
        Ok(())
    }

    fn slice(&self, first: u64, last: u64) -> Vec<u8> {
        let from = self.step.outcome.from().unwrap_or(0);
        let whole = self.said.get(from).cloned().flatten().or(self.exchange.heard.said.clone());
        let whole = whole.map(|(_, body)| body).unwrap_or_default();
        let place = |at: u64| usize::try_from(at).expect("fits").min(whole.len());
        whole[place(first)..place(last + 1)].to_vec()
    }

    /// A body of type multipart/byteranges with these parts (RFC 9110 §14.6).
    fn parts(&self, parts: &[(u64, u64)]) -> Verdict {
        let response = &self.exchange.response;
        let kind = response.all("content-type").pop().unwrap_or_default();
        let boundary = kind.strip_prefix("multipart/byteranges").and_then(|rest| rest.split_once("boundary="));
        let Some((_, boundary)) = boundary else { return Err(format!("expected: byteranges; seen: {kind:?}")) };
        let seen = split(response, boundary.trim_matches('"'));
        let right = seen.len() == parts.len()
            && parts.iter().zip(&seen).all(|((first, last), (head, body))| {
                head.to_lowercase().contains(&format!("content-range: bytes {first}-{last}/"))
                    && *body == self.slice(*first, *last)
            });
        right.then_some(()).ok_or_else(|| format!("expected: parts {parts:?}; seen: {}", shown(&response.body)))
    }
}

/// The parameters of this gateway's member, the last one.
fn told(response: &Response) -> Vec<&str> {
    let member = response.all("cache-status").pop().unwrap_or_default();
    let member = member.rsplit(", ").next().unwrap_or_default();
    member.split(';').skip(1).map(str::trim).collect()
}

fn cache_status(response: &Response, parts: &str) -> Verdict {
    let told = told(response);
    let has = |name: &str, value: &str| {
        let pairs = told.iter().filter_map(|have| have.split_once('='));
        pairs.into_iter().any(|(other, seen)| other == name && fits(value, seen))
    };
    for part in parts.split(';').map(str::trim) {
        let right = match (part.strip_prefix('!'), part.split_once('=')) {
            (Some(not), _) => !told.iter().any(|have| have.split('=').next() == Some(not)),
            (None, Some((name, value))) => has(name, value),
            (None, None) => told.contains(&part),
        };
        if !right {
            return Err(format!("expected: Cache-Status with {part:?}; seen: {told:?}"));
        }
    }
    Ok(())
}

/// Head and body of each part.
fn split(response: &Response, boundary: &str) -> Vec<(String, Vec<u8>)> {
    let delimiter = format!("--{boundary}");
    let mut rest = response.body.as_slice();
    let mut parts = Vec::new();
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        let part = rest[..at].strip_suffix(b"\r\n").unwrap_or(&rest[..at]);
        if let Some(end) = find(part, b"\r\n\r\n") {
            parts.push((String::from_utf8_lossy(&part[..end]).into_owned(), part[end + 4..].to_vec()));
        }
        rest = &rest[at + delimiter.len()..];
    }
    parts
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, seen: &T) -> Verdict {
    if expected == seen { Ok(()) } else { Err(format!("expected: {what} {expected:?}; seen: {seen:?}")) }
}

/// `10..20` is a number between, `~text` a part, everything else itself.
fn fits(pattern: &str, value: &str) -> bool {
    let numbers =
        pattern.split_once("..").and_then(|(low, high)| Some((low.parse::<i64>().ok()?, high.parse::<i64>().ok()?)));
    match (numbers, pattern.strip_prefix('~')) {
        (Some((low, high)), _) => value.parse().is_ok_and(|number: i64| (low..=high).contains(&number)),
        (None, Some(part)) => value.contains(part),
        (None, None) => value == pattern,
    }
}
