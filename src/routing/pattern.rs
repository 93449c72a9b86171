//! Paths with `*`.
