//! The audit trail: who asked for what, in a form in which nothing can be changed, removed or moved unnoticed.
//!
//! Never waits for the card on an exchange's way, never writes a path, a query, a field or a body, never changes what it
//! has written. Entry types: [`Audit`], [`AuditEntry`], [`AuditStatus`]; [`verify`] → [`Report`]; [`Records`], [`export`].
//!
//! # The form
//!
//! A trail is a folder of segments `audit-000001.jsonl`, `audit-000002.jsonl`, … A segment is text; each line of it is a
//! record, a JSON object that ends with the two members `prev` and `hash`:
//!
//! ```text
//! {"seq":17,"kind":"access",…,"prev":"<64 digits>","hash":"<64 digits>"}
//! ```
//!
//! - `hash` is the SHA-256 of the line as far as the `"` that ends `prev`. Anybody can compute it:
//!   `sed -n 5p audit-000001.jsonl | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum`
//! - `prev` is the `hash` of the record before, across segments; 64 zeros in the first one.
//! - `seq` counts from 1, across segments, and never begins anew.
//!
//! `kind` is `access` for an exchange. The others are about the trail: `opened` begins each segment; `sealed` ends one with
//! the number of its records, and the file is made read-only; `resumed`: the gateway was started and goes on in the
//! segment; `lost`: so many exchanges could not be written down; `dropped`: segments up to `through` go, because the trail
//! has a size. Which segments went by themselves is thus part of the chain: any other that is not there was removed.
//!
//! After a power cut a segment may end with bytes that are no record. They stay as they are: the next segment's `opened`
//! names their number and their hash in `torn`.
//!
//! `audit.head` names the last record that is on the card, so that records removed from the end are missed: by [`verify`],
//! and at the next start, which says so in `opened.missing`. It is written behind the records and reaches the card by
//! itself, up to half a minute later: what was removed of the last half minute before a power cut looks like the cut's doing.
//!
//! Who may write in the folder can make a whole new chain, head included, from some place on to its end. That is found by
//! those who keep an anchor elsewhere, `NUMBER:HASH`, as `hafir audit verify` and `export` print it.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod chain;
mod entry;
mod folder;
mod hash;
mod lines;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod trail;
mod verify;

pub(crate) use entry::AuditEntry;
pub(crate) use folder::Anchor;
pub(crate) use hash::Hash;
pub(crate) use read::{Records, export};
pub(crate) use record::AuditRecord;
pub(crate) use trail::Audit;
pub(crate) use verify::{Report, verify};

/// A time as records carry it: RFC 3339 in UTC with milliseconds.
pub(crate) fn time_text(wall: crate::base::Wall) -> String {
    super::json::time(wall)
}
