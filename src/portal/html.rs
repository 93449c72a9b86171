//! Text inside HTML.

use std::fmt;

/// Prints a text so that it is nothing but text, in an element or in a quoted attribute.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (plain, from) = rest.split_at(at);
            f.write_str(plain)?;
            let mut characters = from.chars();
            f.write_str(match characters.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                _ => "&#39;",
            })?;
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, html) in [
            ("plain é", "plain é"),
            ("<b a=\"x\" c='y'> & more", "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt; &amp; more"),
            ("", ""),
            ("&&", "&amp;&amp;"),
        ] {
            assert_eq!(Text(text).to_string(), html);
        }
    }
}
