//! Nothing that is not what was written is ever served, whatever happened to the files.

use std::fs;

use super::*;
use crate::cache::hit::Damaged;
use crate::cache::store::Found;

const ANSWER: &str = "Cache-Control: max-age=100\nETag: \"1\"\nX-Field: value";

/// A stored object's file, to be damaged and looked at again and again.
struct Victim {
    rig: Rig,
    path: PathBuf,
    image: Vec<u8>,
    lines: Vec<u8>,
    body: Vec<u8>,
}

impl Victim {
    async fn new(length: usize) -> Victim {
        let rig = Rig::new();
        let body = noise(length);
        rig.keep("/a", "", ANSWER, &body).await;
        Victim::of(rig, body).await
    }

    async fn of(rig: Rig, body: Vec<u8>) -> Victim {
        let path = rig.folder.objects().remove(0);
        let image = fs::read(&path).unwrap();
        let Lookup::Fresh(hit) = rig.look("/a", "").await else { panic!("not fresh") };
        let lines = hit.head().lines().to_vec();
        Victim { rig, path, image, lines, body }
    }

    /// Puts an image in the object's place. Gives whether it was served; what is served must be right.
    async fn serves(&self, image: &[u8]) -> bool {
        fs::write(&self.path, image).unwrap();
        self.rig.cache().inner.hot.clear();
        let Lookup::Fresh(hit) = self.rig.look("/a", "").await else { return false };
        assert_eq!(hit.head().lines(), self.lines);
        assert_eq!(hit.head().status(), 200);
        assert_eq!(hit.head().age(self.rig.now()), 0);
        match read_range(&hit, 0..u64::MAX).await {
            Ok(body) => {
                assert!(body == self.body);
                true
            }
            Err(Damaged) => false,
        }
    }
}

#[test]
fn no_flipped_bit_of_a_small_object_is_served() {
    smol::block_on(async {
        let victim = Victim::new(700).await;
        let mut served = 0;
        for at in 0..victim.image.len() {
            for bit in [0, 3, 7] {
                let mut image = victim.image.clone();
                image[at] ^= 1 << bit;
                served += usize::from(victim.serves(&image).await);
            }
        }
        // What is served all the same was flipped in the slot that is not in use, or in front of the table, which begins
        // at a multiple of its entries' length.
        assert!(served <= 3 * (512 + 15), "{served} of {}", 3 * victim.image.len());
        assert!(victim.serves(&victim.image).await);
    });
}

#[test]
fn no_flipped_bit_of_a_freshened_object_brings_anything_but_an_earlier_head() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", ANSWER, b"body").await;
        rig.pass(200);
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("not stale") };
        let fields = Block::new("ETag: \"1\"\nX-Field: other");
        assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
        let victim = Victim::of(rig, b"body".to_vec()).await;
        for at in 0..victim.image.len() {
            let mut image = victim.image.clone();
            image[at] ^= 0x10;
            fs::write(&victim.path, &image).unwrap();
            victim.rig.cache().inner.hot.clear();
            match victim.rig.look("/a", "").await {
                Lookup::Fresh(hit) => {
                    assert_eq!(hit.head().lines(), victim.lines);
                    assert_eq!(read(&hit).await, b"body");
                }
                // The head before the 304, which is stale by now.
                Lookup::Stale(hit, _, _) => {
                    assert_eq!(hit.head().field("x-field"), Some(&b"value"[..]));
                    assert_eq!(read(&hit).await, b"body");
                }
                other => assert_eq!(name(&other), "miss, uri-miss"),
            }
        }
    });
}

#[test]
fn no_shortened_object_is_served() {
    smol::block_on(async {
        let victim = Victim::new(700).await;
        for length in 0..victim.image.len() {
            assert!(!victim.serves(&victim.image[..length]).await, "{length}");
        }
        let longer = [&victim.image[..], b"more"].concat();
        assert!(victim.serves(&longer).await);
    });
}

#[test]
fn damage_in_a_large_object_cuts_the_answer_and_removes_the_object() {
    smol::block_on(async {
        let length = 700_000;
        let victim = Victim::new(length).await;
        for number in 0..100 {
            let mut image = victim.image.clone();
            let at = (number * 7919 + 100) * 6983 % image.len();
            image[at] ^= 1 << (number % 8);
            fs::write(&victim.path, &image).unwrap();
            victim.rig.cache().inner.hot.clear();
            let Lookup::Fresh(hit) = victim.rig.look("/a", "").await else { continue };
            let mut body = hit.body(0..u64::MAX);
            let mut bytes = Vec::new();
            let cut = loop {
                match body.next(50_000).await {
                    Ok(Some(piece)) => take(&piece, &mut bytes),
                    Ok(None) => break false,
                    Err(Damaged) => break true,
                }
            };
            assert!(bytes == victim.body[..bytes.len()], "{at}");
            assert!(cut || bytes.len() == length);
            assert!(!cut || victim.rig.hot("/a", "").is_none());
        }
        for length in [0, 100, 1024, 4096, 300_000, victim.image.len() - 1] {
            assert!(!victim.serves(&victim.image[..length]).await, "{length}");
        }
    });
}

#[test]
fn damaged_objects_leave_the_card() {
    smol::block_on(async {
        let victim = Victim::new(10).await;
        let last = victim.image.len() - 1;
        let mut image = victim.image.clone();
        image[last] ^= 1;
        assert!(!victim.serves(&image).await);
        assert!(victim.rig.folder.objects().is_empty());
        assert_eq!(victim.rig.cache().stat().damaged, 1);
    });
}

#[test]
fn blocks_of_another_answer_or_object_never_pass() {
    smol::block_on(async {
        let length = 600_000;
        let first = Victim::new(length).await;
        // The same key and the same length, one answer later.
        first.rig.pass(200);
        let Lookup::Stale(_, Permit::Fill(fill), _) = first.rig.look("/a", "").await else { panic!("not stale") };
        let newer: Vec<u8> = first.body.iter().map(|byte| !byte).collect();
        first.rig.answer(fill, "", ANSWER, &newer).await;
        let second = Victim::of(first.rig, newer).await;
        assert_eq!(first.image.len(), second.image.len());
        for (start, end) in [(4096, 8192), (4096, 266_240), (266_240, 528_384), (1024, 4096), (0, 512), (0, 4096)] {
            let mut image = second.image.clone();
            image[start..end].copy_from_slice(&first.image[start..end]);
            // The first slot is not in use any more: without it the answer is served, and right.
            assert_eq!(second.serves(&image).await, end == 512, "{start}");
        }
        // A whole file of another key.
        second.rig.keep("/b", "", ANSWER, b"b").await;
        let other = second.rig.folder.objects().into_iter().find(|path| *path != second.path).unwrap();
        assert!(!second.serves(&fs::read(other).unwrap()).await);
    });
}

#[test]
fn zeroed_blocks_are_holes() {
    smol::block_on(async {
        let victim = Victim::new(600_000).await;
        for start in (0..victim.image.len()).step_by(4096) {
            let mut image = victim.image.clone();
            let end = image.len().min(start + 4096);
            image[start..end].fill(0);
            assert!(!victim.serves(&image).await, "{start}");
        }
    });
}

#[test]
fn no_bytes_at_all_make_a_look_up_panic() {
    smol::block_on(async {
        let victim = Victim::new(700).await;
        let store = victim.rig.store();
        let location = Key::new(ORIGIN, "/a", None).hash();
        let text = Key::new(ORIGIN, "/a", None).text();
        let mut served = 0;
        // Every field of the superblock with extreme values, its checksum put right.
        for at in 0..160 {
            for value in [0_u64, 1, 255, 1 << 31, 1 << 47, u64::MAX - 1, u64::MAX] {
                let mut image = victim.image.clone();
                image[at..at + 8].copy_from_slice(&value.to_le_bytes());
                let sum = xxhash_rust::xxh3::xxh3_64(&image[..504]);
                image[504..512].copy_from_slice(&sum.to_le_bytes());
                fs::write(&victim.path, &image).unwrap();
                served += usize::from(matches!(store.find(location, &text), Found::Answer(_)));
            }
        }
        assert!(served > 0);
        // Some said that they were not complete.
        victim.rig.folder.partials().iter().for_each(|path| fs::remove_file(path).unwrap());
        for length in [0, 1, 511, 512, 1024, 5000, 100_000] {
            fs::write(&victim.path, noise(length)).unwrap();
            assert!(matches!(store.find(location, &text), Found::Nothing));
        }
    });
}
