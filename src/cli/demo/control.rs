//! The near side: the start page, and the switch that cuts the link. Nothing here crosses the link.

use std::borrow::Cow;

use super::link::Link;
use super::options;
use super::wire::{Head, Method, Request};

/// The page, complete in itself. `{{ini}}` is where the configuration is shown.
const START_PAGE: &str = include_str!("start.html");
/// Nothing but what came with the page and what this gateway serves.
const POLICY: &str =
    "default-src 'self'; script-src 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:";

/// The start page, with the configuration that is running written out on it.
pub(super) fn start_page(ini: &str) -> String {
    START_PAGE.replace("{{ini}}", &escaped(ini))
}

/// The answer to a request on the near side, and its body.
pub(super) fn answer(request: &Request, link: &Link, start_page: &str) -> (Head, Vec<u8>) {
    match (request.method, request.path.as_str()) {
        (Method::Get | Method::Head, "/") => content("text/html; charset=utf-8", start_page.into()),
        (Method::Get | Method::Head, "/demo/link") => state(link),
        (Method::Post, "/demo/link") if change(request, link).is_some() => state(link),
        (Method::Post, "/demo/link") => refusal(400),
        (_, "/" | "/demo/link") => refusal(405),
        _ => refusal(404),
    }
}

fn state(link: &Link) -> (Head, Vec<u8>) {
    content("application/json", miniserde::json::to_string(&link.state()).into())
}

/// `up=0`, `up=1`, `rate=256kbit/s`, `delay=600ms`, in any number. A wrong one changes nothing.
fn change(request: &Request, link: &Link) -> Option<()> {
    let up = match request.parameter("up").as_deref() {
        Some("0") => Some(false),
        Some("1") => Some(true),
        Some(_) => return None,
        None => None,
    };
    let rate = request.parameter("rate").map(|text| options::rate(&text).ok_or(()));
    let delay = request.parameter("delay").map(|text| options::delay(&text).ok_or(()));
    let (rate, delay) = (rate.transpose().ok()?, delay.transpose().ok()?);
    up.inspect(|up| link.set_up(*up));
    rate.inspect(|rate| link.set_rate(*rate));
    delay.inspect(|delay| link.set_delay(*delay));
    Some(())
}

fn content(content_type: &'static str, text: Cow<'_, str>) -> (Head, Vec<u8>) {
    let fields = vec![
        ("Content-Type", content_type.into()),
        ("Cache-Control", "no-store".into()),
        ("Content-Security-Policy", POLICY.into()),
    ];
    let body = text.into_owned().into_bytes();
    (Head { status: 200, fields, length: Some(body.len() as u64) }, body)
}

fn refusal(status: u16) -> (Head, Vec<u8>) {
    let fields = match status {
        405 => vec![("Allow", "GET, HEAD, POST".into())],
        _ => Vec::new(),
    };
    (Head { status, fields, length: Some(0) }, Vec::new())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
