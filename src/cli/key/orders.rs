//! Changes as they go to whoever has the ledger: the running gateway, or this command itself where none runs.

use std::io;
use std::time::Duration;

use miniserde::{Deserialize, Serialize, json};

use super::when::stamp;
use crate::auth::key::{Change, KeyRecord, KeyRing, digest_from_hex, hex};
use crate::base::{Now, Wall};
use crate::cli::control::{Answer, Question};
use crate::ledger::{Durability, Ledger, Table};

/// Keys in one answer: some hundred kilobytes.
pub(super) const PAGE: usize = 500;

/// A change as a line of JSON. The secret never leaves the command that made it.
#[derive(Serialize, Deserialize)]
struct Order {
    what: String,
    id: String,
    sha256: Option<String>,
    name: Option<String>,
    plan: Option<String>,
    scopes: Vec<String>,
    /// Milliseconds since 1970.
    expires: Option<i64>,
    /// Milliseconds.
    grace: Option<u64>,
}

/// A key as people are told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) name: String,
    pub(super) plan: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) created: String,
    pub(super) expires: Option<String>,
    pub(super) revoked: Option<String>,
    /// Until when the secret before the last one is good.
    pub(super) old_secret_until: Option<String>,
    /// The text itself, by the command that made it.
    pub(super) key: Option<String>,
}

/// The ledger and what is in it.
pub(in crate::cli) struct Keys<'k> {
    pub(in crate::cli) ledger: &'k Ledger,
    pub(in crate::cli) ring: &'k KeyRing,
    pub(in crate::cli) now: Now,
}

pub(super) fn question(change: &Change) -> Question {
    Question { ask: "key change".to_owned(), texts: vec![json::to_string(&Order::of(change))], hard: false }
}

/// Does what a question says.
pub(in crate::cli) fn obey(what: &str, question: &Question, keys: &Keys<'_>) -> Answer {
    let text = question.texts.first().map(String::as_str).unwrap_or_default();
    match what {
        "change" => change(text, keys),
        "show" => match keys.ring.find(text) {
            Some(record) => tell(&Told::of(&record, keys.now)),
            None => Answer::problem(format!("there is no key '{text}'; 'hafir key list' shows all")),
        },
        "list" => {
            let page = keys.ring.after(text, PAGE);
            tell(&page.iter().map(|record| Told::of(record, keys.now)).collect::<Vec<_>>())
        }
        _ => Answer::problem(format!("the running gateway does not know 'key {what}'")),
    }
}

fn change(text: &str, keys: &Keys<'_>) -> Answer {
    let order = json::from_str::<Order>(text).ok().and_then(Order::change);
    let Some(change) = order else {
        return Answer::problem("another version of hafir runs here: it knows no such change");
    };
    let kept = keys.ring.change(&change, keys.now, |kept| keep(keys.ledger, kept.id, kept.bytes, kept.last));
    match kept {
        Ok(record) => tell(&Told::of(&record, keys.now)),
        Err(problem) => Answer::problem(problem.to_string()),
    }
}

fn keep(ledger: &Ledger, id: &str, bytes: Option<&[u8]>, last: bool) -> io::Result<()> {
    match bytes {
        Some(bytes) if last => ledger.write_last(Table::Keys, id, bytes),
        Some(_) | None => ledger.write(Table::Keys, &[(id, bytes)], Durability::Now),
    }
}

fn tell<T: Serialize>(what: &T) -> Answer {
    Answer { note: Some(json::to_string(what)), ..Answer::done() }
}

impl Order {
    fn of(change: &Change) -> Order {
        let mut order = Order {
            what: String::new(),
            id: String::new(),
            sha256: None,
            name: None,
            plan: None,
            scopes: Vec::new(),
            expires: None,
            grace: None,
        };
        let (what, id) = match change {
            Change::New { id, hash, name, plan, scopes, expires } => {
                order.sha256 = Some(hex(hash));
                order.name = Some(name.clone());
                order.plan.clone_from(plan);
                order.scopes.clone_from(scopes);
                order.expires = expires.map(Wall::as_millis);
                ("new", id)
            }
            Change::Revoke { id } => ("revoke", id),
            Change::Roll { id, hash, grace } => {
                order.sha256 = Some(hex(hash));
                order.grace = u64::try_from(grace.as_millis()).ok();
                ("roll", id)
            }
            Change::Rename { id, name } => {
                order.name = Some(name.clone());
                ("rename", id)
            }
        };
        Order { what: what.to_owned(), id: id.clone(), ..order }
    }

    fn change(self) -> Option<Change> {
        let hash = self.sha256.as_deref().and_then(digest_from_hex);
        let Order { id, name, plan, scopes, .. } = self;
        match self.what.as_str() {
            "new" => {
                let expires = self.expires.map(Wall::from_millis);
                Some(Change::New { id, hash: hash?, name: name?, plan, scopes, expires })
            }
            "revoke" => Some(Change::Revoke { id }),
            "roll" => Some(Change::Roll { id, hash: hash?, grace: Duration::from_millis(self.grace?) }),
            "rename" => Some(Change::Rename { id, name: name? }),
            _ => None,
        }
    }
}

impl Told {
    fn of(record: &KeyRecord, now: Now) -> Told {
        let identity = &record.identity;
        Told {
            id: identity.id.clone(),
            state: record.state(now.wall).word().to_owned(),
            name: identity.name.clone(),
            plan: identity.plan.clone(),
            scopes: identity.scopes.clone(),
            created: stamp(record.created),
            expires: identity.expires.map(stamp),
            revoked: record.revoked.map(stamp),
            old_secret_until: record.before.map(|(_, until)| until).filter(|until| now.wall < *until).map(stamp),
            key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_arrive_as_they_were_sent() {
        let (id, hash) = ("k7m2p9qd".to_owned(), [7; 32]);
        for change in [
            Change::New {
                id: id.clone(),
                hash,
                name: "Clinic \"3\"\u{e9}".to_owned(),
                plan: Some("clinic".to_owned()),
                scopes: vec!["a".to_owned(), "b".to_owned()],
                expires: Some(Wall::from_millis(1_800_000_000_123)),
            },
            Change::Revoke { id: id.clone() },
            Change::Roll { id: id.clone(), hash, grace: Duration::from_secs(7) },
            Change::Rename { id, name: "x".to_owned() },
        ] {
            let text = question(&change).texts.remove(0);
            assert_eq!(json::from_str::<Order>(&text).unwrap().change(), Some(change));
        }
    }
}
