use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::chain::{Chain, Limits, Pending};
use super::entry::tests::entry;
use super::entry::{Stamp, write_entry};
use super::folder::tests::Folder;
use super::verify::{Fault, Finding};
use super::*;
use crate::base::Size;
use crate::config::AuditConfig;

const LARGE: Limits = Limits { size: 1 << 30, segment: 1 << 20 };

/// Room for about nine records.
const SMALL: Limits = Limits { size: 1 << 30, segment: 4096 };

fn members(count: usize) -> Pending {
    let mut pending = Pending { stamp: Stamp(entry().now), ..Pending::default() };
    for number in 0..count {
        let id = format!("k{number}");
        write_entry(&mut pending.members, &AuditEntry { identity: Some(("key", &id)), ..entry() });
        pending.members.push(b'\n');
    }
    pending
}

/// One run of the gateway that notes so many exchanges, each synced by itself.
fn run(folder: &Path, limits: Limits, count: usize) {
    let mut chain = Chain::take_up(folder, limits, None).unwrap();
    for _ in 0..count {
        chain.append(&mut members(1)).unwrap();
    }
}

fn trail(limits: Limits, count: usize) -> Folder {
    let folder = Folder::new();
    run(&folder.0, limits, count);
    folder
}

fn segment(folder: &Folder, number: u32) -> PathBuf {
    folder::segment(&folder.0, number)
}

fn sound(folder: &Folder) -> Report {
    let report = verify(&folder.0, None).unwrap();
    assert_eq!(report.findings, [], "{:?}", fs::read_dir(&folder.0).unwrap().collect::<Vec<_>>());
    report
}

fn faults(folder: &Folder) -> Vec<(u32, u64, Fault)> {
    let findings = verify(&folder.0, None).unwrap().findings;
    findings.into_iter().map(|finding| (finding.segment, finding.line, finding.fault)).collect()
}

/// Makes a sealed segment writable, as somebody with the right to would.
fn change(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = change(fs::read(path).unwrap());
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn change_lines(path: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    change(path, |bytes| {
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        edit(&mut lines);
        lines.concat()
    });
}

#[test]
fn an_untouched_trail_is_sound_over_segments_and_runs() {
    let folder = Folder::new();
    for _ in 0..4 {
        run(&folder.0, SMALL, 7);
    }
    let report = sound(&folder);
    assert_eq!((report.exchanges, report.lost, report.dropped), (28, 0, None));
    assert!(report.segments >= 3 && report.torn.is_empty(), "{report:?}");
    assert_eq!(report.last.unwrap().seq, report.records);
    let mut records = Records::open(&folder.0).unwrap();
    let mut seqs = Vec::new();
    while let Some(record) = records.next().unwrap() {
        seqs.push(record.seq);
    }
    assert_eq!(seqs, (1..=report.records).collect::<Vec<_>>());
    for number in 1..report.segments as u32 {
        assert!(fs::metadata(segment(&folder, number)).unwrap().permissions().readonly());
    }
}

#[test]
fn a_batch_may_span_segments_and_loses_nothing() {
    let folder = Folder::new();
    let mut chain = Chain::take_up(&folder.0, SMALL, None).unwrap();
    let mut pending = members(100);
    pending.lost = 3;
    chain.append(&mut pending).unwrap();
    assert!(pending.is_empty());
    let report = sound(&folder);
    assert_eq!((report.exchanges, report.lost), (100, 3));
    for number in 1..=report.segments as u32 {
        assert!(fs::metadata(segment(&folder, number)).unwrap().len() <= SMALL.segment);
    }
}

#[test]
fn each_changed_byte_is_found_in_its_line() {
    let folder = trail(SMALL, 20);
    for number in [1, 2] {
        let path = segment(&folder, number);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            let line = 1 + whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            change(&path, |mut bytes| {
                bytes[at] ^= 1;
                bytes
            });
            let found = faults(&folder);
            let named = found.iter().any(|(segment, at, _)| *segment == number && (line..=line + 1).contains(at));
            assert!(named, "segment {number} byte {at} line {line}: {found:?}");
            change(&path, |_| whole.clone());
        }
    }
    sound(&folder);
}

#[test]
fn removed_swapped_and_repeated_records_are_named() {
    for (edit, expected) in [
        (
            (|lines| drop(lines.remove(3))) as fn(&mut Vec<Vec<u8>>),
            vec![(1, 4, Fault::Order { expected: 4, found: 5 })],
        ),
        (
            |lines| lines.swap(3, 4),
            vec![
                (1, 4, Fault::Order { expected: 4, found: 5 }),
                (1, 5, Fault::Order { expected: 6, found: 4 }),
                (1, 6, Fault::Order { expected: 5, found: 6 }),
            ],
        ),
        (|lines| lines.insert(3, lines[2].clone()), vec![(1, 4, Fault::Order { expected: 4, found: 3 })]),
        (|lines| drop(lines.remove(0)), vec![(1, 1, Fault::NotOpened)]),
        (|lines| drop(lines.pop()), vec![(1, 0, Fault::NotSealed)]),
    ] {
        let folder = trail(SMALL, 20);
        let count = fs::read(segment(&folder, 1)).unwrap().iter().filter(|byte| **byte == b'\n').count() as u64;
        change_lines(&segment(&folder, 1), edit);
        let mut found = faults(&folder);
        found.retain(|(_, line, fault)| *line < count.min(7) && !matches!(fault, Fault::SealCount { .. }));
        assert_eq!(found.iter().take(expected.len()).cloned().collect::<Vec<_>>(), expected, "{found:?}");
    }
}

#[test]
fn records_of_another_trail_do_not_fit() {
    let (folder, other) = (trail(SMALL, 20), Folder::new());
    run(&other.0, SMALL, 1);
    run(&other.0, SMALL, 19);
    let theirs = fs::read(segment(&other, 1)).unwrap();
    change_lines(&segment(&folder, 1), |lines| {
        lines[3] = theirs.split_inclusive(|byte| *byte == b'\n').nth(3).unwrap().to_vec();
    });
    assert_eq!(faults(&folder)[0], (1, 4, Fault::Unlinked { seq: 4 }));
}

#[test]
fn removed_and_swapped_segments_are_named() {
    let count = sound(&trail(SMALL, 40)).segments as u32;
    assert!(count > 4);
    let removed = |number: u32| {
        let folder = trail(SMALL, 40);
        fs::remove_file(segment(&folder, number)).unwrap();
        faults(&folder)
    };
    for number in 1..count {
        let fault = Fault::SegmentsMissing { from: number, through: number };
        let found = removed(number);
        assert!(found.len() == 1 && found[0].2 == fault, "{found:?}");
    }
    assert!(matches!(removed(count)[..], [(_, 0, Fault::End { .. })]));
    let folder = trail(SMALL, 40);
    let (first, second) = (fs::read(segment(&folder, 2)).unwrap(), fs::read(segment(&folder, 3)).unwrap());
    change(&segment(&folder, 2), |_| second);
    change(&segment(&folder, 3), |_| first);
    assert_eq!(faults(&folder)[0], (2, 1, Fault::NotOpened));
    let folder = trail(SMALL, 40);
    fs::copy(segment(&folder, 2), folder.0.join("copy")).unwrap();
    fs::rename(folder.0.join("copy"), folder::segment(&folder.0, count + 1)).unwrap();
    assert_eq!(faults(&folder)[0].0, count + 1);
}

#[test]
fn the_newest_records_cannot_be_taken_away_unnoticed() {
    let folder = trail(LARGE, 10);
    let last = sound(&folder).last.unwrap();
    change_lines(&segment(&folder, 1), |lines| lines.truncate(8));
    assert_eq!(faults(&folder), [(1, 0, Fault::End { last: 8, named: last.seq })]);
    // A restart does not cover it up.
    run(&folder.0, LARGE, 2);
    assert_eq!(faults(&folder), [(2, 1, Fault::Missing { from: 9, through: last.seq })]);
    assert_eq!(verify(&folder.0, None).unwrap().exchanges, 9);
}

#[test]
fn a_head_that_is_gone_is_told_of_also_after_a_restart() {
    let folder = trail(LARGE, 3);
    fs::remove_file(folder.0.join("audit.head")).unwrap();
    assert_eq!(faults(&folder), [(1, 0, Fault::HeadGone)]);
    run(&folder.0, LARGE, 1);
    assert_eq!(faults(&folder), [(1, 5, Fault::Unanchored)]);
}

#[test]
fn an_anchor_kept_elsewhere_finds_a_chain_made_anew() {
    let folder = trail(LARGE, 5);
    let anchor = sound(&folder).last.map(|last| (last.seq, last.hash));
    assert_eq!(verify(&folder.0, anchor).unwrap().findings, []);
    fs::remove_dir_all(&folder.0).unwrap();
    run(&folder.0, LARGE, 1);
    run(&folder.0, LARGE, 6);
    sound(&folder);
    let found = verify(&folder.0, anchor).unwrap().findings;
    assert!(matches!(found[..], [Finding { fault: Fault::Replaced { seq: 6 }, .. }]), "{found:?}");
}

#[test]
fn segments_that_went_because_of_the_size_are_told_apart_from_others() {
    let limits = Limits::new(20 << 10, 4096);
    let folder = trail(limits, 200);
    let report = sound(&folder);
    let through = report.dropped.unwrap();
    assert_eq!(folder::segments(&folder.0).unwrap().first(), Some(&(through + 1)));
    let total: u64 = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(through > 10 && total <= (20 << 10) + 4096, "{through} {total}");
    let anchor = Some((2, Hash::default()));
    assert!(verify(&folder.0, anchor).unwrap().anchor_dropped);
    fs::remove_file(segment(&folder, through + 1)).unwrap();
    let fault = Fault::SegmentsMissing { from: through + 1, through: through + 1 };
    assert_eq!(faults(&folder), [(through + 2, 0, fault)]);
}

#[test]
fn a_torn_tail_of_any_length_is_known_as_one_and_kept() {
    let folder = trail(LARGE, 3);
    let path = segment(&folder, 1);
    let whole = fs::read(&path).unwrap();
    let third = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0 + 1;
    // What reached the card before the power went: the head names the record before the last one.
    let head = Folder::new();
    run(&head.0, LARGE, 2);
    fs::copy(head.0.join("audit.head"), folder.0.join("audit.head")).unwrap();
    for length in third + 1..whole.len() {
        change(&path, |_| whole[..length].to_vec());
        let torn = (length - third) as u64;
        assert_eq!(sound(&folder).torn, [(1, torn)]);
        if !length.is_multiple_of(40) {
            continue;
        }
        let (later, head) = (segment(&folder, 2), fs::read(folder.0.join("audit.head")).unwrap());
        run(&folder.0, LARGE, 2);
        let report = sound(&folder);
        assert_eq!((report.torn, report.exchanges), (vec![(1, torn)], 4));
        // The torn bytes are part of the chain from now on.
        change(&path, |mut bytes| {
            bytes[length - 1] ^= 1;
            bytes
        });
        assert_eq!(faults(&folder), [(1, 4, Fault::Unreadable)]);
        fs::remove_file(later).unwrap();
        fs::write(folder.0.join("audit.head"), head).unwrap();
    }
    for garbage in [vec![0; 5000], b"\n\n\0\n".to_vec()] {
        change(&path, |_| [&whole[..third], &garbage].concat());
        assert_eq!(sound(&folder).torn, [(1, garbage.len() as u64)]);
    }
}

#[test]
fn segments_that_were_never_written_are_no_trouble() {
    let folder = trail(LARGE, 2);
    change_lines(&segment(&folder, 1), |lines| lines.push(b"{\"seq\":4,\"kind\":\"acc".to_vec()));
    fs::write(segment(&folder, 2), vec![0; 100]).unwrap();
    fs::write(segment(&folder, 3), "").unwrap();
    run(&folder.0, LARGE, 1);
    let report = sound(&folder);
    assert_eq!(report.torn, [(1, 20), (2, 100)]);
    assert_eq!((report.exchanges, report.last.unwrap().segment), (3, 3));
}

#[test]
fn an_export_verifies_by_itself() {
    let folder = trail(SMALL, 30);
    let file = folder.0.join("export.jsonl");
    let mut bytes = Vec::new();
    let exported = export(&folder.0, &mut bytes).unwrap();
    fs::write(&file, &bytes).unwrap();
    let report = verify(&file, exported.last.map(|last| (last.seq, last.hash))).unwrap();
    assert_eq!((report.findings, report.exchanges), (vec![], 30));
    change_lines(&file, |lines| drop(lines.remove(20)));
    let found = verify(&file, None).unwrap().findings;
    assert!(matches!(found[0].fault, Fault::Order { expected: 21, found: 22 }), "{found:?}");
}

fn config(folder: &Folder) -> AuditConfig {
    AuditConfig { dir: folder.0.join("audit"), size: Size::mib(1), segment: Size::kib(64) }
}

#[test]
fn what_is_noted_is_on_the_card_when_flushed_and_at_the_end() {
    let folder = Folder::new();
    let audit = Audit::start(&config(&folder));
    assert!(!folder.0.join("audit").exists());
    audit.note(&entry());
    audit.flush();
    assert_eq!(verify(&folder.0.join("audit"), None).unwrap().exchanges, 1);
    audit.reconfigure(&config(&folder));
    audit.note(&entry());
    drop(audit);
    let report = verify(&folder.0.join("audit"), None).unwrap();
    assert_eq!((report.exchanges, report.records, report.findings), (2, 3, vec![]));
}

#[test]
fn a_place_that_fails_costs_exchanges_only_when_the_wait_is_full_and_says_how_many() {
    let folder = Folder::new();
    fs::write(folder.0.join("audit"), "in the way").unwrap();
    let audit = Audit::start(&config(&folder));
    audit.note(&entry());
    audit.flush();
    let failing = audit.status().failing.unwrap();
    assert!(failing.starts_with("the audit trail in '"), "{failing}");
    while audit.status().lost < 5 {
        audit.note(&entry());
    }
    let before = audit.status();
    fs::remove_file(folder.0.join("audit")).unwrap();
    audit.flush();
    audit.flush();
    assert_eq!(audit.status().failing, None);
    drop(audit);
    let report = verify(&folder.0.join("audit"), None).unwrap();
    assert_eq!((report.findings, report.lost), (vec![], 5));
    assert_eq!(report.exchanges, before.noted - 5);
}

#[test]
fn a_second_process_does_not_break_the_chain() {
    let folder = Folder::new();
    let first = Chain::take_up(&folder.0, LARGE, None).unwrap();
    assert!(Chain::take_up(&folder.0, LARGE, None).is_err());
    drop(first);
}

/// What another process of this test does: see the tests below.
#[test]
#[ignore = "a part of other tests"]
fn child() {
    let folder = PathBuf::from(std::env::var_os("HAFIR_AUDIT").unwrap());
    let config = AuditConfig { dir: folder, size: Size::mib(64), segment: Size::kib(64) };
    let audit = Audit::start(&config);
    let most = std::env::var("HAFIR_AUDIT_MOST").map_or(u64::MAX, |most| most.parse().unwrap());
    for number in 0..most {
        let id = format!("k{number}");
        audit.note(&AuditEntry { identity: Some(("key", &id)), ..entry() });
        if number.is_multiple_of(10) || number + 1 == most {
            audit.flush();
            let failing = audit.status().failing.is_some();
            writeln!(std::io::stdout(), "\ndurable {} {failing}", number + 1).unwrap();
        }
    }
    if std::env::var_os("HAFIR_AUDIT_MOST").is_some() {
        let limit = rustix::process::Rlimit { current: None, maximum: None };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
        drop(audit);
    }
}

fn child_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

const CHILD: [&str; 4] = ["observe::audit::tests::child", "--exact", "--ignored", "--nocapture"];

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = Folder::new();
    let path = folder.0.join("audit");
    let mut before = 0;
    for round in 0..30 {
        let test = std::env::current_exe().unwrap();
        let mut command = child_command(test.to_str().unwrap());
        let mut child = command.args(CHILD).env("HAFIR_AUDIT", &path).spawn().unwrap();
        let mut durable = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok).filter(|line| line.starts_with("durable ")).take(1 + round % 7) {
            durable = line.split(' ').nth(1).unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let report = verify(&path, None).unwrap();
        assert_eq!(report.findings, [], "round {round}");
        assert!(durable > 0 && report.exchanges >= before + durable, "round {round}: {} {durable}", report.exchanges);
        before = report.exchanges;
    }
}

#[test]
fn a_full_card_costs_no_record_that_was_written() {
    let folder = Folder::new();
    let path = folder.0.join("audit");
    let test = std::env::current_exe().unwrap();
    // A file may have 40 blocks of 512 bytes; what is more fails in the middle of a write, as on a full card.
    let script = "trap '' XFSZ; ulimit -S -f 40; exec \"$@\"";
    let mut command = child_command("/bin/sh");
    command.args(["-c", script, "sh", test.to_str().unwrap()]).args(CHILD);
    let mut child = command.env("HAFIR_AUDIT", &path).env("HAFIR_AUDIT_MOST", "200").spawn().unwrap();
    let told: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{told:?}");
    assert!(told.iter().any(|line| line == "durable 1 false"), "{told:?}");
    assert!(told.iter().any(|line| line == "durable 200 true"), "{told:?}");
    let report = verify(&path, None).unwrap();
    assert_eq!((report.findings, report.exchanges, report.lost), (vec![], 200, 0));
}
