//! A card that fails when a test wants it to.

use std::io;
use std::sync::Mutex;

use rustix::io::Errno;

#[derive(Default)]
pub(in crate::cache) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    /// Bytes that may still be written, and what happens then.
    left: Option<(usize, Errno)>,
    /// The same, counted in operations instead of bytes.
    calls: Option<(usize, Errno)>,
    free: Option<u64>,
}

impl Faults {
    /// After so many bytes every write fails so.
    pub(in crate::cache) fn fail_after(&self, bytes: usize, error: Errno) {
        self.0.lock().unwrap().left = Some((bytes, error));
    }

    /// After so many operations every one that changes the card fails so.
    pub(in crate::cache) fn fail_after_calls(&self, calls: usize, error: Errno) {
        self.0.lock().unwrap().calls = Some((calls, error));
    }

    /// Whether an operation has failed.
    pub(in crate::cache) fn have_struck(&self) -> bool {
        matches!(self.0.lock().unwrap().left, Some((0, _)))
    }

    pub(in crate::cache) fn heal(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    /// What the file system shall say about its free space.
    pub(in crate::cache) fn set_free(&self, bytes: u64) {
        self.0.lock().unwrap().free = Some(bytes);
    }

    pub(super) fn free(&self) -> Option<u64> {
        self.0.lock().unwrap().free
    }

    /// A full card still lets files be removed.
    pub(super) fn remove(&self) -> io::Result<()> {
        match self.0.lock().unwrap().left {
            Some((0, error @ (Errno::ROFS | Errno::IO))) => Err(error.into()),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn write(&self, len: usize) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match &mut state.calls {
            Some((0, error)) => state.left = Some((0, *error)),
            Some((calls, _)) => *calls -= 1,
            None => {}
        }
        match &mut state.left {
            None => Ok(()),
            Some((left, _)) if *left > 0 && *left >= len => {
                *left -= len;
                Ok(())
            }
            Some((left, error)) => {
                *left = 0;
                Err((*error).into())
            }
        }
    }
}
