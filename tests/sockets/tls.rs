//! TLS before the gateway and behind it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::{Authority, Client, End, Folder, Origin, Setup, free_port, loopback, until};

/// Adds a `[tls NAME]` section with a certificate for these names.
fn offer(setup: &mut Setup, authority: &Authority, name: &str, address: SocketAddr, names: &[&str]) -> String {
    let (certificate, key) = authority.issue(&setup.folder, name, names);
    let section = format!("tls {name}");
    setup.set(&section, "listen", &address.to_string());
    setup.set(&section, "certificate", &certificate).set(&section, "key", &key);
    certificate
}

fn first_of(file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}

#[test]
fn each_name_gets_its_certificate_and_strangers_the_first() {
    let (origin, authority) = (Origin::plain(), Authority::new());
    let mut setup = Setup::before(&origin);
    let address = loopback(free_port());
    let first = offer(&mut setup, &authority, "one", address, &["one.test"]);
    let second = offer(&mut setup, &authority, "two", address, &["two.test", "*.two.test"]);
    let _gateway = setup.start();
    for (name, file) in [("one.test", &first), ("two.test", &second), ("deep.two.test", &second)] {
        let secure = authority.connect(address, name, &[&TLS13]).expect(name);
        assert_eq!(secure.certificate(), first_of(file), "{name}");
        assert_eq!(secure.protocol(), Some(&b"http/1.1"[..]));
        assert!(secure.ask("/x").ends_with("/x"));
    }
    let error = authority.connect(address, "stranger.test", &[&TLS13]).err().expect("a name that is not in the first");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let (origin, authority) = (Origin::plain(), Authority::new());
    let mut setup = Setup::before(&origin);
    let address = loopback(free_port());
    offer(&mut setup, &authority, "one", address, &["one.test"]);
    let _gateway = setup.start();
    for version in [&TLS12, &TLS13] {
        let secure = authority.connect(address, "one.test", &[version]).expect("a handshake");
        assert!(secure.ask("/x").ends_with("/x"), "{version:?}");
    }
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart() {
    let (origin, authority) = (Origin::plain(), Authority::new());
    let mut setup = Setup::before(&origin);
    let address = loopback(free_port());
    let file = offer(&mut setup, &authority, "one", address, &["one.test"]);
    let _gateway = setup.start();
    let old = first_of(&file);
    let served = || authority.connect(address, "one.test", &[&TLS13]).expect("a handshake").certificate();
    assert_eq!(served(), old);
    authority.issue(&setup.folder, "one", &["one.test"]);
    let new = first_of(&file);
    assert_ne!(new, old);
    until("the new certificate", || served() == new);
}

#[test]
fn a_broken_certificate_costs_its_own_section_only() {
    let (origin, authority) = (Origin::plain(), Authority::new());
    let mut setup = Setup::before(&origin);
    let (good, bad) = (loopback(free_port()), loopback(free_port()));
    offer(&mut setup, &authority, "bad", bad, &["bad.test"]);
    setup.folder.write("bad.pem", "not a certificate");
    offer(&mut setup, &authority, "good", good, &["good.test"]);
    let gateway = setup.start();
    assert_eq!(gateway.get("/x").text(), "/x");
    assert!(authority.connect(good, "good.test", &[&TLS13]).expect("a handshake").ask("/x").ends_with("/x"));
    assert!(authority.connect(bad, "bad.test", &[&TLS13]).is_err());
    let status = Client::connect(gateway.admin).get("/status.json").text();
    assert!(status.contains("bad"), "{status}");
}

#[test]
fn strangers_at_the_tls_port_harm_nobody() {
    let (origin, authority) = (Origin::plain(), Authority::new());
    let mut setup = Setup::before(&origin);
    setup.set("timeouts", "handshake", "1 s");
    let address = loopback(free_port());
    offer(&mut setup, &authority, "one", address, &["one.test"]);
    let _gateway = setup.start();
    let mut plain = Client::connect(address);
    plain.send("GET / HTTP/1.1\r\nHost: board\r\n\r\n");
    let said = plain.rest();
    assert!(!said.starts_with(b"HTTP/1.1 200"));
    let mut silent = Client::connect(address);
    assert!(silent.is_closed(), "a handshake that does not begin has an end");
    assert!(authority.connect(address, "one.test", &[&TLS13]).expect("a handshake").ask("/x").ends_with("/x"));
}

/// A TLS origin that answers every connection's first request with these bytes, and says goodbye or does not.
fn secure_origin(authority: &Authority, folder: &Folder, answer: &'static [u8], goodbye: bool) -> u16 {
    let (certificate, key) = authority.issue(folder, "origin", &["origin.test"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = builder.with_no_client_auth().with_single_cert(vec![first_of(&certificate)], key).expect("a pair");
    let config = Arc::new(config);
    let listener = TcpListener::bind(loopback(0)).expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            std::thread::spawn(move || {
                let mut stream = StreamOwned::new(connection, socket);
                let (mut head, mut space) = (Vec::new(), [0; 4096]);
                while crate::harness::find(&head, b"\r\n\r\n").is_none() {
                    match stream.read(&mut space) {
                        Ok(length) if length > 0 => head.extend_from_slice(&space[..length]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(answer);
                if goodbye {
                    stream.conn.send_close_notify();
                }
                let _ = stream.flush();
            });
        }
    });
    port
}

#[test]
fn an_answer_that_ends_without_goodbye_is_cut_short() {
    let authority = Authority::new();
    let folder = Folder::new();
    let ca = authority.file(&folder);
    for (goodbye, end) in [(true, End::Chunks), (false, End::Cut)] {
        let answer = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n\r\nhello";
        let port = secure_origin(&authority, &folder, answer, goodbye);
        let mut setup = Setup::new();
        let upstream =
            format!("upstream = https://127.0.0.1:{port}\nupstream.ca = {ca}\nupstream.verify = origin.test");
        setup.route("all", &format!("path = /\n{upstream}"));
        let gateway = setup.start();
        let response = gateway.get("/x");
        assert!(
            // Where all of it had come before the head left, its length is told.
            response.end == end || (response.end == End::Length && goodbye) || (response.status == 502 && !goodbye),
            "{goodbye}: {:?} {}",
            response.end,
            response.head
        );
        assert_eq!(gateway.get("/x").is_hit(), goodbye);
    }
}
