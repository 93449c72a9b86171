//! The official test suite for draft 2020-12, run where it is at hand: `../shared/data/json-schema-2020-12`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::json::{Document, ROOT, Reader};
use super::super::source::Formats;
use super::super::unfit::Bounds;
use super::Schema;

const BOUNDS: Bounds = Bounds { size: 1 << 20, depth: 64, steps: 10_000_000 };

struct Count {
    passed: usize,
    failed: Vec<String>,
}

fn suite() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/json-schema-2020-12");
    folder.is_dir().then_some(folder)
}

fn files(folder: &Path, deep: bool) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep {
            all.extend(files(&path, deep));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn remotes(suite: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = suite.join("remotes");
    let uri = |path: &Path| format!("http://localhost:1234/{}", path.strip_prefix(&folder).unwrap().display());
    files(&folder, true).iter().map(|path| (uri(path), std::fs::read(path).unwrap())).collect()
}

fn run(file: &Path, formats: Formats, remotes: &BTreeMap<String, Vec<u8>>, count: &mut Count) {
    let bytes = std::fs::read(file).unwrap();
    let nodes = Reader::new(64).finish(&bytes).unwrap();
    let document = Document::new(&bytes, &nodes);
    let text = |at: u32, name: &str| document.text(document.member(at, name).unwrap()).into_owned();
    let mut load = |uri: &str| remotes.get(uri).cloned().ok_or_else(|| "is not at hand".to_owned());
    for group in document.items(ROOT) {
        let schema = document.raw(document.member(group, "schema").unwrap());
        let schema = Schema::compile(schema, "http://localhost:1234/tested.json", formats, &mut load);
        for test in document.items(document.member(group, "tests").unwrap()) {
            let valid = document.is_true(document.member(test, "valid").unwrap());
            let data = document.raw(document.member(test, "data").unwrap());
            let found = match &schema {
                Ok(schema) => schema.validate(data, &BOUNDS).map_err(|unfit| format!("{unfit:?}")),
                Err(problem) => Err(format!("{problem}")),
            };
            if found.is_ok() == valid && schema.is_ok() {
                count.passed += 1;
            } else {
                let name = file.file_name().unwrap().display();
                let (group, test) = (text(group, "description"), text(test, "description"));
                count.failed.push(format!("{name}: {group}: {test}: {found:?}"));
            }
        }
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so, and the counts are what is asked for")]
fn count(below: &str, formats: Formats) -> Option<Count> {
    let Some(suite) = suite() else {
        eprintln!("skipped: the official test suite is not at hand");
        return None;
    };
    let remotes = remotes(&suite);
    let mut count = Count { passed: 0, failed: Vec::new() };
    for file in files(&suite.join("tests/draft2020-12").join(below), false) {
        run(&file, formats, &remotes, &mut count);
    }
    eprintln!("{below}: {} passed, {} failed", count.passed, count.failed.len());
    Some(count)
}

#[test]
fn all_required_tests_pass() {
    let Some(count) = count("", Formats::Standard) else { return };
    assert!(count.failed.is_empty(), "{:#?}", count.failed);
    assert_eq!(count.passed, 1299);
}

#[test]
fn optional_tests_pass_but_for_another_draft() {
    let Some(count) = count("optional", Formats::Standard) else { return };
    let other: Vec<_> = count.failed.iter().filter(|test| !test.starts_with("cross-draft.json")).collect();
    assert!(other.is_empty(), "{other:#?}");
    assert_eq!(count.passed, 161);
}

/// Internationalised names and templates are not checked, nor what stands for them in A-labels.
#[test]
fn format_tests_pass_for_what_is_checked() {
    let Some(count) = count("optional/format", Formats::Checked) else { return };
    let known =
        ["idn-email", "idn-hostname", "iri", "iri-reference", "uri-template", "hostname.json: validation of A-label"];
    let is_known = |test: &str| known.iter().any(|name| test.starts_with(name));
    let other: Vec<_> = count.failed.iter().filter(|test| !is_known(test)).collect();
    assert!(other.is_empty(), "{other:#?}");
    assert_eq!(count.passed, 664);
}
