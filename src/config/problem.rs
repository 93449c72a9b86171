//! What is wrong with a file, one line each.

use std::fmt;

/// One problem or warning. Prints as `hafir.ini:12: [route wiki] uptream: unknown key; did you mean 'upstream'?`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    pub(crate) file: String,
    /// 0 where the problem is the whole file's.
    pub(crate) line: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// All problems of a file, in the order of its lines. Prints one a line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are, those included that are counted and not kept.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// Each as one line, for pages and programs.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.list.iter().map(Problem::to_string).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|problem| writeln!(f, "{problem}"))
    }
}
