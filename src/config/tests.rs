//! The room as a whole: golden files, the example, what editors do to a file, and what no input may do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::base::Size;

fn at_top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn good(text: &str) -> Loaded {
    load_bytes("hafir.ini", text.as_bytes(), Path::new("/etc/hafir")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Vec<String> {
    load_bytes("hafir.ini", text.as_bytes(), Path::new("/etc/hafir")).unwrap_err().lines()
}

const SCHOOL: &str = "[gateway]\nname = “École ; Nord”  ; the school\nlisten = 127.0.0.1:80\n\
    [cache]\nsize = 4\u{A0}GB\n[route wiki]\npath = /wiki/, '/a,b'\nupstream = https://en.wikipedia.org";

fn is_the_school(bytes: &[u8]) {
    let loaded = load_bytes("hafir.ini", bytes, Path::new("/")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.gateway.name, "École ; Nord");
    assert_eq!(loaded.config.cache.size, Size::mib(4096));
    let paths = [PathMatch::Prefix("/wiki/".into()), PathMatch::Prefix("/a,b".into())];
    assert_eq!(loaded.config.routes[0].matches.paths, paths);
    assert_eq!(loaded.config.routes[0].line, 6);
}

/// `hafir_golden=write` in the environment writes what is said now; a person then reads the difference.
#[test]
fn golden_files_say_what_they_said() {
    let mut count = 0;
    for entry in fs::read_dir(at_top("tests/golden/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "ini") {
            let bytes = fs::read(&path).unwrap();
            let said = match load_bytes("hafir.ini", &bytes, Path::new("/etc/hafir")) {
                Err(problems) => problems.to_string(),
                Ok(loaded) => loaded.warnings.iter().map(|note| format!("{note}\n")).collect(),
            };
            let expected = path.with_extension("txt");
            if std::env::var_os("hafir_golden").is_some_and(|what| what == "write") {
                fs::write(&expected, &said).unwrap();
            }
            assert_eq!(said, fs::read_to_string(&expected).unwrap(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 8);
}

#[test]
fn a_typing_error_is_told_once_with_what_was_meant() {
    let text = "[gateway]\nname = x\n\n\n\n\n\n\n\n\n[route wiki]\nuptream = https://en.wikipedia.org\n";
    assert_eq!(problems(text), ["hafir.ini:12: [route wiki] uptream: unknown key; did you mean 'upstream'?"]);
}

#[test]
fn an_empty_file_has_every_default() {
    let config = good("").config;
    assert_eq!(config.gateway.listen, ["0.0.0.0:8080".parse().unwrap(), "[::]:8080".parse().unwrap()]);
    assert_eq!(config.cache.dir, Path::new("/var/lib/hafir/cache"));
    assert_eq!(config.limits.head, Size::kib(16));
    assert_eq!(config.metrics.listen, ["127.0.0.1:8079".parse().unwrap()]);
    assert_eq!(config.gateway.workers, 0);
    let route = &good("[route a]\nupstream = http://a").config.routes[0];
    assert_eq!(route.cache.stale, Duration::from_secs(365 * 86_400));
    assert_eq!(route.upstream.first_byte, Duration::from_secs(60));
    assert_eq!((route.upstream.connections, route.upgrade), (100, false));
}

#[test]
fn every_key_reaches_its_place() {
    let text = "[gateway]\nstate = ../state\nworkers = 3\ncountry = ke\ntrusted_proxies = 10.0.0.1, fd00::/8\n\
        [log]\naccess = access.log\nformat = json\nlevel = Debug\nquery = yes\n[metrics]\nlisten = off\n\
        [tls a]\ncertificate = a.pem\nkey = /k/a.pem\n[tls]\ncertificate = b.pem\nkey = b.key\n\
        [route a]\npath = exact /x\npath = *.mp4\nhost = *.School\nmethod = get\nheader.X-A = *\nquery.Q = é\n\
        respond = 200  Hello ; there\nrespond.type = text/html\ndeny = 10.0.0.0/8\nset.response.X-B = 1\nremove.response.Server = yes\n\
        [Route b]\nfiles = lessons\nfiles.index = start.html\nFILES.LISTING = on\n\
        [route c]\nredirect = /b/\nredirect.status = 308\n\
        [route d]\nupstream = http://d:81/api/, https://e\nupstream.host = keep\ncache = forced\ncache.for = 1 h 30 min\n\
        set.request.X-Empty = \"\"\nclass = personal\n[route e]\nupstream = http://e\nrewrite = /x\ncache = no";
    let config = good(text).config;
    assert_eq!(config.gateway.state, Path::new("/etc/hafir/../state"));
    assert_eq!((config.gateway.workers, config.gateway.country.as_str()), (3, "KE"));
    assert_eq!(config.log.access, LogTarget::File("/etc/hafir/../state/access.log".into()));
    assert!(config.log.query && config.log.format == LogFormat::Json && config.metrics.listen.is_empty());
    assert_eq!((config.tls[0].name.as_str(), config.tls[1].name.as_str()), ("a", ""));
    assert_eq!(config.tls[0].certificate, Path::new("/etc/hafir/a.pem"));
    let [a, b, c, d, e] = config.routes.as_slice() else { panic!("five routes") };
    assert_eq!(a.matches.paths, [PathMatch::Exact("/x".into()), PathMatch::Pattern("*.mp4".into())]);
    assert_eq!((a.matches.methods[0].as_str(), &a.matches.hosts[0]), ("GET", &HostMatch::Below(".school".into())));
    assert_eq!(a.matches.headers, [("x-a".to_owned(), None)]);
    assert_eq!(a.matches.queries, [("Q".to_owned(), Some("é".to_owned()))]);
    let respond = DestinationConfig::Respond { status: 200, text: "Hello".into(), content_type: "text/html".into() };
    assert_eq!(a.destination, respond);
    let set = FieldEdit::Set { name: "X-B".into(), value: "1".into() };
    assert_eq!(a.edit_response, [set, FieldEdit::Remove { name: "Server".into() }]);
    let files = FilesConfig {
        root: "/etc/hafir/lessons".into(),
        index: vec!["start.html".into()],
        listing: true,
        symlinks: false,
    };
    assert_eq!(b.destination, DestinationConfig::Files(files));
    assert_eq!(c.destination, DestinationConfig::Redirect { location: "/b/".into(), status: 308 });
    assert_eq!(d.upstream.host, HostPolicy::Keep);
    assert_eq!((d.cache.mode, d.cache.fresh_for), (CacheMode::Forced, Some(Duration::from_secs(5400))));
    assert_eq!(d.cache.class, Class::Personal);
    assert_eq!((e.cache.mode, e.upstream.rewrite.as_deref()), (CacheMode::Off, Some("/x")));
}

#[test]
fn what_editors_do_to_a_file_changes_nothing() {
    let mark = '\u{FEFF}';
    let crlf = SCHOOL.replace('\n', "\r\n");
    for text in [
        SCHOOL.to_owned(),
        crlf.clone(),
        SCHOOL.replace('\n', "\r"),
        format!("{SCHOOL}\n\n"),
        SCHOOL.replace('\n', " \t\u{A0}\n"),
        SCHOOL.replace(" = ", "\t=\u{A0}"),
        SCHOOL.replace(" = ", "="),
        SCHOOL.replace(" = ", " =\u{200B}"),
        SCHOOL.replace(['“', '”'], "\""),
        SCHOOL.replace('“', "«").replace('”', "»"),
        SCHOOL.replace('“', "‘").replace('”', "’"),
        SCHOOL.replace("[route wiki]", "  [ Route   wiki ]  # the encyclopaedia"),
        SCHOOL.replace("upstream", "Upstream"),
    ] {
        is_the_school(text.as_bytes());
        is_the_school(format!("{mark}{text}").as_bytes());
        let units = || std::iter::once(0xFEFF).chain(text.encode_utf16());
        is_the_school(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
        is_the_school(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
        is_the_school(&[text.as_bytes(), &[0; 700]].concat());
        is_the_school(&[text.as_bytes(), b"\r\n\x1A"].concat());
    }
    let latin = b"; caf\xE9\n[gateway]\nname = \xC9cole\n";
    assert_eq!(
        load_bytes("hafir.ini", latin, Path::new("/")).unwrap_err().lines(),
        ["hafir.ini:3: [gateway] name: the byte 0xC9 is not UTF-8; save the file as UTF-8 (here 'École')"]
    );
}

#[test]
fn values_come_from_files_beside_the_ini() {
    let folder = std::env::temp_dir().join(format!("hafir-config-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("token"), "\u{FEFF}Bearer hush\r\n\r\n").unwrap();
    fs::write(folder.join("allowed"), "# ours\n10.0.0.1 ; a\n10.0.0.2, 10.0.0.3\n").unwrap();
    fs::write(folder.join("two lines"), "hush\r\nX-Evil: 1\n").unwrap();
    let text = "[route a]\nupstream = http://a\nallow = @allowed\nallow = 10.0.0.4\nset.request.X-Token = @token\n";
    let config = load_with("f", text.as_bytes(), &folder, Outside::Disk).unwrap().config;
    assert_eq!(config.routes[0].allow.len(), 4);
    let set = FieldEdit::Set { name: "X-Token".into(), value: "Bearer hush".into() };
    assert_eq!(config.routes[0].edit_request, [set]);

    let text = "[route a]\nupstream = http://a\nallow = @gone\nset.request.X-School = @“two lines”\nstale = @token\nstrip = @.\n";
    let said = load_with("f", text.as_bytes(), &folder, Outside::Disk).unwrap_err().lines();
    let at = folder.display();
    assert!(
        said[0].starts_with(&format!("f:3: [route a] allow: cannot read the value from '{at}/gone': it is not there"))
    );
    assert_eq!(
        said[1],
        "f:4: [route a] set.request.X-School: found a value that does not fit; expected one line of at most 4096 bytes \
         without control characters"
    );
    assert!(said[2].starts_with("f:5: [route a] stale: found a value that does not fit; expected a time"));
    assert!(said[3].ends_with(": it is not a file"), "{}", said[3]);
    assert!(!said.concat().contains("hush"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_not_there_yet_is_a_note() {
    let text = "[tls]\ncertificate = /gone/c.pem\nkey = /gone/k.pem\n[route a]\npath = /a/\nfiles = /gone/lessons\n\
        [route b]\nupstream = https://b.invalid\nupstream.ca = /gone/ca.pem\n";
    let loaded = load_with("f", text.as_bytes(), Path::new("/"), Outside::Disk).unwrap();
    let said: Vec<String> = loaded.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(
        said[0],
        "f:2: [tls] certificate: note: '/gone/c.pem' is not there; this certificate is not offered meanwhile"
    );
    assert_eq!(
        said[2],
        "f:6: [route a] files: note: '/gone/lessons' is not there; the route is not available meanwhile"
    );
    assert_eq!(said.len(), 4);
    assert!(good(text).warnings.is_empty(), "nothing is looked for where no file may be touched");
}

#[test]
fn secrets_are_not_in_messages() {
    for text in [
        "[route a]\nrespond = 204\nset.response.X-Api-Key = hush\u{1}",
        "[route a]\nupstream = http://a\nset.request.authorization: hush",
        "[route a]\nupstream = http://user:hush@a/",
        "[route a]\nrespond = 204\nheader.cookie = hush\u{7F}",
        "[route a]\nrespond = 204\nquery.token = hush\u{7F}",
    ] {
        let said = problems(text).join("\n");
        assert!(said.contains("[route a]") && !said.contains("hush"), "{said}");
    }
}

#[test]
fn a_broken_file_still_says_where_to_listen() {
    let text = "[gateway]\nlisten = 127.0.0.1:81, nonsense\nmemory = 8\nname = x\n[cache]\nsize = 1 GB\n[route a]\nuptream = x\n";
    let config = fallback(text.as_bytes(), Path::new("/"));
    assert_eq!(config.gateway.listen, ["127.0.0.1:81".parse().unwrap()]);
    assert_eq!((config.gateway.name.as_str(), config.gateway.memory), ("x", Size::mib(64)));
    assert!(config.routes.is_empty() && config.cache.size > Size::mib(1 << 20));
    assert_eq!(fallback(&[0xFF; 10], Path::new("/")).gateway.listen.len(), 2);
    assert_eq!(state_folder(b"nonsense\nState = /x ; y\n", Path::new("/")), Path::new("/x"));
    assert_eq!(state_folder(b"[gateway]\nstate = a\nstate = b\n", Path::new("/c")), Path::new("/c/a"));
    assert_eq!(state_folder(b"", Path::new("/c")), Path::new("/var/lib/hafir"));
}

/// Keys at rest begin with `;`, explanations with `#`.
fn keys_of(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines().map(|line| line.trim_start_matches(';')) {
        if let Some(head) = line.strip_prefix('[') {
            section = head.split([' ', ']']).next().unwrap_or_default().to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let kind = Kind::find(&section).unwrap();
            let (row, _) = table::find(kind, key).unwrap_or_else(|| panic!("{key} is not a key of [{section}]"));
            keys.insert(format!("{section} {}", row.key));
        }
    }
    keys
}

#[test]
fn the_example_has_every_key_and_loads_with_all_of_them() {
    let text = fs::read_to_string(at_top("config.example.ini")).unwrap();
    assert!(!text.contains('\r') && !text.contains('\t'));
    let loaded = good(&text);
    assert!(loaded.warnings.is_empty());

    let all: BTreeSet<String> =
        Kind::ALL.into_iter().flat_map(Kind::rows).map(|row| format!("{} {}", row.kind.word(), row.key)).collect();
    assert_eq!(keys_of(&text), all);

    let awake: Vec<&str> = text.lines().map(|line| line.strip_prefix(';').unwrap_or(line)).collect();
    assert!(good(&awake.join("\n")).warnings.is_empty());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with(';') && !line.starts_with(";[")) {
        let mut lines: Vec<&str> = text.lines().collect();
        // A key of a section that is at rest as a whole means nothing by itself.
        let rests = lines[..at].iter().rev().find(|line| line.trim_start_matches(';').starts_with('['));
        let rests = rests.is_some_and(|head| head.starts_with(';'));
        lines[at] = awake[at];
        assert!(rests || load_bytes("f", lines.join("\n").as_bytes(), Path::new("/")).is_ok(), "{line}");
    }
}

#[test]
fn keys_at_rest_in_the_example_show_their_defaults() {
    let text = fs::read_to_string(at_top("config.example.ini")).unwrap();
    let mut section = String::new();
    for line in text.lines() {
        let awake = line.trim_start_matches(';');
        if let Some(head) = awake.strip_prefix('[') {
            section = head.split([' ', ']']).next().unwrap_or_default().to_owned();
        } else if let Some((key, value)) = awake.split_once(" = ").filter(|_| line.starts_with(';')) {
            let (row, _) = table::find(Kind::find(&section).unwrap(), key).unwrap();
            if let Preset::Is(default) = row.preset {
                assert_eq!(value, default, "[{section}] {key}");
            }
        }
    }
}

/// A small generator of its own: no input may panic, and what is printed of a good one must not depend on luck.
#[test]
fn no_input_panics() {
    const PIECES: &[&[u8]] = &[
        b"[route a]",
        b"[gateway]",
        b"[tls",
        b"]",
        b"=",
        b" = ",
        b"\n",
        b"\r",
        b"\0",
        b"path",
        b"upstream",
        b"https://",
        b"cache.for",
        b"9",
        b"99999999999999999999",
        b".",
        b",",
        b" GB",
        b" days",
        b"\"",
        "“".as_bytes(),
        b"'",
        b";",
        b" #",
        b"@",
        b"@/x",
        b"%",
        b"%2",
        b"*",
        b"/",
        b"//",
        b"\\",
        b"header.",
        b"set.request.",
        b"X",
        b":",
        b"[::1]",
        b"\xFF",
        b"\xFF\xFE",
        b"\xEF\xBB\xBF",
        "é".as_bytes(),
        b"listen",
        b"size",
        b"respond",
        b"204 ",
        b"state",
    ];
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap()
    };
    let example = fs::read(at_top("config.example.ini")).unwrap();
    for round in 0..1_500 {
        let count = next() % 24;
        let mut bytes: Vec<u8> = (0..count).flat_map(|_| PIECES[next() % PIECES.len()].iter().copied()).collect();
        if round % 100 == 0 {
            let at = next() % example.len();
            bytes = [&example[..at], &bytes, &example[at + next() % (example.len() - at)..]].concat();
        }
        let said = load_bytes("f", &bytes, Path::new("/")).map_err(|problems| problems.to_string());
        assert!(said.is_ok() || said.is_err_and(|said| !said.is_empty()));
        let _ = (fallback(&bytes, Path::new("/")), state_folder(&bytes, Path::new("/")));
    }
}

#[test]
fn a_flood_of_problems_is_counted() {
    let flood = format!("[gateway]\n{}", "a = 1\n".repeat(100_000));
    let told = load_bytes("f", flood.as_bytes(), Path::new("/")).unwrap_err();
    assert_eq!(told.count(), 100_000);
    assert_eq!(told.lines().last().unwrap(), "and 99500 more problems");
    let flood: String = (0..40_000).map(|count| format!("[route {count}]\nrespond=204\n")).collect();
    assert_eq!(
        problems(&flood),
        [
            "hafir.ini:513: [route 256]: one too many; a file has at most 256 routes",
            "hafir.ini:2001: [route 1000]: one too many; a file has at most 1000 sections"
        ]
    );
}
