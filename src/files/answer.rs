//! From a request for a path in a folder to an answer.

use std::fs::File;
use std::sync::Arc;

use crate::base::Wall;
use crate::config::FilesConfig;
use crate::http::Fields;

/// What is asked of a folder.
#[derive(Clone, Copy)]
pub(crate) struct FileRequest<'a> {
    pub(crate) method: &'a str,
    /// The whole path of the request in normal form, for redirects and listings.
    pub(crate) path: &'a str,
    /// The part behind the route's own path (`path[found.matched..]`): the name in the folder.
    pub(crate) rest: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fields: Fields<'a>,
    pub(crate) now: Wall,
}

/// A whole answer: the gateway adds `Date`, `Connection` and what a route's edits say.
#[derive(Debug)]
pub(crate) struct FileAnswer {
    pub(crate) status: u16,
    /// Without framing.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// `Content-Length`: the sum of the pieces, or what it would be (`HEAD`). Nothing for 304.
    pub(crate) length: Option<u64>,
    /// Empty for `HEAD` and for answers without content.
    pub(crate) body: Vec<Piece>,
}

/// A run of the body.
#[derive(Debug)]
pub(crate) enum Piece {
    Memory(Vec<u8>),
    /// Fewer bytes in the file than `len` mean that it was cut meanwhile: the connection must be closed.
    File {
        file: Arc<File>,
        offset: u64,
        len: u64,
    },
}

/// Why there is no answer; the gateway writes the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoFile {
    /// No such file, a hidden one, a way out of the folder, or a folder without index and listing: 404.
    NotFound,
    /// Neither `GET` nor `HEAD`: 405 with `Allow: GET, HEAD`.
    Method,
    /// The folder itself is not there (a stick that was pulled out): 503.
    FolderGone,
    /// The file is there but cannot be read (rights, a broken card): 500.
    Unreadable,
    /// `If-Match` or `If-Unmodified-Since` does not hold: 412.
    PreconditionFailed,
}

/// Answers from the folder. Opens and listings happen on the blocking pool.
pub(crate) async fn answer(folder: &Arc<FilesConfig>, request: FileRequest<'_>) -> Result<FileAnswer, NoFile> {
    todo!()
}
