//! The power is cut.
