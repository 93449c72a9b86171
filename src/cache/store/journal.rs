//! What was done to the card, in order, for tests that cut the power in between.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Mutex;

/// One operation that succeeded. Files are numbered as they are made.
#[derive(Clone, Debug)]
pub(in crate::cache) enum Step {
    Create { file: usize, name: PathBuf },
    Write { file: usize, offset: u64, bytes: Vec<u8> },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { name: PathBuf },
    SyncFile { file: usize },
    SyncAll,
}

#[derive(Default)]
pub(in crate::cache) struct Journal(Mutex<Option<Pages>>);

#[derive(Default)]
struct Pages {
    steps: Vec<Step>,
    /// The numbers of files, by inode.
    files: HashMap<u64, usize>,
    made: usize,
}

impl Journal {
    /// From here on everything is noted.
    pub(in crate::cache) fn begin(&self) {
        *self.0.lock().unwrap() = Some(Pages::default());
    }

    pub(in crate::cache) fn len(&self) -> usize {
        self.0.lock().unwrap().as_ref().map_or(0, |pages| pages.steps.len())
    }

    pub(in crate::cache) fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap().as_ref().map_or_else(Vec::new, |pages| pages.steps.clone())
    }

    pub(super) fn create(&self, file: &File, name: PathBuf) {
        if let Some(pages) = &mut *self.0.lock().unwrap() {
            let number = pages.made;
            pages.made += 1;
            pages.files.insert(file.metadata().unwrap().ino(), number);
            pages.steps.push(Step::Create { file: number, name });
        }
    }

    pub(super) fn write(&self, file: &File, offset: u64, bytes: &[u8]) {
        self.of_file(file, |file| Step::Write { file, offset, bytes: bytes.to_vec() });
    }

    pub(super) fn sync_file(&self, file: &File) {
        self.of_file(file, |file| Step::SyncFile { file });
    }

    pub(super) fn note(&self, step: impl FnOnce() -> Step) {
        if let Some(pages) = &mut *self.0.lock().unwrap() {
            pages.steps.push(step());
        }
    }

    fn of_file(&self, file: &File, step: impl FnOnce(usize) -> Step) {
        if let Some(pages) = &mut *self.0.lock().unwrap() {
            let number = pages.files.get(&file.metadata().unwrap().ino());
            pages.steps.extend(number.map(|number| step(*number)));
        }
    }
}
