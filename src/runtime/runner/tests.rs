//! Tests of the runner: the end of the work, failures, deadlines, idling, placement.

use super::*;
use crate::runtime::affinity::available_cores;
use crate::runtime::composite::AgentGroup;
use crate::runtime::ring::{Inlet, Outlet, ring};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const PARKED: IdleStrategy = IdleStrategy::Backoff { spins: 1, yields: 1, park_us: 20_000_000 };

fn seat(name: &str, halt: &Halt) -> Seat {
    Seat::new(name, None, PARKED, &Clock::new(), halt).unwrap()
}

/// The agents of a pipeline: a source of numbers, and their sum at the other end; or a closure.
enum Stage {
    Source { next: u64, end: u64, out: Outlet<u64> },
    Double { input: Inlet<u64>, out: Outlet<u64> },
    Sink { input: Inlet<u64>, sum: Arc<AtomicU64> },
    Call(Box<dyn FnMut(Now) -> Result<Work, AgentError> + Send>),
    Alarm(u64, Arc<AtomicU64>),
}

impl Agent for Stage {
    fn name(&self) -> &str {
        match self {
            Self::Source { .. } => "source",
            Self::Double { .. } => "double",
            Self::Sink { .. } => "sink",
            Self::Call(_) => "call",
            Self::Alarm(..) => "alarm",
        }
    }

    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        Ok(match self {
            Self::Source { next, end, out } => {
                if !out.flush() {
                    return Ok(Work::Idle);
                }
                if next == end {
                    return Ok(Work::Done);
                }
                let batch = (*end - *next).min(16);
                (*next..*next + batch).for_each(|n| out.send(n));
                *next += batch;
                out.publish();
                Work::of(batch as usize)
            }
            Self::Double { input, out } => {
                if !out.flush() {
                    return Ok(Work::Idle);
                }
                let taken = input.drain(8, |n| out.send(2 * n));
                out.publish();
                if taken == 0 && out.is_clear() && input.is_finished() { Work::Done } else { Work::of(taken) }
            }
            Self::Sink { input, sum } => {
                let taken = input.drain(8, |n| sum.store(sum.load(Relaxed) + n, Relaxed));
                if taken == 0 && input.is_finished() { Work::Done } else { Work::of(taken) }
            }
            Self::Call(call) => return call(now),
            Self::Alarm(at, rung) if now.ns >= *at => {
                rung.store(now.ns, Relaxed);
                Work::Done
            }
            Self::Alarm(..) => Work::Idle,
        })
    }

    fn deadline_ns(&self) -> Option<u64> {
        if let Self::Alarm(at, _) = self { Some(*at) } else { None }
    }
}

/// Idle until it has been parked for 20 ms, however late the system schedules it.
struct Waits {
    /// Whether it is idle because there is no room for its output.
    blocked: bool,
    counters: Arc<CachePadded<AgentCounters>>,
    until_ns: u64,
}

impl Agent for Waits {
    fn name(&self) -> &str {
        "waits"
    }

    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        if self.counters.parks.get() == 0 {
            self.until_ns = now.ns + 20_000_000;
        }
        Ok(if now.ns < self.until_ns { Work::Idle } else { Work::Done })
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.until_ns)
    }

    fn is_blocked(&self) -> bool {
        self.blocked
    }
}

#[test]
fn a_thread_tells_blocked_from_idle_and_what_the_kernel_did_to_it() {
    let (halt, clock) = (Halt::new(), Clock::new());
    let [stuck, idle] = [true, false].map(|blocked| {
        let seat = Seat::new("waits", None, PARKED, &clock, &halt).unwrap();
        let counters = seat.counters();
        let agent = Waits { blocked, counters: Arc::clone(&counters), until_ns: 0 };
        (seat.spawn(agent).unwrap(), counters)
    });
    let [stuck, idle] = [stuck, idle].map(|(thread, counters)| {
        thread.join().unwrap();
        counters.read()
    });
    assert!(stuck.blocked_ns == stuck.idle_ns && stuck.idle_ns > 5_000_000, "{stuck:?}");
    assert!(idle.blocked_ns == 0 && idle.idle_ns > 5_000_000, "{idle:?}");
    // Each thread parks until its time comes.
    assert!(stuck.voluntary_switches > 0 && idle.voluntary_switches > 0, "{stuck:?} {idle:?}");
    assert!(available_cores().contains(&(stuck.last_core as usize)));
}

const COUNT: u64 = 50_000;

fn pipeline(wakers: [Waker; 3]) -> ([Stage; 3], Arc<AtomicU64>) {
    let [first, second, third] = wakers;
    let (out, input) = ring(4, 16, first, second.clone());
    let (doubled, last) = ring(2, 8, second, third);
    let sum = Arc::new(AtomicU64::new(0));
    let sink = Stage::Sink { input: last, sum: Arc::clone(&sum) };
    ([Stage::Source { next: 0, end: COUNT, out }, Stage::Double { input, out: doubled }, sink], sum)
}

#[test]
fn a_pipeline_runs_on_three_threads_and_on_one() {
    let halt = Halt::new();
    let seats = ["a", "b", "c"].map(|name| seat(name, &halt));
    let (stages, sum) = pipeline(std::array::from_fn(|i| seats[i].waker()));
    let threads: Vec<_> = seats.into_iter().zip(stages).map(|(seat, stage)| seat.spawn(stage).unwrap()).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(sum.load(Relaxed), COUNT * (COUNT - 1));

    let (alone, clock) = (seat("alone", &halt), Clock::new());
    let (stages, sum) = pipeline(std::array::from_fn(|_| alone.waker()));
    let mut all = AgentGroup::new("all".to_owned(), clock);
    for stage in stages {
        all.add(stage);
    }
    let counters = alone.counters();
    alone.run(all).unwrap();
    assert_eq!(sum.load(Relaxed), COUNT * (COUNT - 1));
    assert!(counters.work.get() >= 3 * COUNT && counters.duty_ns_max.get() > 0);
    assert!(!halt.is_raised());
}

#[test]
fn a_failure_stops_the_others_with_its_reason() {
    let halt = Halt::new();
    let idle = seat("idle", &halt).spawn(Stage::Call(Box::new(|_| Ok(Work::Idle)))).unwrap();
    let mut left = 100;
    let broken = Stage::Call(Box::new(move |_| {
        left -= 1;
        if left == 0 { Err("no more".into()) } else { Ok(Work::Busy(1)) }
    }));
    let failure = seat("broken", &halt).spawn(broken).unwrap().join().unwrap_err();
    assert_eq!(failure.to_string(), "call on thread broken failed: no more");
    assert!(idle.join().is_ok());
    assert_eq!(halt.failure().map(|first| first.to_string()), Some(failure.to_string()));
}

#[test]
fn a_panic_is_reported_with_the_member_that_panicked() {
    let halt = Halt::new();
    let mut both = AgentGroup::new("both".to_owned(), Clock::new());
    both.add(Stage::Alarm(u64::MAX, Arc::default()));
    both.add(Stage::Call(Box::new(|now| panic!("at {} ns", now.wall_ns.signum()))));
    let failure = seat("shared", &halt).spawn(both).unwrap().join().unwrap_err();
    assert_eq!(failure.to_string(), "call on thread shared panicked: at 1 ns");
    assert!(halt.is_raised());
    let made = seat("made", &halt).spawn_with(|| -> Stage { panic!("not even started") }).unwrap();
    assert_eq!(made.join().unwrap_err().message, "not even started");
}

#[test]
fn a_deadline_ends_the_park() {
    let (clock, halt) = (Clock::new(), Halt::new());
    let (at, rung) = (clock.ns() + 30_000_000, Arc::new(AtomicU64::new(0)));
    let seat = Seat::new("alarm", None, PARKED, &clock, &halt).unwrap();
    seat.run(Stage::Alarm(at, Arc::clone(&rung))).unwrap();
    assert!((at..at + 5_000_000_000).contains(&rung.load(Relaxed)));
}

#[test]
fn a_parked_thread_costs_next_to_nothing_and_halts_at_once() {
    let (clock, halt) = (Clock::new(), Halt::new());
    let cycles = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&cycles);
    let agent = Stage::Call(Box::new(move |_| {
        count.fetch_add(1, Relaxed);
        Ok(Work::Idle)
    }));
    let seat = Seat::new("parked", None, IdleStrategy::default(), &clock, &halt).unwrap();
    let parks = seat.counters();
    let thread = seat.spawn(agent).unwrap();
    // However little CPU time it gets.
    let start = Instant::now();
    while parks.parks.get() < 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "{} parks", parks.parks.get());
        std::thread::sleep(Duration::from_millis(10));
    }
    let start = Instant::now();
    halt.raise();
    thread.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    // Two checks per park of 10 ms, after a hundred spins and ten yields.
    let (cycles, parked) = (cycles.load(Relaxed), parks.parks.get());
    assert!((10..=120 + 2 * parked).contains(&cycles), "{cycles} duty cycles, {parked} parks");
    assert!(parks.idle_ns.get() > 100_000_000);
}

#[test]
fn a_thread_is_pinned_or_says_why_not() {
    let halt = Halt::new();
    let done = || Stage::Call(Box::new(|_| Ok(Work::Done)));
    let core = available_cores()[0];
    let pinned = Seat::new("pinned", Some(core), PARKED, &Clock::new(), &halt).unwrap().spawn(done()).unwrap();
    assert_eq!(pinned.placement(), &Placement { core: Some(core), mask: vec![core], error: None });
    let nowhere = Seat::new("nowhere", Some(1_020), PARKED, &Clock::new(), &halt).unwrap().spawn(done()).unwrap();
    assert!(nowhere.placement().error.is_some());
    pinned.join().unwrap();
    nowhere.join().unwrap();
}
