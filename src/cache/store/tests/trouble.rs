//! A card that is full, fails or vanishes, at each operation of a run: what is kept can be read all the same, what the
//! trouble is can be seen, and when it is over everything works again by itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::super::specimen::{Place, Specimen, bad_chunk, open, sound_runs};
use super::super::{Found, Limits, Store, Upkeep};
use super::limits;
use crate::base::{Mono, Now, Size, Wall};
use crate::cache::StoreState;
use crate::cache::tests::Folder;

fn specimen(number: u32, len: u64) -> Specimen {
    Specimen { number, place: Place { key: number as u8, variant: None }, len }
}

/// The background work, so many seconds on.
fn maintain(store: &Store, upkeep: &mut Upkeep, seconds: u64) {
    let now = Now { mono: Mono::from_millis(seconds * 1000), wall: Wall::default(), sure: true };
    (0..3).for_each(|_| {
        store.upkeep(upkeep, Duration::from_secs(5), now);
    });
}

/// Something of everything that writes. Errors go where the writers of the cache bring them.
fn run(store: &Arc<Store>, upkeep: &mut Upkeep) {
    let noted = |outcome: io::Result<()>| outcome.unwrap_or_else(|error| store.note(&error));
    let (small, film, series) = (specimen(10, 3_000), specimen(11, 50_000), specimen(12, 70_000));
    noted(store.put(small.plan(0), &small.body()).map(drop));
    noted((|| {
        let draft = store.begin(film.plan(0), None, false)?;
        (0..13).try_for_each(|chunk| film.write_chunk(&draft, chunk))?;
        draft.finish(film.len, b"X-Trailer: 1\r\n").map(drop)
    })());
    noted((|| {
        let draft = store.begin(series.plan(0), Some(series.len), true)?;
        (0..5).try_for_each(|chunk| series.write_chunk(&draft, chunk))?;
        maintain(store, upkeep, 3);
        draft.renew(&series.renewal(1))?;
        series.write_chunk(&draft, 9)?;
        draft.sync()
    })());
    if let Some(partial) = store.find_partial(series.place.location(), &series.place.key()) {
        noted((0..18).try_for_each(|chunk| series.write_chunk(&partial.draft, chunk)));
        noted(partial.draft.finish(series.len, b"").map(drop));
    }
    if let Found::Answer(opened) = store.find(film.place.location(), &film.place.key()) {
        noted(store.renew(opened.identity, &film.renewal(2)));
        store.demote(opened.identity, 4);
    }
    store.invalidate(series.place.primary());
    maintain(store, upkeep, 6);
}

fn is_right(store: &Arc<Store>, specimen: Specimen) -> bool {
    match store.find(specimen.place.location(), &specimen.place.key()) {
        Found::Answer(opened) => bad_chunk(&opened, specimen).is_none(),
        Found::Partial(partial) => sound_runs(&partial, specimen).len() == partial.present.len(),
        Found::Nothing | Found::Variants(_) => false,
    }
}

#[test]
fn trouble_at_any_operation_is_seen_costs_nothing_that_is_kept_and_passes() {
    let states = [
        (Errno::NOSPC, StoreState::Full),
        (Errno::IO, StoreState::ReadOnly("the card reports errors".to_owned())),
        (Errno::ROFS, StoreState::ReadOnly("the card is read-only".to_owned())),
    ];
    for (error, state) in states {
        let mut struck = 0;
        for calls in 0.. {
            let folder = Folder::in_ram();
            let (store, mut upkeep) = (open(folder.path(), limits()), Upkeep::default());
            let (song, book) = (specimen(1, 2_000), specimen(2, 60_000));
            store.put(song.plan(0), &song.body()).unwrap();
            let draft = store.begin(book.plan(0), Some(book.len), true).unwrap();
            (3..7).for_each(|chunk| book.write_chunk(&draft, chunk).unwrap());
            drop(draft);

            store.faults().fail_after_calls(calls, error);
            run(&store, &mut upkeep);
            assert!(is_right(&store, song) && is_right(&store, book), "{error} after {calls}");
            if !store.faults().have_struck() {
                assert_eq!(store.state(), StoreState::Ready);
                break;
            }
            struck += 1;
            assert_eq!(store.state(), state, "{error} after {calls}");
            maintain(&store, &mut upkeep, 20);
            assert_eq!(store.state(), state, "it has not passed");
            store.faults().heal();
            maintain(&store, &mut upkeep, 30);
            assert_eq!(store.state(), StoreState::Ready, "{error} after {calls}");
            run(&store, &mut upkeep);
            let series = specimen(12, 70_000);
            assert!([song, book, series].into_iter().all(|kept| is_right(&store, kept)), "{error} after {calls}");
            assert_eq!(folder.unfinished(), 0);
            assert_eq!(store.reserved(), 0, "room was given back");
        }
        assert!(struck > 30, "{struck}");
    }
}

#[test]
fn others_fill_the_card_while_an_answer_is_written() {
    let folder = Folder::new();
    let keep_free = Size::mib(10);
    let (store, mut upkeep) = (open(folder.path(), Limits { keep_free, ..limits() }), Upkeep::default());
    let (song, film) = (specimen(1, 20_000), specimen(2, 1_000_000));
    store.put(song.plan(0), &song.body()).unwrap();
    store.faults().set_free(11 << 20);
    let draft = store.begin(film.plan(0), Some(film.len), true).unwrap();
    (0..10).for_each(|chunk| film.write_chunk(&draft, chunk).unwrap());
    // What is kept goes first, then writing ends.
    store.faults().set_free((10 << 20) - 5_000);
    let refused = (10..).find_map(|chunk| film.write_chunk(&draft, chunk).err()).unwrap();
    store.note(&refused);
    assert_eq!((store.state(), store.evicted()), (StoreState::Full, 1));
    drop(draft);
    // Even what is there is too much for what must stay free.
    maintain(&store, &mut upkeep, 10);
    assert_eq!((store.objects(), store.state()), (0, StoreState::Full));

    store.faults().heal();
    maintain(&store, &mut upkeep, 20);
    assert_eq!(store.state(), StoreState::Ready);
    let draft = store.begin(film.plan(0), Some(film.len), true).unwrap();
    (0..245).for_each(|chunk| film.write_chunk(&draft, chunk).unwrap());
    draft.finish(film.len, b"").unwrap();
    assert!(is_right(&store, film));
}

#[test]
fn a_folder_that_vanishes_while_an_answer_is_written() {
    let folder = Folder::new();
    let (store, mut upkeep) = (open(folder.path(), limits()), Upkeep::default());
    let film = specimen(1, 100_000);
    let draft = store.begin(film.plan(0), Some(film.len), true).unwrap();
    film.write_chunk(&draft, 0).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(film.write_chunk(&draft, 1).is_ok(), "the file is still open");
    assert!((2..25).try_for_each(|chunk| film.write_chunk(&draft, chunk)).is_ok());
    assert!(draft.finish(film.len, b"").is_err());
    drop(draft);
    store.note(&store.put(film.plan(0), b"").map(drop).unwrap_err());
    maintain(&store, &mut upkeep, 10);
    assert!(matches!(store.state(), StoreState::Off(_)));
    assert_eq!(store.reserved(), 0);
}

#[test]
fn an_answer_takes_hardly_more_room_from_others_than_it_needs() {
    let folder = Folder::new();
    let store = open(folder.path(), Limits { size: Size::mib(4), keep_free: Size::ZERO });
    for number in 0..20 {
        store.put(specimen(number, 20_000).plan(0), &specimen(number, 20_000).body()).unwrap();
    }
    // As long as an answer of unknown length may become, and what was on its way when it became too long.
    let draft = store.begin(specimen(30, 2 << 20).plan(0), None, false).unwrap();
    let piece = vec![7; 64 << 10];
    (0..36).for_each(|number| draft.write(number * piece.len() as u64, &piece).unwrap());
    assert_eq!((store.objects(), store.evicted()), (20, 0));
}
