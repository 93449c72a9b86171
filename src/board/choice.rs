//! Which of the files on the card is the person's. Windows hides endings, phones number copies, word processors have
//! formats of their own; what was meant is mostly plain all the same.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The name that counts before all others.
pub(crate) const NAME: &str = "hafir.ini";
/// What the board itself writes there.
pub(crate) const STATUS_NAME: &str = "hafir-status.txt";

/// How much of a file is looked at to tell what it is.
pub(crate) const HEAD: usize = 4096;

/// A file in the card's first folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// In seconds since 1970, by whatever clock wrote it.
    pub(crate) modified: i64,
    /// Its first [`HEAD`] bytes.
    pub(crate) head: Vec<u8>,
    /// Whether it is, byte for byte, what the card came with.
    pub(crate) is_shipped: bool,
}

/// What is found, and what there is to say of it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Choice {
    /// The name of the file that counts, and what it holds.
    pub(crate) chosen: Option<(String, Content)>,
    /// What the person should do something about: a sentence each.
    pub(crate) needs: Vec<String>,
    /// What may be good to know.
    pub(crate) notes: Vec<String>,
}

/// What a file holds, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Text,
    /// Nothing, or blanks, or the zeros that a power cut leaves behind.
    Empty,
    /// Of a program that writes more than text: what people call it.
    Document(&'static str),
}

/// What a name says, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Class {
    /// `hafir.ini`, in any case.
    Proper,
    /// With an ending too many, or another one.
    Ending,
    /// A numbered or named copy.
    Copy,
    /// Never read: a hint at most.
    Backup,
}

/// The rules, in order. What can be read goes before what cannot; what somebody wrote before what the card came with; then
/// the better name; then the newer file; then the name that sorts first.
pub(crate) fn choose(candidates: &[Candidate]) -> Choice {
    let known: Vec<Known<'_>> = candidates.iter().filter_map(Known::of).collect();
    let mut readable: Vec<&Known<'_>> = known.iter().filter(|known| known.is_readable()).collect();
    readable.sort_by_key(|known| known.order());
    let mut choice = Choice::default();
    match readable.split_first() {
        Some((best, others)) => choice.take(best, others),
        None => choice.without(&known),
    }
    let is_written = readable.first().is_some_and(|best| !best.candidate.is_shipped);
    for known in &known {
        if let Content::Document(what) = known.content
            && known.class != Class::Backup
        {
            let sentence = format!(
                "'{}' is {what}, which is not read. Open it, choose 'Save as', then 'plain text', and name it {NAME}.",
                known.candidate.name
            );
            if is_written { choice.notes.push(sentence) } else { choice.needs.push(sentence) }
        }
    }
    choice
}

impl Choice {
    fn take(&mut self, best: &Known<'_>, others: &[&Known<'_>]) {
        let name = &best.candidate.name;
        self.chosen = Some((name.clone(), best.content));
        if best.class != Class::Proper {
            self.notes.push(format!("'{name}' is read as if it were named {NAME}."));
        }
        let (shipped, written): (Vec<&Known<'_>>, Vec<_>) = others.iter().partition(|other| other.candidate.is_shipped);
        for other in shipped {
            let other = &other.candidate.name;
            self.notes.push(format!("'{other}' is still as the card came with it, so '{name}' counts."));
        }
        // Two files that hold the same cannot be mistaken for each other.
        let different: BTreeSet<&str> = written
            .iter()
            .filter(|other| other.candidate.head != best.candidate.head)
            .map(|other| other.candidate.name.as_str())
            .collect();
        if !different.is_empty() {
            let names: Vec<String> = different.iter().map(|name| format!("'{name}'")).collect();
            let newer = written.iter().any(|other| other.candidate.modified > best.candidate.modified);
            let hint = if newer { ", although there is a newer one" } else { "" };
            self.needs.push(format!(
                "There are several configuration files. '{name}' counts{hint}; {} not. Delete what you do not want, \
                 and name the one you want {NAME}.",
                match names.as_slice() {
                    [one] => format!("{one} does"),
                    all => format!("{} do", all.join(", ")),
                }
            ));
        }
    }

    /// Nothing can be read.
    fn without(&mut self, known: &[Known<'_>]) {
        let empty = known.iter().filter(|known| known.content == Content::Empty && known.class != Class::Backup);
        let documents = known.iter().filter(|known| matches!(known.content, Content::Document(_)));
        if let Some(empty) = empty.min_by_key(|known| known.order()) {
            let name = &empty.candidate.name;
            self.chosen = Some((name.clone(), Content::Empty));
            self.needs.push(format!(
                "'{name}' is empty. Perhaps the power went while it was written; write it again, or put a copy in its place."
            ));
        } else if let Some(document) = documents.min_by_key(|known| known.order()) {
            self.chosen = Some((document.candidate.name.clone(), document.content));
        } else {
            self.needs.push(format!("There is no {NAME} on the card. Put one there; it is a plain text file."));
        }
        if let Some(backup) = known.iter().find(|known| known.class == Class::Backup && known.content == Content::Text)
        {
            let name = &backup.candidate.name;
            self.notes.push(format!("'{name}' looks like a copy: where it is the right one, name it {NAME}."));
        }
    }
}

/// A candidate that is the person's file by its name.
struct Known<'a> {
    candidate: &'a Candidate,
    class: Class,
    content: Content,
}

impl<'a> Known<'a> {
    fn of(candidate: &'a Candidate) -> Option<Known<'a>> {
        let class = class(&candidate.name)?;
        let content = content(&candidate.head);
        // A page about the configuration is none.
        let is_meant = class != Class::Copy || content != Content::Text || looks_like_configuration(&candidate.head);
        is_meant.then_some(Known { candidate, class, content })
    }

    fn is_readable(&self) -> bool {
        self.content == Content::Text && self.class != Class::Backup
    }

    fn order(&self) -> (bool, Class, Reverse<i64>, &str) {
        let Candidate { name, modified, is_shipped, .. } = self.candidate;
        (*is_shipped, self.class, Reverse(*modified), name)
    }
}

fn class(name: &str) -> Option<Class> {
    const ENDINGS: [&str; 7] = ["ini", "txt", "text", "conf", "cfg", "inf", "config"];
    const BACKUPS: [&str; 6] = ["bak", "old", "orig", "save", "backup", "sav"];
    const LEFT_OVER: [&str; 5] = ["new", "swp", "tmp", "part", "crdownload"];
    let lower = name.to_lowercase();
    // What macOS, Word and editors put beside a file while they have it open.
    let is_hidden = lower.starts_with(['.', '~', '_']) || !lower.contains("hafir") || lower.starts_with("hafir-status");
    if is_hidden {
        return None;
    }
    if lower == NAME {
        return Some(Class::Proper);
    }
    let mut stem = lower.trim();
    if stem.ends_with('~') {
        return Some(Class::Backup);
    }
    while let Some((before, ending)) = stem.rsplit_once('.') {
        match ending.trim() {
            ending if BACKUPS.contains(&ending) => return Some(Class::Backup),
            ending if LEFT_OVER.contains(&ending) => return None,
            ending if ENDINGS.contains(&ending) => stem = before.trim(),
            _ => break,
        }
    }
    Some(if stem == "hafir" { Class::Ending } else { Class::Copy })
}

fn content(head: &[u8]) -> Content {
    let is_padding =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1A | 0xFF | 0xFE | 0xEF | 0xBB | 0xBF);
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let begins = |mark: &[u8]| text.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark));
    match () {
        () if head.iter().all(is_padding) => Content::Empty,
        () if begins(b"{\\rtf") => Content::Document("a document with formats (RTF)"),
        () if begins(b"PK\x03\x04") => Content::Document("a document of Word or OpenOffice, or a ZIP archive"),
        () if begins(b"\xD0\xCF\x11\xE0") => Content::Document("a document of Word"),
        () if begins(b"%PDF") => Content::Document("a PDF document"),
        () if begins(b"<!doctype") || begins(b"<html") || begins(b"<?xml") => Content::Document("a web page"),
        () if is_binary(text) => Content::Document("no text"),
        () => Content::Text,
    }
}

/// One byte in eight is no letter of any alphabet. UTF-16 has such bytes, and zeros, which no picture has so regularly.
fn is_binary(text: &[u8]) -> bool {
    let control = |byte: &&u8| matches!(byte, 1..=8 | 14..=25 | 27..=31 | 127);
    let zeros = text.iter().filter(|byte| **byte == 0).count();
    zeros * 4 < text.len() && text.iter().filter(control).count() * 8 > text.len()
}

/// Somewhere in it stands the head of a section, and somewhere a key.
fn looks_like_configuration(head: &[u8]) -> bool {
    [b'[', b']', b'='].iter().all(|mark| head.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[gateway]\nname = a\n";

    fn file(name: &str, modified: i64, head: &str) -> Candidate {
        Candidate { name: name.into(), modified, head: head.as_bytes().to_vec(), is_shipped: false }
    }

    fn shipped(name: &str) -> Candidate {
        Candidate { is_shipped: true, ..file(name, 9, TEXT) }
    }

    fn check(candidates: &[Candidate], expected: &str, needs: &[&str], notes: &[&str]) {
        let choice = choose(candidates);
        let chosen = choice.chosen.as_ref().map_or("", |(name, _)| name);
        assert_eq!(chosen, expected, "{candidates:?}");
        for (found, words) in [(&choice.needs, needs), (&choice.notes, notes)] {
            assert_eq!(found.len(), words.len(), "{found:?}");
            for (sentence, words) in found.iter().zip(words) {
                assert!(sentence.contains(words), "{sentence}");
            }
        }
    }

    #[test]
    fn one_file_is_found_under_many_names() {
        for name in ["hafir.ini", "HAFIR.INI", "Hafir.Ini"] {
            check(&[file(name, 1, TEXT)], name, &[], &[]);
        }
        for name in [
            "hafir.ini.txt",
            "hafir.txt",
            "HAFIR.TXT",
            "hafir.ini.ini",
            "hafir.conf",
            "hafir",
            "hafir (1).ini",
            "Copy of hafir.ini",
            "hafir - Copy.ini",
            "hafir - Kopie.ini.txt",
            "HAFIR~1.INI",
            "hafir.rtf",
            "hafir2.ini",
        ] {
            check(&[file(name, 1, TEXT)], name, &[], &["as if it were named hafir.ini"]);
        }
    }

    #[test]
    fn what_is_no_configuration_is_not_taken() {
        for name in [
            "._hafir.ini",
            "~$hafir.ini",
            "hafir-status.txt",
            ".hafir.ini.7.new",
            "desktop.ini",
            "config.txt",
            "hafir.ini.tmp",
            "autorun.inf",
        ] {
            check(&[file(name, 1, TEXT)], "", &["There is no hafir.ini"], &[]);
        }
        check(&[file("hafir-readme.txt", 9, "Edit the file.")], "", &["There is no hafir.ini"], &[]);
        for name in ["hafir.ini.bak", "hafir.ini~", "hafir.old"] {
            check(&[file(name, 1, TEXT)], "", &["There is no hafir.ini"], &["looks like a copy"]);
            check(&[file(name, 9, TEXT), file("hafir.ini", 1, TEXT)], "hafir.ini", &[], &[]);
        }
    }

    #[test]
    fn of_several_the_best_name_counts_and_that_is_told() {
        let other = "[gateway]\nname = b\n";
        check(
            &[file("hafir.ini.txt", 9, other), file("hafir.ini", 1, TEXT)],
            "hafir.ini",
            &["although there is a newer"],
            &[],
        );
        check(
            &[file("hafir (1).ini", 1, other), file("hafir.ini", 9, TEXT)],
            "hafir.ini",
            &["'hafir (1).ini' does not"],
            &[],
        );
        check(&[file("hafir (1).ini", 1, TEXT), file("hafir.ini", 9, TEXT)], "hafir.ini", &[], &[]);
        check(
            &[file("hafir.txt", 1, TEXT), file("hafir.ini.txt", 2, other), file("hafir (1).ini", 3, TEXT)],
            "hafir.ini.txt",
            &["'hafir (1).ini', 'hafir.txt' do not"],
            &["as if"],
        );
    }

    #[test]
    fn a_file_that_nobody_touched_gives_way() {
        check(
            &[shipped("hafir.ini"), file("hafir.txt", 1, TEXT)],
            "hafir.txt",
            &[],
            &["as if", "still as the card came"],
        );
        check(&[shipped("hafir.ini")], "hafir.ini", &[], &[]);
        check(&[file("hafir.ini", 5, ""), file("hafir.ini.txt", 1, TEXT)], "hafir.ini.txt", &[], &["as if"]);
    }

    #[test]
    fn documents_are_named_with_what_mends_them() {
        for (head, what) in [
            ("{\\rtf1\\ansi", "RTF"),
            ("PK\x03\x04abc", "Word or OpenOffice"),
            ("%PDF-1.4", "PDF"),
            ("\u{FEFF}\r\n<!DOCTYPE html>", "web page"),
            ("\x01\x02\x03\x04GIF", "no text"),
        ] {
            check(&[file("hafir.ini", 1, head)], "hafir.ini", &[what], &[]);
            check(&[file("hafir.doc", 1, head)], "hafir.doc", &["'Save as', then 'plain text'"], &[]);
            check(&[shipped("hafir.ini"), file("hafir.docx", 1, head)], "hafir.ini", &[what], &[]);
            check(&[file("hafir.ini", 1, TEXT), file("hafir.docx", 1, head)], "hafir.ini", &[], &[what]);
        }
    }

    #[test]
    fn texts_in_all_their_encodings_are_texts() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for head in [utf16("\u{FEFF}[gateway]\r\nname = é"), utf16("[gateway]"), b"[gateway]\nname = \xC9".to_vec()] {
            assert_eq!(content(&head), Content::Text);
        }
        for head in [&b""[..], b" \r\n\t", &[0; 512], b"\xEF\xBB\xBF", b"\xFF\xFE\r\0\n\0", b"\n\x1A"] {
            assert_eq!(content(head), Content::Empty, "{head:?}");
        }
    }
}
