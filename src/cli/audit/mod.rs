//! `hafir audit`: reading the audit trail, beside the running gateway and without one. Changes nothing.

mod words;

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use miniserde::{Serialize, json};

use words::{Action, Selection, Since};
pub(super) use words::{HELP, Request};

use super::folders::{Trouble, configured, finish};
use super::{EXIT_FAILURE, say};
use crate::base::Wall;
use crate::config::Config;
use crate::net::Clock;
use crate::observe::audit::{self, Anchor, AuditRecord, Hash, Records, Report};

/// Runs one command and gives the exit code.
pub(super) fn run(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if request.action == Action::Help {
        return say(out, HELP);
    }
    // A trail that was exported is read without any configuration.
    if let Action::Verify { file: Some(file), anchor } = &request.action {
        return finish(verify(file, *anchor, request.json, out).map_err(Trouble::Output), err);
    }
    let (config, _) = match configured(request.config.as_deref(), "audit", err) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let folder = &config.audit.dir;
    let done = match &request.action {
        Action::Help => Ok(ExitCode::SUCCESS),
        Action::Verify { anchor, .. } => verify(folder, *anchor, request.json, out),
        Action::Show(what) => show(folder, what, &config, request.json, out),
        Action::Export { file } => export(folder, file, request.json, out),
    };
    finish(done.map_err(Trouble::Output), err)
}

#[derive(Serialize)]
struct Verdict {
    sound: bool,
    segments: u64,
    records: u64,
    exchanges: u64,
    lost: u64,
    dropped_segments_through: Option<u32>,
    first_time: String,
    last_time: String,
    torn_bytes: u64,
    findings: Vec<String>,
    further_findings: u64,
    anchor: Option<String>,
}

fn verify(path: &Path, anchor: Option<(u64, Hash)>, as_json: bool, out: &mut dyn Write) -> io::Result<ExitCode> {
    let report = at(path, audit::verify(path, anchor))?;
    let sound = report.findings.is_empty() && !report.anchor_dropped;
    if as_json {
        let verdict = Verdict {
            sound,
            segments: report.segments,
            records: report.records,
            exchanges: report.exchanges,
            lost: report.lost,
            dropped_segments_through: report.dropped,
            torn_bytes: report.torn.iter().map(|(_, bytes)| bytes).sum(),
            findings: report.findings.iter().map(ToString::to_string).collect(),
            further_findings: report.further,
            anchor: report.last.map(anchor_text),
            first_time: report.first_time,
            last_time: report.last_time,
        };
        writeln!(out, "{}", json::to_string(&verdict))?;
    } else {
        print_report(&report, path, sound, out)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
}

fn print_report(report: &Report, path: &Path, sound: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "trail     {}", path.display())?;
    let Report { segments, records, exchanges, .. } = report;
    writeln!(out, "holds     {exchanges} exchanges ({records} records, segments: {segments})")?;
    if *records > 0 {
        writeln!(out, "from      {} to {}", report.first_time, report.last_time)?;
    }
    if let Some(through) = report.dropped {
        writeln!(out, "dropped   segments up to {through}, because the trail has a size")?;
    }
    if report.lost > 0 {
        writeln!(out, "lost      {} exchanges could not be written down", report.lost)?;
    }
    for (segment, bytes) in &report.torn {
        writeln!(out, "cut       segment {segment} ends with {bytes} bytes of a record that was being written")?;
    }
    if report.anchor_dropped {
        writeln!(out, "anchor    the one that was given is older than all that is here: nothing is known by it")?;
    }
    for finding in &report.findings {
        writeln!(out, "FOUND     {finding}")?;
    }
    if report.further > 0 {
        writeln!(out, "FOUND     {} more of these", report.further)?;
    }
    if sound {
        writeln!(out, "sound     nothing was changed, removed or moved")?;
    }
    report.last.map_or(Ok(()), |last| writeln!(out, "anchor    {}", anchor_text(last)))
}

fn anchor_text(anchor: Anchor) -> String {
    format!("{}:{}", anchor.seq, anchor.hash)
}

fn show(folder: &Path, what: &Selection, config: &Config, as_json: bool, out: &mut dyn Write) -> io::Result<ExitCode> {
    let since = what.since.as_ref().map(|since| earliest(since, config));
    let mut records = at(folder, Records::open(folder))?;
    while let Some(record) = records.next()? {
        if !picks(what, since.as_deref(), &record) {
            continue;
        }
        if as_json {
            out.write_all(records.text())?;
        } else {
            print_record(&record, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As text, because times in one form stand in the order of their letters.
fn earliest(since: &Since, config: &Config) -> String {
    match since {
        Since::Time(time) => time.clone(),
        Since::Ago(span) => {
            let now = Clock::start(super::memory::Memory::open(&config.gateway.state).clock_floor()).now();
            let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            audit::time_text(Wall::from_millis(now.wall.as_millis().saturating_sub(millis)))
        }
    }
}

fn picks(what: &Selection, since: Option<&str>, record: &AuditRecord) -> bool {
    let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
    record.kind == "access"
        && since.is_none_or(|since| !record.clock_sure || record.time.as_str() >= since)
        && same(&what.identity, &record.identity)
        && same(&what.route, &record.route)
}

fn print_record(record: &AuditRecord, out: &mut dyn Write) -> io::Result<()> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let who = match (&record.identity_kind, &record.identity) {
        (Some(kind), Some(id)) => format!("{kind} {id}"),
        (_, _) => format!("nobody known, from {}", text(&record.client)),
    };
    writeln!(
        out,
        "{:>7}  {}{}  {} {} {} {}  in {} out {}  {}  {}",
        record.seq,
        record.time,
        if record.clock_sure { "" } else { "?" },
        text(&record.route),
        text(&record.method),
        record.status.unwrap_or(0),
        text(&record.outcome),
        record.received_bytes.unwrap_or(0),
        record.sent_bytes.unwrap_or(0),
        record.request_id.as_deref().unwrap_or("-"),
        who,
    )
}

fn export(folder: &Path, file: &Path, as_json: bool, out: &mut dyn Write) -> io::Result<ExitCode> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o640).open(file);
    let mut writer = BufWriter::new(at(file, new)?);
    let exported = at(folder, audit::export(folder, &mut writer))?;
    at(file, writer.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all()))?;
    let anchor = exported.last.map(anchor_text).unwrap_or_default();
    if as_json {
        writeln!(out, "{}", json::to_string(&Written { records: exported.records, anchor }))?;
    } else {
        writeln!(out, "{} records\nanchor    {anchor}", exported.records)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Written {
    records: u64,
    anchor: String,
}

/// Says which file it is about.
fn at<T>(path: &Path, done: io::Result<T>) -> io::Result<T> {
    done.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::base::{Mono, Now};
    use crate::config;
    use crate::config::AuditConfig;
    use crate::observe::audit::{Audit, AuditEntry};
    use std::path::PathBuf;

    /// A state folder with a trail of three exchanges, removed at its end.
    struct Board(PathBuf);

    impl Board {
        fn new(name: &str) -> Board {
            let folder = std::env::temp_dir().join(format!("hafir-audit-cli-{name}-{}", std::process::id()));
            std::fs::create_dir(&folder).unwrap();
            let ini = format!("[gateway]\nstate = {}\n[route a]\nrespond = 200\n", folder.display());
            std::fs::write(folder.join("a.ini"), ini).unwrap();
            let config =
                AuditConfig { dir: folder.join("audit"), ..config::load(&folder.join("a.ini")).unwrap().config.audit };
            let audit = Audit::start(&config);
            for (second, identity, sure) in [(0, Some("k1"), true), (3600, Some("k2"), true), (0, None, false)] {
                audit.note(&AuditEntry {
                    now: Now { mono: Mono::default(), wall: Wall::from_seconds(1_800_000_000 + second), sure },
                    identity: identity.map(|id| ("key", id)),
                    client: "192.168.4.7".parse().unwrap(),
                    route: "records",
                    method: "GET",
                    status: 200,
                    outcome: "done",
                    received: 0,
                    sent: 9,
                    request_id: &"00000000000000ab",
                });
            }
            Board(folder)
        }

        fn run(&self, line: &str) -> (ExitCode, String) {
            let words = format!("--config {} {line}", self.0.join("a.ini").display());
            let request = Request::parse(words.split_whitespace().map(OsString::from).collect()).unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let code = run(&request, &mut out, &mut err);
            out.extend(err);
            (code, String::from_utf8(out).unwrap())
        }
    }

    impl Drop for Board {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn exchanges_are_shown_by_who_and_when() {
        let board = Board::new("show");
        let (_, text) = board.run("show");
        assert_eq!(text.lines().count(), 3, "{text}");
        let first = "      2  2027-01-15T08:00:00.000Z  records GET 200 done  in 0 out 9  00000000000000ab  key k1";
        assert_eq!(text.lines().next(), Some(first));
        let unsure = text.lines().last().unwrap();
        assert!(unsure.contains("000Z?") && unsure.ends_with("nobody known, from 192.168.4.7"), "{unsure}");
        // What was noted by an unset clock may have been later.
        assert_eq!(board.run("show --since 2027-01-15T08:30").1.lines().count(), 2);
        assert_eq!(board.run("show --identity k1 --route records").1.lines().count(), 1);
        assert_eq!(board.run("show --route other").1, "");
        assert!(board.run("show --json --identity k2").1.starts_with("{\"seq\":3,\"kind\":\"access\","));
    }

    #[test]
    fn a_change_is_found_in_the_trail_and_in_an_export() {
        let board = Board::new("verify");
        let (code, text) = board.run("verify");
        assert!(code == ExitCode::SUCCESS && text.contains("holds     3 exchanges (4 records, segments: 1)"), "{text}");
        let anchor = text.lines().last().unwrap().strip_prefix("anchor    4:").unwrap();
        let file = board.0.join("export.jsonl");
        let (code, text) = board.run(&format!("export {}", file.display()));
        assert!(code == ExitCode::SUCCESS && text == format!("4 records\nanchor    4:{anchor}\n"), "{text}");
        assert!(board.run(&format!("export {}", file.display())).1.contains("File exists"));
        let checked = format!("verify {} --anchor 4:{anchor}", file.display());
        assert_eq!(board.run(&checked).0, ExitCode::SUCCESS);
        let changed = std::fs::read_to_string(&file).unwrap().replace("\"k1\"", "\"k9\"");
        std::fs::write(&file, changed).unwrap();
        let (code, text) = board.run(&checked);
        assert_eq!(code, ExitCode::from(EXIT_FAILURE));
        assert!(text.contains("FOUND     audit-000001.jsonl line 2: record 2 was changed"), "{text}");
        let (code, text) = board.run(&format!("--json verify --anchor 9:{anchor}"));
        assert!(code == ExitCode::from(EXIT_FAILURE) && text.starts_with("{\"sound\":false,"), "{text}");
    }
}
