//! The general category of each code point (Unicode 16.0, UnicodeData.txt), for `\p{…}`.

/// Runs of code points of one category, from 0 on: five bits of category (a place in [`NAMES`]), three bits of length
/// less one; where these are 7, the length less eight follows in groups of seven bits, the lowest first.
const RUNS: &[u8] = include_bytes!("categories.bin");

/// Short and long names (PropertyValueAliases.txt) in the order of the table.
const NAMES: &[(&str, &str)] = &[
    ("Lu", "Uppercase_Letter"),
    ("Ll", "Lowercase_Letter"),
    ("Lt", "Titlecase_Letter"),
    ("Lm", "Modifier_Letter"),
    ("Lo", "Other_Letter"),
    ("Mn", "Nonspacing_Mark"),
    ("Mc", "Spacing_Mark"),
    ("Me", "Enclosing_Mark"),
    ("Nd", "Decimal_Number"),
    ("Nl", "Letter_Number"),
    ("No", "Other_Number"),
    ("Pc", "Connector_Punctuation"),
    ("Pd", "Dash_Punctuation"),
    ("Ps", "Open_Punctuation"),
    ("Pe", "Close_Punctuation"),
    ("Pi", "Initial_Punctuation"),
    ("Pf", "Final_Punctuation"),
    ("Po", "Other_Punctuation"),
    ("Sm", "Math_Symbol"),
    ("Sc", "Currency_Symbol"),
    ("Sk", "Modifier_Symbol"),
    ("So", "Other_Symbol"),
    ("Zs", "Space_Separator"),
    ("Zl", "Line_Separator"),
    ("Zp", "Paragraph_Separator"),
    ("Cc", "Control"),
    ("Cf", "Format"),
    ("Cs", "Surrogate"),
    ("Co", "Private_Use"),
    ("Cn", "Unassigned"),
];

/// Names for several, and further names for one: the beginnings of short names.
const GROUPS: &[(&str, &[&str])] = &[
    ("L", &["L"]),
    ("Letter", &["L"]),
    ("LC", &["Lu", "Ll", "Lt"]),
    ("Cased_Letter", &["Lu", "Ll", "Lt"]),
    ("M", &["M"]),
    ("Mark", &["M"]),
    ("Combining_Mark", &["M"]),
    ("N", &["N"]),
    ("Number", &["N"]),
    ("digit", &["Nd"]),
    ("P", &["P"]),
    ("Punctuation", &["P"]),
    ("punct", &["P"]),
    ("S", &["S"]),
    ("Symbol", &["S"]),
    ("Z", &["Z"]),
    ("Separator", &["Z"]),
    ("C", &["C"]),
    ("Other", &["C"]),
    ("cntrl", &["Cc"]),
];

type Property = fn(char) -> bool;

/// Other properties (ECMA-262 §22.2.1.8), asked of each character.
const PROPERTIES: &[(&str, Property)] = &[
    ("Any", |_| true),
    ("ASCII", |c| c.is_ascii()),
    ("ASCII_Hex_Digit", |c| c.is_ascii_hexdigit()),
    ("AHex", |c| c.is_ascii_hexdigit()),
    ("Alphabetic", char::is_alphabetic),
    ("Alpha", char::is_alphabetic),
    ("Lowercase", char::is_lowercase),
    ("Lower", char::is_lowercase),
    ("Uppercase", char::is_uppercase),
    ("Upper", char::is_uppercase),
    ("White_Space", char::is_whitespace),
    ("space", char::is_whitespace),
];

/// The code points of what stands between the braces of `\p{…}`; `None` where that is not known.
pub(super) fn ranges(property: &str) -> Option<Vec<(u32, u32)>> {
    if let Some((_, holds)) = PROPERTIES.iter().find(|(name, _)| *name == property) {
        let all = (0..=0x10_FFFF).filter(|c| char::from_u32(*c).is_some_and(holds));
        return Some(joined(all.map(|c| (c, c))));
    }
    let value = match property.split_once('=') {
        Some(("General_Category" | "gc", value)) => value,
        Some(_) => return None,
        None => property,
    };
    let one = NAMES.iter().find(|(short, long)| *short == value || *long == value);
    let group = GROUPS.iter().find(|(name, _)| *name == value);
    let wanted = one.map(|(short, _)| std::slice::from_ref(short)).or(group.map(|(_, members)| *members))?;
    let is_wanted = |category: u8| {
        let short = NAMES.get(usize::from(category)).map_or("", |(short, _)| short);
        wanted.iter().any(|beginning| short.starts_with(beginning))
    };
    Some(joined(Runs { rest: RUNS, next: 0 }.filter(|(category, _)| is_wanted(*category)).map(|(_, range)| range)))
}

fn joined(ranges: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match all.last_mut() {
            Some(before) if before.1 + 1 == first => before.1 = last,
            Some(_) | None => all.push((first, last)),
        }
    }
    all
}

struct Runs {
    rest: &'static [u8],
    next: u32,
}

impl Iterator for Runs {
    type Item = (u8, (u32, u32));

    fn next(&mut self) -> Option<Self::Item> {
        let (head, mut rest) = self.rest.split_first()?;
        let mut more = u32::from(head >> 5);
        let mut shift = 0;
        while more >= 7 {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            more += u32::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        self.rest = rest;
        let first = self.next;
        self.next = first + more + 1;
        Some((head & 0x1F, (first, first + more)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reaches_every_code_point() {
        let mut next = 0;
        for (category, (first, last)) in (Runs { rest: RUNS, next: 0 }) {
            assert!(first == next && last >= first && usize::from(category) < NAMES.len());
            next = last + 1;
        }
        assert_eq!(next, 0x11_0000);
    }

    #[test]
    fn categories_agree_with_what_the_language_knows() {
        let has = |name: &str, c: char| ranges(name).unwrap().iter().any(|(a, b)| (*a..=*b).contains(&u32::from(c)));
        for c in ['a', 'É', 'ß', '中', 'ع', '1', '٣', '½', ' ', '\n', '-', '€', '\u{301}', '_', 'ǅ', 'ª'] {
            assert_eq!(has("Cc", c), c.is_control(), "{c:?}");
            assert_eq!(has("N", c), c.is_numeric() && !has("Lo", c), "{c:?}");
            assert_eq!(has("L", c), c.is_alphabetic(), "{c:?}");
        }
        assert!(has("Sc", '€') && has("gc=Pc", '_') && has("Lt", 'ǅ') && has("digit", '٣') && !has("Nd", '½'));
        assert_eq!(ranges("Any").unwrap(), [(0, 0xD7FF), (0xE000, 0x10_FFFF)]);
        assert_eq!(ranges("Greek"), None);
    }
}
