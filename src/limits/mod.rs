//! How much one may use: token buckets, turns, budgets against scraping, quotas and shaping, in tables of fixed size.
//!
//! Never grows with the number of clients beyond a stated bound, never does I/O, never answers anybody, and goes by the
//! monotonic clock alone where it is about spans. Who has a bucket of their own is a [`Subject`].
//!
//! Entry types: [`rate::RateTable`] (how often), [`gate::Gates`] (how many at once, and who is next),
//! [`scrape::Scrape`] (how many different addresses and errors), [`quota::Quotas`] (how much in an hour, a day, a month),
//! [`shape::Shaper`] (how fast towards clients), [`shape::Governor`] (who has the uplink next).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub(crate) mod gate;
pub(crate) mod quota;
pub(crate) mod rate;
pub(crate) mod scrape;
pub(crate) mod shape;
mod subject;

pub(crate) use subject::Subject;
