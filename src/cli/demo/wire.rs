//! Just enough HTTP/1.1 for a small origin: a request read, an answer's head written.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;
use std::time::Duration;

use smol::io::{AsyncRead, AsyncReadExt};

use super::link::within;

/// A request head beyond this is not from a browser or a gateway.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    Get,
    Head,
    Post,
    Other,
}

pub(super) struct Request {
    pub(super) method: Method,
    /// As sent, without the query.
    pub(super) path: String,
    pub(super) query: String,
    fields: Vec<(String, String)>,
    /// Bytes of the head.
    pub(super) length: usize,
    /// No other request can follow on this connection.
    pub(super) last: bool,
}

impl Request {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a query parameter, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pair = self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
        pair.map(|(_, value)| decoded(value))
    }
}

/// Reads the next request; `None` when the peer has no more. Bytes behind its head stay in `buffer`.
pub(super) async fn read_request(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    loop {
        if let Some(request) = parse(buffer)? {
            buffer.drain(..request.length);
            return Ok(Some(request));
        }
        if buffer.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut piece = [0; 2048];
        match within(IDLE, from.read(&mut piece)).await? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

fn parse(buffer: &[u8]) -> io::Result<Option<Request>> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut space = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut space);
    let httparse::Status::Complete(length) = head.parse(buffer).map_err(invalid)? else {
        return Ok(None);
    };
    let (path, query) = head.path.unwrap_or_default().split_once('?').unwrap_or((head.path.unwrap_or_default(), ""));
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let fields = head.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
    let mut request = Request {
        method: match head.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => Method::Other,
        },
        path: path.to_owned(),
        query: query.to_owned(),
        fields,
        length,
        last: head.version != Some(1),
    };
    request.last |= ends_connection(&request);
    Ok(Some(request))
}

/// A body is never read here, so nothing can follow a request that has one.
fn ends_connection(request: &Request) -> bool {
    let body =
        request.field("transfer-encoding").is_some() || request.field("content-length").is_some_and(|n| n != "0");
    body || request.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

/// `%20` and `+` as they were typed. What is not a valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                plain.push(value);
                at += 3;
            }
            None => {
                plain.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// An answer without its body.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, Cow<'static, str>)>,
    /// The length of the body. `None` where the status forbids one.
    pub(super) length: Option<u64>,
}

impl Head {
    pub(super) fn bytes(&self, last: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if let Some(length) = self.length {
            let _ = write!(text, "Content-Length: {length}\r\n");
        }
        text.push_str(if last { "Connection: close\r\n\r\n" } else { "\r\n" });
        text.into_bytes()
    }
}

/// The statuses of this origin. The words are for people who look with `nc`.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net;

    #[test]
    fn requests_are_read_one_by_one() {
        let mut wire: &[u8] =
            b"GET /search?q=clean+water&x=%C3%A9%zz HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"1\"\r\n\r\n\
            HEAD /b HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n";
        let mut buffer = Vec::new();
        let first = net::run(read_request(&mut wire, &mut buffer)).unwrap().unwrap().unwrap();
        assert_eq!((first.method, first.path.as_str(), first.last), (Method::Get, "/search", false));
        assert_eq!(first.parameter("q").unwrap(), "clean water");
        assert_eq!(first.parameter("x").unwrap(), "é%zz");
        assert_eq!(first.field("if-none-match"), Some("\"1\""));
        let second = net::run(read_request(&mut wire, &mut buffer)).unwrap().unwrap().unwrap();
        assert_eq!((second.method, second.path.as_str(), second.last), (Method::Head, "/b", true));
        assert!(net::run(read_request(&mut wire, &mut buffer)).unwrap().unwrap().is_none());
    }

    #[test]
    fn what_is_not_a_request_ends_the_connection() {
        let endless = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; MAX_HEAD]].concat();
        for mut wire in [b"\x16\x03\x01\x02\x00\x01".as_slice(), endless.as_slice()] {
            assert!(net::run(read_request(&mut wire, &mut Vec::new())).unwrap().is_err());
        }
    }

    #[test]
    fn heads_are_framed() {
        let head = Head { status: 200, fields: vec![("Content-Type", "text/plain".into())], length: Some(3) };
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(head.bytes(true)).unwrap(), expected);
    }
}
