//! Where secrets stand in a file as they are, so that something else can be put in their place.

use super::ini;
use super::problem::Report;
use super::quote;
use super::table::{self, Kind};
use super::text;

/// A secret of a file: a password, a passphrase, the text of a header field with such a name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// That of the section; empty where it has none.
    pub(crate) section: String,
    /// As the table spells it; of a family with its name.
    pub(crate) key: String,
    /// What stands there, or `@` and the path of the file that holds it.
    pub(crate) value: String,
}

impl Secret {
    /// The path of the file that holds it.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        self.value.strip_prefix('@').map(quote::unquoted)
    }
}

/// All secrets of a file, in its order; those included that are kept elsewhere. `None` where the file is not read without
/// doubt.
pub(crate) fn secrets(bytes: &[u8]) -> Option<Vec<Secret>> {
    let source = Source::decode(bytes)?;
    Some(places(bytes, &source.text)?.into_iter().map(|place| place.secret).collect())
}

/// The file with something else in the place of secrets: `replacement` is told each that stands there as it is, and gives
/// what stands there instead. Every other byte stays: marks, line ends, blanks, comments, padding. `None` where the file is
/// not read without doubt.
pub(crate) fn replace_secrets(bytes: &[u8], mut replacement: impl FnMut(&Secret) -> Option<String>) -> Option<Vec<u8>> {
    let source = Source::decode(bytes)?;
    let mut changed = String::with_capacity(source.text.len() + 1024);
    let mut rest = 0;
    for place in places(bytes, &source.text)?.iter().filter(|place| place.secret.elsewhere().is_none()) {
        let Some(new) = replacement(&place.secret) else { continue };
        if !reads_back(&new) {
            return None;
        }
        changed.push_str(source.text.get(rest..place.start)?);
        changed.push_str(&new);
        rest = place.end;
    }
    changed.push_str(source.text.get(rest..)?);
    Some(Source { text: changed, ..source }.encode())
}

/// It must be read back as it is written: no quotes, nothing that looks like a comment.
fn reads_back(written: &str) -> bool {
    match written.strip_prefix('@') {
        Some(path) => quote::without_comment(written) == written && quote::quoted(path) == path,
        None => quote::quoted(written) == written,
    }
}

/// A value in the decoded text, from byte to byte.
struct Place {
    secret: Secret,
    start: usize,
    end: usize,
}

/// In the order of the file.
fn places(bytes: &[u8], whole: &str) -> Option<Vec<Place>> {
    let lines = text::lines(bytes).ok()?;
    let starts = line_starts(whole);
    let mut places = Vec::new();
    for section in ini::read(&lines, &mut Report::new("")) {
        let Some(kind) = Kind::find(&section.kind) else { continue };
        for entry in &section.entries {
            let known = table::find(kind, &entry.key).filter(|(row, name)| row.is_secret(name));
            // The word for "any value there is" is no secret.
            let Some((row, name)) = known.filter(|_| entry.value != "*") else { continue };
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
            let secret = Secret {
                line: entry.line,
                kind,
                section: section.name.clone(),
                key: row.family().map_or(row.key.to_owned(), |family| format!("{family}{name}")),
                value: quote::unquoted(&entry.value).to_owned(),
            };
            places.push(Place { secret, start, end });
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
        replace_secrets(bytes, |secret| {
            let is_clear = secret.kind == Kind::User && !secret.value.starts_with('$');
            is_clear.then(|| format!("$hash-of-{}-{}", secret.section, secret.value.len()))
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
        for unclear in ["a ; b", "@/a ; b", "@\"/a\"", "@@/a", "\"a\""] {
            assert!(replace_secrets(b"[user a]\npassword = x", |_| Some(unclear.into())).is_none(), "{unclear}");
        }
    }

    #[test]
    fn secrets_of_all_kinds_are_found() {
        let file = "[Wifi]\nname = a\nPassphrase = \"mango tree\" ; ours\nuplink.passphrase=@/a/b\n[jwt m]\nclient.secret = x\n\
            [route my wiki]\nset.request.X-Api-Key = y\nset.request.X-School = z\nheader.Authorization = *\n";
        let found: Vec<String> = secrets(file.as_bytes())
            .unwrap()
            .iter()
            .map(|secret| {
                format!("{} {:?} {} {} {}", secret.line, secret.kind, secret.section, secret.key, secret.value)
            })
            .collect();
        assert_eq!(
            found,
            [
                "3 Wifi  passphrase mango tree",
                "4 Wifi  uplink.passphrase @/a/b",
                "6 Jwt m client.secret x",
                "8 Route my wiki set.request.X-Api-Key y",
            ]
        );
        let moved = replace_secrets(file.as_bytes(), |secret| Some(format!("@/data/{}", secret.key))).unwrap();
        let moved = String::from_utf8(moved).unwrap();
        assert!(moved.contains("Passphrase = @/data/passphrase ; ours\nuplink.passphrase=@/a/b\n"), "{moved}");
        assert!(
            moved.contains("set.request.X-Api-Key = @/data/set.request.X-Api-Key\nset.request.X-School = z"),
            "{moved}"
        );
    }
}
