//! One run: engines that live and die in a world, step by step, on one thread.

use crate::{
    disk::Disk,
    market::{Market, STREAMS},
    plan::{Fault, Plan},
    random::Random,
    server::{Planted, Server},
    world::{Arrival, Shared, World},
};
use clap::Parser;
use std::{
    cell::{Cell, RefCell},
    fs,
    mem::take,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use wagehood_engine::{
    cli::{
        Host, Simulated,
        args::{Action, Cli, RunArgs},
        on_redis,
    },
    engine::Steps,
    runtime::{Clock, Work},
};

const NS: u64 = 1_000_000;
/// Time after which a dead engine is started again, ns.
const REST_NS: u64 = 300 * NS;
/// The engine that is started by mistake, or to stand by.
const RIVAL: usize = 1;

/// An engine as its supervisor has it.
#[derive(Default)]
struct Slot {
    steps: Option<Steps>,
    /// When it is started where it does not run, ns; never where it is not wanted.
    start_ns: Option<u64>,
    is_starting: bool,
    standby: bool,
    lives: u64,
    /// Until when it does nothing, ns.
    paused_ns: u64,
    disk: Arc<Disk>,
    /// Until when its directory takes no files, ns; whether something is in its place.
    diskless_ns: u64,
    is_blocked: bool,
    /// Whether its operator has read that something is not as it was left, and wants it to go on.
    accepts: bool,
    /// Starts that have failed.
    failures: u64,
    stop: Arc<AtomicBool>,
}

pub struct Sim {
    pub world: Shared,
    clock: Clock,
    plan: Plan,
    market: Market,
    dir: PathBuf,
    slots: [RefCell<Slot>; 2],
    random: RefCell<Random>,
    faults: RefCell<Vec<(u64, Fault)>>,
    over: Cell<bool>,
    /// Whether settings have changed.
    changed: Cell<bool>,
}

/// Why a run has come to no end.
#[derive(Debug)]
pub struct Stuck(pub String);

fn args(standby: bool, accepts: bool) -> RunArgs {
    let words = ["wagehood-engine", "run", "--redis", "redis://simulated:6379"];
    let options = [standby.then_some("--standby"), accepts.then_some("--accept-loss")];
    let cli = Cli::parse_from(words.into_iter().chain(options.into_iter().flatten()));
    let Action::Run(args) = cli.command else { unreachable!() };
    args
}

impl Sim {
    /// A run with the faults of a plan, or without any, of input that comes as it is given.
    pub fn new(
        plan: &Plan,
        market: &Market,
        feed: Vec<Arrival>,
        faulty: bool,
        planted: Planted,
        dir: &Path,
    ) -> Rc<Self> {
        let (clock, hand) = Clock::mock();
        hand.step_system((crate::market::START_MS * NS) as i64);
        clock.resync();
        let mut server = Server::new(plan.seed, crate::market::START_MS);
        server.data.is_old = plan.is_old_server;
        server.planted = planted;
        server.is_verbose = std::env::var_os("TRACE").is_some();
        server.has_replica = faulty && plan.has(|fault| *fault == Fault::FailOver);
        let world = World::new(clock.clone(), hand, server, feed, market.steps.clone());
        let first = Slot { start_ns: Some(0), ..Slot::default() };
        Rc::new(Self {
            world: Shared::new(world),
            clock,
            plan: plan.clone(),
            market: market.clone(),
            dir: dir.to_owned(),
            slots: [first, Slot::default()].map(RefCell::new),
            random: RefCell::new(Random::new(plan.seed, if faulty { "steps" } else { "undisturbed" })),
            faults: RefCell::new(if faulty { plan.faults.clone() } else { Vec::new() }),
            over: Cell::new(false),
            changed: Cell::new(false),
        })
    }

    fn now_ns(&self) -> u64 {
        self.clock.ns()
    }

    fn note(&self, text: impl Into<String>) {
        let now_ns = self.now_ns();
        self.world.get().server.note(now_ns, text);
    }

    fn state_dir(&self, slot: usize) -> PathBuf {
        self.dir.join(format!("state-{slot}"))
    }

    /// When the input has been over for so long that no bar is open any more, ns.
    fn quiet_ns(&self) -> u64 {
        const LONGEST_NS: u64 = 300_000 * NS;
        // Lateness, stall and lag have passed by then, and no bar is left that may close or not.
        let over_ns = self.market.end_ns.next_multiple_of(LONGEST_NS) + 90_000 * NS;
        // What is behind closes as late as it is behind.
        over_ns + if self.market.symbols[1].is_empty() { 0 } else { LONGEST_NS }
    }

    /// Runs to the end: everything has happened and everything is committed.
    pub fn run(self: &Rc<Self>) -> Result<(), Stuck> {
        let limit_ns = self.quiet_ns() + 120_000 * NS;
        while !self.is_finished() {
            self.turn(None, u64::MAX);
            if self.now_ns() > limit_ns {
                return Err(Stuck(self.why()));
            }
        }
        self.over.set(true);
        for (index, slot) in self.slots.iter().enumerate() {
            let mut slot = slot.borrow_mut();
            slot.start_ns = None;
            slot.paused_ns = 0;
            if let Some(steps) = &slot.steps {
                steps.engine().drain();
                drop(slot);
                self.note(format!("engine {index} is asked to end"));
            }
        }
        while self.slots.iter().any(|slot| slot.borrow().steps.is_some()) {
            self.turn(None, u64::MAX);
            if self.now_ns() > limit_ns + 60_000 * NS {
                return Err(Stuck(format!("an engine does not end: {}", self.why())));
            }
        }
        Ok(())
    }

    fn why(&self) -> String {
        let alive: Vec<bool> = self.slots.iter().map(|slot| slot.borrow().steps.is_some()).collect();
        let world = self.world.get();
        let position = world.server.data.hash("wagehood:engine:position:main");
        let position: Vec<String> = position
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        format!("alive {alive:?}, fed {}, position {position:?}", world.is_fed())
    }

    /// Whether nothing is left to happen.
    fn is_finished(&self) -> bool {
        if self.now_ns() < self.quiet_ns() || !self.faults.borrow().is_empty() {
            return false;
        }
        let runs = |slot: &RefCell<Slot>| {
            let slot = slot.borrow();
            slot.steps.is_some() && slot.paused_ns <= self.now_ns()
        };
        if !self.slots.iter().any(runs) {
            return false;
        }
        let world = self.world.get();
        let data = &world.server.data;
        let position = data.hash("wagehood:engine:position:main");
        world.is_fed()
            && world.server.ambushes.is_empty()
            && STREAMS.iter().all(|(name, ..)| {
                let Some(stream) = data.stream(name) else { return true };
                let found = position.and_then(|position| position.get(name.as_bytes()));
                found.is_some_and(|id| *id == stream.last.to_string().into_bytes())
            })
    }

    /// One turn of everything but the engine that is starting; then time passes until something can happen, at most up to
    /// `until_ns`.
    fn turn(self: &Rc<Self>, starting: Option<usize>, until_ns: u64) {
        self.strike();
        for index in 0..2 {
            let due = {
                let slot = self.slots[index].borrow();
                !slot.is_starting
                    && slot.steps.is_none()
                    && slot.start_ns.is_some_and(|ns| ns <= self.now_ns())
                    && !self.over.get()
            };
            if due {
                self.start(index);
            }
        }
        let mut busy = false;
        for index in (0..2).filter(|index| Some(*index) != starting) {
            busy |= self.step(index);
        }
        let now_ns = self.now_ns();
        let next_ns = if busy { now_ns + 1_000 } else { self.next_ns().clamp(now_ns + 20_000, now_ns + 1_000 * NS) };
        self.world.get().advance_to(next_ns.min(until_ns.max(now_ns)));
    }

    /// When something can happen next, ns.
    fn next_ns(&self) -> u64 {
        let now_ns = self.now_ns();
        let mut next_ns = self.world.get().next_event_ns().unwrap_or(u64::MAX);
        if let Some((at_ns, _)) = self.faults.borrow().first() {
            next_ns = next_ns.min(*at_ns);
        }
        for slot in &self.slots {
            let slot = slot.borrow();
            let start_ns = slot.start_ns.filter(|_| slot.steps.is_none() && !slot.is_starting);
            let deadline_ns = slot.steps.as_ref().and_then(Steps::deadline_ns).filter(|_| slot.paused_ns <= now_ns);
            let pause_ns = Some(slot.paused_ns).filter(|&ns| ns > now_ns);
            next_ns = [start_ns, deadline_ns, pause_ns].into_iter().flatten().fold(next_ns, u64::min);
        }
        next_ns
    }

    /// Duty cycles of an engine's agents, in some order; whether one of them did anything.
    fn step(&self, index: usize) -> bool {
        let Some(mut steps) = self.slots[index].borrow_mut().steps.take() else { return false };
        if self.slots[index].borrow().paused_ns > self.now_ns() {
            self.slots[index].borrow_mut().steps = Some(steps);
            return false;
        }
        let mut order: Vec<usize> = (0..steps.agents()).collect();
        let mut busy = false;
        for k in (1..order.len()).rev() {
            order.swap(k, self.random.borrow_mut().below(k as u64 + 1) as usize);
        }
        for agent in order {
            if self.random.borrow_mut().chance(10) {
                continue;
            }
            match steps.step(agent) {
                Ok(work) => busy |= work != Work::Idle,
                Err(error) => {
                    self.tell(index, &steps);
                    self.note(format!("engine {index} fails: {error}"));
                    steps.close();
                    drop(steps);
                    self.ended(index);
                    return true;
                }
            }
            let passed_ns = 500 + self.random.borrow_mut().skewed(40_000);
            self.world.get().advance_to(self.now_ns() + passed_ns);
            if self.world.get().server.dead[index] {
                self.die(index, steps);
                return true;
            }
        }
        if self.random.borrow_mut().chance(30) {
            busy |= steps.save();
        }
        self.tell(index, &steps);
        if steps.is_over() {
            while steps.save() {}
            self.tell(index, &steps);
            drop(steps);
            self.note(format!("engine {index} has ended"));
            self.ended(index);
        } else {
            self.slots[index].borrow_mut().steps = Some(steps);
        }
        busy
    }

    fn tell(&self, index: usize, steps: &Steps) {
        for line in steps.engine().incidents() {
            self.note(format!("engine {index}: {line}"));
        }
    }

    /// The process is dead: nothing is closed in order.
    fn die(&self, index: usize, steps: Steps) {
        self.note(format!("engine {index} is killed"));
        drop(steps);
        if self.random.borrow_mut().chance(30) {
            // What it was writing stays as it was.
            let _ = fs::write(self.state_dir(index).join("main-0000000000000000-0000000009.tmp"), b"half");
        }
        self.ended(index);
    }

    fn ended(&self, index: usize) {
        self.world.get().server.dead[index] = false;
        let mut slot = self.slots[index].borrow_mut();
        slot.start_ns = slot.start_ns.map(|_| self.clock.ns() + REST_NS);
    }

    fn start(self: &Rc<Self>, index: usize) {
        let (life, args, stop) = {
            let mut slot = self.slots[index].borrow_mut();
            slot.lives += 1;
            slot.is_starting = true;
            slot.stop = Arc::new(AtomicBool::new(false));
            (slot.lives, args(slot.standby, take(&mut slot.accepts)), Arc::clone(&slot.stop))
        };
        let dir = self.state_dir(index);
        let config = self.plan.config(&self.market, 2 * life + index as u64, self.changed.get(), &dir);
        self.note(format!(
            "engine {index} starts, life {life}: {} workers, rings of {}",
            config.engine.workers, config.engine.ring_size
        ));
        let (sleeper, sayer) = (Rc::clone(self), Rc::clone(self));
        let host = Host::simulated(
            self.clock.clone(),
            Simulated {
                network: self.world.network(index),
                seed: self.plan.seed.wrapping_mul(31).wrapping_add(2 * life + index as u64),
                disk: self.slots[index].borrow().disk.clone(),
                sleep: Box::new(move |duration| sleeper.sleep(index, duration)),
                say: Box::new(move |line| sayer.note(format!("engine {index}: {line}"))),
            },
        );
        let made = on_redis(&host, &config, &args, &stop, &Default::default())
            .map_err(|error| format!("{error:#}"))
            .and_then(|mut prepared| {
                self.note(format!("engine {index}: {}", prepared.about));
                // Buffers may have any sizes: no entry depends on them.
                let seed = self.plan.seed;
                prepared.setup.topology.sway = seed.is_multiple_of(3).then_some(seed + life);
                Steps::new(prepared.setup, self.clock.clone()).map_err(|error| error.to_string())
            });
        self.slots[index].borrow_mut().is_starting = false;
        match made {
            Ok(steps) if self.world.get().server.dead[index] => self.die(index, steps),
            Ok(steps) => self.slots[index].borrow_mut().steps = Some(steps),
            Err(error) => {
                self.note(format!("engine {index} does not start: {error}"));
                self.ended(index);
                // Whoever has made the mistake notices.
                let mut slot = self.slots[index].borrow_mut();
                slot.failures += 1;
                slot.accepts = error.contains("--accept-loss");
                if index == RIVAL && slot.failures == 3 {
                    slot.start_ns = None;
                }
            }
        }
    }

    /// Time passes for everybody but the engine that is starting.
    fn sleep(self: &Rc<Self>, index: usize, duration: Duration) {
        let until_ns = self.now_ns() + duration.as_nanos() as u64;
        while self.now_ns() < until_ns && !self.world.get().server.dead[index] {
            self.turn(Some(index), until_ns);
        }
        if self.is_finished() || self.over.get() || self.world.get().server.dead[index] {
            self.slots[index].borrow().stop.store(true, Relaxed);
        }
    }

    /// Brings about what is due.
    fn strike(&self) {
        let now_ns = self.now_ns();
        for index in 0..2 {
            let mut slot = self.slots[index].borrow_mut();
            if slot.diskless_ns > 0 && slot.diskless_ns <= now_ns {
                slot.diskless_ns = 0;
                slot.disk.mend();
                if take(&mut slot.is_blocked) {
                    let _ = fs::remove_file(self.state_dir(index));
                }
            }
        }
        loop {
            let due = self.faults.borrow().first().copied().filter(|(at_ns, _)| *at_ns <= now_ns);
            let Some((_, fault)) = due else { return };
            self.faults.borrow_mut().remove(0);
            self.note(format!("fault: {fault:?}"));
            self.bring_about(fault, now_ns);
        }
    }

    fn bring_about(&self, fault: Fault, now_ns: u64) {
        let until = |ms: u64| now_ns + ms * NS;
        match fault {
            Fault::Kill(index) => {
                let steps = self.slots[index].borrow_mut().steps.take();
                match steps {
                    Some(steps) => self.die(index, steps),
                    // In the middle of its start, if it is at that.
                    None => self.world.get().server.dead[index] = self.slots[index].borrow().is_starting,
                }
            }
            Fault::Stop(index) => {
                if let Some(steps) = &self.slots[index].borrow().steps {
                    steps.engine().drain();
                }
            }
            Fault::Pause(index, ms) => self.slots[index].borrow_mut().paused_ns = until(ms),
            Fault::Cut(role, late) => self.world.get().server.cut(role, late, now_ns),
            Fault::Freeze(ms) => self.world.get().server.frozen_ns = until(ms),
            Fault::Restart(down_ms, load_ms) => {
                self.world.get().server.restart(until(down_ms), until(down_ms + load_ms), now_ns);
            }
            Fault::NoMemory(ms) => self.world.get().server.full_ns = until(ms),
            Fault::Ambush(ahead, ambush) => {
                let mut world = self.world.get();
                let number = world.server.transactions + ahead;
                world.server.ambushes.push((number, ambush));
            }
            Fault::CutFile(index) => self.spoil(index, |bytes, random| {
                bytes.truncate(random.below(bytes.len() as u64) as usize);
            }),
            Fault::FlipByte(index) => self.spoil(index, |bytes, random| {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }),
            Fault::LoseFiles(index) => drop(fs::remove_dir_all(self.state_dir(index))),
            Fault::NoDisk(index, ms) => {
                // A file in the directory's place: nothing can be written or read there.
                let dir = self.state_dir(index);
                let _ = fs::remove_dir_all(&dir);
                let _ = fs::write(&dir, b"in the way");
                let mut slot = self.slots[index].borrow_mut();
                (slot.diskless_ns, slot.is_blocked) = (until(ms), true);
            }
            Fault::Disk(index, left, is_broken, ms) => {
                let mut slot = self.slots[index].borrow_mut();
                slot.disk.fill(left, is_broken);
                slot.diskless_ns = slot.diskless_ns.max(until(ms));
            }
            Fault::Trim(percent) => self.world.get().trim(percent),
            Fault::FailOver => self.world.get().fail_over(),
            Fault::Change => {
                self.changed.set(true);
                self.bring_about(Fault::Kill(0), now_ns);
            }
            Fault::Rival(standby) => {
                let mut slot = self.slots[RIVAL].borrow_mut();
                slot.standby = standby;
                slot.start_ns.get_or_insert(now_ns);
            }
        }
    }

    /// Changes the bytes of the newest snapshot.
    fn spoil(&self, index: usize, change: impl FnOnce(&mut Vec<u8>, &mut Random)) {
        let Ok(dir) = fs::read_dir(self.state_dir(index)) else { return };
        let files =
            dir.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "snapshot"));
        if let Some(newest) = files.max() {
            let mut bytes = fs::read(&newest).unwrap();
            if !bytes.is_empty() {
                change(&mut bytes, &mut self.random.borrow_mut());
                fs::write(&newest, bytes).unwrap();
            }
        }
    }
}
