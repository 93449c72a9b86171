//! The name of a file in a folder, from a path that somebody sent.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::http::target;

/// A path within the folder: no segment climbs, hides, or is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    /// Relative; empty for the folder itself.
    path: PathBuf,
    /// Whether it was written with a slash at its end: only folders may be.
    pub(super) folder: bool,
}

/// The one name with a dot that is there to be seen (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

impl Name {
    /// From a path in normal form. Segments are separated before they are decoded, so that nothing decoded separates.
    pub(super) fn of(rest: &str) -> Option<Name> {
        let folder = rest.ends_with('/');
        let mut path = PathBuf::new();
        if matches!(rest, "" | "/") {
            return Some(Name { path, folder });
        }
        let inner = rest.strip_prefix('/').unwrap_or(rest);
        for segment in inner.strip_suffix('/').unwrap_or(inner).split('/') {
            let segment = target::decode(segment);
            let hidden = segment.first() == Some(&b'.') && *segment != *WELL_KNOWN;
            if segment.is_empty() || hidden || segment.iter().any(|byte| matches!(byte, b'/' | 0)) {
                return None;
            }
            path.push(OsString::from_vec(segment.into_owned()));
        }
        Some(Name { path, folder })
    }

    /// What to open from the folder.
    pub(super) fn path(&self) -> &Path {
        if self.path.as_os_str().is_empty() { Path::new(".") } else { &self.path }
    }

    /// A file in this folder, named by the configuration.
    pub(super) fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        for (rest, expected) in [
            ("", Some((".", false))),
            ("/", Some((".", true))),
            ("/a", Some(("a", false))),
            ("/a/b.txt", Some(("a/b.txt", false))),
            ("/a/", Some(("a", true))),
            ("/a%20b%C3%A9", Some(("a bé", false))),
            ("/.well-known/x", Some((".well-known/x", false))),
            ("/.git/config", None),
            ("/a/.hidden", None),
            ("/..", None),
            ("/a/../../b", None),
            ("/%2e%2e/b", None),
            ("/a%2Fb", None),
            ("/a%00", None),
            ("/a//b", None),
            ("//etc/passwd", None),
            ("//", None),
        ] {
            let name = Name::of(rest);
            let found = name.as_ref().map(|name| (name.path().to_str().unwrap(), name.folder));
            assert_eq!(found, expected, "{rest}");
        }
    }
}
