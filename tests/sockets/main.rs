//! The gateway as its peers see it: every test starts a gateway of its own and talks to it over sockets.

mod access;
mod audit;
mod caching;
mod conformance;
mod harness;
mod interop;
mod limits;
mod mtls;
mod portal;
mod privacy;
mod process;
mod provider;
mod secrets;
mod tls;
mod wire;
