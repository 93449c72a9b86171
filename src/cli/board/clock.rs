//! The clock of a board: asks time servers, sets the system's clock forwards, and writes the time down.
//!
//! At the start the clock is set to the latest time that is surely over, so that nothing on the board lives in 1970. That is
//! not the right time: whether it is known shows in a file in RAM, by which the gateway goes (`HAFIR_CLOCK`).

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::servers::{Answer, Round};
use crate::base::{LONGEST_USE, Mono, Wall};
use crate::board::{ClockState, Jury, Refused, Sample, TOLERABLE, Trouble, Verdict};
use crate::cli::floor::Floor;
use crate::net::{Clock, set_system_wall, system_wall};

/// More names than anybody needs; each costs a question to the name server in each round.
const MOST_NAMES: usize = 8;
/// Servers that are remembered for not wanting to be asked, or for not answering. Names of pools lead to ever new ones;
/// the first ones are forgotten then.
const MOST_REMEMBERED: usize = 64;
/// How long a server is left alone that was asked too often (`RATE`).
const RATE_PAUSE: Duration = Duration::from_secs(4 * 3600);
/// A clock with a battery tells whole seconds, and loses some in a day.
const BATTERY_OFF: Duration = Duration::from_secs(10);

/// What the clockwork does to the machine that it runs on.
pub(crate) trait Machine {
    fn wall(&self) -> Wall;
    fn set_wall(&mut self, wall: Wall) -> io::Result<()>;
    /// Lets the clock go slower until it has lost so much: half a millisecond in a second.
    fn slow_down(&mut self, by: Duration);
    /// What a clock says that goes on without power.
    fn battery_clock(&self) -> Option<Wall>;
    /// Sets that clock by the system's.
    fn set_battery_clock(&mut self);
}

/// The board itself.
#[derive(Debug)]
pub(crate) struct Board;

impl Machine for Board {
    fn wall(&self) -> Wall {
        system_wall()
    }

    fn set_wall(&mut self, wall: Wall) -> io::Result<()> {
        set_system_wall(wall)
    }

    fn slow_down(&mut self, by: Duration) {
        run("adjtimex", &["-q", "-o", &format!("-{}", by.as_micros())]);
    }

    fn battery_clock(&self) -> Option<Wall> {
        let text = fs::read_to_string("/sys/class/rtc/rtc0/since_epoch").ok()?;
        text.trim().parse().ok().map(Wall::from_seconds)
    }

    fn set_battery_clock(&mut self) {
        run("hwclock", &["-w", "-u"]);
    }
}

/// A program of busybox, for what has no safe call. Where it fails, the clocks stay as they are, and the next round tries
/// again.
fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    if !output.as_ref().is_ok_and(|output| output.status.success()) {
        log::debug!("{program} {words:?}: {output:?}");
    }
}

/// Keeps the system's clock right. One for a board, run by `hafir board watch` as root.
pub(crate) struct Clockwork<M = Board> {
    machine: M,
    clock: Arc<Clock>,
    names: Vec<String>,
    floor: Floor,
    /// It is there while the time is known.
    sign: PathBuf,
    jury: Jury,
    /// Servers that are not asked before that time.
    shunned: Vec<(SocketAddr, Mono)>,
    /// Servers that did not answer when they were last asked.
    silent: Vec<SocketAddr>,
    round: Option<JoinHandle<Round>>,
    /// When the next round begins, how long ago the last one was then, and what it had come to.
    due: Mono,
    pause: Duration,
    rhythm: Rhythm,
    state: ClockState,
}

/// How often servers are asked: the first pause, which doubles up to the longest one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rhythm {
    /// There is nobody to ask; only the name server is.
    Searching,
    /// The time is not known.
    Unsure,
    Sure,
}

impl Rhythm {
    /// Time servers in common use want to be asked no more often than every 64 s (RFC 5905, `MINPOLL`); a quartz is off by
    /// less than half a second in an hour.
    fn pauses(self) -> (Duration, Duration) {
        let (first, longest) = match self {
            Rhythm::Searching => (16, 256),
            Rhythm::Unsure => (64, 1024),
            Rhythm::Sure => (64, 3600),
        };
        (Duration::from_secs(first), Duration::from_secs(longest))
    }
}

impl Clockwork {
    /// `data`: the folder in whose `board/clock` the time is written down. `run`: a folder in RAM; while the time is
    /// known, there is a file `clock` in it. Sets the clock forwards to the latest time that is surely over.
    pub(crate) fn new(data: &Path, run: &Path, servers: Vec<String>) -> Clockwork {
        Clockwork::on(Board, data, run, servers)
    }
}

impl<M: Machine> Clockwork<M> {
    fn on(machine: M, data: &Path, run: &Path, mut names: Vec<String>) -> Clockwork<M> {
        names.truncate(MOST_NAMES);
        let floor = Floor::open(data.join("board").join("clock"));
        let mut clockwork = Clockwork {
            machine,
            clock: Clock::start(floor.time()),
            names,
            floor,
            sign: run.join("clock"),
            jury: Jury::default(),
            shunned: Vec::new(),
            silent: Vec::new(),
            round: None,
            due: Mono::default(),
            pause: Duration::ZERO,
            rhythm: Rhythm::Searching,
            state: ClockState::default(),
        };
        clockwork.wake();
        clockwork
    }

    /// To be called every second or so. Never waits for the network: a thread does.
    pub(crate) fn tick(&mut self) -> ClockState {
        let now = self.clock.mono();
        match self.round.take_if(|round| round.is_finished()) {
            Some(round) => self.weigh(round.join().unwrap_or_default()),
            None if self.round.is_none() && now >= self.due && !self.names.is_empty() => self.ask(),
            None => {}
        }
        self.write_down(now);
        self.state.clone()
    }

    /// What is known at the start: that the floor is over, and what a clock with a battery says, unless that has run down.
    /// Where the sign stands already, this is no start of the board.
    fn wake(&mut self) {
        let floor = self.floor.time();
        let battery = self.machine.battery_clock().filter(|told| *told >= floor && told.since(floor) <= LONGEST_USE);
        let over = battery.unwrap_or(floor);
        let is_over = self.machine.wall() >= over || self.set(over);
        if self.names.is_empty() {
            self.state.trouble = self.state.trouble.take().or(Some(Trouble::Off));
        }
        self.believe(is_over && (battery.is_some() || self.sign.exists()));
    }

    fn ask(&mut self) {
        let now = self.clock.mono();
        self.shunned.retain(|(_, until)| *until > now);
        let shunned = self.shunned.iter().map(|(server, _)| *server).collect();
        match Round::begin(self.clock.clone(), self.names.clone(), shunned, self.silent.clone()) {
            Ok(round) => self.round = Some(round),
            Err(cause) => {
                log::warn!("no time server can be asked: {cause}");
                self.due = now.after(Rhythm::Sure.pauses().1);
            }
        }
    }

    fn weigh(&mut self, round: Round) {
        let now = self.clock.mono();
        round.answers.iter().for_each(|answer| self.heed(answer, now));
        let samples: Vec<Sample> = round.answers.iter().filter_map(|answer| answer.told.ok()).collect();
        if let Some(answer) = round.answers.iter().find(|answer| answer.told.is_ok()) {
            let server = format!("{} ({})", answer.name, answer.server.ip());
            self.state.last_server = Some((server, self.machine.wall()));
        }
        let verdict = match round.servers {
            0 => Verdict::NotKnown(Trouble::NoNames),
            servers => self.jury.judge(&samples, servers, now, self.machine.wall()),
        };
        self.obey(verdict, now);
        self.plan(!round.answers.is_empty(), now);
    }

    /// Whoever does not want to be asked is left alone; whoever is silent comes last.
    fn heed(&mut self, answer: &Answer, now: Mono) {
        self.silent.retain(|server| *server != answer.server);
        let pause = match answer.told {
            Err(Some(Refused::TooOften)) => RATE_PAUSE,
            Err(Some(Refused::Unwelcome)) => LONGEST_USE,
            Err(None) => return remember(&mut self.silent, answer.server),
            Ok(_) | Err(Some(_)) => return,
        };
        log::info!("the time server {} ({}) does not want to be asked", answer.name, answer.server);
        remember(&mut self.shunned, (answer.server, now.after(pause)));
    }

    fn obey(&mut self, verdict: Verdict, now: Mono) {
        self.state.trouble = None;
        match verdict {
            Verdict::Right => self.is_right(self.machine.wall(), now),
            Verdict::Forwards(time) => {
                let behind = time.since(self.machine.wall());
                if self.set(time) {
                    log::info!("the clock was {} s behind", behind.as_secs());
                    self.is_right(time, now);
                } else {
                    self.believe(behind <= TOLERABLE);
                    self.agree(time, now);
                }
            }
            Verdict::Ahead(time) => {
                let ahead = self.machine.wall().since(time);
                self.state.ahead_of_servers = Some(ahead);
                self.believe(ahead <= TOLERABLE);
                self.agree(time, now);
                if ahead <= TOLERABLE {
                    self.machine.slow_down(ahead);
                }
            }
            Verdict::NotKnown(trouble) => self.state.trouble = Some(trouble),
        }
    }

    fn is_right(&mut self, time: Wall, now: Mono) {
        self.state.ahead_of_servers = None;
        self.believe(true);
        self.agree(time, now);
        let off = self.machine.battery_clock().map(|battery| battery.since(time).max(time.since(battery)));
        if off.is_some_and(|off| off > BATTERY_OFF) {
            self.machine.set_battery_clock();
        }
    }

    fn plan(&mut self, any_asked: bool, now: Mono) {
        let is_well = self.state.sure && self.state.trouble.is_none();
        let rhythm = match any_asked {
            false => Rhythm::Searching,
            true if is_well => Rhythm::Sure,
            true => Rhythm::Unsure,
        };
        let (first, longest) = rhythm.pauses();
        self.pause = if rhythm == self.rhythm { (self.pause * 2).clamp(first, longest) } else { first };
        self.rhythm = rhythm;
        self.due = now.after(self.pause);
    }

    /// Whether that could be done. Why it could not is told once.
    fn set(&mut self, wall: Wall) -> bool {
        let Err(cause) = self.machine.set_wall(wall) else { return true };
        let trouble = Trouble::NotSet(cause.to_string());
        log::error!("{trouble}");
        self.state.trouble = Some(trouble);
        false
    }

    fn believe(&mut self, sure: bool) {
        if self.state.sure != sure || self.sign.exists() != sure {
            let told = if sure { fs::write(&self.sign, "") } else { fs::remove_file(&self.sign).or_else(absent) };
            if let Err(cause) = told {
                log::error!("the gateway cannot be told whether the time is known: {}: {cause}", self.sign.display());
            }
        }
        if self.state.sure != sure {
            self.state.since = sure.then(|| self.machine.wall());
        }
        self.state.sure = sure;
    }

    fn agree(&mut self, time: Wall, now: Mono) {
        let written = self.floor.agree(time, now);
        self.note(written);
    }

    /// While the clock is ahead of the servers, only what they said is worth writing down.
    fn write_down(&mut self, now: Mono) {
        let ahead = self.state.ahead_of_servers.unwrap_or_default();
        let behind = Wall::from_millis(self.machine.wall().as_millis().saturating_sub(millis(ahead)));
        let written = self.floor.follow(behind, now);
        self.note(written);
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(cause) = written {
            let trouble = Trouble::NotSaved(cause.to_string());
            log::error!("{trouble}");
            self.state.trouble = Some(trouble);
        }
    }
}

fn remember<T>(list: &mut Vec<T>, one: T) {
    if list.len() >= MOST_REMEMBERED {
        list.remove(0);
    }
    list.push(one);
}

fn absent(cause: io::Error) -> io::Result<()> {
    if cause.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(cause) }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
