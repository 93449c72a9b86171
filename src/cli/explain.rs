//! `hafir explain FILE METHOD URL [-H header]...`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::arguments::ExplainRequest;
use super::{EXIT_CONFIG, EXIT_FAILURE};
use crate::config;
use crate::gateway;

/// Prints which route a request would take and why, and what it would meet there.
pub(super) fn run(file: &Path, request: &ExplainRequest, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let loaded = match config::load(file) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let _ = write!(err, "{problems}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match gateway::explain(&loaded.config, &head(request)) {
        Ok(text) => {
            let _ = out.write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(err, "hafir: {why}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// The request as a client would write it: a URL with a host gives `Host`, unless a header does.
fn head(request: &ExplainRequest) -> Vec<u8> {
    let rest = request.url.strip_prefix("http://").or_else(|| request.url.strip_prefix("https://"));
    let (host, target) = match rest {
        Some(rest) => match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        },
        None => ("localhost", request.url.as_str()),
    };
    let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method);
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {host}\r\n"));
    }
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(url: &str, headers: &[(&str, &str)]) -> String {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = ExplainRequest { method: "GET".to_owned(), url: url.to_owned(), headers };
        String::from_utf8(head(&request)).unwrap()
    }

    #[test]
    fn urls_become_heads() {
        assert_eq!(written("http://board:8080/wiki/x?y", &[]), "GET /wiki/x?y HTTP/1.1\r\nHost: board:8080\r\n\r\n");
        assert_eq!(written("http://board", &[]), "GET / HTTP/1.1\r\nHost: board\r\n\r\n");
        assert_eq!(written("/x", &[("Host", "a")]), "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}
