//! From lines to sections and `key = value` entries. Knows the shape of the language and none of its words.

use super::problem::{Fault, Report, shown};
use super::quote;
use super::text::{Line, is_blank, trim};

/// `[kind name]` and the entries below it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct RawSection {
    /// The line of the head; 0 for what stands before the first one.
    pub(super) line: usize,
    pub(super) kind: String,
    /// Empty where there is none. Blanks inside are single ones.
    pub(super) name: String,
    pub(super) entries: Vec<RawEntry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RawEntry {
    pub(super) line: usize,
    pub(super) key: String,
    /// Without the comment, quotes still on.
    pub(super) value: String,
    /// Bytes in it that are no text.
    pub(super) flaw: Option<Fault>,
}

impl RawSection {
    /// `route wiki`, as messages name it.
    pub(super) fn title(&self) -> String {
        match (self.kind.as_str(), self.name.as_str()) {
            (kind, "") => kind.to_owned(),
            (kind, name) => format!("{kind} {name}"),
        }
    }
}

/// Reads all lines. The first section is the nameless one of line 0, with what stands before the first head.
pub(super) fn read(lines: &[Line], report: &mut Report) -> Vec<RawSection> {
    let mut sections = Vec::new();
    let mut open = RawSection::default();
    for line in lines {
        let text = trim(&line.text);
        if text.is_empty() || text.starts_with([';', '#']) {
            continue;
        }
        if text.starts_with('[') {
            sections.push(std::mem::replace(&mut open, head(line, text, report)));
        } else if let Some(entry) = entry(line, text, &open, report) {
            open.entries.push(entry);
        }
    }
    sections.push(open);
    sections
}

/// A head without its `]` opens the section all the same, so that the keys below it are judged by it.
fn head(line: &Line, text: &str, report: &mut Report) -> RawSection {
    let text = quote::without_comment(text);
    let (inside, behind) = match text.strip_prefix('[').unwrap_or(text).split_once(']') {
        Some((inside, behind)) => (inside, trim(behind)),
        None => (text.strip_prefix('[').unwrap_or(text), ""),
    };
    let mut words = inside.split(is_blank).filter(|word| !word.is_empty());
    let kind = words.next().unwrap_or_default().to_ascii_lowercase();
    let name = quote::unquoted(&words.collect::<Vec<_>>().join(" ")).to_owned();
    let section = RawSection { line: line.number, kind, name, entries: Vec::new() };
    if let Some(flaw) = flaw(line, text) {
        report.add(line.number, &section.title(), "", flaw);
    }
    if !text.contains(']') {
        let suggestion = format!("[{}]", shown(&section.title()));
        report.add(line.number, "", "", Fault::Unclosed { found: shown(text), suggestion });
    }
    if !behind.is_empty() {
        report.add(line.number, &section.title(), "", Fault::BehindBracket { found: shown(behind) });
    }
    section
}

fn entry(line: &Line, text: &str, section: &RawSection, report: &mut Report) -> Option<RawEntry> {
    let Some((key, value)) = text.split_once('=') else {
        report.add(line.number, &section.title(), "", no_equals(text));
        return None;
    };
    let key = trim(key);
    if key.is_empty() {
        report.add(line.number, &section.title(), "", Fault::NoKey);
        return None;
    }
    let value = quote::without_comment(value);
    let flaw = flaw(line, key).or_else(|| flaw(line, value));
    Some(RawEntry { line: line.number, key: key.to_owned(), value: value.to_owned(), flaw })
}

/// Only the first word is shown, where it may be a key: the rest may be a password.
fn no_equals(text: &str) -> Fault {
    const LONGEST_KEY: usize = 40;
    let (word, rest) = text.split_once(|c: char| is_blank(c) || c == ':').unwrap_or((text, ""));
    if word.len() > LONGEST_KEY {
        return Fault::NoEquals {
            found: format!("{}…", shown(&word.chars().take(8).collect::<String>())),
            suggestion: None,
        };
    }
    if trim(rest).is_empty() {
        return Fault::NoEquals { found: shown(text), suggestion: None };
    }
    let word = shown(word);
    Fault::NoEquals { found: format!("{word} …"), suggestion: Some(format!("{word} = …")) }
}

/// What a comment holds is nobody's business; what counts must be text.
fn flaw(line: &Line, text: &str) -> Option<Fault> {
    if let Some(byte) = line.foreign.filter(|_| !text.is_ascii()) {
        return Some(Fault::NotUtf8 { byte, meant: shown(text) });
    }
    text.chars().find(|c| c.is_control() && !is_blank(*c)).map(Fault::Control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text;

    fn check(file: &str, expected: &[(&str, &str)], problems: &[&str]) {
        let mut report = Report::new("f");
        let sections = read(&text::lines(file.as_bytes()).unwrap(), &mut report);
        let read: Vec<(String, String)> = sections
            .iter()
            .flat_map(|section| section.entries.iter().map(|e| (section.title(), format!("{}={}", e.key, e.value))))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(title, entry)| (title.to_string(), entry.to_string())).collect();
        assert_eq!(read, expected, "{file:?}");
        assert_eq!(report.finish().0.lines(), problems, "{file:?}");
    }

    #[test]
    fn sections_and_entries_are_read() {
        check("[gateway]\nname = a = b", &[("gateway", "name=a = b")], &[]);
        check("[ Route\u{A0} my  wiki ] ; x\n\tpath\t=\t/a/\t", &[("route my wiki", "path=/a/")], &[]);
        check("[route \"a b\"]\nk=1\nk=2", &[("route a b", "k=1"), ("route a b", "k=2")], &[]);
        check("# a\n ; b\n\n", &[], &[]);
        check("k = 1", &[("", "k=1")], &[]);
    }

    #[test]
    fn what_is_not_ini_is_told() {
        check(
            "[route a\nk=1",
            &[("route a", "k=1")],
            &["f:1: found '[route a' without its ']'; did you mean '[route a]'?"],
        );
        check(
            "[a] b\n",
            &[],
            &["f:1: [a]: found 'b' behind the ']'; expected the head of a section alone on its line"],
        );
        check("[a]\n= 1\n", &[], &["f:2: [a]: nothing stands before the '='; expected 'key = value'"]);
        check(
            "[a]\nname: secret\nword\n\u{1b}\u{1b}\u{1b}\u{1b}\u{1b}\u{1b}\u{1b}\u{1b}long-long-long-long-long-long-long-long-long",
            &[],
            &[
                "f:2: [a]: found 'name …' without '='; expected 'key = value'; did you mean 'name = …'?",
                "f:3: [a]: found 'word' without '='; expected 'key = value'",
                "f:4: [a]: found '\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}…' without '='; \
                 expected 'key = value'",
            ],
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_a_flaw_of_what_counts_only() {
        let mut report = Report::new("f");
        let lines = text::lines(b"[a]\nk = \xC9 ; x\nk = e ; \xC9\nk = \x01\n; \x01\xC9").unwrap();
        let sections = read(&lines, &mut report);
        let flaws: Vec<_> = sections[1].entries.iter().map(|entry| entry.flaw.clone()).collect();
        let foreign = Fault::NotUtf8 { byte: 0xC9, meant: "É".into() };
        assert_eq!(flaws, [Some(foreign), None, Some(Fault::Control('\u{1}'))]);
    }
}
