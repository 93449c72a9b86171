//! Fields that end at a hop, fields that tell of it, and fields that only a trusted proxy may set.

use crate::harness::{Answer, Gateway, Origin, Setup};

/// What the origin sees of a request with these field lines.
fn seen_with(fields: &str, trusted: bool) -> crate::harness::Seen {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    if trusted {
        setup.set("gateway", "trusted_proxies", "127.0.0.0/8");
    }
    let gateway = setup.start();
    assert_eq!(gateway.get_with("/x", fields).status, 200, "{fields}");
    origin.last()
}

#[test]
fn hop_by_hop_fields_end_here_on_the_way_up() {
    let seen = seen_with(
        "Connection: X-One, x-two, keep-alive, Host, Content-Length\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nTE: trailers\r\n\
         Trailer: X\r\nUpgrade: foo\r\n",
        false,
    );
    for name in ["x-one", "x-two", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"] {
        assert_eq!(seen.all(name), Vec::<&str>::new(), "{name} in {}", seen.head);
    }
    assert_eq!(seen.field("x-three"), Some("3"));
    assert_eq!(seen.all("host").len(), 1, "{}", seen.head);
    for option in seen.all("connection").iter().flat_map(|value| value.split(',')) {
        let option = option.trim().to_ascii_lowercase();
        assert!(["keep-alive", "close", "te", ""].contains(&option.as_str()), "{}", seen.head);
    }
}

#[test]
fn hop_by_hop_fields_end_here_on_the_way_down() {
    let origin = Origin::always(Answer::ok(
        &[
            "Connection: X-One",
            "X-One: 1",
            "X-Three: 3",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "Proxy-Connection: keep-alive",
            "Upgrade: h2",
            "Via: 1.1 other",
        ],
        "ok",
    ));
    let gateway = Gateway::before(&origin);
    for _ in 0..2 {
        let response = gateway.get("/x");
        for name in ["x-one", "keep-alive", "proxy-authenticate", "proxy-connection", "upgrade"] {
            assert_eq!(response.field(name), None, "{}", response.head);
        }
        assert_eq!(response.field("x-three"), Some("3"));
        assert!(response.all("via").join(", ").starts_with("1.1 other, 1.1 "), "{}", response.head);
    }
}

#[test]
fn via_is_appended_upwards() {
    let seen = seen_with("Via: 1.0 first\r\n", false);
    let via = seen.all("via").join(", ");
    assert!(via.starts_with("1.0 first, 1.1 "), "{via}");
}

#[test]
fn strangers_cannot_say_who_they_are() {
    let fields = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
        X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=203.0.113.9;proto=https\r\n\
        Client-Cert: :x:\r\nClient-Cert-Chain: :x:\r\nX-Real-IP: 203.0.113.9\r\n";
    let seen = seen_with(fields, false);
    let head = seen.head.to_ascii_lowercase();
    for stranger in ["203.0.113.9", "evil", "client-cert", "x-forwarded-proto: https", "x-forwarded-port: 1\r\n"] {
        assert!(!head.contains(stranger), "{stranger} in {head}");
    }
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert!(seen.field("forwarded").is_some_and(|value| value.contains("for=127.0.0.1")), "{head}");
}

#[test]
fn a_listed_proxy_is_believed() {
    let fields =
        "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9;proto=https\r\nX-Forwarded-Proto: https\r\n";
    let seen = seen_with(fields, true);
    let chain = seen.all("x-forwarded-for").join(", ");
    assert!(chain.starts_with("203.0.113.9") && chain.ends_with("127.0.0.1"), "{chain}");
    assert!(seen.all("forwarded").join(", ").contains("203.0.113.9"), "{}", seen.head);
}

#[test]
fn address_rules_go_by_the_client_that_a_listed_proxy_names() {
    let origin = Origin::plain();
    for (trusted, expected) in [(true, 200), (false, 403)] {
        let mut setup = Setup::new();
        setup.route("all", &format!("path = /\nupstream = {}\nallow = 203.0.113.0/24", origin.url()));
        if trusted {
            setup.set("gateway", "trusted_proxies", "127.0.0.1");
        }
        let gateway = setup.start();
        let response = gateway.get_with("/x", "X-Forwarded-For: 203.0.113.9\r\n");
        assert_eq!(response.status, expected, "trusted: {trusted}");
    }
}

#[test]
fn a_loop_is_ended_with_508() {
    // The gateway is its own upstream.
    let mut setup = Setup::new();
    let own = setup.text();
    let address = own.lines().find_map(|line| line.strip_prefix("listen = ")).expect("a listen line");
    setup.route("loop", &format!("path = /\nupstream = http://{address}\ncache = off"));
    let gateway = setup.start();
    assert_eq!(gateway.get("/x").status, 508);
}

#[test]
fn cdn_loop_is_passed_on_and_added_to() {
    let seen = seen_with("CDN-Loop: other.example; x=1\r\n", false);
    let value = seen.all("cdn-loop").join(", ");
    assert!(value.starts_with("other.example; x=1,") || value.starts_with("other.example;x=1,"), "{value}");
}

#[test]
fn ids_are_made_where_absent_and_kept_where_valid() {
    let made = seen_with("", false);
    let id = made.field("x-request-id").expect("an id is made").to_owned();
    assert!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{id}");
    let trace = made.field("traceparent").expect("a trace is begun");
    assert!(trace.starts_with("00-") && trace.len() == 55, "{trace}");

    let kept = seen_with(
        "X-Request-Id: my-id.42\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        false,
    );
    assert_eq!(kept.field("x-request-id"), Some("my-id.42"));
    assert!(kept.field("traceparent").is_some_and(|trace| trace.contains("0af7651916cd43dd8448eb211c80319c")));

    for bad in [
        "zz",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        let replaced = seen_with(&format!("X-Request-Id: {}\r\ntraceparent: {bad}\r\n", "x".repeat(500)), false);
        assert!(replaced.field("x-request-id").is_some_and(|id| id.len() < 200), "{}", replaced.head);
        assert_ne!(replaced.field("traceparent"), Some(bad));
        assert_eq!(replaced.all("traceparent").len(), 1);
    }
}

#[test]
fn host_is_the_upstream_s_own_unless_the_route_keeps_it() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.route("own", &format!("path = /own/\nupstream = {}", origin.url()));
    setup.route("kept", &format!("path = /kept/\nupstream = {}\nupstream.host = keep", origin.url()));
    setup.route("named", &format!("path = /named/\nupstream = {}\nupstream.host = wiki.example.org", origin.url()));
    let gateway = setup.start();
    for (target, host) in [
        ("/own/", format!("127.0.0.1:{}", origin.port())),
        ("/kept/", "board".to_owned()),
        ("/named/", "wiki.example.org".to_owned()),
    ] {
        assert_eq!(gateway.get(target).status, 200, "{target}");
        assert_eq!(origin.last().all("host"), [host], "{target}");
    }
}

#[test]
fn routes_edit_heads() {
    let origin = Origin::always(Answer::ok(&["Server: secret/1.0", "X-Old: 1"], "ok"));
    let mut setup = Setup::new();
    setup.route(
        "all",
        &format!(
            "path = /\nupstream = {}\nset.request.X-Board = kitgum\nremove.request.Cookie = on\n\
             set.response.X-Served-By = board\nremove.response.Server = on",
            origin.url()
        ),
    );
    let gateway = setup.start();
    let response = gateway.get_with("/x", "Cookie: a=1\r\nX-Board: fake\r\n");
    assert_eq!((response.field("x-served-by"), response.field("server")), (Some("board"), None), "{}", response.head);
    assert_eq!(response.field("x-old"), Some("1"));
    let seen = origin.last();
    assert_eq!((seen.all("x-board"), seen.field("cookie")), (vec!["kitgum"], None), "{}", seen.head);
}
