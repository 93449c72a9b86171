//! Damage of any kind to one of the files, and cuts at any place: nothing that was acknowledged is lost, nothing that
//! was ended comes back.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const JOURNAL: &str = open::KEYS[0];
const COPY: &str = open::KEYS[1];

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hafir-ledger-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn open(&self) -> Ledger {
        let (ledger, problem) = Ledger::open(&self.0);
        assert_eq!(problem, None);
        ledger
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn broken(&self, name: &str) -> usize {
        let begins = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(name);
        fs::read_dir(&self.0).unwrap().filter(|entry| begins(entry.as_ref().unwrap())).count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn put(ledger: &Ledger, name: &str, text: &str) {
    ledger.write(Table::Keys, &[(name, Some(text.as_bytes()))], Durability::Now).unwrap();
}

fn text(ledger: &Ledger, name: &str) -> Option<String> {
    ledger.get(Table::Keys, name).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Keys that were made, changed, ended and removed.
fn fill(ledger: &Ledger) {
    for number in 0..12 {
        put(ledger, &format!("k{number}"), "made");
    }
    put(ledger, "k1", "changed");
    ledger.write_last(Table::Keys, "k2", b"ended").unwrap();
    put(ledger, "k3", "rolled");
    ledger.write_last(Table::Keys, "k3", b"ended").unwrap();
    ledger.write_last(Table::Keys, "k4", b"ended").unwrap();
    ledger.write(Table::Keys, &[("k4", None)], Durability::Now).unwrap();
}

fn assert_filled(ledger: &Ledger, what: &str) {
    let all = ledger.all(Table::Keys).unwrap();
    let expected = (0..12).map(|number| match number {
        1 => Some("changed"),
        2 | 3 => Some("ended"),
        4 => None,
        _ => Some("made"),
    });
    for (number, expected) in expected.enumerate() {
        let found = all.iter().find(|(name, _)| *name == format!("k{number}"));
        let found = found.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap());
        assert_eq!(found, expected, "{what}: k{number}");
    }
}

#[test]
fn records_are_there_after_a_restart() {
    let folder = Folder::new();
    let ledger = folder.open();
    fill(&ledger);
    assert_filled(&ledger, "before");
    ledger.write(Table::Usage, &[("u", Some(b"5"))], Durability::Soon).unwrap();
    drop(ledger);
    let ledger = folder.open();
    assert_filled(&ledger, "after");
    assert_eq!(ledger.get(Table::Usage, "u").unwrap().as_deref(), Some(&b"5"[..]));
    assert_eq!(ledger.get(Table::Documents, "u").unwrap(), None);
    assert!(ledger.all(Table::Documents).unwrap().is_empty());
}

#[test]
fn what_is_ended_stays_ended() {
    let folder = Folder::new();
    let ledger = folder.open();
    put(&ledger, "k", "made");
    ledger.write_last(Table::Keys, "k", b"ended").unwrap();
    assert!(ledger.write(Table::Keys, &[("k", Some(b"again"))], Durability::Now).is_err());
    ledger.write_last(Table::Keys, "k", b"ended again").unwrap();
    assert_eq!(text(&ledger, "k").as_deref(), Some("ended again"));
}

#[test]
fn one_process_has_the_files_and_others_are_told() {
    let folder = Folder::new();
    let first = folder.open();
    put(&first, "k", "made");
    let (second, problem) = Ledger::open(&folder.0);
    assert!(problem.unwrap().contains("another hafir works on"));
    assert!(second.write(Table::Keys, &[("k", None)], Durability::Now).is_err());
    assert_eq!(text(&second, "k").as_deref(), Some("made"));
    assert!(second.all(Table::Usage).is_err());
    drop(first);
    assert_eq!(folder.broken("keys.copy.broken"), 0);
    let (missing, problem) = Ledger::open(Path::new("/nonexistent/hafir"));
    assert!(problem.is_some() && missing.refusal().is_some());
    assert!(missing.all(Table::Keys).unwrap().is_empty());
}

/// Places to damage: all of a small file, a sample of a large one that moves with `salt`.
fn places(length: usize, most: usize, salt: usize) -> impl Iterator<Item = usize> {
    let step = (length / most).max(1);
    (0..length).skip(salt % step).step_by(step)
}

#[test]
fn a_changed_byte_anywhere_in_the_journal_costs_nothing() {
    each_damage(JOURNAL, 70, |bytes, at| bytes[at] ^= 1 << (at % 8));
}

#[test]
fn a_journal_cut_anywhere_costs_nothing() {
    each_damage(JOURNAL, 40, |bytes, at| bytes.truncate(at));
}

#[test]
fn a_changed_byte_anywhere_in_the_copy_costs_nothing() {
    each_damage(COPY, 70, |bytes, at| bytes[at] ^= 1 << (at % 8));
}

#[test]
fn changed_bytes_at_the_head_of_either_cost_nothing() {
    each_damage(COPY, 0, |bytes, at| bytes[at] ^= 0xff);
    each_damage(JOURNAL, 0, |bytes, at| bytes[at] ^= 0xff);
}

#[test]
fn a_copy_cut_anywhere_costs_nothing() {
    each_damage(COPY, 40, |bytes, at| bytes.truncate(at));
}

#[test]
fn a_journal_with_a_page_of_nothing_costs_nothing() {
    each_damage(JOURNAL, 24, |bytes, at| {
        let end = bytes.len().min(at + 4096);
        bytes[at..end].fill(0);
    });
}

/// Opens files of which one was damaged; `HAFIR_POWER_CUTS` multiplies the places. Without `most`, the first 512 bytes.
fn each_damage(name: &str, most: usize, damage: impl Fn(&mut Vec<u8>, usize)) {
    let folder = Folder::new();
    let ledger = folder.open();
    fill(&ledger);
    drop(ledger);
    let (copy, journal) = (folder.file(COPY), folder.file(JOURNAL));
    let good = (fs::read(&copy).unwrap(), fs::read(&journal).unwrap());
    let length = if name == COPY { good.0.len() } else { good.1.len() };
    let factor: usize = std::env::var("HAFIR_POWER_CUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let sample: Vec<usize> = match most {
        0 => places(512, 64 * factor, 0).collect(),
        _ => places(length, most * factor, factor).collect(),
    };
    for at in sample {
        fs::write(&copy, &good.0).unwrap();
        fs::write(&journal, &good.1).unwrap();
        let mut bytes = if name == COPY { good.0.clone() } else { good.1.clone() };
        damage(&mut bytes, at);
        fs::write(folder.file(name), bytes).unwrap();
        let what = format!("{name} damaged at {at}");
        let (ledger, _) = Ledger::open(&folder.0);
        assert!(ledger.refusal().is_none(), "{what}: {:?}", ledger.refusal());
        assert_filled(&ledger, &what);
        put(&ledger, "new", "made");
        drop(ledger);
        // Both files are whole again.
        let ledger = folder.open();
        assert_filled(&ledger, &what);
        assert_eq!(text(&ledger, "new").as_deref(), Some("made"), "{what}");
        drop(ledger);
        for entry in fs::read_dir(&folder.0).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains(".broken-") {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

#[test]
fn broken_files_are_put_aside_and_said() {
    let folder = Folder::new();
    let ledger = folder.open();
    fill(&ledger);
    drop(ledger);
    for round in 1..3 {
        fs::write(folder.file(COPY), b"nothing like a journal\n").unwrap();
        let (ledger, problem) = Ledger::open(&folder.0);
        let problem = problem.unwrap();
        assert!(problem.contains(&format!("keys.copy.broken-{round}")), "{problem}");
        assert_filled(&ledger, "restored");
    }
    let mut bytes = fs::read(folder.file(JOURNAL)).unwrap();
    bytes[40] ^= 1;
    fs::write(folder.file(JOURNAL), &bytes).unwrap();
    fs::write(folder.file(COPY), b"nothing like a journal\n").unwrap();
    let (ledger, problem) = Ledger::open(&folder.0);
    assert!(problem.unwrap().contains("may have to be revoked again"));
    assert_eq!(fs::read(folder.file("keys.journal.broken-1")).unwrap(), bytes);
    assert_eq!(text(&ledger, "k2").as_deref(), Some("ended"));
}

#[test]
fn an_old_copy_of_either_file_brings_nothing_back() {
    let folder = Folder::new();
    put(&folder.open(), "k", "made");
    let old = |name: &str| fs::read(folder.file(name)).unwrap();
    let (copy, journal) = (old(COPY), old(JOURNAL));
    folder.open().write_last(Table::Keys, "k", b"ended").unwrap();
    for (name, bytes) in [(COPY, copy), (JOURNAL, journal)] {
        fs::write(folder.file(name), bytes).unwrap();
        assert_eq!(text(&folder.open(), "k").as_deref(), Some("ended"), "{name}");
    }
}

#[test]
fn a_change_that_was_cut_short_is_there_or_not_and_harms_no_other() {
    let folder = Folder::new();
    let ledger = folder.open();
    put(&ledger, "k", "made");
    drop(ledger);
    let before = (fs::read(folder.file(COPY)).unwrap(), fs::read(folder.file(JOURNAL)).unwrap());
    folder.open().write_last(Table::Keys, "k", b"ended").unwrap();
    let after = fs::read(folder.file(JOURNAL)).unwrap();
    for length in before.1.len()..=after.len() {
        fs::write(folder.file(COPY), &before.0).unwrap();
        fs::write(folder.file(JOURNAL), &after[..length]).unwrap();
        let (ledger, problem) = Ledger::open(&folder.0);
        assert_eq!(problem, None, "a torn end is no damage");
        let expected = if length == after.len() { "ended" } else { "made" };
        assert_eq!(text(&ledger, "k").as_deref(), Some(expected), "{length}");
    }
}

#[test]
fn a_long_journal_is_written_anew() {
    let folder = Folder::new();
    let ledger = folder.open();
    ledger.write_last(Table::Keys, "ended", b"ended").unwrap();
    let big = "x".repeat(20_000);
    let length = || fs::metadata(folder.file(JOURNAL)).unwrap().len();
    for round in 0..40 {
        put(&ledger, "k", &format!("{big}{round}"));
    }
    assert!(length() < 400_000, "{}", length());
    drop(ledger);
    fs::remove_file(folder.file(COPY)).unwrap();
    let ledger = folder.open();
    assert_eq!(text(&ledger, "k"), Some(format!("{big}39")));
    assert_eq!(text(&ledger, "ended").as_deref(), Some("ended"));
}

#[test]
fn a_damaged_line_of_counts_costs_itself_alone() {
    let folder = Folder::new();
    let ledger = folder.open();
    let names: Vec<String> = (0..20).map(|number| format!("u{number}")).collect();
    let records: Vec<(&str, Option<&[u8]>)> = names.iter().map(|name| (name.as_str(), Some(&b"5"[..]))).collect();
    ledger.write(Table::Usage, &records, Durability::Now).unwrap();
    ledger.write(Table::Documents, &[("u0", Some(b"keys"))], Durability::Soon).unwrap();
    drop(ledger);
    let path = folder.file(open::COUNTS);
    let good = fs::read(&path).unwrap();
    for at in places(good.len(), 60, 3) {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        fs::write(&path, bytes).unwrap();
        let (ledger, problem) = Ledger::open(&folder.0);
        assert!(problem.is_some() || at == good.len() - 1, "{at}");
        let left = ledger.all(Table::Usage).unwrap().len() + ledger.all(Table::Documents).unwrap().len();
        // A line feed that is none any more takes two lines with it.
        assert!(left >= 19, "{left} of 21 are left after byte {at}");
        drop(ledger);
        folder.open();
    }
}

#[test]
fn what_was_removed_from_counts_may_come_again() {
    let folder = Folder::new();
    for round in 0..3 {
        let ledger = folder.open();
        assert_eq!(ledger.get(Table::Usage, "u").unwrap(), None, "{round}");
        ledger.write(Table::Usage, &[("u", Some(b"5"))], Durability::Now).unwrap();
        drop(ledger);
        let ledger = folder.open();
        assert_eq!(ledger.get(Table::Usage, "u").unwrap().as_deref(), Some(&b"5"[..]), "{round}");
        ledger.write(Table::Usage, &[("u", None)], Durability::Now).unwrap();
    }
}

#[test]
fn counts_take_no_more_room_than_they_need() {
    let folder = Folder::new();
    let ledger = folder.open();
    let text = "9".repeat(2000);
    for round in 0..1000 {
        let name = format!("u{}", round % 7);
        ledger.write(Table::Usage, &[(&name, Some(text.as_bytes()))], Durability::Soon).unwrap();
    }
    assert!(fs::metadata(folder.file(open::COUNTS)).unwrap().len() < 300_000);
    drop(ledger);
    assert_eq!(folder.open().all(Table::Usage).unwrap().len(), 7);
}
