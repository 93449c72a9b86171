//! Asking the rules of a schema about a value.

use super::super::json::{Document, Kind, ROOT, canonical};
use super::super::regex::Scratch;
use super::super::unfit::{MAX_VIOLATIONS, Steps, Unfit, Violation};
use super::Schema;
use super::rule::{Count, Id, Members, Named, Names, Rule, Rules, Subschema, Types};
use super::says;

/// Subschemas that are asked within each other. Each takes some hundred bytes of the stack.
const MAX_FRAMES: usize = 512;

/// Steps for every body, and for each of its bytes besides: a small body is to cost little whatever is in it. Records as people
/// write them take less than one step a byte, a large array that must not have an item twice some ten.
const STEPS_FOR_ANY: u64 = 500_000;
const STEPS_FOR_BYTE: u64 = 128;

/// The schema resources that were entered on the way to a subschema (JSON Schema Core §7.1), the last one first.
#[derive(Clone, Copy)]
struct Scope<'s> {
    resource: u32,
    around: Option<&'s Scope<'s>>,
}

/// Which members or items of one value some keyword has looked at, by their number.
#[derive(Default)]
struct Seen(Vec<u64>);

/// Where the asking is.
#[derive(Clone, Copy)]
struct Here<'s> {
    /// The value.
    at: u32,
    scope: &'s Scope<'s>,
    /// Whether violations are written down, or only yes and no count.
    tell: bool,
}

pub(super) struct Run<'r> {
    schema: &'r Schema,
    document: Document<'r>,
    steps: Steps,
    frames: usize,
    scratch: Scratch,
    violations: Vec<Violation>,
}

type Verdict = Result<bool, Unfit>;

pub(super) fn run(schema: &Schema, document: Document<'_>, steps: u64) -> Result<(), Unfit> {
    let length = document.raw(ROOT).len() as u64;
    let steps = Steps::new(steps.min(STEPS_FOR_ANY + length.saturating_mul(STEPS_FOR_BYTE)));
    let (scratch, violations) = (Scratch::default(), Vec::new());
    let mut run = Run { schema, document, steps, frames: 0, scratch, violations };
    let Some(root) = schema.subschemas.first() else { return Ok(()) };
    let scope = Scope { resource: root.resource, around: None };
    if run.ask(0, Here { at: ROOT, scope: &scope, tell: true }, None)? {
        return Ok(());
    }
    Err(Unfit::Violations(run.violations))
}

impl<'r> Run<'r> {
    /// Whether the value keeps to the subschema. What has been looked at is added to `seen` where it does.
    fn ask(&mut self, id: Id, here: Here<'_>, seen: Option<&mut Seen>) -> Verdict {
        let schema = self.schema;
        let Some(subschema) = schema.subschemas.get(id as usize) else { return Ok(true) };
        self.steps.take(1)?;
        match &subschema.rules {
            Rules::Always => Ok(true),
            Rules::Never => self.no(subschema, here, "", || "is not allowed".to_owned()),
            Rules::Keywords(rules) => {
                self.frames += 1;
                if self.frames > MAX_FRAMES {
                    return Err(Unfit::TooCostly);
                }
                let tracks = seen.is_some() || schema.tracks.get(id as usize) == Some(&true);
                let verdict = self.keywords(subschema, rules, here, tracks, seen);
                self.frames -= 1;
                verdict
            }
        }
    }

    fn keywords(
        &mut self,
        subschema: &'r Subschema,
        rules: &'r [Rule],
        here: Here<'_>,
        tracks: bool,
        seen: Option<&mut Seen>,
    ) -> Verdict {
        let entered = Scope { resource: subschema.resource, around: Some(here.scope) };
        let scope = if here.scope.resource == subschema.resource { here.scope } else { &entered };
        let mut here = Here { scope, ..here };
        let mut own = Seen::default();
        let mut fits = true;
        for rule in rules {
            here.tell &= self.violations.len() < MAX_VIOLATIONS;
            let is_last = matches!(rule, Rule::UnevaluatedItems(_) | Rule::UnevaluatedProperties(_));
            // What was looked at is known only where all the others hold.
            if is_last && !fits {
                break;
            }
            fits &= self.rule(subschema, rule, here, tracks.then_some(&mut own))?;
            if !fits && !here.tell {
                return Ok(false);
            }
        }
        if let Some(seen) = seen.filter(|_| fits) {
            self.steps.take(own.0.len() as u64)?;
            seen.merge(&own);
        }
        Ok(fits)
    }

    fn rule(&mut self, of: &'r Subschema, rule: &'r Rule, here: Here<'_>, seen: Option<&mut Seen>) -> Verdict {
        match rule {
            Rule::Type(_)
            | Rule::Const(_)
            | Rule::Enum(_)
            | Rule::MultipleOf(_)
            | Rule::Limit(..)
            | Rule::Count(..)
            | Rule::Pattern(_)
            | Rule::Format(_)
            | Rule::UniqueItems => self.assertion(of, rule, here),
            Rule::Required(names) => self.required(of, names, here),
            Rule::DependentRequired(all) => self.dependent_required(of, all, here),
            Rule::Ref(id) => self.ask(*id, here, seen),
            Rule::DynamicRef(id, name) => {
                let id = self.dynamic(*id, name.as_deref(), here)?;
                self.ask(id, here, seen)
            }
            Rule::AllOf(list) => self.all_of(list, here, seen),
            Rule::AnyOf(list) => self.any_of(of, list, here, seen),
            Rule::OneOf(list) => self.one_of(of, list, here, seen),
            Rule::Not(id) => {
                let fits = self.ask(*id, here.quiet(), None)?;
                if fits { self.no(of, here, "not", says::not) } else { Ok(true) }
            }
            Rule::If { condition, then, otherwise } => self.condition(*condition, *then, *otherwise, here, seen),
            Rule::DependentSchemas(list) => self.dependent_schemas(list, here, seen),
            Rule::Items { first, rest } => self.items(first, *rest, here, seen),
            Rule::Contains { item, least, most } => self.contains(of, (*item, *least, *most), here, seen),
            Rule::Members(members) => self.members(members, here, seen),
            Rule::PropertyNames(id) => self.names(*id, here),
            Rule::UnevaluatedItems(id) => self.unseen(*id, Kind::Array, here, seen),
            Rule::UnevaluatedProperties(id) => self.unseen(*id, Kind::Object, here, seen),
        }
    }

    fn assertion(&mut self, of: &'r Subschema, rule: &'r Rule, here: Here<'_>) -> Verdict {
        let (fits, keyword) = match rule {
            Rule::Type(types) => (self.types(here.at).meet(*types), "type"),
            Rule::Const(value) => (self.canonical(here.at)? == **value, "const"),
            Rule::Enum(values) => {
                let value = self.canonical(here.at)?;
                (values.binary_search_by(|one| (**one).cmp(&value)).is_ok(), "enum")
            }
            Rule::MultipleOf(divisor) => {
                (self.number_fits(here.at, |number| number.is_multiple_of(*divisor))?, "multipleOf")
            }
            Rule::Limit(limit, bound) => {
                (self.number_fits(here.at, |number| limit.holds(number, bound))?, limit.keyword())
            }
            Rule::Count(count, bound) => (self.counted(*count, *bound, here.at)?, count.keyword()),
            Rule::Pattern(regex) => {
                let is_text = self.document.kind(here.at) == Kind::String;
                let text = self.text(here.at)?;
                (!is_text || regex.is_match(&text, &mut self.scratch, &mut self.steps)?, "pattern")
            }
            Rule::Format(format) => {
                let is_text = self.document.kind(here.at) == Kind::String;
                (!is_text || format.holds(&self.text(here.at)?), "format")
            }
            _ => (self.is_unique(here.at)?, "uniqueItems"),
        };
        if fits { Ok(true) } else { self.no(of, here, keyword, || says::assertion(rule)) }
    }

    fn types(&self, at: u32) -> Types {
        match self.document.kind(at) {
            Kind::Null => Types::named("null"),
            Kind::Boolean => Types::named("boolean"),
            Kind::String => Types::named("string"),
            Kind::Array => Types::named("array"),
            Kind::Object => Types::named("object"),
            Kind::Number => {
                let is_integer = self.document.number(at).is_some_and(|number| number.is_integer());
                let number = Types::named("number");
                if is_integer { number.and(Types::named("integer")) } else { number }
            }
        }
    }

    /// The steps that it takes to read a value whole.
    fn read(&mut self, at: u32) -> Result<(), Unfit> {
        self.steps.take(self.document.weight(at) + self.document.raw(at).len() as u64 / 16)
    }

    fn text(&mut self, at: u32) -> Result<std::borrow::Cow<'r, str>, Unfit> {
        self.steps.take(self.document.raw(at).len() as u64 / 16)?;
        Ok(self.document.text(at))
    }

    fn canonical(&mut self, at: u32) -> Result<Vec<u8>, Unfit> {
        self.read(at)?;
        let mut bytes = Vec::new();
        canonical(self.document, at, &mut bytes);
        Ok(bytes)
    }

    /// What is no number fits.
    fn number_fits(&mut self, at: u32, holds: impl Fn(&super::super::json::Number<'_>) -> bool) -> Result<bool, Unfit> {
        self.steps.take(self.document.raw(at).len() as u64 / 16)?;
        Ok(self.document.number(at).is_none_or(|number| holds(&number)))
    }

    fn counted(&mut self, count: Count, bound: usize, at: u32) -> Result<bool, Unfit> {
        let wanted = match count {
            Count::MaxLength | Count::MinLength => Kind::String,
            Count::MaxItems | Count::MinItems => Kind::Array,
            Count::MaxProperties | Count::MinProperties => Kind::Object,
        };
        if self.document.kind(at) != wanted {
            return Ok(true);
        }
        let found = if wanted == Kind::String { self.text(at)?.chars().count() } else { self.children(at)? };
        Ok(if count.is_most() { found <= bound } else { found >= bound })
    }

    fn children(&mut self, at: u32) -> Result<usize, Unfit> {
        let count = self.document.count(at);
        self.steps.take(count as u64)?;
        Ok(count)
    }

    /// Sorted, not hashed: nothing can be made to collide, and the time grows little faster than the array.
    fn is_unique(&mut self, at: u32) -> Result<bool, Unfit> {
        if self.document.kind(at) != Kind::Array || self.children(at)? < 2 {
            return Ok(true);
        }
        self.read(at)?;
        let mut all = Vec::new();
        for item in self.document.items(at) {
            let mut bytes = Vec::new();
            canonical(self.document, item, &mut bytes);
            all.push(bytes);
        }
        let rounds = u64::from(all.len().ilog2());
        self.steps.take(all.len() as u64 * rounds)?;
        all.sort_unstable();
        Ok(all.array_windows().all(|[one, other]| one != other))
    }

    fn required(&mut self, of: &'r Subschema, names: &'r [Box<str>], here: Here<'_>) -> Verdict {
        if self.document.kind(here.at) != Kind::Object {
            return Ok(true);
        }
        let missing = self.missing(names, here.at)?;
        self.missed(of, &missing, here, "required")
    }

    fn dependent_required(&mut self, of: &'r Subschema, all: &'r [Named<Names>], here: Here<'_>) -> Verdict {
        let mut fits = true;
        for (name, needs) in all {
            if self.member(here.at, name)? {
                let missing = self.missing(needs, here.at)?;
                fits &= self.missed(of, &missing, here, "dependentRequired")?;
            }
        }
        Ok(fits)
    }

    /// Those of the sorted names that the object has not.
    fn missing(&mut self, names: &'r [Box<str>], at: u32) -> Result<Vec<&'r str>, Unfit> {
        self.children(at)?;
        let mut found = vec![false; names.len()];
        for (name, _) in self.document.members(at) {
            let name = self.document.text(name);
            let place = names.binary_search_by(|one| (**one).cmp(&name)).ok();
            if let Some(mark) = place.and_then(|place| found.get_mut(place)) {
                *mark = true;
            }
        }
        Ok(names.iter().zip(found).filter(|(_, found)| !found).map(|(name, _)| &**name).collect())
    }

    fn missed(&mut self, of: &'r Subschema, missing: &[&str], here: Here<'_>, keyword: &'static str) -> Verdict {
        for name in missing {
            self.no(of, here, keyword, || format!("needs the member `{name}`"))?;
        }
        Ok(missing.is_empty())
    }

    fn member(&mut self, at: u32, name: &str) -> Verdict {
        if self.document.kind(at) != Kind::Object {
            return Ok(false);
        }
        self.children(at)?;
        Ok(self.document.member(at, name).is_some())
    }

    /// The outermost resource in scope that knows the name tells what it means (JSON Schema Core §8.2.3.2).
    fn dynamic(&mut self, id: Id, name: Option<&str>, here: Here<'_>) -> Result<Id, Unfit> {
        let Some(name) = name else { return Ok(id) };
        let mut found = id;
        let mut scope = Some(here.scope);
        while let Some(one) = scope {
            self.steps.take(1)?;
            if let Some(names) = self.schema.dynamic.get(&one.resource)
                && let Some(id) = names.get(name)
            {
                found = *id;
            }
            scope = one.around;
        }
        Ok(found)
    }

    fn all_of(&mut self, list: &'r [Id], here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut fits = true;
        for id in list {
            fits &= self.ask(*id, here, seen.as_deref_mut())?;
            if !fits && !here.tell {
                break;
            }
        }
        Ok(fits)
    }

    fn any_of(&mut self, of: &'r Subschema, list: &'r [Id], here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut fits = false;
        for id in list {
            fits |= self.ask(*id, here.quiet(), seen.as_deref_mut())?;
            if fits && seen.is_none() {
                break;
            }
        }
        match list {
            _ if fits => Ok(true),
            // The only way there is can be told of in full.
            [only] => self.ask(*only, here, None),
            _ => self.no(of, here, "anyOf", says::any_of),
        }
    }

    fn one_of(&mut self, of: &'r Subschema, list: &'r [Id], here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut count = 0;
        for id in list {
            count += usize::from(self.ask(*id, here.quiet(), seen.as_deref_mut())?);
            if count > 1 {
                return self.no(of, here, "oneOf", says::more_than_one);
            }
        }
        match list {
            _ if count == 1 => Ok(true),
            [only] => self.ask(*only, here, None),
            _ => self.no(of, here, "oneOf", says::any_of),
        }
    }

    fn condition(
        &mut self,
        condition: Id,
        then: Option<Id>,
        otherwise: Option<Id>,
        here: Here<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Verdict {
        let holds = self.ask(condition, here.quiet(), seen.as_deref_mut())?;
        match if holds { then } else { otherwise } {
            Some(id) => self.ask(id, here, seen),
            None => Ok(true),
        }
    }

    fn dependent_schemas(&mut self, list: &'r [Named<Id>], here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut fits = true;
        for (name, id) in list {
            if self.member(here.at, name)? {
                fits &= self.ask(*id, here, seen.as_deref_mut())?;
            }
        }
        Ok(fits)
    }

    fn items(&mut self, first: &'r [Id], rest: Option<Id>, here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut fits = true;
        for (number, item) in self.document.items(here.at).enumerate() {
            let Some(id) = first.get(number).copied().or(rest) else { break };
            fits &= self.ask(id, here.with(item), None)?;
            if !fits && !here.tell {
                break;
            }
            if let Some(seen) = seen.as_deref_mut() {
                seen.mark(number);
            }
        }
        Ok(fits)
    }

    fn contains(
        &mut self,
        of: &'r Subschema,
        (id, least, most): (Id, usize, Option<usize>),
        here: Here<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Verdict {
        if self.document.kind(here.at) != Kind::Array {
            return Ok(true);
        }
        let mut count = 0_usize;
        for (number, item) in self.document.items(here.at).enumerate() {
            if self.ask(id, here.with(item).quiet(), None)? {
                count += 1;
                if let Some(seen) = seen.as_deref_mut() {
                    seen.mark(number);
                } else if most.is_none() && count >= least {
                    break;
                }
            }
        }
        if count < least {
            return self.no(of, here, if least > 1 { "minContains" } else { "contains" }, || says::too_few(least));
        }
        match most {
            Some(most) if count > most => self.no(of, here, "maxContains", || says::too_many(most)),
            Some(_) | None => Ok(true),
        }
    }

    fn members(&mut self, members: &'r Members, here: Here<'_>, mut seen: Option<&mut Seen>) -> Verdict {
        let mut fits = true;
        for (number, (name, value)) in self.document.members(here.at).enumerate() {
            self.steps.take(1)?;
            let name = self.document.text(name);
            let here = here.with(value);
            let known = members.known.binary_search_by(|(one, _)| (**one).cmp(&name)).ok();
            let known = known.and_then(|place| members.known.get(place));
            let mut looked = known.is_some();
            if let Some((_, id)) = known {
                fits &= self.ask(*id, here, None)?;
            }
            for (regex, id) in &members.patterns {
                if regex.is_match(&name, &mut self.scratch, &mut self.steps)? {
                    looked = true;
                    fits &= self.ask(*id, here, None)?;
                }
            }
            if let Some(id) = members.rest.filter(|_| !looked) {
                looked = true;
                fits &= self.ask(id, here, None)?;
            }
            if !fits && !here.tell {
                break;
            }
            if let Some(seen) = seen.as_deref_mut().filter(|_| looked) {
                seen.mark(number);
            }
        }
        Ok(fits)
    }

    fn names(&mut self, id: Id, here: Here<'_>) -> Verdict {
        let mut fits = true;
        for (name, _) in self.document.members(here.at) {
            fits &= self.ask(id, here.with(name), None)?;
        }
        Ok(fits)
    }

    /// What no keyword has looked at (JSON Schema Core §11).
    fn unseen(&mut self, id: Id, kind: Kind, here: Here<'_>, seen: Option<&mut Seen>) -> Verdict {
        let Some(seen) = seen else { return Ok(true) };
        let document = self.document;
        let values: Vec<u32> = match kind {
            Kind::Array => document.items(here.at).collect(),
            _ => document.members(here.at).map(|(_, value)| value).collect(),
        };
        self.steps.take(values.len() as u64)?;
        let mut fits = true;
        for (number, value) in values.into_iter().enumerate() {
            if !seen.has(number) {
                fits &= self.ask(id, here.with(value), None)?;
                seen.mark(number);
            }
        }
        Ok(fits)
    }

    /// Writes a violation down, if they are wanted.
    fn no(
        &mut self,
        of: &Subschema,
        here: Here<'_>,
        keyword: &'static str,
        message: impl FnOnce() -> String,
    ) -> Verdict {
        if here.tell && self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation {
                pointer: self.document.pointer(here.at),
                keyword: if keyword.is_empty() { "false" } else { keyword },
                schema: self.schema.location(of.place, keyword),
                message: message(),
            });
        }
        Ok(false)
    }
}

impl<'s> Here<'s> {
    fn with(self, at: u32) -> Here<'s> {
        Here { at, ..self }
    }

    fn quiet(self) -> Here<'s> {
        Here { tell: false, ..self }
    }
}

impl Seen {
    fn mark(&mut self, number: usize) {
        let place = number / 64;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn merge(&mut self, other: &Seen) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }
}
