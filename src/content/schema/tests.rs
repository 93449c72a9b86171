//! What the official suite does not ask: problems with schemas, what violations say, and bounds.

use super::super::source::{Formats, SchemaProblem};
use super::super::unfit::{Bounds, Unfit};
use super::Schema;

const BOUNDS: Bounds = Bounds { size: 1 << 20, depth: 64, steps: 1_000_000 };

fn compile(text: &str) -> Result<Schema, SchemaProblem> {
    let mut load = |uri: &str| match uri {
        "file:///s/name.json" => Ok(br#"{"type":"string","minLength":1}"#.to_vec()),
        "file:///s/bad.json" => Ok(br#"{"type":"text"}"#.to_vec()),
        "file:///s/broken.json" => Ok(b"{".to_vec()),
        _ => Err("is not there".to_owned()),
    };
    Schema::compile(text.as_bytes(), "file:///s/root.json", Formats::Standard, &mut load)
}

fn told(schema: &str, body: &str) -> Vec<String> {
    match compile(schema).unwrap().validate(body.as_bytes(), &BOUNDS) {
        Ok(()) => Vec::new(),
        Err(Unfit::Violations(list)) => {
            list.iter().map(|one| format!("{} {}: {}", one.pointer, one.keyword, one.message)).collect()
        }
        Err(other) => vec![other.word().to_owned()],
    }
}

#[test]
fn schemas_that_cannot_be_used_say_where() {
    fn check(schema: &str, expected: &str) {
        assert_eq!(compile(schema).unwrap_err().to_string(), expected, "{schema}");
    }
    check("{", "file:///s/root.json# is not JSON, from byte 1 on");
    check("[]", "file:///s/root.json# must be boolean or object");
    check(r#"{"type":"text"}"#, "file:///s/root.json#/type fits none of the ways it may be");
    check(r#"{"properties":{"a":{"maxLength":-1}}}"#, "file:///s/root.json#/properties/a/maxLength must be at least 0");
    check(r#"{"properties":{"a":{"maxLength":"1"}}}"#, "file:///s/root.json#/properties/a/maxLength must be integer");
    check(r#"{"multipleOf":0}"#, "file:///s/root.json#/multipleOf must be more than 0");
    check(
        r#"{"multipleOf":1.2345678901234567890123}"#,
        "file:///s/root.json#/multipleOf must be above zero and have at most 19 digits",
    );
    check(
        r#"{"pattern":"(a"}"#,
        "file:///s/root.json#/pattern `(a` is no regular expression of ECMA-262 (character 3)",
    );
    check(r##"{"$ref":"#/a"}"##, "file:///s/root.json#/$ref refers to `/a`, which is not in file:///s/root.json");
    check(
        r#"{"items":{"$ref":"http://example.org/x"}}"#,
        "file:///s/root.json#/items/$ref refers to http://example.org/x, which is not there",
    );
    check(
        r#"{"$ref":"bad.json"}"#,
        "file:///s/root.json#/$ref refers to file:///s/bad.json, which cannot be used: file:///s/bad.json#/type fits none \
         of the ways it may be",
    );
    check(
        r#"{"$ref":"broken.json"}"#,
        "file:///s/root.json#/$ref refers to file:///s/broken.json, which cannot be used: file:///s/broken.json# is not \
         JSON, from byte 1 on",
    );
    check(
        r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
        "file:///s/root.json# is written for another draft than 2020-12",
    );
    check(r##"{"$ref":"#"}"##, "file:///s/root.json# refers to itself without end");
    check(
        r##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}"##,
        "file:///s/root.json#/$defs/a refers to itself without end",
    );
    check(r#"{"a":1,"a":2}"#, "file:///s/root.json# has a name twice in an object, at byte 7");
}

#[test]
fn violations_say_where_and_what_would_be_right() {
    let schema = r#"{
        "type": "object", "required": ["id", "name"], "additionalProperties": false,
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9.50},
            "name": {"$ref": "name.json"},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "uniqueItems": true, "maxItems": 3, "items": {"pattern": "^[a-z]+$"}},
            "at": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "n": {"multipleOf": 0.05}
        }
    }"#;
    assert_eq!(told(schema, r#"{"id":1,"name":"x","tags":["a"],"at":null,"n":0.15}"#), [""; 0]);
    let body = r#"{"id":10,"name":"","kind":"geheim","tags":["a","B","a","c"],"at":1,"n":0.151,"x/~y":1}"#;
    let expected = [
        "/id maximum: must be at most 9.5",
        "/name minLength: must have at least 1 characters",
        "/kind enum: must be one of the 2 values that are allowed",
        "/tags maxItems: must have at most 3 items",
        "/tags uniqueItems: must not have the same item twice",
        "/tags/1 pattern: must match the pattern",
        "/at oneOf: fits none of the ways it may be",
        "/n multipleOf: must be a multiple of 0.05",
        "/x~1~0y false: is not allowed",
    ];
    assert_eq!(told(schema, body), expected);
    assert_eq!(told(schema, "{}"), [" required: needs the member `id`", " required: needs the member `name`"]);
    assert_eq!(told(schema, "1e0"), [" type: must be object"]);
    let many = format!("[{}1]", "1,".repeat(1000));
    assert_eq!(told(r#"{"items":{"type":"string"}}"#, &many).len(), 20);
}

#[test]
fn work_is_bounded() {
    // Each level asks the next one twice.
    let levels: String = (0..40)
        .map(|n| format!(r##""l{n}":{{"allOf":[{{"$ref":"#/$defs/l{m}"}},{{"$ref":"#/$defs/l{m}"}}]}},"##, m = n + 1))
        .collect();
    let schema = format!(r##"{{"$defs":{{{levels}"l40":true}},"$ref":"#/$defs/l0"}}"##);
    assert_eq!(told(&schema, "1"), ["body-too-costly"]);
    // Longer than the stack of rules.
    let levels: String = (0..900).map(|n| format!(r##""l{n}":{{"$ref":"#/$defs/l{}"}},"##, n + 1)).collect();
    let schema = format!(r##"{{"$defs":{{{levels}"l900":true}},"$ref":"#/$defs/l0"}}"##);
    assert_eq!(told(&schema, "1"), ["body-too-costly"]);
    // As deep as the body may be, through every kind of rule.
    let schema = r##"{"items":{"anyOf":[{"$ref":"#"},false]},"unevaluatedItems":false}"##;
    let deep = "[".repeat(64) + &"]".repeat(64);
    assert_eq!(told(schema, &deep), [""; 0]);
    // A dynamic reference that only comes back to itself while it is asked.
    let schema = r##"{"$id":"http://x/root","$dynamicAnchor":"a","$ref":"inner","$defs":{
        "inner":{"$id":"inner","$dynamicRef":"#a","$defs":{"x":{"$dynamicAnchor":"a"}}}}}"##;
    assert_eq!(told(schema, "1"), ["body-too-costly"]);
    // A large array whose items must differ.
    let items: Vec<String> = (0..60_000).map(|n| format!("{{\"a\":{n}}}")).collect();
    let bounds = Bounds { steps: 10_000_000, ..BOUNDS };
    let body = format!("[{}]", items.join(","));
    assert_eq!(compile(r#"{"uniqueItems":true}"#).unwrap().validate(body.as_bytes(), &bounds), Ok(()));
}

#[test]
fn formats_are_rules_only_where_they_are_asked_for() {
    let schema = r#"{"format":"date"}"#;
    assert_eq!(told(schema, "\"yesterday\""), [""; 0]);
    let checked = Schema::compile(schema.as_bytes(), "file:///s", Formats::Checked, &mut |_| Err(String::new()));
    let found = checked.unwrap().validate(b"\"yesterday\"", &BOUNDS);
    assert!(matches!(found, Err(Unfit::Violations(list)) if list[0].message == "must be in the format date"));
}
