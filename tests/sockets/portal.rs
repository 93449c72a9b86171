//! `[portal]`: what devices are told that ask for the Internet, and the start page.

use crate::harness::{Answer, Client, Gateway, Origin, Response, Setup, free_port, loopback};

fn ask(gateway: &Gateway, method: &str, host: &str, path: &str) -> Response {
    let asked = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    gateway.client().send(asked).response_to(method)
}

fn get(gateway: &Gateway, host: &str, path: &str) -> Response {
    ask(gateway, "GET", host, path)
}

/// All that is sent passes through one route, whose rate is one request a day.
fn board(origin: &Origin, probes: &str) -> Gateway {
    let mut setup = Setup::new();
    setup.set("portal", "probes", probes).set("board", "hostname", "kitgum");
    setup.route("all", &format!("upstream = {}\nrate = 1/hour burst 1", origin.url()));
    let named = "host = connectivitycheck.gstatic.com\nrespond = 200 my own";
    setup.route("named", &format!("path = /mine/\n{named}"));
    setup.start()
}

const PROBES: [(&str, &str, u16, &str); 9] = [
    ("connectivitycheck.gstatic.com", "/generate_204", 204, ""),
    ("www.google.com", "/gen_204?x=1", 204, ""),
    (
        "captive.apple.com",
        "/hotspot-detect.html",
        200,
        "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
    ),
    ("www.msftconnecttest.com", "/connecttest.txt", 200, "Microsoft Connect Test"),
    ("WWW.msftncsi.com:80", "/ncsi.txt", 200, "Microsoft NCSI"),
    ("detectportal.firefox.com", "/success.txt?ipv4", 200, "success\n"),
    (
        "detectportal.firefox.com",
        "/canonical.html",
        200,
        "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>",
    ),
    ("nmcheck.gnome.org", "/check_network_status.txt", 200, "NetworkManager is online"),
    ("connectivity-check.ubuntu.com", "/", 204, ""),
];

#[test]
fn devices_are_told_that_they_are_online_and_no_route_pays() {
    let origin = Origin::new(|_| Answer::ok(&[], "the route"));
    let gateway = board(&origin, "pretend-online");
    let mut kept = gateway.client();
    for (host, path, status, body) in PROBES {
        let response = kept.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).response();
        assert_eq!((response.status, response.text().as_str()), (status, body), "{host}{path} {}", response.head);
        assert_eq!(response.field("cache-control"), Some("no-store"), "{host}");
        assert_eq!(response.field("content-length").is_some(), status != 204, "{host}");
        let head = ask(&gateway, "HEAD", host, path);
        assert_eq!((head.status, head.text().as_str()), (status, ""), "{host}");
        assert_eq!(head.field("content-length"), response.field("content-length"), "{host}");
    }
    let network_manager = get(&gateway, "nmcheck.gnome.org", "/check_network_status.txt");
    assert_eq!(network_manager.field("x-networkmanager-status"), Some("online"));
    assert_eq!(get(&gateway, "www.msftconnecttest.com", "/redirect").field("location"), Some("http://kitgum.lan/"));
    assert_eq!(origin.count(), 0);
    // Other names, paths and methods are the routes', and the rate was not touched.
    assert_eq!(get(&gateway, "kitgum.lan", "/generate_204").text(), "the route");
    assert_eq!(ask(&gateway, "POST", "captive.apple.com", "/hotspot-detect.html").status, 429);
    assert_eq!(get(&gateway, "www.google.com", "/").status, 429);
}

#[test]
fn devices_are_sent_to_the_start_page() {
    let origin = Origin::new(|_| Answer::ok(&[], "the route"));
    let gateway = board(&origin, "portal");
    for (host, path, _, _) in PROBES {
        for method in ["GET", "HEAD"] {
            let response = ask(&gateway, method, host, path);
            assert_eq!(response.status, 302, "{host} {}", response.head);
            assert_eq!(response.field("location"), Some("http://kitgum.lan/"), "{host}");
            assert_eq!(response.field("cache-control"), Some("no-store"), "{host}");
        }
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn without_the_portal_and_on_routes_that_name_the_host_routes_decide() {
    let origin = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=60"], seen.target()));
    let mut setup = Setup::before(&origin);
    setup.set("portal", "probes", "off");
    let gateway = setup.start();
    for (host, path, _, _) in PROBES {
        assert_eq!(get(&gateway, host, path).text(), path, "{host}");
    }
    for probes in ["pretend-online", "portal"] {
        let mut setup = Setup::before(&origin);
        setup.set("portal", "probes", probes);
        setup.route("named", "host = captive.apple.com, *.gstatic.com\nrespond = 200 my own");
        let gateway = setup.start();
        for (host, path) in
            [("captive.apple.com", "/hotspot-detect.html"), ("connectivitycheck.gstatic.com", "/generate_204")]
        {
            assert_eq!(get(&gateway, host, path).text(), "my own", "{host}");
        }
        assert_ne!(get(&gateway, "www.google.com", "/generate_204").status, 200);
    }
}

#[test]
fn the_start_page_lists_what_anybody_may_open() {
    let origin = Origin::new(|_| Answer::ok(&[], "the route"));
    let mut setup = Setup::new();
    setup.set("gateway", "trusted_proxies", "127.0.0.1").set("board", "hostname", "kitgum");
    let tls = loopback(free_port()).to_string();
    setup.set("tls", "listen", &tls).set("tls", "certificate", "none.pem").set("tls", "key", "none.pem");
    let upstream = format!("upstream = {}", origin.url());
    let shown = [
        ("wiki", "path = /wiki/"),
        ("khan-academy", "path = exact /k, /leçons/"),
        ("home", "path = /home/\nhost = kitgum.lan"),
        ("atlas", "host = atlas.lan"),
    ];
    let hidden = [
        ("clinic", "path = /clinic/\nclass = patient\nauth = key"),
        ("marks", "path = /marks/\nauth = key"),
        ("teachers", "path = /teachers/\nallow = 10.9.9.9"),
        ("posts", "path = /posts/\nmethod = POST"),
        ("elsewhere", "path = /elsewhere/\nhost = other.school"),
        ("health", "path = exact /health"),
        ("shadowed", "path = /wiki/"),
    ];
    for (name, keys) in shown.iter().chain(&hidden) {
        setup.route(name, &format!("{keys}\n{upstream}"));
    }
    let gateway = setup.start();
    let page = get(&gateway, "192.168.4.1:8080", "/");
    assert_eq!(page.status, 200, "{}", page.head);
    let text = page.text();
    for link in [
        "href=\"/wiki/\"><bdi>Wiki<",
        "href=\"/le%C3%A7ons/\"><bdi>Khan academy<",
        "href=\"//kitgum.lan:8080/home/\"><bdi>Home<",
        "href=\"//atlas.lan:8080/\"><bdi>Atlas<",
    ] {
        assert!(text.contains(link), "{link} {text}");
    }
    for (name, _) in hidden {
        assert!(!text.to_lowercase().contains(name), "{name} {text}");
    }
    assert!(text.contains("<h1><bdi>Test board</bdi></h1>") && text.len() < 6144, "{text}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("vary", "Accept-Language"),
        ("content-language", "en"),
    ] {
        assert_eq!(page.field(name), Some(value), "{name}");
    }
    assert!(get(&gateway, "kitgum.lan", "/").text().contains("href=\"/home/\"><bdi>Home<"));
    let head = ask(&gateway, "HEAD", "192.168.4.1:8080", "/");
    assert_eq!((head.status, head.field("content-length")), (200, page.field("content-length")));
    let teacher = gateway.get_with("/", "X-Forwarded-For: 10.9.9.9\r\n");
    assert!(teacher.text().contains("Teachers"), "{}", teacher.text());
    for (language, word) in [("fr", "Ce qu’il y a ici"), ("sw", "Vilivyopo hapa"), ("ar", "dir=\"rtl\"")] {
        let page = gateway.get_with("/", &format!("Accept-Language: {language}\r\n"));
        assert!(page.text().contains(word), "{language}");
        assert_eq!(page.field("content-language"), Some(language));
    }
    for (method, path) in [("POST", "/"), ("GET", "/none")] {
        assert_eq!(ask(&gateway, method, "kitgum.lan", path).status, 404);
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_route_for_the_front_door_is_asked_and_the_page_can_be_switched_off() {
    let origin = Origin::new(|_| Answer::ok(&[], "the route"));
    assert_eq!(Gateway::before(&origin).get("/").text(), "the route");
    let mut setup = Setup::new();
    setup.set("portal", "start", "off");
    assert_eq!(setup.start().get("/").status, 404);
}

#[test]
fn a_board_without_routes_says_what_to_do() {
    let gateway = Setup::new().start();
    let page = gateway.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("hafir.ini"), "{}", page.text());
    assert_eq!(gateway.get("/other").status, 404);
    let broken = Setup::new().route("wiki", "path = /wiki/\nupstream = nowhere at all").start();
    assert_eq!(broken.get("/").status, 503);
    assert!(broken.get("/").text().contains("There is a mistake"), "{}", broken.get("/").text());
}

#[test]
fn the_start_page_tells_that_the_link_is_down() {
    let mut setup = Setup::new();
    setup.route("wiki", "path = /wiki/\nupstream = http://255.255.255.255");
    let gateway = setup.start();
    assert!(!gateway.get("/").text().contains("link to the Internet"));
    assert_eq!(gateway.get("/wiki/").status, 502);
    assert!(gateway.get("/").text().contains("down at the moment"), "{}", gateway.get("/").text());
    let status = Client::connect(gateway.admin).get("/status.json").text();
    assert!(status.contains("\"url\":\"http://255.255.255.255:80\",\"up\":false"), "{status}");
}
