//! Where passwords stand in a file as they are, so that their hashes can be put in their place.

use super::ini;
use super::problem::Report;
use super::quote;
use super::table::{self, Kind};
use super::text;

/// The file with other passwords: `replacement` is told a user and the password, and gives what stands there instead.
/// Every other byte stays: marks, line ends, blanks, comments, padding. `None` where the file is not read without doubt.
/// Values that are read from elsewhere (`@/path/to/file`) are not in the file and are not told.
pub(crate) fn replace_passwords(
    bytes: &[u8],
    mut replacement: impl FnMut(&str, &str) -> Option<String>,
) -> Option<Vec<u8>> {
    let source = Source::decode(bytes)?;
    let mut changed = String::with_capacity(source.text.len() + 1024);
    let mut rest = 0;
    for place in places(bytes, &source.text)? {
        let Some(new) = replacement(&place.user, &place.password) else { continue };
        // It must be read back as it is written: no quotes, nothing that looks like a comment.
        if quote::quoted(&new) != new {
            return None;
        }
        changed.push_str(source.text.get(rest..place.start)?);
        changed.push_str(&new);
        rest = place.end;
    }
    changed.push_str(source.text.get(rest..)?);
    Some(Source { text: changed, ..source }.encode())
}

/// A value in the decoded text, from byte to byte.
struct Place {
    user: String,
    password: String,
    start: usize,
    end: usize,
}

/// In the order of the file.
fn places(bytes: &[u8], whole: &str) -> Option<Vec<Place>> {
    let lines = text::lines(bytes).ok()?;
    let starts = line_starts(whole);
    let mut places = Vec::new();
    for section in ini::read(&lines, &mut Report::new("")) {
        for entry in section.entries.iter().filter(|_| Kind::find(&section.kind) == Some(Kind::User)) {
            let is_password = table::find(Kind::User, &entry.key).is_some_and(|(row, _)| row.key == "password");
            if !is_password || entry.value.starts_with('@') {
                continue;
            }
            let line = lines.get(entry.line.checked_sub(1)?).filter(|line| line.number == entry.line)?;
            let from = *starts.get(entry.line.checked_sub(1)?)?;
            let written = whole.get(from..)?.get(..line.text.len()).filter(|written| *written == line.text)?;
            let (before, behind) = written.split_once('=')?;
            let blank = behind.len() - behind.trim_start_matches(text::is_blank).len();
            let start = from + before.len() + 1 + blank;
            let end = start + entry.value.len();
            if entry.flaw.is_some() || entry.value.is_empty() || whole.get(start..end) != Some(&entry.value) {
                return None;
            }
            let password = quote::unquoted(&entry.value).to_owned();
            places.push(Place { user: section.name.clone(), password, start, end });
        }
    }
    Some(places)
}

/// Where lines begin, with the ends that [`text::lines`] knows.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

/// A file's text, with what is needed to make the same bytes of it again.
struct Source {
    text: String,
    encoding: Encoding,
}

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16Little,
    Utf16Big,
}

impl Source {
    /// `None` where encoding it again would not give the same bytes.
    fn decode(bytes: &[u8]) -> Option<Source> {
        let (encoding, text) = match bytes {
            [0xFF, 0xFE, rest @ ..] => (Encoding::Utf16Little, utf16(rest, u16::from_le_bytes)?),
            [0xFE, 0xFF, rest @ ..] => (Encoding::Utf16Big, utf16(rest, u16::from_be_bytes)?),
            [0xEF, 0xBB, 0xBF, rest @ ..] => (Encoding::Utf8WithMark, String::from_utf8(rest.to_vec()).ok()?),
            _ => (Encoding::Utf8, String::from_utf8(bytes.to_vec()).ok()?),
        };
        let source = Source { text, encoding };
        (source.encode() == bytes).then_some(source)
    }

    fn encode(&self) -> Vec<u8> {
        let marked = || std::iter::once(0xFEFF).chain(self.text.encode_utf16());
        match self.encoding {
            Encoding::Utf8 => self.text.clone().into_bytes(),
            Encoding::Utf8WithMark => [&[0xEF, 0xBB, 0xBF], self.text.as_bytes()].concat(),
            Encoding::Utf16Little => marked().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Big => marked().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes everything that is not hashed, so to speak.
    fn replaced(bytes: &[u8]) -> Option<Vec<u8>> {
        replace_passwords(bytes, |user, password| {
            (!password.starts_with('$')).then(|| format!("$hash-of-{user}-{}", password.len()))
        })
    }

    fn check(file: &str, expected: &str) {
        assert_eq!(replaced(file.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(), Some(expected));
        let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(unit).collect()
        };
        for unit in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            assert!(replaced(&utf16(file, unit)) == Some(utf16(expected, unit)), "{file:?}");
        }
        let mark = "\u{FEFF}";
        assert_eq!(replaced(format!("{mark}{file}").as_bytes()), Some(format!("{mark}{expected}").into_bytes()));
    }

    #[test]
    fn only_the_value_changes() {
        check("[user mary]\npassword = secret\n", "[user mary]\npassword = $hash-of-mary-6\n");
        check(
            "; École\r\n[user mary]\r\n\tPassword\u{A0}=\u{A0}“a b ; c”\t; hers\r\nplan = x\r\n\r\n",
            "; École\r\n[user mary]\r\n\tPassword\u{A0}=\u{A0}$hash-of-mary-7\t; hers\r\nplan = x\r\n\r\n",
        );
        check("[User “Mary  Ann”]\rpassword=a=b", "[User “Mary  Ann”]\rpassword=$hash-of-Mary Ann-3");
        check(
            "[user a]\npassword=1\n\n[route password]\npassword = x\n[user b]\npassword=22 # 333\n\x1a\0\0",
            "[user a]\npassword=$hash-of-a-1\n\n[route password]\npassword = x\n[user b]\npassword=$hash-of-b-2 # 333\n\x1a\0\0",
        );
    }

    #[test]
    fn what_is_hashed_or_elsewhere_stays() {
        for file in ["", "[user a]\npassword = $x\n", "[user a]\npassword = @/run/secret\n", "[jwt a]\npassword = x"] {
            check(file, file);
        }
    }

    #[test]
    fn a_file_in_doubt_is_left_alone() {
        for bytes in [
            &b"[user a]\npassword = x\xff\n"[..],
            b"; \xe9\n[user a]\npassword = x\n",
            b"[user a]\npassword = \x01\n",
            b"[user a]\npassword =\n",
            b"\xff\xfe[\0u",
            b"\xff\xfe[\0u\0s\0e",
            b"\xff\xfe\x00\xd8",
        ] {
            assert_eq!(replaced(bytes), None, "{bytes:?}");
        }
        assert!(replaced(&vec![b' '; text::MAX_FILE + 1]).is_none());
        assert!(replace_passwords(b"[user a]\npassword = x", |_, _| Some("a ; b".into())).is_none());
    }
}
