//! RFC 9111 through sockets, with an origin that counts.

mod cuts;
mod keys;
mod rules;
mod sharing;
mod stale;
mod store;
