//! Many at once: writers, readers, the background work and eviction at the same objects. Nobody waits for ever, and what
//! anybody reads is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::specimen::{Place, Specimen, bad_chunk, open, sound_runs, told};
use super::super::{Found, Limits, Partial, Store, Upkeep};
use crate::base::{Mono, Now, Size, Wall};
use crate::cache::tests::Folder;

const PLACES: [Place; 5] = [
    Place { key: 0, variant: None },
    Place { key: 1, variant: None },
    Place { key: 2, variant: None },
    Place { key: 3, variant: Some(0) },
    Place { key: 3, variant: Some(1) },
];
const LENGTHS: [u64; 4] = [2_000, 30_000, 50_000, 70_000];

/// Its number says where it belongs and how long it is.
fn specimen(number: u32) -> Specimen {
    let place = PLACES[number as usize % PLACES.len()];
    Specimen { number, place, len: LENGTHS[number as usize / 7 % LENGTHS.len()] }
}

fn work(store: &Arc<Store>, thread: u32, steps: u32) {
    for step in 0..steps {
        let new = specimen(thread * 10_000 + step * 13 + thread);
        // Errors are part of it: what one writes another replaces or removes.
        match (step * 5 + thread) % 11 {
            0 | 1 => drop(store.put(new.plan(0), &new.body())),
            2..=4 => drop(store.begin(new.plan(0), Some(new.len), step % 3 > 0).map(|draft| {
                let chunks = draft.layout().chunks(new.len);
                let most = if step % 4 == 0 { chunks } else { chunks / 2 };
                let _ = (0..most).try_for_each(|chunk| new.write_chunk(&draft, chunk));
                draft.finish(new.len, b"")
            })),
            5..=8 => read(store, new.place, step),
            9 => store.invalidate(new.place.primary()),
            _ => drop(store.make_room(20_000)),
        }
    }
}

fn read(store: &Arc<Store>, place: Place, step: u32) {
    match store.find(place.location(), &place.key()) {
        Found::Nothing => {}
        Found::Variants(_) => panic!("a list at {place:?}"),
        Found::Answer(opened) => {
            let found = specimen(told(&opened.record, place).unwrap().number);
            assert_eq!(bad_chunk(&opened, found), None);
            match step % 3 {
                0 => drop(store.renew(opened.identity, &found.renewal(step))),
                1 => store.demote(opened.identity, 1),
                _ => {}
            }
        }
        Found::Partial(partial) => complete(store, &partial, place, step),
    }
}

fn complete(store: &Store, partial: &Partial, place: Place, step: u32) {
    let found = specimen(told(&partial.record, place).unwrap().number);
    // A run that somebody is writing anew may not match for a moment; it never passes with other bytes.
    sound_runs(partial, found);
    let chunks = partial.draft.layout().chunks(found.len);
    match step % 3 {
        0 => drop(partial.draft.renew(&found.renewal(step))),
        1 => store.discard_partial(partial.identity),
        _ => drop((0..chunks).try_for_each(|chunk| found.write_chunk(&partial.draft, chunk))),
    }
    let _ = partial.draft.finish(found.len, b"");
}

#[test]
fn many_at_once_read_what_is_right_and_come_to_an_end() {
    let folder = Folder::in_ram();
    let limits = Limits { size: Size::kib(400), keep_free: Size::ZERO };
    let store = open(folder.path(), limits);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let background = scope.spawn(|| {
            let (mut upkeep, mut seconds) = (Upkeep::default(), 0);
            while !over.load(Ordering::Relaxed) {
                seconds += 3;
                let now = Now { mono: Mono::from_millis(seconds * 1000), wall: Wall::default(), sure: true };
                store.upkeep(&mut upkeep, Duration::from_secs(5), now);
                std::thread::yield_now();
            }
        });
        let workers: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn({
                    let store = &store;
                    move || work(store, thread, 150)
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        background.join().unwrap();
        ended.into_iter().for_each(|ended| ended.unwrap());
    });
    assert_eq!((store.reserved(), folder.unfinished()), (0, 0));
    let files = folder.objects().len() + folder.partials().len();
    assert!(store.objects() >= files as u64, "{} of {files}", store.objects());
}
