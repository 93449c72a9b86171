//! Certificates of clients, from chains that openssl made.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SupportedProtocolVersion};

use super::pki::{Pki, Usage};
use super::*;
use crate::base::Wall;
use crate::config::{ClientCertificate, TlsConfig};
use crate::net::testing::{Authority, PATIENCE, block_on, pair, patient_meter};
use crate::net::{Clock, Stream, write_all};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn door() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

/// A listener that asks clients for certificates, and those who come.
struct Stage {
    pki: Pki,
    board: Authority,
    section: TlsConfig,
}

impl Stage {
    /// With the authority `root`.
    fn new(client: ClientCertificate) -> Option<Stage> {
        let pki = Pki::new()?;
        let board = Authority::new();
        let section = TlsConfig { listen: vec![door()], client, ..board.issue("board.example") };
        let mut stage = Stage { pki, board, section };
        stage.section.client_ca = Some(stage.pki.root("root"));
        Some(stage)
    }

    fn front(&self) -> Arc<TlsFront> {
        let (front, problems) =
            TlsFront::build(std::slice::from_ref(&self.section), &Clock::start(Wall::from_millis(0)));
        assert_eq!(problems, []);
        front
    }

    fn nobody(&self, version: &'static SupportedProtocolVersion) -> ClientConfig {
        self.builder(version).with_no_client_auth()
    }

    fn client(&self, name: &str, version: &'static SupportedProtocolVersion) -> ClientConfig {
        let chain = CertificateDer::pem_file_iter(self.pki.path(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.pki.path(&format!("{name}.key"))).unwrap();
        self.builder(version).with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
    }

    fn builder(
        &self,
        version: &'static SupportedProtocolVersion,
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.board.ca()).unwrap()).unwrap();
        ClientConfig::builder_with_provider(suites::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
    }

    fn der(&self, name: &str) -> Vec<u8> {
        CertificateDer::from_pem_file(self.pki.path(&format!("{name}.pem"))).unwrap().to_vec()
    }
}

/// What a client learned of a handshake and a word there and back.
struct Told {
    kind: Option<HandshakeKind>,
    heard: bool,
}

/// A client comes to the front; gives what each side made of it.
fn come(front: &TlsFront, config: &Arc<ClientConfig>) -> (Result<Stream, HandshakeError>, Told) {
    let (server_end, mut client_end) = pair();
    let mut session =
        ClientConnection::new(Arc::clone(config), ServerName::try_from("board.example").unwrap()).unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = rustls::Stream::new(&mut session, &mut client_end);
        let heard = stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).is_ok();
        Told { kind: session.handshake_kind(), heard }
    });
    let accepted = block_on(async {
        let mut stream = front.accept(server_end, door(), PATIENCE).await?;
        write_all(&mut stream, b"y", &mut patient_meter()).await.unwrap();
        Ok(stream)
    });
    let accepted = match accepted {
        Ok(stream) => {
            let told = client.join().unwrap();
            return (Ok(stream), told);
        }
        Err(error) => Err(error),
    };
    (accepted, client.join().unwrap())
}

fn refusal(accepted: Result<Stream, HandshakeError>) -> String {
    match accepted {
        Err(error) => error.to_string(),
        Ok(_) => panic!("let in"),
    }
}

#[test]
fn who_is_let_in_and_who_is_not() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    let pki = &stage.pki;
    pki.root("foreign");
    pki.issue("root", "middle", Usage::Authority);
    for (authority, name) in [("root", "good"), ("root", "revoked"), ("foreign", "stranger")] {
        pki.issue(authority, name, Usage::Client);
    }
    for name in ["below", "unlinked", "taken-back"] {
        pki.issue("middle", name, Usage::Client);
    }
    pki.append("below", "middle");
    pki.append("taken-back", "middle");
    pki.issue("root", "server", Usage::Server);
    pki.issue_between("root", "old", Usage::Client, "20200101000000Z", "20210101000000Z");
    pki.issue_between("root", "young", Usage::Client, "20650101000000Z", "20700101000000Z");
    pki.self_signed("alone", "client");
    pki.revoke("root", "revoked");
    pki.revoke("middle", "taken-back");
    pki.list("root");
    pki.list("middle");
    stage.section.client_crl = Some(pki.write("all.crl", &(pki.read("root.crl") + &pki.read("middle.crl"))));
    for wish in [ClientCertificate::Required, ClientCertificate::Optional] {
        stage.section.client = wish;
        let front = stage.front();
        for version in VERSIONS {
            for (name, authorities) in [("good", 0), ("below", 1)] {
                let (accepted, told) = come(&front, &Arc::new(stage.client(name, version)));
                let stream = accepted.unwrap_or_else(|error| panic!("{name} {version:?}: {error}"));
                let shown = stream.peer_certificate().expect("a certificate");
                assert!(told.heard && *shown.der == *stage.der(name), "{name} {version:?}");
                assert_eq!(shown.chain.len(), authorities, "{name}");
            }
            for (name, reason) in [
                ("revoked", "Revoked"),
                ("taken-back", "Revoked"),
                ("old", "expired"),
                ("young", "not valid yet"),
                ("server", "key usage for client"),
                ("stranger", "UnknownIssuer"),
                ("unlinked", "UnknownIssuer"),
                ("alone", "UnknownIssuer"),
            ] {
                let (accepted, told) = come(&front, &Arc::new(stage.client(name, version)));
                let refusal = refusal(accepted);
                assert!(refusal.contains(reason) && !told.heard, "{name} {version:?} {wish:?}: {refusal}");
            }
            let (accepted, told) = come(&front, &Arc::new(stage.nobody(version)));
            match wish {
                ClientCertificate::Optional => assert!(accepted.unwrap().peer_certificate().is_none() && told.heard),
                ClientCertificate::Required | ClientCertificate::Off => {
                    assert_eq!(refusal(accepted), "peer sent no certificates");
                }
            }
        }
    }
}

#[test]
fn nobody_is_asked_where_the_section_does_not_say_so() {
    let Some(mut stage) = Stage::new(ClientCertificate::Off) else { return };
    stage.pki.issue("root", "good", Usage::Client);
    for ca in [stage.section.client_ca.clone(), None] {
        stage.section.client_ca = ca;
        let (accepted, told) = come(&stage.front(), &Arc::new(stage.client("good", &TLS13)));
        assert!(accepted.unwrap().peer_certificate().is_none() && told.heard);
    }
}

#[test]
fn a_new_revocation_list_is_taken_up_and_ends_sessions() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.pki.issue("root", "other", Usage::Client);
    stage.section.client_crl = Some(stage.pki.list("root"));
    let front = stage.front();
    for version in VERSIONS {
        let tablet = Arc::new(stage.client("tablet", version));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (accepted, told) = come(&front, &tablet);
            assert_eq!(told.kind, Some(expected), "{version:?}");
            assert!(*accepted.unwrap().peer_certificate().expect("kept in the ticket").der == *stage.der("tablet"));
        }
    }
    assert_eq!(front.reload_if_changed(), (false, Vec::new()));
    let (tablets, other): (Vec<_>, _) =
        (VERSIONS.map(|version| Arc::new(stage.client("tablet", version))).into(), stage.client("other", &TLS13));
    tablets.iter().for_each(|tablet| assert!(come(&front, tablet).0.is_ok()));
    let connected = come(&front, &tablets[1]).0.unwrap();
    let (before, shown) = (front.generation(), connected.peer_certificate().unwrap());
    assert!(front.still_takes(door(), shown));
    stage.pki.revoke("root", "tablet");
    stage.pki.list("root");
    assert_eq!(front.reload_if_changed(), (true, Vec::new()));
    assert!(front.generation() != before && !front.still_takes(door(), shown));
    for tablet in &tablets {
        let (accepted, told) = come(&front, tablet);
        assert!(refusal(accepted).contains("Revoked") && !told.heard, "{:?}", told.kind);
    }
    assert!(come(&front, &Arc::new(other)).0.is_ok());
}

#[test]
fn a_resumed_session_is_judged_again_by_itself() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.section.client_crl = Some(stage.pki.list("root"));
    let front = stage.front();
    for version in VERSIONS {
        let tablet = Arc::new(stage.client("tablet", version));
        assert_eq!(come(&front, &tablet).1.kind, Some(HandshakeKind::Full));
        let (accepted, told) = come(&front, &tablet);
        assert!(accepted.is_ok() && told.kind == Some(HandshakeKind::Resumed));
        // As if the certificate had gone bad without any file having changed: the ticket still opens.
        stage.pki.root("other");
        let other =
            TlsConfig { client_ca: Some(stage.pki.path("other.pem")), client_crl: None, ..stage.section.clone() };
        let judge = clients::Trust::load(&other, &suites::provider()).unwrap();
        let before = front.judge_by(door(), &judge);
        let (accepted, told) = come(&front, &tablet);
        assert!(refusal(accepted).contains("UnknownIssuer"), "{version:?}");
        assert!(told.kind == Some(HandshakeKind::Resumed) && !told.heard, "{version:?}");
        front.judge_as_before(door(), before);
    }
}

#[test]
fn every_list_of_an_authority_counts() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    for name in ["one", "two", "three"] {
        stage.pki.issue("root", name, Usage::Client);
    }
    stage.pki.revoke("root", "one");
    stage.pki.list("root");
    let first = stage.pki.read("root.crl");
    stage.pki.revoke("root", "two");
    stage.pki.list("root");
    let second = stage.pki.read("root.crl");
    for lists in [first.clone() + &second, second + &first] {
        stage.section.client_crl = Some(stage.pki.write("both.crl", &lists));
        let front = stage.front();
        assert!(refusal(come(&front, &Arc::new(stage.client("one", &TLS13))).0).contains("Revoked"));
        assert!(refusal(come(&front, &Arc::new(stage.client("two", &TLS13))).0).contains("Revoked"));
        assert!(come(&front, &Arc::new(stage.client("three", &TLS13))).0.is_ok());
        assert!(refusal(come(&front, &Arc::new(stage.nobody(&TLS13))).0).contains("no certificates"));
    }
}

#[test]
fn a_list_may_be_in_der() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.issue("root", "tablet", Usage::Client);
    stage.pki.revoke("root", "tablet");
    let pem = stage.pki.list("root");
    let der = rustls::pki_types::CertificateRevocationListDer::from_pem_file(pem).unwrap();
    let path = stage.pki.path("der.crl");
    std::fs::write(&path, &der).unwrap();
    stage.section.client_crl = Some(path);
    assert!(refusal(come(&stage.front(), &Arc::new(stage.client("tablet", &TLS12))).0).contains("Revoked"));
}

#[test]
fn a_list_of_the_first_version_is_named_as_such() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.write("openssl.cnf", &stage.pki.read("openssl.cnf").replace("crlnumber", "# crlnumber"));
    stage.section.client_crl = Some(stage.pki.list("root"));
    let problems = TlsFront::build(std::slice::from_ref(&stage.section), &Clock::start(Wall::from_millis(0))).1;
    assert!(problems[0].to_string().contains("version 2"), "{problems:?}");
}

#[test]
fn without_authorities_nobody_is_known() {
    let Some(mut stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.issue("root", "good", Usage::Client);
    let good = Arc::new(stage.client("good", &TLS13));
    stage.pki.write("broken", "not a certificate");
    let half = stage.pki.read("root.pem");
    stage.pki.write("half", &half[..half.len() / 2]);
    let root = stage.section.client_ca.clone();
    for (ca, crl, word) in [
        (Some("missing"), None, "missing"),
        (Some("broken"), None, "holds no certificate"),
        (Some("half"), None, "half"),
        (None, None, "is not set"),
        (Some("root.pem"), Some("missing.crl"), "missing.crl"),
        (Some("root.pem"), Some("broken"), "no revocation list"),
        (Some("root.pem"), Some("root.pem"), "no revocation list"),
    ] {
        let path = |name: &str| stage.pki.path(name);
        let broken = TlsConfig { client_ca: ca.map(path), client_crl: crl.map(path), ..stage.section.clone() };
        for (client, outcome) in [
            (ClientCertificate::Required, "nobody is let in"),
            (ClientCertificate::Optional, "nobody is known by a certificate"),
        ] {
            let section = TlsConfig { client, ..broken.clone() };
            let (front, problems) = TlsFront::build(&[section], &Clock::start(Wall::from_millis(0)));
            let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(said.contains(word) && said.contains(outcome), "{said}");
            assert_eq!(front.problems(), problems);
            let (accepted, _) = come(&front, &good);
            match client {
                ClientCertificate::Optional => assert!(accepted.unwrap().peer_certificate().is_none()),
                ClientCertificate::Required | ClientCertificate::Off => {
                    assert!(matches!(accepted, Err(HandshakeError::NoAuthorities)), "{word}");
                }
            }
        }
    }
    stage.section.client_ca = Some(stage.pki.path("later.pem"));
    let (front, problems) = TlsFront::build(std::slice::from_ref(&stage.section), &Clock::start(Wall::from_millis(0)));
    assert_eq!(problems.len(), 1);
    assert_eq!(front.reload_if_changed(), (false, Vec::new()), "what did not change is not told again");
    std::fs::copy(root.unwrap(), stage.pki.path("later.pem")).unwrap();
    assert_eq!(front.reload_if_changed(), (true, Vec::new()));
    assert!(front.problems().is_empty());
    assert!(come(&front, &good).0.unwrap().peer_certificate().is_some());
    stage.pki.write("later.pem", "broken again");
    let problems = front.reload_if_changed().1;
    assert!(problems[0].to_string().contains("what was read before stays in use"), "{}", problems[0]);
    assert!(come(&front, &good).0.unwrap().peer_certificate().is_some());
}

#[test]
fn sections_at_one_address_ask_for_the_strictest_and_take_what_any_takes() {
    let Some(stage) = Stage::new(ClientCertificate::Required) else { return };
    let second = stage.pki.root("second");
    stage.pki.issue("root", "one", Usage::Client);
    stage.pki.issue("second", "two", Usage::Client);
    let clinic =
        TlsConfig { client_ca: Some(second), client: ClientCertificate::Optional, ..stage.board.issue("c.example") };
    let open = stage.board.issue("open.example");
    let clock = Clock::start(Wall::from_millis(0));
    let (front, problems) = TlsFront::build(&[open, clinic.clone(), stage.section.clone()], &clock);
    assert_eq!(problems, []);
    for name in ["one", "two"] {
        assert!(come(&front, &Arc::new(stage.client(name, &TLS13))).0.is_ok(), "{name}");
    }
    assert!(come(&front, &Arc::new(stage.nobody(&TLS13))).0.is_err());
    let plain = TlsConfig { client: ClientCertificate::Off, client_ca: None, ..stage.section.clone() };
    let (front, _) = TlsFront::build(&[plain, clinic], &clock);
    assert!(come(&front, &Arc::new(stage.nobody(&TLS13))).0.unwrap().peer_certificate().is_none());
    assert!(come(&front, &Arc::new(stage.client("two", &TLS13))).0.unwrap().peer_certificate().is_some());
    assert!(come(&front, &Arc::new(stage.client("one", &TLS13))).0.is_err());
}

#[test]
fn dates_are_judged_from_the_floor_of_the_clock() {
    let Some(stage) = Stage::new(ClientCertificate::Required) else { return };
    stage.pki.issue("root", "good", Usage::Client);
    let year_2075 = Clock::start(Wall::from_seconds(3_313_526_400));
    let (front, _) = TlsFront::build(std::slice::from_ref(&stage.section), &year_2075);
    let refused = refusal(come(&front, &Arc::new(stage.client("good", &TLS13))).0);
    assert!(refused.contains("expired"), "{refused}");
}
