//! An offline encyclopedia: kiwix-serve with a book made by zimwriterfs.

use std::process::Command;

use super::{Server, have, program, run};
use crate::harness::{Folder, Gateway, Setup, free_port, pattern};

/// A 48 × 48 PNG, which every book needs.
const ICON: &str = "
import struct, sys, zlib
def part(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
rows = b''.join(b'\\0' + bytes([40, 120, 180]) * 48 for _ in range(48))
head = struct.pack('>IIBBBBB', 48, 48, 8, 2, 0, 0, 0)
png = b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', head) + part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b'')
open(sys.argv[1], 'wb').write(png)
";

fn book(folder: &Folder) -> std::path::PathBuf {
    folder.write("html/index.html", "<html><head><title>Start</title></head><body><h1>Ponds</h1></body></html>");
    let page = "<html><head><title>Hafir</title></head><body>A hafir is a pond that catches the rain.</body></html>";
    folder.write("html/hafir.html", page);
    folder.write("html/film.mp4", pattern(2_000_000, 11));
    run(Command::new("python3").args(["-c", ICON]).arg(folder.join("html/icon.png")));
    let book = folder.join("ponds.zim");
    run(program("zimwriterfs")
        .args(["-w", "index.html", "-I", "icon.png", "-l", "eng", "-t", "Ponds", "-d", "About ponds"])
        .args(["-c", "us", "-p", "us", "-n", "ponds"])
        .arg(folder.join("html"))
        .arg(&book));
    book
}

fn serve(folder: &Folder) -> Server {
    let port = free_port();
    let number = port.to_string();
    let book = book(folder);
    Server::start(program("kiwix-serve").args(["-i", "127.0.0.1", "-p", &number, "-r", "/wiki"]).arg(book), port)
}

/// Follows the redirects that newer versions answer old paths with.
fn fetch(gateway: &Gateway, target: &str, fields: &str) -> crate::harness::Response {
    let mut target = target.to_owned();
    for _ in 0..5 {
        let response = gateway.get_with(&target, fields);
        match response.field("location") {
            Some(to) if (300..400).contains(&response.status) => {
                let path = to.strip_prefix("http://").map_or(to, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
                target = path.to_owned();
            }
            _ => return response,
        }
    }
    panic!("redirects without end at {target}")
}

#[test]
fn a_book_is_read_kept_and_read_on_without_its_server() {
    if !have(&["kiwix-serve", "zimwriterfs", "python3"]) {
        return;
    }
    let folder = Folder::new();
    let mut kiwix = serve(&folder);
    let mut setup = Setup::new();
    setup.route("wiki", &format!("path = /wiki/\nupstream = {}", kiwix.url()));
    let search = "path = /wiki/search\nupstream = {}\ncache = forced\ncache.for = 1 day";
    setup.route("search", &search.replace("{}", &kiwix.url()));
    let gateway = setup.start();

    let film = pattern(2_000_000, 11);
    let page = "/wiki/ponds/hafir.html";
    for hit in [false, true] {
        let response = fetch(&gateway, page, "");
        assert!(response.text().contains("catches the rain"), "{}", response.head);
        assert_eq!(response.is_hit(), hit, "{}", response.head);
        let response = fetch(&gateway, "/wiki/ponds/film.mp4", "");
        assert!(response.body == film && response.is_hit() == hit, "{}", response.head);
    }
    let part = fetch(&gateway, "/wiki/ponds/film.mp4", "Range: bytes=1000000-1000099\r\n");
    assert_eq!((part.status, part.is_hit()), (206, true), "{}", part.head);
    assert!(part.body == film[1_000_000..1_000_100]);
    assert_eq!(fetch(&gateway, "/wiki/nothing/here.html", "").status, 404);

    let found = fetch(&gateway, "/wiki/search?pattern=rain&content=ponds", "");
    assert!(found.status == 200 && !found.is_hit(), "{}", found.head);
    assert!(fetch(&gateway, "/wiki/search?pattern=rain&content=ponds", "").is_hit(), "forced to be kept for a day");

    gateway.wait_until_kept(3);
    kiwix.stop();
    assert!(fetch(&gateway, page, "").text().contains("catches the rain"));
    assert!(fetch(&gateway, "/wiki/ponds/film.mp4", "").body == film);
    let lost = gateway.get("/wiki/ponds/never-read.html");
    assert!(matches!(lost.status, 502..=504), "{}", lost.head);
}
