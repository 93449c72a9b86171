//! Writes wear a card out: how many bytes go to it for what is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::specimen::{Place, Specimen};
use super::super::{Found, Store, Upkeep};
use super::limits;
use crate::base::{Mono, Now, Wall};
use crate::cache::tests::Folder;

const BLOCK: u64 = 4096;

/// With chunks as they are outside of tests.
fn open(folder: &Path) -> Arc<Store> {
    Arc::new(Store::open(folder, limits(), 64 << 10).unwrap())
}

fn on_card(folder: &Folder) -> u64 {
    use std::os::unix::fs::MetadataExt;
    folder.objects().iter().map(|path| path.metadata().unwrap().blocks() * 512).sum()
}

#[test]
fn a_small_answer_is_written_once_and_takes_one_block_more_at_most() {
    for len in [0, 1, 500, 4095, 4096, 10_000, 40_000, 65_000, 65_536, 100_000, 200_000] {
        let folder = Folder::new();
        let store = open(folder.path());
        let specimen = Specimen { number: 1, place: Place { key: 1, variant: None }, len };
        store.put(specimen.plan(0), &specimen.body()).unwrap();
        assert!(store.written() <= len + BLOCK, "{len}: {}", store.written());
        assert!(on_card(&folder) <= len.div_ceil(BLOCK) * BLOCK + BLOCK, "{len}: {}", on_card(&folder));
    }
}

/// In blocks of 64 KB by several lanes, each of which enters what it has when the background work asks.
#[test]
fn a_large_answer_is_written_once_however_it_comes() {
    for (len, lanes, slow) in [(1 << 20, 1, false), (3_000_000, 3, true), (9_000_001, 4, false)] {
        let folder = Folder::new();
        let (store, mut upkeep) = (open(folder.path()), Upkeep::default());
        let film = Specimen { number: 1, place: Place { key: 1, variant: None }, len };
        let draft = store.begin(film.plan(0), Some(len), true).unwrap();
        let chunk_len = draft.layout().chunk_len();
        let chunks = draft.layout().chunks(len);
        let share = chunks.div_ceil(lanes);
        let mut seconds = 0;
        for step in 0..share {
            for chunk in (0..lanes).map(|lane| lane * share + step).filter(|chunk| *chunk < chunks) {
                let mut hasher = draft.identity().hasher(chunk, 0);
                let end = draft.layout().len_of(chunk, len);
                for at in (0..end).step_by(64 << 10) {
                    let bytes = film.bytes(chunk * chunk_len + at, (end - at).min(64 << 10) as usize);
                    draft.write(chunk * chunk_len + at, &bytes).unwrap();
                    hasher.update(&bytes);
                    if slow || at + bytes.len() as u64 == end {
                        let len = (at + bytes.len() as u64) as u32;
                        draft.enter(super::super::Run { chunk, start: 0, len, checksum: hasher.digest() });
                        seconds += 3;
                        let now = Now { mono: Mono::from_millis(seconds * 1000), wall: Wall::default(), sure: true };
                        store.upkeep(&mut upkeep, Duration::from_secs(5), now);
                    }
                }
            }
        }
        draft.finish(len, b"").unwrap();
        assert!(store.written() * 100 <= len * 105, "{len}: {}", store.written());
        assert!(on_card(&folder) * 100 <= len * 105, "{len}: {}", on_card(&folder));
        let before = store.written();
        assert!(matches!(store.find(film.place.location(), &film.place.key()), Found::Answer(_)));
        assert_eq!(store.written(), before, "looking writes nothing");
    }
}
