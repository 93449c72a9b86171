//! SIGTERM drains, a second one stops; nothing under way is cut before its time.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::harness::{Answer, Client, Gate, Gateway, Origin, PATIENCE, Setup, skipped, until};

/// An origin that answers `/held` only when told, and one client that waits for it.
fn held() -> (Gate, Origin, Gateway, Client) {
    let gate = Gate::default();
    let hold = gate.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/held" => {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\nhello";
            Answer::raw(head).wait(&hold).send("world")
        }
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /held HTTP/1.1\r\nHost: board\r\n\r\n");
    client.head();
    (gate, origin, gateway, client)
}

fn refuses(gateway: &Gateway) -> bool {
    std::net::TcpStream::connect(gateway.address).is_err()
}

#[test]
fn sigterm_finishes_what_is_under_way() {
    let (gate, _origin, mut gateway, mut client) = held();
    let mut idle: Vec<Client> = (0..8).map(|_| gateway.client()).collect();
    idle.iter_mut().for_each(|idle| assert_eq!(idle.get("/x").text(), "/x"));
    gateway.signal(Signal::TERM);
    until("new connections to be refused", || refuses(&gateway));
    // Those who are connected are told to leave, or have been; nobody is left hanging.
    for client in &mut idle {
        client.send("GET /last HTTP/1.1\r\nHost: board\r\n\r\n");
        if let Some(response) = client.response_if_any() {
            assert_eq!((response.text().as_str(), response.field("connection")), ("/last", Some("close")));
        }
    }
    assert!(gateway.is_running(), "an answer is under way");
    gate.open();
    assert_eq!(client.take(10), b"helloworld");
    assert!(client.is_closed());
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn a_second_sigterm_stops_at_once() {
    let (_gate, _origin, mut gateway, mut client) = held();
    gateway.signal(Signal::TERM);
    until("new connections to be refused", || refuses(&gateway));
    gateway.signal(Signal::TERM);
    // The answer under way is held for good, and the drain would last longer than any test waits.
    gateway.wait_for_exit();
    assert_eq!(client.take(10), b"hello");
}

#[test]
fn the_drain_has_an_end() {
    let origin = Origin::new(|_| Answer::default().wait(&Gate::default()));
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "drain", "1 s");
    let mut gateway = setup.start();
    let mut client = gateway.client();
    client.send("GET /held HTTP/1.1\r\nHost: board\r\n\r\n");
    origin.wait_for_count(1);
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
}

#[test]
fn sigint_stops_as_well() {
    let origin = Origin::plain();
    let mut gateway = Gateway::before(&origin);
    gateway.signal(Signal::INT);
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn the_service_manager_is_told() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    let path = setup.folder.join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket in the folder");
    socket.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
    setup.environment("NOTIFY_SOCKET", &path.display().to_string());
    let mut gateway = setup.start();
    let next = || {
        let mut space = [0; 1000];
        let length = socket.recv(&mut space).expect("a word for the service manager");
        String::from_utf8_lossy(&space[..length]).into_owned()
    };
    assert!(next().contains("READY=1"));
    gateway.signal(Signal::TERM);
    while !next().contains("STOPPING=1") {}
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn root_is_given_up_once_the_addresses_are_taken() {
    if !rustix::process::geteuid().is_root() {
        return crate::harness::skipped("only root can give up root");
    }
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "user", "nobody");
    let gateway = setup.start();
    until("root to be given up", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("Uid:")).expect("a line of user ids");
        !line.split_whitespace().skip(1).any(|id| id == "0")
    });
    assert_eq!(gateway.get("/x").text(), "/x");
}

#[test]
fn root_is_given_up_by_every_thread() {
    if !rustix::process::getuid().is_root() {
        return skipped("only root has something to give up");
    }
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "user", "nobody");
    let gateway = setup.start();
    assert_eq!(gateway.get("/x").text(), "/x");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).expect("Linux");
    for task in tasks {
        let status = std::fs::read_to_string(task.expect("a thread").path().join("status")).expect("a status");
        let of = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        assert!(!of("Uid:").split_whitespace().any(|id| id == "0"), "{}", of("Uid:"));
        assert!(of("CapEff:").trim_end().ends_with("0000000000000000"), "{}", of("CapEff:"));
    }
}
