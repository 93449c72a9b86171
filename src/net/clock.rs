//! The only place that reads the clocks, and sets the one that can be set.
//!
//! A board has no clock battery: after a power cut its wall clock may stand in the past. [`Clock`] therefore has a
//! floor, the latest time that is known to be over, and never tells an earlier one. Where somebody sets the wall clock
//! forwards to such a time at the start, it looks right and is not: then it is doubted until it is known to be right.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, Timespec, clock_settime};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::base::{Mono, Now, Wall};
use crate::net::reactor::turn_began;

/// The wall clock is read again after this many milliseconds; in between it goes by the monotonic one. On boards
/// without a clock in the vDSO each reading is a system call.
const WALL_MILLIS: u64 = 1000;

/// Both clocks of the process; shared by all threads.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    /// Wall time that is surely over, in milliseconds since 1970. Only rises.
    floor: AtomicI64,
    /// What the floor says the wall time was when the process started. Only rises.
    floor_at_start: AtomicI64,
    /// The system's wall time minus the monotonic time, when last read.
    wall_at_start: AtomicI64,
    /// When the wall clock is to be read again.
    read_again: AtomicU64,
    /// Whether the wall clock is not to be believed, whatever it says.
    doubted: AtomicBool,
}

impl Clock {
    /// `floor`: the later of the build date and the last time that was persisted.
    pub(crate) fn start(floor: Wall) -> Arc<Clock> {
        let clock = Clock {
            started: Instant::now(),
            floor: AtomicI64::new(floor.as_millis()),
            floor_at_start: AtomicI64::new(floor.as_millis()),
            wall_at_start: AtomicI64::new(0),
            read_again: AtomicU64::new(0),
            doubted: AtomicBool::new(false),
        };
        Arc::new(clock)
    }

    /// Both clocks. Cheap: the monotonic clock is read once for each turn of the thread, the wall clock once per second.
    pub(crate) fn now(&self) -> Now {
        let mono = self.mono();
        self.judge(mono, self.system_wall(mono))
    }

    /// On a thread that takes turns, the time at which the present one began: whoever waited sees time pass.
    pub(crate) fn mono(&self) -> Mono {
        let passed = turn_began().saturating_duration_since(self.started);
        Mono::from_millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Says whether the wall clock is to be believed from now on, if it is not behind the floor.
    pub(crate) fn doubt(&self, doubted: bool) {
        self.doubted.store(doubted, Ordering::Relaxed);
    }

    fn judge(&self, mono: Mono, system: Wall) -> Now {
        let floor = Wall::from_millis(self.floor.load(Ordering::Relaxed));
        if system >= floor && !self.doubted.load(Ordering::Relaxed) {
            return Now { mono, wall: system, sure: true };
        }
        let passed = self.floor_at_start.load(Ordering::Relaxed).saturating_add(millis(mono));
        Now { mono, wall: floor.max(Wall::from_millis(passed)).max(system), sure: false }
    }

    fn system_wall(&self, mono: Mono) -> Wall {
        let again = self.read_again.load(Ordering::Relaxed);
        if mono.as_millis() >= again {
            self.wall_at_start.store(read_wall().saturating_sub(millis(mono)), Ordering::Relaxed);
            self.read_again.store(mono.as_millis().saturating_add(WALL_MILLIS), Ordering::Relaxed);
        }
        Wall::from_millis(self.wall_at_start.load(Ordering::Relaxed).saturating_add(millis(mono)))
    }
}

/// What the system's wall clock says, be it right or wrong.
pub(crate) fn system_wall() -> Wall {
    Wall::from_millis(read_wall())
}

/// Sets the system's wall clock. Needs `CAP_SYS_TIME`.
pub(crate) fn set_system_wall(wall: Wall) -> io::Result<()> {
    let timespec = Timespec::try_from(wall.since(Wall::default())).map_err(io::Error::other)?;
    Ok(clock_settime(ClockId::Realtime, timespec)?)
}

/// The time by which certificates are judged: never before the clock's floor, so that a board that woke up in 1970
/// still reaches its upstreams.
#[derive(Debug)]
pub(crate) struct CertificateTimeProvider(pub(crate) Arc<Clock>);

impl TimeProvider for CertificateTimeProvider {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().wall.as_seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The point in time `span` from now; a span beyond the clock's range means a century.
pub(super) fn instant_after(span: Duration) -> Instant {
    after(Instant::now(), span)
}

pub(super) fn after(then: Instant, span: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);
    then.checked_add(span.min(CENTURY)).unwrap_or(then)
}

pub(super) fn instant_now() -> Instant {
    Instant::now()
}

fn millis(mono: Mono) -> i64 {
    i64::try_from(mono.as_millis()).unwrap_or(i64::MAX)
}

fn read_wall() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, i64::saturating_neg),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_clock_behind_its_floor_is_unsure_and_goes_on_from_the_floor() {
        let clock = Clock::start(Wall::from_millis(1000 * HOUR));
        let now = clock.judge(Mono::from_millis(5), Wall::from_millis(7));
        assert!(!now.sure);
        assert_eq!(now.wall, Wall::from_millis(1000 * HOUR + 5));
        let now = clock.judge(Mono::from_millis(6), Wall::from_millis(2000 * HOUR));
        assert!(now.sure);
        assert_eq!(now.wall, Wall::from_millis(2000 * HOUR));
    }

    #[test]
    fn a_clock_that_is_doubted_is_unsure_until_it_is_set_and_never_tells_an_earlier_time() {
        let clock = Clock::start(Wall::from_millis(1000 * HOUR));
        clock.doubt(true);
        let mut last = Wall::default();
        let steps = [(0, 1001), (1, 1002), (2, 999), (3, 1004), (4, 9000)];
        for (hours, system) in steps {
            clock.doubt(hours < 4);
            let mono = Mono::from_millis(u64::try_from(hours * HOUR).unwrap());
            let now = clock.judge(mono, Wall::from_millis(system * HOUR));
            assert_eq!(now.sure, hours == 4);
            assert!(now.wall >= last, "after {hours} h");
            last = now.wall;
        }
        assert_eq!(last, Wall::from_millis(9000 * HOUR));
    }

    #[test]
    fn certificates_are_judged_from_the_floor() {
        let future = Wall::from_seconds(32_503_680_000);
        let time = CertificateTimeProvider(Clock::start(future)).current_time();
        assert!(time.is_some_and(|time| time.as_secs() >= 32_503_680_000));
    }
}
