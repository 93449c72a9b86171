use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::{PATIENCE, find, shown};

/// A connection that sends what it is told and reads what comes.
pub(crate) struct Client {
    stream: TcpStream,
    /// Read and not yet used.
    kept: Vec<u8>,
    /// What ended the reading.
    end: Option<Ended>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Closed,
    Broken,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) end: End,
}

/// How the body's end was known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    NoBody,
    Length,
    Chunks,
    /// The connection was closed in an orderly way and nothing in the head promised more.
    Close,
    /// The connection ended before the body did.
    Cut,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("a connection to the gateway");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        stream.set_nodelay(true).expect("no delay");
        Client { stream, kept: Vec::new(), end: None }
    }

    /// The same with a gateway that may have gone meanwhile.
    pub(crate) fn try_connect(address: SocketAddr) -> Option<Client> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        Some(Client { stream, kept: Vec::new(), end: None })
    }

    /// Sends; a peer that has already answered and closed is no fault of the sender.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        match self.stream.write_all(bytes.as_ref()) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(error) => panic!("the gateway does not take what is sent: {error}"),
        }
        self
    }

    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: board\r\n\r\n")).response()
    }

    /// Nothing more will be sent.
    pub(crate) fn finish(&mut self) -> &mut Client {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Breaks the connection off (RST).
    pub(crate) fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(std::time::Duration::ZERO));
    }

    /// The next response; the request was not `HEAD`.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response, or `None` where the connection ends before the first byte of one.
    pub(crate) fn response_if_any(&mut self) -> Option<Response> {
        (!self.kept.is_empty() || self.read_more()).then(|| self.response())
    }

    /// The next response, or `None` where the connection ends within its head.
    pub(crate) fn response_unless_cut(&mut self) -> Option<Response> {
        while find(&self.kept, b"\r\n\r\n").is_none() {
            if !self.read_more() {
                return None;
            }
        }
        Some(self.response())
    }

    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        let mut response = self.head();
        let coded = response.field("transfer-encoding").is_some();
        let length = response.field("content-length").map(|length| length.parse().expect("a length"));
        let bodiless = method == "HEAD" || response.status < 200 || matches!(response.status, 204 | 304);
        response.end = if bodiless {
            End::NoBody
        } else if coded {
            self.chunks(&mut response)
        } else if let Some(length) = length {
            response.body = self.take(length);
            if response.body.len() == length { End::Length } else { End::Cut }
        } else {
            response.body = self.rest();
            if self.end == Some(Ended::Closed) { End::Close } else { End::Cut }
        };
        response
    }

    /// The next head alone; its body, if any, stays to be read.
    pub(crate) fn head(&mut self) -> Response {
        let head = self.read_until(b"\r\n\r\n");
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let fields = lines.filter_map(field_line).collect();
        Response {
            status: status.unwrap_or_else(|| panic!("not a status line: {first:?}")),
            fields,
            head,
            body: Vec::new(),
            trailers: Vec::new(),
            end: End::NoBody,
        }
    }

    /// Bytes up to and with `mark`.
    pub(crate) fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = find(&self.kept, mark) {
                return self.kept.drain(..at + mark.len()).collect();
            }
            assert!(
                self.read_more(),
                "the connection ended ({:?}) while waiting for {:?}; it had brought {:?}",
                self.end,
                shown(mark),
                shown(&self.kept)
            );
        }
    }

    /// Like [`Client::read_until`], but an end of the connection gives what came.
    fn read_until_or_end(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.kept, mark) {
                return Some(self.kept.drain(..at + mark.len()).collect());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Exactly `length` bytes, or fewer where the connection ends.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.kept.len() < length && self.read_more() {}
        self.kept.drain(..length.min(self.kept.len())).collect()
    }

    /// Everything until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.kept)
    }

    /// Waits for the end of the connection; true when nothing came before it.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// Whether the connection was broken off, and not closed in order.
    pub(crate) fn is_broken(&self) -> bool {
        self.end == Some(Ended::Broken)
    }

    fn chunks(&mut self, response: &mut Response) -> End {
        loop {
            let Some(line) = self.read_until_or_end(b"\r\n") else { return End::Cut };
            let text = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(text.trim_end().split(';').next().unwrap_or_default(), 16);
            let size = size.unwrap_or_else(|_| panic!("not a chunk size: {text:?}"));
            if size == 0 {
                break;
            }
            let data = self.take(size);
            let whole = data.len() == size;
            response.body.extend(data);
            if !whole || self.take(2) != b"\r\n" {
                return End::Cut;
            }
        }
        loop {
            let Some(line) = self.read_until_or_end(b"\r\n") else { return End::Cut };
            match field_line(&String::from_utf8_lossy(&line)) {
                Some(field) => response.trailers.push(field),
                None => return End::Chunks,
            }
        }
    }

    /// False at the end of the connection. A peer that stays silent for too long fails the test.
    fn read_more(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let mut space = [0; 16 * 1024];
        match self.stream.read(&mut space) {
            Ok(0) => self.end = Some(Ended::Closed),
            Ok(length) => self.kept.extend_from_slice(&space[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the gateway says nothing and does not close; it had sent {:?}", shown(&self.kept))
            }
            Err(_) => self.end = Some(Ended::Broken),
        }
        self.end.is_none()
    }
}

impl Response {
    /// The value of a field that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} is repeated in {}", self.head);
        values.first().copied()
    }

    /// Every value of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the cache answered (RFC 9211 §2.1), be it from a fill for somebody else that is just ending.
    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().split(';').any(|part| matches!(part.trim(), "hit" | "collapsed"))
    }

    pub(crate) fn cache_status(&self) -> &str {
        self.field("cache-status").unwrap_or_default()
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.end != End::Cut
    }
}

fn field_line(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim_end_matches("\r\n").split_once(':')?;
    Some((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}
