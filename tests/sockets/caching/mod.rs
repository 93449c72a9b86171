//! RFC 9111 through sockets, with an origin that counts.

mod rules;
mod sharing;
mod stale;
mod store;
