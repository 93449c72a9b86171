//! The content of one file: validators, conditions, ranges.

use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use super::answer::{FileAnswer, FileRequest, NoFile, Piece};
use crate::base::Wall;
use crate::http::conditional::{self, Outcome, Validators};
use crate::http::range::{self, ByteRange, ContentRange, RangeSet, Wanted};
use crate::http::{Method, date};

/// A file that changed this recently may change again without another time stamp: FAT counts in steps of two seconds.
const UNSETTLED_MILLIS: u64 = 2000;

/// An open file and what is told of it.
pub(super) struct Content {
    file: Arc<File>,
    media_type: String,
    size: u64,
    modified: Wall,
    etag: String,
}

impl Content {
    pub(super) fn of(file: File, media_type: String, now: Wall) -> Result<Content, NoFile> {
        let stat = file.metadata().map_err(|_| NoFile::Unreadable)?;
        let changed = Wall::from_seconds(stat.mtime()).as_millis().saturating_add(stat.mtime_nsec() / 1_000_000);
        let unsettled = now.as_millis().abs_diff(changed) < UNSETTLED_MILLIS;
        // Size and time only: FAT makes up new inode numbers at each mount.
        let weak = if unsettled { "W/" } else { "" };
        let etag = format!("{weak}\"{:x}.{:x}-{:x}\"", stat.mtime(), stat.mtime_nsec(), stat.size());
        // Not later than the answer itself (RFC 9110 §8.8.2.1), as sticks come from anywhere.
        let modified = Wall::from_seconds(stat.mtime()).min(Wall::from_seconds(now.as_seconds()));
        Ok(Content { file: Arc::new(file), media_type, size: stat.size(), modified, etag })
    }

    fn validators(&self) -> Validators<'_> {
        Validators { etag: Some(self.etag.as_bytes()), last_modified: Some(self.modified) }
    }

    fn piece(&self, range: ByteRange) -> Piece {
        Piece::File { file: Arc::clone(&self.file), offset: range.first, len: range.len() }
    }
}

/// In the order of RFC 9110 §13.2.2: conditions, then ranges.
pub(super) fn answer(content: &Content, request: &FileRequest<'_>) -> Result<FileAnswer, NoFile> {
    let fields = vec![
        ("ETag", content.etag.clone()),
        ("Last-Modified", http_date(content.modified)),
        ("Accept-Ranges", "bytes".to_owned()),
    ];
    match conditional::evaluate(request.fields, Method::from_name(request.method), &content.validators()) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Ok(FileAnswer { status: 304, fields, length: None, body: Vec::new() }),
        Outcome::PreconditionFailed => return Err(NoFile::PreconditionFailed),
    }
    let mut answer = match wanted(content, request) {
        Wanted::Whole => whole(content, fields),
        Wanted::Parts(ranges) => match ranges.as_slice() {
            [range] => single(content, fields, *range),
            _ => multiple(content, fields, &ranges),
        },
        Wanted::Unsatisfiable => unsatisfiable(content, fields),
    };
    if request.method == "HEAD" {
        answer.body.clear();
    }
    Ok(answer)
}

/// `Range` means something for `GET` alone (RFC 9110 §14.2).
fn wanted(content: &Content, request: &FileRequest<'_>) -> Wanted {
    match request.fields.sole("range") {
        Ok(Some(value))
            if request.method == "GET"
                && conditional::range_applies(request.fields, &content.validators(), Some(request.now)) =>
        {
            range::parse(value, content.size)
        }
        Ok(_) | Err(_) => Wanted::Whole,
    }
}

fn whole(content: &Content, mut fields: Vec<(&'static str, String)>) -> FileAnswer {
    fields.push(("Content-Type", content.media_type.clone()));
    let body = match content.size.checked_sub(1) {
        Some(last) => vec![content.piece(ByteRange { first: 0, last })],
        None => Vec::new(),
    };
    FileAnswer { status: 200, fields, length: Some(content.size), body }
}

fn single(content: &Content, mut fields: Vec<(&'static str, String)>, range: ByteRange) -> FileAnswer {
    fields.push(("Content-Type", content.media_type.clone()));
    fields.push(("Content-Range", content_range(content, Some(range))));
    FileAnswer { status: 206, fields, length: Some(range.len()), body: vec![content.piece(range)] }
}

/// `multipart/byteranges` (RFC 9110 §14.6).
fn multiple(content: &Content, mut fields: Vec<(&'static str, String)>, ranges: &RangeSet) -> FileAnswer {
    let boundary = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(content.etag.as_bytes()));
    fields.push(("Content-Type", format!("multipart/byteranges; boundary={boundary}")));
    let mut body = Vec::with_capacity(ranges.len() * 2 + 1);
    let mut length: u64 = 0;
    let mut part = String::new();
    for range in ranges {
        // Writing to a `String` does not fail.
        let _ = write!(
            part,
            "--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            content.media_type,
            content_range(content, Some(*range))
        );
        length = length.saturating_add(part.len() as u64).saturating_add(range.len());
        body.push(Piece::Memory(std::mem::replace(&mut part, "\r\n".to_owned()).into_bytes()));
        body.push(content.piece(*range));
    }
    part.push_str(&format!("--{boundary}--\r\n"));
    length = length.saturating_add(part.len() as u64);
    body.push(Piece::Memory(part.into_bytes()));
    FileAnswer { status: 206, fields, length: Some(length), body }
}

fn unsatisfiable(content: &Content, mut fields: Vec<(&'static str, String)>) -> FileAnswer {
    fields.push(("Content-Range", content_range(content, None)));
    FileAnswer { status: 416, fields, length: Some(0), body: Vec::new() }
}

fn content_range(content: &Content, range: Option<ByteRange>) -> String {
    ContentRange { range, total: Some(content.size) }.to_string()
}

fn http_date(time: Wall) -> String {
    let mut text = [0; 29];
    date::format(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::time::{Duration, SystemTime};

    use super::super::open::tests::Folder;
    use super::*;
    use crate::config::FilesConfig;
    use crate::http::{FieldSpans, Fields};

    /// The time stamp of `a.txt`, and an hour later.
    const CHANGED: u64 = 784_111_777;
    const NOW: Wall = Wall::from_seconds(784_115_377);
    const ETAG: &str = "\"2ebc98a1.0-a\"";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn ask(config: &FilesConfig, method: &str, path: &str, block: &str, now: Wall) -> Result<FileAnswer, NoFile> {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let request = FileRequest { method, path, rest: path, query: None, fields, now };
        smol::block_on(super::super::answer(&Arc::new(config.clone()), request))
    }

    fn folder() -> Folder {
        let folder = Folder::new();
        let file = File::options().write(true).open(folder.root().join("a.txt")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(CHANGED)).unwrap();
        folder
    }

    /// The body as it would be sent, which must be as long as was said.
    fn body(answer: &FileAnswer) -> String {
        let mut sent = Vec::new();
        for piece in &answer.body {
            match piece {
                Piece::Memory(bytes) => sent.extend_from_slice(bytes),
                Piece::File { file, offset, len } => {
                    let mut bytes = vec![0; usize::try_from(*len).unwrap()];
                    file.read_exact_at(&mut bytes, *offset).unwrap();
                    sent.extend(bytes);
                }
            }
        }
        if !sent.is_empty() {
            assert_eq!(answer.length, Some(sent.len() as u64));
        }
        String::from_utf8(sent).unwrap()
    }

    fn field<'a>(answer: &'a FileAnswer, name: &str) -> Option<&'a str> {
        answer.fields.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_file_is_answered_whole_with_validators() {
        let folder = folder();
        let answer = ask(&folder.config(), "GET", "/a.txt", "", NOW).unwrap();
        assert_eq!((answer.status, body(&answer).as_str(), answer.length), (200, "0123456789", Some(10)));
        for (name, value) in [
            ("ETag", ETAG),
            ("Last-Modified", DATE),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Accept-Ranges", "bytes"),
        ] {
            assert_eq!(field(&answer, name), Some(value));
        }
        let head = ask(&folder.config(), "HEAD", "/a.txt", "Range: bytes=0-1\r\n", NOW).unwrap();
        assert_eq!((head.status, head.length, head.body.len()), (200, Some(10), 0));
        folder.write("empty", "");
        let empty = ask(&folder.config(), "GET", "/empty", "", NOW).unwrap();
        assert_eq!((empty.status, empty.length, empty.body.len()), (200, Some(0), 0));
        assert_eq!(ask(&folder.config(), "POST", "/a.txt", "", NOW).unwrap_err(), NoFile::Method);
    }

    #[test]
    fn a_file_that_just_changed_has_a_weak_tag() {
        let folder = folder();
        let moment = Wall::from_seconds(784_111_778);
        let answer = ask(&folder.config(), "GET", "/a.txt", "", moment).unwrap();
        assert_eq!(field(&answer, "ETag"), Some("W/\"2ebc98a1.0-a\""));
        let before = ask(&folder.config(), "GET", "/a.txt", "", Wall::from_seconds(784_111_000)).unwrap();
        assert_eq!(field(&before, "Last-Modified"), Some("Sun, 06 Nov 1994 08:36:40 GMT"));
    }

    #[test]
    fn conditions_are_honoured() {
        let folder = folder();
        for (block, expected) in [
            (format!("If-None-Match: {ETAG}\r\n"), Ok(304)),
            (format!("If-None-Match: W/{ETAG}\r\n"), Ok(304)),
            ("If-None-Match: \"x\"\r\n".to_owned(), Ok(200)),
            (format!("If-Modified-Since: {DATE}\r\n"), Ok(304)),
            ("If-Match: \"x\"\r\n".to_owned(), Err(NoFile::PreconditionFailed)),
            (format!("If-Match: {ETAG}\r\n"), Ok(200)),
        ] {
            let answer = ask(&folder.config(), "GET", "/a.txt", &block, NOW);
            if let Ok(FileAnswer { status: 304, length, body, .. }) = &answer {
                assert!(length.is_none() && body.is_empty());
            }
            assert_eq!(answer.map(|answer| answer.status), expected, "{block}");
        }
    }

    #[test]
    fn ranges_are_honoured() {
        let folder = folder();
        for (block, status, range, expected) in [
            ("Range: bytes=0-3\r\n".to_owned(), 206, Some("bytes 0-3/10"), "0123"),
            ("Range: bytes=-2\r\n".to_owned(), 206, Some("bytes 8-9/10"), "89"),
            ("Range: bytes=10-\r\n".to_owned(), 416, Some("bytes */10"), ""),
            ("Range: lines=0-3\r\n".to_owned(), 200, None, "0123456789"),
            (format!("Range: bytes=0-3\r\nIf-Range: {ETAG}\r\n"), 206, Some("bytes 0-3/10"), "0123"),
            ("Range: bytes=0-3\r\nIf-Range: \"x\"\r\n".to_owned(), 200, None, "0123456789"),
            ("Range: bytes=0-3\r\nRange: bytes=1-2\r\n".to_owned(), 200, None, "0123456789"),
        ] {
            let answer = ask(&folder.config(), "GET", "/a.txt", &block, NOW).unwrap();
            assert_eq!((answer.status, field(&answer, "Content-Range")), (status, range), "{block}");
            assert_eq!(body(&answer), expected, "{block}");
        }
    }

    #[test]
    fn several_ranges_come_in_parts() {
        let folder = folder();
        let answer = ask(&folder.config(), "GET", "/a.txt", "Range: bytes=0-1, 8-\r\n", NOW).unwrap();
        let boundary = field(&answer, "Content-Type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
        let head = "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes";
        let expected = format!(
            "--{boundary}\r\n{head} 0-1/10\r\n\r\n01\r\n--{boundary}\r\n{head} 8-9/10\r\n\r\n89\r\n--{boundary}--\r\n"
        );
        assert_eq!((answer.status, body(&answer)), (206, expected));
    }

    #[test]
    fn folders_get_their_slash() {
        let folder = folder();
        let config = FilesConfig { listing: true, ..folder.config() };
        let request = FileRequest {
            method: "GET",
            path: "/media/a%20b/lessons",
            rest: "/lessons",
            query: Some("x=1"),
            fields: Fields::NONE,
            now: NOW,
        };
        let answer = smol::block_on(super::super::answer(&Arc::new(config.clone()), request)).unwrap();
        assert_eq!((answer.status, field(&answer, "Location")), (301, Some("./lessons/?x=1")));
        let listing = ask(&config, "GET", "/", "", NOW).unwrap();
        assert!(body(&listing).contains("href=\"./a.txt\"") && !body(&listing).contains("hidden"));
        assert_eq!(ask(&config, "HEAD", "/", "", NOW).unwrap().length, listing.length);
    }
}
