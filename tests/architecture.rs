//! The arrows and the rules of `ARCHITECTURE.md`, enforced by reading the source.
//!
//! A source file is reduced to its words (comments, strings and test modules are left out), and the rules look at
//! the words only: which rooms a file names, which calls it makes, how long it is.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines a file may have without its tests (STYLE: 150–400 is the habit).
const MOST_LINES: usize = 800;

/// Every room, and the rooms whose names may appear in it. `lib.rs` and `doors` open onto all rooms and are not here.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("http", &["base"]),
    ("net", &["base", "http", "config"]),
    ("board", &["base", "config"]),
    ("routing", &["base", "http", "config"]),
    ("limits", &["base", "http", "config"]),
    ("auth", &["base", "http", "config"]),
    ("content", &["base", "http", "config"]),
    ("transform", &["base", "http", "config"]),
    ("codings", &["base", "http"]),
    ("cache", &["base", "http", "config"]),
    ("files", &["base", "http", "config"]),
    ("ledger", &["base"]),
    ("observe", &["base", "http", "config"]),
    ("upstream", &["base", "http", "config", "net"]),
    // The status page shows `observe::Status`.
    ("portal", &["base", "http", "config", "observe"]),
    (
        "gateway",
        &[
            "base",
            "http",
            "config",
            "net",
            "routing",
            "limits",
            "auth",
            "content",
            "transform",
            "codings",
            "cache",
            "files",
            "ledger",
            "observe",
            "upstream",
            "portal",
        ],
    ),
    (
        "cli",
        &[
            "base",
            "http",
            "config",
            "net",
            "board",
            "routing",
            "limits",
            "auth",
            "content",
            "transform",
            "codings",
            "cache",
            "files",
            "ledger",
            "observe",
            "upstream",
            "portal",
            "gateway",
        ],
    ),
];

/// Rooms that are functions over values: they never wait.
const PURE: &[&str] =
    &["base", "http", "config", "board", "routing", "limits", "auth", "content", "transform", "codings", "portal"];

/// What only some rooms may call. A call is a run of words as `Words` spells them.
struct Owned {
    what: &'static str,
    calls: &'static [&'static str],
    /// A room, or the beginning of a path below `src/`.
    owners: &'static [&'static str],
}

const OWNED: &[Owned] = &[
    Owned {
        what: "the clock",
        calls: &["Instant::now", "SystemTime::now", "clock_gettime", "clock_settime", "UNIX_EPOCH.elapsed", "Timer::"],
        owners: &["net/"],
    },
    Owned {
        what: "files",
        calls: &[
            "File::open",
            "File::create",
            "File::create_new",
            "File::options",
            "OpenOptions::",
            "fs::read",
            "fs::write",
            "fs::read_to_string",
            "fs::read_dir",
            "fs::read_link",
            "fs::metadata",
            "fs::symlink_metadata",
            "fs::canonicalize",
            "fs::create_dir",
            "fs::create_dir_all",
            "fs::remove_file",
            "fs::remove_dir",
            "fs::remove_dir_all",
            "fs::rename",
            "fs::copy",
            "fs::hard_link",
            "fs::set_permissions",
            "fs::exists",
            "fs::open",
            "fs::openat",
            "fs::openat2",
            "fs::stat",
            "fs::statvfs",
            "fs::fstatvfs",
            "fs::unlink",
            "fs::unlinkat",
            "fs::mkdir",
            "fs::renameat",
            "fs::fallocate",
            "fs::fsync",
            "fs::fdatasync",
            "fs::syncfs",
            "async_fs::",
            "smol::fs::",
            ".canonicalize(",
            ".read_dir(",
            ".symlink_metadata(",
            ".try_exists(",
        ],
        owners: &["cache/", "files/", "ledger/", "config/", "observe/", "cli/", "net/"],
    },
    Owned {
        what: "sockets",
        calls: &[
            "TcpListener::",
            "TcpStream::",
            "UdpSocket::",
            "UnixListener::",
            "UnixStream::",
            "UnixDatagram::",
            "ToSocketAddrs",
            ".to_socket_addrs(",
            "rustix::net::socket",
            "net::socket",
            "net::connect",
            "net::bind",
        ],
        owners: &["net/", "upstream/", "observe/", "cli/"],
    },
];

/// Names that say nothing about what a file holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "misc"];

#[test]
fn rooms_name_only_the_rooms_below_them() {
    judge(foreign_rooms);
}

#[test]
fn clock_files_and_sockets_are_called_in_their_rooms_only() {
    judge(stolen_calls);
}

#[test]
fn pure_rooms_never_wait() {
    judge(waiting);
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    judge(size_and_name);
}

#[test]
fn every_room_says_what_it_is_for() {
    judge(|source| {
        let is_room = source.path.ends_with("mod.rs") && source.path.matches('/').count() == 1;
        let said = source.text.trim_start().starts_with("//!");
        if is_room && !said { vec!["does not begin with what the room is for (//!)".to_owned()] } else { Vec::new() }
    });
}

#[test]
fn every_room_is_known_to_this_test() {
    for source in sources() {
        let room = source.room();
        let known = ["lib.rs", "main.rs", "doors", "doors.rs"].contains(&room) || arrows_of(room).is_some();
        assert!(known, "src/{}: a room that ARCHITECTURE.md and this test do not know", source.path);
    }
}

/// One file below `src/`.
struct Source {
    /// Below `src/`, with `/`.
    path: String,
    text: String,
    /// The text reduced to its words, without test modules.
    words: Vec<Word>,
    /// Lines before the first test module.
    lines: usize,
    /// Compiled for tests only, whole.
    is_test: bool,
}

impl Source {
    fn new(path: String, text: String) -> Source {
        let all = words(&text);
        let (words, lines) = without_tests(all, text.lines().count());
        Source { path, text, words, lines, is_test: false }
    }

    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(&self.path);
        match first {
            "lib.rs" | "main.rs" => first,
            _ => first.strip_suffix(".rs").unwrap_or(first),
        }
    }

    /// Modules between the crate's root and this file's own items.
    fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { folders } else { folders + 1 }
    }

    /// The modules in other files that this file declares for tests only: `src/cache/tests`, without an ending.
    fn test_modules(&self) -> Vec<String> {
        let own =
            self.path.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches("lib").trim_end_matches('/');
        let below = |name: &str| if own.is_empty() { name.to_owned() } else { format!("{own}/{name}") };
        let all = words(&self.text);
        let marked = (0..all.len()).filter(|at| is_test_mark(&all, *at)).map(|at| at + TEST_MARK.len());
        let named = marked.filter(|at| is(&all, *at, "mod") && is(&all, at + 2, ";"));
        named.map(|at| below(&all[at + 1].text)).collect()
    }
}

/// A word, a number, or one mark; `::` is one word.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    line: usize,
}

fn judge(rule: impl Fn(&Source) -> Vec<String>) {
    let mut found = String::new();
    let all = sources();
    assert!(all.len() > 10, "only {} files read: is the test looking at the right folder?", all.len());
    for source in all.iter().filter(|source| !source.is_test) {
        for problem in rule(source) {
            let _ = writeln!(found, "src/{}: {problem}", source.path);
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        Source::new(path, fs::read_to_string(&file).expect("source is UTF-8"))
    };
    mark_tests(files.into_iter().map(read).collect())
}

fn mark_tests(mut sources: Vec<Source>) -> Vec<Source> {
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let belongs = |module: &String| {
            source.path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.is_test = tests.iter().any(belongs);
    }
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn arrows_of(room: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(name, _)| *name == room).map(|(_, below)| *below)
}

fn foreign_rooms(source: &Source) -> Vec<String> {
    let room = source.room();
    let Some(below) = arrows_of(room) else { return Vec::new() };
    named_rooms(&source.words, source.depth())
        .into_iter()
        .filter(|(name, _)| name != room && arrows_of(name).is_some() && !below.contains(&name.as_str()))
        .map(|(name, line)| format!("line {line}: `{room}` may not know `{name}`"))
        .collect()
}

/// The first name after `crate::`, or after enough `super::` to reach the crate's root, groups included.
fn named_rooms(words: &[Word], depth: usize) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let start = at;
        at += 1;
        let after = match words[start].text.as_str() {
            "crate" if is(words, start + 1, "::") => start + 2,
            "super" if start < 2 || words[start - 2].text != "super" => {
                let mut end = start;
                let mut steps = 0;
                while is(words, end, "super") && is(words, end + 1, "::") {
                    steps += 1;
                    end += 2;
                }
                if steps < depth {
                    continue;
                }
                end
            }
            _ => continue,
        };
        if is(words, after, "{") {
            group_heads(words, after, &mut found);
        } else if let Some(word) = words.get(after) {
            found.push((word.text.clone(), word.line));
        }
    }
    found
}

/// The first name of each member of a `{a::x, b::{y, z}}` group.
fn group_heads(words: &[Word], open: usize, found: &mut Vec<(String, usize)>) {
    let mut nesting = 0;
    let mut expecting = false;
    for word in &words[open..] {
        match word.text.as_str() {
            "{" => {
                nesting += 1;
                expecting = nesting == 1;
            }
            "}" => {
                nesting -= 1;
                if nesting == 0 {
                    return;
                }
            }
            "," if nesting == 1 => expecting = true,
            _ if expecting => {
                found.push((word.text.clone(), word.line));
                expecting = false;
            }
            _ => {}
        }
    }
}

fn stolen_calls(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for owned in OWNED {
        if owned.owners.iter().any(|owner| source.path.starts_with(owner)) {
            continue;
        }
        for call in owned.calls {
            let wanted: Vec<String> = words(call).into_iter().map(|word| word.text).collect();
            for start in 0..source.words.len().saturating_sub(wanted.len() - 1) {
                let run = &source.words[start..start + wanted.len()];
                if run.iter().zip(&wanted).all(|(word, want)| word.text == *want) {
                    found.push(format!("line {}: `{call}` calls {}, which other rooms own", run[0].line, owned.what));
                }
            }
        }
    }
    found
}

fn waiting(source: &Source) -> Vec<String> {
    if !PURE.contains(&source.room()) {
        return Vec::new();
    }
    let waits = source.words.iter().filter(|word| word.text == "async" || word.text == "await");
    waits.map(|word| format!("line {}: `{}` in a pure room", word.line, word.text)).collect()
}

fn size_and_name(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if source.lines > MOST_LINES {
        found.push(format!("{} lines without tests, the most is {MOST_LINES}", source.lines));
    }
    let named = source.path.split(['/', '.']).find(|part| EMPTY_NAMES.contains(part));
    if let Some(name) = named {
        found.push(format!("`{name}` says nothing about what is in it"));
    }
    found
}

fn is(words: &[Word], at: usize, text: &str) -> bool {
    words.get(at).is_some_and(|word| word.text == text)
}

const TEST_MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_test_mark(words: &[Word], at: usize) -> bool {
    TEST_MARK.iter().enumerate().all(|(step, mark)| is(words, at + step, mark))
}

/// Cuts every `#[cfg(test)]` item out; gives what is left and the number of lines before the first of them.
fn without_tests(words: Vec<Word>, lines: usize) -> (Vec<Word>, usize) {
    let mut kept = Vec::new();
    let mut before = lines;
    let mut at = 0;
    while at < words.len() {
        if !is_test_mark(&words, at) {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        let begin = at + TEST_MARK.len();
        if words[begin..].iter().take(4).any(|word| word.text == "mod") {
            before = before.min(words[at].line - 1);
        }
        at = item_end(&words, begin);
    }
    (kept, before)
}

/// The end of the item that begins at `at`: after its `;`, or after its closing brace.
fn item_end(words: &[Word], at: usize) -> usize {
    let mut nesting = 0_usize;
    for (step, word) in words[at..].iter().enumerate() {
        match word.text.as_str() {
            "{" | "(" | "[" => nesting += 1,
            "}" | ")" | "]" => {
                nesting = nesting.saturating_sub(1);
                if nesting == 0 && word.text == "}" {
                    return at + step + 1;
                }
            }
            ";" if nesting == 0 => return at + step + 1,
            _ => {}
        }
    }
    words.len()
}

/// Reduces source text to words; comments and the contents of strings and characters are dropped.
fn words(text: &str) -> Vec<Word> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at),
            b'r' | b'b' | b'c' if raw_string(bytes, at).is_some() => raw_string(bytes, at).unwrap_or(at + 1),
            b'"' => quoted_end(bytes, at, b'"'),
            b'\'' => character_end(bytes, at),
            byte if is_word(byte) => {
                let end = (at..bytes.len()).find(|end| !is_word(bytes[*end])).unwrap_or(bytes.len());
                found.push(Word { text: text[at..end].to_owned(), line });
                end
            }
            b':' if bytes.get(at + 1) == Some(&b':') => {
                found.push(Word { text: "::".to_owned(), line });
                at + 2
            }
            byte if byte.is_ascii_whitespace() || !byte.is_ascii() => at + 1,
            byte => {
                found.push(Word { text: char::from(byte).to_string(), line });
                at + 1
            }
        };
        line += bytes[at..end].iter().filter(|byte| **byte == b'\n').count();
        at = end;
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    (at..bytes.len()).find(|end| bytes[*end] == b'\n').unwrap_or(bytes.len())
}

/// Block comments nest.
fn comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut end, mut nesting) = (at, 0);
    while end < bytes.len() {
        if bytes[end..].starts_with(b"/*") {
            nesting += 1;
            end += 2;
        } else if bytes[end..].starts_with(b"*/") {
            nesting -= 1;
            end += 2;
            if nesting == 0 {
                return end;
            }
        } else {
            end += 1;
        }
    }
    end
}

/// The end of `r"…"`, `br#"…"#` and the like; `None` where no such string begins.
fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let before_is_word = at > 0 && is_word(bytes[at - 1]);
    let mut mark = at + usize::from(bytes[at] != b'r');
    if before_is_word || bytes.get(mark) != Some(&b'r') {
        return None;
    }
    mark += 1;
    let hashes = bytes[mark..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(mark + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let begin = mark + hashes + 1;
    let length = bytes[begin..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| begin + length + close.len()))
}

fn quoted_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// A character literal, or only the mark of a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    let escaped = bytes.get(at + 1) == Some(&b'\\');
    let closes = (2..=5).any(|step| bytes.get(at + step) == Some(&b'\'') && !(2..step).any(|i| is_word(bytes[at + i])));
    if escaped || closes { quoted_end(bytes, at, b'\'') } else { at + 1 }
}

mod the_rules_see {
    use super::*;

    fn found(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&Source::new(path.to_owned(), text.to_owned())).len()
    }

    #[test]
    fn arrows_that_point_the_wrong_way() {
        let check = |path, text, expected| assert_eq!(found(foreign_rooms, path, text), expected, "{path}: {text}");
        check("http/head.rs", "use crate::base::Now;", 0);
        check("http/head.rs", "use crate::net::Stream;", 1);
        check("http/head.rs", "fn f() -> crate::cache::Hit {}", 1);
        check("http/head.rs", "use crate::{base::Now, cache::{Hit, net}, config};", 2);
        check("http/head.rs", "use super::super::net::Stream;", 1);
        check("http/head.rs", "use super::target::{cache, net};", 0);
        check("http/mod.rs", "use super::net;", 1);
        check("cache/store/file.rs", "use crate::upstream::Lease;", 1);
        check("cache/store/file.rs", "// crate::upstream::Lease\nconst A: &str = \"crate::net\";", 0);
        check(
            "cache/store/file.rs",
            "const A: &str = r#\"crate::net\"#; fn f<'a>(x: &'a u8) { crate::net::x('\"') }",
            1,
        );
        check("cache/mod.rs", "#[cfg(test)]\nmod tests { use crate::upstream::Lease; }", 0);
        check("cache/mod.rs", "#[cfg(test)]\nmod tests {}\nuse crate::upstream::Lease;", 1);
        check("upstream/pool.rs", "use crate::net::Stream;", 0);
        check("gateway/plan.rs", "use crate::cli::Command;", 1);
        check("cli/run.rs", "use crate::gateway::Gateway;", 0);
    }

    #[test]
    fn calls_made_in_the_wrong_room() {
        let check = |path, text, expected| assert_eq!(found(stolen_calls, path, text), expected, "{path}: {text}");
        check("gateway/serve.rs", "let now = Instant::now();", 1);
        check("net/clock.rs", "let now = std::time::Instant::now();", 0);
        check("gateway/serve.rs", "let file = std::fs::File::open(path)?;", 1);
        check("gateway/serve.rs", "fn send(file: &std::fs::File) {}", 0);
        check("cache/store.rs", "let file = std::fs::File::open(path)?;", 0);
        check("cache/store.rs", "let peer = TcpStream::connect(address)?;", 1);
        check("transform/head.rs", "let real = path.canonicalize()?;", 1);
        check("transform/head.rs", "/* Instant::now */ // SystemTime::now", 0);
    }

    #[test]
    fn waiting_in_a_pure_room() {
        assert_eq!(found(waiting, "http/head.rs", "async fn f() { g().await }"), 2);
        assert_eq!(found(waiting, "net/stream.rs", "async fn f() { g().await }"), 0);
        assert_eq!(found(waiting, "http/head.rs", "/// async\nfn f() {}"), 0);
    }

    #[test]
    fn which_files_are_tests() {
        let file = |path: &str, text: &str| Source::new(path.to_owned(), text.to_owned());
        let all = mark_tests(vec![
            file("http/mod.rs", "mod head;\n#[cfg(test)]\nmod vectors;"),
            file("http/head.rs", "#[cfg(test)]\nmod tests { mod inner {} }"),
            file("http/vectors.rs", "fn f() {}"),
            file("http/vectors/more.rs", "fn f() {}"),
            file("cache/vectors.rs", "fn f() {}"),
        ]);
        let tests: Vec<&str> = all.iter().filter(|source| source.is_test).map(|source| source.path.as_str()).collect();
        assert_eq!(tests, ["http/vectors.rs", "http/vectors/more.rs"]);
    }

    #[test]
    fn files_that_are_too_long() {
        let long = "fn f() {}\n".repeat(MOST_LINES + 1);
        assert_eq!(found(size_and_name, "http/head.rs", &long), 1);
        let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(found(size_and_name, "http/head.rs", &tested), 0);
        assert_eq!(found(size_and_name, "http/utils.rs", ""), 1);
    }
}
