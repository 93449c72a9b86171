//! The cache as its callers see it, on a real folder, with a clock that the tests move.

mod alone;
mod damage;
mod fills;
mod keeping;
mod parts;
mod purging;
mod selecting;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::store::Store;
use super::{
    Answer, Cache, Fill, FillEnd, Followed, Follower, Hit, Key, Lookup, Next, Permit, Piece, RequestRules, StoreState,
    policy,
};
use crate::base::{Mono, Now, Size, Wall};
use crate::config::{CacheConfig, RouteCacheConfig};
use crate::http::{FieldSpans, Fields, Method};

/// When the tests begin: Mon, 01 Jun 2026 00:00:00 GMT.
pub(super) const START: i64 = 1_780_272_000;
pub(super) const ORIGIN: &str = "http://origin:80";

/// So many seconds after the start, on both clocks.
pub(super) fn at(seconds: u64) -> Now {
    let mono = Mono::from_millis(1_000_000 + seconds * 1000);
    Now { mono, wall: Wall::from_seconds(START + i64::try_from(seconds).unwrap()), sure: true }
}

/// Field lines with their bytes.
#[derive(Clone)]
pub(super) struct Block {
    bytes: Vec<u8>,
    spans: FieldSpans,
}

impl Block {
    /// `Name: value` lines, separated by line feeds.
    pub(in crate::cache) fn new(text: &str) -> Block {
        let bytes: String = text.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        let spans = FieldSpans::parse(bytes.as_bytes()).unwrap();
        Block { bytes: bytes.into_bytes(), spans }
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, self.spans.as_slice())
    }
}

/// A folder that is gone when the test is over.
pub(in crate::cache) struct Folder(PathBuf);

impl Folder {
    pub(in crate::cache) fn new() -> Folder {
        Folder::below(&std::env::temp_dir())
    }

    /// For many short-lived ones.
    pub(in crate::cache) fn in_ram() -> Folder {
        let ram = Path::new("/dev/shm");
        if ram.is_dir() { Folder::below(ram) } else { Folder::new() }
    }

    fn below(parent: &Path) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hafir-cache-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(in crate::cache) fn path(&self) -> &Path {
        &self.0
    }

    /// All objects' files.
    pub(in crate::cache) fn objects(&self) -> Vec<PathBuf> {
        self.files("objects")
    }

    /// All files of objects that are not all there.
    pub(in crate::cache) fn partials(&self) -> Vec<PathBuf> {
        self.files("partial")
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let shelves = std::fs::read_dir(self.0.join(folder)).into_iter().flatten().flatten();
        let files = shelves.flat_map(|shelf| std::fs::read_dir(shelf.path()).unwrap().flatten());
        files.map(|file| file.path()).collect()
    }

    pub(in crate::cache) fn unfinished(&self) -> usize {
        std::fs::read_dir(self.0.join("unfinished")).map_or(0, Iterator::count)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A cache on a folder, and requests to it.
pub(super) struct Rig {
    pub(super) cache: Option<Cache>,
    pub(super) config: CacheConfig,
    pub(super) route: RouteCacheConfig,
    /// Dropped last.
    pub(super) folder: Folder,
    pub(super) now: Mutex<Now>,
}

impl Rig {
    pub(in crate::cache) fn new() -> Rig {
        let folder = Folder::new();
        let config = CacheConfig {
            dir: folder.path().to_owned(),
            size: Size::mib(256),
            keep_free: Size::ZERO,
            max_object: Size::mib(64),
            sync: Duration::from_secs(5),
            targets: Vec::new(),
        };
        Rig::with(config, folder)
    }

    pub(super) fn with(config: CacheConfig, folder: Folder) -> Rig {
        let cache = Cache::open(&config, Size::mib(64));
        let route = RouteCacheConfig { stale: Duration::from_secs(3600), ..RouteCacheConfig::default() };
        Rig { cache: Some(cache), config, route, folder, now: Mutex::new(at(0)) }
    }

    pub(super) fn cache(&self) -> &Cache {
        self.cache.as_ref().unwrap()
    }

    pub(super) fn store(&self) -> Arc<Store> {
        self.cache().inner.store().unwrap()
    }

    pub(super) fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }

    pub(super) fn pass(&self, seconds: u64) {
        let mut now = self.now.lock().unwrap();
        let wall = Wall::from_millis(now.wall.as_millis() + i64::try_from(seconds).unwrap() * 1000);
        *now = Now { mono: now.mono.after(Duration::from_secs(seconds)), wall, sure: now.sure };
    }

    /// As after a power cut: nothing is closed in order, and the monotonic clock begins anew.
    pub(super) fn cut_power(&mut self) {
        drop(self.cache.take());
        // What is being put away holds the folder until it is done.
        let opened =
            || Some(Cache::open(&self.config, Size::mib(64))).filter(|cache| cache.state() == StoreState::Ready);
        self.cache = std::iter::repeat_with(opened).flatten().next();
        self.now.lock().unwrap().mono = Mono::from_millis(1_000);
    }

    pub(super) fn rules(&self, request: &Block) -> RequestRules {
        policy::request(request.fields(), Method::Get, &self.route).unwrap()
    }

    pub(super) async fn look(&self, path: &str, request: &str) -> Lookup {
        let request = Block::new(request);
        let rules = self.rules(&request);
        let key = Key::new(ORIGIN, path, None);
        self.cache().lookup(&key, request.fields(), &rules, &self.route, self.now()).await
    }

    /// A hit from RAM alone.
    pub(super) fn hot(&self, path: &str, request: &str) -> Option<Hit> {
        let request = Block::new(request);
        self.cache().hot(&Key::new(ORIGIN, path, None), request.fields(), &self.rules(&request), self.now())
    }

    /// The fresh answer's body, if there is one.
    pub(super) async fn fresh(&self, path: &str, request: &str) -> Option<Vec<u8>> {
        match self.look(path, request).await {
            Lookup::Fresh(hit) => Some(read(&hit).await),
            _ => None,
        }
    }

    pub(super) async fn miss(&self, path: &str, request: &str) -> Fill {
        match self.look(path, request).await {
            Lookup::Miss(fill, _) => fill,
            other => panic!("{path}: {}", name(&other)),
        }
    }

    /// Stores an answer for a path that has none.
    pub(super) async fn keep(&self, path: &str, request: &str, answer: &str, body: &[u8]) {
        let fill = self.miss(path, request).await;
        self.answer(fill, request, answer, body).await;
    }

    pub(super) async fn answer(&self, fill: Fill, request: &str, answer: &str, body: &[u8]) {
        let (request, fields) = (Block::new(request), Block::new(answer));
        let answer = self.answer_of(200, &fields, Some(body.len() as u64));
        let mut writer = fill.stored(request.fields(), &answer).unwrap();
        let reader = writer.follower();
        for piece in body.chunks(10_000) {
            writer.write(piece).await.unwrap();
        }
        writer.finish(b"").await;
        drop(reader);
    }

    pub(super) fn answer_of<'a>(&self, status: u16, fields: &'a Block, length: Option<u64>) -> Answer<'a> {
        let now = self.now();
        Answer { status, fields: fields.fields(), length, asked: now, received: now }
    }
}

pub(super) fn name(lookup: &Lookup) -> String {
    match lookup {
        Lookup::Fresh(_) => "fresh".to_owned(),
        Lookup::Stale(_, Permit::Fill(_), why) => format!("stale, fill, {}", why.word()),
        Lookup::Stale(_, Permit::Follow(_), why) => format!("stale, follow, {}", why.word()),
        Lookup::Partial { missing, .. } => format!("partial, {}", if *missing { "missing" } else { "there" }),
        Lookup::StaleWhileRevalidate(_, fill) => format!("stale while revalidate, {}", fill.is_some()),
        Lookup::Miss(_, why) => format!("miss, {}", why.word()),
        Lookup::Follow(_, why) => format!("follow, {}", why.word()),
        Lookup::Pass(why) => format!("pass, {}", why.word()),
        Lookup::OnlyIfCached => "only-if-cached".to_owned(),
    }
}

/// All bytes of a hit.
pub(super) async fn read(hit: &Hit) -> Vec<u8> {
    read_range(hit, 0..u64::MAX).await.unwrap()
}

pub(super) async fn read_range(hit: &Hit, range: std::ops::Range<u64>) -> Result<Vec<u8>, super::hit::Damaged> {
    let mut body = hit.body(range);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next(100_000).await? {
        take(&piece, &mut bytes);
    }
    Ok(bytes)
}

/// All bytes that a follower gets, and how it ended.
pub(super) async fn follow(follower: &mut Follower) -> (Vec<u8>, Option<FillEnd>) {
    let mut bytes = Vec::new();
    loop {
        match follower.next(50_000).await {
            Ok(Next::Piece(piece)) => take(&piece, &mut bytes),
            Ok(Next::End) => return (bytes, None),
            Ok(Next::Ask(_)) => panic!("a hole"),
            Err(end) => return (bytes, Some(end)),
        }
    }
}

pub(super) fn take(piece: &Piece<'_>, bytes: &mut Vec<u8>) {
    use std::os::unix::fs::FileExt;
    match piece {
        Piece::Memory(here) => bytes.extend_from_slice(here),
        Piece::File { file, offset, len } => {
            let start = bytes.len();
            bytes.resize(start + len, 0);
            file.read_exact_at(&mut bytes[start..], *offset).unwrap();
        }
    }
}

/// Bytes that no other length or place has.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64 | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

pub(super) fn stream(followed: Result<Followed, FillEnd>) {
    match followed {
        Ok(Followed::Stream { .. }) => {}
        Ok(Followed::Hit(_)) => panic!("a hit"),
        Ok(Followed::Ask(_)) => panic!("a question"),
        Err(end) => panic!("{}", end_name(&end)),
    }
}

pub(super) fn end_name(end: &FillEnd) -> String {
    match end {
        FillEnd::GoAlone(reason) => format!("go alone: {}", reason.word()),
        FillEnd::LookAgain => "look again".to_owned(),
        FillEnd::Failed(why) => format!("failed: {}", why.word),
        FillEnd::TakeOver(_) => "take over".to_owned(),
    }
}
