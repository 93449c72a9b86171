//! A changed file is checked, built whole and taken over; a broken one changes nothing and is reported.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Answer, Client, Gate, Gateway, Origin, Setup, free_port, loopback, until};

fn respond(setup: &Setup, text: &str) -> String {
    let sections = setup.text();
    format!("{sections}\n[route all]\npath = /\nrespond = 200 {text}\n")
}

fn write(gateway: &Gateway, text: &str) {
    fs::write(&gateway.file, text).expect("the configuration file");
}

fn status(gateway: &Gateway) -> String {
    Client::connect(gateway.admin).get("/status.json").text()
}

#[test]
fn sighup_takes_the_changed_file_over() {
    let mut setup = Setup::new();
    let (old, new) = (respond(&setup, "old"), respond(&setup, "new"));
    let gateway = setup.start_with(&old);
    let mut kept = gateway.client();
    assert_eq!(kept.get("/").text(), "old");
    write(&gateway, &new);
    gateway.signal(Signal::HUP);
    until("the new answer", || gateway.get("/").text() == "new");
    // Each worker takes it over in its own time.
    until("the new answer on a connection from before", || kept.get("/").text() == "new");
}

#[test]
fn a_changed_file_is_noticed_without_a_signal() {
    let mut setup = Setup::new();
    let (old, new) = (respond(&setup, "old"), respond(&setup, "newer"));
    let gateway = setup.start_with(&old);
    assert_eq!(gateway.get("/").text(), "old");
    write(&gateway, &new);
    until("the new answer", || gateway.get("/").text() == "newer");
    // As editors do it: a new file takes the old one's name.
    let beside = gateway.folder.write("hafir.ini.new", &old);
    fs::rename(beside, &gateway.file).expect("a rename");
    until("the old answer", || gateway.get("/").text() == "old");
}

#[test]
fn exchanges_under_way_keep_what_they_began_with() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/held" => {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\nhello";
            Answer::raw(head).wait(&held).send("world")
        }
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let mut setup = Setup::before(&origin);
    let gateway = setup.start();
    let mut client = gateway.client();
    client.send("GET /held HTTP/1.1\r\nHost: board\r\n\r\n");
    assert_eq!(client.head().status, 200);
    let sections = setup.text().split("\n[route").next().expect("the sections").to_owned();
    write(&gateway, &format!("{sections}\n[route all]\npath = /\nrespond = 200 new\n"));
    gateway.signal(Signal::HUP);
    until("the new answer", || gateway.get("/").text() == "new");
    gate.open();
    assert_eq!(client.take(10), b"helloworld");
    until("the new answer on the same connection", || client.get("/").text() == "new");
}

#[test]
fn a_broken_file_changes_nothing_and_is_reported() {
    let mut setup = Setup::new();
    let good = respond(&setup, "good");
    let gateway = setup.start_with(&good);
    write(&gateway, &format!("{good}\n[route more]\npaht = /x\n"));
    gateway.signal(Signal::HUP);
    gateway.wait_until_said("paht");
    assert!(gateway.said().contains("'path'"), "the suggestion: {}", gateway.said());
    assert_eq!(gateway.get("/").text(), "good");
    until("the problem in the status", || status(&gateway).contains("paht"));
    write(&gateway, &respond(&setup, "mended"));
    gateway.signal(Signal::HUP);
    until("the mended answer", || gateway.get("/").text() == "mended");
    until("the problem to be gone", || !status(&gateway).contains("paht"));
}

#[test]
fn listeners_follow_the_file() {
    let mut setup = Setup::new();
    let old = respond(&setup, "here");
    let gateway = setup.start_with(&old);
    let mut kept = gateway.client();
    assert_eq!(kept.get("/").text(), "here");
    let new = loopback(free_port());
    setup.set("gateway", "listen", &new.to_string());
    write(&gateway, &respond(&setup, "there"));
    gateway.signal(Signal::HUP);
    until("the new address", || std::net::TcpStream::connect(new).is_ok());
    assert_eq!(Client::connect(new).get("/").text(), "there");
    until("the old address to be left", || std::net::TcpStream::connect(gateway.address).is_err());
    until("the new answer on a connection from before", || kept.get("/").text() == "there");
}

#[test]
fn an_address_that_cannot_be_taken_costs_itself_only() {
    let somebody = Origin::plain();
    let mut setup = Setup::new();
    let good = respond(&setup, "good");
    let gateway = setup.start_with(&good);
    let taken = format!("{}, 127.0.0.1:{}", gateway.address, somebody.port());
    setup.set("gateway", "listen", &taken);
    write(&gateway, &respond(&setup, "better"));
    gateway.signal(Signal::HUP);
    gateway.wait_until_said(&somebody.port().to_string());
    until("the rest of the file to be taken over", || gateway.get("/").text() == "better");
    assert!(status(&gateway).contains(&somebody.port().to_string()), "{}", status(&gateway));
}

#[test]
fn a_broken_file_at_the_start_brings_back_the_last_good_one() {
    let mut setup = Setup::new();
    let good = respond(&setup, "good");
    let mut gateway = setup.start_with(&good);
    assert_eq!(gateway.get("/").text(), "good");
    until("the good file to be remembered", || !gateway.folder.files("state").is_empty());
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    write(&gateway, &good.replace("path =", "paht ="));
    gateway.start_again();
    assert_eq!(gateway.get("/").text(), "good");
    gateway.wait_until_said("paht");
    let status = status(&gateway);
    assert!(status.contains("\"last_good\":true") && status.contains("paht"), "{status}");
}

#[test]
fn a_broken_file_at_the_first_start_is_shown_to_who_comes() {
    let mut setup = Setup::new();
    let broken = respond(&setup, "good").replace("path =", "paht =");
    let gateway = setup.start_with(&broken);
    let response = gateway.get_with("/", "Accept: text/html\r\n");
    assert!(response.status >= 400, "{}", response.head);
    assert!(status(&gateway).contains("paht"));
}

#[test]
fn what_is_kept_survives_a_reload() {
    let origin = Origin::always(Answer::ok(&["Cache-Control: max-age=600"], "kept"));
    let mut setup = Setup::before(&origin);
    let gateway = setup.start();
    gateway.get("/x");
    setup.set("gateway", "name", "Another name");
    write(&gateway, &setup.text());
    gateway.signal(Signal::HUP);
    until("the new name", || status(&gateway).contains("Another name"));
    assert!(gateway.get("/x").is_hit());
    assert_eq!(origin.count(), 1);
}
