//! Random operations, the whole store compared with a model after each.

use super::super::model::walk;
use crate::cache::tests::Folder;

#[test]
#[expect(clippy::print_stdout, reason = "which walk it was, where one fails")]
fn whatever_is_done_the_store_holds_what_its_model_holds() {
    let walks = std::env::var("HAFIR_MODEL_WALKS").ok().and_then(|count| count.parse().ok()).unwrap_or(24_u64);
    for seed in 1..=walks {
        let folder = Folder::in_ram();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        let script: Vec<u8> = (0..500).map(|_| roll()).collect();
        println!("walk {seed}");
        walk(&folder.path().join("cache"), &script);
    }
}

/// What fuzzing has found once.
#[test]
fn the_scripts_of_the_corpus_hold() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/store_model");
    for script in std::fs::read_dir(corpus).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()) {
        let folder = Folder::in_ram();
        walk(&folder.path().join("cache"), &script);
    }
}
