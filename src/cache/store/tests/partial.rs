//! Answers that are not all there: found again, completed, and lost from complete ones.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::super::specimen::{Place, Specimen, bad_chunk, open, sound_runs};
use super::super::{Draft, Found, Limits, Opened, Partial, Run, Store, Upkeep};
use super::limits;
use crate::base::{Mono, Now, Size, Wall};
use crate::cache::tests::{Folder, noise};

fn specimen(number: u32, len: u64) -> Specimen {
    Specimen { number, place: Place { key: number as u8, variant: None }, len }
}

fn begun(store: &Arc<Store>, specimen: Specimen, chunks: impl IntoIterator<Item = u64>) -> Draft {
    let draft = store.begin(specimen.plan(0), Some(specimen.len), true).unwrap();
    chunks.into_iter().for_each(|chunk| specimen.write_chunk(&draft, chunk).unwrap());
    draft
}

fn find(store: &Arc<Store>, specimen: Specimen) -> Found {
    store.find(specimen.place.location(), &specimen.place.key())
}

fn partial(store: &Arc<Store>, specimen: Specimen) -> Box<Partial> {
    match find(store, specimen) {
        Found::Partial(partial) => partial,
        Found::Nothing | Found::Variants(_) | Found::Answer(_) => panic!("{specimen:?} is not partial"),
    }
}

fn answer(store: &Arc<Store>, specimen: Specimen) -> Box<Opened> {
    match find(store, specimen) {
        Found::Answer(opened) => opened,
        Found::Nothing | Found::Variants(_) | Found::Partial(_) => panic!("{specimen:?} is not complete"),
    }
}

fn is_gone(store: &Arc<Store>, specimen: Specimen) -> bool {
    matches!(find(store, specimen), Found::Nothing)
}

fn chunks(partial: &Partial) -> Vec<u64> {
    partial.present.iter().map(|run| run.chunk).collect()
}

fn count(store: &Store) {
    let mut upkeep = Upkeep::default();
    let now = Now { mono: Mono::from_millis(1_000_000), wall: Wall::default(), sure: true };
    (0..256).for_each(|_| {
        store.upkeep(&mut upkeep, Duration::from_secs(5), now);
    });
}

#[test]
fn what_came_is_found_again_and_completed() {
    let folder = Folder::new();
    let film = specimen(1, 100_000);
    let store = open(folder.path(), limits());
    drop(begun(&store, film, [0, 1, 7]));
    drop(store);

    let store = open(folder.path(), limits());
    let found = partial(&store, film);
    assert_eq!((chunks(&found), found.body_len), (vec![0, 1, 7], Some(100_000)));
    assert_eq!(sound_runs(&found, film).len(), 3);
    (0..25).filter(|chunk| ![0, 1, 7].contains(chunk)).for_each(|chunk| film.write_chunk(&found.draft, chunk).unwrap());
    let opened = found.draft.finish(film.len, b"X-Trailer: 1\r\n").unwrap();
    assert_eq!((bad_chunk(&opened, film), &*opened.record.trailers), (None, &b"X-Trailer: 1\r\n"[..]));
    drop(found);
    drop(store);

    let store = open(folder.path(), limits());
    assert_eq!(bad_chunk(&answer(&store, film), film), None);
    assert!(folder.partials().is_empty() && folder.unfinished() == 0);
}

#[test]
fn runs_within_chunks_are_kept_and_the_longest_wins() {
    let folder = Folder::new();
    let film = specimen(1, 100_000);
    let store = open(folder.path(), limits());
    let draft = begun(&store, film, []);
    for (chunk, start, len) in [(3, 1000, 500), (3, 0, 400), (3, 2000, 501), (24, 1000, 696)] {
        draft.enter(film.write(&draft, chunk, start, len).unwrap());
    }
    drop(draft);
    let found = partial(&store, film);
    let runs: Vec<_> = found.present.iter().map(|run| (run.chunk, run.start, run.len)).collect();
    assert_eq!(runs, [(3, 2000, 501), (24, 1000, 696)]);
    assert_eq!(sound_runs(&found, film).len(), 2);
    // The same bytes from another first byte are another run.
    let run = found.present[0];
    assert!(!found.draft.verify(Run { start: 1999, len: 502, ..run }));
    assert!(!found.draft.verify(Run { start: 0, ..run }));
    assert!(found.draft.verify(run));
}

#[test]
fn a_draft_that_came_to_nothing_leaves_nothing() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    drop(begun(&store, film, []));
    let draft = store.begin(film.plan(0), Some(film.len), false).unwrap();
    (0..25).for_each(|chunk| film.write_chunk(&draft, chunk).unwrap());
    assert!(is_gone(&store, film) && folder.unfinished() == 1);
    drop(draft);
    assert_eq!((folder.unfinished(), folder.partials().len(), store.bytes()), (0, 0, 0));
}

#[test]
fn looking_at_a_partial_answer_writes_nothing() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let (film, song) = (specimen(1, 100_000), specimen(2, 50_000));
    drop(begun(&store, film, [2, 3]));
    store.put(song.plan(0), &song.body()).unwrap();
    let before = (store.written(), folder.partials()[0].metadata().unwrap().modified().unwrap());
    for _ in 0..3 {
        assert_eq!(sound_runs(&partial(&store, film), film).len(), 2);
        assert_eq!(bad_chunk(&answer(&store, song), song), None);
    }
    assert_eq!((store.written(), folder.partials()[0].metadata().unwrap().modified().unwrap()), before);
}

#[test]
fn a_finish_that_came_too_early_changes_nothing() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 50_000);
    let draft = store.begin(film.plan(0), None, true).unwrap();
    film.write_chunk(&draft, 0).unwrap();
    assert!(draft.finish(film.len, b"").is_err());
    assert_eq!(draft.body_len(), None);
    draft.set_body_len(film.len);
    assert!(draft.finish(film.len - 1, b"").is_err());
    drop(draft);
    drop(store);
    let found = partial(&open(folder.path(), limits()), film);
    assert_eq!((found.body_len, chunks(&found)), (Some(film.len), vec![0]));
}

#[test]
fn what_was_all_there_but_for_its_last_step_is_complete_at_the_next_look() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    let draft = begun(&store, film, 0..25);
    assert_eq!(chunks(&partial(&store, film)).len(), 25);
    drop(draft);
    assert_eq!(bad_chunk(&answer(&store, film), film), None);
    assert_eq!((folder.partials().len(), folder.objects().len(), store.objects()), (0, 1, 1));
}

#[test]
fn all_who_have_a_draft_share_it_and_the_last_one_leaves_it() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    let first = begun(&store, film, [0]);
    let second = partial(&store, film);
    film.write_chunk(&second.draft, 5).unwrap();
    assert_eq!(first.present().len(), 2);
    drop(first);
    film.write_chunk(&second.draft, 6).unwrap();
    assert_eq!(chunks(&partial(&store, film)), [0, 5, 6]);
    (0..25).for_each(|chunk| film.write_chunk(&second.draft, chunk).unwrap());
    second.draft.finish(film.len, b"").unwrap();
    assert!(second.draft.write(0, b"late").is_err(), "what is complete is not written to");
    assert_eq!(bad_chunk(&answer(&store, film), film), None);
}

#[test]
fn a_new_answer_replaces_the_partial_one_and_leaves_the_complete_one() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let [old, first, second] = [0, 1, 2].map(|number| Specimen { number, ..specimen(1, 60_000) });
    store.put(old.plan(0), &old.body()).unwrap();
    let earlier = begun(&store, first, [0, 1]);
    let later = begun(&store, second, [3]);
    assert!(earlier.write(0, b"late").is_err());
    drop(earlier);
    assert_eq!(bad_chunk(&answer(&store, old), old), None);
    let there = store.find_partial(old.place.location(), &old.place.key()).unwrap();
    assert_eq!((chunks(&there), sound_runs(&there, second).len()), (vec![3], 1));
    store.discard_partial(first.write(&later, 0, 0, 1).map(|_| later.identity()).unwrap());
    assert!(store.find_partial(old.place.location(), &old.place.key()).is_none());
    assert!(later.write(0, b"late").is_err());
    drop((later, there));
    assert_eq!((folder.partials().len(), folder.objects().len()), (0, 1));
}

#[test]
fn a_variant_on_its_way_is_in_the_list() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let kind = Specimen { number: 7, place: Place { key: 1, variant: Some(3) }, len: 90_000 };
    drop(begun(&store, kind, [1]));
    drop(store);
    let store = open(folder.path(), limits());
    let Found::Variants(list) = store.find(kind.place.primary(), &kind.place.key()) else { panic!("no list") };
    assert_eq!(list.locations().collect::<Vec<_>>(), [kind.place.location()]);
    assert_eq!(chunks(&partial(&store, kind)), [1]);
}

#[test]
fn a_complete_answer_that_lost_a_chunk_keeps_the_others() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    store.put(film.plan(0), &film.body()).unwrap();
    let path = folder.objects().pop().unwrap();
    fs::File::options().write(true).open(path).unwrap().write_all_at(b"damage", 60_000).unwrap();
    let opened = answer(&store, film);
    let bad = bad_chunk(&opened, film).unwrap();
    store.doubt(opened.identity, bad);
    let found = partial(&store, film);
    assert_eq!(chunks(&found), (0..25).filter(|chunk| *chunk != bad).collect::<Vec<_>>());
    assert_eq!((found.identity, store.damaged(), store.objects()), (opened.identity, 1, 1));
    film.write_chunk(&found.draft, bad).unwrap();
    found.draft.finish(film.len, b"").unwrap();
    assert_eq!(bad_chunk(&answer(&store, film), film), None);
    // Who read it before it was mended may say so late.
    store.doubt(opened.identity, bad);
    assert_eq!(bad_chunk(&answer(&store, film), film), None);
    assert_eq!((store.damaged(), folder.objects().len()), (1, 1));
}

#[test]
fn what_cannot_be_resumed_goes_when_it_is_damaged() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let fields = [
        ("ETag: W/\"1\"\r\n", false),
        ("Last-Modified: Mon, 01 Jun 2026 00:00:00 GMT\r\nDate: Mon, 01 Jun 2026 00:00:00 GMT\r\n", false),
        ("Last-Modified: Mon, 01 Jun 2026 00:00:00 GMT\r\nDate: Mon, 01 Jun 2026 00:01:00 GMT\r\n", true),
        ("ETag: \"1\"\r\n", true),
        ("", false),
    ];
    for (number, (fields, stays)) in fields.into_iter().enumerate() {
        let film = specimen(number as u32, 100_000);
        let mut plan = film.plan(0);
        plan.record.fields = fields.as_bytes().into();
        let opened = store.put(plan, &film.body()).unwrap();
        store.demote(opened.identity, 3);
        assert_eq!(is_gone(&store, film), !stays, "{fields}");
        // Only one chunk: nothing would be left.
        let note = specimen(number as u32 + 100, 300);
        let opened = store.put(note.plan(0), &note.body()).unwrap();
        store.demote(opened.identity, 0);
        assert!(is_gone(&store, note));
    }
    assert_eq!(folder.partials().len(), 2);
}

#[test]
fn invalidation_and_renewal_reach_partial_answers() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let (held, left) = (specimen(1, 100_000), specimen(2, 100_000));
    let draft = begun(&store, held, [0]);
    drop(begun(&store, left, [0]));
    for film in [held, left] {
        store.invalidate(film.place.primary());
        assert!(partial(&store, film).marks.invalidated);
    }
    draft.renew(&held.renewal(3)).unwrap();
    assert!(!partial(&store, held).marks.invalidated);
    drop((draft, store));
    let store = open(folder.path(), limits());
    assert!(partial(&store, left).marks.invalidated);
    let renewed = partial(&store, held);
    assert!(!renewed.marks.invalidated && renewed.record == held.plan(3).record && !renewed.marks.complete);
}

#[test]
fn the_books_know_partial_answers_and_evict_the_right_file() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let films: Vec<_> = (0..8).map(|number| specimen(number, 200_000)).collect();
    let begun: Vec<_> = films.iter().map(|film| begun(&store, *film, 0..10)).collect();
    // Beside one of them an earlier complete answer.
    let older = Specimen { number: 99, ..films[0] };
    store.put(older.plan(0), &older.body()).unwrap();
    assert_eq!(store.objects(), 1, "what is being written is not in the index");
    drop(begun);
    assert_eq!(store.objects(), 9);
    drop(store);

    let store = open(folder.path(), limits());
    let held = partial_of(&store, films[0]);
    films[0].write_chunk(&held.draft, 20).unwrap();
    count(&store);
    assert_eq!(store.objects(), 8);
    let taken: u64 = folder.partials().iter().chain(&folder.objects()).map(|path| blocks(path)).sum();
    assert!(store.bytes() >= taken && store.bytes() <= taken + (300 << 10), "{} {taken}", store.bytes());

    store.set_limits(Limits { size: Size::bytes(1), keep_free: Size::ZERO });
    assert!(store.make_room(0).is_err(), "what is being written stays");
    assert_eq!((store.objects(), store.evicted()), (0, 8));
    assert_eq!((folder.objects().len(), folder.partials().len()), (0, 1));
    store.set_limits(limits());
    assert_eq!(sound_runs(&held, films[0]).len(), 10);
    drop(held);
    assert_eq!((store.objects(), partial(&store, films[0]).present.len()), (1, 11));
}

fn partial_of(store: &Arc<Store>, specimen: Specimen) -> Box<Partial> {
    store.find_partial(specimen.place.location(), &specimen.place.key()).unwrap()
}

fn blocks(path: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    path.metadata().unwrap().blocks() * 512
}

#[test]
fn one_that_was_evicted_under_a_reader_is_over_for_writers() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    drop(begun(&store, film, [0, 1]));
    let found = partial(&store, film);
    store.set_limits(Limits { size: Size::bytes(1), keep_free: Size::ZERO });
    store.make_room(0).unwrap();
    store.set_limits(limits());
    assert_eq!(sound_runs(&found, film).len(), 2, "what is open can be read");
    let refused = found.draft.write(0, b"late").unwrap_err();
    assert_eq!(refused.raw_os_error(), None);
    assert!(is_gone(&store, film) && folder.partials().is_empty());
}

#[test]
fn no_bytes_in_a_partial_file_make_a_look_panic_or_pass() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 30_000);
    drop(begun(&store, film, [0, 2, 5, 6]));
    let path = folder.partials().pop().unwrap();
    let image = fs::read(&path).unwrap();
    let location = film.place.location();
    let mut found = 0;
    let mut look = |image: &[u8]| {
        fs::write(&path, image).unwrap();
        if let Some(partial) = store.find_partial(location, &film.place.key()) {
            found += sound_runs(&partial, film).len();
        }
    };
    for draw in noise(4 * 100).chunks_exact(4) {
        let mut flipped = image.clone();
        let at = u32::from_le_bytes(draw.try_into().unwrap()) as usize % (image.len() * 8);
        flipped[at / 8] ^= 1 << (at % 8);
        look(&flipped);
    }
    assert!(found > 200);
    // Every number of the superblock and of the first entries with extreme values, the checksum put right.
    let table = image.len().min(2000);
    for at in (0..160).chain(1024..table) {
        for value in [0_u64, 1, 255, 1 << 24, 1 << 31, 1 << 47, u64::MAX - 1, u64::MAX] {
            let mut image = image.clone();
            image[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let sum = xxhash_rust::xxh3::xxh3_64(&image[..504]);
            image[504..512].copy_from_slice(&sum.to_le_bytes());
            fs::write(&path, &image).unwrap();
            if let Some(partial) = store.find_partial(location, &film.place.key()) {
                assert!(partial.present.iter().all(|run| partial.draft.verify(*run) || run.len > 0));
            }
        }
    }
    (0..image.len()).step_by(97).for_each(|len| {
        fs::write(&path, &image[..len]).unwrap();
        drop(store.find_partial(location, &film.place.key()));
    });
    fs::write(&path, b"").unwrap();
    assert!(store.find_partial(location, &film.place.key()).is_none());
}

#[test]
fn writers_cannot_leave_the_body() {
    let folder = Folder::new();
    let store = open(folder.path(), limits());
    let film = specimen(1, 100_000);
    let draft = begun(&store, film, []);
    for at in [99_999, 100_000, 1 << 40, u64::MAX - 1, u64::MAX] {
        assert!(draft.write(at, b"xx").is_err(), "{at}");
    }
    let run = Run { chunk: 0, start: 0, len: 4096, checksum: 0 };
    for bad in
        [Run { len: 0, ..run }, Run { len: 4097, ..run }, Run { start: 1, ..run }, Run { chunk: u64::MAX, ..run }]
    {
        draft.enter(bad);
    }
    assert!(draft.present().is_empty());
    assert!(store.begin(film.plan(0), Some(1 << 46), true).is_err());
    let unknown = store.begin(specimen(2, 0).plan(0), None, true).unwrap();
    assert!(unknown.write(1 << 45, b"x").is_err());
}
