//! Bars in memory to signals in memory, through aggregator and workers on threads of their own: how the cost of a bar grows
//! with the symbols, and what a second worker gives.
//!
//! Every symbol gets a bar a second, so that one bar in sixty closes one of a minute. A thread makes the messages, and
//! another takes what the workers find; all share the cores there are. The best of a few runs counts: other programs can
//! only make it slower.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/properties/plan.rs"]
#[allow(dead_code)]
mod plan;
#[path = "common/tape.rs"]
#[allow(dead_code)]
mod tape;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tape::Walk;
use wagehood_engine::{
    aggregate::Routes,
    config::Plan,
    engine::{AggregatorAgent, AggregatorWiring, Memory, RowsWanted, WorkerAgent, WorkerWiring},
    model::{Bar, BarMessage, Control, Directory, Head, SourceId, SymbolId, WorkerMessage},
    runtime::{Agent, Clock, Inlet, Parker, Work, ring},
    telemetry::{AggregatorCounters, Latency, Stage, WorkerCounters, recorder},
};

const RING: usize = 65_536;
/// Bars of one head: what the distance of a sequence has room for.
const RUN: usize = 100;
const BATCH: usize = 4_096;
const TIMEFRAMES: [&str; 4] = ["1s", "1m", "5m", "1h"];

/// Where a run's time and signals went.
struct Outcome {
    took: Duration,
    bars: usize,
    signals: u64,
}

fn spin(mut agent: impl Agent, clock: &Clock) {
    loop {
        match agent.do_work(clock.now()).unwrap() {
            Work::Done => return,
            Work::Idle => thread::yield_now(),
            Work::Busy(_) => {}
        }
    }
}

/// Takes what the workers send until all have ended; counts the signals.
fn collect(mut inlets: Vec<Inlet<WorkerMessage>>) -> u64 {
    let (mut signals, mut open) = (0, inlets.len());
    while open > 0 {
        let mut taken = 0;
        for inlet in &mut inlets {
            taken += inlet.drain(BATCH, |message| match message {
                WorkerMessage::Signal(_) => signals += 1,
                WorkerMessage::End => open -= 1,
                _ => {}
            });
        }
        if taken == 0 {
            thread::yield_now();
        }
    }
    signals
}

/// So many seconds of all symbols, second by second; a minute of each walk is played forwards and backwards.
fn feed(mut send: impl FnMut(BarMessage), minutes: &[Vec<Bar>], seconds: std::ops::Range<usize>) {
    let symbols = minutes.len();
    let mut seq = seconds.start * symbols + 1;
    for second in seconds {
        let (step, back) = (second % 60, second / 60 % 2 == 1);
        let at = if back { 59 - step } else { step };
        let ts = second as i64 * 1_000;
        for run in 0..symbols.div_ceil(RUN) {
            let source = SourceId::line(0, seq as u64);
            let head = Head { seq: seq as u64, arrival_ns: 0, source };
            send(BarMessage::Control(Control::Head(head)));
            for (k, minute) in minutes.iter().enumerate().skip(run * RUN).take(RUN) {
                send(BarMessage::Bar(Bar { ts, seq_delta: (k - run * RUN) as u8, ..minute[at] }));
            }
            seq += RUN.min(symbols - run * RUN);
        }
    }
}

fn run(plan: &Arc<Plan>, minutes: &[Vec<Bar>], workers: usize, warm_up: usize, seconds: usize) -> Outcome {
    let (symbols, clock) = (minutes.len(), Clock::new());
    let directory = Arc::new(Directory::new(symbols, &plan.timeframes));
    assert!((0..symbols).all(|k| directory.name_symbol(SymbolId(k as u16), &format!("S{k}"))));
    let (routes, memory) = (Routes::new(workers), Arc::new(Memory::new(0, workers)));
    let parker = Parker::new().unwrap();
    let waker = || parker.waker();
    let spill = 2 * symbols * TIMEFRAMES.len() + 16;
    let (mut bars_out, bars_in) = ring(RING, RUN + 16, waker(), waker());
    let (closed_out, closed_in): (Vec<_>, Vec<_>) = (0..workers).map(|_| ring(RING, spill, waker(), waker())).unzip();
    let (signals_out, signals_in): (Vec<_>, Vec<_>) = (0..workers).map(|_| ring(RING, 16, waker(), waker())).unzip();
    // The collectors stay: nobody asks them.
    let (read, _aggregate) = recorder(&[Latency::Stage(Stage::Aggregate)]).unwrap();
    let aggregator = AggregatorAgent::new(AggregatorWiring {
        directory: Arc::clone(&directory),
        plan: Arc::clone(plan),
        routes: routes.clone(),
        inlet: bars_in,
        outlets: closed_out,
        counters: AggregatorCounters::shared(),
        recorder: read,
        clock: clock.clone(),
        batch: BATCH,
        memory: Arc::clone(&memory),
    });
    let mut collectors = Vec::new();
    let rings = closed_in.into_iter().zip(signals_out).enumerate();
    let agents: Vec<WorkerAgent> = rings
        .map(|(index, (inlet, outlet))| {
            let (recorder, collector) = recorder(&[Latency::Stage(Stage::Evaluate)]).unwrap();
            collectors.push(collector);
            WorkerAgent::new(WorkerWiring {
                index,
                plan: Arc::clone(plan),
                routes: routes.clone(),
                wanted: RowsWanted::default(),
                directory: Arc::clone(&directory),
                inlet,
                outlet,
                counters: WorkerCounters::shared(),
                recorder,
                clock: clock.clone(),
                batch: BATCH,
                memory: Arc::clone(&memory),
                questions: None,
                sway: None,
            })
        })
        .collect();
    thread::scope(|scope| {
        let clock = &clock;
        scope.spawn(move || spin(aggregator, clock));
        agents.into_iter().for_each(|agent| drop(scope.spawn(move || spin(agent, clock))));
        let collector = scope.spawn(move || collect(signals_in));
        let mut send = |message: BarMessage| {
            bars_out.send(message);
            while !bars_out.flush() {
                thread::yield_now();
            }
        };
        feed(&mut send, minutes, 0..warm_up);
        // What is still in the rings is small beside what comes.
        let start = Instant::now();
        feed(&mut send, minutes, warm_up..warm_up + seconds);
        send(BarMessage::Control(Control::End));
        let signals = collector.join().unwrap();
        Outcome { took: start.elapsed(), bars: seconds * symbols, signals }
    })
}

fn main() {
    let measuring = std::env::args().any(|arg| arg == "--bench");
    let shapes: &[usize] = if measuring { &[100, 1_000, 10_000] } else { &[20] };
    println!("pipeline: bars of one second in memory to signals in memory, ns a bar, best of the runs");
    println!("{:>8} {:>8} {:>10} {:>14} {:>16}", "symbols", "workers", "ns a bar", "bars a second", "bars a signal");
    for &symbols in shapes {
        let mut plan = plan::plan(&TIMEFRAMES, &vec![u32::MAX; symbols]);
        plan.max_symbols = symbols;
        let plan = Arc::new(plan);
        let minutes: Vec<Vec<Bar>> = (0..symbols)
            .map(|k| {
                let mut walk = Walk::new(k as u64 * 7919 + 11);
                (0..60).map(|_| walk.next(k)).collect()
            })
            .collect();
        for workers in [1, 2] {
            let (runs, seconds) = if measuring { (5, (2_000_000 / symbols).max(200)) } else { (1, 300) };
            let outcomes = (0..runs).map(|_| run(&plan, &minutes, workers, 240, seconds));
            let best = outcomes.min_by_key(|outcome| outcome.took).unwrap();
            assert!(best.signals > 0);
            let ns = best.took.as_nanos() as f64 / best.bars as f64;
            let a_signal = best.bars as f64 / best.signals as f64;
            println!("{symbols:>8} {workers:>8} {ns:>10.1} {:>14.0} {a_signal:>16.1}", 1e9 / ns);
        }
    }
}
