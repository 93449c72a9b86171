//! From the bytes of a file to its lines, as the person who wrote them meant them: whatever editor it was, and
//! whatever a power cut left behind the end.

use super::problem::Fault;

/// The largest file that is read. A thousand routes fit into a tenth of it.
pub(super) const MAX_FILE: usize = 1 << 20;

/// One line, without its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) text: String,
    /// The first byte that is not UTF-8; `text` then holds what Windows-1252 makes of the line.
    pub(super) foreign: Option<u8>,
}

/// Splits a file into lines: UTF-8 with or without a byte-order mark, UTF-16 with one; lines ended by CRLF, LF or a lone
/// CR; NUL padding, DOS end-of-file marks and blanks at the end are dropped.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<Line>, Fault> {
    if bytes.len() > MAX_FILE {
        return Err(Fault::TooLarge);
    }
    match bytes {
        [0xFF, 0xFE, rest @ ..] => Ok(split(utf16(rest, u16::from_le_bytes).as_bytes())),
        [0xFE, 0xFF, rest @ ..] => Ok(split(utf16(rest, u16::from_be_bytes).as_bytes())),
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(split(rest)),
        _ if is_bare_utf16(bytes) => Err(Fault::Utf16WithoutMark),
        _ => Ok(split(bytes)),
    }
}

/// Whether a character separates words: every white space, and what is invisible and comes along with pasted text.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Latin text in UTF-16 has a NUL in every second place.
fn is_bare_utf16(bytes: &[u8]) -> bool {
    let text = without_padding(bytes);
    let nuls = text.iter().filter(|byte| **byte == 0).count();
    text.len() >= 4 && nuls >= text.len() / 3
}

fn split(bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = without_padding(bytes);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        lines.push(decode(lines.len() + 1, line));
        rest = match tail {
            [b'\r', b'\n', next @ ..] | [b'\r' | b'\n', next @ ..] => next,
            _ => tail,
        };
    }
    lines
}

fn without_padding(bytes: &[u8]) -> &[u8] {
    const END_OF_FILE: u8 = 0x1A;
    let is_padding = |byte: &u8| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n') || *byte == END_OF_FILE;
    let end = bytes.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

fn decode(number: usize, line: &[u8]) -> Line {
    match std::str::from_utf8(line) {
        Ok(text) => Line { number, text: text.to_owned(), foreign: None },
        Err(error) => Line {
            number,
            text: line.iter().map(|byte| windows_1252(*byte)).collect(),
            foreign: line.get(error.valid_up_to()).copied(),
        },
    }
}

/// What Notepad calls ANSI.
fn windows_1252(byte: u8) -> char {
    const FROM_0X80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    let named = byte.checked_sub(0x80).and_then(|place| FROM_0X80.get(usize::from(place)));
    named.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).unwrap().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        assert_eq!(texts(b"a\r\nb\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(texts(b"a\n\nb\r\r\n"), ["a", "", "b"]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn marks_choose_the_encoding() {
        let text = "[gateway]\r\nname = École 🎓";
        let le: Vec<u8> = [0xFEFFu16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = [0xFEFFu16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
        for bytes in [le, be, marked, text.as_bytes().to_vec()] {
            assert_eq!(texts(&bytes), ["[gateway]", "name = École 🎓"]);
        }
        let bare: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&bare), Err(Fault::Utf16WithoutMark));
    }

    #[test]
    fn padding_behind_the_end_is_dropped() {
        assert_eq!(texts(b"a = 1\n\x1A"), ["a = 1"]);
        assert_eq!(texts(&[b"a = 1\r\n".as_slice(), &[0; 4096]].concat()), ["a = 1"]);
        assert!(texts(&[0; 64]).is_empty());
    }

    #[test]
    fn old_notepad_bytes_are_told_with_their_line() {
        let read = lines(b"a\nname = \xC9cole \x93x\x94\nb").unwrap();
        assert_eq!(read[1], Line { number: 2, text: "name = École “x”".into(), foreign: Some(0xC9) });
        assert_eq!(read[2].foreign, None);
    }

    #[test]
    fn a_film_is_not_read() {
        assert_eq!(lines(&vec![b'a'; MAX_FILE + 1]), Err(Fault::TooLarge));
    }
}
