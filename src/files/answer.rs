//! From a request for a path in a folder to an answer.

use std::fs::File;
use std::sync::Arc;

use super::content::{self, Content};
use super::listing;
use super::name::Name;
use super::open::{self, Found};
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

/// A whole answer: the gateway adds `Date`, framing, `Connection` and what a route's edits say.
#[derive(Debug)]
pub(crate) struct FileAnswer {
    pub(crate) status: u16,
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
    /// No such file, a hidden one, a way out of the folder, or a folder without index and listing: 404, all alike.
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

/// Answers from the folder. Whatever may wait for the card happens on the blocking pool; a folder is opened anew for
/// each request, because sticks come and go.
pub(crate) async fn answer(folder: &Arc<FilesConfig>, request: FileRequest<'_>) -> Result<FileAnswer, NoFile> {
    if !matches!(request.method, "GET" | "HEAD") {
        return Err(NoFile::Method);
    }
    let name = Name::of(request.rest).ok_or(NoFile::NotFound)?;
    let folder = Arc::clone(folder);
    match smol::unblock(move || open::find(&folder, &name)).await? {
        Found::File { file, media_type } => content::answer(&Content::of(file, media_type, request.now)?, &request),
        Found::Folder => Ok(redirect(&request)),
        Found::Listing(entries) => {
            let page = listing::page(&request, &entries);
            let fields = vec![("Content-Type", "text/html; charset=utf-8".to_owned())];
            Ok(FileAnswer::from_memory(&request, 200, fields, page.into_bytes()))
        }
    }
}

/// To the same path with a slash, so that links in the folder's page lead into the folder. Relative, so that it holds
/// behind other gateways as well.
fn redirect(request: &FileRequest<'_>) -> FileAnswer {
    let last = request.path.rsplit('/').next().unwrap_or_default();
    let mut location = format!("./{last}/");
    if let Some(query) = request.query {
        location.push('?');
        location.push_str(query);
    }
    FileAnswer::from_memory(request, 301, vec![("Location", location)], Vec::new())
}

impl FileAnswer {
    fn from_memory(
        request: &FileRequest<'_>,
        status: u16,
        fields: Vec<(&'static str, String)>,
        content: Vec<u8>,
    ) -> FileAnswer {
        let length = Some(content.len() as u64);
        let is_sent = request.method != "HEAD" && !content.is_empty();
        FileAnswer { status, fields, length, body: if is_sent { vec![Piece::Memory(content)] } else { Vec::new() } }
    }
}
