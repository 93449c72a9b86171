//! What crawlers are told (RFC 9309).

/// The text of `/robots.txt`; send it as `text/plain; charset=utf-8`.
pub(crate) fn robots_txt(allowed: bool) -> &'static str {
    if allowed { "User-agent: *\nAllow: /\n" } else { "User-agent: *\nDisallow: /\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawlers_may_come_or_not() {
        assert_eq!(robots_txt(true), "User-agent: *\nAllow: /\n");
        assert_eq!(robots_txt(false), "User-agent: *\nDisallow: /\n");
    }
}
