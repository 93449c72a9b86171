//! JSON Schema 2020-12 (Core and Validation): compiled once from documents that are all at hand, asked for each body.

mod compile;
mod format;
mod registry;
mod rule;
mod run;
mod says;
#[cfg(test)]
mod suite;
mod uri;

use std::collections::BTreeMap;
use std::fmt;

use super::json::{Document, Flaw, Reader, push_token};
use super::unfit::{Bounds, Unfit};
use registry::{Registry, Stored};
use rule::{Id, Place, Subschema};

/// Gives the bytes of the document with this absolute URI, or why it cannot be had, as the end of a sentence: `is not
/// there`. Asked only while compiling.
pub(crate) type Loader<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// Whether `format` is a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Formats {
    /// As the standard has it: only where the metaschema asks for it.
    #[default]
    Standard,
    /// Always.
    Checked,
}

/// A compiled schema with all documents that it refers to: some hundred bytes for each subschema, and the documents.
#[derive(Debug)]
pub(crate) struct Schema {
    documents: Vec<Stored>,
    /// The first one is the schema itself.
    subschemas: Vec<Subschema>,
    /// Which of them need to know what was looked at.
    tracks: Vec<bool>,
    /// What names mean in each resource.
    dynamic: BTreeMap<u32, BTreeMap<Box<str>, Id>>,
}

/// Why a schema cannot be used. `document` is a URI, `pointer` a JSON Pointer into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SchemaProblem {
    pub(crate) document: String,
    pub(crate) pointer: String,
    /// What is the matter with the place, as the end of a sentence: `must be string`.
    pub(crate) message: String,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} {}", self.document, self.pointer, self.message)
    }
}

impl std::error::Error for SchemaProblem {}

impl Schema {
    /// `base` is the URI that `root` was read from (`file:///etc/hafir/event.schema.json`); relative references are
    /// resolved against it, or against the `$id` in the document. The standard's own metaschemas need no loader.
    pub(crate) fn compile(
        root: &[u8],
        base: &str,
        formats: Formats,
        load: &mut Loader<'_>,
    ) -> Result<Schema, SchemaProblem> {
        compile::compile(Registry::new(load, true, 0), root.to_vec(), base, formats)
    }

    /// Whether a body is JSON and keeps to the schema.
    pub(crate) fn validate(&self, bytes: &[u8], bounds: &Bounds) -> Result<(), Unfit> {
        if bytes.len() > bounds.size {
            return Err(Unfit::TooLarge);
        }
        let nodes = Reader::new(bounds.depth).finish(bytes).map_err(Unfit::from)?;
        self.ask(Document::new(bytes, &nodes), bounds.steps)
    }

    /// The same for what has been read already.
    pub(super) fn ask(&self, document: Document<'_>, steps: u64) -> Result<(), Unfit> {
        run::run(self, document, steps)
    }

    fn document(&self, place: Place) -> Document<'_> {
        self.documents.get(place.document as usize).map_or(Document::new(&[], &[]), Stored::document)
    }

    /// Where a keyword stands.
    fn location(&self, place: Place, keyword: &str) -> String {
        let uri = self.documents.get(place.document as usize).map_or("", |stored| &stored.uri);
        let mut location = format!("{uri}#{}", self.document(place).pointer(place.node));
        if !keyword.is_empty() {
            location.push('/');
            push_token(&mut location, keyword);
        }
        location
    }

    fn problem(&self, id: Id, message: &str) -> SchemaProblem {
        let place = self.subschemas.get(id as usize).map_or(Place { document: 0, node: 0 }, |found| found.place);
        let document = self.documents.get(place.document as usize).map_or("", |stored| &stored.uri).to_owned();
        SchemaProblem { document, pointer: self.document(place).pointer(place.node), message: message.to_owned() }
    }
}

impl From<Flaw> for Unfit {
    fn from(flaw: Flaw) -> Unfit {
        match flaw {
            Flaw::NotJson(at) => Unfit::NotJson(at),
            Flaw::TooDeep => Unfit::TooDeep,
            Flaw::Duplicate(at) => Unfit::Duplicate(at),
        }
    }
}
