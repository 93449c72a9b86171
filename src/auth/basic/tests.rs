//! Users, and those who are not.

use super::users::Users;
use super::*;
use crate::auth::Identity;
use crate::base::Now;
use crate::config::UserConfig;

fn user(name: &str, password: &str) -> UserConfig {
    UserConfig {
        name: name.into(),
        password: password.into(),
        plan: Some("clinic".into()),
        scopes: vec!["read".into()],
    }
}

/// Few turns: tests are not to wait.
fn hashed(name: &str, password: &str) -> UserConfig {
    user(name, &hash(password, 1000).unwrap())
}

fn job(users: &Users, name: &str, password: &str) -> PasswordJob {
    match users.check(name, password, Now::default()) {
        Checked::Ask(job) => job,
        Checked::Known(_) | Checked::Unknown | Checked::Busy => panic!("{name} was judged at once"),
    }
}

fn is_known(users: &Users, name: &str, password: &str) -> bool {
    matches!(users.check(name, password, Now::default()), Checked::Known(who) if who.id == name)
}

fn is_unknown(users: &Users, name: &str, password: &str) -> bool {
    matches!(users.check(name, password, Now::default()), Checked::Unknown)
}

#[test]
fn a_good_login_is_judged_once() {
    let users = Users::build(&[hashed("mary", "secret"), hashed("john", "other")]);
    assert!(users.notes().is_empty());
    let who: std::sync::Arc<Identity> = users.remember(job(&users, "mary", "secret").run()).unwrap();
    assert_eq!((who.id.as_str(), who.plan.as_deref(), who.has_scope("read")), ("mary", Some("clinic"), true));
    assert!(is_known(&users, "mary", "secret"));
    assert!(!is_known(&users, "john", "secret"));
    assert!(!is_known(&users, "mary", "Secret"));
}

#[test]
fn a_wrong_login_is_judged_once() {
    let users = Users::build(&[hashed("mary", "secret")]);
    for (name, password) in [("mary", "wrong"), ("nobody", "secret"), ("", ""), ("mary", ""), ("marys", "ecret")] {
        assert!(users.remember(job(&users, name, password).run()).is_none(), "{name}");
        assert!(is_unknown(&users, name, password), "{name}");
    }
    assert!(users.remember(job(&users, "mary", "secret").run()).is_some());
}

#[test]
fn a_flood_of_guesses_pushes_only_guesses_out() {
    let users = Users::build(&[hashed("mary", "secret")]);
    users.remember(job(&users, "mary", "secret").run());
    for guess in 0..65 {
        users.remember(job(&users, "mary", &guess.to_string()).run());
    }
    assert!(is_known(&users, "mary", "secret") && is_unknown(&users, "mary", "64"));
    assert!(matches!(users.check("mary", "0", Now::default()), Checked::Ask(_)), "the oldest was pushed out");
}

#[test]
fn only_so_many_are_judged_together() {
    let users = Users::build(&[hashed("mary", "secret")]);
    users.remember(job(&users, "mary", "secret").run());
    let (first, _second) = (job(&users, "a", "a"), job(&users, "b", "b"));
    assert!(matches!(users.check("c", "c", Now::default()), Checked::Busy));
    assert!(is_known(&users, "mary", "secret"), "who is known needs no turn");
    drop(first);
    let _third = job(&users, "c", "c");
}

#[test]
fn passwords_in_clear_work_and_are_told_of() {
    let users = Users::build(&[user("mary", "secret")]);
    assert_eq!(users.notes().len(), 1);
    assert!(users.notes()[0].contains("[user mary]") && users.notes()[0].contains("hafir password"));
    assert!(!users.notes()[0].contains("secret"));
    assert!(users.remember(job(&users, "mary", "secret").run()).is_some());
    assert!(users.remember(job(&users, "mary", "secret2").run()).is_none());
    assert!(is_known(&users, "mary", "secret"));
}

#[test]
fn a_hash_is_never_a_password() {
    for broken in ["$pbkdf2-sha256$i=5$c2FsdA$AAAA", "$2y$10$abcdefghijklmnopqrstuv", "{SHA}AAAA"] {
        let users = Users::build(&[user("mary", broken)]);
        assert!(users.notes()[0].contains("is not let in"), "{}", users.notes()[0]);
        assert!(users.remember(job(&users, "mary", broken).run()).is_none());
    }
    let text = hash("secret", 1000).unwrap();
    let users = Users::build(&[user("mary", &text)]);
    assert!(users.remember(job(&users, "mary", &text).run()).is_none());
}

#[test]
fn jobs_of_before_a_reload_change_nothing_after_it() {
    let before = Users::build(&[hashed("mary", "old")]);
    let judged = job(&before, "mary", "old").run();
    let after = Users::build(&[hashed("mary", "new")]);
    after.remember(judged);
    assert!(!is_known(&after, "mary", "old"));
    assert!(after.remember(job(&after, "mary", "old").run()).is_none());
}

#[test]
fn a_name_that_nobody_has_costs_as_much_as_the_dearest() {
    let users = Users::build(&[hashed("mary", "secret"), user("john", &hash("other", 200_000).unwrap())]);
    assert_eq!(job(&users, "nobody", "x").iterations(), 200_000);
    let users = Users::build(&[hashed("mary", "secret")]);
    assert_eq!(job(&users, "nobody", "x").iterations(), DEFAULT_ITERATIONS);
}
