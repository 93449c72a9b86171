//! What runs on a board beside the gateway, as root.

mod clock;

pub(crate) use clock::Clockwork;
