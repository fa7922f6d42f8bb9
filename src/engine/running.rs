//! A running engine: started from its setup, watched, halted, reported on.

use super::{
    AggregatorAgent, BatchRules, Committing, FileOutput, Incidents, Intake, IntakeWiring, LetterBytes, Note, Output,
    Progress, PublisherAgent, PublisherWiring, ReaderAgent, RedisOutput, RefusalLog, Setup, SnapshotOptions,
    SnapshotWriter, Source, Topology, WorkerAgent, WorkerWiring, agents::Barriers, any_agent::AnyAgent, memory::Memory,
    saver,
};
use crate::{
    aggregate::Routes,
    config::Plan,
    model::{BarMessage, Directory, MAX_TIMEFRAMES, TradingStyle, WorkerMessage},
    publish::{FileError, Latest},
    runtime::{AgentFailure, Clock, Composite, Halt, Inlet, Outlet, Placement, Seat, ThreadHandle, Waker, ring},
    state::StateError,
    telemetry::{
        AggregatorCounters, Collector, EngineCounters, EngineSnapshot, HistogramSet, Latency, LatencyRow, ProcessUsage,
        PublisherCounters, ReaderCounters, Recorder, Report, Stage, StateCounters, WorkerCounters, recorder,
    },
};
use std::{io, sync::Arc, thread::JoinHandle, time::Duration};

/// Messages one entry can cause in the reader: a frame of bars, and heads.
const ENTRY_MESSAGES: usize = 2 * crate::feed::MAX_FRAME_RECORDS + 8;
/// Symbols that a replay without a watchlist makes room for in the spills before it starts.
const EXPECTED_SYMBOLS: usize = 1_024;

/// Time between two looks for a failure.
const FAILURE_LOOK: Duration = Duration::from_millis(50);

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file could not be created.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system has no thread or file descriptor left.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// A snapshot is not one of this configuration.
    #[error("the snapshot cannot be taken over")]
    State(#[from] StateError),
    /// The histograms could not be made.
    #[error("cannot make the histograms")]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// An engine at work.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    directory: Arc<Directory>,
    refusals: Arc<RefusalLog>,
    incidents: Arc<Incidents>,
    counters: EngineCounters,
    collectors: Vec<Collector>,
    memory: Arc<Memory>,
    threads: Vec<ThreadHandle>,
    /// Writes the snapshots; ends when the agents have.
    writer: Option<JoinHandle<()>>,
    /// Ends every thread at once.
    halt: Halt,
    /// Ends the reading; the rest follows by itself.
    drain: Halt,
    /// Raised when the publisher has closed.
    done: Halt,
    clock: Clock,
    started_ns: u64,
}

/// The threads' seats: one for all agents, or one each.
struct Seats {
    seats: Vec<Seat>,
    shared: bool,
}

impl Seats {
    fn new(topology: &Topology, clock: &Clock, halt: &Halt) -> io::Result<Self> {
        let cores = topology.cores.as_ref();
        let seat = |name: &str, core| Seat::new(name, core, topology.idle, clock, halt);
        if topology.shared {
            let core = cores.and_then(|c| c.reader);
            return Ok(Self { seats: vec![seat("pipeline", core)?], shared: true });
        }
        let mut seats =
            vec![seat("reader", cores.and_then(|c| c.reader))?, seat("aggregator", cores.and_then(|c| c.aggregator))?];
        for worker in 0..topology.workers {
            let core = cores.and_then(|c| c.workers.get(worker).copied());
            seats.push(seat(&format!("worker {worker}"), core)?);
        }
        seats.push(seat("publisher", cores.and_then(|c| c.publisher))?);
        Ok(Self { seats, shared: false })
    }

    fn waker(&self, agent: usize) -> Waker {
        self.seats[if self.shared { 0 } else { agent }].waker()
    }
}

/// The rings of a pipeline, by their ends.
struct Rings {
    base_out: Outlet<BarMessage>,
    base_in: Inlet<BarMessage>,
    closed_out: Vec<Outlet<BarMessage>>,
    closed_in: Vec<Inlet<BarMessage>>,
    signals_out: Vec<Outlet<WorkerMessage>>,
    signals_in: Vec<Inlet<WorkerMessage>>,
    notes_out: Option<Outlet<Note>>,
    letters: LetterBytes,
    notes_in: Option<Inlet<Note>>,
    bytes: usize,
}

impl Rings {
    fn new(setup: &Setup, seats: &Seats, counters: &mut EngineCounters) -> Self {
        let Topology { ring_size, workers, .. } = setup.topology;
        let (reader, aggregator, publisher) = (0, 1, 2 + workers);
        let symbols = if setup.plan.open_watchlist { EXPECTED_SYMBOLS } else { setup.plan.assets.len() };
        let cells = symbols * setup.plan.timeframes.len();
        let (base_out, base_in) = ring(ring_size, ENTRY_MESSAGES, seats.waker(reader), seats.waker(aggregator));
        counters.rings.push(("reader→aggregator".to_owned(), base_in.counters()));
        let mut rings = Self {
            base_out,
            base_in,
            closed_out: Vec::new(),
            closed_in: Vec::new(),
            signals_out: Vec::new(),
            signals_in: Vec::new(),
            notes_out: None,
            letters: LetterBytes::default(),
            notes_in: None,
            bytes: (ring_size + ENTRY_MESSAGES) * size_of::<BarMessage>(),
        };
        for worker in 0..workers {
            let seat = 2 + worker;
            let (outlet, inlet) = ring(ring_size, 2 * cells + 16, seats.waker(aggregator), seats.waker(seat));
            counters.rings.push((format!("aggregator→worker {worker}"), inlet.counters()));
            rings.closed_out.push(outlet);
            rings.closed_in.push(inlet);
            let (outlet, inlet) = ring(ring_size, 16, seats.waker(seat), seats.waker(publisher));
            counters.rings.push((format!("worker {worker}→publisher"), inlet.counters()));
            rings.signals_out.push(outlet);
            rings.signals_in.push(inlet);
            rings.bytes += (ring_size + 2 * cells + 16) * size_of::<BarMessage>();
            rings.bytes += (ring_size + 16) * size_of::<WorkerMessage>();
        }
        if setup.marks {
            let (outlet, inlet) = ring(ring_size, ENTRY_MESSAGES, seats.waker(reader), seats.waker(publisher));
            counters.rings.push(("reader→publisher".to_owned(), inlet.counters()));
            rings.notes_out = Some(outlet);
            rings.notes_in = Some(inlet);
            rings.bytes += (ring_size + ENTRY_MESSAGES) * size_of::<Note>();
        }
        rings
    }
}

/// Recorders for the agents, whose collectors stay with the engine.
struct Recorders(Vec<Collector>);

impl Recorders {
    fn make(&mut self, latencies: &[Latency]) -> Result<Recorder, StartError> {
        let (recorder, collector) = recorder(latencies)?;
        self.0.push(collector);
        Ok(recorder)
    }
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// A file that cannot be created, a thread that cannot be started.
    pub fn start(mut setup: Setup, clock: Clock) -> Result<Self, StartError> {
        let (halt, drain, done) = (Halt::new(), Halt::new(), Halt::new());
        let seats = Seats::new(&setup.topology, &clock, &halt)?;
        for agent in 0..seats.seats.len() {
            drain.register(seats.waker(agent));
        }
        let mut counters = EngineCounters::default();
        let rings = Rings::new(&setup, &seats, &mut counters);
        let mut recorders = Recorders(Vec::new());
        let memory = Arc::new(Memory::new(rings.bytes, setup.topology.workers));
        let refusals = Arc::new(RefusalLog::default());
        let (plan, directory) = (Arc::clone(&setup.plan), Arc::clone(&setup.directory));
        let incidents = Arc::clone(&setup.incidents);
        let shared = Shared { clock: &clock, drain: &drain, done: &done, memory: &memory, refusals: &refusals };
        let (snapshots, restore) = (setup.snapshots.take(), setup.restore.take());
        let mut agents = assemble(setup, rings, &mut counters, &mut recorders, &shared)?;
        if let Some(snapshot) = &restore {
            agents.iter_mut().try_for_each(|agent| agent.restore(snapshot))?;
        }
        drop(restore);
        let writer = match snapshots {
            Some(options) => Some(keep_snapshots(options, &mut agents, &mut counters, &incidents)?),
            None => None,
        };
        let threads = spawn(agents, seats, &clock, &mut counters)?;
        let started_ns = clock.ns();
        let collectors = recorders.0;
        Ok(Self {
            plan,
            directory,
            refusals,
            incidents,
            counters,
            collectors,
            memory,
            threads,
            writer,
            halt,
            drain,
            done,
            clock,
            started_ns,
        })
    }

    /// Asks the engine to end: what has been read is finished and written. Returns at once.
    pub fn drain(&self) {
        self.drain.raise();
    }

    /// Waits until the engine has ended, fails, or the time is over; whether it has ended.
    #[must_use]
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
            // The publisher is the last to end, but a failure may keep it from saying so.
            if self.done.wait(left.min(FAILURE_LOOK)) || self.halt.is_raised() {
                std::thread::sleep(left.min(Duration::from_millis(1)));
            }
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

    /// What has happened and nobody has read yet.
    #[must_use]
    pub fn incidents(&self) -> Vec<String> {
        self.incidents.take()
    }

    /// Where the threads ended up, by name.
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

    /// Asks the threads for their histograms; what they hand over is there at the next
    /// [`collect`](Self::collect), some milliseconds later.
    pub fn request(&mut self) {
        self.collectors.iter_mut().for_each(Collector::request);
    }

    /// Takes in what the threads have handed over, and adds it to `recent` as well.
    pub fn collect(&mut self, recent: &mut HistogramSet) {
        for collector in &mut self.collectors {
            if collector.collect() {
                recent.add(collector.interval());
            }
        }
    }

    /// The histograms since the start.
    ///
    /// # Errors
    /// Never, as for [`HistogramSet::new`].
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
    /// Never, as for [`HistogramSet::new`].
    pub fn report(&self) -> Result<Report, hdrhistogram::CreationError> {
        let histograms = self.histograms()?;
        let row = |latency: Latency| {
            let budget_ns = match latency {
                Latency::Style(style) => Some(self.plan.styles[style.index()].budget_ms * 1_000_000),
                Latency::Stage(_) => None,
            };
            LatencyRow { latency, summary: histograms.summary(latency), budget_ns }
        };
        let mut memory = self.memory.read();
        memory.push(("histograms".to_owned(), 3 * histograms.bytes() as u64));
        Ok(Report {
            elapsed_ns: self.elapsed_ns(),
            latencies: Latency::ALL.into_iter().map(row).collect(),
            counters: self.snapshot(),
            timeframes: self.plan.timeframes.iter().map(ToString::to_string).collect(),
            memory,
            process: ProcessUsage::read(),
        })
    }

    /// Waits for the threads and takes in their last histograms.
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

/// What all agents are given.
struct Shared<'a> {
    clock: &'a Clock,
    drain: &'a Halt,
    done: &'a Halt,
    memory: &'a Arc<Memory>,
    refusals: &'a Arc<RefusalLog>,
}

/// Makes the agents, in the order of the pipeline.
fn assemble(
    setup: Setup,
    rings: Rings,
    counters: &mut EngineCounters,
    recorders: &mut Recorders,
    shared: &Shared<'_>,
) -> Result<Vec<AnyAgent>, StartError> {
    let Setup { plan, topology, directory, sources, mut source, outputs, rows, .. } = setup;
    let batch = topology.batch_records;
    let routes = Routes::new(topology.workers);
    let mut agents = Vec::new();

    let reader_counters = ReaderCounters::shared();
    counters.readers.push(Arc::clone(&reader_counters));
    let wiring = IntakeWiring {
        bars: rings.base_out,
        notes: rings.notes_out,
        letters: rings.letters.clone(),
        directory: Arc::clone(&directory),
        counters: reader_counters,
        refusals: Arc::clone(shared.refusals),
    };
    let intake = Intake::new(Arc::clone(&plan), wiring);
    let committing = Committing::default();
    if let Source::Redis(source) = &mut source {
        if topology.shared {
            source.give_way_to(committing.clone());
        }
        counters.streams.extend(source.counters());
        counters.links.push((source.dial().who().to_owned(), source.dial().counters()));
    }
    shared.memory.intake.set(intake.bytes() as u64);
    let read = recorders.make(&[Latency::Stage(Stage::Read)])?;
    let reader = ReaderAgent::new(
        source,
        intake,
        shared.drain.clone(),
        read,
        shared.clock.clone(),
        topology.clock_events,
        batch,
    );
    agents.push(AnyAgent::Reader(reader));

    let aggregator_counters = AggregatorCounters::shared();
    counters.aggregators.push(Arc::clone(&aggregator_counters));
    let aggregate = recorders.make(&[Latency::Stage(Stage::Aggregate)])?;
    agents.push(AnyAgent::Aggregator(AggregatorAgent::new(
        Arc::clone(&plan),
        routes.clone(),
        rings.base_in,
        rings.closed_out,
        aggregator_counters,
        aggregate,
        shared.clock.clone(),
        batch,
        Arc::clone(shared.memory),
    )));

    for (index, (inlet, outlet)) in rings.closed_in.into_iter().zip(rings.signals_out).enumerate() {
        let worker_counters = WorkerCounters::shared();
        counters.workers.push(Arc::clone(&worker_counters));
        let wiring = WorkerWiring {
            inlet,
            outlet,
            counters: worker_counters,
            recorder: recorders.make(&[Latency::Stage(Stage::Evaluate)])?,
            clock: shared.clock.clone(),
            memory: Arc::clone(shared.memory),
        };
        let (plan, directory) = (Arc::clone(&plan), Arc::clone(&directory));
        agents.push(AnyAgent::Worker(WorkerAgent::new(
            index,
            plan,
            routes.clone(),
            rows.clone(),
            directory,
            wiring,
            batch,
        )));
    }

    let publisher_counters = PublisherCounters::shared();
    counters.publishers.push(Arc::clone(&publisher_counters));
    let redis = outputs.redis.map(|link| {
        let latest = Latest::new(&plan.timeframes, plan.active_bars);
        if let Some(recovery) = &link.recovery {
            counters.links.push((recovery.dial.who().to_owned(), recovery.dial.counters()));
        }
        RedisOutput::new(link, latest, shared.clock.clone(), Arc::clone(&publisher_counters))
    });
    let files = FileOutput::create(outputs.files)?;
    let output = Output::new(directory, sources, files, redis, plan.alert_confidence);
    let mut latencies = vec![Latency::Stage(Stage::Correlate), Latency::Stage(Stage::Publish)];
    latencies.extend(TradingStyle::ALL.map(Latency::Style));
    let wiring = PublisherWiring {
        inlets: rings.signals_in,
        notes: rings.notes_in,
        letters: rings.letters,
        counters: publisher_counters,
        recorder: recorders.make(&latencies)?,
        clock: shared.clock.clone(),
        memory: Arc::clone(shared.memory),
        committing,
        done: shared.done.clone(),
    };
    let rules = BatchRules {
        entries: topology.batch_entries,
        interval_ns: topology.batch_interval_ns,
        messages: batch.min(topology.ring_size),
    };
    agents.push(AnyAgent::Publisher(PublisherAgent::new(plan, output, wiring, rules)));
    Ok(agents)
}

/// Gives every agent a way to save its state, and starts the thread that writes it.
fn keep_snapshots(
    options: SnapshotOptions,
    agents: &mut [AnyAgent],
    counters: &mut EngineCounters,
    incidents: &Arc<Incidents>,
) -> Result<JoinHandle<()>, StartError> {
    let (progress, mut ends) = (Progress::default(), Vec::new());
    for agent in agents {
        let (saver, end) = saver();
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
    let writer = SnapshotWriter::new(ends, options, progress, Arc::clone(incidents), state);
    Ok(std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || writer.run())?)
}

/// Puts the agents on their threads.
fn spawn(
    agents: Vec<AnyAgent>,
    seats: Seats,
    clock: &Clock,
    counters: &mut EngineCounters,
) -> Result<Vec<ThreadHandle>, StartError> {
    let mut threads = Vec::new();
    if seats.shared {
        let mut pipeline = Composite::new("pipeline".to_owned(), clock.clone());
        for agent in agents {
            let name = agent.label();
            counters.agents.push((name, pipeline.add(agent)));
        }
        if let Some(seat) = seats.seats.into_iter().next() {
            counters.threads.push(("pipeline".to_owned(), seat.counters()));
            threads.push(seat.spawn(pipeline)?);
        }
        return Ok(threads);
    }
    for (agent, seat) in agents.into_iter().zip(seats.seats) {
        counters.agents.push((agent.label(), seat.counters()));
        threads.push(seat.spawn(agent)?);
    }
    Ok(threads)
}

const _: () = assert!(MAX_TIMEFRAMES <= 32, "sets of timeframes are 32 bits");
