//! `hafir run FILE`: from a file to a running gateway, and to its end.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::control::Control;
use super::keeper::{Current, Keeper};
use super::key_files::KeyFiles;
use super::last_good::{self, From, Start};
use super::memory::Memory;
use super::notify::notify;
use super::privileges;
use super::secrets::{self, NotHidden};
use super::signals::{Wish, Wishes};
use super::watch::Watch;
use super::witness::Witness;
use super::workers::Workers;
use super::{EXIT_CONFIG, EXIT_FAILURE};
use crate::config::{self, Config, Loaded};
use crate::gateway::{Gateway, Process, Provenance};
use crate::net::{self, BindError, Clock, Listener, Listeners, TimedOut, within};
use crate::observe::stderr_log;

/// How often the configuration file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Runs the gateway on a file until it is told to stop.
pub(super) fn run(file: &Path, err: &mut dyn Write) -> ExitCode {
    run_then(file, err, |_| {})
}

/// The same; `listening` is called with the addresses once clients can come.
pub(super) fn run_then(file: &Path, err: &mut dyn Write, listening: impl FnOnce(&[SocketAddr])) -> ExitCode {
    // While the rights are still those of whoever starts it: the gateway's own account need not write the file.
    let hidden = secrets::hide(file);
    // Before it is read: a change from then on is one.
    let watch = Watch::new(file);
    let start = last_good::load_or_last_good(file);
    stderr_log(start.config.log.level);
    tell_hidden(file, &hidden);
    tell_start(file, &start);
    match Running::start(file, start, watch) {
        Ok(running) => {
            listening(&running.listeners.addresses());
            match net::run(running.supervise()) {
                Ok(code) => code,
                Err(cause) => {
                    let _ = writeln!(err, "hafir: the main thread cannot wait for signals: {cause}");
                    ExitCode::from(EXIT_FAILURE)
                }
            }
        }
        Err(failure) => {
            let _ = writeln!(err, "hafir: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Says which passwords gave way to their hashes, or why none could.
fn tell_hidden(file: &Path, hidden: &Result<Vec<String>, NotHidden>) {
    match hidden {
        Ok(users) if users.is_empty() => {}
        Ok(users) => log::warn!(
            "{}: the passwords of these users gave way to their hashes: {}",
            file.display(),
            users.join(", ")
        ),
        Err(why) => log::warn!(
            "{}: passwords stand there as they are: {why}; 'hafir password' prints what to put in their place",
            file.display()
        ),
    }
}

/// Why the gateway cannot run at all.
#[derive(Debug)]
enum StartFailure {
    /// No address could be listened on.
    Deaf(Vec<BindError>),
    Account(privileges::DropError),
    Threads(std::io::Error),
    Signals(std::io::Error),
}

/// A gateway that serves.
struct Running {
    process: Arc<Process>,
    current: Current,
    listeners: Listeners,
    workers: Workers,
    keeper: Keeper,
    control: Option<Control>,
    wishes: Wishes,
    watch: Watch,
}

impl Running {
    fn start(file: &Path, start: Start, watch: Watch) -> Result<Running, StartFailure> {
        let Start { config, from, problems_of_the_file } = start;
        let account = privileges::account(&config.gateway.user).map_err(StartFailure::Account)?;
        prepare_folders(&config, account);
        // Before the first client can come: whoever sees the gateway listen may signal it.
        let wishes = Wishes::listen().map_err(StartFailure::Signals)?;
        let workers = workers(&config);
        let mut listeners = Listeners::new(workers);
        let update = listeners.update(&addresses(&config));
        if is_deaf(&config, &update.problems) {
            return Err(StartFailure::Deaf(update.problems));
        }
        if let Some(account) = account {
            privileges::become_account(account, &config.gateway.user).map_err(StartFailure::Account)?;
        }
        let state = config.gateway.state.clone();
        let memory = Memory::open(&state);
        let instance = RandomState::new().hash_one(std::process::id());
        let clock = Clock::start(memory.clock_floor());
        // Before anything goes by it.
        Witness::of_environment().look(&clock);
        let process = Arc::new(Process::start(&config, file, clock, instance));
        process.upstreams.names().import(memory.names());
        KeyFiles::default().read(&config.jwt, &process);
        remember(&config, &from);
        let provenance = Provenance {
            last_good: !matches!(from, From::File(_)),
            file_problems: problems_of_the_file.as_ref().map(config::Problems::lines).unwrap_or_default(),
        };
        let gateway = build(config, provenance, &process, &update.problems);
        let current: Current = Arc::new(Mutex::new(gateway.clone()));
        // Before the first answer: whoever gets one may give orders.
        let control = Control::start(&state, &process);
        let workers = Workers::start(&process, &gateway, update.opened).map_err(StartFailure::Threads)?;
        let keeper = Keeper::start(process.clone(), current.clone(), memory).map_err(StartFailure::Threads)?;
        notify("READY=1");
        Ok(Running { process, current, listeners, workers, keeper, control, wishes, watch })
    }

    /// Obeys until told to stop.
    async fn supervise(mut self) -> ExitCode {
        loop {
            match within(LOOK, self.wishes.next()).await {
                Ok(Wish::Stop) => return self.stop().await,
                Ok(Wish::Reload) => self.reload().await,
                Err(TimedOut) if self.watch.changed() => self.reload().await,
                Err(TimedOut) => {}
            }
        }
    }

    /// Checks the file and takes it over whole, or says what is wrong with it and goes on as before.
    async fn reload(&mut self) {
        notify("STATUS=Reading the configuration");
        self.watch.settle();
        let loaded = match config::load(&self.process.file) {
            Ok(loaded) => loaded,
            Err(problems) => {
                let problems = problems.lines();
                log::error!("the file has problems; the running configuration stays");
                problems.iter().for_each(|problem| log::error!("{problem}"));
                notify("STATUS=Serving; the configuration file has problems");
                let config = self.gateway().config.clone();
                let last_good = self.gateway().last_good;
                let gateway = build(config, Provenance { last_good, file_problems: problems }, &self.process, &[]);
                return self.swap(gateway, self.none_opened()).await;
            }
        };
        self.warn_of_what_waits(&loaded);
        let update = self.listeners.update(&addresses(&loaded.config));
        stderr_log(loaded.config.log.level);
        self.process.reconfigure(&loaded.config);
        KeyFiles::default().read(&loaded.config.jwt, &self.process);
        keep_as_last_good(&loaded.config, &loaded.source);
        let gateway = build(loaded.config, Provenance::default(), &self.process, &update.problems);
        self.swap(gateway, update.opened).await;
        log::info!("the configuration was taken over");
        notify("STATUS=Serving");
    }

    async fn swap(&self, gateway: Arc<Gateway>, listeners: Vec<Vec<Listener>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = gateway.clone();
        self.workers.swap(&gateway, listeners).await;
    }

    fn none_opened(&self) -> Vec<Vec<Listener>> {
        (0..self.workers.count()).map(|_| Vec::new()).collect()
    }

    fn gateway(&self) -> Arc<Gateway> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Some keys take effect at the next start only.
    fn warn_of_what_waits(&self, loaded: &Loaded) {
        let (old, new) = (&self.gateway().config.gateway, &loaded.config.gateway);
        let waiting = [
            ("state", old.state != new.state),
            ("memory", old.memory != new.memory),
            ("workers", old.workers != new.workers),
            ("user", old.user != new.user),
        ];
        for (key, _) in waiting.into_iter().filter(|(_, differs)| *differs) {
            log::warn!("[gateway] {key}: the change takes effect at the next start");
        }
    }

    /// Finishes what is under way; a second wish to stop ends the wait.
    async fn stop(mut self) -> ExitCode {
        notify("STOPPING=1");
        let limit = self.gateway().config.gateway.drain;
        log::info!("stopping: what is under way has {} s", limit.as_secs());
        if let Some(control) = self.control.take() {
            control.stop();
        }
        self.listeners.close();
        self.workers.drain(limit).await;
        let workers = self.workers;
        let drained = async {
            workers.ended().await;
            true
        };
        let wishes = &mut self.wishes;
        let hurried = async {
            while wishes.next().await != Wish::Stop {}
            false
        };
        if smol::future::or(drained, hurried).await {
            self.keeper.stop();
        } else {
            log::warn!("stopped at once");
        }
        self.process.observer.flush();
        ExitCode::SUCCESS
    }
}

impl StartFailure {
    fn exit_code(&self) -> u8 {
        match self {
            StartFailure::Account(_) => EXIT_CONFIG,
            StartFailure::Deaf(_) | StartFailure::Threads(_) | StartFailure::Signals(_) => EXIT_FAILURE,
        }
    }
}

impl std::fmt::Display for StartFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartFailure::Deaf(problems) => {
                f.write_str("there is no address to listen on")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}{}", bind_hint(problem)))
            }
            StartFailure::Account(cause) => cause.fmt(f),
            StartFailure::Threads(cause) => write!(f, "a thread cannot be started: {cause}"),
            StartFailure::Signals(cause) => write!(f, "signals cannot be received: {cause}"),
        }
    }
}

/// What mends an address that cannot be bound.
fn bind_hint(problem: &BindError) -> &'static str {
    match problem.why.kind() {
        std::io::ErrorKind::AddrInUse => " (another program listens there; stop it, or choose another port)",
        std::io::ErrorKind::PermissionDenied => {
            " (ports below 1024 need root or CAP_NET_BIND_SERVICE; with root, set [gateway] user to give it up again)"
        }
        std::io::ErrorKind::AddrNotAvailable => " (this machine does not have that address)",
        _ => "",
    }
}

fn build(config: Config, provenance: Provenance, process: &Process, unbound: &[BindError]) -> Arc<Gateway> {
    let mut gateway = Gateway::build(config, provenance, process);
    for problem in unbound {
        let sentence = format!("{problem}{}", bind_hint(problem));
        gateway.problems.push(sentence);
    }
    gateway.problems.iter().for_each(|problem| log::error!("{problem}"));
    Arc::new(gateway)
}

fn addresses(config: &Config) -> Vec<SocketAddr> {
    let tls = config.tls.iter().flat_map(|tls| tls.listen.iter());
    let mut addresses: Vec<SocketAddr> =
        config.gateway.listen.iter().chain(tls).chain(&config.metrics.listen).copied().collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Whether none of the addresses for clients could be bound.
fn is_deaf(config: &Config, unbound: &[BindError]) -> bool {
    let tls = config.tls.iter().flat_map(|tls| tls.listen.iter());
    config.gateway.listen.iter().chain(tls).all(|address| unbound.iter().any(|problem| problem.address == *address))
}

fn workers(config: &Config) -> usize {
    match config.gateway.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// Makes the state and cache folders while there is still the right to, and hands them to the account that will use them.
fn prepare_folders(config: &Config, account: Option<privileges::Account>) {
    for folder in [&config.gateway.state, &config.cache.dir] {
        let made = std::fs::create_dir_all(folder).and_then(|()| match account {
            Some(account) => privileges::hand_over(folder, account),
            None => Ok(()),
        });
        if let Err(cause) = made {
            log::error!("the folder {} cannot be used: {cause}; the gateway serves without it", folder.display());
        }
    }
}

fn tell_start(file: &Path, start: &Start) {
    if let Some(problems) = &start.problems_of_the_file {
        log::error!("{} has problems", file.display());
        problems.lines().iter().for_each(|problem| log::error!("{problem}"));
    }
    match &start.from {
        From::File(loaded) => loaded.warnings.iter().for_each(|warning| log::warn!("{warning}")),
        From::LastGood(path) => {
            log::error!("serving with the last good configuration instead ({})", path.display());
        }
        From::Fallback => log::error!("there is no earlier good configuration: serving error pages only"),
    }
}

fn remember(config: &Config, from: &From) {
    if let From::File(loaded) = from {
        keep_as_last_good(config, &loaded.source);
    }
}

fn keep_as_last_good(config: &Config, source: &[u8]) {
    if let Err(cause) = last_good::remember(&config.gateway.state, source) {
        log::warn!("the good configuration cannot be kept in {}: {cause}", config.gateway.state.display());
    }
}
