//! `hafir board watch`: the clock, and the page on the card that tells how the board is.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::clock::Clockwork;
use super::words::Places;
use super::{card, durable, person, sight};
use crate::base::{Mono, Wall};
use crate::board::{ClockState, Facts, Gateway, Pace, Report, STATUS_NAME, report};
use crate::net::{Clock, system_wall};

/// The clock wants to be looked at so often.
const TURN: Duration = Duration::from_secs(1);
/// The rest may be a few seconds late; a card is not read all the time.
const LOOK: Duration = Duration::from_secs(5);
/// A gateway that does not answer for so long does not start any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// FAT has no owners.
const OPEN: u32 = 0o644;

/// Ends only with the process.
pub(super) fn run(places: &Places, err: &mut dyn Write) -> io::Result<()> {
    let person = person::read(places);
    let mut clockwork = Clockwork::new(&places.data, &places.run, person.config.board.time);
    let clock = Clock::start(Wall::default());
    let page = fs::read(places.boot.join(STATUS_NAME)).unwrap_or_default();
    let mut watch = Watch { pace: Pace::new(page, clock.mono()), gateway: None, heard: clock.mono() };
    let mut looked: Option<Mono> = None;
    loop {
        let state = clockwork.tick();
        let now = clock.mono();
        if looked.is_none_or(|looked| now.since(looked) >= LOOK) {
            looked = Some(now);
            watch.look(places, state, now, err);
        }
        sleep(TURN);
    }
}

struct Watch {
    pace: Pace,
    /// What it said last, unless that is too long ago.
    gateway: Option<Gateway>,
    /// When it answered last, or the watch began.
    heard: Mono,
}

impl Watch {
    fn look(&mut self, places: &Places, clock: ClockState, now: Mono, err: &mut dyn Write) {
        let person = person::read(places);
        if let Some(gateway) = sight::gateway(&person.config) {
            (self.gateway, self.heard) = (Some(gateway), now);
        } else if now.since(self.heard) >= PATIENCE {
            self.gateway = None;
        } else if self.gateway.is_none() {
            // It is only just starting.
            return;
        }
        let name = person.file.file_name().unwrap_or_default().to_string_lossy();
        let report = report(&Facts {
            file: &name,
            standing: person.standing,
            config: &person.config,
            needs: person.needs,
            notes: person.notes,
            interfaces: sight::interfaces(),
            gateway: self.gateway.clone(),
            clock,
            now: system_wall(),
            card: sight::card(places),
            kernel: sight::line(Path::new("/proc/sys/kernel/osrelease")),
            model: sight::line(Path::new("/proc/device-tree/model")),
        });
        if self.pace.is_due(&report, now) {
            // A card that cannot be written to is no failure: the board serves, and its pages tell the same.
            if let Err(cause) = write(&places.boot, &report) {
                let _ = writeln!(err, "{STATUS_NAME} cannot be written: {cause}");
            }
            self.pace.told(report, now);
        }
    }
}

fn write(boot: &Path, report: &Report) -> io::Result<()> {
    let _writable = card::Writable::open(boot)?;
    durable::write(&boot.join(STATUS_NAME), &report.bytes(), OPEN)
}
