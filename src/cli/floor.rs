//! A time that is surely over, kept in a small file between two runs: what a machine without a clock battery begins at.
//!
//! A clock that was believed may have been wrong, and a floor that lies in the future makes the right time look wrong
//! until it is reached. So the floor follows a clock that jumped with patience: it rises by no more than [`PACE`] times
//! what passes meanwhile. Eight weeks without power are caught up with in a week, and a clock that was years ahead for a
//! day is regretted for a week, not for years. Only the time that servers agree on is taken over at once.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{BUILT, LONGEST_USE, Mono, Wall};

/// Twelve writes of a few bytes in an hour: a power cut costs no more than this, and the card does not notice.
const EVERY: Duration = Duration::from_secs(300);
/// How much faster than time itself the floor may rise.
const PACE: u32 = 8;

#[derive(Debug)]
pub(super) struct Floor {
    file: PathBuf,
    time: Wall,
    /// When that was looked at last. At the start of the process it was over.
    seen: Mono,
}

impl Floor {
    /// What the file says, or the time of the build where it says nothing that could be true.
    pub(super) fn open(file: PathBuf) -> Floor {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let saved = text.trim().parse().map_or(BUILT, Wall::from_seconds);
        let time = if saved.since(BUILT) <= LONGEST_USE { saved.max(BUILT) } else { BUILT };
        Floor { file, time, seen: Mono::default() }
    }

    /// A time that was over when the process started.
    pub(super) fn time(&self) -> Wall {
        self.time
    }

    /// Follows a clock that is believed, and writes that down every few minutes.
    pub(super) fn follow(&mut self, wall: Wall, mono: Mono) -> io::Result<()> {
        let passed = mono.since(self.seen);
        if passed < EVERY {
            return Ok(());
        }
        self.seen = mono;
        let reached = wall.min(self.time.after(passed.saturating_mul(PACE)));
        if reached > self.time { self.write(reached) } else { Ok(()) }
    }

    /// Takes over what servers agree on, even if it is earlier: then what was written down was wrong.
    pub(super) fn agree(&mut self, wall: Wall, mono: Mono) -> io::Result<()> {
        self.seen = mono;
        self.write(wall.max(BUILT))
    }

    fn write(&mut self, time: Wall) -> io::Result<()> {
        self.time = time;
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, format!("{}\n", time.as_seconds()))?;
        fs::rename(fresh, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const DAY: u64 = 86_400;

    struct Stage {
        floor: Floor,
        ran: u64,
        /// What the clock is ahead of the build plus the time that the process ran.
        ahead: u64,
    }

    impl Stage {
        fn new(name: &str) -> Stage {
            let folder = std::env::temp_dir().join(format!("hafir-floor-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Stage { floor: Floor::open(folder.join("clock")), ran: 0, ahead: 0 }
        }

        fn wall(&self) -> Wall {
            BUILT.after(Duration::from_secs(self.ahead + self.ran))
        }

        /// Runs on, with a look every half minute, as the housekeeper does.
        fn run(&mut self, seconds: u64) {
            let end = self.ran + seconds;
            while self.ran < end {
                self.ran += 30;
                self.floor.follow(self.wall(), Mono::from_millis(self.ran * 1000)).unwrap();
            }
        }

        /// A power cut.
        fn again(&mut self) {
            self.ahead += self.ran;
            self.ran = 0;
            self.floor = Floor::open(self.floor.file.clone());
        }

        fn days(&self) -> u64 {
            self.floor.time().since(BUILT).as_secs() / DAY
        }
    }

    impl Drop for Stage {
        fn drop(&mut self) {
            fs::remove_dir_all(self.floor.file.parent().unwrap()).unwrap();
        }
    }

    #[test]
    fn it_follows_the_clock_to_within_minutes() {
        let mut stage = Stage::new("follows");
        stage.run(DAY);
        stage.run(4 * MINUTE);
        stage.again();
        assert_eq!(stage.floor.time(), BUILT.after(Duration::from_secs(DAY)));
    }

    #[test]
    fn a_holiday_is_caught_up_with_in_a_week() {
        let mut stage = Stage::new("holiday");
        stage.ahead = 56 * DAY;
        stage.run(DAY);
        assert_eq!(stage.days(), 8);
        for _ in 0..7 {
            stage.again();
            stage.run(DAY);
        }
        assert_eq!(stage.floor.time(), stage.wall());
    }

    #[test]
    fn a_clock_that_was_years_ahead_for_a_day_is_regretted_for_a_week() {
        let mut stage = Stage::new("years");
        stage.ahead = 3650 * DAY;
        stage.run(DAY);
        stage.ahead = 0;
        stage.again();
        assert_eq!(stage.days(), 8);
        stage.run(8 * DAY);
        assert!(stage.floor.time() <= stage.wall());
    }

    #[test]
    fn it_never_sinks_but_to_what_servers_agree_on() {
        let mut stage = Stage::new("sinks");
        stage.ahead = 2 * DAY;
        stage.run(DAY);
        let high = stage.floor.time();
        stage.ahead = 0;
        stage.run(DAY);
        assert_eq!(stage.floor.time(), high);
        stage.floor.agree(stage.wall(), Mono::from_millis(stage.ran * 1000)).unwrap();
        stage.again();
        assert_eq!(stage.floor.time(), stage.wall());
        stage.floor.agree(Wall::default(), Mono::default()).unwrap();
        assert_eq!(stage.floor.time(), BUILT);
    }

    #[test]
    fn what_cannot_be_true_is_the_time_of_the_build() {
        let mut stage = Stage::new("torn");
        for torn in ["", "x", "0", "-5", "99999999999999", "9223372036854775807", "17934912001793491200179"] {
            fs::write(&stage.floor.file, torn).unwrap();
            stage.again();
            assert_eq!(stage.floor.time(), BUILT, "{torn}");
        }
    }
}
