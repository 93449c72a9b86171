//! Answers that go from one card to another.

use std::fs;
use std::sync::Arc;

use super::super::carry::{Tag, Unfit, unpack};
use super::super::open::Found;
use super::super::specimen::{Place, Specimen, open};
use super::super::survey::{Card, Kept, Sight};
use super::super::{Adopted, Store};
use super::limits;
use crate::cache::tests::Folder;

fn kept(folder: &Folder) -> Vec<Kept> {
    let card = Card::open(folder.path()).unwrap();
    let sights: Vec<Sight> = card.all().map(|seen| card.read(&seen)).collect();
    let answers = sights.into_iter().filter_map(|sight| match sight {
        Sight::Answer(kept) => Some(*kept),
        Sight::List | Sight::Unsound | Sight::Gone => None,
    });
    answers.collect()
}

fn packed(kept: &Kept) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(kept.pack(&mut bytes).is_ok());
    assert_eq!(kept.packed_len(), Some(bytes.len() as u64));
    bytes
}

fn bring(folder: &Folder, tag: Tag, bytes: &[u8]) -> Result<(), Unfit> {
    let imports = Card::imports(folder.path());
    fs::create_dir_all(&imports).unwrap();
    let path = imports.join(tag.to_string());
    let file = fs::File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    unpack(&mut &bytes[..], bytes.len() as u64, tag, &file)
}

fn specimen(number: u32, variant: Option<u8>, len: u64) -> Specimen {
    Specimen { number, place: Place { key: number.try_into().unwrap(), variant }, len }
}

fn carry(from: &Folder, to: &Folder, store: &Arc<Store>) -> Vec<Adopted> {
    let carried = kept(from).into_iter().map(|kept| {
        assert!(bring(to, kept.tag(), &packed(&kept)).is_ok());
        store.adopt(kept.tag()).unwrap()
    });
    carried.collect()
}

#[test]
fn whole_answers_parts_and_variants_arrive() {
    let (from, to) = (Folder::new(), Folder::new());
    let there = open(from.path(), limits());
    let whole = specimen(1, None, 50_000);
    there.put(whole.plan(3), &whole.body()).unwrap();
    let variant = specimen(2, Some(1), 10);
    there.put(variant.plan(0), &variant.body()).unwrap();
    let part = specimen(3, None, 90_000);
    let draft = there.begin(part.plan(0), Some(part.len), true).unwrap();
    [1, 2, 5].into_iter().for_each(|chunk| part.write_chunk(&draft, chunk).unwrap());
    draft.sync().unwrap();

    let here = open(to.path(), limits());
    assert_eq!(carry(&from, &to, &here), [Adopted::Taken; 3]);
    assert_eq!(carry(&from, &to, &here), [Adopted::AlreadyHere; 3]);
    let found = |specimen: &Specimen| here.find(specimen.place.location(), &specimen.place.key());
    assert!(matches!(found(&whole), Found::Answer(_)) && matches!(found(&variant), Found::Answer(_)));
    assert!(matches!(found(&part), Found::Partial(partial) if partial.present.len() == 3));
    assert!(matches!(here.find(variant.place.primary(), &variant.place.key()), Found::Variants(_)));
    let there = kept(&from).iter().map(Kept::sum).collect::<std::collections::HashSet<_>>();
    assert_eq!(kept(&to).iter().map(Kept::sum).collect::<std::collections::HashSet<_>>(), there);
    assert!(kept(&to).iter().all(|kept| kept.verify().damaged == 0));
}

#[test]
fn nothing_that_was_changed_on_the_way_is_taken() {
    let (from, to) = (Folder::new(), Folder::new());
    let there = open(from.path(), limits());
    let small = specimen(1, None, 300);
    there.put(small.plan(0), &small.body()).unwrap();
    let kept = kept(&from).remove(0);
    let (tag, sound) = (kept.tag(), packed(&kept));
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        assert!(matches!(bring(&to, tag, &bytes), Err(Unfit::Damaged)), "{at}");
        assert!(matches!(bring(&to, tag, &sound[..at]), Err(Unfit::Damaged)), "{at}");
    }
    let mut longer = sound.clone();
    longer.push(0);
    assert!(matches!(bring(&to, tag, &longer), Err(Unfit::Damaged)));
    // Under another name it is another answer's.
    let other = Tag::parse(&format!("{:032x}-{:016x}", 1, 2)).unwrap();
    assert!(matches!(bring(&to, other, &sound), Err(Unfit::Damaged)));
}

#[test]
fn what_lies_in_the_folder_of_imports_is_looked_at_again() {
    let (from, to) = (Folder::new(), Folder::new());
    let there = open(from.path(), limits());
    let small = specimen(1, None, 300);
    there.put(small.plan(0), &small.body()).unwrap();
    let here = open(to.path(), limits());
    let tag = kept(&from).remove(0).tag();
    assert!(here.adopt(tag).is_err(), "nothing is there");
    fs::create_dir(Card::imports(to.path())).unwrap();
    fs::write(Card::imports(to.path()).join(tag.to_string()), vec![7; 5000]).unwrap();
    assert_eq!(here.adopt(tag).unwrap(), Adopted::Unsound);
    std::os::unix::fs::symlink("/etc/passwd", Card::imports(to.path()).join(tag.to_string())).unwrap();
    assert!(here.adopt(tag).is_err());
    for text in ["", "x-y", "../../../../../../../../../etc/passw-0123456789abcdef"] {
        assert!(Tag::parse(text).is_none());
    }
}
