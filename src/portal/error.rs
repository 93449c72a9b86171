//! Error answers: a small calm page for people, a problem (RFC 9457) for programs.

use std::fmt::{self, Write as _};

use miniserde::{Serialize, json};

use super::Trouble;
use super::html::Text;
use super::language::Language;
use crate::http::{Fields, accept};

/// What an error answer is made from.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) trouble: Trouble,
    pub(crate) status: u16,
    /// The client's fields (`Accept`, `Accept-Language`); nothing where the head could not be read.
    pub(crate) fields: Option<Fields<'a>>,
    /// The gateway's `languages`.
    pub(crate) languages: &'a [String],
    /// The gateway's `name`.
    pub(crate) gateway: &'a str,
    pub(crate) request_id: Option<&'a dyn fmt::Display>,
    pub(crate) extension: Extension<'a>,
}

/// What a problem says besides (RFC 9457 §3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extension<'a> {
    Nothing,
    /// `violated-policies`: the names of the rates and quotas that are used up, as in `RateLimit-Policy`.
    Policies(&'a [&'a str]),
    /// `errors`: what is not as agreed.
    Faults(&'a [Fault<'a>]),
}

/// One thing that is not as agreed.
#[derive(Clone, Copy, Serialize, Debug)]
pub(crate) struct Fault<'a> {
    /// A JSON Pointer (RFC 6901) into what was sent, or the name of a parameter or field.
    pub(crate) pointer: &'a str,
    pub(crate) detail: &'a str,
}

/// An answer in the gateway's own words. Send it with `Cache-Control: no-store` and `Vary: Accept, Accept-Language`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub(crate) content_type: &'static str,
    /// `Content-Language`
    pub(crate) language: &'static str,
    pub(crate) body: String,
}

/// A page where the client names `text/html` and likes it as much as JSON, as browsers do; else a problem. Where the head
/// could not be read, a page: it is a person who would not know what to make of a problem.
pub(crate) fn trouble_page(told: &Told<'_>) -> Page {
    let language = Language::choose(told.fields, told.languages);
    let (content_type, body) = if told.fields.is_none_or(accept::prefers_html) {
        ("text/html; charset=utf-8", page(told, language))
    } else {
        ("application/problem+json", problem(told, language))
    };
    Page { content_type, language: language.tag(), body }
}

fn page(told: &Told<'_>, language: Language) -> String {
    let words = told.trouble.words(language);
    let id = told.request_id.map(|id| id.to_string()).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{again}<title>{title}</title>\n\
         <style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n\
         <footer>{gateway} <span dir=\"ltr\">{status} {id}</span></footer>\n</html>\n",
        again = again(told.trouble),
        tag = language.tag(),
        direction = language.direction(),
        title = words.title,
        text = words.text,
        gateway = Text(told.gateway),
        status = told.status,
        id = Text(&id),
    )
}

/// Without scripts: the browser's own way to ask again.
fn again(trouble: Trouble) -> String {
    let meta = |seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n");
    trouble.again().map(meta).unwrap_or_default()
}

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.2rem}\
    h1{font-size:1.6rem;font-weight:600;line-height:1.3}\
    footer{margin-top:3rem;font-size:.85rem;opacity:.7}";

/// RFC 9457 §3.1.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: Option<String>,
}

fn problem(told: &Told<'_>, language: Language) -> String {
    let words = told.trouble.words(language);
    let mut problem = json::to_string(&Problem {
        kind: kind(told.trouble),
        title: words.title,
        status: told.status,
        detail: words.text,
        instance: told.request_id.map(|id| format!("urn:hafir:request:{id}")),
    });
    extend(&mut problem, told.extension);
    problem
}

/// What the RateLimit fields' own document has a name for goes by that name (draft-ietf-httpapi-ratelimit-headers
/// §Problem Types), so that clients which know it need not know us.
fn kind(trouble: Trouble) -> String {
    match trouble {
        Trouble::TooMany | Trouble::QuotaUsed(_) => {
            "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
        }
        other => format!("urn:hafir:problem:{}", other.word()),
    }
}

/// Appends a member to an object, if there is one.
fn extend(object: &mut String, extension: Extension<'_>) {
    let (name, value) = match extension {
        Extension::Nothing => return,
        Extension::Policies(names) => ("violated-policies", json::to_string(names)),
        Extension::Faults(faults) => ("errors", json::to_string(faults)),
    };
    object.truncate(object.len().saturating_sub(1));
    let _ = write!(object, ",\"{name}\":{value}}}");
}

#[cfg(test)]
mod tests {
    use miniserde::json::{Number, Value};

    use super::*;
    use crate::base::Period;
    use crate::http::FieldSpans;

    fn told(trouble: Trouble, accept: Option<&str>, language: &str) -> Page {
        let accept = accept.map(|value| format!("Accept: {value}\r\n")).unwrap_or_default();
        let block = format!("{accept}Accept-Language: {language}\r\n");
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        trouble_page(&Told {
            trouble,
            status: 502,
            fields: Some(Fields::new(block.as_bytes(), spans.as_slice())),
            languages: &[],
            gateway: "St. Mary's <Primary>",
            request_id: Some(&"00000000000000ab"),
            extension: Extension::Nothing,
        })
    }

    #[test]
    fn pages_are_small_and_without_scripts() {
        for trouble in Trouble::ALL {
            for language in Language::ALL {
                let page = told(trouble, Some("text/html"), language.tag());
                assert_eq!(page.content_type, "text/html; charset=utf-8");
                assert_eq!(page.language, language.tag());
                assert!(page.body.len() < 2048, "{trouble:?} {language:?} {}", page.body.len());
                assert!(page.body.contains("St. Mary&#39;s &lt;Primary&gt;"), "{}", page.body);
                assert!(page.body.contains("502 00000000000000ab"), "{}", page.body);
                for banned in ["<script", "http:", "https:", "src=", "@import", "url("] {
                    assert!(!page.body.contains(banned), "{banned} {}", page.body);
                }
            }
        }
    }

    #[test]
    fn arabic_is_written_from_right_to_left() {
        let page = told(Trouble::Unreachable, Some("text/html"), "ar");
        assert!(page.body.contains("<html lang=\"ar\" dir=\"rtl\">") && page.body.contains("الاتصال مقطوع"));
        assert!(told(Trouble::Unreachable, Some("text/html"), "sw").body.contains("dir=\"ltr\""));
    }

    #[test]
    fn browsers_get_a_page_and_programs_a_problem() {
        for (accept, is_page) in [
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            (Some("application/json"), false),
            (Some("application/json, text/html;q=0.5"), false),
            (Some("*/*"), false),
            (None, false),
        ] {
            let page = told(Trouble::NotFound, accept, "en");
            assert_eq!(page.content_type.starts_with("text/html"), is_page, "{accept:?}");
        }
    }

    #[test]
    fn a_problem_is_as_rfc_9457_says() {
        let page = told(Trouble::Busy, None, "fr");
        assert_eq!((page.content_type, page.language), ("application/problem+json", "fr"));
        let Value::Object(problem) = json::from_str(&page.body).unwrap() else { panic!("{}", page.body) };
        for (name, expected) in [
            ("type", "urn:hafir:problem:busy"),
            ("title", "Trop de demandes"),
            ("instance", "urn:hafir:request:00000000000000ab"),
        ] {
            assert!(matches!(&problem[name], Value::String(text) if text == expected), "{name} {}", page.body);
        }
        assert!(matches!(problem["status"], Value::Number(Number::U64(502))), "{}", page.body);
        let unread = Told {
            trouble: Trouble::BadRequest,
            status: 400,
            fields: None,
            languages: &["sw".to_owned()],
            gateway: "",
            request_id: None,
            extension: Extension::Nothing,
        };
        let page = trouble_page(&unread);
        assert!(page.body.contains("<h1>Ombi halikueleweka</h1>") && page.language == "sw", "{}", page.body);
    }

    #[test]
    fn only_the_waiting_page_asks_again_by_itself() {
        for trouble in Trouble::ALL {
            let page = told(trouble, Some("text/html"), "en");
            let refreshes = page.body.contains("<meta http-equiv=\"refresh\" content=\"5\">");
            assert_eq!(refreshes, trouble == Trouble::Waiting, "{}", page.body);
            assert!(!told(trouble, None, "en").body.contains("refresh"));
        }
    }

    #[test]
    fn problems_tell_which_policy_and_which_member() {
        let fault = Fault { pointer: "/name/\"x\"", detail: "too long" };
        for (trouble, extension, end) in [
            (
                Trouble::QuotaUsed(Period::Day),
                Extension::Policies(&["day", "burst"]),
                "\"instance\":null,\"violated-policies\":[\"day\",\"burst\"]}",
            ),
            (
                Trouble::NotAsAgreed,
                Extension::Faults(&[fault]),
                "\"errors\":[{\"pointer\":\"/name/\\\"x\\\"\",\"detail\":\"too long\"}]}",
            ),
            (Trouble::TooMany, Extension::Policies(&[]), "\"violated-policies\":[]}"),
        ] {
            let page = problem(
                &Told { trouble, status: 429, fields: None, languages: &[], gateway: "", request_id: None, extension },
                Language::English,
            );
            assert!(page.ends_with(end), "{page}");
            assert!(matches!(json::from_str(&page), Ok(Value::Object(_))), "{page}");
        }
    }
}
