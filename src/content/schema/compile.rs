//! From documents to rules.

use std::collections::BTreeMap;

use super::super::json::{Document, Kind, Number, canonical};
use super::super::regex::Regex;
use super::super::source::{Formats, SchemaProblem};
use super::Schema;
use super::format::Format;
use super::registry::{Dialect, Registry};
use super::rule::{Count, Id, Limit, Members, Named, Place, Rule, Rules, Subschema, Types};

/// Subschemas of one schema. The largest known ones (FHIR) have some 10,000.
const MAX_SUBSCHEMAS: usize = 32_768;

pub(super) fn compile(
    mut registry: Registry<'_>,
    root: Vec<u8>,
    uri: &str,
    formats: Formats,
) -> Result<Schema, SchemaProblem> {
    let resource = registry.add(uri, root)?;
    let mut compiler =
        Compiler { registry, formats, subschemas: Vec::new(), ids: BTreeMap::new(), waiting: Vec::new() };
    compiler.id(compiler.registry.place(resource), resource)?;
    compiler.work()?;
    let dynamic = compiler.dynamic()?;
    let Compiler { registry, subschemas, .. } = compiler;
    let tracks = subschemas.iter().map(|subschema| subschema.rules.tracks()).collect();
    let schema = Schema { documents: registry.documents, subschemas, tracks, dynamic };
    match schema.endless() {
        Some(id) => Err(schema.problem(id, "refers to itself without end")),
        None => Ok(schema),
    }
}

struct Compiler<'l> {
    registry: Registry<'l>,
    formats: Formats,
    /// One for each id; those that wait are held by [`Rules::Always`] until it is their turn.
    subschemas: Vec<Subschema>,
    ids: BTreeMap<Place, Id>,
    waiting: Vec<Id>,
}

type OfList = fn(Box<[Id]>) -> Rule;
type Made<T> = Result<T, SchemaProblem>;

impl Compiler<'_> {
    fn id(&mut self, place: Place, around: u32) -> Made<Id> {
        if let Some(id) = self.ids.get(&place) {
            return Ok(*id);
        }
        if self.subschemas.len() >= MAX_SUBSCHEMAS {
            return Err(self.registry.problem(place, "is one subschema too many"));
        }
        let id = Id::try_from(self.subschemas.len()).unwrap_or(Id::MAX);
        let resource = self.registry.resource_at(place, around);
        self.subschemas.push(Subschema { place, resource, rules: Rules::Always });
        self.ids.insert(place, id);
        self.waiting.push(id);
        Ok(id)
    }

    fn work(&mut self) -> Made<()> {
        while let Some(id) = self.waiting.pop() {
            let Some((place, resource)) = self.subschemas.get(id as usize).map(|found| (found.place, found.resource))
            else {
                continue;
            };
            let rules = self.rules(place, resource)?;
            if let Some(found) = self.subschemas.get_mut(id as usize) {
                found.rules = rules;
            }
        }
        Ok(())
    }

    /// What each name means in each resource, once all that can be reached is there.
    fn dynamic(&mut self) -> Made<BTreeMap<u32, BTreeMap<Box<str>, Id>>> {
        let mut known = 0;
        loop {
            let anchors = self.registry.dynamic_anchors();
            let mut table = BTreeMap::<u32, BTreeMap<Box<str>, Id>>::new();
            for (resource, name, place) in &anchors {
                let id = self.id(*place, *resource)?;
                table.entry(*resource).or_default().insert(name.as_str().into(), id);
            }
            self.work()?;
            if anchors.len() == known {
                return Ok(table);
            }
            known = anchors.len();
        }
    }

    fn rules(&mut self, place: Place, resource: u32) -> Made<Rules> {
        let document = self.registry.document(place);
        match document.kind(place.node) {
            Kind::Boolean if document.is_true(place.node) => return Ok(Rules::Always),
            Kind::Boolean => return Ok(Rules::Never),
            Kind::Object => {}
            Kind::Null | Kind::Number | Kind::String | Kind::Array => {
                return Err(self.registry.problem(place, "must be a schema: an object, true or false"));
            }
        }
        let dialect = self.registry.dialect_of(resource);
        let mut part = Part { compiler: self, place, resource, rules: Vec::new() };
        if dialect.validation {
            part.assertions()?;
        }
        if dialect.format || part.compiler.formats == Formats::Checked {
            part.format();
        }
        part.references()?;
        if dialect.applicator {
            part.in_place()?;
            part.arrays(dialect)?;
            part.objects()?;
        }
        if dialect.unevaluated {
            part.unevaluated()?;
        }
        let rules = part.rules;
        Ok(if rules.is_empty() { Rules::Always } else { Rules::Keywords(rules.into()) })
    }
}

/// One subschema on its way to rules.
struct Part<'c, 'l> {
    compiler: &'c mut Compiler<'l>,
    place: Place,
    resource: u32,
    rules: Vec<Rule>,
}

impl Part<'_, '_> {
    fn document(&self) -> Document<'_> {
        self.compiler.registry.document(self.place)
    }

    fn keyword(&self, name: &str) -> Option<u32> {
        self.document().member(self.place.node, name)
    }

    fn problem(&self, node: u32, message: &str) -> SchemaProblem {
        self.compiler.registry.problem(Place { node, ..self.place }, message)
    }

    fn id(&mut self, node: u32) -> Made<Id> {
        self.compiler.id(Place { node, ..self.place }, self.resource)
    }

    fn one(&mut self, keyword: &str) -> Made<Option<Id>> {
        self.keyword(keyword).map(|node| self.id(node)).transpose()
    }

    fn list(&mut self, keyword: &str) -> Made<Box<[Id]>> {
        let nodes: Vec<u32> = self.keyword(keyword).map_or(Vec::new(), |node| self.document().items(node).collect());
        nodes.into_iter().map(|node| self.id(node)).collect()
    }

    /// Names with what stands behind them, sorted by name.
    fn named(&self, keyword: &str) -> Vec<(Box<str>, u32)> {
        let document = self.document();
        let Some(node) = self.keyword(keyword) else { return Vec::new() };
        let mut all: Vec<(Box<str>, u32)> =
            document.members(node).map(|(name, value)| (document.text(name).into(), value)).collect();
        all.sort_unstable();
        all
    }

    fn schemas(&mut self, keyword: &str) -> Made<Box<[Named<Id>]>> {
        self.named(keyword).into_iter().map(|(name, node)| Ok((name, self.id(node)?))).collect()
    }

    fn strings(&self, node: u32) -> Box<[Box<str>]> {
        let document = self.document();
        let mut all: Vec<Box<str>> = document.items(node).map(|item| document.text(item).into()).collect();
        all.sort_unstable();
        all.dedup();
        all.into()
    }

    fn number(&self, keyword: &str) -> Option<Number<'_>> {
        self.document().number(self.keyword(keyword)?)
    }

    fn assertions(&mut self) -> Made<()> {
        if let Some(node) = self.keyword("type") {
            let document = self.document();
            let listed =
                document.items(node).fold(Types::default(), |all, item| all.and(Types::named(&document.text(item))));
            let types = listed.and(Types::named(&document.text(node)));
            self.rules.push(Rule::Type(types));
        }
        if let Some(node) = self.keyword("const") {
            let value = self.canonical(node);
            self.rules.push(Rule::Const(value));
        }
        if let Some(node) = self.keyword("enum") {
            let items: Vec<u32> = self.document().items(node).collect();
            let mut values: Vec<_> = items.into_iter().map(|item| self.canonical(item)).collect();
            values.sort_unstable();
            self.rules.push(Rule::Enum(values.into()));
        }
        self.numbers()?;
        if let Some(node) = self.keyword("pattern") {
            let regex = self.regex(&self.document().text(node), node)?;
            self.rules.push(Rule::Pattern(regex));
        }
        if self.keyword("uniqueItems").is_some_and(|node| self.document().is_true(node)) {
            self.rules.push(Rule::UniqueItems);
        }
        if let Some(node) = self.keyword("required") {
            self.rules.push(Rule::Required(self.strings(node)));
        }
        if self.keyword("dependentRequired").is_some() {
            let named = self.named("dependentRequired").into_iter();
            let needs = named.map(|(name, node)| (name, self.strings(node))).collect();
            self.rules.push(Rule::DependentRequired(needs));
        }
        Ok(())
    }

    fn numbers(&mut self) -> Made<()> {
        if let Some(node) = self.keyword("multipleOf") {
            let divisor = self.document().number(node).and_then(|number| number.divisor());
            let divisor = divisor.ok_or_else(|| self.problem(node, "must be above zero and have at most 19 digits"))?;
            self.rules.push(Rule::MultipleOf(divisor));
        }
        for limit in Limit::ALL {
            if let Some(bound) = self.number(limit.keyword()).map(Number::owned) {
                self.rules.push(Rule::Limit(limit, bound));
            }
        }
        for count in Count::ALL {
            if let Some(bound) = self.number(count.keyword()).and_then(|number| number.count()) {
                self.rules.push(Rule::Count(count, bound));
            }
        }
        Ok(())
    }

    fn canonical(&self, node: u32) -> Box<[u8]> {
        let mut bytes = Vec::new();
        canonical(self.document(), node, &mut bytes);
        bytes.into()
    }

    fn regex(&self, pattern: &str, node: u32) -> Made<Regex> {
        Regex::new(pattern).map_err(|bad| self.problem(node, &format!("`{pattern}` {bad}")))
    }

    fn format(&mut self) {
        let name = self.keyword("format").map(|node| self.document().text(node));
        if let Some(format) = name.and_then(|name| Format::named(&name)) {
            self.rules.push(Rule::Format(format));
        }
    }

    fn references(&mut self) -> Made<()> {
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(node) = self.keyword(keyword) else { continue };
            let reference = self.document().text(node).into_owned();
            let from = Place { node, ..self.place };
            let target = self.compiler.registry.target(&reference, self.resource, from)?;
            let id = self.compiler.id(target.place, target.resource)?;
            self.rules.push(match (keyword, target.dynamic) {
                ("$dynamicRef", Some(name)) => Rule::DynamicRef(id, Some(name.into())),
                ("$dynamicRef", None) => Rule::DynamicRef(id, None),
                _ => Rule::Ref(id),
            });
        }
        Ok(())
    }

    fn in_place(&mut self) -> Made<()> {
        let lists: [(&str, OfList); 3] = [("allOf", Rule::AllOf), ("anyOf", Rule::AnyOf), ("oneOf", Rule::OneOf)];
        for (keyword, rule) in lists {
            if self.keyword(keyword).is_some() {
                let list = self.list(keyword)?;
                self.rules.push(rule(list));
            }
        }
        if let Some(id) = self.one("not")? {
            self.rules.push(Rule::Not(id));
        }
        if let Some(condition) = self.one("if")? {
            let (then, otherwise) = (self.one("then")?, self.one("else")?);
            self.rules.push(Rule::If { condition, then, otherwise });
        }
        if self.keyword("dependentSchemas").is_some() {
            let schemas = self.schemas("dependentSchemas")?;
            self.rules.push(Rule::DependentSchemas(schemas));
        }
        self.dependencies()
    }

    /// A keyword of earlier drafts that people still write; the metaschema allows it, and a rule that is silently no rule
    /// would be a hole.
    fn dependencies(&mut self) -> Made<()> {
        let (mut needs, mut schemas) = (Vec::new(), Vec::new());
        for (name, node) in self.named("dependencies") {
            if self.document().kind(node) == Kind::Array {
                needs.push((name, self.strings(node)));
            } else {
                schemas.push((name, self.id(node)?));
            }
        }
        if !needs.is_empty() {
            self.rules.push(Rule::DependentRequired(needs.into()));
        }
        if !schemas.is_empty() {
            self.rules.push(Rule::DependentSchemas(schemas.into()));
        }
        Ok(())
    }

    fn arrays(&mut self, dialect: Dialect) -> Made<()> {
        let (first, rest) = (self.list("prefixItems")?, self.one("items")?);
        if !first.is_empty() || rest.is_some() {
            self.rules.push(Rule::Items { first, rest });
        }
        if let Some(item) = self.one("contains")? {
            let bound = |keyword| self.number(keyword).filter(|_| dialect.validation).and_then(|number| number.count());
            let (least, most) = (bound("minContains").unwrap_or(1), bound("maxContains"));
            self.rules.push(Rule::Contains { item, least, most });
        }
        Ok(())
    }

    fn objects(&mut self) -> Made<()> {
        let known = self.schemas("properties")?;
        let mut patterns = Vec::new();
        for (pattern, node) in self.named("patternProperties") {
            let regex = self.regex(&pattern, node)?;
            patterns.push((regex, self.id(node)?));
        }
        let rest = self.one("additionalProperties")?;
        if !known.is_empty() || !patterns.is_empty() || rest.is_some() {
            self.rules.push(Rule::Members(Members { known, patterns: patterns.into(), rest }));
        }
        if let Some(id) = self.one("propertyNames")? {
            self.rules.push(Rule::PropertyNames(id));
        }
        Ok(())
    }

    fn unevaluated(&mut self) -> Made<()> {
        if let Some(id) = self.one("unevaluatedItems")? {
            self.rules.push(Rule::UnevaluatedItems(id));
        }
        if let Some(id) = self.one("unevaluatedProperties")? {
            self.rules.push(Rule::UnevaluatedProperties(id));
        }
        Ok(())
    }
}

impl Rules {
    /// Whether it must be known which members and items the other keywords have seen.
    fn tracks(&self) -> bool {
        let is_last = |rule: &Rule| matches!(rule, Rule::UnevaluatedItems(_) | Rule::UnevaluatedProperties(_));
        matches!(self, Rules::Keywords(list) if list.iter().any(is_last))
    }

    /// Subschemas that are asked about the same value.
    fn in_place(&self) -> Vec<Id> {
        let Rules::Keywords(list) = self else { return Vec::new() };
        let mut all = Vec::new();
        for rule in list {
            match rule {
                Rule::Ref(id) | Rule::DynamicRef(id, _) | Rule::Not(id) => all.push(*id),
                Rule::AllOf(list) | Rule::AnyOf(list) | Rule::OneOf(list) => all.extend_from_slice(list),
                Rule::If { condition, then, otherwise } => {
                    all.push(*condition);
                    all.extend([*then, *otherwise].into_iter().flatten());
                }
                Rule::DependentSchemas(list) => all.extend(list.iter().map(|(_, id)| *id)),
                _ => {}
            }
        }
        all
    }
}

impl Schema {
    /// A subschema that comes back to itself without having gone into the value.
    fn endless(&self) -> Option<Id> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Under,
            Done,
        }
        let mut marks = vec![Mark::New; self.subschemas.len()];
        let below = |id: Id| self.subschemas.get(id as usize).map_or(Vec::new(), |found| found.rules.in_place());
        for start in 0..Id::try_from(marks.len()).unwrap_or(Id::MAX) {
            let mut stack = vec![(start, false)];
            while let Some((id, left)) = stack.pop() {
                let Some(mark) = marks.get_mut(id as usize) else { continue };
                match (*mark, left) {
                    (_, true) => *mark = Mark::Done,
                    (Mark::Under, false) => return Some(id),
                    (Mark::Done, false) => {}
                    (Mark::New, false) => {
                        *mark = Mark::Under;
                        stack.push((id, true));
                        stack.extend(below(id).into_iter().map(|id| (id, false)));
                    }
                }
            }
        }
        None
    }
}
