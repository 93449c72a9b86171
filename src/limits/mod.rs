//! How much a client may use: token buckets, quotas, concurrency permits, in tables of fixed size.
//!
//! Never grows with the number of clients, never does I/O, never answers anybody. Empty for now: the limits that exist
//! today are those of one message (`http`), of connections (`net`) and of a route's request body (`gateway`).
