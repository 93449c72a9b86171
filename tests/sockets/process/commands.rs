//! What the commands print, and their exit codes.

use crate::harness::{Folder, Origin, Setup, hafir};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(folder: &Folder, ini: &str) -> String {
    folder.write("hafir.ini", ini).display().to_string()
}

#[test]
fn check_accepts_a_good_file() {
    let folder = Folder::new();
    let file = path(&folder, "[route wiki]\npath = /wiki/\nupstream = https://en.wikipedia.org\n");
    let output = hafir(&["check", &file]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn check_names_all_problems_of_a_file_at_once() {
    let folder = Folder::new();
    let file = path(
        &folder,
        "[gateway]\nmemory = 64\n\n[rout x]\na = b\n\n[route wiki]\npath = /wiki/\nuptream = https://x\n",
    );
    let output = hafir(&["check", &file]);
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stdout) + &text(&output.stderr);
    for words in ["hafir.ini:2: [gateway] memory:", "hafir.ini:4:", "hafir.ini:9: [route wiki] uptream:", "'upstream'"]
    {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

#[test]
fn check_says_so_where_there_is_no_file() {
    let output = hafir(&["check", "/nowhere/hafir.ini"]);
    assert!(matches!(output.status.code(), Some(1 | 78)), "{:?}", output.status);
    assert!(text(&output.stderr).contains("/nowhere/hafir.ini"), "{}", text(&output.stderr));
}

#[test]
fn explain_names_the_route_and_why_not_the_others() {
    let folder = Folder::new();
    let file = path(
        &folder,
        "[route wiki]\npath = /wiki/\nupstream = https://en.wikipedia.org\n[route rest]\npath = /\nrespond = 200 hello\n",
    );
    let output = hafir(&["explain", &file, "GET", "http://board/wiki/Uganda", "-H", "Accept: text/html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("wiki") && said.contains("en.wikipedia.org"), "{said}");
    assert!(said.contains("rest"), "the other route's reason: {said}");
}

#[test]
fn keys_print_and_the_rest_answer() {
    let keys = hafir(&["keys"]);
    assert_eq!(keys.status.code(), Some(0));
    for key in ["upstream", "cache.for", "trusted_proxies", "progress_bytes", "keep_free"] {
        assert!(text(&keys.stdout).contains(key), "{key}");
    }
    let section = hafir(&["keys", "cache"]);
    assert!(text(&section.stdout).contains("keep_free") && !text(&section.stdout).contains("trusted_proxies"));
    let folder = Folder::new();
    let file = path(&folder, "[route wiki]\npath = /wiki/\nupstream = https://en.wikipedia.org\n");
    let print = hafir(&["print", &file]);
    assert!(text(&print.stdout).contains("[route wiki]"), "{}", text(&print.stdout));
    // What is printed is itself a good file that means the same; only what is a default is marked no more.
    let printed = path(&folder, &text(&print.stdout));
    let again = hafir(&["print", &printed]);
    let meaning = |bytes: &[u8]| {
        text(bytes).lines().map(|line| line.replace("; default", "").trim_end().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(meaning(&again.stdout), meaning(&print.stdout), "{}", text(&again.stderr));
    assert!(text(&hafir(&["version"]).stdout).starts_with("hafir "));
    assert!(text(&hafir(&["--help"]).stdout).contains("check FILE"));
}

#[test]
fn words_that_are_no_command_are_refused() {
    for arguments in [&["nonsense"][..], &["run"], &["check"], &["check", "a", "b"], &[]] {
        let output = hafir(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains("hafir"), "{arguments:?}");
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    // The origin's own port: somebody else listens there.
    setup.set("gateway", "listen", &format!("127.0.0.1:{}", origin.port())).set("metrics", "listen", "off");
    let file = setup.folder.write("hafir.ini", setup.text()).display().to_string();
    let output = hafir(&["run", &file]);
    assert!(output.status.code().is_some_and(|code| code != 0), "{:?}", output.status);
    let address = format!("127.0.0.1:{}", origin.port());
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
}

#[test]
fn the_example_file_is_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.ini");
    let output = hafir(&["check", example]);
    let said = text(&output.stdout) + &text(&output.stderr);
    // Folders and certificates that only the school's board has may be missed here; the file itself must be sound.
    assert!(matches!(output.status.code(), Some(0 | 78)), "{said}");
    for words in ["unknown", "did you mean", "expected"] {
        assert!(!said.contains(words), "{said}");
    }
}

#[test]
fn status_tells_of_a_running_gateway_and_of_none() {
    let origin = Origin::plain();
    let mut gateway = Setup::before(&origin).start();
    gateway.get("/x");
    let file = gateway.file.display().to_string();
    let output = hafir(&["status", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Test board"), "{}", text(&output.stdout));
    let json = hafir(&["status", &file, "--json"]);
    assert!(text(&json.stdout).contains("\"name\":\"Test board\""), "{}", text(&json.stdout));
    gateway.kill();
    assert_eq!(hafir(&["status", &file]).status.code(), Some(1));
}
