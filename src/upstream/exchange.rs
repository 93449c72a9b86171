//! One request and its answer on a leased connection.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::http::{
    BadResponse, BodyFraming, Fields, Flaw, HeadLimits, MAX_HEAD, Method, OwnedResponse, Parse, ResponseHead, Scan,
    connection, framing,
};
use crate::net::{BodyError, BodyReader, Filled, Meter, Progress, WriteError, within, write_all};
use crate::upstream::Lease;

/// Interim answers of one exchange that are passed on; later ones are read and dropped.
pub(crate) const INTERIM_PASSED: usize = 64;
/// Interim answers after which the exchange is given up.
pub(crate) const INTERIM_MAX: usize = 2000;

/// An answer's head, detached from the lease's buffer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 1xx but 101: another head follows.
    Interim(OwnedResponse),
    /// The answer and where its body ends; or 101.
    Final(OwnedResponse, BodyFraming),
}

#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// A reused connection ended before the first byte of an answer: it was closed while it lay in the pool. The
    /// request may be sent again on a new one where RFC 9110 §9.2.2 allows.
    Stale,
    /// The upstream ended the connection before a whole head.
    Closed,
    BadResponse(BadResponse),
    TooManyInterim,
    TimedOut,
    /// The upstream took the request too slowly.
    TooSlow,
    Io(io::Error),
}

/// Writes a request head; with it a request without a body is sent whole.
pub(crate) async fn send(
    lease: &mut Lease,
    head: &[u8],
    body: BodyFraming,
    meter: &mut Meter,
) -> Result<(), ExchangeError> {
    match write_all(&mut lease.stream, head, meter).await {
        Ok(()) => {
            lease.course.sent = matches!(body, BodyFraming::None | BodyFraming::Length(0));
            Ok(())
        }
        Err(WriteError::TooSlow) => Err(ExchangeError::TooSlow),
        Err(WriteError::ShortFile) => Err(ExchangeError::Closed),
        Err(WriteError::Io(error)) => Err(broken(lease, error)),
    }
}

/// The next head from upstream, within `first_byte`. `method` is that of the request. After an interim answer there
/// is another; of a great many only the first are given.
pub(crate) async fn response_head(
    lease: &mut Lease,
    method: Method<'_>,
    limits: &HeadLimits,
    first_byte: Duration,
) -> Result<Answer, ExchangeError> {
    within(first_byte, next_answer(lease, method, limits)).await.unwrap_or(Err(ExchangeError::TimedOut))
}

async fn next_answer(lease: &mut Lease, method: Method<'_>, limits: &HeadLimits) -> Result<Answer, ExchangeError> {
    loop {
        let head = next_head(lease, limits).await?;
        if !(100..200).contains(&head.status) || head.status == 101 {
            return final_answer(lease, head, method);
        }
        lease.course.interim = lease.course.interim.saturating_add(1);
        if lease.course.interim <= INTERIM_PASSED {
            return Ok(Answer::Interim(head));
        }
        if lease.course.interim > INTERIM_MAX {
            return Err(ExchangeError::TooManyInterim);
        }
    }
}

fn final_answer(lease: &mut Lease, head: OwnedResponse, method: Method<'_>) -> Result<Answer, ExchangeError> {
    let fields = head.fields();
    if head.status == 101 {
        return Ok(Answer::Final(head, BodyFraming::None));
    }
    let body = framing::response(head.version, head.status, fields, method).map_err(ExchangeError::BadResponse)?;
    lease.course.persists = connection::persists(head.version, fields) && body != BodyFraming::UntilClose;
    lease.course.read = matches!(body, BodyFraming::None | BodyFraming::Length(0));
    Ok(Answer::Final(head, body))
}

async fn next_head(lease: &mut Lease, limits: &HeadLimits) -> Result<OwnedResponse, ExchangeError> {
    loop {
        let buffer = &mut lease.buffer;
        if !buffer.is_empty() {
            lease.course.heard = true;
            let parsed = ResponseHead::parse(buffer.bytes(), limits, &mut lease.course.scan);
            if let Parse::Complete(head) = parsed.map_err(ExchangeError::BadResponse)? {
                let detached = head.detach(buffer.bytes());
                buffer.consume(head.len);
                lease.course.scan = Scan::default();
                return Ok(detached);
            }
        }
        match buffer.fill(&mut lease.stream, limits.head.min(MAX_HEAD)).await {
            Ok(Filled::Bytes(_)) => {}
            Ok(Filled::End) => return Err(ended(lease)),
            Ok(Filled::Full) => return Err(ExchangeError::BadResponse(BadResponse::Head(Flaw::HeadTooLarge))),
            Err(error) => return Err(broken(lease, error)),
        }
    }
}

/// A connection that ended before the answer.
fn ended(lease: &Lease) -> ExchangeError {
    if lease.is_reused() && !lease.course.heard { ExchangeError::Stale } else { ExchangeError::Closed }
}

/// A connection that failed before the answer.
fn broken(lease: &Lease, error: io::Error) -> ExchangeError {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => ended(lease),
        _ => ExchangeError::Io(error),
    }
}

/// The answer's body. Reading it to its end is what allows [`Lease::done`] to keep the connection.
pub(crate) struct ResponseBody {
    reader: BodyReader,
    meter: Meter,
}

impl ResponseBody {
    /// The body may pause for `idle`.
    pub(crate) fn new(framing: BodyFraming, idle: Duration) -> ResponseBody {
        ResponseBody { reader: BodyReader::new(framing), meter: Meter::new(Progress::idle(idle)) }
    }

    /// The next bytes as they arrive; `None` at the end, and from then on. The bytes are gone with the next call.
    pub(crate) async fn next<'l>(&mut self, lease: &'l mut Lease) -> Result<Option<&'l [u8]>, BodyError> {
        if self.reader.advance(&mut lease.stream, &mut lease.buffer, &mut self.meter).await? {
            return Ok(Some(self.reader.piece(&lease.buffer)));
        }
        lease.course.read = true;
        Ok(None)
    }

    /// See [`BodyReader::trailers`].
    pub(crate) fn trailers(&self) -> Fields<'_> {
        self.reader.trailers()
    }

    /// Bytes that came for this body, framing not counted.
    pub(crate) fn received(&self) -> u64 {
        self.reader.received()
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExchangeError::Stale => f.write_str("the upstream had closed the connection while it was unused"),
            ExchangeError::Closed => f.write_str("the upstream closed the connection before it answered"),
            ExchangeError::BadResponse(why) => write!(f, "the upstream's answer is malformed: {why}"),
            ExchangeError::TooManyInterim => f.write_str("the upstream sent too many interim answers"),
            ExchangeError::TimedOut => f.write_str("the upstream did not answer in time"),
            ExchangeError::TooSlow => f.write_str("the upstream took the request too slowly"),
            ExchangeError::Io(error) => write!(f, "the connection to the upstream failed: {error}"),
        }
    }
}

impl std::error::Error for ExchangeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExchangeError::BadResponse(why) => Some(why),
            ExchangeError::Io(error) => Some(error),
            ExchangeError::Stale
            | ExchangeError::Closed
            | ExchangeError::TooManyInterim
            | ExchangeError::TimedOut
            | ExchangeError::TooSlow => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::net::testing::{PATIENCE, block_on, peer, read_head, send_and_reset};
    use crate::upstream::testing::{Wrong, answers, ask, final_head, group, lease, send};

    /// What is done with an answer, beside reading its head.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Reading {
        Whole,
        HeadAlone,
    }

    /// How many connections the pool holds after one exchange.
    fn kept_after(method: &str, answer: &'static [u8], reading: Reading) -> usize {
        let (origin, thread) = peer(vec![move |mut socket: TcpStream| {
            read_head(&mut socket);
            socket.write_all(answer).unwrap();
            let until_close = !String::from_utf8_lossy(answer).contains("Length");
            if until_close {
                socket.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let _ = socket.read(&mut [0]);
        }]);
        let (upstreams, group) = group(&[origin]);
        block_on(async {
            let mut lease = lease(&group).await;
            match reading {
                Reading::Whole => drop(ask(&mut lease, method).await.unwrap()),
                Reading::HeadAlone => {
                    send(&mut lease, method).await.unwrap();
                    final_head(&mut lease, method).await.unwrap();
                }
            }
            lease.done();
        });
        let kept = upstreams.status()[0].idle;
        drop((upstreams, group));
        thread.join().unwrap();
        kept
    }

    #[test]
    fn a_connection_is_kept_only_after_a_whole_exchange_that_allows_it() {
        use Reading::{HeadAlone, Whole};
        for (method, answer, reading, kept) in [
            ("GET", &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], Whole, 1),
            ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", HeadAlone, 0),
            ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HeadAlone, 1),
            ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", HeadAlone, 1),
            ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2000\r\n\r\n", HeadAlone, 1),
            ("GET", b"HTTP/1.1 204 No Content\r\nX: Length\r\n\r\n", HeadAlone, 1),
            ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Whole, 1),
            ("GET", b"HTTP/1.1 200 OK\r\nX: Length\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", Whole, 1),
            ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", Whole, 0),
            ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Whole, 0),
            ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", Whole, 1),
            ("GET", b"HTTP/1.1 200 OK\r\n\r\nuntil close", Whole, 0),
            ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", Whole, 0),
            ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", HeadAlone, 0),
            ("GET", b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n", HeadAlone, 0),
        ] {
            let said = String::from_utf8_lossy(answer);
            assert_eq!(kept_after(method, answer, reading), kept, "{method} {reading:?} {said}");
        }
    }

    #[test]
    fn bytes_that_nobody_asked_for_retire_a_pooled_connection() {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let (pooled, go_on) = channel();
        let (sent, unasked) = channel();
        let first = move |mut socket: TcpStream| {
            read_head(&mut socket);
            socket.write_all(OK).unwrap();
            go_on.recv().unwrap();
            socket.write_all(OK).unwrap();
            sent.send(()).unwrap();
            let _ = socket.read(&mut [0]);
        };
        let (origin, thread) = peer(vec![Box::new(first) as Box<dyn FnOnce(TcpStream) + Send>, answers(&[OK])]);
        let (upstreams, group) = group(&[origin]);
        block_on(async {
            let mut used = lease(&group).await;
            ask(&mut used, "GET").await.unwrap();
            used.done();
            assert_eq!(upstreams.status()[0].idle, 1);
            pooled.send(()).unwrap();
            unasked.recv().unwrap();
            let mut fresh = lease(&group).await;
            assert!(!fresh.is_reused());
            assert_eq!(ask(&mut fresh, "GET").await.unwrap().0, 200);
        });
        thread.join().unwrap();
    }

    #[test]
    fn only_a_reused_connection_that_said_nothing_is_stale() {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let ends_second = |mut socket: TcpStream| {
            read_head(&mut socket);
            socket.write_all(OK).unwrap();
            read_head(&mut socket);
        };
        let begins_second = |mut socket: TcpStream| {
            read_head(&mut socket);
            socket.write_all(OK).unwrap();
            read_head(&mut socket);
            socket.write_all(b"HTTP/1.1 2").unwrap();
        };
        let ends_first = |mut socket: TcpStream| drop(read_head(&mut socket));
        let scripts: Vec<Box<dyn FnOnce(TcpStream) + Send>> =
            vec![Box::new(ends_second), Box::new(begins_second), Box::new(ends_first)];
        let (origin, thread) = peer(scripts);
        let (_upstreams, group) = group(&[origin]);
        block_on(async {
            for stale in [true, false] {
                let mut first = lease(&group).await;
                ask(&mut first, "GET").await.unwrap();
                first.done();
                let mut second = lease(&group).await;
                assert!(second.is_reused());
                let error = ask(&mut second, "GET").await.unwrap_err();
                match error {
                    Wrong::Exchange(ExchangeError::Stale) => assert!(stale),
                    Wrong::Exchange(ExchangeError::Closed) => assert!(!stale),
                    other => panic!("{other:?}"),
                }
            }
            let mut fresh = lease(&group).await;
            let error = ask(&mut fresh, "GET").await.unwrap_err();
            assert!(matches!(error, Wrong::Exchange(ExchangeError::Closed)), "{error:?}");
        });
        thread.join().unwrap();
    }

    /// The outcome of a request whose answer is `sent` and then ended, by a reset where asked.
    fn outcome(sent: &'static [u8], reset: bool) -> Result<(u16, Vec<u8>), Wrong> {
        let (origin, thread) = peer(vec![move |mut socket: TcpStream| {
            read_head(&mut socket);
            if reset {
                send_and_reset(socket, sent);
            } else {
                socket.write_all(sent).unwrap();
            }
        }]);
        let (_upstreams, group) = group(&[origin]);
        let outcome = block_on(async { ask(&mut lease(&group).await, "GET").await });
        thread.join().unwrap();
        outcome
    }

    #[test]
    fn answers_that_cannot_be_believed_are_refused() {
        for sent in [
            &b"SSH-2.0-OpenSSH\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
            b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\na",
        ] {
            let outcome = outcome(sent, false);
            assert!(matches!(outcome, Err(Wrong::Exchange(ExchangeError::BadResponse(_)))), "{outcome:?}");
        }
    }

    #[test]
    fn answers_that_are_cut_are_never_complete() {
        for (sent, reset) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"[..], false),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", false),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false),
            (b"HTTP/1.1 200 OK\r\n\r\nab", true),
        ] {
            let outcome = outcome(sent, reset);
            // A reset may overtake the head; then there is no answer at all.
            let cut = matches!(outcome, Err(Wrong::Body(BodyError::Truncated)))
                || reset && matches!(outcome, Err(Wrong::Exchange(ExchangeError::Closed)));
            assert!(cut, "{outcome:?}");
        }
        assert_eq!(outcome(b"HTTP/1.1 200 OK\r\n\r\nab", false).unwrap().1, b"ab");
    }

    fn interim_answers(count: usize) -> Result<(OwnedResponse, BodyFraming, usize), ExchangeError> {
        let (origin, thread) = peer(vec![move |mut socket: TcpStream| {
            read_head(&mut socket);
            let all = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(count);
            let _ = socket.write_all(&all);
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }]);
        let (_upstreams, group) = group(&[origin]);
        let answer = block_on(async {
            let mut lease = lease(&group).await;
            send(&mut lease, "GET").await.unwrap();
            final_head(&mut lease, "GET").await
        });
        thread.join().unwrap();
        answer
    }

    #[test]
    fn interim_answers_are_passed_on_up_to_a_bound_and_refused_beyond_another() {
        for (sent, passed) in [(0, 0), (3, 3), (INTERIM_PASSED, INTERIM_PASSED), (1000, INTERIM_PASSED)] {
            assert_eq!(interim_answers(sent).unwrap().2, passed);
        }
        assert!(matches!(interim_answers(INTERIM_MAX + 1), Err(ExchangeError::TooManyInterim)));
    }

    #[test]
    fn an_upstream_that_does_not_answer_is_given_up() {
        let (origin, thread) = peer(vec![answers(&[b"HTTP/1.1 200 OK\r\nX-Slow: "])]);
        let (_upstreams, group) = group(&[origin]);
        block_on(async {
            let mut lease = lease(&group).await;
            send(&mut lease, "GET").await.unwrap();
            let limits = HeadLimits::default();
            let tiny = Duration::from_millis(20);
            let answer = response_head(&mut lease, Method::Get, &limits, tiny).await;
            assert!(matches!(answer, Err(ExchangeError::TimedOut)), "{answer:?}");
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_head_without_end_is_refused_at_the_limit() {
        let (origin, thread) = peer(vec![|mut socket: TcpStream| {
            read_head(&mut socket);
            socket.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
            while socket.write_all(b"X-More: and more\r\n").is_ok() {}
        }]);
        let (_upstreams, group) = group(&[origin]);
        block_on(async {
            let mut lease = lease(&group).await;
            send(&mut lease, "GET").await.unwrap();
            let limits = HeadLimits { head: 8 << 10, ..HeadLimits::default() };
            let answer = response_head(&mut lease, Method::Get, &limits, PATIENCE).await;
            assert!(matches!(answer, Err(ExchangeError::BadResponse(BadResponse::Head(_)))), "{answer:?}");
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_body_that_pauses_for_too_long_is_too_slow() {
        let (origin, thread) = peer(vec![answers(&[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])]);
        let (_upstreams, group) = group(&[origin]);
        block_on(async {
            let mut lease = lease(&group).await;
            send(&mut lease, "GET").await.unwrap();
            let (_, framing, _) = final_head(&mut lease, "GET").await.unwrap();
            let mut body = ResponseBody::new(framing, Duration::from_millis(20));
            assert_eq!(body.next(&mut lease).await.unwrap(), Some(&b"ab"[..]));
            assert!(matches!(body.next(&mut lease).await, Err(BodyError::TooSlow)));
            assert_eq!(body.received(), 2);
        });
        thread.join().unwrap();
    }
}
