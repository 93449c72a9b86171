//! What runs on a board beside the gateway, as root.

mod clock;
mod servers;

pub(crate) use clock::Clockwork;
