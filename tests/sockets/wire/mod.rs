//! RFC 9110 and 9112 as raw bytes on sockets.

mod answers;
mod bodies;
mod connections;
mod crowds;
mod fields;
mod paths;
mod refusals;
mod tunnels;
