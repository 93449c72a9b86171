//! Rules for what stands in a head: method, media type, query parameters, header fields.

use super::unfit::{MAX_VIOLATIONS, Violation};
use super::value::{integer, is_date, is_number, is_uuid};
use crate::config::{ContentConfig, ValueRule, ValueShape};
use crate::http::{Fields, target};

/// Characters of a parameter's name that are told back.
const MAX_NAME: usize = 64;

/// The rules of one route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    rules: ContentConfig,
    allow: String,
    accept: String,
}

/// The answer is 405, with [`Checks::allow`] as `Allow` (RFC 9110 §15.5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MethodNotAllowed;

/// The answer is 415, with [`Checks::accept`] as `Accept` (RFC 9110 §15.5.16, §12.5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnsupportedMediaType;

impl Checks {
    pub(crate) fn build(config: &ContentConfig) -> Checks {
        let mut rules = config.clone();
        // Whoever may GET may ask for the head of it (RFC 9110 §9.3.2).
        let has = |name: &str| config.methods.iter().any(|method| method == name);
        if has("GET") && !has("HEAD") {
            rules.methods.push("HEAD".to_owned());
        }
        let (allow, accept) = (rules.methods.join(", "), rules.types.join(", "));
        Checks { rules, allow, accept }
    }

    pub(crate) fn method(&self, method: &str) -> Result<(), MethodNotAllowed> {
        let methods = &self.rules.methods;
        if methods.is_empty() || methods.iter().any(|one| one == method) { Ok(()) } else { Err(MethodNotAllowed) }
    }

    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> &str {
        &self.allow
    }

    /// For a request that has a body. One without a media type, or with several, is not taken where any is asked for:
    /// what the upstream makes of it cannot be foretold.
    pub(crate) fn media_type(&self, fields: Fields<'_>) -> Result<(), UnsupportedMediaType> {
        if self.rules.types.is_empty() {
            return Ok(());
        }
        let value = fields.sole("content-type").ok().flatten().ok_or(UnsupportedMediaType)?;
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if self.rules.types.iter().any(|one| is_of(essence, one)) { Ok(()) } else { Err(UnsupportedMediaType) }
    }

    /// The value of `Accept` (and of `Accept-Post`, `Accept-Patch`) beside a 415.
    pub(crate) fn accept(&self) -> &str {
        &self.accept
    }

    /// `query`: what stands behind `?`, as it came. Read as forms are (WHATWG URL §5.1): `+` is a space, and names are
    /// decoded before they are compared. A parameter that has a rule may come once: whoever reads it next may take the
    /// first or the last one.
    pub(crate) fn query(&self, query: Option<&str>) -> Result<(), Vec<Violation>> {
        let rules = &self.rules.query;
        if rules.is_empty() && !self.rules.strict_query {
            return Ok(());
        }
        let mut found = Found::new("query", rules);
        for piece in query.unwrap_or_default().split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let Some(name) = decoded(name) else {
                found.say(None, "encoding", "has a name that is not UTF-8".to_owned());
                continue;
            };
            match found.rule(&name) {
                Some(place) => found.value(place, decoded(value).as_deref()),
                None if self.rules.strict_query => {
                    // Without a value the name itself may be one.
                    let told = piece.contains('=').then(|| name.chars().take(MAX_NAME).collect::<String>());
                    found.say(told.as_deref(), "unknown", "is not known here".to_owned());
                }
                None => {}
            }
        }
        found.end()
    }

    /// A field that has a rule may come in one line only, where the rule asks for more than that it is there.
    pub(crate) fn headers(&self, fields: Fields<'_>) -> Result<(), Vec<Violation>> {
        let mut found = Found::new("header", &self.rules.headers);
        for (place, (name, _)) in self.rules.headers.iter().enumerate() {
            for value in fields.all(name) {
                found.value(place, std::str::from_utf8(value).ok());
            }
        }
        found.end()
    }
}

/// What has been found while going through names and values.
struct Found<'r> {
    kind: &'static str,
    rules: &'r [(String, ValueRule)],
    /// Which rules have met their name.
    met: Vec<bool>,
    violations: Vec<Violation>,
}

impl<'r> Found<'r> {
    fn new(kind: &'static str, rules: &'r [(String, ValueRule)]) -> Found<'r> {
        Found { kind, rules, met: vec![false; rules.len()], violations: Vec::new() }
    }

    fn rule(&self, name: &str) -> Option<usize> {
        self.rules.iter().position(|(known, _)| known == name)
    }

    fn value(&mut self, place: usize, value: Option<&str>) {
        let Some(((name, rule), met)) = self.rules.get(place).zip(self.met.get_mut(place)) else { return };
        let again = std::mem::replace(met, true);
        match value {
            _ if again && rule.shape == ValueShape::Any => {}
            _ if again => self.say(Some(name), "once", "must come once".to_owned()),
            None => self.say(Some(name), "encoding", "must be UTF-8".to_owned()),
            Some(value) => {
                if let Err(message) = judge(&rule.shape, value) {
                    self.say(Some(name), "value", message);
                }
            }
        }
    }

    fn say(&mut self, name: Option<&str>, keyword: &'static str, message: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            let pointer = name.map_or(self.kind.to_owned(), |name| format!("{}.{name}", self.kind));
            self.violations.push(Violation { pointer, keyword, schema: String::new(), message });
        }
    }

    fn end(mut self) -> Result<(), Vec<Violation>> {
        let missing = self.rules.iter().zip(&self.met).filter(|((_, rule), met)| rule.required && !**met);
        let missing: Vec<&String> = missing.map(|((name, _), _)| name).collect();
        missing.into_iter().for_each(|name| self.say(Some(name), "required", "is needed".to_owned()));
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }
}

/// What would be right, where the value is not.
fn judge(shape: &ValueShape, value: &str) -> Result<(), String> {
    let fits = match shape {
        ValueShape::Any => true,
        ValueShape::Text(least, most) => (*least..=*most).contains(&value.chars().count()),
        ValueShape::Integer(least, most) => integer(value).is_some_and(|number| (*least..=*most).contains(&number)),
        ValueShape::Number => is_number(value),
        ValueShape::Bool => matches!(value, "true" | "false"),
        ValueShape::Date => is_date(value),
        ValueShape::Uuid => is_uuid(value),
        ValueShape::OneOf(values) => values.iter().any(|one| one == value),
    };
    if fits { Ok(()) } else { Err(right(shape)) }
}

fn right(shape: &ValueShape) -> String {
    match shape {
        ValueShape::Any => String::new(),
        ValueShape::Text(least, usize::MAX) => format!("must have at least {least} characters"),
        ValueShape::Text(least, most) => format!("must have {least} to {most} characters"),
        ValueShape::Integer(i64::MIN, i64::MAX) => "must be a whole number".to_owned(),
        ValueShape::Integer(least, i64::MAX) => format!("must be a whole number, at least {least}"),
        ValueShape::Integer(i64::MIN, most) => format!("must be a whole number, at most {most}"),
        ValueShape::Integer(least, most) => format!("must be a whole number from {least} to {most}"),
        ValueShape::Number => "must be a number".to_owned(),
        ValueShape::Bool => "must be true or false".to_owned(),
        ValueShape::Date => "must be a date as YYYY-MM-DD".to_owned(),
        ValueShape::Uuid => "must be a UUID".to_owned(),
        ValueShape::OneOf(values) => format!("must be one of {}", values.join(", ")),
    }
}

fn is_of(essence: &[u8], wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some("*/") => essence.contains(&b'/'),
        Some(kind) => {
            essence.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
                && essence.len() > kind.len()
        }
        None => essence.eq_ignore_ascii_case(wanted.as_bytes()),
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(target::decode(&text.replace('+', " ")).into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn rule(name: &str, required: bool, shape: ValueShape) -> (String, ValueRule) {
        (name.to_owned(), ValueRule { required, shape })
    }

    fn told(found: Result<(), Vec<Violation>>) -> Vec<String> {
        found.err().unwrap_or_default().into_iter().map(|one| format!("{} {}", one.pointer, one.message)).collect()
    }

    fn with_fields<T>(block: &str, ask: impl Fn(Fields<'_>) -> T) -> T {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn parameters_keep_to_their_rules() {
        let query = vec![
            rule("limit", true, ValueShape::Integer(1, 100)),
            rule("ward", false, ValueShape::OneOf(vec!["a".into(), "b c".into()])),
            rule("from", false, ValueShape::Date),
            rule("name", false, ValueShape::Text(1, 3)),
        ];
        let checks = Checks::build(&ContentConfig { query, strict_query: true, ..ContentConfig::default() });
        let check = |query: &str, expected: &[&str]| assert_eq!(told(checks.query(Some(query))), expected, "{query}");
        check("limit=5", &[]);
        check("&%6Cimit=5&&ward=b+c&from=2026-11-23&name=%C3%A9%C3%A9%C3%A9&", &[]);
        check("limit=100&ward=b%20c", &[]);
        check("", &["query.limit is needed"]);
        let range = "query.limit must be a whole number from 1 to 100";
        for value in ["0", "101", "05", "+5", "5.0", "", "1e2", "99999999999999999999", "%205", "5%00", "-1"] {
            check(&format!("limit={value}"), &[range]);
        }
        check("limit", &[range]);
        check("limit=5&limit=5", &["query.limit must come once"]);
        check("limit=5&l%69mit=6", &["query.limit must come once"]);
        check("limit=5&Limit=6", &["query.Limit is not known here"]);
        check("limit=5&john@example.org", &["query is not known here"]);
        check("limit=5&ward=c", &["query.ward must be one of a, b c"]);
        check("limit=5&from=2026-02-30", &["query.from must be a date as YYYY-MM-DD"]);
        check("limit=5&name=%FF", &["query.name must be UTF-8"]);
        check("limit=5&name=abcd", &["query.name must have 1 to 3 characters"]);
        assert_eq!(told(checks.query(None)), ["query.limit is needed"]);
        let many: String = (0..100).map(|n| format!("&x{n}=1")).collect();
        assert_eq!(told(checks.query(Some(&many))).len(), MAX_VIOLATIONS);
    }

    #[test]
    fn parameters_without_rules_pass() {
        assert_eq!(Checks::build(&ContentConfig::default()).query(Some("%FF&a=%00")), Ok(()));
        let query = vec![rule("n", false, ValueShape::Integer(i64::MIN, i64::MAX))];
        let checks = Checks::build(&ContentConfig { query, ..ContentConfig::default() });
        assert_eq!(checks.query(Some("other=1&other=2&n=-0")), Ok(()));
        assert_eq!(told(checks.query(Some("n=9223372036854775808"))), ["query.n must be a whole number"]);
        assert_eq!(checks.query(Some("n=-9223372036854775808")), Ok(()));
    }

    #[test]
    fn fields_keep_to_their_rules() {
        let headers = vec![rule("x-id", true, ValueShape::Uuid), rule("x-tag", false, ValueShape::Any)];
        let checks = Checks::build(&ContentConfig { headers, ..ContentConfig::default() });
        let check = |block: &str, expected: &[&str]| {
            assert_eq!(told(with_fields(block, |fields| checks.headers(fields))), expected, "{block}");
        };
        check("X-Id: 123e4567-e89b-12d3-a456-426614174000\r\nX-Tag: a\r\nX-Tag: b\r\n", &[]);
        check("X-Tag: a\r\n", &["header.x-id is needed"]);
        check("X-Id: 1\r\n", &["header.x-id must be a UUID"]);
        check("X-Id: 123e4567-e89b-12d3-a456-426614174000\r\nx-id: 2\r\n", &["header.x-id must come once"]);
    }

    #[test]
    fn media_types_and_methods() {
        let types = vec!["application/json".to_owned(), "text/*".to_owned()];
        let methods = vec!["GET".to_owned(), "POST".to_owned()];
        let checks = Checks::build(&ContentConfig { types, methods, ..ContentConfig::default() });
        for block in ["Content-Type: application/JSON; charset=utf-8\r\n", "content-type: Text/plain\r\n"] {
            assert_eq!(with_fields(block, |fields| checks.media_type(fields)), Ok(()), "{block}");
        }
        for block in [
            "",
            "Content-Type: application/jsonx\r\n",
            "Content-Type: text/\r\n",
            "Content-Type: text\r\n",
            "Content-Type: text/plain\r\nContent-Type: text/plain\r\n",
        ] {
            assert_eq!(with_fields(block, |fields| checks.media_type(fields)), Err(UnsupportedMediaType), "{block}");
        }
        assert_eq!((checks.accept(), checks.allow()), ("application/json, text/*", "GET, POST, HEAD"));
        assert_eq!((checks.method("HEAD"), checks.method("post")), (Ok(()), Err(MethodNotAllowed)));
    }
}
