//! cli

mod check;
mod keys;
mod last_good;
mod print;
