//! Both sides of TLS against each other, and against rustls by hand where the peer misbehaves.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::base::{Size, Wall};
use crate::config::TlsConfig;
use crate::http::BodyFraming;
use crate::net::testing::{Authority, PATIENCE, block_on, pair, patient_meter, waited};
use crate::net::{
    BodyError, BodyReader, Buffer, Clock, Filled, Meter, Progress, Socket, Stream, WriteError, close_gently, send_file,
    write_all,
};

fn door() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

fn clock() -> Arc<Clock> {
    Clock::start(Wall::from_millis(0))
}

fn front(sections: &[TlsConfig]) -> (Arc<TlsFront>, Vec<TlsProblem>) {
    let mut sections = sections.to_vec();
    if let Some(first) = sections.first_mut() {
        first.listen = vec![door()];
    }
    TlsFront::build(&sections, &clock())
}

fn async_pair() -> (Stream, Socket) {
    let (ours, theirs) = pair();
    (ours, waited(theirs))
}

/// A handshake between a front and a client; what each side got.
async fn shake(
    front: &TlsFront,
    client: &TlsClient,
    host: &str,
) -> (Result<Stream, HandshakeError>, Result<Stream, HandshakeError>) {
    let (server_end, client_end) = async_pair();
    smol::future::zip(front.accept(server_end, door(), PATIENCE), client.connect(client_end, host, PATIENCE)).await
}

/// Both ends of a TLS connection.
async fn tls_pair(authority: &Authority) -> (Stream, Stream) {
    let (front, problems) = front(&[authority.issue("board.example")]);
    assert_eq!(problems, []);
    let client = TlsClient::new(Some(&authority.ca()), None, &clock());
    let (server, client) = shake(&front, &client, "board.example").await;
    (server.unwrap(), client.unwrap())
}

fn common(stream: &Stream) -> &rustls::CommonState {
    match stream {
        Stream::Plain(_) => panic!("not TLS"),
        Stream::Tls(secured) => secured.tls.get_ref().1,
    }
}

fn refused_for(result: Result<Stream, HandshakeError>) -> rustls::Error {
    match result {
        Err(HandshakeError::Tls(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn certificates_are_chosen_by_name_and_the_first_is_the_default() {
    let authority = Authority::new();
    let (front, problems) = front(&[authority.issue("a.example"), authority.issue("b.example")]);
    assert_eq!(problems, []);
    block_on(async {
        for host in ["a.example", "b.example"] {
            let client = TlsClient::new(Some(&authority.ca()), None, &clock());
            let (server, client) = shake(&front, &client, host).await;
            let (server, client) = (server.unwrap(), client.unwrap());
            assert_eq!(common(&client).alpn_protocol(), Some(ALPN));
            assert_eq!(common(&server).protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        }
        let client = TlsClient::new(Some(&authority.ca()), None, &clock());
        let (_, client) = shake(&front, &client, "c.example").await;
        let error = refused_for(client).to_string();
        assert!(error.contains("a.example"), "the default was offered: {error}");
    });
}

#[test]
fn an_upstream_may_be_expected_under_another_name() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let client = TlsClient::new(Some(&authority.ca()), Some("a.example"), &clock());
    block_on(async {
        let (server, client) = shake(&front, &client, "10.0.0.1").await;
        assert!(server.is_ok() && client.is_ok());
    });
}

#[test]
fn authorities_of_the_web_do_not_vouch_for_ours() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let client = TlsClient::new(None, None, &clock());
    let (_, client) = block_on(shake(&front, &client, "a.example"));
    assert!(matches!(refused_for(client), rustls::Error::InvalidCertificate(_)));
}

#[test]
fn certificates_are_judged_by_the_clock_of_the_process() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let year_2075 = Wall::from_seconds(3_313_526_400);
    let client = TlsClient::new(Some(&authority.ca()), None, &Clock::start(year_2075));
    let (_, client) = block_on(shake(&front, &client, "a.example"));
    assert!(refused_for(client).to_string().contains("expired"));
}

#[test]
fn later_handshakes_are_resumed() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let client = TlsClient::new(Some(&authority.ca()), None, &clock());
    block_on(async {
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (server, client) = shake(&front, &client, "a.example").await;
            let (mut server, mut client) = (server.unwrap(), client.unwrap());
            assert_eq!(common(&server).handshake_kind(), Some(expected));
            write_all(&mut server, b"x", &mut patient_meter()).await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
        }
    });
}

#[test]
fn a_client_that_speaks_only_http2_is_refused() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let (server_end, client_end) = pair();
    let config = raw_client_config(&authority, &[b"h2"]);
    let client = std::thread::spawn(move || {
        let mut client_end = client_end;
        let mut session = raw_client(config);
        session.complete_io(&mut client_end).map(|_| ())
    });
    let accepted = block_on(front.accept(server_end, door(), PATIENCE));
    assert_eq!(refused_for(accepted), rustls::Error::NoApplicationProtocol);
    assert!(client.join().unwrap().is_err());
}

#[test]
fn a_silent_client_does_not_hold_a_handshake_open() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let (server_end, _client) = pair();
    let accepted = block_on(front.accept(server_end, door(), Duration::from_millis(5)));
    assert!(matches!(accepted, Err(HandshakeError::TimedOut)));
}

#[test]
fn a_broken_certificate_costs_only_itself_and_is_taken_up_when_mended() {
    let authority = Authority::new();
    let good = authority.issue("good.example");
    let missing = authority.section("missing.example");
    let mut mismatched = authority.issue("mixed.example");
    mismatched.key = good.key.clone();
    let garbage = authority.section("garbage.example");
    std::fs::write(&garbage.certificate, "not a certificate").unwrap();
    std::fs::write(&garbage.key, "not a key").unwrap();
    let (front, problems) = front(&[missing.clone(), good, mismatched, garbage]);
    let named: Vec<&str> = problems.iter().map(|problem| problem.section.as_str()).collect();
    assert_eq!(named, ["missing.example", "mixed.example", "garbage.example"]);
    assert!(problems[0].to_string().contains("missing.example.pem"), "{}", problems[0]);
    assert_eq!(front.problems(), problems);
    assert_eq!(front.reload_if_changed(), (false, Vec::new()), "what did not change is not reported again");
    let client = TlsClient::new(Some(&authority.ca()), None, &clock());
    block_on(async {
        assert!(shake(&front, &client, "good.example").await.1.is_ok());
        assert!(shake(&front, &client, "missing.example").await.1.is_err());
        authority.issue("missing.example");
        assert_eq!(front.reload_if_changed(), (true, Vec::new()));
        assert!(shake(&front, &client, "missing.example").await.1.is_ok());
        assert_eq!(front.problems().len(), 2);
        std::fs::write(&missing.certificate, "half a cert").unwrap();
        assert_eq!(front.reload_if_changed().1.len(), 1);
        assert!(shake(&front, &client, "missing.example").await.1.is_ok(), "the one in use stays in use");
    });
}

#[test]
fn without_a_certificate_handshakes_are_refused_at_once() {
    let authority = Authority::new();
    let (front, problems) = front(&[authority.section("a.example")]);
    assert_eq!(problems.len(), 1);
    let (server_end, _client) = pair();
    let accepted = block_on(front.accept(server_end, door(), PATIENCE));
    assert!(matches!(accepted, Err(HandshakeError::NoCertificate)));
}

#[test]
fn unusable_authorities_are_named_and_read_again() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let path = authority.folder.path("later.pem");
    let client = TlsClient::new(Some(&path), None, &clock());
    block_on(async {
        let Err(HandshakeError::Local(problem)) = shake(&front, &client, "a.example").await.1 else {
            panic!("connected");
        };
        assert!(problem.to_string().contains("later.pem"));
        std::fs::copy(authority.ca(), &path).unwrap();
        assert!(shake(&front, &client, "a.example").await.1.is_ok());
    });
}

#[test]
fn large_answers_and_files_arrive_whole() {
    let authority = Authority::new();
    let path = authority.folder.path("file");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7).to_le_bytes()[0]).collect();
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    block_on(async {
        let (mut server, mut client) = tls_pair(&authority).await;
        let mut meter = patient_meter();
        let sending = async {
            write_all(&mut server, &bytes, &mut meter).await.unwrap();
            send_file(&mut server, &file, 10, 2_999_990, &mut meter).await.unwrap();
        };
        let mut got = vec![0; 5_999_990];
        smol::future::zip(sending, client.read_exact(&mut got)).await.1.unwrap();
        assert!(got == [&bytes[..], &bytes[10..]].concat());
    });
}

#[test]
fn nothing_is_left_behind_in_tls() {
    let authority = Authority::new();
    block_on(async {
        let (mut server, mut client) = tls_pair(&authority).await;
        // The kernel takes less than is written, TLS would take all of it.
        set_socket_send_buffer_size(server.socket(), 4 << 10).unwrap();
        set_socket_recv_buffer_size(client.socket(), 4 << 10).unwrap();
        let mut meter = patient_meter();
        let bytes = vec![7; 50 << 10];
        let mut got = vec![0; bytes.len()];
        let both = smol::future::zip(write_all(&mut server, &bytes, &mut meter), client.read_exact(&mut got));
        within(PATIENCE, both).await.unwrap().0.unwrap();
        assert!(got == bytes);
    });
}

#[test]
fn a_reader_that_stops_is_too_slow_however_much_tls_would_take() {
    let authority = Authority::new();
    block_on(async {
        let (mut server, _client) = tls_pair(&authority).await;
        let rule = Progress { bytes: Size::kib(1), span: Duration::from_millis(50) };
        let written = write_all(&mut server, &vec![0; 32 << 20], &mut Meter::new(rule)).await;
        assert!(matches!(written, Err(WriteError::TooSlow)));
    });
}

#[test]
fn decrypted_bytes_are_not_forgotten_by_readable_or_the_pool() {
    let authority = Authority::new();
    block_on(async {
        let (mut server, mut client) = tls_pair(&authority).await;
        write_all(&mut client, b"ab", &mut patient_meter()).await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        assert!(!server.is_quiet());
        server.readable().await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        assert!(server.is_quiet());
    });
}

/// The end of a body that is framed by the end of the connection, read through TLS.
async fn body_until_close(server: &mut Stream) -> Result<Vec<u8>, BodyError> {
    let mut body = BodyReader::new(BodyFraming::UntilClose);
    let (mut buffer, mut meter, mut all) = (Buffer::new(), patient_meter(), Vec::new());
    while body.advance(server, &mut buffer, &mut meter).await? {
        all.extend_from_slice(body.piece(&buffer));
    }
    Ok(all)
}

#[test]
fn only_close_notify_ends_a_body_in_order() {
    let authority = Authority::new();
    block_on(async {
        let (mut server, mut client) = tls_pair(&authority).await;
        write_all(&mut client, b"whole", &mut patient_meter()).await.unwrap();
        let reading = body_until_close(&mut server);
        let (body, ()) = smol::future::zip(reading, close_gently(client, Duration::from_millis(5))).await;
        assert_eq!(body.unwrap(), b"whole");

        let (mut server, mut client) = tls_pair(&authority).await;
        write_all(&mut client, b"cut", &mut patient_meter()).await.unwrap();
        // With something unread the socket would be reset; it is to end without a word.
        write_all(&mut server, b"x", &mut patient_meter()).await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        drop(client);
        assert!(matches!(body_until_close(&mut server).await, Err(BodyError::Truncated)));
    });
}

#[test]
fn a_half_closed_side_may_still_be_written_to() {
    let authority = Authority::new();
    block_on(async {
        let (mut server, mut client) = tls_pair(&authority).await;
        client.close().await.unwrap();
        let mut buffer = Buffer::new();
        assert_eq!(buffer.fill(&mut server, 4096).await.unwrap(), Filled::End);
        write_all(&mut server, b"answer", &mut patient_meter()).await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
    });
}

#[test]
fn tls_1_2_is_still_spoken() {
    let authority = Authority::new();
    let (front, _) = front(&[authority.issue("a.example")]);
    let (server_end, mut client_end) = pair();
    let mut config = (*raw_client_config(&authority, &[b"http/1.1"])).clone();
    let provider = Arc::clone(config.crypto_provider());
    config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(raw_roots(&authority))
        .with_no_client_auth();
    let client = std::thread::spawn(move || {
        let mut session = raw_client(Arc::new(config));
        let mut stream = rustls::Stream::new(&mut session, &mut client_end);
        stream.write_all(b"hello").unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).unwrap();
        (echo, session.protocol_version())
    });
    block_on(async {
        let mut server = front.accept(server_end, door(), PATIENCE).await.unwrap();
        let mut hello = [0; 5];
        server.read_exact(&mut hello).await.unwrap();
        write_all(&mut server, &hello, &mut patient_meter()).await.unwrap();
    });
    assert_eq!(client.join().unwrap(), (*b"hello", Some(rustls::ProtocolVersion::TLSv1_2)));
}

#[test]
fn a_cpu_without_aes_prefers_chacha20() {
    let first = format!("{:?}", suites::provider().cipher_suites[0].suite());
    assert_eq!(first.contains("CHACHA20"), !suites::cpu_has_aes(), "{first}");
}

fn raw_roots(authority: &Authority) -> rustls::RootCertStore {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca()).unwrap()).unwrap();
    roots
}

fn raw_client_config(authority: &Authority, protocols: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    let mut config = rustls::ClientConfig::builder_with_provider(suites::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(raw_roots(authority))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

fn raw_client(config: Arc<rustls::ClientConfig>) -> rustls::ClientConnection {
    rustls::ClientConnection::new(config, ServerName::try_from("a.example").unwrap()).unwrap()
}
