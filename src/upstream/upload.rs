//! A request body on its way upstream, while the upstream may already answer.

use std::fmt;
use std::io::IoSlice;

use crate::base::Size;
use crate::http::chunked::{SizeLine, size_line, write_end};
use crate::http::{BodyFraming, Fields};
use crate::net::{BodyError, BodyReader, Buffer, Meter, Stream, Wrote, write_while_silent};
use crate::upstream::{ExchangeError, Lease};

/// What is read from the upstream while the body is sent; a head is read on from it.
const HEARD: usize = 4 << 10;

/// Carries a client's body to the upstream, framed as told. May be stopped by an answer and gone on with.
pub(crate) struct Upload {
    outgoing: BodyFraming,
    limit: Size,
    phase: Phase,
    /// Bytes of the present piece and its framing that went out.
    written: usize,
}

enum Phase {
    /// The next piece is to come from the client.
    Between,
    /// The client's reader holds a piece; before it goes its size line.
    Piece(SizeLine),
    /// The body has ended; this is what ends it upstream.
    Ending(Vec<u8>),
    Whole,
}

/// Why [`Upload::run`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Uploaded {
    /// The body was sent to its end.
    Whole,
    /// The upstream has sent something, or is gone: read a head, and go on where it is an interim one.
    Answered,
}

#[derive(Debug)]
pub(crate) enum UploadError {
    /// The client's body is bad or cut. What went upstream is not complete, and the upstream sees that.
    Client(BodyError),
    /// The client's body is longer than allowed (413).
    TooLarge,
    Upstream(ExchangeError),
}

/// The client's end of an upload.
pub(crate) struct Source<'a> {
    pub(crate) stream: &'a mut Stream,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) body: &'a mut BodyReader,
    pub(crate) meter: &'a mut Meter,
    /// Trailer fields that are not for the upstream.
    pub(crate) hidden: &'a dyn Fn(&[u8]) -> bool,
}

impl Upload {
    /// `outgoing` frames the body upstream; as `Length` it must be the client's own. A longer body than `limit` is
    /// refused as soon as that is known.
    pub(crate) fn new(outgoing: BodyFraming, limit: Size) -> Upload {
        Upload { outgoing, limit, phase: Phase::Between, written: 0 }
    }

    /// Sends until the body has ended or the upstream speaks. Each is given `meter` for its own pace.
    pub(crate) async fn run(
        &mut self,
        lease: &mut Lease,
        client: &mut Source<'_>,
        meter: &mut Meter,
    ) -> Result<Uploaded, UploadError> {
        loop {
            if !lease.buffer.is_empty() {
                return Ok(Uploaded::Answered);
            }
            if matches!(self.phase, Phase::Between) {
                if self.next_piece(lease, client).await? == Uploaded::Answered {
                    return Ok(Uploaded::Answered);
                }
                self.written = 0;
            }
            if matches!(self.phase, Phase::Whole) {
                lease.course.sent = true;
                return Ok(Uploaded::Whole);
            }
            if self.write_piece(lease, client, meter).await? == Uploaded::Answered {
                return Ok(Uploaded::Answered);
            }
            self.phase = match self.phase {
                Phase::Ending(_) | Phase::Whole => Phase::Whole,
                Phase::Piece(_) | Phase::Between => Phase::Between,
            };
        }
    }

    /// Waits for the client, and listens to the upstream meanwhile.
    async fn next_piece(&mut self, lease: &mut Lease, client: &mut Source<'_>) -> Result<Uploaded, UploadError> {
        let Source { stream, buffer, body, meter, hidden } = client;
        let piece = async { Some(body.advance(stream, buffer, meter).await) };
        let heard = async {
            // Whatever this read brings, the next one for the head finds it, or finds the connection ended.
            let _ = lease.buffer.fill(&mut lease.stream, HEARD).await;
            None
        };
        let Some(found) = smol::future::or(piece, heard).await else {
            return Ok(Uploaded::Answered);
        };
        if found.map_err(UploadError::Client)? {
            if body.received() > self.limit.as_u64() {
                return Err(UploadError::TooLarge);
            }
            let len = u64::try_from(body.piece(buffer).len()).unwrap_or(u64::MAX);
            self.phase = Phase::Piece(if self.is_chunked() { size_line(len) } else { SizeLine::new() });
        } else {
            let mut end = Vec::new();
            if self.is_chunked() {
                let trailers = body.trailers();
                let visible = trailers.without(*hidden);
                write_end(&mut end, Fields::new(trailers.bytes(), visible.as_slice()));
            }
            self.phase = Phase::Ending(end);
        }
        Ok(Uploaded::Whole)
    }

    async fn write_piece(
        &mut self,
        lease: &mut Lease,
        client: &Source<'_>,
        meter: &mut Meter,
    ) -> Result<Uploaded, UploadError> {
        let piece = client.body.piece(client.buffer);
        let crlf: &[u8] = if self.is_chunked() { b"\r\n" } else { b"" };
        let image: [&[u8]; 3] = match &self.phase {
            Phase::Piece(size) => [size, piece, crlf],
            Phase::Ending(end) => [end, b"", b""],
            Phase::Between | Phase::Whole => [b"", b"", b""],
        };
        let mut parts = image.map(IoSlice::new);
        let mut parts: &mut [IoSlice<'_>] = &mut parts;
        IoSlice::advance_slices(&mut parts, self.written);
        match write_while_silent(&mut lease.stream, parts, &mut lease.buffer, meter).await {
            Ok(Wrote::All) => Ok(Uploaded::Whole),
            Ok(Wrote::Heard(taken)) => {
                self.written = self.written.saturating_add(taken);
                Ok(Uploaded::Answered)
            }
            Err(_) => Err(UploadError::Upstream(ExchangeError::TooSlow)),
        }
    }

    fn is_chunked(&self) -> bool {
        self.outgoing == BodyFraming::Chunked
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadError::Client(error) => write!(f, "the client's body: {error}"),
            UploadError::TooLarge => f.write_str("the client's body is longer than the route allows"),
            UploadError::Upstream(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for UploadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            UploadError::Client(error) => Some(error),
            UploadError::Upstream(error) => Some(error),
            UploadError::TooLarge => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::thread::{self, JoinHandle};

    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

    use super::*;
    use crate::http::{HeadLimits, Method};
    use crate::net::testing::{PATIENCE, block_on, pair, patient, patient_meter, read_head};
    use crate::upstream::testing::{final_head, group, lease};
    use crate::upstream::{Answer, Group, Upstreams, exchange};

    const BIG: usize = 16 << 20;
    /// What the kernel may hold between gateway and upstream, in each of two places: less than one piece.
    const SMALL: usize = 4 << 10;
    const HEAD: &[u8] = b"POST / HTTP/1.1\r\n\r\n";

    /// An upstream that handles one connection and gives what its script gives.
    fn upstream<T: Send + 'static>(
        script: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
    ) -> (Lease, JoinHandle<T>) {
        let (lease, thread, _) = watched_upstream(script);
        (lease, thread)
    }

    /// The same, with the upstreams that the lease is from.
    fn watched_upstream<T: Send + 'static>(
        script: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
    ) -> (Lease, JoinHandle<T>, (Arc<Upstreams>, Arc<Group>)) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        set_socket_recv_buffer_size(&listener, SMALL).unwrap();
        let (upstreams, group) = group(&[listener.local_addr().unwrap()]);
        let thread = thread::spawn(move || {
            let mut socket = patient(listener.accept().unwrap().0);
            read_head(&mut socket);
            script(&mut socket)
        });
        let lease = block_on(lease(&group));
        let Stream::Plain(socket) = &lease.stream else { panic!("TLS") };
        set_socket_send_buffer_size(socket.get_ref(), SMALL).unwrap();
        (lease, thread, (upstreams, group))
    }

    fn rest(socket: &mut TcpStream) -> Vec<u8> {
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        all
    }

    /// The client's end of a request body.
    struct Client {
        stream: Stream,
        buffer: Buffer,
        body: BodyReader,
        meter: Meter,
    }

    impl Client {
        fn new(framing: BodyFraming) -> (Client, TcpStream) {
            let (stream, socket) = pair();
            let body = BodyReader::new(framing);
            (Client { stream, buffer: Buffer::new(), body, meter: patient_meter() }, socket)
        }

        /// One that has sent `bytes` and will send no more.
        fn that_sent(framing: BodyFraming, bytes: &[u8]) -> Client {
            let (client, mut socket) = Client::new(framing);
            socket.write_all(bytes).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            client
        }

        async fn run(&mut self, upload: &mut Upload, lease: &mut Lease) -> Result<Uploaded, UploadError> {
            let Client { stream, buffer, body, meter } = self;
            let hidden = &|_: &[u8]| false;
            upload.run(lease, &mut Source { stream, buffer, body, meter, hidden }, &mut patient_meter()).await
        }
    }

    async fn send_head(lease: &mut Lease, outgoing: BodyFraming) {
        exchange::send(lease, HEAD, outgoing, &mut patient_meter()).await.unwrap();
    }

    async fn hear_interim(lease: &mut Lease) {
        let answer = exchange::response_head(lease, Method::Post, &HeadLimits::default(), PATIENCE).await;
        assert!(matches!(answer, Ok(Answer::Interim(_))), "{answer:?}");
    }

    /// What the upstream gets of a body, and how the upload ended.
    fn carried(
        incoming: BodyFraming,
        bytes: &[u8],
        outgoing: BodyFraming,
        limit: Size,
    ) -> (String, Result<Uploaded, UploadError>) {
        let (mut lease, thread) = upstream(rest);
        let mut client = Client::that_sent(incoming, bytes);
        let uploaded = block_on(async {
            send_head(&mut lease, outgoing).await;
            client.run(&mut Upload::new(outgoing, limit), &mut lease).await
        });
        drop(lease);
        (String::from_utf8(thread.join().unwrap()).unwrap(), uploaded)
    }

    #[test]
    fn bodies_are_framed_anew_for_the_upstream() {
        use BodyFraming::{Chunked, Length};
        let chunks: &[u8] = b"3;drop=this\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\nContent-Length: 9\r\n\r\nGET /";
        for (incoming, bytes, outgoing, expected) in [
            (Length(5), &b"abcdeGET /"[..], Length(5), "abcde"),
            (Length(5), b"abcde", Chunked, "5\r\nabcde\r\n0\r\n\r\n"),
            (Chunked, chunks, Chunked, "5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n"),
            (Chunked, b"0\r\n\r\n", Chunked, "0\r\n\r\n"),
            (Length(0), b"", Length(0), ""),
        ] {
            let (got, uploaded) = carried(incoming, bytes, outgoing, Size::mib(1));
            assert_eq!(uploaded.unwrap(), Uploaded::Whole);
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_cut_or_malformed_body_never_reaches_the_upstream_as_complete() {
        use BodyFraming::{Chunked, Length};
        for (incoming, bytes, outgoing) in [
            (Length(5), &b"abc"[..], Length(5)),
            (Length(5), b"abc", Chunked),
            (Chunked, b"3\r\nabc\r\n", Chunked),
            (Chunked, b"3\r\nabc\r\n0\r\n", Chunked),
            (Chunked, b"3\r\nabcX\r\n0\r\n\r\n", Chunked),
        ] {
            let (got, uploaded) = carried(incoming, bytes, outgoing, Size::mib(1));
            assert!(matches!(uploaded, Err(UploadError::Client(_))), "{uploaded:?}");
            assert!(!got.ends_with("0\r\n\r\n") && got.len() < 10, "{got}");
        }
    }

    #[test]
    fn a_body_beyond_the_limit_is_refused() {
        let (got, uploaded) = carried(BodyFraming::Length(5), b"abcde", BodyFraming::Length(5), Size::bytes(4));
        assert!(matches!(uploaded, Err(UploadError::TooLarge)));
        assert_eq!(got, "");
    }

    #[test]
    fn an_answer_is_heard_while_the_client_is_silent() {
        let (mut lease, thread, (upstreams, _group)) = watched_upstream(|socket| {
            socket.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").unwrap();
            rest(socket)
        });
        let (mut client, _silent) = Client::new(BodyFraming::Length(5));
        let framing = BodyFraming::Length(5);
        block_on(async {
            send_head(&mut lease, framing).await;
            let uploaded = client.run(&mut Upload::new(framing, Size::mib(1)), &mut lease).await;
            assert_eq!(uploaded.unwrap(), Uploaded::Answered);
            assert_eq!(final_head(&mut lease, "POST").await.unwrap().0.status, 413);
        });
        lease.done();
        assert_eq!(upstreams.status()[0].idle, 0, "the request had not ended");
        assert_eq!(thread.join().unwrap(), b"");
    }

    #[test]
    fn an_upload_goes_on_after_an_interim_answer() {
        let (mut lease, thread) = upstream(|socket| {
            let mut half = vec![0; BIG / 2];
            socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            socket.read_exact(&mut half).unwrap();
            socket.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
            socket.read_exact(&mut half).unwrap();
            socket.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap();
            half
        });
        let framing = BodyFraming::Length(BIG as u64);
        let (mut client, mut socket) = Client::new(framing);
        let sent: Vec<u8> = (0..BIG).map(|at| (at / 3).to_le_bytes()[0]).collect();
        let expected = sent[BIG / 2..].to_vec();
        let sender = thread::spawn(move || socket.write_all(&sent).unwrap());
        block_on(async {
            send_head(&mut lease, framing).await;
            let mut upload = Upload::new(framing, Size::mib(64));
            while client.run(&mut upload, &mut lease).await.unwrap() == Uploaded::Answered {
                hear_interim(&mut lease).await;
            }
            assert_eq!(final_head(&mut lease, "POST").await.unwrap().0.status, 201);
        });
        assert!(lease.course.sent);
        sender.join().unwrap();
        assert!(thread.join().unwrap() == expected);
    }

    #[test]
    fn a_piece_that_was_half_written_goes_on_where_it_stopped() {
        let sent: Vec<u8> = (0..60_000_usize).map(|at| (at / 3).to_le_bytes()[0]).collect();
        let (heard, go_on) = channel();
        let (mut lease, thread) = upstream(move |socket| {
            socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            go_on.recv().unwrap();
            rest(socket)
        });
        let mut client = Client::that_sent(BodyFraming::Length(60_000), &sent);
        block_on(async {
            send_head(&mut lease, BodyFraming::Chunked).await;
            let mut upload = Upload::new(BodyFraming::Chunked, Size::mib(1));
            assert_eq!(client.run(&mut upload, &mut lease).await.unwrap(), Uploaded::Answered);
            assert!(upload.written > 0, "stopped between pieces");
            hear_interim(&mut lease).await;
            heard.send(()).unwrap();
            assert_eq!(client.run(&mut upload, &mut lease).await.unwrap(), Uploaded::Whole);
        });
        drop(lease);
        let mut decoder = crate::http::chunked::Decoder::default();
        let (wire, mut at, mut body) = (thread.join().unwrap(), 0, Vec::new());
        while let crate::http::chunked::Step::Data { start, end, consumed } = decoder.decode(&wire[at..]).unwrap() {
            body.extend_from_slice(&wire[at + start..at + end]);
            at += consumed;
        }
        assert!(body == sent);
    }

    #[test]
    fn an_upstream_that_answers_and_reads_no_more_stops_the_upload() {
        let (mut lease, thread) = upstream(|socket| {
            socket.read_exact(&mut [0; 1000]).unwrap();
            socket.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
            socket.try_clone().unwrap()
        });
        let framing = BodyFraming::Length(BIG as u64);
        let (mut client, mut socket) = Client::new(framing);
        let sender = thread::spawn(move || drop(socket.write_all(&vec![0; BIG])));
        block_on(async {
            send_head(&mut lease, framing).await;
            let uploaded = client.run(&mut Upload::new(framing, Size::mib(64)), &mut lease).await;
            assert_eq!(uploaded.unwrap(), Uploaded::Answered);
            assert_eq!(final_head(&mut lease, "POST").await.unwrap().0.status, 403);
        });
        drop(client);
        sender.join().unwrap();
        drop(thread.join().unwrap());
    }

    #[test]
    fn an_upstream_that_is_gone_ends_the_upload() {
        let (mut lease, thread) = upstream(|_| ());
        let framing = BodyFraming::Length(BIG as u64);
        let (mut client, mut socket) = Client::new(framing);
        let sender = thread::spawn(move || drop(socket.write_all(&vec![0; BIG])));
        block_on(async {
            send_head(&mut lease, framing).await;
            let uploaded = client.run(&mut Upload::new(framing, Size::mib(64)), &mut lease).await;
            assert_eq!(uploaded.unwrap(), Uploaded::Answered);
            assert!(matches!(final_head(&mut lease, "POST").await, Err(ExchangeError::Closed)));
        });
        drop(client);
        sender.join().unwrap();
        thread.join().unwrap();
    }
}
