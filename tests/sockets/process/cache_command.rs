//! `hafir cache`, with the real program: beside the running gateway, and on a folder that nobody runs on.

use crate::harness::{Answer, Gateway, Origin, Setup, hafir, pattern, until};

/// Runs `hafir cache` on a gateway's configuration; gives what it printed and whether it succeeded.
fn cache(gateway: &Gateway, words: &[&str]) -> (String, bool) {
    let file = gateway.file.display().to_string();
    let arguments = [&["cache", "--config", &file], words].concat();
    let output = hafir(&arguments);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.success())
}

fn done(gateway: &Gateway, words: &[&str]) -> String {
    let (text, well) = cache(gateway, words);
    assert!(well, "{words:?}: {text}");
    text
}

fn refused(gateway: &Gateway, words: &[&str]) -> String {
    let (text, well) = cache(gateway, words);
    assert!(!well, "{words:?}: {text}");
    text
}

/// A site with pages, and a film that carries a tag.
fn site() -> Origin {
    Origin::new(|seen| {
        let fields = ["Cache-Control: max-age=600", "ETag: \"1\"", "Surrogate-Key: film"];
        match seen.target() {
            "/film" if seen.field("If-None-Match").is_some() => {
                Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=600\r\n\r\n")
            }
            "/film" => Answer::ok(&fields, pattern(700_000, 7)),
            _ => Answer::ok(&fields[..2], format!("page {}", seen.target())),
        }
    })
}

#[test]
fn what_is_kept_can_be_looked_at() {
    let origin = site();
    let mut gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.get("/wiki/a?x=1");
    gateway.wait_until_kept(2);
    for _ in 0..2 {
        let stat = done(&gateway, &["stat"]);
        assert!(stat.contains("objects   2 whole, 0 in part\n"), "{stat}");
        let list = done(&gateway, &["list"]);
        assert!(list.contains(&format!("{}/film", origin.url())), "{list}");
        let list = done(&gateway, &["list", "/wiki/"]);
        assert!(list.contains("/wiki/a?x=1") && !list.contains("/film"), "{list}");
        let list = done(&gateway, &["--json", "list", "tag:film"]);
        assert_eq!(list.lines().count(), 1, "{list}");
        assert!(list.contains("\"whole\":true,\"present_bytes\":700000,\"body_bytes\":700000"), "{list}");
        for url in ["/film", "http://board/film", &format!("{}/film", origin.url())] {
            let sheet = done(&gateway, &["show", url]);
            for words in ["all of 683.6 KB (700000 bytes)", "ETag: \"1\"", "every byte is as it was", "route     all"] {
                assert!(sheet.contains(words), "{words}: {sheet}");
            }
        }
        let verified = done(&gateway, &["verify"]);
        assert!(verified.starts_with("2 answers, "), "{verified}");
        // The same where no gateway runs.
        gateway.kill();
    }
}

#[test]
fn damage_is_told() {
    let origin = site();
    let gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.wait_until_kept(1);
    let files = gateway.folder.files("cache/objects");
    let film = files.iter().max_by_key(|file| std::fs::metadata(file).map_or(0, |found| found.len())).expect("a file");
    let mut bytes = std::fs::read(film).expect("the film");
    bytes[300_000] ^= 1;
    std::fs::write(film, bytes).expect("the film");
    let verified = refused(&gateway, &["verify"]);
    assert!(verified.contains("1 is damaged") && verified.contains("/film"), "{verified}");
}

#[test]
fn a_purge_beside_the_gateway_holds_at_once() {
    let origin = site();
    let gateway = Gateway::before(&origin);
    for target in ["/film", "/wiki/a", "/wiki/b", "/other"] {
        gateway.get(target);
    }
    gateway.wait_until_kept(4);
    assert!(gateway.get("/film").is_hit());
    let said = done(&gateway, &["purge", "tag:film"]);
    assert_eq!(said, "tag:film is asked for anew before it is used again\n");
    assert!(gateway.get("/film").is_whole());
    assert_eq!(origin.last().field("If-None-Match"), Some("\"1\""), "the bytes stayed");
    assert!(gateway.get("/film").is_hit(), "and serve again");
    done(&gateway, &["purge", "/wiki/*"]);
    assert!(!gateway.get("/wiki/a").is_hit() && !gateway.get("/wiki/b").is_hit() && gateway.get("/other").is_hit());
    done(&gateway, &["purge", "http://board/other", "--hard"]);
    let nothing = refused(&gateway, &["show", "/other"]);
    assert!(nothing.contains("nothing is kept for /other"), "{nothing}");
    assert!(!gateway.get("/other").is_hit());
    until("the purges on the card", || !done(&gateway, &["stat"]).contains("are being carried out"));
}

#[test]
fn a_purge_without_a_gateway_holds_when_it_starts() {
    let origin = site();
    let mut gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.get("/wiki/a");
    gateway.wait_until_kept(2);
    gateway.kill();
    done(&gateway, &["purge", "tag:film", "--hard"]);
    done(&gateway, &["purge", "/wiki/a"]);
    assert!(done(&gateway, &["list", "/wiki/"]).contains("stale"));
    gateway.start_again();
    assert!(!gateway.get("/film").is_hit());
    assert!(!gateway.get("/wiki/a").is_hit());
}

#[test]
fn mistakes_are_named_with_what_mends_them() {
    let mut setup = Setup::new();
    setup.route("fixed", "path = /\nrespond = 200 here");
    let gateway = setup.start();
    for (words, problem) in [
        (&["show", "/x"][..], "no route with an upstream takes /x; see 'hafir explain'"),
        (&["show", "x"], "write http://HOST/PATH"),
        (&["purge"], "'hafir cache purge' needs a URL"),
    ] {
        let told = refused(&gateway, words);
        assert!(told.contains(problem), "{told}");
    }
    let output = hafir(&["cache", "--config", "/nowhere/hafir.ini", "stat"]);
    assert_eq!(output.status.code(), Some(78));
}

/// Two gateways in front of one site, as on two boards.
fn boards(origin: &Origin) -> [Gateway; 2] {
    [Gateway::before(origin), Gateway::before(origin)]
}

fn stick(gateway: &Gateway) -> String {
    gateway.folder.join("stick.tar").display().to_string()
}

#[test]
fn a_stick_carries_answers_to_another_board() {
    let origin = site();
    let [mut from, mut to] = boards(&origin);
    for target in ["/film", "/wiki/a", "/wiki/b"] {
        from.get(target);
    }
    from.wait_until_kept(3);
    let stick = stick(&from);
    let said = done(&from, &["export", &stick]);
    assert!(said.starts_with("3 answers, "), "{said}");
    assert!(refused(&from, &["export", &stick]).contains("choose another name"));
    // Beside the running gateway, then again, which is harmless.
    let said = done(&to, &["import", &stick]);
    assert!(said.starts_with("3 answers were taken"), "{said}");
    let said = done(&to, &["import", &stick]);
    assert!(said.starts_with("0 answers were taken, 0 bytes\n3 were here already"), "{said}");
    let asked = origin.count();
    let film = to.get("/film");
    assert!(film.is_hit() && film.body == pattern(700_000, 7));
    assert!(to.get("/wiki/a").is_hit() && origin.count() == asked);
    // The same between boards that do not run.
    done(&to, &["purge", "*", "--hard"]);
    until("the purge on the card", || done(&to, &["stat"]).contains("0 whole, 0 in part"));
    from.kill();
    to.kill();
    let wiki = from.folder.join("wiki.tar").display().to_string();
    assert!(done(&from, &["export", &wiki, "/wiki/*"]).starts_with("2 answers"));
    assert!(done(&to, &["import", &wiki]).starts_with("2 answers were taken"));
    assert!(!to.folder.join("cache/import").exists());
    to.start_again();
    assert!(to.get("/wiki/b").is_hit() && !to.get("/film").is_hit());
}

#[test]
fn an_interrupted_export_goes_on() {
    let origin = site();
    let from = Gateway::before(&origin);
    for number in 0..20 {
        from.get(&format!("/wiki/{number}"));
    }
    from.wait_until_kept(20);
    let whole = from.folder.join("whole.tar");
    done(&from, &["export", &whole.display().to_string()]);
    let bytes = std::fs::read(&whole).expect("the export");
    // Cut anywhere: in the list, in a head, in an answer, in the end.
    for cut in [100, 3000, bytes.len() / 2, bytes.len() / 2 + 512, bytes.len() - 600] {
        let file = from.folder.join("again.tar");
        std::fs::write(from.folder.join("again.tar.part"), &bytes[..cut]).expect("a part");
        let said = done(&from, &["export", &file.display().to_string()]);
        assert!(said.starts_with("20 answers"), "{said}");
        assert_eq!(said.contains("were there from the time before"), cut > 10_000, "{said}");
        assert_eq!(std::fs::read(&file).expect("the export").len(), bytes.len());
        std::fs::remove_file(&file).expect("the export");
    }
}

#[test]
fn a_damaged_or_foreign_file_is_refused_without_harm() {
    let origin = site();
    let [from, to] = boards(&origin);
    from.get("/film");
    from.get("/wiki/a");
    from.wait_until_kept(2);
    let stick = stick(&from);
    done(&from, &["export", &stick]);
    let sound = std::fs::read(&stick).expect("the export");
    let import = |bytes: &[u8]| {
        let file = to.folder.join("bad.tar");
        std::fs::write(&file, bytes).expect("a file");
        cache(&to, &["import", &file.display().to_string()])
    };
    let changed = |at: usize, to: u8| {
        let mut bytes = sound.clone();
        bytes[at] = to;
        bytes
    };
    for (bytes, words) in [
        (b"some text".to_vec(), "not what 'hafir cache export' writes; nothing was taken"),
        (vec![0; 4096], "not what 'hafir cache export' writes"),
        (changed(600, b'#'), "its list of contents is damaged"),
    ] {
        let (said, well) = import(&bytes);
        assert!(!well && said.contains(words), "{said}");
    }
    assert!(done(&to, &["stat"]).contains("0 whole, 0 in part"));
    // An answer whose bytes are not what was written, and one that is cut off.
    let whole = pattern(700_000, 7);
    let film = sound.windows(100).position(|part| *part == whole[1000..1100]).expect("the film");
    let (said, well) = import(&changed(film, sound[film] ^ 1));
    assert!(!well && said.contains("1 answers were taken") && said.contains("1 are damaged in the file"), "{said}");
    let (said, well) = import(&sound[..sound.len() - 2000]);
    assert!(!well && said.contains("the file ends too early"), "{said}");
    assert!(done(&to, &["import", &stick]).contains("were here already"));
    assert!(done(&to, &["verify"]).starts_with("2 answers"));
    assert!(to.get("/film").body == pattern(700_000, 7) && to.get("/film").is_hit());
}

#[test]
fn names_in_a_file_lead_nowhere() {
    let origin = site();
    let [from, to] = boards(&origin);
    from.get("/wiki/a");
    from.wait_until_kept(1);
    let stick = stick(&from);
    done(&from, &["export", &stick]);
    let sound = std::fs::read(&stick).expect("the export");
    let object = sound.windows(8).rposition(|part| part == b"objects/").expect("a head");
    let with_head = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = sound.clone();
        let head = &mut bytes[object..object + 512];
        change(head);
        head[148..156].copy_from_slice(b"        ");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes
    };
    let rename = |name: &'static [u8]| {
        with_head(&move |head| {
            head[..100].fill(0);
            head[..name.len()].copy_from_slice(name);
        })
    };
    for bytes in [
        rename(b"../../../etc/evil"),
        rename(b"/etc/evil"),
        rename(b"objects/../../evil"),
        rename(b"objects/00000000000000000000000000000000-0000000000000000"),
        with_head(&|head| head[156] = b'2'),
        with_head(&|head| head[156] = b'5'),
        with_head(&|head| head[124..136].copy_from_slice(b"77777777777\0")),
        with_head(&|head| {
            head[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        }),
    ] {
        let file = to.folder.join("evil.tar");
        std::fs::write(&file, bytes).expect("a file");
        let said = refused(&to, &["import", &file.display().to_string()]);
        assert!(said.contains("nothing was taken"), "{said}");
    }
    assert!(done(&to, &["stat"]).contains("0 whole, 0 in part"));
}

#[test]
fn what_is_here_and_newer_stays() {
    let origin = site();
    let [from, to] = boards(&origin);
    from.get("/wiki/a");
    from.wait_until_kept(1);
    let stick = stick(&from);
    done(&from, &["export", &stick]);
    to.get("/wiki/a");
    to.wait_until_kept(1);
    let before = done(&to, &["--json", "show", "/wiki/a"]);
    let said = done(&to, &["import", &stick]);
    assert!(said.contains("0 answers were taken") && said.contains("1 were here already"), "{said}");
    let after = done(&to, &["--json", "show", "/wiki/a"]);
    let came = |sheet: &str| sheet.split("\"received\":").nth(1).map(|rest| rest[..31].to_owned());
    assert_eq!(came(&before), came(&after));
}

#[test]
fn the_control_socket_is_for_the_gateways_account_only() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    let origin = site();
    let mut gateway = Gateway::before(&origin);
    gateway.get("/");
    let path = gateway.folder.join("state/control.sock");
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = |line: &str| {
        let mut stream = UnixStream::connect(&path).expect("a connection");
        stream.write_all(line.as_bytes()).expect("a question");
        stream.shutdown(std::net::Shutdown::Write).expect("its end");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(ask("what\n").contains("another version of hafir runs here"));
    assert!(ask("{\"ask\":\"coffee\",\"texts\":[],\"hard\":false}\n").contains("does not know 'coffee'"));
    for text in ["", "../x", "key"] {
        let said = ask(&format!("{{\"ask\":\"cache adopt\",\"texts\":[\"{text}\"],\"hard\":false}}\n"));
        assert!(said.contains("no name of an answer"), "{said}");
    }
    assert_eq!(ask("a line that does not end"), "");
    assert!(done(&gateway, &["stat"]).contains("gateway   ready"));
    // One that an earlier run left is no hindrance.
    gateway.kill();
    assert!(path.exists());
    assert!(done(&gateway, &["stat"]).contains("gateway   none runs"));
    gateway.start_again();
    until("the socket", || done(&gateway, &["stat"]).contains("gateway   ready"));
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait_for_exit();
    assert!(!path.exists());
}
