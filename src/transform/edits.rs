//! `set.request.NAME`, `remove.request.NAME` and the same for responses.

use crate::config::FieldEdit;

/// A route's edits of one kind of head, checked once. The last word on a name holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {}

/// A field that no route may edit, because it says how the message is framed, forwarded or kept from looping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EditProblem {
    pub(crate) name: String,
}

impl Edits {
    pub(crate) fn build(edits: &[FieldEdit]) -> Result<Edits, EditProblem> {
        todo!()
    }
}
