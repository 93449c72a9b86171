//! API keys: their text, what is kept of them, and who comes with one.
//!
//! A key is `hafir_` + eight letters that name it + `_` + its secret. What is kept is the SHA-256 of the secret, never
//! the secret. Changes go through [`KeyRing::change`]: first they are made durable, then they count, then they are
//! answered.

mod change;
mod record;
mod ring;
mod text;

pub(crate) use change::Change;
pub(crate) use record::KeyRecord;
pub(crate) use ring::{KeyProblem, KeyRing};
pub(crate) use text::{NewKey, digest_from_hex, hex};
