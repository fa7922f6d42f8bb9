//! The engines of a process that shares the partitions with others: each is started as a standby where the assignment says so, takes
//! over when it can, and is ended when its heir is warm. Blocks until the process is to end and all engines have ended.

use super::{
    super::{
        exit::Exit,
        host::Host,
        kept::ReadAgain,
        note::{explain, note},
        notify::Notifier,
        part::{EnginePart, listed},
        redis::Server,
        roll,
        stopped::Stopped,
        supervised::Supervised,
    },
    assignment::{Assignment, Wish},
    card::{Card, Stage},
    register::{Found, NameTaken, Register},
    seats::{Act, Heir, Place, Thread},
};
use crate::{
    config::Config,
    publish::{Holder, Lease},
    runtime::Clock,
};
use anyhow::{Context as _, Result, bail};
use std::{
    fs, io, iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, scope, sleep},
    time::{Duration, Instant},
};

/// Time between two looks at the engines.
const TICK: Duration = Duration::from_millis(20);
/// Times in the lifetime of a member that it renews it and looks at the assignment, and bounds of the time between, ms.
const ROUNDS: u64 = 10;
const ROUND_MS: (u64, u64) = (50, 500);
/// How long members may join before the first assignment.
const SETTLE: Duration = Duration::from_secs(1);
/// Time between two looks at the loads of all.
const EVEN: Duration = Duration::from_secs(60);
/// The supervisor in the roll, beside its engines.
const SUPERVISOR: usize = usize::MAX;

/// What is supervised.
pub(in crate::cli) struct Fleet<'a> {
    /// The configuration of the process.
    pub config: &'a Config,
    /// All partitions, in order.
    pub parts: &'a [EnginePart],
    /// Raised when the process is to end.
    pub stop: &'a AtomicBool,
    /// Raised where the configuration is to be read again.
    pub hup: &'a AtomicBool,
    /// Reads it again for the engines that are started from now on.
    pub read_again: &'a dyn Fn(),
    /// When it ends by itself.
    pub until: Option<Instant>,
    /// Whether to say nothing.
    pub quiet: bool,
}

/// Runs `live` for each partition that this process is given, until it is told to end.
///
/// # Errors
/// The name of this member is taken; a failure of an engine that has not been got over by the end.
pub(in crate::cli) fn supervise(
    fleet: &Fleet<'_>,
    live: impl Fn(&EnginePart, &Arc<Supervised>) -> Result<()> + Sync,
) -> Result<()> {
    let live = &live;
    scope(|scope| {
        let start = |part, beside: &Arc<Supervised>| {
            let beside = Arc::clone(beside);
            Builder::new().name(EnginePart::name(part)).spawn_scoped(scope, move || {
                part.enter();
                let lived = live(part, &beside);
                roll::leave();
                lived
            })
        };
        Supervisor::new(fleet)?.run(&start)
    })
}

/// Starts the thread of an engine.
type Start<'a, 's> = dyn Fn(&'a EnginePart, &Arc<Supervised>) -> io::Result<Thread<'s>> + 'a;

struct Supervisor<'a, 's> {
    fleet: &'a Fleet<'a>,
    host: Host,
    card: Card,
    /// By partition.
    places: Vec<Place<'s>>,
    register: Option<Register>,
    lease: Option<Lease>,
    /// Since when these members have been there, by their names.
    members: (Vec<String>, Instant),
    evened: Instant,
    /// Since when another seems to have the name.
    barred: Option<Instant>,
    joined: bool,
    said: String,
}

impl<'a, 's> Supervisor<'a, 's> {
    fn new(fleet: &'a Fleet<'a>) -> Result<Self> {
        let (host, now) = (Host::new(Clock::new()), Instant::now());
        let card = Card {
            name: name(fleet.config),
            life: format!("{:016x}", host.new_number()),
            process: Holder::own(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            leaving: false,
            partitions: Default::default(),
        };
        let places = fleet.parts.iter().map(|_| Place::default()).collect();
        Ok(Self {
            fleet,
            host,
            card,
            places,
            register: None,
            lease: None,
            members: (Vec::new(), now),
            evened: now,
            barred: None,
            joined: false,
            said: String::new(),
        })
    }

    fn run(mut self, start: &Start<'a, 's>) -> Result<()> {
        roll::expect([SUPERVISOR]);
        roll::enter(SUPERVISOR);
        let every = self.fleet.config.partitions.member_ttl_ms / ROUNDS;
        let every = Duration::from_millis(every.clamp(ROUND_MS.0, ROUND_MS.1));
        let (mut next, mut notifier, mut ended) = (Instant::now(), Notifier::from_env(), Ok(()));
        loop {
            let now = Instant::now();
            if self.fleet.until.is_some_and(|until| now >= until) {
                self.fleet.stop.store(true, Ordering::Relaxed);
            }
            if self.fleet.stop.load(Ordering::Relaxed) && !self.card.leaving {
                self.card.leaving = true;
                notifier.stopping();
                (next, self.barred) = (now, None);
            }
            ended = ended.and(self.reap(now));
            if self.card.leaving {
                self.places.iter().for_each(Place::end);
            }
            if now >= next {
                next = now + every;
                if let Err(error) = self.round(start, now) {
                    self.trouble(&error);
                    if error.is::<NameTaken>() && ended.is_ok() {
                        ended = Err(error);
                        self.fleet.stop.store(true, Ordering::Relaxed);
                    }
                }
                if self.joined && !self.card.leaving {
                    notifier.ready();
                }
            }
            if self.card.leaving && !self.places.iter().any(Place::runs) {
                break;
            }
            if self.fleet.hup.swap(false, Ordering::Relaxed) {
                (self.fleet.read_again)();
                self.places.iter().for_each(Place::hang_up);
            }
            notifier.tick(now, false, iter::empty());
            sleep(TICK);
        }
        self.leave();
        roll::leave();
        ended.and(self.without_engine())
    }

    /// A partition whose engine has failed and was not started again.
    fn without_engine(&self) -> Result<()> {
        let failed = |(partition, place): (usize, &Place<'s>)| Some((partition, place.why()?.to_owned()));
        match self.places.iter().enumerate().find_map(failed) {
            Some((partition, why)) => bail!("partition {partition} had no engine at the end: {why}"),
            None => Ok(()),
        }
    }

    /// Says once what keeps it from its work.
    fn trouble(&mut self, error: &anyhow::Error) {
        self.register = None;
        let text = explain(error);
        if text != self.said {
            note(&format!(
                "warning: partitions: {text}; the engines of this process go on, and none is started or handed over meanwhile"
            ));
            self.said = text;
        }
    }

    fn say(&self, line: &str) {
        if !self.fleet.quiet {
            note(line);
        }
    }

    /// Looks after engines that have ended: the failure of one, where this process is about to end.
    fn reap(&mut self, now: Instant) -> Result<()> {
        let mut first = Ok(());
        for partition in 0..self.places.len() {
            let Some(Err(error)) = self.places[partition].ended(now) else { continue };
            if error.chain().any(|cause| cause.is::<Stopped>()) {
                continue;
            }
            if error.chain().any(|cause| cause.is::<ReadAgain>()) {
                self.say(&format!("partition {partition}: {}", explain(&error)));
                continue;
            }
            if matches!(Exit::of(&error), Exit::Held | Exit::TakenOver) {
                self.say(&format!("partition {partition}: another has it: {}", explain(&error)));
                continue;
            }
            let why = explain(&error);
            if self.card.leaving {
                first = first.and(Err(error.context(format!("partition {partition}"))));
                continue;
            }
            let (times, pause) = self.places[partition].failed(why.clone(), now);
            note(&format!(
                "warning: partition {partition}: its engine has failed, {times} in a row: {why}. It is started again in {} s; `wagehood-engine \
                 partitions move {partition} --to MEMBER` has another process try",
                pause.as_secs()
            ));
        }
        first
    }

    /// Says that it lives, leads where nobody else does, and goes by the assignment.
    fn round(&mut self, start: &Start<'a, 's>, now: Instant) -> Result<()> {
        let seats = self.places.iter_mut().enumerate();
        self.card.partitions = seats.filter_map(|(partition, place)| Some((partition, place.seat(now)?))).collect();
        if self.register.is_none() {
            self.register = Some(Register::connect(&Server::on(&self.host, self.fleet.config)?, "members")?);
        }
        let Some(register) = &mut self.register else { return Ok(()) };
        if let Some((left, taken)) = register.renew(&self.card)? {
            return self.wait_for_name(left, taken, now);
        }
        if !std::mem::replace(&mut self.joined, true) {
            let count = self.places.len();
            self.say(&format!("member {} of those that share {count} partitions", self.card.name));
        }
        self.barred = None;
        if self.card.leaving {
            // Another leads from here on, so that heirs warm up while this one finishes.
            if let (Some(register), Some(lease)) = (&mut self.register, self.lease.take()) {
                register.resign(&lease)?;
            }
        } else {
            let found = self.found(now)?;
            self.follow(&found, start, now);
        }
        if !std::mem::take(&mut self.said).is_empty() {
            self.say("partitions: members and assignment can be read again");
        }
        Ok(())
    }

    /// Another process has the name, and cannot be seen from here: it has ended where the key expires.
    fn wait_for_name(&mut self, left: Duration, taken: NameTaken, now: Instant) -> Result<()> {
        let limit = Duration::from_millis(self.fleet.config.partitions.member_ttl_ms) + SETTLE;
        let Some(since) = self.barred else {
            self.barred = Some(now);
            let left = left.as_secs_f64();
            self.say(&format!("waiting: {taken}. Unless it has ended: then the name is free in {left:.1} s"));
            return Ok(());
        };
        if now.duration_since(since) > limit { Err(taken.into()) } else { Ok(()) }
    }

    /// Members and assignment, which this one makes where it leads.
    fn found(&mut self, now: Instant) -> Result<Found> {
        let Some(register) = &mut self.register else { bail!("not connected") };
        let leads = register.lead(&mut self.lease)?;
        let found = register.found()?;
        let names: Vec<String> = found.cards.iter().map(|card| card.name.clone()).collect();
        if self.members.0 != names {
            self.members = (names, now);
        }
        // At first they come one after the other.
        let early = !found.assignment.is_of_any(&found.cards) && now.duration_since(self.members.1) < SETTLE;
        let Some(lease) = self.lease.as_ref().filter(|_| leads && !early) else { return Ok(found) };
        let even = now.duration_since(self.evened) >= EVEN;
        let (mut found, next) = register.change(Wish::Follow { even }, Some(lease))?;
        if even {
            self.evened = now;
        }
        if let Some(next) = next {
            self.say(&told(&next));
            found.assignment = next;
        }
        Ok(found)
    }

    /// Starts and ends engines as the assignment says.
    fn follow(&mut self, found: &Found, start: &Start<'a, 's>, now: Instant) {
        let Found { cards, assignment } = found;
        for (partition, part) in self.fleet.parts.iter().enumerate() {
            let owner = assignment.owners[partition].as_deref();
            let heir = match owner {
                Some(name) if name == self.card.name => Heir::Own,
                Some(name) => {
                    let is_warm = |card: &Card| card.name == name && card.is(Stage::Warm, partition);
                    Heir::Other(cards.iter().any(is_warm))
                }
                None => Heir::Nobody,
            };
            match self.places[partition].act(heir, now) {
                Act::Keep => {}
                Act::Start => self.start(partition, part, start, now),
                Act::GiveUp => self.places[partition].end(),
                Act::HandOver => {
                    let heir = owner.unwrap_or_default();
                    self.say(&format!(
                        "partition {partition} goes to {heir}, which is warm: finishing what has been read"
                    ));
                    self.places[partition].end();
                }
            }
        }
    }

    fn start(&mut self, partition: usize, part: &'a EnginePart, start: &Start<'a, 's>, now: Instant) {
        let beside = Arc::new(Supervised::default());
        roll::expect([partition]);
        match start(part, &beside).context("its thread cannot be started") {
            Ok(thread) => self.places[partition].started(thread, beside, now),
            Err(error) => {
                let (_, pause) = self.places[partition].failed(explain(&error), now);
                note(&format!(
                    "warning: partition {partition}: {}; tries again in {} s",
                    explain(&error),
                    pause.as_secs()
                ));
            }
        }
    }

    /// Strikes this member out. What the server does not hear expires.
    fn leave(&mut self) {
        let Some(register) = &mut self.register else { return };
        if self.joined {
            let _ = register.leave(&self.card);
        }
        if let Some(lease) = &self.lease {
            let _ = register.resign(lease);
        }
    }
}

/// The name of this member: the configured one, or that of the host and the number of the process.
fn name(config: &Config) -> String {
    if !config.partitions.member.is_empty() {
        return config.partitions.member.clone();
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    format!("{host}-{}", std::process::id())
}

/// An assignment for people.
fn told(assignment: &Assignment) -> String {
    let mut names: Vec<&str> = assignment.owners.iter().flatten().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let each: Vec<String> = names.iter().map(|name| format!("{} to {name}", listed(&assignment.of(name)))).collect();
    format!("partitions: assignment {}: {}", assignment.generation, each.join("; "))
}
