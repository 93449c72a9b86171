//! The clockwork against time servers on loopback, on a machine whose clock is a number.

use std::cell::Cell;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::base::BUILT;

const DAY: i64 = 86_400;

/// The machine: its clock stands still while a test runs.
#[derive(Clone)]
struct Stand {
    wall: Rc<Cell<Wall>>,
    sets: Rc<Cell<u32>>,
    slowed: Rc<Cell<u64>>,
    allowed: bool,
    battery: Rc<Cell<Option<Wall>>>,
}

impl Machine for Stand {
    fn wall(&self) -> Wall {
        self.wall.get()
    }

    fn set_wall(&mut self, wall: Wall) -> io::Result<()> {
        if !self.allowed {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        assert!(wall > self.wall.get(), "the clock was set back");
        self.wall.set(wall);
        self.sets.set(self.sets.get() + 1);
        Ok(())
    }

    fn slow_down(&mut self, by: Duration) {
        self.slowed.set(seconds(by));
    }

    fn battery_clock(&self) -> Option<Wall> {
        self.battery.get()
    }

    fn set_battery_clock(&mut self) {
        self.battery.set(Some(self.wall.get()));
    }
}

/// What a server does with a question.
#[derive(Clone, Copy)]
enum Manner {
    /// Tells the time, so many seconds after the build.
    Tells(i64),
    /// Tells it after a forged answer, of somebody who did not see the number.
    Forged(i64),
    Kiss([u8; 4]),
    /// Sends what is no answer, for ever.
    Floods,
}

struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(manner: Manner) -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = asked.clone();
        let thread = std::thread::spawn(move || Server::serve(&socket, manner, &counter));
        Server { address, asked, thread: Some(thread) }
    }

    fn serve(socket: &UdpSocket, manner: Manner, asked: &AtomicUsize) {
        let mut packet = [0; 512];
        loop {
            let (length, client) = socket.recv_from(&mut packet).unwrap();
            let Ok(question) = <[u8; 48]>::try_from(&packet[..length]) else { return };
            asked.fetch_add(1, Ordering::SeqCst);
            let answers = match manner {
                Manner::Tells(seconds) => vec![answer(question, 1, seconds)],
                Manner::Forged(seconds) => {
                    let mut other = question;
                    other[47] ^= 1;
                    vec![answer(other, 1, seconds + 900), answer(question, 1, seconds)]
                }
                Manner::Kiss(word) => {
                    let mut kiss = answer(question, 0, 0);
                    kiss[12..16].copy_from_slice(&word);
                    vec![kiss]
                }
                Manner::Floods => vec![[0x24; 48]; 40],
            };
            answers.iter().for_each(|answer| drop(socket.send_to(answer, client)));
        }
    }

    fn name(&self) -> String {
        self.address.to_string()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(question: [u8; 48], stratum: u8, seconds: i64) -> [u8; 48] {
    let mut packet = [0; 48];
    packet[0] = 0x24;
    packet[1] = stratum;
    packet[24..32].copy_from_slice(&question[40..48]);
    let since_1900 = u32::try_from((BUILT.as_seconds() + seconds + 2_208_988_800) % (1 << 32)).unwrap();
    packet[32..36].copy_from_slice(&since_1900.to_be_bytes());
    packet[40..44].copy_from_slice(&since_1900.to_be_bytes());
    packet
}

/// A board, from one power cut to the next.
struct Stage {
    folder: PathBuf,
    machine: Stand,
}

impl Stage {
    /// `wall`: what the clock says at the start, in seconds after the build.
    fn new(name: &str, wall: i64) -> Stage {
        let folder = std::env::temp_dir().join(format!("hafir-clock-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("board")).unwrap();
        let machine = Stand {
            wall: Rc::default(),
            sets: Rc::default(),
            slowed: Rc::default(),
            allowed: true,
            battery: Rc::default(),
        };
        machine.wall.set(after_build(wall));
        Stage { folder, machine }
    }

    fn start(&self, servers: &[&Server]) -> Clockwork<Stand> {
        let names = servers.iter().map(|server| server.name()).collect();
        Clockwork::on(self.machine.clone(), &self.folder, &self.folder, names)
    }

    /// The power was cut: the clock begins in 1970, and what is in RAM is gone.
    fn cut(&self) {
        self.machine.wall.set(Wall::from_seconds(9));
        let _ = fs::remove_file(self.folder.join("clock"));
    }

    fn wall(&self) -> i64 {
        self.machine.wall().as_seconds() - BUILT.as_seconds()
    }

    fn saved(&self) -> i64 {
        let text = fs::read_to_string(self.folder.join("board/clock")).unwrap();
        text.trim().parse::<i64>().unwrap() - BUILT.as_seconds()
    }

    fn is_signed(&self) -> bool {
        self.folder.join("clock").exists()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn after_build(seconds: i64) -> Wall {
    Wall::from_seconds(BUILT.as_seconds() + seconds)
}

/// Has a round begin, whenever it is due, and waits for its end.
fn round(clockwork: &mut Clockwork<Stand>) -> ClockState {
    clockwork.due = Mono::default();
    clockwork.tick();
    let round = clockwork.round.take().unwrap().join().unwrap();
    clockwork.weigh(round);
    clockwork.tick()
}

#[test]
fn a_board_without_a_battery_begins_at_the_build_is_set_by_two_servers_and_goes_on_from_there() {
    let stage = Stage::new("set", -20 * 365 * DAY);
    let servers = [100 * DAY, 100 * DAY].map(|told| Server::start(Manner::Tells(told)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    assert_eq!((stage.wall(), stage.is_signed()), (0, false));
    assert!(!clockwork.state.sure);
    let state = round(&mut clockwork);
    assert_eq!(state.trouble, None);
    assert!(state.sure && stage.is_signed() && state.since.is_some());
    assert_eq!((stage.wall(), stage.saved()), (100 * DAY, 100 * DAY));
    assert_eq!(state.last_server.map(|(name, _)| name), Some(format!("{} (127.0.0.1)", servers[0].name())));

    stage.cut();
    let clockwork = stage.start(&[]);
    assert_eq!((stage.wall(), stage.is_signed()), (100 * DAY, false), "as late as is known, and not known to be right");
    assert!(!clockwork.state.sure);
    assert_eq!(clockwork.state.trouble, Some(Trouble::Off));
}

#[test]
fn a_restart_of_the_program_alone_forgets_nothing() {
    let stage = Stage::new("again", 0);
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    round(&mut stage.start(&[&servers[0], &servers[1]]));
    assert!(stage.start(&[]).state.sure);
}

/// To the nearest: an answer takes its time.
fn seconds(span: Duration) -> u64 {
    span.saturating_add(Duration::from_millis(500)).as_secs()
}

#[test]
fn a_clock_that_is_ahead_is_not_set_back_but_the_next_start_is_right() {
    let stage = Stage::new("ahead", 3650 * DAY);
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    let state = round(&mut clockwork);
    assert_eq!((stage.machine.slowed.get(), stage.machine.sets.get()), (0, 0));
    assert!(!state.sure && !stage.is_signed());
    assert_eq!(state.ahead_of_servers.map(seconds), Some(3649 * 86_400));
    assert_eq!(stage.saved(), DAY);
    stage.cut();
    stage.start(&[]);
    assert_eq!(stage.wall(), DAY);
}

#[test]
fn a_clock_that_is_a_little_ahead_is_believed_and_goes_slower() {
    let stage = Stage::new("nearly", DAY + 300);
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    let state = round(&mut stage.start(&[&servers[0], &servers[1]]));
    assert!(state.sure && stage.is_signed());
    assert_eq!(state.ahead_of_servers.map(seconds), Some(300));
    assert_eq!((stage.machine.slowed.get(), stage.machine.sets.get()), (300, 0));
}

#[test]
fn servers_that_do_not_agree_move_nothing_and_are_asked_again_with_patience() {
    let stage = Stage::new("torn", 0);
    let servers = [DAY, 2 * DAY].map(|told| Server::start(Manner::Tells(told)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        assert_eq!(round(&mut clockwork).trouble, Some(Trouble::Torn));
        pauses.push(clockwork.pause.as_secs());
    }
    assert_eq!(pauses, [64, 128, 256, 512, 1024, 1024]);
    assert_eq!(stage.machine.sets.get(), 0);
    assert!(clockwork.due > clockwork.clock.mono());
    clockwork.tick();
    assert!(clockwork.round.is_none(), "nobody is asked before the pause is over");
}

#[test]
fn a_right_clock_is_looked_at_once_an_hour() {
    let stage = Stage::new("hour", DAY);
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    let pauses: Vec<u64> = (0..8)
        .map(|_| {
            assert!(round(&mut clockwork).sure);
            clockwork.pause.as_secs()
        })
        .collect();
    assert_eq!(pauses, [64, 128, 256, 512, 1024, 2048, 3600, 3600]);
}

#[test]
fn the_only_server_of_the_file_is_believed_after_three_rounds() {
    let stage = Stage::new("only", 0);
    let server = Server::start(Manner::Tells(DAY));
    let mut clockwork = stage.start(&[&server]);
    assert_eq!(round(&mut clockwork).trouble, Some(Trouble::Alone));
    assert_eq!(round(&mut clockwork).trouble, Some(Trouble::Alone));
    assert!(round(&mut clockwork).sure);
    assert_eq!(stage.wall(), DAY);
}

#[test]
fn who_does_not_want_to_be_asked_is_left_alone() {
    let stage = Stage::new("kiss", 0);
    let servers = [*b"DENY", *b"RATE"].map(|word| Server::start(Manner::Kiss(word)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    for _ in 0..4 {
        let state = round(&mut clockwork);
        assert_eq!((state.sure, state.trouble), (false, Some(Trouble::Silent)));
    }
    assert_eq!(servers.each_ref().map(Server::asked), [1, 1]);
}

#[test]
fn forged_answers_are_passed_over_and_floods_are_silence() {
    let stage = Stage::new("forged", DAY - 100);
    let servers = [Manner::Floods, Manner::Forged(DAY)].map(Server::start);
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    assert!(round(&mut clockwork).sure);
    assert_eq!(stage.wall(), DAY);
    assert_eq!(clockwork.silent, [servers[0].address]);
}

#[test]
fn a_clock_that_may_not_be_set_is_told_and_not_believed() {
    let mut stage = Stage::new("forbidden", -DAY);
    stage.machine.allowed = false;
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    let mut clockwork = stage.start(&[&servers[0], &servers[1]]);
    assert!(matches!(clockwork.tick().trouble, Some(Trouble::NotSet(_))));
    let state = round(&mut clockwork);
    assert!(matches!(state.trouble, Some(Trouble::NotSet(_))) && !state.sure && !stage.is_signed());
}

#[test]
fn a_clock_with_a_battery_is_believed_unless_it_has_run_down() {
    let check = |battery: i64, sure: bool, wall: i64| {
        let stage = Stage::new("battery", -365 * DAY);
        stage.machine.battery.set(Some(after_build(battery)));
        assert_eq!(stage.start(&[]).state.sure, sure, "{battery}");
        assert_eq!((stage.wall(), stage.is_signed()), (wall, sure));
    };
    check(DAY, true, DAY);
    check(-26 * 365 * DAY, false, 0);
    check(100 * 365 * DAY, false, 0);
}

#[test]
fn servers_set_the_clock_with_a_battery_too() {
    let stage = Stage::new("both", DAY);
    stage.machine.battery.set(Some(Wall::default()));
    let servers = [DAY, DAY].map(|told| Server::start(Manner::Tells(told)));
    round(&mut stage.start(&[&servers[0], &servers[1]]));
    assert_eq!(stage.machine.battery.get(), Some(after_build(DAY)));
}

#[test]
fn names_that_lead_nowhere_are_no_trouble_and_looked_up_again_soon() {
    let stage = Stage::new("nowhere", 0);
    let names = vec!["no such name".to_owned()];
    let mut clockwork = Clockwork::on(stage.machine.clone(), &stage.folder, &stage.folder, names);
    assert_eq!(round(&mut clockwork).trouble, Some(Trouble::NoNames));
    assert_eq!(clockwork.pause.as_secs(), 16);
}
