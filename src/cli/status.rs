//! `hafir status`: what the running gateway says of itself.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::EXIT_FAILURE;
use super::arguments::DEFAULT_FILE;
use crate::config;
use crate::observe::Status;
use crate::portal::status_text;

/// A gateway on the same machine answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// A status is some kilobytes; more is something else that listens there.
const LONGEST_ANSWER: u64 = 4 << 20;

/// Prints the status of the gateway whose admin address stands in `file`.
pub(super) fn run(file: &Option<PathBuf>, json: bool, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let path = file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let bytes = std::fs::read(path);
    if let (Err(cause), true) = (&bytes, file.is_some()) {
        let _ = writeln!(err, "hafir: {}: {cause}", path.display());
        return ExitCode::from(EXIT_FAILURE);
    }
    let addresses = admin_addresses(path, &bytes.unwrap_or_default());
    let Some(address) = addresses.first() else {
        let _ = writeln!(err, "hafir: {} switches the admin address off ([metrics] listen)", path.display());
        return ExitCode::from(EXIT_FAILURE);
    };
    match ask(*address) {
        Ok(text) => show(&text, json, out, err),
        Err(cause) => {
            let _ = writeln!(err, "hafir: no gateway answers at {address}: {cause}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// The admin addresses of a file; of a broken one too, for that is when the status is wanted most.
fn admin_addresses(path: &Path, bytes: &[u8]) -> Vec<SocketAddr> {
    match config::load(path) {
        Ok(loaded) => loaded.config.metrics.listen,
        Err(_) => config::fallback(bytes, path.parent().unwrap_or(Path::new("."))).metrics.listen,
    }
}

/// What the gateway says that has one of these admin addresses; `None` where none answers.
pub(super) fn of(addresses: &[SocketAddr]) -> Option<Status> {
    addresses.iter().find_map(|address| miniserde::json::from_str(&ask(*address).ok()?).ok())
}

/// Asks for `/status.json` and gives the body.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /status.json HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let ok = head.split_ascii_whitespace().nth(1) == Some("200");
    if ok { Ok(body.to_owned()) } else { Err(io::Error::other("what listens there is not a gateway")) }
}

fn show(text: &str, json: bool, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if json {
        let _ = writeln!(out, "{text}");
        return ExitCode::SUCCESS;
    }
    match miniserde::json::from_str::<Status>(text) {
        Ok(status) => {
            let _ = out.write_all(status_text(&status).as_bytes());
            ExitCode::SUCCESS
        }
        Err(_) => {
            let _ = writeln!(err, "hafir: the answer was not understood: another version of hafir may be running");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
