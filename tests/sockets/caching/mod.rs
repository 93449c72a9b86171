//! RFC 9111 through sockets, with an origin that counts.

mod class;
mod cuts;
mod keys;
mod partial;
mod repeats;
mod rules;
mod sharing;
mod stale;
mod store;
mod strange;
