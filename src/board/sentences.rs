//! What there is to say about the person's file, in sentences that begin with where to look.

use crate::config::{Problem, Problems, Secret};

/// Whose words hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// The person's file.
    File,
    /// It, when it was last without mistakes.
    LastGood,
    /// What it says without doubt, for there was none before.
    Parts { wifi: bool },
    /// Nobody's.
    Nothing,
}

/// More are not told: who mends these sees the others next time.
const MOST: usize = 12;

/// Each problem of a file.
pub(crate) fn sentences(file: &str, problems: &Problems) -> Vec<String> {
    let mut told: Vec<String> = problems.iter().take(MOST).map(|problem| sentence(file, problem)).collect();
    let more = problems.count().saturating_sub(told.len());
    if more > 0 {
        told.push(format!("{file}: and {more} more; mend these first."));
    }
    told
}

pub(crate) fn sentence(file: &str, problem: &Problem) -> String {
    at(file, problem.line(), &problem.what())
}

/// A secret that was moved and is gone.
pub(crate) fn lost(file: &str, secret: &Secret) -> String {
    at(file, secret.line, &format!("{}: what stood here is lost; type it again behind the '='.", named(secret)))
}

/// A secret that stays in the file.
pub(crate) fn clear(file: &str, secret: &Secret) -> String {
    let what = format!(
        "{}: still stands in the file for everybody to read; it could not be moved away. Is the card write-protected?",
        named(secret)
    );
    at(file, secret.line, &what)
}

/// The same where nobody can tell which: not every byte of the file is text of one encoding.
pub(crate) fn perhaps_clear(file: &str) -> String {
    format!("{file}: passwords in it, if any, still stand there for everybody to read; save the file as UTF-8.")
}

fn named(secret: &Secret) -> String {
    match (secret.kind.word(), secret.section.as_str()) {
        (kind, "") => format!("[{kind}] {}", secret.key),
        (kind, name) => format!("[{kind} {name}] {}", secret.key),
    }
}

fn at(file: &str, line: usize, what: &str) -> String {
    match line {
        0 => format!("{file}: {what}"),
        line => format!("{file}, line {line}: {what}"),
    }
}
