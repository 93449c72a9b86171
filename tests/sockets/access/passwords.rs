//! Users with a password.

use super::{basic, guard};
use crate::harness::{Origin, Setup};

/// `mary`'s, as `hafir password` would print it with fewer turns.
const HASH_OF_SECRET: &str = "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0c2FsdA$Pqyd2uPIScWOoABvwIJnwdZ4KP/0n+Hv9aYYqyODRqU";

#[test]
fn a_password_holds_for_its_user_whichever_way_the_file_has_it() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("user mary", "password", HASH_OF_SECRET).set("user mary", "scope", "look");
    setup.set("user tom", "password", "sesame:open");
    guard(&mut setup, &origin, "clear", "auth = basic\nauth.plain_http = on\nscope = look\ntell.X-Who = id");
    guard(&mut setup, &origin, "safe", "auth = basic");
    let gateway = setup.start();
    let (mary, tom) = (basic("mary:sécret ; x"), basic("tom:sesame:open"));
    let colon = super::base64(b"mary");
    let table = [
        ("/clear", mary.clone(), 200),
        ("/clear", tom.clone(), 403),
        ("/clear", mary.replace("Basic", "bASIC"), 200),
        ("/clear", mary.replace("Basic", "Bearer"), 401),
        ("/clear", basic("mary:sesame:open"), 401),
        ("/clear", basic("mary:"), 401),
        ("/clear", basic("tom:sesame"), 401),
        ("/clear", basic(":"), 401),
        ("/clear", basic(&format!("mary:{HASH_OF_SECRET}")), 401),
        ("/clear", format!("Authorization: Basic {colon}\r\n"), 401),
        ("/clear", "Authorization: Basic\r\n".to_owned(), 401),
        ("/clear", "Authorization: Basic ====\r\n".to_owned(), 401),
        // Nobody is asked for a password where everybody can read it.
        ("/safe", mary.clone(), 403),
        ("/safe", tom, 403),
        ("/safe", basic("mary:wrong"), 403),
        ("/safe", String::new(), 403),
    ];
    for (target, fields, status) in table.iter().chain(&table) {
        let response = gateway.get_with(target, fields);
        assert_eq!(response.status, *status, "{target} {fields}: {}", response.head);
        if *status == 401 {
            let expected = format!("Basic realm=\"{}\", charset=\"UTF-8\"", &target[1..]);
            assert_eq!(response.field("www-authenticate"), Some(expected.as_str()));
        }
    }
    assert_eq!(origin.count(), 4);
    for seen in origin.requests() {
        assert_eq!((seen.field("authorization"), seen.field("x-who")), (None, Some("user/mary")));
    }
}

#[test]
fn a_proxy_that_is_believed_says_how_a_password_came() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("gateway", "trusted_proxies", "127.0.0.1").set("user mary", "password", HASH_OF_SECRET);
    guard(&mut setup, &origin, "safe", "auth = basic");
    let gateway = setup.start();
    let mary = basic("mary:sécret ; x");
    for (fields, status) in [
        ("", 403),
        ("X-Forwarded-Proto: http\r\n", 403),
        ("X-Forwarded-Proto: https\r\n", 200),
        ("X_Forwarded_Proto: https\r\n", 403),
    ] {
        let response = gateway.get_with("/safe", &format!("{mary}{fields}"));
        assert_eq!(response.status, status, "{fields}: {}", response.head);
    }
}
