//! A store compared with a model of it after each of many random operations. For a test and for a fuzzer: the operations
//! come as bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "where the model is wrong it panics"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::format::Identity;
use super::specimen::{Place, Specimen, bad_chunk, open, sound_runs, told};
use super::{Draft, Found, Limits, Run, Store, Upkeep};
use crate::base::{Mono, Now, Size, Wall};

const PLACES: [Place; 4] = [
    Place { key: 0, variant: None },
    Place { key: 1, variant: None },
    Place { key: 2, variant: Some(0) },
    Place { key: 2, variant: Some(1) },
];
/// Chunks are 4096 bytes here. The last has two groups of them.
const LENGTHS: [u64; 8] = [0, 100, 4096, 10_000, 33_000, 45_000, 60_001, (256 << 12) + 20_000];
const LIMITS: Limits = Limits { size: Size::mib(64), keep_free: Size::ZERO };

/// Walks through a script. The folder is the model's own.
pub(crate) fn walk(folder: &Path, script: &[u8]) {
    let mut model = Model::new(folder);
    let mut script = Script { rest: script };
    while let Some(operation) = script.next() {
        model.perform(operation, &mut script);
        (0..PLACES.len()).for_each(|at| model.check(at));
    }
}

struct Script<'a> {
    rest: &'a [u8],
}

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Below `end`, which is at most 65536; zero where the script has come to its end.
    fn below(&mut self, end: u64) -> u64 {
        let number = u64::from(self.next().unwrap_or(0)) << 8 | u64::from(self.next().unwrap_or(0));
        number % end.max(1)
    }
}

struct Model {
    folder: PathBuf,
    /// `None` only between two stores.
    store: Option<Arc<Store>>,
    /// By their number.
    specimens: Vec<Specimen>,
    there: [There; PLACES.len()],
    upkeep: Upkeep,
    seconds: u64,
    renewals: u32,
}

/// What should be at a place.
#[derive(Default)]
struct There {
    complete: Option<Kept>,
    partial: Option<Part>,
    unfinished: Option<(Specimen, Draft)>,
    /// Something may have been taken away: what is found is right, but may be less, or an earlier head.
    loose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kept {
    number: u32,
    renewed: u32,
    invalidated: bool,
}

struct Part {
    kept: Kept,
    /// Start and length by chunk.
    runs: Runs,
    len_known: bool,
    draft: Option<Draft>,
}

type Runs = BTreeMap<u64, (u32, u32)>;

impl Model {
    fn new(folder: &Path) -> Model {
        Model {
            folder: folder.to_owned(),
            store: Some(open(folder, LIMITS)),
            specimens: Vec::new(),
            there: Default::default(),
            upkeep: Upkeep::default(),
            seconds: 0,
            renewals: 0,
        }
    }

    fn perform(&mut self, operation: u8, script: &mut Script<'_>) {
        let at = script.below(PLACES.len() as u64) as usize;
        match operation % 24 {
            0 | 1 => self.put(at, script),
            2..=4 => self.begin(at, script),
            5..=8 => self.write(at, script),
            9..=11 => self.fill(at),
            12 | 13 => self.finish(at),
            14 => self.leave(at),
            15 => self.renew(at),
            16 => self.invalidate(PLACES[at].key),
            17 => self.remove(at),
            18 => self.demote(at, script),
            19 => self.evict(script),
            20 => self.reopen(),
            21 => self.kill(),
            22 => self.damage(script),
            _ => self.sync(),
        }
    }

    fn store(&self) -> &Arc<Store> {
        self.store.as_ref().unwrap()
    }

    fn specimen(&mut self, at: usize, script: &mut Script<'_>, lengths: &[u64]) -> Specimen {
        let len = lengths[script.below(lengths.len() as u64) as usize];
        let specimen = Specimen { number: self.specimens.len() as u32, place: PLACES[at], len };
        self.specimens.push(specimen);
        specimen
    }

    fn put(&mut self, at: usize, script: &mut Script<'_>) {
        let specimen = self.specimen(at, script, &LENGTHS[..6]);
        self.store().put(specimen.plan(0), &specimen.body()).unwrap();
        self.there[at].complete = Some(Kept { number: specimen.number, renewed: 0, invalidated: false });
    }

    fn begin(&mut self, at: usize, script: &mut Script<'_>) {
        let specimen = self.specimen(at, script, &LENGTHS[1..]);
        let (known, resumable) = (script.below(2) == 0, script.below(4) > 0);
        let draft = self.store().begin(specimen.plan(0), known.then_some(specimen.len), resumable).unwrap();
        assert!(draft.body_len().is_none() != known && draft.present().is_empty());
        let kept = Kept { number: specimen.number, renewed: 0, invalidated: false };
        if resumable {
            let part = Part { kept, runs: BTreeMap::new(), len_known: known, draft: Some(draft) };
            self.there[at].partial = Some(part);
        } else {
            self.there[at].unfinished = Some((specimen, draft));
        }
    }

    /// The draft of a partial answer, fetched from the card where nobody has it.
    fn draft(&mut self, at: usize) -> Option<(Specimen, &mut Part)> {
        let store = Arc::clone(self.store());
        let part = self.there[at].partial.as_mut()?;
        if part.draft.is_none() {
            part.draft = Some(store.find_partial(PLACES[at].location(), &PLACES[at].key())?.draft);
        }
        Some((self.specimens[part.kept.number as usize], part))
    }

    fn write(&mut self, at: usize, script: &mut Script<'_>) {
        let chunk = script.below(1 << 16);
        let (start, len) = (script.below(4096), script.below(4096) + 1);
        let Some((specimen, part)) = self.draft(at) else { return };
        let draft = part.draft.as_ref().unwrap();
        let chunk = chunk % draft.layout().chunks(specimen.len);
        let most = draft.layout().len_of(chunk, specimen.len);
        let start = start % most;
        let (start, len) = (start as u32, len.min(most - start) as u32);
        let run = specimen.write(draft, chunk, start, len).unwrap();
        draft.enter(run);
        draft.set_body_len(specimen.len);
        part.len_known = true;
        let longest = part.runs.get(&chunk).is_none_or(|(_, known)| *known < len);
        if longest {
            part.runs.insert(chunk, (start, len));
        }
    }

    fn fill(&mut self, at: usize) {
        if let Some((specimen, draft)) = &self.there[at].unfinished {
            (0..draft.layout().chunks(specimen.len)).for_each(|chunk| specimen.write_chunk(draft, chunk).unwrap());
        }
        let Some((specimen, part)) = self.draft(at) else { return };
        let draft = part.draft.as_ref().unwrap();
        draft.set_body_len(specimen.len);
        part.len_known = true;
        for chunk in 0..draft.layout().chunks(specimen.len) {
            specimen.write_chunk(draft, chunk).unwrap();
            part.runs.insert(chunk, (0, draft.layout().len_of(chunk, specimen.len) as u32));
        }
    }

    fn finish(&mut self, at: usize) {
        if let Some((specimen, draft)) = self.there[at].unfinished.take() {
            let whole = !draft.present().is_empty();
            let opened = draft.finish(specimen.len, b"");
            assert_eq!(opened.is_ok(), whole, "{specimen:?}");
            if let Ok(opened) = opened {
                assert_eq!(bad_chunk(&opened, specimen), None);
                self.there[at].complete = Some(Kept { number: specimen.number, renewed: 0, invalidated: false });
            }
        }
        let Some((specimen, part)) = self.draft(at) else { return };
        let kept = part.kept;
        let whole = part.is_whole(specimen);
        let finished = part.draft.as_ref().unwrap().finish(specimen.len, b"");
        assert_eq!(finished.is_ok(), whole, "{specimen:?}: {:?}", finished.err());
        if whole {
            self.there[at].partial = None;
            self.there[at].complete = Some(kept);
        }
    }

    /// Whoever has the drafts of a place goes.
    fn leave(&mut self, at: usize) {
        let there = &mut self.there[at];
        there.unfinished = None;
        if let Some(part) = &mut there.partial {
            part.draft = None;
            if part.runs.is_empty() {
                there.partial = None;
            }
        }
    }

    fn renew(&mut self, at: usize) {
        self.renewals += 1;
        let renewed = self.renewals;
        if let (Some(identity), Some(kept)) = (self.identity(at), self.there[at].complete) {
            let renewal = self.specimens[kept.number as usize].renewal(renewed);
            self.store().renew(identity, &renewal).unwrap();
            self.there[at].complete = Some(Kept { renewed, invalidated: false, ..kept });
        }
        if let Some((specimen, part)) = self.draft(at) {
            part.draft.as_ref().unwrap().renew(&specimen.renewal(renewed)).unwrap();
            part.kept = Kept { renewed, invalidated: false, ..part.kept };
        }
    }

    fn invalidate(&mut self, key: u8) {
        let primary = Place { key, variant: None };
        let listed: Vec<u128> = match self.store().find(primary.primary(), &primary.key()) {
            Found::Variants(variants) => variants.locations().collect(),
            Found::Nothing | Found::Answer(_) | Found::Partial(_) => vec![primary.primary()],
        };
        self.store().invalidate(primary.primary());
        for (place, there) in PLACES.iter().zip(&mut self.there) {
            if listed.contains(&place.location()) {
                there.complete.iter_mut().for_each(|kept| kept.invalidated = true);
                there.partial.iter_mut().for_each(|part| part.kept.invalidated = true);
            }
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(identity) = self.identity(at) {
            self.store().remove_stored(identity);
            self.there[at].complete = None;
        }
        if let Some((_, part)) = self.draft(at) {
            let identity = part.draft.as_ref().unwrap().identity();
            self.store().discard_partial(identity);
            self.there[at].partial = None;
        }
    }

    fn demote(&mut self, at: usize, script: &mut Script<'_>) {
        let chunk = script.below(1 << 16);
        let (Some(identity), Some(kept)) = (self.identity(at), self.there[at].complete) else { return };
        let specimen = self.specimens[kept.number as usize];
        let chunks = specimen.len.div_ceil(4096);
        if chunks == 0 {
            return;
        }
        self.store().demote(identity, chunk % chunks);
        let there = &mut self.there[at];
        there.complete = None;
        let rest = (0..chunks).filter(|other| *other != chunk % chunks);
        let runs: BTreeMap<_, _> =
            rest.map(|chunk| (chunk, (0, (specimen.len - chunk * 4096).min(4096) as u32))).collect();
        if there.partial.is_none() && !runs.is_empty() {
            there.partial = Some(Part { kept, runs, len_known: true, draft: None });
        }
    }

    fn evict(&mut self, script: &mut Script<'_>) {
        let size = Size::bytes(script.below(40) * 4096);
        self.store().set_limits(Limits { size, ..LIMITS });
        // What is being written keeps its room.
        let _ = self.store().make_room(0);
        self.store().set_limits(LIMITS);
        self.there.iter_mut().for_each(|there| there.loose = true);
    }

    fn reopen(&mut self) {
        (0..PLACES.len()).for_each(|at| self.leave(at));
        self.begin_anew();
    }

    /// The process is gone at once: what it held in RAM is lost, nothing is put in order.
    fn kill(&mut self) {
        let copy = self.folder.with_extension("copy");
        copy_all(&self.folder, &copy);
        (0..PLACES.len()).for_each(|at| self.leave(at));
        drop(self.store.take());
        fs::remove_dir_all(&self.folder).unwrap();
        fs::rename(copy, &self.folder).unwrap();
        self.begin_anew();
        self.there.iter_mut().for_each(|there| there.loose = true);
    }

    fn begin_anew(&mut self) {
        drop(self.store.take());
        self.store = Some(open(&self.folder, LIMITS));
        self.upkeep = Upkeep::default();
        (0..256).for_each(|_| self.maintain(0));
        let files = files_below(&self.folder.join("objects")).len() + files_below(&self.folder.join("partial")).len();
        assert_eq!(self.store().objects(), files as u64);
    }

    fn damage(&mut self, script: &mut Script<'_>) {
        let mut files = files_below(&self.folder.join("objects"));
        files.extend(files_below(&self.folder.join("partial")));
        files.sort();
        if files.is_empty() {
            return;
        }
        (0..PLACES.len()).for_each(|at| self.leave(at));
        let path = &files[script.below(files.len() as u64) as usize];
        let Ok(file) = fs::File::options().read(true).write(true).open(path) else { return };
        let len = file.metadata().unwrap().len().max(1);
        // Half of it where the superblocks, the head and the tables are.
        let most = if script.below(2) == 0 { len.min(2000) } else { len };
        let at = (script.below(1 << 16) << 8 | script.below(256)) % most;
        if script.below(16) == 0 {
            file.set_len(at).unwrap();
        } else {
            let mut byte = [0];
            let _ = file.read_at(&mut byte, at);
            file.write_all_at(&[byte[0] ^ 1 << script.below(8)], at).unwrap();
        }
        self.there.iter_mut().for_each(|there| there.loose = true);
    }

    fn sync(&mut self) {
        self.maintain(10);
    }

    fn maintain(&mut self, seconds: u64) {
        self.seconds += seconds;
        let now = Now { mono: Mono::from_millis(self.seconds * 1000), wall: Wall::default(), sure: true };
        let store = Arc::clone(self.store());
        store.upkeep(&mut self.upkeep, Duration::from_secs(5), now);
    }

    fn identity(&self, at: usize) -> Option<Identity> {
        self.there[at].complete?;
        match self.store().find(PLACES[at].location(), &PLACES[at].key()) {
            Found::Answer(opened) => Some(opened.identity),
            Found::Nothing | Found::Variants(_) | Found::Partial(_) => panic!("{:?} is gone", PLACES[at]),
        }
    }

    /// Everything at a place is right, and all that should be there is.
    fn check(&mut self, at: usize) {
        self.expect_promotion(at);
        let complete = self.complete(at);
        let partial = self.partial(at);
        let there = &mut self.there[at];
        if std::mem::take(&mut there.loose) {
            there.complete = complete;
            match (partial, &mut there.partial) {
                (Some(found), Some(part)) => (part.kept, part.runs, part.len_known) = found,
                (Some((kept, runs, len_known)), none) => *none = Some(Part { kept, runs, len_known, draft: None }),
                (None, Some(part)) if part.draft.is_some() && part.runs.is_empty() => {}
                (None, gone) => *gone = None,
            }
            return;
        }
        assert_eq!(complete, there.complete, "{:?}", PLACES[at]);
        let expected = there.partial.as_ref().filter(|part| !part.runs.is_empty());
        assert_eq!(partial, expected.map(|part| (part.kept, part.runs.clone(), part.len_known)), "{:?}", PLACES[at]);
    }

    /// A partial answer that is all there, that nobody has and that no complete one hides is finished by the next look.
    fn expect_promotion(&mut self, at: usize) {
        let there = &mut self.there[at];
        let Some(part) = there.partial.take_if(|part| {
            let left = part.len_known && part.draft.is_none() && there.complete.is_none();
            left && part.is_whole(self.specimens[part.kept.number as usize])
        }) else {
            return;
        };
        there.complete = Some(part.kept);
    }

    fn complete(&self, at: usize) -> Option<Kept> {
        let (location, key) = (PLACES[at].location(), PLACES[at].key());
        loop {
            match self.store().find(location, &key) {
                Found::Nothing | Found::Partial(_) => return None,
                Found::Variants(_) => panic!("a list at {:?}", PLACES[at]),
                Found::Answer(opened) => {
                    let told = told(&opened.record, PLACES[at]).expect("a head that was written");
                    let specimen = self.specimens[told.number as usize];
                    match bad_chunk(&opened, specimen) {
                        Some(chunk) if self.there[at].loose => self.store().demote(opened.identity, chunk),
                        Some(chunk) => panic!("chunk {chunk} of {specimen:?}"),
                        None => {
                            let invalidated = opened.marks.invalidated;
                            return Some(Kept { number: told.number, renewed: told.renewed, invalidated });
                        }
                    }
                }
            }
        }
    }

    fn partial(&self, at: usize) -> Option<(Kept, Runs, bool)> {
        let partial = self.store().find_partial(PLACES[at].location(), &PLACES[at].key())?;
        let told = told(&partial.record, PLACES[at]).expect("a head that was written");
        let sound = sound_runs(&partial, self.specimens[told.number as usize]);
        assert!(self.there[at].loose || sound == partial.present, "{:?}", PLACES[at]);
        let kept = Kept { number: told.number, renewed: told.renewed, invalidated: partial.marks.invalidated };
        let runs = sound.into_iter().map(|Run { chunk, start, len, .. }| (chunk, (start, len))).collect();
        Some((kept, runs, partial.body_len.is_some())).filter(|(_, runs, _): &(_, Runs, _)| !runs.is_empty())
    }
}

impl Part {
    fn is_whole(&self, specimen: Specimen) -> bool {
        let chunks = specimen.len.div_ceil(4096);
        let len_of = |chunk: u64| (specimen.len - chunk * 4096).min(4096) as u32;
        (0..chunks).all(|chunk| self.runs.get(&chunk) == Some(&(0, len_of(chunk))))
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let shelves = fs::read_dir(folder).unwrap().map(|shelf| shelf.unwrap().path());
    shelves.flat_map(|shelf| fs::read_dir(shelf).unwrap()).map(|file| file.unwrap().path()).collect()
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
