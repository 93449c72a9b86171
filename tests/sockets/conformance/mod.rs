//! HTTP caching as its specifications say it, one row for each requirement, against the real gateway over sockets.
//!
//! The rows stand in `rows/*.txt`, a file for each subject. A row is a paragraph:
//!
//! ```text
//! s-maxage counts before max-age                    the requirement
//! : 9111 §5.2.2.10, Must                            its section, and how binding it is: Must, Should or Optimal
//! > GET                                             a request …
//! < 200                                             … what the origin answers if it is asked …
//! < Cache-Control: max-age=0, s-maxage=60
//! > GET                                             … and the next one,
//! = cached                                          with what is expected of it
//! ```
//!
//! **Tags** after the level: `route NAME` (one of [`stage::ROUTES`]); `until WORD`: the row fails today, for want of WORD.
//! `lost WORD`: it fails across restarts, as that is forgotten. A row that passes in spite of such a tag fails the test,
//! so that the tag is taken away.
//!
//! **Requests** `> METHOD [/path][?query]`, below the row's own path; then `> Field: value`, and `>> body`.
//!
//! **Answers** `< STATUS [reason]`, then `< Field: value` and `<< body`. `Date` (of now) and `Content-Length` come by
//! themselves, and a body that names the step; `<< -` is the empty body. Several answers of one step are for several requests; those with a 1xx
//! status go before the next. Further words: `< down` (the connection ends without an answer), `< cut 5` (it ends after
//! so many bytes of the body), `< chunked`, `< until close`, `< no date`, `< trailer Field: value`, `< serve` (a server
//! of one representation that knows conditions and ranges, as often as it is asked), `< same` (the former step's answer again).
//!
//! **Expectations** how the answer came about: `= forwarded` (the default: the origin is asked once, and the client gets
//! what it says), `= cached`, `= validated` (the origin said 304), `= stale` (in place of an answer), `= background`
//! (cached, and then the origin is asked), `= partial` (in part from the cache), `= unasked` (neither
//! from the origin nor from the cache), `= failed` (the gateway says that the origin gave nothing), `= anyhow`. What comes
//! from the cache may say `from STEP`: whose answer it is, 1 if nothing is said. Then: `= status 206`; `= body text`, where `-` is the empty body; `= bytes 5-9` of that answer's body,
//! `= parts 0-1, 5-9` of it; `= Field: value` of all lines of the name, where `*` is anything, `-` is nothing,
//! `10..20` a number, `~text` a part; `= upstream [2] Field: value`, the same of the first (second …) request that the
//! origin saw in this step; `= cache-status hit; ttl=0..60; !stored` of this gateway's member; `= asked 2`; `= brought 5`
//! bytes of bodies from the origin; `= interim 103`; `= trailer Field: value`; `= together 3 collapsed`, three
//! clients at once, of whom all but the first are told so in Cache-Status and get the same.
//!
//! A line `* one | two | three` makes a row of each word, which stands in the place of every `{*}`.
//!
//! **In all of them** `{+60}` is the date in sixty seconds, also as `{-60 rfc850}`, `{0 asctime}` or `{+60 EST}` with
//! another zone; `{path}` is the row's own path, `{origin}` the origin's URL, `{100 bytes}` so many letters,
//! `{gzip text}`, `{br text}` and `{zstd text}` the text in that coding.
//!
//! The rows run side by side, their first steps, then their second ones, and so on. `ROWS=word cargo test --test sockets
//! conformance` runs those whose name, file or section has the word.

mod coded;
mod date;
mod judge;
mod origin;
mod parse;
mod row;
mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use row::{Level, Row};
use stage::Between;

/// Fewer would mean that files were lost.
const LEAST_ROWS: usize = 900;

#[test]
fn the_rules_of_http_caching_hold_row_by_row() {
    report(wanted_rows(), Between::Nothing);
}

#[test]
fn the_rules_of_http_caching_hold_across_restarts() {
    report(wanted_rows(), Between::Restart);
}

fn wanted_rows() -> Vec<Row> {
    let wanted = std::env::var("ROWS").unwrap_or_default();
    let all = rows();
    assert!(all.len() >= LEAST_ROWS, "{} rows", all.len());
    all.into_iter().filter(|row| row.is_about(&wanted)).collect()
}

/// Every row of every file.
fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sockets/conformance/rows");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the rows").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("text");
        match parse::rows(&name, &text) {
            Ok(more) => rows.extend(more),
            Err(more) => problems.extend(more),
        }
    }
    problems.extend(doubled(&rows));
    assert!(problems.is_empty(), "the rows cannot be read:\n{}", problems.join("\n"));
    rows
}

/// A name says which row is meant.
fn doubled(rows: &[Row]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let again = rows.iter().filter_map(|row| seen.insert(&row.name, &row.place).map(|first| (row, first)));
    again.map(|(row, first)| format!("{}: the name of {first} again", row.place)).collect()
}

#[allow(clippy::print_stderr)] // the test report is where people look
fn report(mut rows: Vec<Row>, between: Between) {
    if between == Between::Restart {
        rows.iter_mut().for_each(|row| row.until = row.until.take().or(row.lost.take()));
    }
    let runs = stage::play(&rows, between);
    let mut counts: BTreeMap<(Level, bool), usize> = BTreeMap::new();
    let (mut wrong, mut pending) = (String::new(), String::new());
    for run in &runs {
        let row = run.row;
        *counts.entry((row.level, run.complaint.is_none())).or_default() += 1;
        let title = format!("{} [{}, {}] {}", row.place, row.section, row.level.word(), row.name);
        match (&run.complaint, &row.until) {
            (None, None) => {}
            (None, Some(until)) => {
                let _ = writeln!(wrong, "{title}\n    passes: take its 'until {until}' away");
            }
            (Some(complaint), None) => {
                let _ = writeln!(wrong, "{title}\n{complaint}");
            }
            (Some(complaint), Some(until)) => {
                let _ = writeln!(pending, "{title}\n    until {until}\n{complaint}");
            }
        }
    }
    let waiting = runs.iter().filter(|run| run.complaint.is_some() && run.row.until.is_some()).count();
    eprintln!("{} rows, {waiting} pending", runs.len());
    for ((level, passed), count) in counts {
        eprintln!("  {}: {count} {}", level.word(), if passed { "pass" } else { "fail" });
    }
    eprint!("{pending}");
    let failed = runs.iter().filter(|run| run.complaint.is_some() != run.row.until.is_some()).count();
    assert!(failed == 0, "{failed} of {} rows are not as they should be:\n{wrong}", runs.len());
}
