//! A running engine: started from its setup, watched, halted, reported on.

use super::{
    Committing, Incidents, Keys, LetterBytes, PerformanceLedger, Probe, Questions, RefusalLog, RingSpec, Setup,
    SnapshotOptions, SnapshotProgress, SnapshotWriter, Topology,
    agents::Barriers,
    any_agent::AnyAgent,
    assembly::Assembly,
    governor::{HistoryGovernor, MemoryStanding},
    memory::Memory,
    saver,
    start_error::StartError,
    wiring::{Rings, Seats},
};
use crate::{
    config::Plan,
    judge::Judge,
    model::{Directory, MAX_TIMEFRAMES},
    publish::Sources,
    runtime::{AgentFailure, Clock, Halt, Placement, ThreadHandle},
    telemetry::{
        Collector, EngineCounters, EngineSnapshot, HistogramSet, Latency, LatencyRow, PerformanceRow, ProcessUsage,
        Report, StateCounters, memory_stalled_pct, resident_bytes,
    },
};
use std::{sync::Arc, thread::JoinHandle, time::Duration};

/// Time between two checks for a failure.
const FAILURE_LOOK: Duration = Duration::from_millis(50);

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    directory: Arc<Directory>,
    sources: Arc<Sources>,
    refusals: Arc<RefusalLog>,
    incidents: Arc<Incidents>,
    counters: EngineCounters,
    collectors: Vec<Collector>,
    memory: Arc<Memory>,
    ledger: Arc<PerformanceLedger>,
    questions: Option<Arc<Questions>>,
    threads: Vec<ThreadHandle>,
    /// Writes the snapshots; ends when the agents have.
    writer: Option<JoinHandle<()>>,
    /// How long histories may be, and the memory that there is for them, bytes.
    governor: HistoryGovernor,
    memory_bytes: Option<u64>,
    /// Ends every thread at once.
    halt: Halt,
    /// Stops the reader; the other agents drain and end.
    drain: Halt,
    /// Raised when the publisher has closed.
    done: Halt,
    clock: Clock,
    started_ns: u64,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// A file that cannot be created, a thread that cannot be started.
    pub fn start(setup: Setup, clock: Clock) -> Result<Self, StartError> {
        let (mut engine, agents, writer, seats) = Self::assemble(setup, clock)?;
        if let Some(writer) = writer {
            let thread = std::thread::Builder::new().name("snapshots".to_owned());
            engine.writer = Some(thread.spawn(move || writer.run())?);
        }
        engine.threads = seats.spawn(agents, &engine.clock, &mut engine.counters)?;
        engine.started_ns = engine.clock.ns();
        Ok(engine)
    }

    /// Everything but the threads: the engine, its agents in their order, what writes its snapshots, and the threads' seats.
    pub(super) fn assemble(
        setup: Setup,
        clock: Clock,
    ) -> Result<(Self, Vec<AnyAgent>, Option<SnapshotWriter>, Seats), StartError> {
        let Setup { plan, topology, directory, sources, source, outputs, rows, marks, restore, snapshots, incidents } =
            setup;
        let (halt, drain, done) = (Halt::new(), Halt::new(), Halt::new());
        // Where signals are decided on together, the publisher is told what is together.
        let table = topology.rings(&plan, marks || plan.has_signal_limits());
        let roles = Topology::agents(&table);
        let seats = Seats::new(&topology, roles.clone(), &clock, &halt)?;
        seats.wakers().for_each(|waker| drain.register(waker));
        let mut counters = EngineCounters::default();
        let rings = Rings::new(&table, &seats, &mut counters);
        let ring_bytes = table.iter().map(RingSpec::bytes).sum();
        let keys = Arc::new(Keys::new(&plan, rows.indicators(), &directory));
        let questions = rows.statistics.asked.then(|| Questions::new(topology.workers, seats.wakers().collect()));
        let mut assembly = Assembly {
            memory: Arc::new(Memory::new(ring_bytes, topology.workers)),
            ledger: Arc::new(PerformanceLedger::new(&plan)),
            questions: questions.map(Arc::new),
            plan,
            topology,
            directory,
            sources,
            source: Some(source),
            outputs: Some(outputs),
            rows,
            rings,
            clock,
            drain,
            done,
            refusals: Arc::default(),
            letters: LetterBytes::default(),
            committing: Committing::default(),
            counters,
            collectors: Vec::new(),
        };
        let mut agents = roles.into_iter().map(|role| assembly.agent(role)).collect::<Result<Vec<_>, _>>()?;
        if let Some(mut restored) = restore {
            agents.iter_mut().for_each(|agent| agent.restore(&mut restored));
        }
        let mut counters = assembly.counters;
        let writer = snapshots
            .map(|options| keep_snapshots(options, &keys, &mut agents, &mut counters, &incidents, &assembly.clock));
        let started_ns = assembly.clock.ns();
        let engine = Self {
            governor: HistoryGovernor::new(assembly.plan.halvings()),
            memory_bytes: assembly.topology.memory_bytes,
            plan: assembly.plan,
            directory: assembly.directory,
            sources: assembly.sources,
            refusals: assembly.refusals,
            incidents,
            counters,
            collectors: assembly.collectors,
            memory: assembly.memory,
            ledger: assembly.ledger,
            questions: assembly.questions,
            threads: Vec::new(),
            writer: None,
            halt,
            drain: assembly.drain,
            done: assembly.done,
            clock: assembly.clock,
            started_ns,
        };
        Ok((engine, agents, writer, seats))
    }

    /// Asks the engine to end after it has processed and written what it has read. Returns at once.
    pub fn drain(&self) {
        self.drain.raise();
    }

    /// Ends the threads at once, whatever they have left to do: what is not committed by then is not. Returns at once.
    pub fn abandon(&self) {
        self.halt.raise();
    }

    /// Waits until the engine has ended or failed, or the time is over; returns whether it has ended.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the main thread waits for the engine in real time")]
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = std::time::Instant::now() + timeout;
        loop {
            if self.threads.iter().all(ThreadHandle::is_finished) {
                return true;
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return false;
            }
            // The publisher ends last, unless a failure keeps it from raising the token.
            if self.done.wait(left.min(FAILURE_LOOK)) || self.halt.is_raised() {
                std::thread::sleep(left.min(Duration::from_millis(1)));
            }
        }
    }

    /// What another thread can see of it.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe {
            plan: Arc::clone(&self.plan),
            directory: Arc::clone(&self.directory),
            sources: Arc::clone(&self.sources),
            clock: self.clock.clone(),
            counters: self.counters.clone(),
            memory: Arc::clone(&self.memory),
            questions: self.questions.clone(),
            started_ns: self.started_ns,
        }
    }

    /// Names of symbols and timeframes.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Samples of what was refused.
    #[must_use]
    pub fn refusals(&self) -> &RefusalLog {
        &self.refusals
    }

    /// The unread lines about what has happened.
    #[must_use]
    pub fn incidents(&self) -> Vec<String> {
        self.incidents.take()
    }

    /// The placement of the threads, by name.
    pub fn placements(&self) -> impl Iterator<Item = (&str, &Placement)> {
        self.threads.iter().map(|thread| (thread.name(), thread.placement()))
    }

    /// The counters at this moment.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        self.counters.snapshot()
    }

    /// Time since the start, ns.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        self.clock.ns() - self.started_ns
    }

    /// What the signals were worth so far, by timeframe and strategy, where that is followed.
    #[must_use]
    pub fn performance(&self) -> Vec<PerformanceRow> {
        self.ledger.rows()
    }

    /// What the signals were worth, once the engine has ended, where that was followed.
    #[must_use]
    pub fn take_judge(&mut self) -> Option<Judge> {
        Arc::get_mut(&mut self.ledger)?.take_judge()
    }

    /// Looks at the memory that there is, and has the workers shorten histories or lengthen them again; gives a line for people
    /// where that changes anything. Reads a few small files of the kernel's.
    #[must_use]
    pub fn look_at_memory(&mut self) -> Option<String> {
        let budget = self.memory_bytes?;
        let now_ms = self.elapsed_ns() / 1_000_000;
        let standing = MemoryStanding { resident: resident_bytes(None), budget, stalled_pct: memory_stalled_pct() };
        let line = self.governor.look(now_ms, &standing)?;
        self.memory.halvings.set(self.governor.halvings().into());
        Some(line)
    }

    /// Asks the threads for their histograms. The next [`collect`](Self::collect), some milliseconds later, gets them.
    pub fn request(&mut self) {
        self.collectors.iter_mut().for_each(Collector::request);
    }

    /// Adds what the threads have handed over to the totals, and shows it to `recent`.
    pub fn collect(&mut self, mut recent: impl FnMut(&HistogramSet)) {
        for collector in &mut self.collectors {
            if collector.collect() {
                recent(collector.interval());
            }
        }
    }

    /// The histograms since the start.
    ///
    /// # Errors
    /// As [`HistogramSet::new`].
    pub fn histograms(&self) -> Result<HistogramSet, hdrhistogram::CreationError> {
        let mut all = HistogramSet::new(&Latency::ALL)?;
        for collector in &self.collectors {
            all.add(collector.total());
        }
        Ok(all)
    }

    /// The report as of now.
    ///
    /// # Errors
    /// As [`HistogramSet::new`].
    pub fn report(&self) -> Result<Report, hdrhistogram::CreationError> {
        let histograms = self.histograms()?;
        let row = |latency: Latency| {
            let budget_ns = match latency {
                Latency::Style(style) => Some(self.plan.styles[style.index()].budget_ms * 1_000_000),
                Latency::Stage(_) => None,
            };
            LatencyRow { latency, summary: histograms.summary(latency), budget_ns }
        };
        // Before the time is taken: what they count lies within it, so that no share exceeds the whole.
        let counters = self.snapshot();
        let mut memory = self.memory.read();
        memory.push(("histograms".to_owned(), 3 * histograms.bytes() as u64));
        Ok(Report {
            elapsed_ns: self.elapsed_ns(),
            warm_up: None,
            full_speed: false,
            latencies: Latency::ALL.into_iter().map(row).collect(),
            counters,
            timeframes: self.plan.timeframes.iter().map(ToString::to_string).collect(),
            roster: self.plan.roster,
            performance: self.ledger.rows(),
            memory,
            process: ProcessUsage::read(),
        })
    }

    /// Waits for the threads and collects their last histograms.
    ///
    /// # Errors
    /// The first failure.
    pub fn join(&mut self) -> Result<(), AgentFailure> {
        let mut result = Ok(());
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            result = result.and(ended);
        }
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            self.incidents.note("warning: the thread that writes snapshots failed".to_owned());
        }
        for collector in &mut self.collectors {
            collector.collect();
        }
        match self.halt.failure() {
            Some(failure) => Err(failure),
            None => result,
        }
    }
}

/// Gives every agent a saver; what writes the snapshots.
fn keep_snapshots(
    options: SnapshotOptions,
    keys: &Arc<Keys>,
    agents: &mut [AnyAgent],
    counters: &mut EngineCounters,
    incidents: &Arc<Incidents>,
    clock: &Clock,
) -> SnapshotWriter {
    let (progress, mut ends) = (SnapshotProgress::default(), Vec::new());
    for agent in agents {
        let (saver, end) = saver(keys);
        ends.push(end);
        match agent {
            AnyAgent::Reader(reader) => {
                reader.snapshots(Barriers::new(saver, options.interval_ns, progress.clone()), &options.inputs);
            }
            AnyAgent::Aggregator(aggregator) => aggregator.snapshots(saver),
            AnyAgent::Worker(worker) => worker.snapshots(saver),
            AnyAgent::Publisher(publisher) => publisher.snapshots(saver),
        }
    }
    let state = StateCounters::shared();
    counters.state = Some(Arc::clone(&state));
    SnapshotWriter::new(ends, options, progress, Arc::clone(incidents), state, clock.clone())
}

const _: () = assert!(MAX_TIMEFRAMES <= 32, "sets of timeframes are 32 bits");
