//! One gateway, its routes, and the rows that play on it side by side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::Signal;

use super::coded::{bytes, coded};
use super::origin::{Heard, Said, Scripts, owed};
use super::row::{Framing, Kind, Outcome, Reply, Row, Step};
use super::{date, judge};
use crate::harness::{Client, Gate, Gateway, Origin, Response, Setup, pattern, until};

/// Routes a row can play on, the first if it says nothing, and their keys.
pub(super) const ROUTES: &[(&str, &str)] = &[
    ("plain", ""),
    ("off", "cache = off"),
    ("hour", "cache.for = 1 h"),
    ("hour-404", "cache.for = 1 h\ncache.status = 200, 404"),
    ("forced", "cache = forced\ncache.for = 1 h"),
    ("forced-404", "cache = forced\ncache.for = 1 h\ncache.status = 404"),
    ("never-stale", "stale = 0 s"),
    ("stale-minute", "stale = 1 min"),
    ("personal", "class = personal"),
    ("key-path", "cache.key = path"),
    ("key-place", "cache.key = query.place, query.day"),
    ("key-units", "cache.key = query, header.X-Units, cookie.units"),
    ("ignore-utm", "cache.ignore_query = utm_*, fbclid"),
    ("small", "cache.max_object = 1 KB"),
    ("uncompressed", "cache.compress = off"),
];

/// Rows that are asked at the same time.
const THREADS: usize = 8;

/// One row and what came of it.
pub(super) struct Run<'a> {
    pub(super) row: &'a Row,
    /// What was not as it should be, in the first step where anything was.
    pub(super) complaint: Option<String>,
    /// Its place in the table: the second part of its paths.
    id: String,
    /// Its path, where its steps' targets begin.
    path: String,
    origin: String,
    /// What the origin said in each step.
    said: Vec<Option<Said>>,
}

/// What a step looked like from both sides.
pub(super) struct Exchange {
    pub(super) interim: Vec<Response>,
    pub(super) response: Response,
    /// What others got who asked at the same time.
    pub(super) others: Vec<Response>,
    pub(super) heard: Heard,
    /// What a server of a representation owes to the client.
    pub(super) owed: Option<Said>,
}

/// What every row needs to know.
struct Stage {
    gateway: Gateway,
    scripts: Scripts,
    /// The one "now" of all dates.
    now: i64,
}

/// What happens to the gateway between the steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Between {
    Nothing,
    /// It ends and is started again: the next step finds what is on the card, and nothing else.
    Restart,
}

pub(super) fn play(rows: &[Row], between: Between) -> Vec<Run<'_>> {
    let scripts = Scripts::default();
    let origin = || {
        let scripts = scripts.clone();
        Origin::new(move |seen| scripts.answer(seen))
    };
    let shared = origin();
    let mut setup = Setup::new();
    for (name, keys) in ROUTES {
        setup.route(name, &format!("path = /{name}/\nupstream = {}\n{keys}", shared.url()));
    }
    let mut own = Vec::new();
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let (mut folder, mut url) = (row.route.clone(), shared.url());
        if row.wants_own_origin() {
            let origin = origin();
            folder = format!("own-{number}");
            url = origin.url();
            let (_, keys) = ROUTES.iter().find(|(name, _)| *name == row.route).expect("checked when it was read");
            setup.route(&folder, &format!("path = /{folder}/\nupstream = {url}\n{keys}"));
            own.push(origin);
        }
        let id = format!("r{number}");
        let path = format!("/{folder}/{id}");
        runs.push(Run { row, complaint: None, id, path, origin: url, said: Vec::new() });
    }
    let mut stage = Stage { gateway: setup.start(), scripts, now: date::now() };
    let steps = rows.iter().map(|row| row.steps.len()).max().unwrap_or(0);
    for step in 0..steps {
        stage.all(&mut runs, step);
        stage.settle(step);
        if between == Between::Restart {
            // Asked to end and not killed: what is being written is not what the rows are about.
            stage.gateway.signal(Signal::TERM);
            assert!(stage.gateway.wait_for_exit().success());
            stage.gateway.start_again();
        }
    }
    runs
}

impl Stage {
    /// One step of every row that has got so far.
    fn all(&self, runs: &mut [Run<'_>], step: usize) {
        let slots: Vec<Mutex<&mut Run<'_>>> = runs.iter_mut().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut run = slot.lock().unwrap_or_else(PoisonError::into_inner);
                        if run.complaint.is_none() && step < run.row.steps.len() {
                            self.one(&mut run, step);
                        }
                    }
                });
            }
        });
    }

    fn one(&self, run: &mut Run<'_>, number: usize) {
        let step = &run.row.steps[number];
        let expand = |text: &str| self.expand(run, text);
        let replies = step.replies_in(number, &expand);
        self.scripts.begin(&run.id, replies.clone());
        let exchanged = catch_unwind(AssertUnwindSafe(|| self.exchange(run, step, replies.last())));
        let complaints = match exchanged {
            Ok(exchange) => {
                let complaints = judge::complaints(step, &exchange, &run.said, &expand);
                run.said.push(exchange.heard.said);
                complaints
            }
            Err(why) => vec![why.downcast_ref::<String>().cloned().unwrap_or_else(|| "no answer".to_owned())],
        };
        if !complaints.is_empty() {
            let lines: String = complaints.iter().map(|line| format!("\n      {line}")).collect();
            run.complaint = Some(format!("    step {}, {} {}:{lines}", number + 1, step.method, step.target));
        }
    }

    fn exchange(&self, run: &Run<'_>, step: &Step, reply: Option<&Reply>) -> Exchange {
        let mut client = Client::connect(self.gateway.address);
        let request = self.request(run, step);
        let owed = reply.and_then(|reply| owed(reply, String::from_utf8_lossy(&request).into_owned()));
        if step.crowd() > 1 {
            let mut responses = self.crowd(run, step, &request);
            let response = responses.remove(0);
            return Exchange {
                interim: Vec::new(),
                response,
                others: responses,
                heard: self.scripts.heard(&run.id),
                owed,
            };
        }
        client.send(request);
        let (mut interim, mut response) = (Vec::new(), client.response_to(&step.method));
        while response.status < 200 {
            interim.push(std::mem::replace(&mut response, client.response_to(&step.method)));
        }
        if matches!(step.outcome, Outcome::Background(_)) && response.is_hit() {
            until("a question in the background", || !self.scripts.heard(&run.id).requests.is_empty());
        }
        Exchange { interim, response, others: Vec::new(), heard: self.scripts.heard(&run.id), owed }
    }

    /// Several clients at once: the first when nobody asks, the others while its answer is on its way.
    fn crowd(&self, run: &Run<'_>, step: &Step, request: &[u8]) -> Vec<Response> {
        let gate = Gate::default();
        self.scripts.hold(&run.id, &gate);
        let mut clients: Vec<Client> = (0..step.crowd()).map(|_| Client::connect(self.gateway.address)).collect();
        let mut responses = Vec::new();
        for client in &mut clients {
            client.send(request);
            responses.push(client.head());
        }
        gate.open();
        for (client, response) in clients.iter_mut().zip(&mut responses) {
            let length = response.field("content-length").and_then(|length| length.parse().ok());
            response.body = client.take(length.expect("an answer that is told by its length"));
        }
        responses
    }

    fn request(&self, run: &Run<'_>, step: &Step) -> Vec<u8> {
        let mut request =
            format!("{} {}{} HTTP/1.1\r\nHost: board\r\n", step.method, run.path, self.expand(run, &step.target));
        for field in &step.fields {
            request.push_str(&self.expand(run, field));
            request.push_str("\r\n");
        }
        match &step.body {
            Some(body) => request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len())),
            None => request.push_str("\r\n"),
        }
        // One byte a letter, so that rows can hold what is not UTF-8.
        bytes(&request)
    }

    /// Replaces what stands in braces.
    fn expand(&self, run: &Run<'_>, text: &str) -> String {
        let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
        let (inside, after) = rest.split_once('}').expect("a closed brace");
        let (first, second) = inside.split_once(' ').unwrap_or((inside, ""));
        let meant = match (first, second) {
            ("path", "") => run.path.clone(),
            ("origin", "") => run.origin.clone(),
            (count, "bytes") => String::from_utf8(pattern(count.parse().expect("a count"), 7)).expect("letters"),
            (coding, text) if coded(coding, text).is_some() => coded(coding, text).expect("just seen"),
            (offset, form) => date::written(self.now + offset.parse::<i64>().expect("seconds"), form),
        };
        format!("{before}{meant}{}", self.expand(run, after))
    }

    /// Waits until what was answered so far is stored: the answer to a question asked now is, and nothing more comes.
    fn settle(&self, step: usize) {
        let reply = Reply {
            status: "200 OK".to_owned(),
            fields: vec!["Cache-Control: max-age=600".to_owned()],
            body: Some("settled".to_owned()),
            ..Reply::default()
        };
        let id = format!("settle-{step}");
        let target = format!("/{}/{id}", ROUTES[0].0);
        self.scripts.begin(&id, vec![reply]);
        until("the store to come to rest", || self.gateway.get(&target).is_hit());
        let mut before = None;
        until("the store to come to rest", || {
            let now = Client::connect(self.gateway.admin).get("/status.json").text();
            let objects =
                now.split("\"objects\":").nth(1).and_then(|rest| rest.split([',', '}']).next().map(str::to_owned));
            let rests = objects == before;
            before = objects;
            rests
        });
    }
}

impl Step {
    /// The answers as they are to be given: a step in which the origin is to be asked has one in any case.
    fn replies_in(&self, number: usize, expand: &dyn Fn(&str) -> String) -> Vec<Reply> {
        let mut replies = self.replies.clone();
        let asks = matches!(self.outcome, Outcome::Forwarded | Outcome::Background(_) | Outcome::Anyhow);
        if replies.is_empty() && asks {
            replies.push(Reply { status: "200 OK".to_owned(), ..Reply::default() });
        }
        if let Some(last) = replies.last().cloned() {
            replies.resize(replies.len().max(self.crowd()), last);
        }
        for reply in &mut replies {
            let lists = [&mut reply.fields, &mut reply.trailers];
            let interim = reply.interim.iter_mut().map(|interim| &mut interim.fields);
            lists.into_iter().chain(interim).flatten().for_each(|line| *line = expand(line));
            let bodiless = matches!(reply.status.get(..3), Some("204" | "304")) || reply.kind == Kind::Down;
            let default = (!bodiless).then(|| format!("body of step {}", number + 1));
            reply.body = reply.body.as_deref().map(expand).or(default);
            if reply.body.as_deref() == Some("-") {
                reply.body = Some(String::new());
            }
            if !reply.trailers.is_empty() {
                reply.framing = Framing::Chunked;
            }
        }
        replies
    }
}
