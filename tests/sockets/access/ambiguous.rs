//! More than one credential: who is meant must be beyond doubt.

use super::{Key, basic, bearer, guard};
use crate::harness::{Origin, Setup};

use super::tokens::{Claims, Provider};

#[test]
fn several_credentials_of_a_kind_are_nobody() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "query", "auth = key\nauth.query = key");
    guard(&mut setup, &origin, "two", "auth = key\nauth.header = Authorization, X-API-Key, X-Pass");
    let gateway = setup.start();
    let (a, b) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    let (a_text, b_text) = (&a.text, &b.text);
    let pass = |text: &str| format!("X-Pass: {text}\r\n");
    let table = [
        ("/query".to_owned(), a.field() + &b.field(), 401),
        ("/query".to_owned(), a.field() + &a.field(), 200),
        ("/query".to_owned(), a.bearer() + &b.bearer(), 401),
        ("/query".to_owned(), a.bearer() + &a.bearer(), 401),
        ("/query".to_owned(), a.bearer() + &b.field(), 401),
        ("/query".to_owned(), a.bearer() + &a.field(), 200),
        ("/query".to_owned(), basic("x:y") + &a.bearer(), 401),
        ("/query".to_owned(), format!("X-API-Key: {a_text}, {b_text}\r\n"), 401),
        (format!("/query?key={b_text}"), a.field(), 401),
        (format!("/query?key={b_text}"), a.bearer(), 401),
        (format!("/query?key={a_text}"), a.field(), 200),
        (format!("/query?key={a_text}&key={b_text}"), String::new(), 401),
        (format!("/query?key={a_text}&key="), String::new(), 401),
        ("/two".to_owned(), a.field() + &pass(b_text), 401),
        ("/two".to_owned(), a.field() + &pass(a_text), 200),
        ("/two".to_owned(), a.field() + &pass(""), 401),
    ];
    let mut passed = 0;
    for (target, fields, status) in table {
        let response = gateway.get_with(&target, &fields);
        assert_eq!(response.status, status, "{target} {fields}: {}", response.head);
        passed += usize::from(status == 200);
    }
    assert_eq!(origin.count(), passed);
}

#[test]
fn any_of_auth_will_do_and_all_that_is_required_must_be_there() {
    let (origin, provider) = (Origin::plain(), Provider::new(1));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    setup.set("user mary", "password", "sesame-open");
    let plain = "auth.plain_http = on\ntell.X-Who = id";
    guard(&mut setup, &origin, "any", &format!("auth = key, jwt, basic\n{plain}"));
    guard(&mut setup, &origin, "both", &format!("auth.require = key, jwt\n{plain}"));
    guard(&mut setup, &origin, "some", &format!("auth = jwt, basic\nauth.require = key\n{plain}"));
    let gateway = setup.start();
    let (key, gone) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    gone.revoke(&gateway);
    let token = bearer(&provider.token(&Claims::default()));
    let old = bearer(&provider.token(&Claims { exp: -3600, ..Claims::default() }));
    let (mary, wrong) = (basic("mary:sesame-open"), basic("mary:sesame-shut"));
    let named = format!("key/{}", key.id);
    let (who_key, who_token, who_mary) = (Some(named.as_str()), Some("token/id/anna"), Some("user/mary"));
    let table = [
        ("/any", String::new(), None),
        ("/any", key.bearer(), who_key),
        ("/any", key.field(), who_key),
        ("/any", token.clone(), who_token),
        ("/any", mary.clone(), who_mary),
        // What is shown and does not hold is refused, whatever else is shown.
        ("/any", key.field() + &old, None),
        ("/any", gone.field() + &token, None),
        ("/any", gone.field() + &mary, None),
        ("/any", key.field() + &wrong, None),
        ("/any", key.field() + &token, who_key),
        ("/both", key.field(), None),
        ("/both", key.bearer(), None),
        ("/both", token.clone(), None),
        ("/both", key.field() + &token, who_key),
        ("/both", gone.field() + &token, None),
        ("/both", key.field() + &old, None),
        ("/some", key.field(), None),
        ("/some", token.clone(), None),
        ("/some", mary.clone(), None),
        ("/some", key.field() + &token, who_token),
        ("/some", key.field() + &mary, who_mary),
        ("/some", key.field() + &wrong, None),
        ("/some", gone.field() + &mary, None),
    ];
    for (target, fields, who) in table {
        let before = origin.count();
        let response = gateway.get_with(target, &fields);
        let expected = if who.is_some() { 200 } else { 401 };
        assert_eq!(response.status, expected, "{target} {fields}: {}", response.head);
        let seen = (origin.count() > before).then(|| origin.last().field("x-who").expect("a name").to_owned());
        assert_eq!(seen.as_deref(), who, "{target} {fields}");
    }
}
