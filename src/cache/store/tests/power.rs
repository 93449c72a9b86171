//! The power is cut after each single operation of a long run. What was synced is on the card then; of the rest any part
//! may be, in any order, in sectors; names may be there without their bytes and bytes without their names. Each such card
//! is opened, and everything on it is compared with what was ever given to the store.
//!
//! `HAFIR_POWER_CUTS` sets how many cards are made of each moment (8 by default).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::journal::Step;
use super::super::specimen::{Place, Specimen, bad_chunk, open, sound_runs, told};
use super::super::{Draft, Found, Run, Store, Upkeep};
use super::limits;
use crate::base::{Mono, Now, Size, Wall};
use crate::cache::tests::Folder;

const SECTOR: usize = 512;
const SYNC: Duration = Duration::from_secs(5);

/// Draws from a fixed sequence.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A card and what of it is safe.
#[derive(Default, Clone)]
struct Card {
    files: Vec<OnCard>,
    /// Which file has which name, for certain.
    names: BTreeMap<PathBuf, usize>,
    /// Names as the running system sees them.
    seen: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
}

#[derive(Default, Clone)]
struct OnCard {
    safe: Vec<u8>,
    unsynced: Vec<(usize, Arc<[u8]>)>,
}

#[derive(Clone)]
enum NameChange {
    Put { name: PathBuf, file: usize },
    Moved { from: PathBuf, to: PathBuf, file: usize },
    Gone { name: PathBuf },
}

impl Card {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Create { file, name } => {
                assert_eq!(*file, self.files.len());
                self.files.push(OnCard::default());
                self.change_name(NameChange::Put { name: name.clone(), file: *file });
            }
            Step::Write { file, offset, bytes } => {
                self.files[*file].unsynced.push((usize::try_from(*offset).unwrap(), (&**bytes).into()));
            }
            Step::Rename { from, to } => {
                let file = self.seen[from];
                self.change_name(NameChange::Moved { from: from.clone(), to: to.clone(), file });
            }
            Step::Unlink { name } => self.change_name(NameChange::Gone { name: name.clone() }),
            Step::SyncFile { file } => self.files[*file].sync(),
            Step::SyncAll => {
                self.files.iter_mut().for_each(OnCard::sync);
                self.names = self.seen.clone();
                self.unsynced_names.clear();
            }
        }
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.unsynced_names.push(change);
    }

    /// One of the many cards that a power cut may leave.
    fn cut(&self, dice: &mut Dice) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut names = self.names.clone();
        let survive = [0, 30, 70, 100, 100][dice.below(5) as usize];
        for change in &self.unsynced_names {
            if dice.percent(survive) {
                change.apply(&mut names);
            }
        }
        names.into_iter().map(|(name, file)| (name, self.files[file].cut(dice))).collect()
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Put { name, file } => {
                names.insert(name.clone(), *file);
            }
            NameChange::Moved { from, to, file } => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
            NameChange::Gone { name } => {
                names.remove(name);
            }
        }
    }
}

impl OnCard {
    fn sync(&mut self) {
        for (offset, bytes) in std::mem::take(&mut self.unsynced) {
            put(&mut self.safe, offset, &bytes);
        }
    }

    fn cut(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        let full = self.unsynced.iter().map(|(offset, bytes)| offset + bytes.len()).max().unwrap_or(0);
        let survive = [0, 0, 20, 60, 95, 100][dice.below(6) as usize];
        for (offset, written) in &self.unsynced {
            let mut at = *offset;
            let mut rest = &**written;
            while !rest.is_empty() {
                let here = (SECTOR - at % SECTOR).min(rest.len());
                if dice.percent(survive) {
                    put(&mut bytes, at, &rest[..here]);
                }
                (at, rest) = (at + here, &rest[here..]);
            }
        }
        match dice.below(4) {
            // The new length without the bytes.
            0 if bytes.len() < full => bytes.resize(full, 0),
            // The bytes without the new length.
            1 => bytes.truncate(self.safe.len().max(dice.below(full as u64 + 1) as usize)),
            _ => {}
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

/// What must be on the card from some moment on.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Due {
    /// A complete answer, whichever.
    Complete,
    /// At least these runs of this specimen.
    Runs(u32, Vec<Run>),
    Nothing,
}

/// What is due for a place, complete objects and partial ones apart.
type Dues = HashMap<(Place, bool), Due>;

/// A run of the store with everything in it that can be torn, and notes of what is due when.
struct Script {
    store: Arc<Store>,
    _folder: Folder,
    specimens: HashMap<u32, Specimen>,
    upkeep: Upkeep,
    seconds: u64,
    /// From so many operations on.
    dues: Vec<(usize, Place, bool, Due)>,
    complete: HashMap<Place, u32>,
}

impl Script {
    fn new() -> Script {
        let folder = Folder::in_ram();
        let store = open(folder.path(), limits());
        store.disk.journal.begin();
        let (specimens, complete) = (HashMap::new(), HashMap::new());
        Script { store, _folder: folder, specimens, upkeep: Upkeep::default(), seconds: 0, dues: Vec::new(), complete }
    }

    fn specimen(&mut self, key: u8, variant: Option<u8>, len: u64) -> Specimen {
        let number = self.specimens.len() as u32;
        let specimen = Specimen { number, place: Place { key, variant }, len };
        self.specimens.insert(number, specimen);
        specimen
    }

    /// One of these is about to be taken away, or is not yet sure to stay.
    fn free(&mut self, place: Place, partial: bool) {
        self.dues.push((self.store.disk.journal.len(), place, partial, Due::Nothing));
    }

    /// All that was done before is safe, whatever of it was `Complete`; so are the runs that the card knew of already.
    fn sync(&mut self, drafts: &[(Specimen, &Draft)]) {
        let before: Vec<_> = self.complete.keys().copied().collect();
        // The second sync brings what the first allowed to be entered.
        for _ in 0..2 {
            self.seconds += 10;
            let now = Now { mono: Mono::from_millis(self.seconds * 1000), wall: Wall::default(), sure: true };
            self.store.wrote();
            self.store.upkeep(&mut self.upkeep, SYNC, now);
        }
        let done = self.store.disk.journal.len();
        for place in before {
            self.dues.extend([(done, place, false, Due::Complete), (done, place, true, Due::Nothing)]);
        }
        for (specimen, draft) in drafts {
            self.dues.push((done, specimen.place, true, Due::Runs(specimen.number, draft.present())));
        }
    }

    fn put(&mut self, specimen: Specimen) {
        self.store.put(specimen.plan(0), &specimen.body()).unwrap();
        self.complete.insert(specimen.place, specimen.number);
    }

    fn begin(&mut self, specimen: Specimen, resumable: bool) -> Draft {
        if resumable {
            self.free(specimen.place, true);
        }
        self.store.begin(specimen.plan(0), Some(specimen.len), resumable).unwrap()
    }

    /// Writes all chunks, in turns by so many lanes.
    fn fill(&self, specimen: Specimen, draft: &Draft, lanes: u64) {
        let chunks = draft.layout().chunks(specimen.len);
        let lane = chunks.div_ceil(lanes);
        for step in 0..lane {
            for chunk in (0..lanes).map(|number| number * lane + step).filter(|chunk| *chunk < chunks) {
                specimen.write_chunk(draft, chunk).unwrap();
            }
        }
    }

    fn finish(&mut self, specimen: Specimen, draft: &Draft) {
        draft.finish(specimen.len, b"").unwrap();
        self.complete.insert(specimen.place, specimen.number);
    }

    fn identity(&self, specimen: Specimen) -> super::super::format::Identity {
        match self.store.find(specimen.place.location(), &specimen.place.key()) {
            Found::Answer(opened) => opened.identity,
            Found::Nothing | Found::Variants(_) | Found::Partial(_) => panic!("{specimen:?} is not there"),
        }
    }
}

fn everything_that_can_be_torn() -> Script {
    let mut script = Script::new();
    let (film, series) = answers_of_all_kinds(&mut script);
    changes_and_replacements(&mut script, film);
    losses(&mut script, series);
    script
}

/// Gives a complete one and one that was partial for a while.
fn answers_of_all_kinds(script: &mut Script) -> (Specimen, Specimen) {
    // Small ones, one with variants, and fills of several sizes.
    for (key, len) in [(0, 0), (1, 700), (2, 5_000), (3, 20_000)] {
        let specimen = script.specimen(key, None, len);
        script.put(specimen);
    }
    for variant in 0..3 {
        let specimen = script.specimen(4, Some(variant), 3_000);
        script.put(specimen);
    }
    let film = script.specimen(5, None, 80_000);
    let draft = script.begin(film, true);
    script.fill(film, &draft, 1);
    script.sync(&[(film, &draft)]);
    script.finish(film, &draft);
    script.sync(&[]);
    // A partial one by several lanes, whose prefixes are entered as they grow; then left, found again, completed.
    let series = script.specimen(6, None, 60_000);
    let draft = script.begin(series, true);
    for (chunk, len) in [(0, 4096), (7, 1000), (7, 3000), (14, 2656), (1, 512), (1, 4096), (8, 100)] {
        let run = series.write(&draft, chunk, 0, len).unwrap();
        draft.enter(run);
        script.sync(&[(series, &draft)]);
    }
    draft.renew(&series.renewal(1)).unwrap();
    script.sync(&[(series, &draft)]);
    drop(draft);
    let Found::Partial(partial) = script.store.find(series.place.location(), &series.place.key()) else { panic!() };
    let middle = series.write(&partial.draft, 10, 1000, 2000).unwrap();
    partial.draft.enter(middle);
    script.sync(&[(series, &partial.draft)]);
    for chunk in 0..15 {
        series.write_chunk(&partial.draft, chunk).unwrap();
    }
    script.finish(series, &partial.draft);
    script.sync(&[]);
    (film, series)
}

fn changes_and_replacements(script: &mut Script, film: Specimen) {
    // Renewals, two of them between two syncs, and an invalidation.
    for renewed in 1..5 {
        let identity = script.identity(film);
        script.store.renew(identity, &film.renewal(renewed)).unwrap();
        if renewed == 3 {
            script.sync(&[]);
        }
    }
    script.store.invalidate(film.place.primary());
    script.store.invalidate(Place { key: 4, variant: None }.primary());
    // Another version takes the place of a synced one: small, whole, and by way of a partial one with variants.
    for (key, variant, len) in [(1, None, 900), (3, None, 100), (4, Some(1), 2_000)] {
        let specimen = script.specimen(key, variant, len);
        script.put(specimen);
    }
    for (key, variant, resumable) in [(5, None, false), (4, Some(2), true), (2, None, true)] {
        let specimen = script.specimen(key, variant, 30_000);
        let draft = script.begin(specimen, resumable);
        script.fill(specimen, &draft, 3);
        script.finish(specimen, &draft);
    }
    script.sync(&[]);
}

fn losses(script: &mut Script, series: Specimen) {
    // A chunk goes bad: the rest stays, and is completed again.
    let identity = script.identity(series);
    script.free(series.place, false);
    script.store.demote(identity, 3);
    script.complete.remove(&series.place);
    let partial = script.store.find_partial(series.place.location(), &series.place.key()).unwrap();
    script.sync(&[(series, &partial.draft)]);
    series.write_chunk(&partial.draft, 3).unwrap();
    script.finish(series, &partial.draft);
    drop(partial);
    script.sync(&[]);
    // A partial one that the origin has replaced, and one that is dropped with nothing in it.
    let older = script.specimen(7, None, 40_000);
    let draft = script.begin(older, true);
    script.fill(older, &draft, 2);
    script.sync(&[(older, &draft)]);
    let newer = script.specimen(7, None, 50_000);
    let second = script.begin(newer, true);
    drop(draft);
    newer.write_chunk(&second, 2).unwrap();
    script.sync(&[(newer, &second)]);
    script.free(newer.place, true);
    script.store.discard_partial(second.identity());
    drop(second);
    let empty = script.specimen(8, None, 40_000);
    drop(script.begin(empty, true));
    // Everything goes.
    for place in script.complete.keys().copied().collect::<Vec<_>>() {
        script.free(place, false);
    }
    script.store.set_limits(super::Limits { size: Size::bytes(40_000), keep_free: Size::ZERO });
    script.store.make_room(0).unwrap();
    script.store.wrote();
}

/// Opens a card and compares all there is with what was given away.
fn check(card: &Path, script: &Script, dues: &Dues, context: &str) {
    let store = open(card, limits());
    let mut places: Vec<Place> = script.specimens.values().map(|specimen| specimen.place).collect();
    places.sort_by_key(|place| (place.key, place.variant));
    places.dedup();
    for place in places {
        let (location, key) = (place.location(), place.key());
        let complete = loop {
            match store.find(location, &key) {
                Found::Nothing | Found::Partial(_) => break None,
                Found::Variants(_) => panic!("{context}: {place:?} is a list"),
                Found::Answer(opened) => {
                    let told = told(&opened.record, place).expect(context);
                    let specimen = script.specimens[&told.number];
                    match bad_chunk(&opened, specimen) {
                        Some(chunk) => store.demote(opened.identity, chunk),
                        None => break Some(specimen),
                    }
                }
            }
        };
        let partial = store.find_partial(location, &key).map(|partial| {
            let told = told(&partial.record, place).expect(context);
            let specimen = script.specimens[&told.number];
            (specimen, sound_runs(&partial, specimen))
        });
        if dues.get(&(place, false)) == Some(&Due::Complete) {
            assert!(complete.is_some(), "{context}: {place:?} is lost");
        }
        if let Some(Due::Runs(number, due)) = dues.get(&(place, true)) {
            let whole = complete.is_some_and(|specimen| specimen.number == *number);
            let there = |run: &Run| {
                let found = partial.iter().filter(|(specimen, _)| specimen.number == *number);
                found.flat_map(|(_, runs)| runs).any(|found| covers(found, run))
            };
            let lost = due.iter().find(|run| !whole && !there(run));
            assert_eq!(lost, None, "{context}: {place:?}, of specimen {number}; there is {partial:?}");
        }
    }
    let lists = (0..9).map(|key| Place { key, variant: None });
    for list in lists {
        let _ = store.find(list.primary(), &list.key());
    }
}

fn covers(found: &Run, run: &Run) -> bool {
    found.chunk == run.chunk && found.start <= run.start && found.entry().end() >= run.entry().end()
}

fn lay_out(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn whatever_a_power_cut_leaves_is_right_and_what_was_synced_is_there() {
    let script = everything_that_can_be_torn();
    let steps = script.store.disk.journal.steps();
    let images = std::env::var("HAFIR_POWER_CUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(8_u64);
    let mut dues = script.dues.iter().peekable();
    let (mut card, mut due) = (Card::default(), Dues::new());
    for done in 0..=steps.len() {
        while let Some((_, place, partial, what)) = dues.next_if(|(from, ..)| *from <= done) {
            due.insert((*place, *partial), what.clone());
        }
        for seed in 0..images {
            let folder = Folder::in_ram();
            lay_out(folder.path(), &card.cut(&mut Dice(seed << 32 | done as u64)));
            check(folder.path(), &script, &due, &format!("cut after {done} of {} (seed {seed})", steps.len()));
        }
        steps.get(done).into_iter().for_each(|step| card.take(step));
    }
    assert!(steps.len() > 200, "{}", steps.len());
}
