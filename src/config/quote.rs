//! Comments, quotes and commas in what stands behind an `=`.
//!
//! A quote opens only where a value, or a member of a list, begins; it closes where the value or member ends. So an
//! apostrophe in a name is a letter, and quotes of any shape that an editor made smart do what plain ones do.

use super::text::{is_blank, trim};

/// The value without a comment: a `;` or `#` that follows a blank and is not inside quotes.
pub(super) fn without_comment(text: &str) -> &str {
    trim(text.get(..scan(text).end).unwrap_or(text))
}

/// A single value without its quotes. Blanks inside of quotes stay.
pub(super) fn unquoted(text: &str) -> &str {
    let text = trim(text);
    let mut inner = text.chars();
    match (inner.next().and_then(shape), inner.next_back().and_then(shape)) {
        (Some(opening), Some(closing)) if opening == closing => inner.as_str(),
        _ => text,
    }
}

/// The members of a comma-separated list, each without its quotes. Empty members are dropped.
pub(super) fn members(text: &str) -> Vec<&str> {
    let scan = scan(text);
    let mut members = Vec::with_capacity(scan.commas.len() + 1);
    let mut start = 0;
    for comma in scan.commas.into_iter().chain([scan.end]) {
        let member = trim(text.get(start..comma).unwrap_or_default());
        if !member.is_empty() {
            members.push(unquoted(member));
        }
        start = comma + 1;
    }
    members
}

/// The members of a list that stands in a file by itself: a line each, or commas, or both; with comments.
pub(super) fn members_of_lines(text: &str) -> Vec<&str> {
    let lines = text.split(['\n', '\r']).filter(|line| !trim(line).starts_with([';', '#']));
    lines.flat_map(|line| members(without_comment(line))).collect()
}

/// The value as it must be written so that it is read back as it is. (One that holds `",` and `',` cannot be.)
pub(super) fn quoted(value: &str) -> String {
    let reads_back = |written: &str| {
        without_comment(written) == written && unquoted(written) == value && members(written) == [value]
    };
    if !value.starts_with('@') && reads_back(value) {
        return value.to_owned();
    }
    let shapes = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];
    let written = shapes.map(|(open, close)| format!("{open}{value}{close}"));
    let [plain, ..] = &written;
    written.iter().find(|written| reads_back(written)).unwrap_or(plain).clone()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Double,
}

fn shape(c: char) -> Option<Shape> {
    match c {
        '"' | '“' | '”' | '„' | '‟' | '«' | '»' => Some(Shape::Double),
        '\'' | '‘' | '’' | '‚' | '‛' => Some(Shape::Single),
        _ => None,
    }
}

struct Scan {
    commas: Vec<usize>,
    /// Where a comment begins, or the text ends.
    end: usize,
}

/// One walk over the text. Linear: a search for a closing quote that fails once is not made again.
fn scan(text: &str) -> Scan {
    let mut commas = Vec::new();
    let mut unclosed: Vec<Shape> = Vec::with_capacity(2);
    let mut member_begins = true;
    let mut after_blank = false;
    let mut resume = 0;
    for (at, c) in text.char_indices() {
        if at < resume {
            continue;
        }
        match c {
            ';' | '#' if after_blank => return Scan { commas, end: at },
            ',' => commas.push(at),
            _ => {}
        }
        if let Some(opening) = shape(c).filter(|opening| member_begins && !unclosed.contains(opening)) {
            match closing(text, at + c.len_utf8(), opening) {
                Some(behind) => resume = behind,
                None => unclosed.push(opening),
            }
        }
        after_blank = is_blank(c);
        member_begins = c == ',' || (member_begins && after_blank);
    }
    Scan { commas, end: text.len() }
}

/// The place behind the quote that closes: one followed by a comma, a comment or the end.
fn closing(text: &str, from: usize, opening: Shape) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.char_indices().filter(|(_, c)| shape(*c) == Some(opening)).find_map(|(at, c)| {
        let behind = from + at + c.len_utf8();
        let follows = text.get(behind..)?;
        let next = follows.trim_start_matches(is_blank);
        let after_blank = next.len() < follows.len();
        let closes = next.is_empty() || next.starts_with(',') || (after_blank && next.starts_with([';', '#']));
        closes.then_some(behind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_follow_a_blank() {
        for (text, value) in [
            (" /wiki/ ; the encyclopaedia", "/wiki/"),
            (" /page#part", "/page#part"),
            (" text/plain;charset=utf-8", "text/plain;charset=utf-8"),
            (" \"a ; b\" ; c", "\"a ; b\""),
            (" “a # b”\t# c", "“a # b”"),
            (" ; only a comment", ""),
            (" a, 'b ; c', d # e", "a, 'b ; c', d"),
            (" St. Mary's ; school", "St. Mary's"),
            (" 'tis ; not closed", "'tis"),
            (" 8\u{A0}GB\u{A0};x", "8\u{A0}GB"),
        ] {
            assert_eq!(without_comment(text), value, "{text}");
        }
    }

    #[test]
    fn quotes_of_any_shape_are_taken_off() {
        for (text, value) in [
            ("\"a b\"", "a b"),
            ("“a b”", "a b"),
            ("„a b“", "a b"),
            ("«a b»", "a b"),
            ("‘a’", "a"),
            ("'a\"", "'a\""),
            ("\"", "\""),
            ("\"\"", ""),
            ("\" a \"", " a "),
            ("Mary's", "Mary's"),
        ] {
            assert_eq!(unquoted(text), value, "{text}");
        }
    }

    #[test]
    fn lists_are_split_outside_of_quotes() {
        assert_eq!(members("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(members("“a, b”, 'c'"), ["a, b", "c"]);
        assert_eq!(members("a,, b,"), ["a", "b"]);
        assert!(members(" , ").is_empty());
        assert_eq!(
            members_of_lines("# ours\r\n10.0.0.1 ; a\n\n10.0.0.2, 10.0.0.3\n"),
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        for value in ["a", "a b", "a ; b", "@a", "a, b", " a ", "\"a\"", "it's", "a\", b", "«a»"] {
            let written = quoted(value);
            assert_eq!(unquoted(without_comment(&written)), value, "{written}");
            assert_eq!(members(&written), [value], "{written}");
            assert!(!written.starts_with('@'), "{written}");
        }
    }

    #[test]
    fn a_long_line_of_open_quotes_takes_no_time() {
        let hostile = "'a,\"b,".repeat(100_000);
        assert!(members(&hostile).len() > 100_000);
    }
}
