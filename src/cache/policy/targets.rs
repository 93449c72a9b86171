//! Which field of an answer speaks to this cache (RFC 9213 §2.2).

use std::sync::Arc;

use crate::http::{CacheControl, Fields};

/// The target list: names of fields that count before `Cache-Control` and `Expires`, in lower case, the first one first.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Targets(Arc<[Box<str>]>);

/// What an answer says about its use by this cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a> {
    pub(super) directives: CacheControl<'a>,
    /// Where there is one, and no targeted field that says more.
    pub(super) expires: Option<&'a [u8]>,
}

impl Targets {
    pub(in crate::cache) fn of(names: &[String]) -> Targets {
        Targets(names.iter().map(|name| name.as_str().into()).collect())
    }
}

impl<'a> Stated<'a> {
    /// By the first target that says anything, else by `Cache-Control` and `Expires`.
    pub(super) fn of(fields: Fields<'a>, targets: &Targets) -> Stated<'a> {
        if let Some(directives) = targets.0.iter().find_map(|name| CacheControl::targeted(fields, name)) {
            return Stated { directives, expires: None };
        }
        Stated { directives: CacheControl::parse(fields), expires: fields.first("expires") }
    }

    /// Whether a field is for the one request, the rest of the answer for all (RFC 9111 §5.2.2.4, §5.2.2.7).
    pub(super) fn withholds(&self, name: &[u8]) -> bool {
        let CacheControl { no_cache, private, .. } = self.directives;
        no_cache.names().chain(private.names()).any(|other| other.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::Size;
    use crate::cache::policy::{Assigned, Freshness, RequestRules, may_store};
    use crate::cache::reason::NotStored;
    use crate::cache::tests::{Block, at};

    fn targets() -> Targets {
        Targets::of(&["hafir-cache-control".to_owned(), "cdn-cache-control".to_owned()])
    }

    #[test]
    fn the_first_target_that_says_anything_counts_before_all_else() {
        let check = |text: &str, lifetime: u64, no_cache: bool| {
            let block = Block::new(&format!("Date: Mon, 01 Jun 2026 00:00:00 GMT\n{text}"));
            let freshness = Freshness::of(200, block.fields(), &targets(), Assigned::default(), at(0));
            let expected = (Duration::from_secs(lifetime), no_cache);
            assert_eq!((freshness.lifetime, freshness.no_cache), expected, "{text}");
        };
        let late = "Expires: Mon, 01 Jun 2026 01:00:00 GMT\n";
        // RFC 9213 §2.2
        check("Cache-Control: max-age=60\nCDN-Cache-Control: max-age=600", 600, false);
        check("Cache-Control: s-maxage=60, no-cache\nCDN-Cache-Control: max-age=600", 600, false);
        check("Hafir-Cache-Control: max-age=5\nCDN-Cache-Control: max-age=600", 5, false);
        check("CDN-Cache-Control: max-age=600\nHafir-Cache-Control: max-age=5, s-maxage=6", 6, false);
        check("Cache-Control: max-age=60\nCDN-Cache-Control: no-cache, max-age=600", 600, true);
        check("Cache-Control: max-age=60\nOther-Cache-Control: max-age=600", 60, false);
        check(&format!("{late}CDN-Cache-Control: max-age=5"), 5, false);
        check(&format!("{late}Cache-Control: max-age=60\nCDN-Cache-Control: none"), 0, false);
        // A guess is left where the target says nothing of freshness (RFC 9111 §4.2.2).
        check("CDN-Cache-Control: none\nLast-Modified: Fri, 22 May 2026 00:00:00 GMT", 24 * 3600, false);
        // §2.1: empty, or no dictionary.
        check("Cache-Control: max-age=60\nCDN-Cache-Control:", 60, false);
        check("Cache-Control: max-age=60\nCDN-Cache-Control: max-age=600, &&&&", 60, false);
        check("Hafir-Cache-Control: Max-Age=5\nCDN-Cache-Control: max-age=600", 600, false);
        check(&format!("{late}CDN-Cache-Control: max-age=5,"), 3600, false);
        check("Cache-Control: max-age=60\nCDN-Cache-Control: max-age=\"600\"", 0, false);
    }

    #[test]
    fn a_target_says_whether_an_answer_is_kept() {
        let check = |text: &str, expected: Result<(), NotStored>| {
            let block = Block::new(text);
            let size = Size::mib(1);
            let found = may_store(&RequestRules::PLAIN, 200, block.fields(), None, size, &targets(), at(0));
            assert_eq!(found.map(|_| ()), expected, "{text}");
        };
        // RFC 9213 §3.1
        check("Cache-Control: no-store\nCDN-Cache-Control: max-age=600", Ok(()));
        check("Cache-Control: no-store\nCDN-Cache-Control: none\nETag: \"1\"", Ok(()));
        check("Cache-Control: private\nCDN-Cache-Control: max-age=600", Ok(()));
        check("Cache-Control: max-age=600\nCDN-Cache-Control: no-store", Err(NotStored::NoStore));
        check("Cache-Control: max-age=600\nCDN-Cache-Control: max-age=600, private", Err(NotStored::Private));
        check("Cache-Control: no-store\nCDN-Cache-Control: max-age=600,", Err(NotStored::NoStore));
    }
}
