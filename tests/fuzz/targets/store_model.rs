//! A store through operations of all kinds, cuts and damage: it holds what its model holds.
#![no_main]

use std::path::{Path, PathBuf};

use hafir::doors::store_model;

/// A folder that is gone when the walk is over.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    let ram = Path::new("/dev/shm");
    let parent = if ram.is_dir() { ram.to_owned() } else { std::env::temp_dir() };
    let folder = Folder(parent.join(format!("hafir-store-model-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&folder.0);
    // Longer scripts find nothing that shorter ones do not, later.
    store_model(&script[..script.len().min(2000)], &folder.0);
});
