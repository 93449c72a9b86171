//! A folder as a page.

use std::fmt::{self, Write};

use super::answer::FileRequest;
use super::open::Entry;
use crate::base::{Size, Wall};
use crate::http::{date, target};

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1.1rem/1.6 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}\
    h1{font-size:1.3rem;overflow-wrap:anywhere}table{width:100%;border-collapse:collapse}\
    td{padding:.4rem 0;border-bottom:1px solid #8884;overflow-wrap:anywhere}\
    .n{text-align:end;white-space:nowrap;padding-inline-start:1rem;opacity:.7}";

/// The page has no words, so that it needs no language.
pub(super) fn page(request: &FileRequest<'_>, entries: &[Entry]) -> String {
    let mut page = String::with_capacity(1024 + entries.len() * 160);
    // Writing to a `String` does not fail.
    let _ = write(&mut page, request, entries);
    page
}

fn write(page: &mut String, request: &FileRequest<'_>, entries: &[Entry]) -> fmt::Result {
    let path = target::decode(request.path);
    let title = Text(&path);
    write!(
        page,
        "<!doctype html>\n<html>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<h1 dir=\"auto\">{title}</h1>\n<table>\n"
    )?;
    if request.rest.len() > 1 {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td></tr>\n");
    }
    for entry in entries {
        let slash = if entry.size.is_none() { "/" } else { "" };
        let size = entry.size.map(|size| Size::bytes(size).to_string()).unwrap_or_default();
        writeln!(
            page,
            "<tr><td dir=\"auto\"><a href=\"./{}{slash}\">{}{slash}</a><td class=\"n\">{size}<td class=\"n\">{}</tr>",
            Encoded(&entry.name),
            Text(&entry.name),
            Day(entry.modified),
        )?;
    }
    page.push_str("</table>\n</html>\n");
    Ok(())
}

/// Bytes as text in HTML.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                other if other.is_control() => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A file name as a segment of a path: everything is encoded but what never needs to be (RFC 3986 §2.3).
struct Encoded<'a>(&'a [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(*byte))?
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// `06 Nov 1994`
struct Day(Wall);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 29];
        date::format(self.0, &mut text);
        f.write_str(std::str::from_utf8(&text).ok().and_then(|text| text.get(5..16)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Fields;

    #[test]
    fn names_are_only_names() {
        let entry = |name: &[u8], size| Entry { name: name.to_vec(), size, modified: Wall::from_seconds(784_111_777) };
        let entries = [entry(b"<b>&\"x", None), entry("a b#é?.txt".as_bytes(), Some(2048)), entry(b"\xff:\n", Some(1))];
        let request = FileRequest {
            method: "GET",
            path: "/files/%3Ci%3E/",
            rest: "/%3Ci%3E/",
            query: None,
            fields: Fields::NONE,
            now: Wall::default(),
        };
        let page = page(&request, &entries);
        for part in [
            "<title>/files/&lt;i&gt;/</title>",
            "<a href=\"../\">",
            "<a href=\"./%3Cb%3E%26%22x/\">&lt;b&gt;&amp;&quot;x/</a>",
            "<a href=\"./a%20b%23%C3%A9%3F.txt\">a b#é?.txt</a><td class=\"n\">2 KB<td class=\"n\">06 Nov 1994</tr>",
            "<a href=\"./%FF%3A%0A\">\u{fffd}:\u{fffd}</a>",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}
