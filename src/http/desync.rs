//! Requests that are known to be read differently by different software: those that http-desync-guardian classifies,
//! where they are at hand (`../shared/data/desync`).

use std::path::Path;

use super::{BadRequest, BodyFraming, HeadLimits, Parse, RequestHead, Scan, framing, target};

/// One classified request.
#[derive(Default, Debug)]
struct Case {
    name: String,
    uri: Vec<u8>,
    method: Vec<u8>,
    version: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    tier: String,
}

impl Case {
    /// The bytes on the wire. The cases are about framing and leave `Host` out.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.method, &b" "[..], &self.uri, b" ", &self.version, b"\r\n"].concat();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            bytes.extend_from_slice(b"Host: school.example\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend([name, &b":"[..], value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// Everything that a request passes before anybody acts on it.
fn accept(bytes: &[u8]) -> Result<BodyFraming, BadRequest> {
    let limits = HeadLimits::default();
    let Parse::Complete(head) = RequestHead::parse(bytes, &limits, &mut Scan::default())? else {
        panic!("cut: {:?}", bytes.escape_ascii().to_string());
    };
    let fields = head.fields(bytes);
    target::of(head.method(bytes), head.target(bytes), head.version, fields)?;
    framing::request(head.version, fields)
}

const ONLY_CHUNKED: &str = "of transfer codings only chunked is taken from requests, once and alone";
const ONE_URL: &str = "a URL is ASCII and percent-encoded by whoever sends it (RFC 3986 §2)";
const CONTROLS: &str = "some origins split lines at encoded controls of a path";

/// Compliant to the guardian, and refused here by a stricter rule.
const STRICTER: [(&str, &str); 13] = [
    ("Different Transfer-Encoding headers", ONLY_CHUNKED),
    ("Different Transfer-Encoding headers combined", ONLY_CHUNKED),
    ("Transfer-Encoding with a param: chunked;custom_param", ONLY_CHUNKED),
    ("Correct TE OK", ONLY_CHUNKED),
    ("Multiple transfer encoding headers in a single request OK", ONLY_CHUNKED),
    ("TE with custom parameters OK", ONLY_CHUNKED),
    ("Transfer-Encoding: identity and chunked OK", ONLY_CHUNKED),
    ("Compliant URL", ONE_URL),
    ("International in URI", ONE_URL),
    ("Empty URI", ONE_URL),
    ("%09 in URI is OK", CONTROLS),
    ("%0D in URI is OK", CONTROLS),
    ("%0A in URI is OK", CONTROLS),
];

/// Ambiguous to the guardian, as some software expects no body with these methods. Here a body is framed, read and
/// passed on with any method, so both sides agree where it ends.
const FRAMED: [&str; 6] = [
    "Get with a body and Content-Length",
    "Get with a body and Transfer-Encoding",
    "Head with a body and Content-Length",
    "Head with a body and Transfer-Encoding",
    "Has a CL in GET",
    "Has a TE in GET",
];

#[test]
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn desync_cases_are_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/desync");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let files = files.map(|file| file.unwrap().path()).filter(|file| file.extension() == Some("yaml".as_ref()));
    let cases: Vec<Case> = files.flat_map(|file| read(&std::fs::read_to_string(file).unwrap())).collect();
    assert!(cases.len() > 150, "only {} cases were read", cases.len());
    for case in &cases {
        check(case);
    }
}

fn check(case: &Case) {
    let bytes = case.bytes();
    let found = accept(&bytes);
    let stricter = STRICTER.iter().any(|(name, _)| *name == case.name);
    let framed = FRAMED.contains(&case.name.as_str());
    let expected = match case.tier.as_str() {
        "Compliant" => Some(!stricter),
        "Ambiguous" => Some(framed),
        "Severe" => Some(false),
        // Forgiven by the guardian where nothing else is wrong; ours to refuse.
        "Acceptable" => None,
        other => panic!("{}: unknown tier {other:?}", case.name),
    };
    let shown = bytes.escape_ascii();
    assert!(expected.is_none_or(|expected| found.is_ok() == expected), "{}: {found:?} for {shown}", case.name);
}

/// Reads the shape that these files have: a list of cases with scalars and one list of headers.
fn read(text: &str) -> Vec<Case> {
    let mut cases = Vec::<Case>::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = scalar(value.trim());
        if key == "- name" {
            cases.push(Case { name: String::from_utf8(value).unwrap(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match key {
            "  uri" => case.uri = value,
            "  method" => case.method = value,
            "  version" => case.version = value,
            "    - name" => case.headers.push((value, Vec::new())),
            "      value" => case.headers.last_mut().unwrap().1 = value,
            "    tier" => case.tier = String::from_utf8(value).unwrap(),
            _ => {}
        }
    }
    cases
}

/// A plain, single-quoted or double-quoted scalar; `\xNN` is a byte.
fn scalar(text: &str) -> Vec<u8> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.replace("''", "'").into_bytes();
    }
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.into();
    };
    let (mut out, mut bytes) = (Vec::new(), inner.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match (byte, byte == b'\\') {
            (_, true) => match bytes.next().unwrap() {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            },
            (byte, false) => byte,
        });
    }
    out
}
