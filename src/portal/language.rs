//! The languages that the gateway speaks, and which of them a client gets.

use crate::http::{Fields, accept};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Language {
    English,
    French,
    Spanish,
    Portuguese,
    Swahili,
    Arabic,
}

impl Language {
    pub(super) const ALL: [Language; 6] = [
        Language::English,
        Language::French,
        Language::Spanish,
        Language::Portuguese,
        Language::Swahili,
        Language::Arabic,
    ];

    pub(super) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::French => "fr",
            Language::Spanish => "es",
            Language::Portuguese => "pt",
            Language::Swahili => "sw",
            Language::Arabic => "ar",
        }
    }

    pub(super) fn direction(self) -> &'static str {
        match self {
            Language::Arabic => "rtl",
            Language::English | Language::French | Language::Spanish | Language::Portuguese | Language::Swahili => {
                "ltr"
            }
        }
    }

    /// What `Accept-Language` likes best; where it says nothing or likes none of ours, the first of the place's own
    /// `languages` that we speak, else English.
    pub(super) fn choose(fields: Option<Fields<'_>>, languages: &[String]) -> Language {
        let offered = offered(languages);
        let tags: heapless::Vec<&str, { Language::ALL.len() }> =
            offered.iter().map(|language| language.tag()).collect();
        let liked = fields.and_then(|fields| accept::language(fields, &tags)).and_then(Language::of_tag);
        liked.or(offered.first().copied()).unwrap_or(Language::English)
    }

    /// The language of a tag, whatever its region or script.
    fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

/// All our languages, those of the place in front.
fn offered(languages: &[String]) -> heapless::Vec<Language, { Language::ALL.len() }> {
    let own = languages.iter().filter_map(|tag| Language::of_tag(tag));
    let mut offered = heapless::Vec::new();
    for language in own.chain(Language::ALL) {
        if !offered.contains(&language) {
            // As many places as languages.
            let _ = offered.push(language);
        }
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn check(accept: Option<&str>, languages: &[&str], expected: Language) {
        let block = accept.map(|value| format!("Accept-Language: {value}\r\n")).unwrap_or_default();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let languages: Vec<String> = languages.iter().map(|tag| (*tag).to_owned()).collect();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        assert_eq!(Language::choose(Some(fields), &languages), expected, "{accept:?} {languages:?}");
    }

    #[test]
    fn the_client_chooses_and_the_place_fills_in() {
        check(None, &[], Language::English);
        check(None, &["sw", "en"], Language::Swahili);
        check(None, &["xh", "pt-BR"], Language::Portuguese);
        check(Some("fr"), &["sw"], Language::French);
        check(Some("fr-CA, en;q=0.5"), &["sw"], Language::French);
        check(Some("de, es;q=0.3, en;q=0.2"), &["sw"], Language::Spanish);
        check(Some("de"), &["sw"], Language::Swahili);
        check(Some("ar-EG"), &[], Language::Arabic);
        check(Some("*"), &["sw"], Language::Swahili);
        assert_eq!(Language::choose(None, &["fr".to_owned()]), Language::French);
    }
}
