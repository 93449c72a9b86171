//! "Did you mean": the nearest known word.

/// Longer words are not worth comparing.
const LONGEST: usize = 64;

/// The candidate with the fewest slips of the finger, where they are few for its length.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let tolerated = (word.len() / 3).clamp(1, 3);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .map(|candidate| (slips(&word, &candidate.to_lowercase().chars().collect::<Vec<char>>()), candidate))
        .filter(|(slips, candidate)| *slips <= tolerated && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| *candidate);
    near.or_else(|| only_beginning(&word, &candidates))
}

/// `cert` for `certificate`, `warning` for `warn`: one begins with the other, and no other candidate does.
fn only_beginning<'a>(word: &[char], candidates: &[&'a str]) -> Option<&'a str> {
    const SHORTEST: usize = 3;
    let word: String = word.iter().collect();
    let begins = |long: &str, short: &str| short.chars().count() >= SHORTEST && long.starts_with(short);
    let mut alike = candidates.iter().filter(|candidate| begins(candidate, &word) || begins(&word, candidate));
    alike.next().filter(|_| alike.next().is_none()).copied()
}

/// Letters to add, drop, change or swap with their neighbour (optimal string alignment).
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut a_previous = None;
    for (row, a_char) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        let mut b_previous = None;
        for (column, b_char) in b.iter().enumerate() {
            let at = |costs: &[usize], place: usize| costs.get(place).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, column) + usize::from(a_char != b_char);
            let mut cost = changed.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            if a_previous == Some(b_char) && b_previous == Some(a_char) {
                cost = cost.min(column.checked_sub(1).map_or(usize::MAX, |place| at(&before, place) + 1));
            }
            line.push(cost);
            b_previous = Some(b_char);
        }
        before = std::mem::replace(&mut last, line);
        a_previous = Some(a_char);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found() {
        let keys = ["upstream", "path", "files", "cache.for", "keep_free", "certificate", "warn"];
        for (word, meant) in [
            ("uptream", Some("upstream")),
            ("usptream", Some("upstream")),
            ("Upstreams", Some("upstream")),
            ("pth", Some("path")),
            ("apth", Some("path")),
            ("keep-free", Some("keep_free")),
            ("cachefor", Some("cache.for")),
            ("cert", Some("certificate")),
            ("warning", Some("warn")),
            ("ke", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
        assert_eq!(slips(&['a', 'b'], &['b', 'a']), 1);
        assert_eq!(slips(&[], &['b', 'a']), 2);
    }
}
