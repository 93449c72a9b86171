//! What is said in a thousand exchanges, and where it is found afterwards: nowhere but where it belongs.
//!
//! Each word that is sowed begins with `sowed` and its kind; the files are searched for all kinds, as they are and as other
//! programs write them.

use std::fs;

use ring::signature::{Ed25519KeyPair, KeyPair};
use rustix::process::Signal;
use rustls::version::TLS13;

use crate::harness::{Answer, Authority, Client, Gateway, Origin, Setup, free_port, hafir, loopback};

const ROUNDS: usize = 32;
/// Requests in each round: 32 · 32 = 1,024.
const IN_A_ROUND: usize = 32;

/// The proxy in front of the gateway is believed, so that the client came over HTTPS.
const SECURE: &str = "X-Forwarded-Proto: https\r\n";

/// Kinds of words, and the places where each may be found: parts of paths below the board's folder.
const PLACES: &[(&str, &[&str])] = &[
    // Public: answers and their addresses are kept, and the access log shows queries here.
    ("PublicAnswer", &["cache/"]),
    ("PublicPath", &["cache/", "access.log"]),
    ("PublicQuery", &["cache/", "access.log"]),
    ("PublicReferer", &["access.log"]),
    ("PublicAgent", &["access.log"]),
    // Personal: the path, and who it was.
    ("PersonalPath", &["access.log"]),
    // Who it was.
    ("User", &["hafir.ini", "state/last-good.ini", "access.log", "state/audit/", "what it said"]),
    ("Subject", &["access.log", "state/audit/"]),
    ("KeyName", &["state/keys.journal", "state/keys.copy"]),
    // All others belong nowhere.
    ("Password", &[]),
    ("WrongPassword", &[]),
    ("WrongKey", &[]),
    ("WrongToken", &[]),
    ("Claim", &[]),
    ("Cookie", &[]),
    ("VarySecret", &[]),
    ("Sent", &[]),
    ("Refused", &[]),
    ("PersonalAnswer", &[]),
    ("PersonalQuery", &[]),
    ("PersonalReferer", &[]),
    ("PatientAnswer", &[]),
    ("PatientPath", &[]),
    ("PatientQuery", &[]),
    ("PatientReferer", &[]),
    ("PatientAgent", &[]),
    ("PatientHost", &[]),
    ("PatientId", &[]),
    ("PatientTrace", &[]),
    ("Malformed", &[]),
    ("TooLong", &[]),
];

fn sowed(kind: &str, number: usize) -> String {
    assert!(PLACES.iter().any(|(known, _)| *known == kind), "{kind}");
    format!("sowed{kind}Q{number:04}")
}

fn base64(bytes: &[u8], digits: [u8; 2]) -> String {
    let alphabet = [&b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[..], &digits].concat();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|at| text.push(char::from(alphabet[(bits >> (18 - 6 * at)) as usize & 63])));
    }
    text
}

fn base64url(bytes: &[u8]) -> String {
    base64(bytes, *b"-_")
}

fn basic(text: &str) -> String {
    let padding = "=".repeat((3 - text.len() % 3) % 3);
    format!("Authorization: Basic {}{padding}\r\n", base64(text.as_bytes(), *b"+/"))
}

/// A word as it is, percent-encoded, in hex, and in base64 wherever it begins in what was encoded.
fn forms(word: &str) -> Vec<String> {
    let bytes = |show: &dyn Fn(u8) -> String| word.bytes().map(show).collect::<String>();
    let mut forms = vec![
        word.to_owned(),
        bytes(&|byte| format!("%{byte:02X}")),
        bytes(&|byte| format!("%{byte:02x}")),
        bytes(&|byte| format!("{byte:02x}")),
    ];
    for digits in [*b"+/", *b"-_"] {
        for before in 0..3 {
            let whole = base64(&[vec![b'x'; before], word.as_bytes().to_vec()].concat(), digits);
            // Digits at both ends also hold bits of what stands beside the word.
            let first = [0, 2, 3][before];
            let last = whole.len() - usize::from(!(word.len() + before).is_multiple_of(3));
            forms.push(whole[first..last].to_owned());
        }
    }
    forms
}

/// A token as a provider signs it, with something in it that is nobody's business.
fn token(number: usize) -> String {
    let head = base64url(br#"{"alg":"EdDSA","kid":"k"}"#);
    let (subject, claim) = (sowed("Subject", number % 5), sowed("Claim", number));
    let claims =
        format!(r#"{{"iss":"https://id.test","aud":"board","sub":"{subject}","email":"{claim}","exp":4000000000}}"#);
    let signed = format!("{head}.{}", base64url(claims.as_bytes()));
    format!("{signed}.{}", base64url(pair().sign(signed.as_bytes()).as_ref()))
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

/// The last part of a word in the request's target or fields, so that each answer has a number of its own.
fn origin() -> Origin {
    Origin::new(|seen| {
        let target = seen.target();
        let number = target
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |sum, digit| (sum * 10 + usize::from(digit - b'0')) % 10_000);
        let public = sowed("PublicAnswer", number);
        match target.split('/').nth(1).unwrap_or_default() {
            "patient" => Answer::ok(&["Cache-Control: public, max-age=600"], sowed("PatientAnswer", number)),
            "personal" => Answer::ok(&["Cache-Control: private, max-age=600"], sowed("PersonalAnswer", number)),
            "vary" => {
                Answer::ok(&["Cache-Control: public, max-age=600", "Vary: Authorization, X-API-Key, Cookie"], public)
            }
            _ => Answer::ok(&["Cache-Control: public, max-age=600"], public),
        }
    })
}

struct Board {
    gateway: Gateway,
    authority: Authority,
    secure: std::net::SocketAddr,
    key: String,
}

impl Board {
    fn new(origin: &Origin, format: &str) -> Board {
        let (authority, secure) = (Authority::new(), loopback(free_port()));
        let mut setup = Setup::new();
        let (certificate, private) = authority.issue(&setup.folder, "board", &["board.test"]);
        let x = base64url(pair().public_key().as_ref());
        let keys = setup.folder.write(
            "keys.json",
            format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"{x}"}}]}}"#),
        );
        setup
            .folder
            .write("schema.json", r#"{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}"#);
        setup
            .set("gateway", "trusted_proxies", "127.0.0.1")
            .set("log", "format", format)
            .set("log", "query", "on")
            .set("log", "level", "debug")
            .set("tls", "listen", &secure.to_string())
            .set("tls", "certificate", &certificate)
            .set("tls", "key", &private)
            .set("jwt id", "issuer", "https://id.test")
            .set("jwt id", "audience", "board")
            .set("jwt id", "keys.file", &keys.display().to_string())
            .set(&format!("user {}", sowed("User", 0)), "password", &sowed("Password", 0));
        let url = origin.url();
        let mut route = |name: &str, terms: &str| {
            setup.route(name, &format!("path = /{name}\nupstream = {url}\n{terms}"));
        };
        route("public", "auth = key\nauth.query = key");
        route("open", "");
        route("vary", "");
        route("personal", "class = personal\nauth = jwt, basic, key");
        route("patient", "class = patient\nauth = key, jwt, basic\nlimit.body = 1 KB");
        route("checked", "auth = key\nschema.POST = schema.json");
        let gateway = setup.start();
        let made =
            hafir(&["key", "--config", &gateway.file.display().to_string(), "new", "--name", &sowed("KeyName", 0)]);
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let key = said.lines().find(|line| line.starts_with("hafir_")).unwrap_or_else(|| panic!("a key: {said}"));
        Board { gateway, authority, secure, key: key.trim().to_owned() }
    }

    fn basic(&self) -> String {
        basic(&format!("{}:{}", sowed("User", 0), sowed("Password", 0)))
    }

    /// One round of everything. Gives how many requests were answered with each status that was hoped for.
    #[allow(clippy::too_many_lines, reason = "one request after the other")]
    fn round(&self, round: usize) {
        let n = round * IN_A_ROUND;
        let key = &self.key;
        let bearer = format!("Authorization: Bearer {key}\r\n");
        let signed = format!("Authorization: Bearer {}\r\n", token(n));
        let cookie = format!("Cookie: session={}\r\n", sowed("Cookie", n));
        let mut client = self.gateway.client();
        let mut get = |target: String, fields: &str, status: u16| {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: board\r\n{fields}\r\n"));
            let answer = client.response();
            assert_eq!(answer.status, status, "{target} {fields}\n{}{}", answer.head, answer.text());
        };
        // Public: with a key in each place, and what everybody says; the second time from the card.
        let public = format!("/public/{}?page={}", sowed("PublicPath", n), sowed("PublicQuery", n));
        let said = format!(
            "User-Agent: {}\r\nReferer: http://a.test/{}?{}\r\n",
            sowed("PublicAgent", n),
            sowed("PublicReferer", n),
            sowed("PublicReferer", n + 1)
        );
        get(public.clone(), &format!("X-API-Key: {key}\r\n{said}"), 200);
        get(public.clone(), &format!("{bearer}{said}"), 200);
        get(format!("{public}&key={key}"), &said, 200);
        get(format!("{public}&key={}", sowed("WrongKey", n)), &said, 401);
        get(public.clone(), &format!("X-API-Key: {}\r\n", sowed("WrongKey", n + 1)), 401);
        get(public.clone(), &format!("X-API-Key: hafir_abcdefgh_{}\r\n", sowed("WrongKey", n + 2)), 401);
        get(public, "", 401);
        get(format!("/open/{}", sowed("PublicPath", n + 1)), &format!("{cookie}{said}"), 200);
        // The origin chooses by what nobody may know.
        let vary = |at: usize| format!("/vary/{}", sowed("PublicPath", n + at));
        for (at, field) in
            ["Authorization: Bearer ", "Authorization: Basic ", "X-API-Key: ", "Cookie: id="].iter().enumerate()
        {
            get(vary(at), &format!("{field}{}\r\n", sowed("VarySecret", n + at)), 200);
            get(vary(at), &format!("{field}{}\r\n", sowed("VarySecret", n + at)), 200);
        }
        // Personal.
        let personal = format!("/personal/{}?name={}", sowed("PersonalPath", n), sowed("PersonalQuery", n));
        let said = format!("Referer: http://a.test/{}\r\n{cookie}", sowed("PersonalReferer", n));
        get(personal.clone(), &format!("{signed}{said}"), 200);
        get(personal.clone(), &format!("{SECURE}{}{said}", self.basic()), 200);
        get(personal.clone(), &format!("Authorization: Bearer {}\r\n{said}", sowed("WrongToken", n)), 401);
        get(personal, &format!("Authorization: Bearer {}{}\r\n{said}", token(n), sowed("WrongToken", n + 1)), 401);
        // Patients.
        let patient = format!("/patient/{}?name={}", sowed("PatientPath", n), sowed("PatientQuery", n));
        let said = format!(
            "User-Agent: {}\r\nReferer: http://a.test/{}\r\nX-Request-Id: {}\r\nbaggage: a={}\r\n{cookie}",
            sowed("PatientAgent", n),
            sowed("PatientReferer", n),
            sowed("PatientId", n),
            sowed("PatientTrace", n)
        );
        get(patient.clone(), &format!("{SECURE}{bearer}{said}"), 200);
        get(patient.clone(), &format!("{SECURE}{signed}{said}"), 200);
        get(patient.clone(), &format!("{SECURE}{}{said}", self.basic()), 200);
        get(patient.clone(), &format!("{SECURE}{said}"), 401);
        get(patient.clone(), &format!("{SECURE}X-API-Key: {}\r\n{said}", sowed("WrongKey", n + 3)), 401);
        get(patient.clone(), &format!("{bearer}{said}"), 403);
        drop(client);
        if round == 0 {
            let wrong = basic(&format!("{}:{}", sowed("User", 0), sowed("WrongPassword", 0)));
            let answer = self.gateway.get_with(&patient, &format!("{SECURE}{wrong}"));
            assert_eq!(answer.status, 401, "{}", answer.head);
        }
        let over_tls = self.authority.connect(self.secure, "board.test", &[&TLS13]).expect("a TLS connection");
        let host = sowed("PatientHost", n);
        let request = format!("GET {patient} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}{said}\r\n");
        let answer = over_tls.exchange(&request);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // Bodies: passed on, too large, and refused by a schema.
        let post = |target: &str, fields: &str, body: &str, status: u16| {
            let length = body.len();
            let head = format!("POST {target} HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n{fields}");
            let answer = self.gateway.client().send(format!("{head}Content-Length: {length}\r\n\r\n{body}")).response();
            assert_eq!(answer.status, status, "{target} {}{}", answer.head, answer.text());
        };
        let own = format!("{SECURE}{bearer}{said}");
        post(&patient, &own, &format!("{{\"name\":\"{}\"}}", sowed("Sent", n)), 200);
        post(&patient, &own, &sowed("Sent", n).repeat(100), 413);
        post("/checked/a", &bearer, &format!("{{\"age\":\"{}\"}}", sowed("Refused", n)), 422);
        // Heads that are none.
        let malformed = sowed("Malformed", n);
        let broken = format!(
            "GET /{malformed}?{malformed} HTTP/1.1\r\nHost: board\r\nHost: {malformed}\r\nReferer: {malformed}\r\nAuthorization: {malformed}\r\n\r\n"
        );
        assert_eq!(self.gateway.client().send(broken).response().status, 400);
        let long = format!(
            "GET /{} HTTP/1.1\r\nHost: board\r\nCookie: {}\r\n\r\n",
            sowed("TooLong", n),
            sowed("TooLong", n).repeat(2000)
        );
        assert_eq!(self.gateway.client().send(long).response().status, 431);
    }

    /// What the gateway tells those who look after it must be clean too.
    fn check_what_it_shows(&self) {
        for target in ["/metrics", "/status.json", "/status"] {
            let shown = Client::connect(self.gateway.admin).get(target).text();
            assert!(!shown.is_empty(), "{target}");
            self.check(target, shown.as_bytes());
        }
    }

    fn check(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (kind, places) in PLACES {
            if places.iter().any(|part| place.contains(part)) {
                continue;
            }
            for form in forms(&format!("sowed{kind}Q")) {
                if let Some(at) = text.find(&form) {
                    let from = text.floor_char_boundary(at.saturating_sub(200));
                    let to = text.ceil_char_boundary((at + 100).min(text.len()));
                    panic!("{kind} is found in {place}: {:?}", &text[from..to]);
                }
            }
        }
        // The secret part of the key.
        let secret = self.key.rsplit('_').next().expect("parts");
        for form in forms(&secret[..16]) {
            assert!(!text.contains(&form), "the key is found in {place}");
        }
    }

    /// Searches all that is left. Gives the kinds that were found where they may be.
    fn search(&self) -> Vec<&'static str> {
        let folder = self.gateway.folder.path().display().to_string();
        let mut found = Vec::new();
        let files = self.gateway.folder.files("");
        for file in files {
            let place = file.display().to_string().replace(&folder, "");
            let bytes = fs::read(&file).unwrap_or_default();
            self.check(&place, &bytes);
            self.check(&format!("the name of {place}"), place.as_bytes());
            let text = String::from_utf8_lossy(&bytes);
            found.extend(PLACES.iter().map(|(kind, _)| *kind).filter(|kind| text.contains(&format!("sowed{kind}Q"))));
        }
        self.check("what it said", self.gateway.said().as_bytes());
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[test]
fn words_are_found_in_any_form() {
    for before in 0..5 {
        let text = base64(format!("{}{}tail", "y".repeat(before), sowed("Sent", 1)).as_bytes(), *b"+/");
        assert!(forms("sowedSentQ").iter().any(|form| text.contains(form)), "{text}");
    }
}

#[test]
fn after_a_stop_nothing_is_found_but_where_it_belongs() {
    let origin = origin();
    let mut board = Board::new(&origin, "json");
    (0..ROUNDS).for_each(|round| board.round(round));
    board.check_what_it_shows();
    board.gateway.signal(Signal::TERM);
    board.gateway.wait_for_exit();
    let found = board.search();
    let belongs: Vec<&str> = PLACES.iter().filter(|(_, places)| !places.is_empty()).map(|(kind, _)| *kind).collect();
    assert!(belongs.iter().all(|kind| found.contains(kind)), "the search is not blind: {found:?}");
    // Everybody who asked for a patient's record is in the audit trail, let in or not.
    let shown = hafir(&["audit", "--config", &board.gateway.file.display().to_string(), "show", "--route", "patient"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for (told, count) in [
        (" GET 200 done ", 4 * ROUNDS),
        (" GET 401 ", 2 * ROUNDS + 1),
        (" GET 403 not-secure ", ROUNDS),
        (" POST 200 done ", ROUNDS),
        (" POST 413 ", ROUNDS),
    ] {
        assert_eq!(shown.lines().filter(|line| line.contains(told)).count(), count, "{told}");
    }
    assert_eq!(shown.lines().count(), 9 * ROUNDS + 1);
    // Nobody can follow a patient's request through other systems.
    let patients = origin.requests();
    let patients: Vec<_> = patients.iter().filter(|seen| seen.target().starts_with("/patient")).collect();
    assert!(patients.len() >= 4 * ROUNDS);
    for seen in patients {
        for name in ["traceparent", "tracestate", "baggage", "authorization", "x-api-key"] {
            assert_eq!(seen.field(name), None, "{}", seen.head);
        }
    }
}

#[test]
fn after_kill_9_nothing_is_found_but_where_it_belongs() {
    let origin = origin();
    let mut board = Board::new(&origin, "combined");
    (0..ROUNDS / 4).for_each(|round| board.round(round));
    board.gateway.kill();
    board.search();
    // What a start finds and mends is clean too.
    board.gateway.start_again();
    board.round(ROUNDS);
    board.check_what_it_shows();
    board.gateway.kill();
    board.search();
}
