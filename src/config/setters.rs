//! Values that are more than a number or a word: how the rows of the table read them into the draft.

use std::net::SocketAddr;

use super::draft::Draft;
use super::field::{self, Side};
use super::problem::{Fault, shown};
use super::types::{FieldEdit, Finish, HostPolicy, LogTarget, QueryKey};
use super::{address, table, url, value};

pub(super) fn name(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    const LONGEST: usize = 100;
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Fault::value(text, "one line of at most 100 characters"));
    }
    draft.gateway.name = text.to_owned();
    Ok(())
}

pub(super) fn workers(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    const MOST: usize = 64;
    draft.gateway.workers = match text.to_lowercase().as_str() {
        "auto" => 0,
        _ => value::count(text, 1, MOST)?,
    };
    Ok(())
}

/// The same address twice is one.
pub(super) fn listen(list: &mut Vec<SocketAddr>, text: &str) -> Result<(), Fault> {
    let address = address::listen(text)?;
    if !list.contains(&address) {
        list.push(address);
    }
    Ok(())
}

pub(super) fn metrics_listen(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    match value::switch(text) {
        Ok(false) => Ok(()),
        Ok(true) | Err(_) if text.contains(|c: char| c.is_ascii_digit()) => listen(&mut draft.metrics.listen, text),
        Ok(true) | Err(_) => Err(Fault::value(text, "off, or an address with its port, as 127.0.0.1:8079")),
    }
}

pub(super) fn access_log(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.log.access = match (text.to_lowercase().as_str(), value::switch(text)) {
        ("stderr", _) => LogTarget::Stderr,
        (_, Ok(false)) => LogTarget::Off,
        (_, Ok(true)) => return Err(Fault::value(text, "off, stderr or a file").meant("stderr")),
        (_, Err(_)) => LogTarget::File(table::path(text, "off, stderr or a file")?),
    };
    Ok(())
}

pub(super) fn method(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.route.matches.methods.push(field::method(text)?);
    Ok(())
}

pub(super) fn match_header(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    field::token(name)?;
    let wanted = if text == "*" { None } else { Some(field::value(text)?) };
    draft.route.matches.headers.push((name.to_ascii_lowercase(), wanted));
    Ok(())
}

pub(super) fn match_query(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    const LONGEST: usize = 2048;
    let is_text = |text: &str| text.len() <= LONGEST && !text.chars().any(char::is_control);
    if !is_text(name) || !is_text(text) {
        return Err(Fault::value(text, "one line of at most 2048 bytes without control characters"));
    }
    draft.route.matches.queries.push((name.to_owned(), (text != "*").then(|| text.to_owned())));
    Ok(())
}

pub(super) fn upstream_host(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.route.how.host = match text.to_lowercase().as_str() {
        "replace" => HostPolicy::Replace,
        "keep" => HostPolicy::Keep,
        name => match url::authority(name) {
            Some(name) => HostPolicy::Name(name),
            None => return Err(Fault::value(text, "replace, keep or a host name")),
        },
    };
    Ok(())
}

pub(super) fn upstream_verify(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    match address::host_name(text) {
        Some(name) => draft.route.how.verify = Some(name),
        None => return Err(Fault::value(text, "a host name, as it stands in the certificate")),
    }
    Ok(())
}

/// `204` or `200 some text`.
pub(super) fn respond(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    const LONGEST: usize = 64 << 10;
    let (status, words) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let fault = || Fault::value(text, "a status from 200 to 599, or one and a text, as '200 Back on Monday'");
    let status = match status.parse::<u16>() {
        Ok(status) if (200..600).contains(&status) && text.len() <= LONGEST => status,
        Ok(_) => return Err(fault()),
        Err(_) => return Err(fault().meant(format!("200 {}", shown(text)))),
    };
    let words = words.trim_start();
    if matches!(status, 204 | 205 | 304) && !words.is_empty() {
        return Err(Fault::refused(format!("an answer with status {status} has no text")));
    }
    draft.route.respond_status = status;
    draft.route.respond_text = words.to_owned();
    Ok(())
}

pub(super) fn respond_type(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let expected = "a media type, as text/html; charset=utf-8";
    let media_type = text.split(';').next().unwrap_or_default().trim();
    let parts = media_type.split_once('/').filter(|(a, b)| field::token(a).is_ok() && field::token(b).is_ok());
    if parts.is_none() {
        return Err(Fault::value(text, expected));
    }
    draft.route.respond_type = field::value(text).map_err(|_| Fault::value(text, expected))?;
    Ok(())
}

pub(super) fn redirect_status(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    draft.route.redirect_status = match text {
        "301" => 301,
        "302" => 302,
        "303" => 303,
        "307" => 307,
        "308" => 308,
        _ => return Err(Fault::value(text, "301, 302, 303, 307 or 308")),
    };
    Ok(())
}

pub(super) fn index(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    if text.contains(['/', '\\']) || matches!(text, "." | "..") || text.chars().any(char::is_control) {
        return Err(Fault::value(text, "the name of a file, without a folder"));
    }
    draft.route.index.push(text.to_owned());
    Ok(())
}

pub(super) fn target(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    field::token(text)?;
    draft.cache.targets.push(text.to_ascii_lowercase());
    Ok(())
}

pub(super) fn cache_status(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let status = text.parse::<u16>().ok().filter(|status| (200..600).contains(status) && !matches!(status, 206 | 304));
    let status = status.ok_or_else(|| Fault::value(text, "a status from 200 to 599, but not 206 or 304"))?;
    draft.route.cache.statuses.push(status);
    Ok(())
}

pub(super) fn cache_key(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let key = &mut draft.route.cache.key;
    match (text.to_lowercase().as_str(), text.split_once('.')) {
        ("query", _) => key.query = QueryKey::Whole,
        ("path", _) => key.query = QueryKey::Nothing,
        (_, Some((kind, name))) if kind.eq_ignore_ascii_case("query") && !name.is_empty() => match &mut key.query {
            QueryKey::Only(names) => names.push(name.to_owned()),
            QueryKey::Whole | QueryKey::Nothing => key.query = QueryKey::Only(vec![name.to_owned()]),
        },
        (_, Some((kind, name))) if kind.eq_ignore_ascii_case("header") => {
            field::token(name)?;
            key.headers.push(name.to_ascii_lowercase());
        }
        (_, Some((kind, name))) if kind.eq_ignore_ascii_case("cookie") => {
            field::token(name)?;
            key.cookies.push(name.to_owned());
        }
        _ => return Err(Fault::value(text, "query, query.NAME, header.NAME, cookie.NAME or path")),
    }
    Ok(())
}

pub(super) fn ignore_query(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let name = text.strip_suffix('*').unwrap_or(text);
    if name.contains(['*', '&', '=']) || text.chars().any(char::is_control) || text.is_empty() {
        return Err(Fault::value(text, "the name of a parameter, perhaps with * at its end, as utm_*"));
    }
    draft.route.cache.key.ignored.push(text.to_owned());
    Ok(())
}

/// `always`, `never` or `50 %`.
pub(super) fn finish(draft: &mut Draft, text: &str) -> Result<(), Fault> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<u8>().ok());
    draft.route.cache.finish = match (text.to_lowercase().as_str(), percent, value::switch(text)) {
        ("always", _, _) | (_, _, Ok(true)) => Finish::Always,
        ("never", _, _) | (_, _, Ok(false)) => Finish::Never,
        (_, Some(percent @ 0..=100), _) => Finish::From(percent),
        _ => return Err(Fault::value(text, "always, never or a percentage from 0 % to 100 %")),
    };
    Ok(())
}

pub(super) fn set_request(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    set(&mut draft.route.edit_request, Side::Request, name, text)
}

pub(super) fn set_response(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    set(&mut draft.route.edit_response, Side::Response, name, text)
}

pub(super) fn remove_request(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    remove(&mut draft.route.edit_request, Side::Request, name, text)
}

pub(super) fn remove_response(draft: &mut Draft, name: &str, text: &str) -> Result<(), Fault> {
    remove(&mut draft.route.edit_response, Side::Response, name, text)
}

fn set(edits: &mut Vec<FieldEdit>, side: Side, name: &str, text: &str) -> Result<(), Fault> {
    field::editable(name, side)?;
    edits.push(FieldEdit::Set { name: name.to_owned(), value: field::value(text)? });
    Ok(())
}

fn remove(edits: &mut Vec<FieldEdit>, side: Side, name: &str, text: &str) -> Result<(), Fault> {
    field::editable(name, side)?;
    if value::switch(text)? {
        edits.push(FieldEdit::Remove { name: name.to_owned() });
    }
    Ok(())
}
