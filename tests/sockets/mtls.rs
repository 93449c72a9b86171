//! Clients that show a certificate, and users with a password: what they may do, and what the upstream hears of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::harness::pki::{Pki, Usage};
use crate::harness::{Authority, Folder, Gateway, Origin, PATIENCE, Setup, free_port, hafir, loopback, until};

const HASH_OF_SECRET: &str = "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0c2FsdA$Pqyd2uPIScWOoABvwIJnwdZ4KP/0n+Hv9aYYqyODRqU";

/// A board with a listener that knows the clients of `root`.
struct Stage {
    pki: Pki,
    board: String,
    address: SocketAddr,
    setup: Setup,
}

impl Stage {
    fn new(origin: &Origin, client: &str) -> Option<Stage> {
        let pki = Pki::new()?;
        let (authority, address) = (Authority::new(), loopback(free_port()));
        let mut setup = Setup::before(origin);
        let (certificate, key) = authority.issue(&setup.folder, "board", &["board.test"]);
        let board = authority.file(&setup.folder);
        setup
            .set("tls", "listen", &address.to_string())
            .set("tls", "certificate", &certificate)
            .set("tls", "key", &key);
        setup.set("tls", "client", client).set("tls", "client.ca", &pki.root("root").display().to_string());
        setup.set("tls", "client.crl", &pki.list("root").display().to_string());
        Some(Stage { pki, board, address, setup })
    }

    fn config(&self, name: Option<&str>, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.board).expect("an authority")).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).expect("a version");
        let builder = builder.with_root_certificates(roots);
        Arc::new(match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::pem_file_iter(self.pki.path(&format!("{name}.pem"))).expect("a file");
                let key = PrivateKeyDer::from_pem_file(self.pki.path(&format!("{name}.key"))).expect("a key");
                let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
                builder.with_client_auth_cert(chain, key).expect("a certificate and its key")
            }
        })
    }

    fn connect(&self, config: &Arc<ClientConfig>) -> Visitor {
        let mut socket = None;
        until("the TLS listener", || {
            socket = TcpStream::connect(self.address).ok();
            socket.is_some()
        });
        let socket = socket.expect("connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let name = ServerName::try_from("board.test").expect("a name");
        Visitor(StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), socket))
    }

    /// One request on a connection of its own: the answer, or why there is none.
    fn ask(&self, name: Option<&str>, target: &str, fields: &str) -> std::io::Result<String> {
        self.connect(&self.config(name, &TLS13)).ask(target, fields)
    }

    fn status(&self, name: Option<&str>, target: &str) -> String {
        let answer = self.ask(name, target, "").unwrap_or_else(|error| panic!("{name:?} {target}: {error}"));
        answer.get(9..12).unwrap_or("").to_owned()
    }
}

struct Visitor(StreamOwned<ClientConnection, TcpStream>);

impl Visitor {
    /// The head of the answer; whatever body it has must be told by its length.
    fn ask(&mut self, target: &str, fields: &str) -> std::io::Result<String> {
        self.0.write_all(format!("GET {target} HTTP/1.1\r\nHost: board\r\n{fields}\r\n").as_bytes())?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length =
            head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        Ok(head)
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = char::from(alphabet[(bits >> (18 - 6 * place) & 63) as usize]);
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{user}:{password}").as_bytes()))
}

#[test]
fn a_certificate_opens_routes_and_the_upstream_hears_whose_it_is() {
    let origin = Origin::plain();
    let Some(mut stage) = Stage::new(&origin, "optional") else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.pki.issue("root", "office", Usage::Client);
    let url = origin.url();
    stage.setup.route(
        "records",
        &format!(
            "path = /records/\nupstream = {url}\nauth = mtls\nmtls.name = tablet.clinic.example\nmtls.forward = on\n\
             tell.X-Who = id\ntell.X-Mail = claim.email"
        ),
    );
    let _gateway = stage.setup.start();
    let forged =
        "Client-Cert: :AAAA:\r\nclient-cert-chain: :AAAA:\r\nClient_Cert: :AAAA:\r\nX-Who: root\r\nX_Mail: root\r\n";
    let answer = stage.ask(Some("tablet"), "/records/1", forged).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = origin.last();
    let shown = CertificateDer::from_pem_file(stage.pki.path("tablet.pem")).expect("a certificate");
    assert_eq!(seen.all("client-cert"), [format!(":{}:", base64(&shown))]);
    assert_eq!(seen.field("x-who"), Some("certificate/dns:tablet.clinic.example"));
    assert_eq!(seen.field("x-mail"), Some("tablet@clinic.example"));
    assert!(!seen.head.contains("AAAA") && !seen.head.contains("root"), "{}", seen.head);
    let before = origin.count();
    assert_eq!(stage.status(Some("office"), "/records/2"), "403");
    // There is no challenge that asks for a certificate (RFC 9110 §11.6.1).
    assert_eq!(stage.status(None, "/records/2"), "403");
    assert_eq!(origin.count(), before, "nothing went upstream");
    assert_eq!(stage.status(None, "/open"), "200");
}

#[test]
fn certificates_that_clients_only_claim_never_go_upstream() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "trusted_proxies", "127.0.0.1");
    let gateway = setup.start();
    gateway.get_with("/x", "Client-Cert: :AAAA:\r\nCLIENT_CERT: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\n");
    assert!(!origin.last().head.to_lowercase().contains("cert"), "{}", origin.last().head);
}

#[test]
fn a_listener_that_needs_certificates_lets_only_good_ones_in() {
    let origin = Origin::plain();
    let Some(mut stage) = Stage::new(&origin, "required") else { return };
    stage.pki.root("foreign");
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.pki.issue("foreign", "stranger", Usage::Client);
    stage.pki.issue("root", "server", Usage::Server);
    stage.pki.issue("root", "district", Usage::Authority);
    for name in ["below", "unlinked"] {
        stage.pki.issue("district", name, Usage::Client);
    }
    stage.pki.append("below", "district");
    stage.pki.issue_between("root", "old", Usage::Client, "20200101000000Z", "20210101000000Z");
    let _gateway = stage.setup.start();
    for version in [&TLS12, &TLS13] {
        for name in ["tablet", "below"] {
            let config = stage.config(Some(name), version);
            for _ in 0..3 {
                assert!(stage.connect(&config).ask("/x", "").expect("an answer").starts_with("HTTP/1.1 200"));
            }
        }
        let before = origin.count();
        for name in [Some("stranger"), Some("server"), Some("old"), Some("unlinked"), None] {
            let config = stage.config(name, version);
            assert!(stage.connect(&config).ask("/x", "").is_err(), "{name:?} {version:?}");
        }
        assert_eq!(origin.count(), before);
    }
}

#[test]
fn a_revocation_holds_for_the_next_request_and_for_sessions() {
    let origin = Origin::plain();
    let Some(mut stage) = Stage::new(&origin, "required") else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.pki.issue("root", "other", Usage::Client);
    stage.setup.route("records", &format!("path = /records/\nupstream = {}\nauth = mtls", origin.url()));
    let _gateway = stage.setup.start();
    let tablets = [&TLS12, &TLS13].map(|version| stage.config(Some("tablet"), version));
    let mut open = stage.connect(&tablets[1]);
    assert!(open.ask("/records/", "").expect("an answer").starts_with("HTTP/1.1 200"));
    for tablet in &tablets {
        assert!(stage.connect(tablet).ask("/records/", "").is_ok());
    }
    stage.pki.revoke("root", "tablet");
    stage.pki.list("root");
    until("the refusal of a request", || !open.ask("/records/", "").expect("an answer").starts_with("HTTP/1.1 200"));
    for tablet in &tablets {
        assert!(stage.connect(tablet).ask("/records/", "").is_err(), "a session of before the revocation");
    }
    assert_eq!(stage.status(Some("other"), "/records/"), "200");
}

#[test]
fn without_its_authorities_a_listener_is_shut_and_says_so() {
    let origin = Origin::plain();
    let Some(mut stage) = Stage::new(&origin, "required") else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    let missing = stage.pki.path("later.pem");
    stage.setup.set("tls", "client.ca", &missing.display().to_string());
    let gateway = stage.setup.start();
    gateway.wait_until_said("nobody is let in");
    assert!(stage.ask(Some("tablet"), "/x", "").is_err() && stage.ask(None, "/x", "").is_err());
    assert_eq!(gateway.get("/x").status, 200, "the plain listener is open");
    std::fs::copy(stage.pki.path("root.pem"), &missing).expect("a copy");
    until("the listener to open", || stage.ask(Some("tablet"), "/x", "").is_ok());
    assert!(stage.ask(None, "/x", "").is_err());
}

fn with_mary(setup: &mut Setup, origin: &Origin, password: &str, more: &str) {
    setup.set("user mary", "password", password);
    setup.route("mine", &format!("path = /mine/\nupstream = {}\nauth = basic\ntell.X-Who = id\n{more}", origin.url()));
}

fn get(gateway: &Gateway, fields: &str) -> (u16, String) {
    let response = gateway.get_with("/mine/x", fields);
    (response.status, response.field("www-authenticate").unwrap_or("").to_owned())
}

#[test]
fn passwords_are_asked_for_and_judged() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    with_mary(&mut setup, &origin, HASH_OF_SECRET, "auth.plain_http = on");
    let gateway = setup.start();
    let (status, challenge) = get(&gateway, "");
    assert_eq!(status, 401);
    assert!(challenge.contains("Basic realm=\"mine\"") && challenge.contains("charset=\"UTF-8\""), "{challenge}");
    for _ in 0..2 {
        assert_eq!(get(&gateway, &basic("mary", "sécret ; x")).0, 200);
        for (user, password) in [("mary", "secret"), ("nobody", "sécret ; x"), ("", ""), ("Mary", "sécret ; x")] {
            assert_eq!(get(&gateway, &basic(user, password)).0, 401, "{user}");
        }
    }
    assert_eq!(get(&gateway, "Authorization: Basic !!\r\n").0, 401);
    let seen = origin.last();
    assert_eq!((seen.field("authorization"), seen.field("x-who")), (None, Some("user/mary")));
    assert_eq!(origin.count(), 2);
}

#[test]
fn passwords_are_not_taken_over_plain_http() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    with_mary(&mut setup, &origin, HASH_OF_SECRET, "");
    let gateway = setup.start();
    assert_ne!(get(&gateway, &basic("mary", "sécret ; x")).0, 200);
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_password_in_the_file_gives_way_to_its_hash_at_the_first_start() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    with_mary(&mut setup, &origin, "\"sécret ; x\" ; hers", "auth.plain_http = on");
    let before = setup.text();
    let gateway = setup.start();
    gateway.wait_until_said("gave way to their hashes: mary");
    let after = std::fs::read_to_string(&gateway.file).expect("the file");
    let hash = after.lines().find_map(|line| line.strip_prefix("password = ")).expect("a password");
    let hash = hash.strip_suffix(" ; hers").expect("the comment");
    assert!(hash.starts_with("$pbkdf2-sha256$i="), "{hash}");
    assert_eq!(after.replace(hash, "\"sécret ; x\""), before, "nothing else changed");
    assert_eq!(get(&gateway, &basic("mary", "sécret ; x")).0, 200);
    assert!(!gateway.said().contains("sécret"));
    let kept = std::fs::read_to_string(gateway.folder.join("state/last-good.ini")).expect("the last good file");
    assert!(!kept.contains("sécret") && kept.contains(hash));
}

#[test]
fn the_password_command_prints_a_line_for_the_file() {
    let folder = Folder::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_hafir"))
        .arg("password")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program");
    child.stdin.take().expect("a pipe").write_all("sécret ; x\n".as_bytes()).expect("a password");
    let output = child.wait_with_output().expect("its end");
    let line = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && line.starts_with("password = $pbkdf2-sha256$i=150000$"), "{line}");
    let file = folder.write("hafir.ini", format!("[user mary]\n{line}"));
    let check = hafir(&["check", &file.display().to_string()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
