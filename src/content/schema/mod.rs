//! JSON Schema 2020-12 (Core and Validation): compiled once from documents that are all at hand, asked for each body.

mod compile;
mod format;
mod registry;
mod rule;
mod run;
mod says;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
mod uri;

use std::collections::BTreeMap;

use super::json::{Document, Flaw, Reader, push_token};
use super::source::{Formats, Loader, SchemaProblem};
use super::unfit::{Bounds, Unfit};
use registry::{Registry, Stored};
use rule::{Id, Place, Subschema};

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
