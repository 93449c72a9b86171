//! A look at a folder beside the store that is in use.

use std::fs;
use std::os::unix::fs::FileExt;

use super::super::specimen::{Place, Specimen, open};
use super::super::survey::{Contents, Survey, SurveyedAnswer};
use crate::cache::tests::Folder;

fn answers(folder: &Folder) -> Vec<SurveyedAnswer> {
    let found = Survey::open(folder.path()).unwrap().map(|surveyed| match surveyed.what {
        Contents::Answer(answer) => *answer,
        Contents::Variants { .. } | Contents::Damaged => panic!("{}", surveyed.path.display()),
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
    found.sort_by_key(|answer| answer.body_len);
    let [first, second] = &found[..] else { panic!("{}", found.len()) };
    assert!(first.complete && !first.has_holes() && *first.key == *whole.place.key());
    assert_eq!(first.verify().sound, [0..50_000]);
    assert!(!second.complete && second.has_holes() && second.present() == 3 * 4096);
    assert_eq!(second.verify().sound, [4096..12_288, 20_480..24_576]);
    assert!(second.verify().damaged.is_empty());

    let image = folder.objects().pop().unwrap();
    fs::File::options().write(true).open(&image).unwrap().write_all_at(b"damage", 9_000).unwrap();
    let found = answers(&folder);
    assert_eq!(found.iter().map(|answer| answer.verify().damaged.len()).sum::<usize>(), 1);

    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(700).unwrap();
    let damaged = Survey::open(folder.path()).unwrap().filter(|found| matches!(found.what, Contents::Damaged));
    assert_eq!(damaged.map(|found| found.path).collect::<Vec<_>>(), [image]);
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
    let lists = Survey::open(folder.path()).unwrap().filter_map(|surveyed| match surveyed.what {
        Contents::Variants { key, count } => Some((key, count)),
        Contents::Answer(_) | Contents::Damaged => None,
    });
    assert_eq!(lists.collect::<Vec<_>>(), [((*b"http://origin:80/1").into(), 3)]);
    assert!(Survey::open(&folder.path().join("objects")).is_err());
}
