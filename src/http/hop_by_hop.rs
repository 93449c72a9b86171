//! Fields that are for one connection only and never passed on (RFC 9110 §7.6.1).

use super::fields::Fields;

/// Whether a field of this head is for this hop only: known to be, or named by `Connection`.
pub(crate) fn is(_name: &[u8], _head: Fields<'_>) -> bool {
    todo!()
}
