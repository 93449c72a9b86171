//! What the upstream hears of the caller: no credential, and nobody's word but the gateway's.

use super::tokens::{Claims, Provider};
use super::{Key, basic, bearer, guard};
use crate::harness::{Origin, Setup};

#[test]
fn no_credential_goes_upstream_unless_told() {
    let (origin, provider) = (Origin::plain(), Provider::new(1));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    setup.set("user mary", "password", "sesame-open");
    let any = "auth = key, jwt, basic\nauth.plain_http = on\nauth.query = token";
    guard(&mut setup, &origin, "kept", any);
    guard(&mut setup, &origin, "told", &format!("{any}\nauth.forward = on"));
    guard(&mut setup, &origin, "open", "");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let token = bearer(&provider.token(&Claims::default()));
    let twin = |name: &str| format!("{name}: w-word\r\n");
    let shown = [key.bearer(), key.field(), token.clone(), basic("mary:sesame-open")];
    for method in ["GET", "POST", "PUT", "HEAD", "OPTIONS"] {
        for fields in &shown {
            // Programs behind CGI take these for one another.
            let twins = ["X_Api_Key", "x-api_KEY", "X_API-Key"].map(twin).concat();
            let response = super::ask(&gateway, method, "/kept?a=1", &format!("{fields}{twins}"));
            assert_eq!(response.status, 200, "{method} {fields}: {}", response.head);
            let head = origin.last().head.to_lowercase();
            for word in ["authorization", "api-key", "api_key", "w-word", "hafir_", "sesame", "bearer", "basic"] {
                assert!(!head.contains(word), "{method} {fields}: {head}");
            }
            assert_eq!(super::ask(&gateway, method, "/told?a=1", fields).status, 200);
            let line = fields.trim();
            assert!(origin.last().head.contains(line), "{method} {line}: {}", origin.last().head);
        }
    }
    gateway.get_with(&format!("/told?a=1&token={}&b=2", key.text), "");
    assert_eq!(origin.last().target(), format!("/told?a=1&token={}&b=2", key.text));
    gateway.get_with(&format!("/kept?token={}", key.text), "");
    assert_eq!(origin.last().target(), "/kept");
    // Where nobody is asked, what is shown is between the two.
    gateway.get_with("/open", &token);
    assert!(origin.last().head.contains(token.trim()));
}

#[test]
fn no_credential_goes_upstream_behind_a_body() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "kept", "auth = key\ntell.X-Who = id");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let (bearer, field) = (key.bearer(), key.field());
    let request = format!(
        "POST /kept HTTP/1.1\r\nHost: board\r\n{bearer}Transfer-Encoding: chunked\r\nTE: trailers\r\n\r\n\
         5\r\nhello\r\n0\r\n{field}{bearer}X-Who: root\r\nx_who: root\r\nX-Sum: 5\r\n\r\n"
    );
    assert_eq!(gateway.client().send(request).response().status, 200);
    let seen = origin.last();
    assert_eq!(seen.body, b"hello");
    let trailers = seen.trailers.to_lowercase();
    assert!(!trailers.contains("root") && !trailers.contains("hafir_"), "{trailers}");
}

#[test]
fn the_upstream_hears_who_it_is_from_the_gateway_alone() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("plan clinic", "scope", "b");
    let tells =
        "tell.X-Who = id\ntell.X-Name = name\ntell.X-Plan = plan\ntell.X-Scope = scope\ntell.X-Role = claim.role";
    guard(&mut setup, &origin, "told", &format!("auth = key\n{tells}"));
    let gateway = setup.start();
    let key = Key::new(&gateway, &["--plan", "clinic", "--scope", "a"]);
    let plain = Key::new(&gateway, &[]);
    let names = ["x-who", "x-name", "x-plan", "x-scope", "x-role"];
    let claimed: String =
        names.iter().map(|name| format!("{name}: root\r\n{}: root\r\n", name.to_uppercase())).collect();
    let twins: String = names.iter().map(|name| format!("{}: root\r\n", name.replace('-', "_"))).collect();
    // A client cannot have them taken away as fields of the connection either (RFC 9110 §7.6.1).
    let nominated = format!("Connection: {}\r\n", names.join(", "));
    let id = format!("key/{}", key.id);
    for fields in [String::new(), claimed.clone(), twins.clone(), nominated.clone(), claimed + &twins + &nominated] {
        for method in ["GET", "POST"] {
            assert_eq!(super::ask(&gateway, method, "/told", &format!("{}{fields}", key.bearer())).status, 200);
            let seen = origin.last();
            let told = names.map(|name| seen.all(name).join("|"));
            assert_eq!(told, [id.as_str(), "Tablet", "clinic", "a b", ""], "{method} {fields}");
            assert!(!seen.head.contains("root"), "{}", seen.head);
        }
    }
    // What is not known of somebody is not said, by nobody.
    gateway.get_with("/told", &format!("{}X-Plan: clinic\r\nX-Role: root\r\n", plain.bearer()));
    let seen = origin.last();
    assert_eq!((seen.field("x-plan"), seen.field("x-role"), seen.field("x-scope")), (None, None, None));
}

#[test]
fn a_change_of_protocol_is_for_those_who_may_and_tells_nothing_more() {
    let origin = Origin::new(|_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        crate::harness::Answer::raw(head).echo()
    });
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "chat", "auth = key\nauth.query = token\nupgrade = on\ntell.X-Who = id");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let switch = |target: &str, fields: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nX-Who: root\r\n{fields}\r\n"
        )
    };
    assert_eq!(gateway.client().send(switch("/chat", "")).response().status, 401);
    assert_eq!(origin.count(), 0);
    for (target, fields) in [("/chat".to_owned(), key.bearer()), (format!("/chat?token={}", key.text), String::new())] {
        let mut client = gateway.client();
        assert_eq!(client.send(switch(&target, &fields)).head().status, 101);
        client.send("hello");
        assert_eq!(client.take(5), b"hello");
        let seen = origin.last();
        assert_eq!((seen.target(), seen.all("x-who")), ("/chat", vec![format!("key/{}", key.id).as_str()]));
        assert!(!seen.head.contains(key.secret()), "{}", seen.head);
    }
}
