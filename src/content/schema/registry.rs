//! The documents of a schema: what each part of them is called, and the way from a reference to what it means.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::json::{Document, Flaw, Kind, Node, ROOT, Reader};
use super::super::source::{Formats, Loader, SchemaProblem};
use super::super::unfit::{Bounds, Unfit};
use super::compile::compile;
use super::rule::Place;
use super::{Schema, uri};

/// Bytes of one document. A schema is written by hand or from a model; the largest known ones have some 100 KB.
const MAX_DOCUMENT: usize = 1 << 20;
/// Arrays and objects in each other in a schema.
const MAX_DEPTH: usize = 64;
/// Documents of one schema.
const MAX_DOCUMENTS: usize = 256;
/// Metaschemas of metaschemas.
const MAX_METASCHEMAS: usize = 3;

pub(super) const STANDARD: &str = "https://json-schema.org/draft/2020-12/schema";
/// The metaschemas of the standard, one a line, without what only people read.
const METASCHEMAS: &str = include_str!("metaschema.jsonl");

/// What stands where subschemas are (JSON Schema Core §10, §11; Validation §8.5).
const SINGLE: [&str; 11] = [
    "additionalProperties",
    "items",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const LISTED: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 5] = ["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"];

/// A document as it was read.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) uri: String,
    bytes: Vec<u8>,
    nodes: Vec<Node>,
}

impl Stored {
    pub(super) fn document(&self) -> Document<'_> {
        Document::new(&self.bytes, &self.nodes)
    }
}

/// A part of a document with a URI of its own.
#[derive(Debug)]
struct Resource {
    uri: String,
    place: Place,
    dialect: Dialect,
}

/// The vocabularies that count (JSON Schema Core §8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dialect {
    pub(super) applicator: bool,
    pub(super) unevaluated: bool,
    pub(super) validation: bool,
    /// Whether `format` is a rule.
    pub(super) format: bool,
}

const FULL: Dialect = Dialect { applicator: true, unevaluated: true, validation: true, format: false };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Anchor {
    place: Place,
    dynamic: bool,
}

pub(super) struct Registry<'l> {
    pub(super) documents: Vec<Stored>,
    resources: Vec<Resource>,
    by_uri: BTreeMap<String, u32>,
    roots: BTreeMap<Place, u32>,
    anchors: BTreeMap<(u32, String), Anchor>,
    load: &'l mut Loader<'l>,
    /// Compiled metaschemas by which documents are checked; `None` where nothing is checked.
    metaschemas: Option<BTreeMap<String, Rc<Schema>>>,
    /// How many metaschemas this one is away from the schema.
    generation: usize,
}

/// What a reference means.
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) resource: u32,
    /// The name, where the reference ends with a `$dynamicAnchor`.
    pub(super) dynamic: Option<String>,
}

impl<'l> Registry<'l> {
    pub(super) fn new(load: &'l mut Loader<'l>, checks: bool, generation: usize) -> Registry<'l> {
        Registry {
            documents: Vec::new(),
            resources: Vec::new(),
            by_uri: BTreeMap::new(),
            roots: BTreeMap::new(),
            anchors: BTreeMap::new(),
            load,
            metaschemas: checks.then(BTreeMap::new),
            generation,
        }
    }

    /// Adds a document that was read from this URI, and gives its outermost resource.
    pub(super) fn add(&mut self, uri: &str, bytes: Vec<u8>) -> Result<u32, SchemaProblem> {
        if self.documents.len() >= MAX_DOCUMENTS {
            return Err(problem(uri, "", "is one document too many"));
        }
        let stored = read(uri, bytes)?;
        let index = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        let place = Place { document: index, node: ROOT };
        let base = own_uri(stored.document(), ROOT, uri).unwrap_or_else(|| uri.to_owned());
        self.documents.push(stored);
        let resource = self.add_resource(base, place, FULL);
        self.by_uri.entry(uri.to_owned()).or_insert(resource);
        let dialect = self.dialect(place, FULL)?;
        if let Some(found) = self.resources.get_mut(resource as usize) {
            found.dialect = dialect;
        }
        self.check(place)?;
        self.index(place, resource)?;
        Ok(resource)
    }

    pub(super) fn document(&self, place: Place) -> Document<'_> {
        self.documents.get(place.document as usize).map_or(Document::new(&[], &[]), Stored::document)
    }

    pub(super) fn place(&self, resource: u32) -> Place {
        self.resources.get(resource as usize).map_or(Place { document: 0, node: ROOT }, |found| found.place)
    }

    pub(super) fn dialect_of(&self, resource: u32) -> Dialect {
        self.resources.get(resource as usize).map_or(FULL, |found| found.dialect)
    }

    /// The resource that begins here, or `around`.
    pub(super) fn resource_at(&self, place: Place, around: u32) -> u32 {
        self.roots.get(&place).copied().unwrap_or(around)
    }

    /// All `$dynamicAnchor`s: resource, name, place.
    pub(super) fn dynamic_anchors(&self) -> Vec<(u32, String, Place)> {
        let all = self.anchors.iter().filter(|(_, anchor)| anchor.dynamic);
        all.map(|((resource, name), anchor)| (*resource, name.clone(), anchor.place)).collect()
    }

    /// What a reference at `from`, in this resource, means. Loads what is not there yet.
    pub(super) fn target(&mut self, reference: &str, resource: u32, from: Place) -> Result<Target, SchemaProblem> {
        let base = self.resources.get(resource as usize).map_or("", |found| &found.uri);
        let (uri, fragment) = uri::resolve(base, reference);
        let found = match self.by_uri.get(&uri) {
            Some(found) => *found,
            None => self.load(&uri).map_err(|why| self.problem(from, &format!("refers to {uri}, which {why}")))?,
        };
        self.inside(found, &fragment)
            .ok_or_else(|| self.problem(from, &format!("refers to `{fragment}`, which is not in {uri}")))
    }

    pub(super) fn problem(&self, place: Place, message: &str) -> SchemaProblem {
        let uri = self.documents.get(place.document as usize).map_or("", |stored| &stored.uri);
        problem(uri, &self.document(place).pointer(place.node), message)
    }

    fn inside(&self, resource: u32, fragment: &str) -> Option<Target> {
        let root = self.place(resource);
        if fragment.is_empty() {
            return Some(Target { place: root, resource, dynamic: None });
        }
        if !fragment.starts_with('/') {
            let anchor = self.anchors.get(&(resource, fragment.to_owned()))?;
            let dynamic = anchor.dynamic.then(|| fragment.to_owned());
            return Some(Target { place: anchor.place, resource, dynamic });
        }
        let document = self.document(root);
        let place = Place { node: document.find(root.node, fragment)?, ..root };
        let around = document.ancestors(place.node).into_iter().rev();
        let around = around.filter_map(|node| self.roots.get(&Place { node, ..root })).next();
        Some(Target { place, resource: around.copied().unwrap_or(resource), dynamic: None })
    }

    /// An error is the end of a sentence.
    fn load(&mut self, uri: &str) -> Result<u32, String> {
        let bytes = match metaschema(uri) {
            Some(text) => text.as_bytes().to_vec(),
            None => (self.load)(uri)?,
        };
        self.add(uri, bytes).map_err(|problem| format!("cannot be used: {problem}"))
    }

    fn add_resource(&mut self, uri: String, place: Place, dialect: Dialect) -> u32 {
        let index = u32::try_from(self.resources.len()).unwrap_or(u32::MAX);
        self.by_uri.entry(uri.clone()).or_insert(index);
        self.roots.insert(place, index);
        self.resources.push(Resource { uri, place, dialect });
        index
    }

    /// Learns the names in a subschema. Recursion ends with [`MAX_DEPTH`].
    fn index(&mut self, place: Place, around: u32) -> Result<(), SchemaProblem> {
        let resource = match self.roots.get(&place) {
            Some(known) => *known,
            None => self.begin_resource(place, around)?,
        };
        for (keyword, dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
            let document = self.document(place);
            if let Some(name) = document.member(place.node, keyword).filter(|at| document.kind(*at) == Kind::String) {
                let name = document.text(name).into_owned();
                self.anchors.entry((resource, name)).or_insert(Anchor { place, dynamic });
            }
        }
        self.subschemas(place).into_iter().try_for_each(|node| self.index(Place { node, ..place }, resource))
    }

    fn begin_resource(&mut self, place: Place, around: u32) -> Result<u32, SchemaProblem> {
        let base = self.resources.get(around as usize).map_or("", |found| &found.uri);
        let Some(uri) = own_uri(self.document(place), place.node, base) else { return Ok(around) };
        let dialect = self.dialect(place, self.dialect_of(around))?;
        Ok(self.add_resource(uri, place, dialect))
    }

    fn subschemas(&self, place: Place) -> Vec<u32> {
        let document = self.document(place);
        let mut all = Vec::new();
        for (name, value) in document.members(place.node) {
            let name: &str = &document.text(name);
            if SINGLE.contains(&name) {
                all.push(value);
            } else if LISTED.contains(&name) {
                all.extend(document.items(value));
            } else if NAMED.contains(&name) {
                all.extend(document.members(value).map(|(_, value)| value));
            }
        }
        all
    }

    /// What `$schema` at this place asks for; `otherwise` where there is none.
    fn dialect(&mut self, place: Place, otherwise: Dialect) -> Result<Dialect, SchemaProblem> {
        let Some(name) = self.metaschema_of(place) else { return Ok(otherwise) };
        if name == STANDARD {
            return Ok(FULL);
        }
        if name.contains("json-schema.org/draft") && metaschema(&name).is_none() {
            return Err(self.problem(place, "is written for another draft than 2020-12"));
        }
        let known = self.by_uri.get(&name).copied();
        let found = known.map_or_else(|| self.load(&name), Ok);
        let found = found.map_err(|why| self.problem(place, &format!("is written for {name}, which {why}")))?;
        self.vocabularies(self.place(found))
    }

    fn vocabularies(&self, metaschema: Place) -> Result<Dialect, SchemaProblem> {
        let document = self.document(metaschema);
        let Some(list) = document.member(metaschema.node, "$vocabulary") else { return Ok(FULL) };
        let mut dialect = Dialect { applicator: false, unevaluated: false, validation: false, format: false };
        for (name, needed) in document.members(list) {
            let uri = document.text(name);
            match uri.strip_prefix("https://json-schema.org/draft/2020-12/vocab/") {
                Some("applicator") => dialect.applicator = true,
                Some("unevaluated") => dialect.unevaluated = true,
                Some("validation") => dialect.validation = true,
                // Whether it must be understood or not: it is.
                Some("format-assertion") => dialect.format = true,
                Some("core" | "meta-data" | "format-annotation" | "content") => {}
                Some(_) | None if !document.is_true(needed) => {}
                Some(_) | None => {
                    let place = Place { node: name, ..metaschema };
                    return Err(self.problem(place, "is a vocabulary that must be understood and is not"));
                }
            }
        }
        Ok(dialect)
    }

    /// The URI that `$schema` names.
    fn metaschema_of(&self, place: Place) -> Option<String> {
        let document = self.document(place);
        let name = document.member(place.node, "$schema").filter(|at| document.kind(*at) == Kind::String)?;
        Some(document.text(name).trim_end_matches('#').to_owned())
    }

    /// Whether a document is as its metaschema wants it.
    fn check(&mut self, place: Place) -> Result<(), SchemaProblem> {
        let name = self.metaschema_of(place).unwrap_or_else(|| STANDARD.to_owned());
        let Some(known) = &self.metaschemas else { return Ok(()) };
        let schema = match known.get(&name) {
            Some(schema) => Rc::clone(schema),
            None => Rc::new(self.compiled(&name)?),
        };
        self.metaschemas.get_or_insert_default().insert(name, Rc::clone(&schema));
        let Some(stored) = self.documents.get(place.document as usize) else { return Ok(()) };
        let bounds = Bounds { size: MAX_DOCUMENT, depth: MAX_DEPTH, steps: 100_000_000 };
        match schema.validate(&stored.bytes, &bounds) {
            Ok(()) => Ok(()),
            Err(Unfit::Violations(list)) => {
                let first = list.first().map_or(("", ""), |first| (&first.pointer, &first.message));
                Err(problem(&stored.uri, first.0, first.1))
            }
            Err(other) => Err(problem(&stored.uri, "", &other.to_string())),
        }
    }

    fn compiled(&mut self, name: &str) -> Result<Schema, SchemaProblem> {
        if self.generation >= MAX_METASCHEMAS {
            return Err(problem(name, "", "is the metaschema of too many metaschemas"));
        }
        let bytes = match metaschema(name) {
            Some(text) => text.as_bytes().to_vec(),
            None => (self.load)(name).map_err(|why| problem(name, "", &why))?,
        };
        compile(Registry::new(&mut *self.load, false, self.generation + 1), bytes, name, Formats::Standard)
    }
}

fn problem(uri: &str, pointer: &str, message: &str) -> SchemaProblem {
    SchemaProblem { document: uri.to_owned(), pointer: pointer.to_owned(), message: message.to_owned() }
}

fn read(uri: &str, bytes: Vec<u8>) -> Result<Stored, SchemaProblem> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(problem(uri, "", "is larger than 1 MB"));
    }
    let nodes = Reader::new(MAX_DEPTH).finish(&bytes).map_err(|flaw| {
        let message = match flaw {
            Flaw::NotJson(at) => format!("is not JSON, from byte {at} on"),
            Flaw::TooDeep => format!("is nested deeper than {MAX_DEPTH}"),
            Flaw::Duplicate(at) => format!("has a name twice in an object, at byte {at}"),
        };
        problem(uri, "", &message)
    })?;
    Ok(Stored { uri: uri.to_owned(), bytes, nodes })
}

/// The URI that `$id` gives.
fn own_uri(document: Document<'_>, node: u32, base: &str) -> Option<String> {
    let id = document.member(node, "$id").filter(|at| document.kind(*at) == Kind::String)?;
    Some(uri::resolve(base, &document.text(id)).0)
}

fn metaschema(uri: &str) -> Option<&'static str> {
    METASCHEMAS
        .lines()
        .find(|line| line.split("\"$id\":\"").nth(1).is_some_and(|rest| rest.split('"').next() == Some(uri)))
}
