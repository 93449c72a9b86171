//! The start page: what is here, for whoever comes with a browser and no address.

use std::fmt::{self, Write as _};

use super::error::Page;
use super::html::Text;
use super::language::Language;
use super::welcome::{Welcome, welcome};
use crate::http::Fields;

/// What the start page is made from. Whoever asks sees it: nothing in it may be for some only.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The gateway's `name`.
    pub(crate) gateway: &'a str,
    /// The gateway's `languages`.
    pub(crate) languages: &'a [String],
    /// The client's fields.
    pub(crate) fields: Fields<'a>,
    pub(crate) routes: Routes,
    /// Whether the link is up, where that is known.
    pub(crate) link: Option<bool>,
    pub(crate) signposts: &'a [Signpost<'a>],
}

/// What the page has to go by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Routes {
    Some,
    /// The file names none.
    None,
    /// The file cannot be used, and no earlier one is there.
    Broken,
}

/// A way to what can be opened in a browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Signpost<'a> {
    /// A route's name.
    pub(crate) name: &'a str,
    /// A reference as of RFC 3986 §4.2.
    pub(crate) href: String,
}

/// A page without scripts. Send it with `Cache-Control: no-store` and `Vary: Accept-Language`.
pub(crate) fn start_page(start: &Start<'_>) -> Page {
    let language = Language::choose(Some(start.fields), start.languages);
    let mut body = String::with_capacity(2048);
    // Writing to a `String` does not fail.
    let _ = write_page(&mut body, start, language);
    Page { content_type: "text/html; charset=utf-8", language: language.tag(), body }
}

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:6vh auto;padding:0 1.2rem;overflow-wrap:anywhere}\
    h1{font-size:1.6rem;font-weight:600;line-height:1.3}h2{font-size:1rem;font-weight:600;opacity:.7}\
    ul{list-style:none;padding:0}li{margin:.6rem 0}\
    li a{display:block;padding:.7rem 1rem;border:1px solid #8888;border-radius:.6rem;text-decoration:none}\
    a:hover,a:focus{background:#8882}\
    .link{border-inline-start:.3rem solid #2a8;padding-inline-start:.8rem}.down{border-color:#c33}";

fn write_page(page: &mut String, start: &Start<'_>, language: Language) -> fmt::Result {
    let words = welcome(language);
    write!(
        page,
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
         <style>{STYLE}</style>\n<main>\n<h1><bdi>{name}</bdi></h1>\n",
        tag = language.tag(),
        direction = language.direction(),
        name = Text(start.gateway),
    )?;
    write_signposts(page, start, &words)?;
    match start.link {
        Some(true) => writeln!(page, "<p class=\"link\">{}</p>", words.link_up)?,
        Some(false) => writeln!(page, "<p class=\"link down\">{}</p>", words.link_down)?,
        None => {}
    }
    page.push_str("</main>\n</html>\n");
    Ok(())
}

fn write_signposts(page: &mut String, start: &Start<'_>, words: &Welcome) -> fmt::Result {
    match start.routes {
        Routes::Some => {}
        Routes::None => return writeln!(page, "<p>{}</p>\n<p>{}</p>", words.unset, words.set_up),
        Routes::Broken => return writeln!(page, "<p>{}</p>", words.broken),
    }
    if start.signposts.is_empty() {
        return writeln!(page, "<p>{}</p>", words.closed);
    }
    write!(page, "<h2>{}</h2>\n<ul>\n", words.here)?;
    for signpost in start.signposts {
        let title = title(signpost.name);
        writeln!(page, "<li><a href=\"{}\"><bdi>{}</bdi></a>", Text(&signpost.href), Text(&title))?;
    }
    page.push_str("</ul>\n");
    Ok(())
}

/// `khan-academy` is read as `Khan academy`.
fn title(name: &str) -> String {
    let spaced = name.replace(['-', '_'], " ");
    let mut characters = spaced.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn page(language: &str, routes: Routes, link: Option<bool>, signposts: &[Signpost<'_>]) -> Page {
        let block = format!("Accept-Language: {language}\r\n");
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let gateway = "St. Mary's <Primary>";
        start_page(&Start { gateway, languages: &[], fields, routes, link, signposts })
    }

    fn signposts() -> Vec<Signpost<'static>> {
        let names = ["wiki", "khan-academy", "<b>"];
        names.into_iter().cycle().take(30).map(|name| Signpost { name, href: "/a\"b/".to_owned() }).collect()
    }

    #[test]
    fn pages_are_small_and_load_nothing() {
        for language in Language::ALL {
            for (routes, signposts) in [
                (Routes::Some, signposts()),
                (Routes::Some, Vec::new()),
                (Routes::None, Vec::new()),
                (Routes::Broken, Vec::new()),
            ] {
                let page = page(language.tag(), routes, Some(false), &signposts);
                assert_eq!((page.content_type, page.language), ("text/html; charset=utf-8", language.tag()));
                assert!(page.body.len() < 6144, "{} {}", page.body.len(), page.body);
                for banned in ["<script", "http:", "https:", "src=", "@import", "url(", "<b>", "\"b/"] {
                    assert!(!page.body.contains(banned), "{banned} {}", page.body);
                }
                assert!(page.body.contains("<h1><bdi>St. Mary&#39;s &lt;Primary&gt;</bdi></h1>"), "{}", page.body);
            }
        }
    }

    #[test]
    fn it_tells_what_is_here_and_how_the_link_is() {
        let page = |routes, link, signposts: &[Signpost<'_>]| page("en", routes, link, signposts).body;
        let listed = page(Routes::Some, Some(true), &signposts());
        assert!(
            listed.contains("href=\"/a&quot;b/\"><bdi>Khan academy</bdi></a>") && listed.contains("is up"),
            "{listed}"
        );
        assert!(page(Routes::Some, Some(false), &signposts()).contains("is down"));
        let unknown = page(Routes::Some, None, &[]);
        assert!(!unknown.contains("link to the Internet") && unknown.contains("open to everybody"), "{unknown}");
        assert!(page(Routes::None, None, &[]).contains("text editor"));
        assert!(page(Routes::Broken, None, &[]).contains("mistake"));
    }

    #[test]
    fn arabic_is_written_from_right_to_left() {
        assert!(page("ar", Routes::Some, None, &[]).body.contains("<html lang=\"ar\" dir=\"rtl\">"));
    }

    #[test]
    fn names_are_made_readable() {
        for (name, expected) in
            [("wiki", "Wiki"), ("khan-academy", "Khan academy"), ("école_1", "École 1"), ("", ""), ("مكتبة", "مكتبة")]
        {
            assert_eq!(title(name), expected);
        }
    }
}
