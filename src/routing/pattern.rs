//! Paths with `*`: each star stands for any run of characters, slashes included.

/// One pattern, matched against whole paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(Box<str>);

impl Pattern {
    pub(super) fn new(text: &str) -> Pattern {
        Pattern(text.into())
    }

    /// How many characters are not stars: what counts when the longest path wins.
    pub(super) fn literal_len(&self) -> usize {
        self.0.bytes().filter(|byte| *byte != b'*').count()
    }

    /// The part before the first star.
    pub(super) fn beginning(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whole segments before the first star: what `strip` removes.
    pub(super) fn fixed_len(&self) -> usize {
        self.beginning().rfind('/').unwrap_or(0)
    }

    /// Goes back to the last star only, so the work is at most the product of the two lengths.
    pub(super) fn matches(&self, path: &str) -> bool {
        let (pattern, path) = (self.0.as_bytes(), path.as_bytes());
        let (mut at, mut seen) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (pattern.get(at), path.get(seen)) {
                (Some(b'*'), _) => {
                    retry = Some((at, seen));
                    at += 1;
                }
                (Some(wanted), Some(found)) if wanted == found => {
                    at += 1;
                    seen += 1;
                }
                (None, None) => return true,
                (_, None) => return false,
                (_, Some(_)) => {
                    let Some((star, from)) = retry else { return false };
                    retry = Some((star, from + 1));
                    (at, seen) = (star + 1, from + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, path, matches) in [
            ("*.mp4", "/films/a.mp4", true),
            ("*.mp4", "/films/a.mp4/", false),
            ("*.mp4", "/films/a.mp3", false),
            ("/a/*/b", "/a/x/b", true),
            ("/a/*/b", "/a/x/y/b", true),
            ("/a/*/b", "/a/b", false),
            ("/a/*", "/a/", true),
            ("/a/*", "/a", false),
            ("/a*c*e", "/abcde", true),
            ("/a*c*e", "/acbec", false),
            ("*", "/", true),
            ("**", "/x", true),
            ("/x", "/x", true),
            ("/x", "/xy", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path), matches, "{pattern} {path}");
        }
    }

    #[test]
    fn only_whole_segments_before_the_star_are_fixed() {
        for (pattern, fixed, literal) in [("/a/*/b", 2, 5), ("/a*", 0, 2), ("*.mp4", 0, 4), ("/a/b/c*", 4, 6)] {
            let pattern = Pattern::new(pattern);
            assert_eq!((pattern.fixed_len(), pattern.literal_len()), (fixed, literal), "{pattern:?}");
        }
    }
}
