use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Client, Folder, Origin, PATIENCE, Response, free_port, loopback, until};

/// The program under test.
const HAFIR: &str = env!("CARGO_BIN_EXE_hafir");

/// A configuration in the making: what a test does not set is what every test wants.
pub(crate) struct Setup {
    pub(crate) folder: Arc<Folder>,
    port: u16,
    admin: u16,
    /// Section head without brackets, and its keys.
    sections: Vec<(String, Vec<(String, String)>)>,
    routes: String,
    environment: Vec<(String, String)>,
}

/// A running gateway, killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) folder: Arc<Folder>,
    pub(crate) file: PathBuf,
    /// What it wrote to its standard error, over all its starts.
    said: Arc<Mutex<String>>,
    environment: Vec<(String, String)>,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        let folder = Arc::new(Folder::new());
        let (port, admin) = (free_port(), free_port());
        let (sections, routes, environment) = (Vec::new(), String::new(), Vec::new());
        let mut setup = Setup { folder, port, admin, sections, routes, environment };
        let place = setup.folder.path().display().to_string();
        setup
            .set("gateway", "name", "Test board")
            .set("gateway", "listen", &loopback(port).to_string())
            .set("gateway", "state", &format!("{place}/state"))
            .set("gateway", "workers", "2")
            .set("cache", "dir", &format!("{place}/cache"))
            .set("cache", "size", "256 MB")
            .set("cache", "keep_free", "1 MB")
            .set("metrics", "listen", &loopback(admin).to_string())
            .set("log", "access", &format!("{place}/access.log"));
        setup
    }

    /// One route for everything, to this origin.
    pub(crate) fn before(origin: &Origin) -> Setup {
        let mut setup = Setup::new();
        setup.route("all", &format!("path = /\nupstream = {}", origin.url()));
        setup
    }

    /// Sets a key of a section, in place of what it was.
    pub(crate) fn set(&mut self, section: &str, key: &str, value: &str) -> &mut Setup {
        if !self.sections.iter().any(|(name, _)| name == section) {
            self.sections.push((section.to_owned(), Vec::new()));
        }
        for (name, keys) in &mut self.sections {
            if name == section {
                keys.retain(|(have, _)| have != key);
                keys.push((key.to_owned(), value.to_owned()));
            }
        }
        self
    }

    pub(crate) fn route(&mut self, name: &str, keys: &str) -> &mut Setup {
        let _ = write!(self.routes, "\n[route {name}]\n{keys}\n");
        self
    }

    /// A variable of the process's environment.
    pub(crate) fn environment(&mut self, name: &str, value: &str) -> &mut Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, keys) in &self.sections {
            let _ = writeln!(text, "[{name}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text + &self.routes
    }

    pub(crate) fn start(&mut self) -> Gateway {
        let text = self.text();
        self.start_with(&text)
    }

    /// Starts on this text instead; it must still name the set-up's own ports if it can be read at all.
    pub(crate) fn start_with(&mut self, text: &str) -> Gateway {
        let file = self.folder.write("hafir.ini", text);
        let said = Arc::default();
        let environment = self.environment.clone();
        let child = spawn(&file, &environment, &said);
        let (address, admin) = (loopback(self.port), loopback(self.admin));
        let folder = Arc::clone(&self.folder);
        let mut gateway = Gateway { child, address, admin, folder, file, said, environment };
        gateway.wait_until_ready();
        gateway
    }
}

impl Gateway {
    /// In front of this origin, with nothing special.
    pub(crate) fn before(origin: &Origin) -> Gateway {
        Setup::before(origin).start()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Response {
        self.get_with(target, "")
    }

    /// A request whose answer is the first to be kept.
    pub(crate) fn keep_first(&self, target: &str) -> Response {
        let response = self.get(target);
        self.wait_until_kept(1);
        response
    }

    /// Waits until so many answers are on the card: a client has its own a moment earlier. They are counted last of
    /// all, so from now on a request finds them.
    pub(crate) fn wait_until_kept(&self, count: usize) {
        until(&format!("{count} answers on the card"), || {
            let status = self.get_admin("/status.json");
            let number = status.split("\"objects\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
            number.and_then(|number| number.parse::<usize>().ok()).is_some_and(|kept| kept >= count)
        });
    }

    fn get_admin(&self, target: &str) -> String {
        Client::connect(self.admin).get(target).text()
    }

    /// `fields` are whole lines, each with its line end.
    pub(crate) fn get_with(&self, target: &str, fields: &str) -> Response {
        self.client().send(format!("GET {target} HTTP/1.1\r\nHost: board\r\n{fields}\r\n")).response()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")).expect("not zero");
        kill_process(pid, signal).expect("a signal to the gateway");
    }

    /// Cuts the power, and leaves the rest to [`Gateway::kill`].
    pub(crate) fn cut(&self) {
        self.signal(Signal::KILL);
    }

    /// As a power cut does it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts again on the same file, folder and ports; the former process must have ended.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.child = spawn(&self.file, &self.environment, &self.said);
        self.wait_until_ready();
    }

    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        let mut status = None;
        until("the gateway's end", || {
            status = self.child.try_wait().expect("the state of a child");
            status.is_some()
        });
        status.expect("waited for")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child").is_none()
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn wait_until_said(&self, words: &str) {
        until(&format!("{words:?} in the log, which says:\n{}", self.said()), || self.said().contains(words));
    }

    /// Memory that the process has made its own, in KB. Pages of its file come in while it starts, and a debug build has
    /// megabytes of them; they say nothing of what a request costs.
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("an RssAnon line");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
    }

    fn wait_until_ready(&mut self) {
        let address = self.address;
        until(&format!("the gateway at {address}"), || {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                // The thread that reads the error stream ends when the stream does.
                until("last words", || Arc::strong_count(&self.said) == 1);
                panic!("the gateway ended ({status}) instead of starting:\n{}", self.said());
            }
            TcpStream::connect(address).is_ok()
        });
    }
}

impl Drop for Gateway {
    #[allow(clippy::print_stderr)] // beside a failed test's own words
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the gateway said:\n{}", self.said());
        }
        // A panic inside of the gateway is a fault whatever the test was about.
        else if self.said().contains("panicked at") {
            panic!("the gateway panicked:\n{}", self.said());
        }
    }
}

/// A hafir command that is run to its end; what it prints must fit into a pipe.
pub(crate) fn hafir(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(HAFIR);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = super::spawn(&mut command).expect("hafir can be started");
    let give_up = Instant::now() + PATIENCE;
    while child.try_wait().expect("the state of a child").is_none() {
        if Instant::now() > give_up {
            let _ = child.kill();
            let output = child.wait_with_output().expect("what it said");
            panic!("hafir {arguments:?} does not end; it says {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("what it said")
}

fn spawn(file: &Path, environment: &[(String, String)], said: &Arc<Mutex<String>>) -> Child {
    let mut command = Command::new(HAFIR);
    command
        .arg("run")
        .arg(file)
        .env_remove("NOTIFY_SOCKET")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = super::spawn(&mut command).expect("hafir can be started");
    let lines = BufReader::new(child.stderr.take().expect("piped"));
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    });
    child
}
