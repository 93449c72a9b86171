//! What a message may hold, on routes that say so: asked before a request is carried out, and of answers to tell of.

use std::path::{Component, Path};
use std::sync::Arc;

use crate::config::{self, RouteConfig};
use crate::content::{Bounds, Checks, Formats, Judge, Schema, Unfit, Violation};
use crate::http::{BodyFraming, Fields};

use super::Refusal;
use super::body::RequestBody;
use super::connection::Connection;
use super::plan::Plan;

/// Small pieces of work for one body of the largest size: some seconds on the smallest board.
const STEPS: u64 = 20_000_000;

/// Bodies up to here are judged where they came in: it takes some milliseconds at the most. Larger ones would keep the
/// thread's other clients waiting.
const AT_ONCE: u64 = 64 << 10;

/// The rules of one route, ready for use.
pub(crate) struct Agreement {
    checks: Option<Checks>,
    /// By upper-case method; `*` for all others.
    schemas: Vec<(String, Arc<Schema>)>,
    response: Option<Arc<Schema>>,
    bounds: Bounds,
}

impl Agreement {
    /// For a route that cannot be used anyway.
    pub(crate) fn none() -> Agreement {
        let bounds = Bounds { size: 0, depth: 0, steps: 0 };
        Agreement { checks: None, schemas: Vec::new(), response: None, bounds }
    }

    /// A schema that cannot be used makes the route unavailable: what it was to keep out must not come in.
    pub(crate) fn build(route: &RouteConfig) -> Result<Agreement, String> {
        let content = &route.content;
        let mut schemas = Vec::new();
        for (method, path) in &content.schemas {
            schemas.push((method.clone(), compile(path)?));
        }
        let rules = !content.types.is_empty()
            || !content.methods.is_empty()
            || !content.query.is_empty()
            || !content.headers.is_empty()
            || content.strict_query;
        Ok(Agreement {
            checks: rules.then(|| Checks::build(content)),
            schemas,
            response: content.response_schema.as_deref().map(compile).transpose()?,
            bounds: Bounds { size: content.schema_size.as_usize(), depth: content.schema_depth, steps: STEPS },
        })
    }

    /// What stands in the head.
    pub(super) fn head(&self, plan: &Plan<'_>) -> Result<(), Refusal> {
        let Some(checks) = &self.checks else { return Ok(()) };
        let fields = plan.request.fields;
        checks.method(plan.request.method.as_str()).map_err(|_| Refusal::Method(checks.allow().to_owned()))?;
        if !plan.bodiless() {
            checks.media_type(fields).map_err(|_| Refusal::MediaType(checks.accept().to_owned()))?;
        }
        checks.query(plan.target.query.as_deref()).map_err(disagreement)?;
        checks.headers(fields).map_err(disagreement)
    }

    /// Reads a body to its end and holds it against the schema of its method. One that passes is put back, to be read
    /// again; the framing is then that of a body of known length. `None`: no schema is for it.
    pub(super) async fn body(
        &self,
        plan: &Plan<'_>,
        connection: &mut Connection,
        body: &mut RequestBody,
    ) -> Result<Option<BodyFraming>, Refusal> {
        // Software that takes `post` for POST is no way around a schema.
        let is = |method: &str, wanted: &str| method.eq_ignore_ascii_case(wanted);
        let of = |wanted: &str| self.schemas.iter().find(|(method, _)| is(method, wanted)).map(|(_, schema)| schema);
        let own = of(plan.request.method.as_str());
        if plan.bodiless() {
            // No schema takes nothing for JSON; one for all methods is for those that bring something.
            return if own.is_some() { Err(unfit(Unfit::NotJson(0))) } else { Ok(None) };
        }
        let Some(schema) = own.or_else(|| of("*")) else { return Ok(None) };
        if matches!(plan.framing, BodyFraming::Length(length) if length > self.bounds.size as u64) {
            return Err(Refusal::BodyTooLarge);
        }
        body.go_on(connection).await?;
        let mut judge = Judge::new(Arc::clone(schema), self.bounds);
        while body.next(connection).await? {
            judge.feed(body.reader.piece(&connection.buffer)).map_err(unfit)?;
        }
        let large = body.reader.received() > AT_ONCE;
        let judged = if large { smol::unblock(move || judge.finish()).await } else { judge.finish() };
        let passed = judged.map_err(unfit)?;
        let framing = BodyFraming::Length(passed.len() as u64);
        connection.buffer.put_back(&passed);
        Ok(Some(framing))
    }

    /// Holds an answer against the schema of answers, where it is JSON.
    pub(super) fn watch(&self, route: &RouteConfig, status: u16, fields: Fields<'_>) -> Watched {
        let json = fields.first("content-type").is_some_and(|value| {
            let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
            kind == b"application/json" || kind.ends_with(b"+json")
        });
        // The middle of one says nothing, and what is coded cannot be read here.
        let whole = (200..300).contains(&status) && status != 206 && !fields.contains("content-encoding");
        let schema = self.response.as_ref().filter(|_| json && whole);
        Watched { judge: schema.map(|schema| Judge::new(Arc::clone(schema), self.bounds)), route: route.name.clone() }
    }
}

/// `$ref` leads to files in the schema's folder, and to no others.
fn compile(path: &Path) -> Result<Arc<Schema>, String> {
    let bytes = config::contents(path).map_err(|why| format!("schema {} {why}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let base = format!("file://{}", path.display());
    let mut load = |uri: &str| {
        let path = uri.strip_prefix("file://").map(Path::new).ok_or("is not a file of this board")?;
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if plain && path.starts_with(folder) {
            config::contents(path)
        } else {
            Err("is not beside the schema".to_owned())
        }
    };
    match Schema::compile(&bytes, &base, Formats::Checked, &mut load) {
        Ok(schema) => Ok(Arc::new(schema)),
        Err(problem) => Err(format!("schema {problem}")),
    }
}

/// An answer that is held against a schema while it passes by.
pub(super) struct Watched {
    judge: Option<Judge>,
    route: String,
}

impl Watched {
    /// What goes through, in order.
    pub(super) fn piece(&mut self, bytes: &[u8]) {
        if let Some(Err(unfit)) = self.judge.as_mut().map(|judge| judge.feed(bytes)) {
            self.tell(&unfit);
        }
    }

    /// All of it went through.
    pub(super) fn end(mut self) {
        let Some(judge) = self.judge.take() else { return };
        // Nobody waits for the verdict.
        smol::unblock(move || {
            if let Err(unfit) = judge.finish() {
                self.tell(&unfit);
            }
        })
        .detach();
    }

    /// Once, without what stands there.
    fn tell(&mut self, unfit: &Unfit) {
        let places: Vec<String> =
            unfit.violations().iter().map(|one| format!("{} ({})", one.pointer, one.keyword)).collect();
        log::warn!(
            "[route {}] an answer is not as its schema says: {} {}",
            self.route,
            unfit.word(),
            places.join(", ")
        );
        self.judge = None;
    }
}

fn unfit(unfit: Unfit) -> Refusal {
    Refusal::Unfit(Box::new(unfit))
}

fn disagreement(violations: Vec<Violation>) -> Refusal {
    Refusal::Disagreement(violations)
}
