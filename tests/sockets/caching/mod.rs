//! RFC 9111 through sockets, with an origin that counts.

mod class;
mod cuts;
mod keys;
mod partial;
mod rules;
mod sharing;
mod stale;
mod store;
mod strange;
