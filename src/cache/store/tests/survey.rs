//! A look at a folder beside the store that is in use.

use std::ops::Range;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::specimen::{Place, Specimen, open};
use super::super::survey::{Card, Kept, Sight, Verified};
use crate::cache::tests::Folder;

fn sights(folder: &Folder) -> Vec<(PathBuf, Sight)> {
    let card = Card::open(folder.path()).unwrap();
    card.all().map(|seen| (card.path(&seen), card.read(&seen))).collect()
}

fn answers(folder: &Folder) -> Vec<Kept> {
    let found = sights(folder).into_iter().map(|(path, sight)| match sight {
        Sight::Answer(kept) => *kept,
        Sight::List | Sight::Unsound | Sight::Gone => panic!("{}", path.display()),
    });
    found.collect()
}

#[test]
fn everything_is_seen_and_damage_is_found() {
    let folder = Folder::new();
    let store = open(folder.path(), super::limits());
    let whole = Specimen { number: 1, place: Place { key: 1, variant: None }, len: 50_000 };
    store.put(whole.plan(0), &whole.body()).unwrap();
    let part = Specimen { number: 2, place: Place { key: 2, variant: None }, len: 90_000 };
    let draft = store.begin(part.plan(0), Some(part.len), true).unwrap();
    [1, 2, 5].into_iter().for_each(|chunk| part.write_chunk(&draft, chunk).unwrap());
    draft.sync().unwrap();

    let mut found = answers(&folder);
    found.sort_by_key(Kept::body_len);
    let [first, second] = &found[..] else { panic!("{}", found.len()) };
    assert!(first.is_complete() && first.key().as_bytes() == &*whole.place.key());
    assert_eq!(
        (first.present(), first.verify()),
        (Vec::from([Range { start: 0, end: 50_000 }]), Verified { sound: 50_000, damaged: 0 })
    );
    assert!(!second.is_complete());
    assert_eq!(second.present(), [4096..12_288, 20_480..24_576]);
    assert_eq!(second.verify(), Verified { sound: 3 * 4096, damaged: 0 });

    let image = folder.objects().pop().unwrap();
    fs::File::options().write(true).open(&image).unwrap().write_all_at(b"damage", 9_000).unwrap();
    let found = answers(&folder);
    assert_eq!(found.iter().filter(|kept| kept.verify().damaged > 0).count(), 1);

    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(700).unwrap();
    let damaged = sights(&folder).into_iter().filter(|(_, sight)| matches!(sight, Sight::Unsound));
    assert_eq!(damaged.map(|(path, _)| path).collect::<Vec<_>>(), [image]);
}

#[test]
fn variants_are_listed_with_their_key() {
    let folder = Folder::new();
    let store = open(folder.path(), super::limits());
    for variant in 0..3 {
        let place = Place { key: 1, variant: Some(variant) };
        let specimen = Specimen { number: variant.into(), place, len: 10 };
        store.put(specimen.plan(0), &specimen.body()).unwrap();
    }
    let lists = sights(&folder).into_iter().filter(|(_, sight)| matches!(sight, Sight::List));
    assert_eq!(lists.count(), 1);
    assert_eq!(Card::open(folder.path()).unwrap().find("http://origin:80/1").len(), 3);
    assert!(Card::open(&folder.path().join("objects")).is_err());
}
