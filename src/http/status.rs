//! Status codes (RFC 9110 §15).

/// The usual reason phrase; empty for codes that have none.
pub(crate) fn reason(_status: u16) -> &'static str {
    todo!()
}
