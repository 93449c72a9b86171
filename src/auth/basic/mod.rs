//! Passwords (RFC 7617): users of the file, and what proves them.
//!
//! A password is slow to check by design, so it is never done in the request's way: [`Users::check`] gives a
//! [`PasswordJob`] to run elsewhere, and remembers what it found. Entry types: [`Users`], [`hash`].

mod hash;
mod login;
mod memory;
mod users;

pub(crate) use hash::{DEFAULT_ITERATIONS, hash, is_hash};
pub(crate) use login::login;
pub(crate) use users::{Checked, PasswordJob, Users};

#[cfg(test)]
mod tests;
