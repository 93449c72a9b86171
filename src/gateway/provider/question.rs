//! One question to an identity provider and its answer, over the connections of `upstream`.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use crate::config::{UpstreamConfig, UpstreamUrl};
use crate::gateway::Process;
use crate::http::{BodyFraming, HeadLimits, HeadWriter, Method, OwnedResponse};
use crate::net::{Meter, Progress, within};
use crate::upstream::exchange::ResponseBody;
use crate::upstream::{Answer, ExchangeError, Lease, Want, exchange};

/// Bytes of an answer that are read: key sets have a few thousand, and `auth` takes no more than 64 KB of them.
const LARGEST_ANSWER: usize = 256 * 1024;
/// Connections to one provider: enquiries of a school at its start, without a crowd on a thin link.
const CONNECTIONS: usize = 8;
const CONNECT: Duration = Duration::from_secs(5);
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// A satellite link may pause for seconds.
const IDLE: Duration = Duration::from_secs(5);
const KEEP: Duration = Duration::from_secs(30);

/// What is asked.
pub(super) struct Question<'q> {
    pub(super) url: &'q str,
    /// PEM file of the authorities to trust. `None`: the web's.
    pub(super) ca: Option<&'q Path>,
    /// A form, sent with POST. `None`: GET.
    pub(super) form: Option<&'q str>,
    /// The value of `Authorization`.
    pub(super) authorization: Option<&'q str>,
    /// For everything together.
    pub(super) span: Duration,
}

/// Status and body of the answer, or in a few words why there is none. Redirects are not followed: a provider's keys and
/// a client's secret are for the address that was configured or discovered, and for no other.
pub(super) async fn ask(process: &Process, question: &Question<'_>) -> Result<(u16, Vec<u8>), String> {
    let (url, target) = parts(question.url).ok_or_else(|| "its address is not one".to_owned())?;
    let head = head(question, &url, target)?;
    let rules = UpstreamConfig {
        ca: question.ca.map(Path::to_owned),
        connections: CONNECTIONS,
        connect: CONNECT,
        first_byte: FIRST_BYTE,
        idle: IDLE,
        keep: KEEP,
        ..UpstreamConfig::default()
    };
    let group = process.upstreams.group(&[url], &rules);
    process.providers.hold(&group);
    let answer = pin!(async {
        match attempt(group.lease(Want::Any).await.map_err(|why| why.to_string())?, question, &head).await {
            // The connection from the pool was stale. Both kinds of question may be asked twice.
            Err(Trouble::Stale) => {
                let lease = group.lease(Want::New).await.map_err(|why| why.to_string())?;
                attempt(lease, question, &head).await.map_err(Trouble::words)
            }
            answered => answered.map_err(Trouble::words),
        }
    });
    within(question.span, answer).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
}

/// Why an attempt brought nothing.
enum Trouble {
    Stale,
    Other(String),
}

impl Trouble {
    fn words(self) -> String {
        match self {
            Trouble::Stale => "it closed the connection".to_owned(),
            Trouble::Other(words) => words,
        }
    }
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Trouble {
        match error {
            ExchangeError::Stale => Trouble::Stale,
            ExchangeError::Closed
            | ExchangeError::BadResponse(_)
            | ExchangeError::TooManyInterim
            | ExchangeError::TimedOut
            | ExchangeError::TooSlow
            | ExchangeError::Io(_) => Trouble::Other(error.to_string()),
        }
    }
}

async fn attempt(mut lease: Lease, question: &Question<'_>, head: &[u8]) -> Result<(u16, Vec<u8>), Trouble> {
    let mut meter = Meter::new(Progress::idle(IDLE));
    // The form goes with the head, so that for the lease the request is sent whole.
    exchange::send(&mut lease, head, BodyFraming::None, &mut meter).await?;
    let method = Method::from_name(if question.form.is_some() { "POST" } else { "GET" });
    let (answer, framing) = final_head(&mut lease, method).await?;
    let mut body = ResponseBody::new(framing, IDLE);
    let mut all = Vec::new();
    while let Some(piece) = body.next(&mut lease).await.map_err(|why| Trouble::Other(why.to_string()))? {
        if all.len() + piece.len() > LARGEST_ANSWER {
            return Err(Trouble::Other(format!("its answer has more than {} KB", LARGEST_ANSWER / 1024)));
        }
        all.extend_from_slice(piece);
    }
    lease.done();
    Ok((answer.status, all))
}

async fn final_head(lease: &mut Lease, method: Method<'_>) -> Result<(OwnedResponse, BodyFraming), ExchangeError> {
    loop {
        if let Answer::Final(head, framing) =
            exchange::response_head(lease, method, &HeadLimits::default(), FIRST_BYTE).await?
        {
            return Ok((head, framing));
        }
    }
}

/// The request, with the form behind its head.
fn head(question: &Question<'_>, url: &UpstreamUrl, target: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(512);
    let method = if question.form.is_some() { "POST" } else { "GET" };
    let mut head = HeadWriter::request(&mut bytes, method, target.as_bytes());
    head.field("Host", authority(url)).field("Accept", "application/json").field("Accept-Encoding", "identity");
    if let Some(authorization) = question.authorization {
        head.field("Authorization", authorization);
    }
    if let Some(form) = question.form {
        head.field("Content-Type", "application/x-www-form-urlencoded");
        head.field_number("Content-Length", form.len() as u64);
    }
    head.end().map_err(|_| "the question cannot be written".to_owned())?;
    bytes.extend_from_slice(question.form.unwrap_or_default().as_bytes());
    Ok(bytes)
}

fn authority(url: &UpstreamUrl) -> String {
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let standard = if url.tls { 443 } else { 80 };
    if url.port == standard { host } else { format!("{host}:{}", url.port) }
}

/// Where a URL leads, and the request-target there. It came from the configuration or was judged by `auth`.
fn parts(url: &str) -> Option<(UpstreamUrl, &str)> {
    let (tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let (authority, target) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if !target.starts_with('/') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.parse().ok()?,
        None if port.is_empty() => {
            if tls {
                443
            } else {
                80
            }
        }
        None => return None,
    };
    let host = host.to_ascii_lowercase();
    (!host.is_empty()).then(|| (UpstreamUrl { tls, host, port, path: String::new() }, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_url_leads() {
        for (url, tls, host, port, target) in [
            ("https://id.example", true, "id.example", 443, "/"),
            ("https://ID.example:8443/a/b?c=d", true, "id.example", 8443, "/a/b?c=d"),
            ("http://[::1]:81/keys", false, "::1", 81, "/keys"),
            ("http://[::1]/", false, "::1", 80, "/"),
        ] {
            let expected = UpstreamUrl { tls, host: host.into(), port, path: String::new() };
            assert_eq!(parts(url), Some((expected, target)), "{url}");
        }
        for url in
            ["ftp://id.example/", "https://", "https:///a", "http://a:b/", "http://a?b", "http://[::1", "id.example"]
        {
            assert_eq!(parts(url), None, "{url}");
        }
    }
}
