//! `hafir board`, with the real program, on folders in the place of a card.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};

use crate::harness::{Folder, free_port, hafir, loopback, spawn, until};

/// A board's card, and what stands in its memory.
struct Board {
    folder: Folder,
    admin: u16,
}

impl Board {
    fn new() -> Board {
        let folder = Folder::new();
        for name in ["boot", "run", "data/hafir"] {
            fs::create_dir_all(folder.join(name)).expect("folders of a board");
        }
        Board { folder, admin: free_port() }
    }

    /// A file that holds on any machine, with more lines.
    fn ini(&self, more: &str) -> String {
        let state = self.folder.join("data/hafir").display().to_string();
        format!(
            "; École\r\n[gateway]\r\nstate = {state}\r\nlisten = 127.0.0.1:0\r\n[metrics]\r\nlisten = 127.0.0.1:{}\r\n\
             [board]\r\ntime = off\r\n{more}",
            self.admin
        )
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.folder.write(&format!("boot/{name}"), bytes);
    }

    fn words(&self, command: &str) -> Vec<String> {
        let place = |name: &str| self.folder.join(name).display().to_string();
        let shipped = place("shipped.ini");
        let words = ["board", command, "--boot", &place("boot"), "--data", &place("data"), "--run", &place("run")];
        words.into_iter().chain(["--shipped", &shipped]).map(str::to_owned).collect()
    }

    fn prepare(&self) {
        let words = self.words("prepare");
        let output = hafir(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(output.status.success(), "{output:?}");
    }

    fn watch(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hafir"));
        Running::of(command.args(self.words("watch")))
    }

    fn gateway(&self) -> Running {
        let state = self.folder.join("data/hafir").display().to_string();
        let defaults = self.folder.write("defaults.ini", format!("[gateway]\nstate = {state}\n"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hafir"));
        Running::of(command.arg("run").arg(self.variable("FILE")).env("HAFIR_DEFAULTS", defaults))
    }

    /// What the gateway says of itself; empty while it says nothing.
    fn gateway_says(&self) -> String {
        let mut said = String::new();
        if let Ok(mut stream) = TcpStream::connect(loopback(self.admin)) {
            let _ = stream.write_all(b"GET /status.json HTTP/1.0\r\nHost: a\r\n\r\n");
            let _ = stream.read_to_string(&mut said);
        }
        said
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// A variable of `board.env`, as a shell reads it.
    fn variable(&self, name: &str) -> String {
        let script = format!(". {}/board.env && printf %s \"$HAFIR_{name}\"", self.folder.join("run").display());
        let output = Command::new("sh").arg("-euc").arg(script).output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn file(&self) -> String {
        self.variable("FILE").rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn status(&self) -> String {
        self.read("boot/hafir-status.txt")
    }

    /// Where a word stands on the card's first partition.
    fn finds(&self, word: &str) -> Vec<String> {
        let holds = |path: &std::path::PathBuf| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(word.len()).any(|window| window == word.as_bytes())
        };
        let found = self.folder.files("boot").into_iter().filter(holds);
        found.map(|path| path.display().to_string()).collect()
    }
}

struct Running(Child);

impl Running {
    fn of(command: &mut Command) -> Running {
        Running(spawn(command.stdout(Stdio::null()).stderr(Stdio::null())).expect("the program starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const WIFI: &str = "[wifi]\r\nname = Kitgum $(reboot)`x`'\"\r\npassphrase = \"mango # tree\" ; ours\r\n";

#[test]
fn secrets_move_out_of_the_file_and_nothing_else_changes() {
    let board = Board::new();
    let more = format!(
        "{WIFI}uplink.name = Office\r\nuplink.passphrase = baobab-tree\r\n[user mary]\r\npassword = papaya-tree\r\n\
         [route my wiki]\r\nupstream = http://127.0.0.1:9\r\nset.request.X-Api-Key = acacia-tree\r\n"
    );
    let ini = board.ini(&more);
    board.put("hafir.ini", &ini);
    board.prepare();
    assert!(board.finds("tree").is_empty(), "{:?}", board.finds("tree"));
    let secrets = board.folder.join("data/board/secrets").display().to_string();
    let now = board.read("boot/hafir.ini");
    let hash = now.lines().find_map(|line| line.strip_prefix("password = ")).expect("a hash").to_owned();
    let expected = ini
        .replace("\"mango # tree\"", &format!("@{secrets}/wifi.passphrase"))
        .replace("baobab-tree", &format!("@{secrets}/wifi.uplink.passphrase"))
        .replace("papaya-tree", &hash)
        .replace("acacia-tree", &format!("@{secrets}/route.my_20wiki.set.request.x-api-key"));
    assert_eq!(now, expected);
    for (name, value) in [("wifi.passphrase", "mango # tree"), ("route.my_20wiki.set.request.x-api-key", "acacia-tree")]
    {
        let path = board.folder.join("data/board/secrets").join(name);
        assert_eq!(fs::read_to_string(&path).expect("a secret"), value);
        assert_eq!(fs::metadata(&path).expect("a secret").mode() & 0o777, 0o640);
    }
    assert!(board.read("run/hostapd.conf").contains("\nwpa_passphrase=mango # tree\n"));
    assert_eq!(fs::metadata(board.folder.join("run/hostapd.conf")).expect("a file").mode() & 0o777, 0o600);
    assert_eq!(board.read("run/problems"), "");
    // The next start finds nothing to do, and the same passphrase.
    board.prepare();
    assert_eq!(board.read("boot/hafir.ini"), expected);
    assert!(board.read("run/hostapd.conf").contains("\nwpa_passphrase=mango # tree\n"));
    // A new one takes the place of the old one.
    board.put("hafir.ini", expected.replace(&format!("@{secrets}/wifi.passphrase"), "marula-tree"));
    board.prepare();
    assert_eq!(board.read("boot/hafir.ini"), expected);
    assert_eq!(board.read("data/board/secrets/wifi.passphrase"), "marula-tree");
    assert!(board.read("run/hostapd.conf").contains("\nwpa_passphrase=marula-tree\n"));
}

#[test]
fn a_power_cut_between_the_secret_and_the_file_costs_nothing() {
    let board = Board::new();
    let ini = board.ini(WIFI);
    board.put("hafir.ini", &ini);
    board.prepare();
    // The secret is there; the file, and the one that was to take its place, are as before and half.
    board.put("hafir.ini", &ini);
    board.put(".hafir.ini.7.new", &ini[..40]);
    board.prepare();
    assert!(board.finds("mango").is_empty());
    assert_eq!(board.read("data/board/secrets/wifi.passphrase"), "mango # tree");
}

#[test]
fn a_card_that_cannot_be_written_to_is_no_failure() {
    let board = Board::new();
    let ini = board.ini(WIFI);
    board.put("hafir.ini", &ini);
    let path = board.folder.join("boot/hafir.ini");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("a file");
    board.prepare();
    assert_eq!(board.read("boot/hafir.ini"), ini);
    assert!(board.read("run/hostapd.conf").contains("wpa_passphrase=mango # tree"));
}

#[test]
fn secrets_stay_where_they_would_be_lost() {
    let board = Board::new();
    let ini = board.ini(WIFI);
    board.put("hafir.ini", &ini);
    board.folder.write("run/data-in-memory", "");
    board.prepare();
    assert_eq!(board.read("boot/hafir.ini"), ini);
    assert_eq!(board.variable("WIFI"), "on");
}

#[test]
fn a_lost_secret_costs_the_wifi_and_nothing_else() {
    let board = Board::new();
    board.put("hafir.ini", board.ini(&format!("{WIFI}[route a]\r\nrespond = 200 here\r\n")));
    board.prepare();
    fs::remove_dir_all(board.folder.join("data/board")).expect("the secrets");
    for _ in 0..2 {
        board.prepare();
        assert_eq!(board.variable("WIFI"), "off");
        assert!(!board.read("run/hostapd.conf").contains("ssid2=4b"));
        let problems = board.read("run/problems");
        assert!(problems.contains("line 11: [wifi] passphrase: what stood here is lost; type it again"), "{problems}");
        let output = hafir(&["check", &board.variable("FILE")]);
        assert!(output.status.success(), "the gateway takes it: {output:?}");
    }
}

#[test]
fn the_last_good_file_holds_while_the_persons_is_broken() {
    let board = Board::new();
    board.put("hafir.ini", board.ini(WIFI));
    board.prepare();
    let good = board.read("run/hostapd.conf");
    for broken in [
        board.ini("[wifi]\nname = x\npassphrase = short\n"),
        board.ini("nonsense\n"),
        "[wifi\nname=y".to_owned(),
        String::new(),
    ] {
        board.put("hafir.ini", &broken);
        board.prepare();
        assert_eq!(board.read("run/hostapd.conf"), good, "{broken:?}");
        assert_eq!(board.file(), "hafir.ini");
        assert!(!board.read("run/problems").is_empty());
        assert!(!board.read("run/problems").contains("short"));
    }
    board.put("hafir.ini", "{\\rtf1 x}");
    board.prepare();
    assert_eq!(board.read("run/hostapd.conf"), good);
    assert!(board.read("run/problems").contains("plain text"));
}

#[test]
fn without_a_last_good_one_no_network_is_open_by_mistake() {
    for (more, wifi) in [
        (format!("{WIFI}[route a]\r\nuptream = http://x\r\n"), "on"),
        ("[wifi]\r\nname = x\r\npassphrase = short\r\n".to_owned(), "off"),
        ("[wifi]\r\nname = x\r\n[gatway]\r\npassphrase = mango-tree\r\n".to_owned(), "off"),
        ("[wifi]\r\nname = x\r\n[cache]\r\npassphrase = mango-tree\r\n".to_owned(), "off"),
        ("[wifi]\r\nname = x\r\npassphrase mango-tree\r\n".to_owned(), "off"),
    ] {
        let board = Board::new();
        board.put("hafir.ini", board.ini(&more));
        board.prepare();
        assert_eq!(board.variable("WIFI"), wifi, "{more}");
    }
}

#[test]
fn the_file_is_found_under_the_names_that_it_gets() {
    for name in ["HAFIR.INI", "hafir.ini.txt", "hafir (1).ini", "hafir.conf"] {
        let board = Board::new();
        board.put(name, board.ini(WIFI));
        board.put("._hafir.ini", "x");
        board.prepare();
        assert_eq!((board.file().as_str(), board.variable("WIFI").as_str()), (name, "on"));
    }
    let board = Board::new();
    board.put("hafir.ini", "[gateway]\r\n");
    board.folder.write("shipped.ini", "[gateway]\r\n");
    board.put("hafir.ini.txt", board.ini(WIFI));
    board.prepare();
    assert_eq!(board.file(), "hafir.ini.txt");
    let board = Board::new();
    board.prepare();
    assert_eq!((board.file().as_str(), board.variable("WIFI").as_str()), ("hafir.ini", "off"));
    assert!(board.read("run/problems").contains("There is no hafir.ini on the card"));
}

#[test]
fn the_card_tells_how_the_board_is() {
    let board = Board::new();
    board.put("hafir.ini", board.ini(&format!("{WIFI}[route a]\r\nrespond = 200 here\r\n")));
    board.prepare();
    let _gateway = board.gateway();
    let _watch = board.watch();
    until("a page", || !board.status().is_empty());
    let page = board.status();
    assert!(page.starts_with("\u{FEFF}All is well.\r\n"), "{page}");
    for words in [
        "Wi-Fi:     Kitgum $(reboot)`x`'\" (with a passphrase)\r\n",
        "http://hafir.lan",
        "time = off",
        "Versions:  hafir ",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(!page.contains("mango"));
    // A problem is told at once, and that it is gone as well.
    let good = board.read("boot/hafir.ini");
    board.put("hafir.ini", format!("{good}uptream = x\r\n"));
    until("the problem", || board.status().contains("[route a] uptream: unknown key; did you mean"));
    assert!(board.status().contains("1 thing needs you:") || board.status().contains("things need you:"));
    board.put("hafir.ini", good);
    until("that it is gone", || board.status().starts_with("\u{FEFF}All is well.\r\n"));
}

#[test]
fn an_empty_file_makes_nobody_forget_the_last_good_one() {
    let board = Board::new();
    board.put("hafir.ini", board.ini("[route a]\r\nrespond = 200 here\r\n"));
    board.prepare();
    let gateway = board.gateway();
    until("the gateway", || board.gateway_says().contains("\"last_good\":false"));
    drop(gateway);
    for empty in ["", "\0\0\0\0", "\r\n"] {
        board.put("hafir.ini", empty);
        board.prepare();
        let _gateway = board.gateway();
        until("the gateway", || board.gateway_says().contains("\"last_good\":true"));
        assert!(board.read("data/hafir/last-good.ini").contains("[route a]"));
    }
}
