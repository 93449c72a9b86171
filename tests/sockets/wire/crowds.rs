//! Many at once: slow clients delay nobody, and cost little.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Answer, Client, Gateway, Origin, Setup};

/// Held by nobody: the gateway's ceiling of 64 MB for 500 slow clients.
const CEILING_KB: usize = 64 * 1024;

fn crowded() -> (Origin, Gateway) {
    let large = vec![b'x'; 4_000_000];
    let origin = Origin::new(move |seen| match seen.target() {
        "/large" => Answer::ok(&["Cache-Control: max-age=600"], &large),
        "/own" => Answer::ok(&["Cache-Control: no-store"], &large),
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let mut setup = Setup::before(&origin);
    setup.set("limits", "connections", "2000").set("limits", "connections_per_client", "2000");
    (origin, setup.start())
}

#[test]
fn five_hundred_slow_clients_delay_nobody() {
    let (origin, gateway) = crowded();
    assert_eq!(gateway.get("/before").text(), "/before");
    let before = gateway.allocated();
    let mut crowd: Vec<Client> = Vec::new();
    for number in 0..500 {
        let mut client = gateway.client();
        match number % 4 {
            0 => client.send("GET /slow HTTP/1.1\r\nHost: bo"),
            1 => client.send("POST /slow HTTP/1.1\r\nHost: board\r\nContent-Length: 1000\r\n\r\nhel"),
            2 => client.send("GET /large HTTP/1.1\r\nHost: board\r\n\r\n"),
            _ => &mut client,
        };
        crowd.push(client);
    }
    // A normal client gets its answers while all of them are held.
    let began = Instant::now();
    for number in 0..20 {
        let target = format!("/normal/{number}");
        assert_eq!(gateway.get(&target).text(), target);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?} for twenty requests", began.elapsed());
    let grown = gateway.allocated().saturating_sub(before);
    assert!(grown < CEILING_KB, "{grown} KB for 500 slow clients");
    // Readers follow one fill, and what is sent up waits until it is worth a connection.
    let held = origin.requests().iter().filter(|seen| seen.target() == "/slow").count();
    assert_eq!(held, 0, "requests that went up before their bodies came");
    assert_eq!(origin.count_of("/large"), 1);
    drop(crowd);
}

#[test]
fn slow_readers_of_what_cannot_be_kept_cost_neither_memory_nor_card() {
    let (origin, gateway) = crowded();
    let before = gateway.allocated();
    let mut crowd: Vec<Client> = (0..50).map(|_| gateway.client()).collect();
    for client in &mut crowd {
        client.send("GET /own HTTP/1.1\r\nHost: board\r\n\r\n").head();
    }
    assert_eq!(origin.count_of("/own"), 50);
    assert_eq!(gateway.get("/normal").text(), "/normal");
    let grown = gateway.allocated().saturating_sub(before);
    assert!(grown < 50 * 128, "{grown} KB for 50 readers of 4 MB each");
    assert!(gateway.folder.files("cache").iter().all(|file| file.metadata().is_ok_and(|data| data.len() < 100_000)));
    // They are held back, not given up on.
    assert!(crowd[0].take(4_000_000).len() == 4_000_000);
}

#[test]
fn twenty_thousand_field_lines_are_refused_soon() {
    let (origin, gateway) = crowded();
    // The first refusal brings the program itself into memory.
    assert_eq!(gateway.client().send("nonsense\r\n\r\n").response().status, 400);
    let before = gateway.allocated();
    let began = Instant::now();
    let mut client = gateway.client();
    client.send(format!("GET /x HTTP/1.1\r\nHost: board\r\n{}\r\n", "X: y\r\n".repeat(20_000)));
    assert_eq!(client.response().status, 431);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(gateway.allocated() < before + 2000);
    assert_eq!(origin.count(), 0);
}

#[test]
fn heads_that_come_byte_by_byte_cost_no_more_than_their_bytes() {
    let (_origin, gateway) = crowded();
    let mut client = gateway.client();
    client.send("GET /x HTTP/1.1\r\nHost: board\r\nX: ");
    for _ in 0..5000 {
        client.send("y");
    }
    assert_eq!(client.send("\r\n\r\n").response().text(), "/x");
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let (_origin, gateway) = crowded();
    for _ in 0..200 {
        drop(TcpStream::connect(gateway.address));
    }
    let before = gateway.allocated();
    for _ in 0..2000 {
        drop(TcpStream::connect(gateway.address));
    }
    assert_eq!(gateway.get("/after").text(), "/after");
    assert!(gateway.allocated() < before + 4000, "{} KB, {before} KB before", gateway.allocated());
}
