//! `set.request.NAME`, `remove.request.NAME` and the same for responses.

use std::fmt;

use super::field;
use crate::config::FieldEdit;
use crate::http::HeadWriter;

/// A route's edits of one kind of head, checked once. The last word on a name holds, and it holds against what the
/// gateway itself adds, too.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Edits {
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

/// Why a field cannot be edited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EditProblem {
    /// It says how the message is framed, sent on or kept from looping.
    Protected { name: String },
    /// The name or the value cannot stand in a head.
    Illegal { name: String },
}

impl Edits {
    pub(crate) fn build(edits: &[FieldEdit]) -> Result<Edits, EditProblem> {
        let mut built = Edits::default();
        for edit in edits {
            let (name, value) = match edit {
                FieldEdit::Set { name, value } => (name, Some(value)),
                FieldEdit::Remove { name } => (name, None),
            };
            if field::is_protected(name) {
                return Err(EditProblem::Protected { name: name.clone() });
            }
            if !is_legal(name, value.map_or("", String::as_str)) {
                return Err(EditProblem::Illegal { name: name.clone() });
            }
            built.set.retain(|(earlier, _)| !earlier.eq_ignore_ascii_case(name));
            built.remove.retain(|earlier| !earlier.eq_ignore_ascii_case(name));
            match value {
                Some(value) => built.set.push((name.clone(), value.clone())),
                None => built.remove.push(name.clone()),
            }
        }
        Ok(built)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Whether this field, wherever it comes from, gives way to an edit.
    pub(super) fn touch(&self, name: &[u8]) -> bool {
        let names = self.set.iter().map(|(name, _)| name).chain(&self.remove);
        !self.is_empty() && names.into_iter().any(|edited| edited.as_bytes().eq_ignore_ascii_case(name))
    }

    pub(super) fn write(&self, head: &mut HeadWriter<'_>) {
        for (name, value) in &self.set {
            head.field(name, value);
        }
    }
}

fn is_legal(name: &str, value: &str) -> bool {
    let mut scratch = Vec::new();
    let mut head = HeadWriter::fields_only(&mut scratch);
    head.field(name, value);
    head.end().is_ok()
}

impl fmt::Display for EditProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EditProblem::Protected { name } => {
                write!(f, "'{name}' carries the message itself and cannot be set or removed")
            }
            EditProblem::Illegal { name } => write!(f, "'{name}' or its value has characters that no field may have"),
        }
    }
}

impl std::error::Error for EditProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> FieldEdit {
        FieldEdit::Set { name: name.into(), value: value.into() }
    }

    fn remove(name: &str) -> FieldEdit {
        FieldEdit::Remove { name: name.into() }
    }

    #[test]
    fn the_last_word_on_a_name_holds() {
        let edits = Edits::build(&[set("A", "1"), remove("b"), set("a", "2"), set("B", "3"), remove("a")]).unwrap();
        assert_eq!(edits, Edits { set: vec![("B".into(), "3".into())], remove: vec!["a".into()] });
        assert!(edits.touch(b"A") && edits.touch(b"b") && !edits.touch(b"c"));
    }

    #[test]
    fn what_carries_the_message_is_protected() {
        for name in ["Content-Length", "transfer-encoding", "Host", "CDN-Loop", "Connection"] {
            assert_eq!(Edits::build(&[remove(name)]), Err(EditProblem::Protected { name: name.into() }));
        }
        for (name, value) in [("a b", ""), ("a", "x\r\nb: c"), ("", "x"), ("a", "\0")] {
            assert_eq!(Edits::build(&[set(name, value)]), Err(EditProblem::Illegal { name: name.into() }));
        }
    }
}
