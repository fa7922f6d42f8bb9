//! The agents of an engine, made from its setup and wired to their rings, counters and histograms.

use super::{
    AggregatorAgent, AggregatorWiring, AlertRule, BatchRules, Committing, FileOutput, Intake, IntakeWiring,
    LetterBytes, Memory, Output, Outputs, PerformanceLedger, PublisherAgent, PublisherWiring, Questions, ReaderAgent,
    ReaderWiring, RedisOutput, RedisWiring, RefusalLog, Role, RowsWanted, Source, StartError, Topology, WorkerAgent,
    WorkerWiring, any_agent::AnyAgent, wiring::Rings,
};
use crate::{
    aggregate::Routes,
    config::Plan,
    model::{Directory, TradingStyle},
    publish::{Latest, Sources},
    runtime::{Clock, Halt},
    telemetry::{
        AggregatorCounters, Collector, EngineCounters, Latency, PublisherCounters, ReaderCounters, Recorder, Stage,
        WorkerCounters, recorder,
    },
};
use std::sync::Arc;

/// What the agents are made from. Each role's maker takes its rings, and leaves its counters and collectors behind.
pub(super) struct Assembly {
    pub plan: Arc<Plan>,
    pub topology: Topology,
    pub directory: Arc<Directory>,
    pub sources: Arc<Sources>,
    /// Taken by the reader.
    pub source: Option<Source>,
    /// Taken by the publisher.
    pub outputs: Option<Outputs>,
    pub rows: RowsWanted,
    pub rings: Rings,
    pub clock: Clock,
    /// Stops the reader.
    pub drain: Halt,
    /// Raised when the publisher has closed.
    pub done: Halt,
    pub memory: Arc<Memory>,
    pub ledger: Arc<PerformanceLedger>,
    /// What others ask of the cells, where somebody may.
    pub questions: Option<Arc<Questions>>,
    pub refusals: Arc<RefusalLog>,
    pub letters: LetterBytes,
    pub committing: Committing,
    pub counters: EngineCounters,
    pub collectors: Vec<Collector>,
}

impl Assembly {
    /// The agent of a role.
    ///
    /// # Errors
    /// A file that cannot be created, or a role without its ring.
    pub fn agent(&mut self, role: Role) -> Result<AnyAgent, StartError> {
        match role {
            Role::Reader => self.reader().map(AnyAgent::Reader),
            Role::Aggregator => self.aggregator().map(AnyAgent::Aggregator),
            Role::Worker(index) => self.worker(index).map(AnyAgent::Worker),
            Role::Publisher => self.publisher().map(AnyAgent::Publisher),
        }
    }

    /// A recorder for an agent, whose collector stays here.
    fn recorder(&mut self, latencies: &[Latency]) -> Result<Recorder, StartError> {
        let (recorder, collector) = recorder(latencies)?;
        self.collectors.push(collector);
        Ok(recorder)
    }

    fn routes(&self) -> Routes {
        Routes::new(self.topology.workers)
    }

    fn reader(&mut self) -> Result<ReaderAgent, StartError> {
        let role = Role::Reader;
        let mut source = self.source.take().ok_or(StartError::NoRing { role })?;
        let counters = ReaderCounters::shared();
        self.counters.readers.push(Arc::clone(&counters));
        let intake = Intake::new(IntakeWiring {
            plan: Arc::clone(&self.plan),
            bars: self.rings.bars.outlet(role)?,
            notes: self.rings.notes.outlets(role).pop(),
            letters: self.letters.clone(),
            directory: Arc::clone(&self.directory),
            counters,
            refusals: Arc::clone(&self.refusals),
        });
        if let Source::Redis(source) = &mut source {
            if self.topology.shared {
                source.give_way_to(self.committing.clone());
            }
            self.topology.sway.into_iter().for_each(|seed| source.sway(seed));
            self.counters.streams.extend(source.counters());
            self.counters.links.push((source.dial().who().to_owned(), source.dial().counters()));
        }
        self.memory.intake.set(intake.bytes() as u64);
        Ok(ReaderAgent::new(ReaderWiring {
            source,
            intake,
            drain: self.drain.clone(),
            recorder: self.recorder(&[Latency::Stage(Stage::Read)])?,
            clock: self.clock.clone(),
            clock_events: self.topology.clock_events,
            batch: self.topology.batch_records,
        }))
    }

    fn aggregator(&mut self) -> Result<AggregatorAgent, StartError> {
        let role = Role::Aggregator;
        let counters = AggregatorCounters::shared();
        self.counters.aggregators.push(Arc::clone(&counters));
        Ok(AggregatorAgent::new(AggregatorWiring {
            plan: Arc::clone(&self.plan),
            directory: Arc::clone(&self.directory),
            routes: self.routes(),
            inlet: self.rings.bars.inlet(role)?,
            outlets: self.rings.bars.outlets(role),
            counters,
            recorder: self.recorder(&[Latency::Stage(Stage::Aggregate)])?,
            clock: self.clock.clone(),
            batch: self.topology.batch_records,
            memory: Arc::clone(&self.memory),
        }))
    }

    fn worker(&mut self, index: usize) -> Result<WorkerAgent, StartError> {
        let role = Role::Worker(index);
        let counters = WorkerCounters::shared();
        self.counters.workers.push(Arc::clone(&counters));
        Ok(WorkerAgent::new(WorkerWiring {
            index,
            plan: Arc::clone(&self.plan),
            routes: self.routes(),
            wanted: self.rows.clone(),
            directory: Arc::clone(&self.directory),
            inlet: self.rings.bars.inlet(role)?,
            outlet: self.rings.results.outlet(role)?,
            counters,
            recorder: self.recorder(&[Latency::Stage(Stage::Evaluate)])?,
            clock: self.clock.clone(),
            batch: self.topology.batch_records,
            memory: Arc::clone(&self.memory),
            questions: self.questions.clone(),
            sway: self.topology.sway,
        }))
    }

    fn publisher(&mut self) -> Result<PublisherAgent, StartError> {
        let role = Role::Publisher;
        let outputs = self.outputs.take().ok_or(StartError::NoRing { role })?;
        let counters = PublisherCounters::shared();
        counters.batch_limit.set(self.topology.batch_entries as u64);
        self.counters.publishers.push(Arc::clone(&counters));
        let output = self.output(outputs, &counters)?;
        let mut latencies = vec![Latency::Stage(Stage::Correlate), Latency::Stage(Stage::Publish)];
        latencies.extend(TradingStyle::ALL.map(Latency::Style));
        Ok(PublisherAgent::new(PublisherWiring {
            plan: Arc::clone(&self.plan),
            output,
            inlets: self.rings.results.inlets(role),
            notes: self.rings.notes.inlets(role).pop(),
            letters: self.letters.clone(),
            counters,
            recorder: self.recorder(&latencies)?,
            clock: self.clock.clone(),
            memory: Arc::clone(&self.memory),
            ledger: Arc::clone(&self.ledger),
            committing: self.committing.clone(),
            done: self.done.clone(),
            rules: BatchRules {
                entries: self.topology.batch_entries,
                interval_ns: self.topology.batch_interval_ns,
                messages: self.topology.batch_records.min(self.topology.ring_size),
                sway: self.topology.sway,
            },
        }))
    }

    fn output(
        &mut self,
        outputs: Outputs,
        counters: &Arc<crossbeam_utils::CachePadded<PublisherCounters>>,
    ) -> Result<Output, StartError> {
        let redis = outputs.redis.map(|link| {
            let windows = if self.rows.statistics.all { &self.plan.windows[..] } else { &[] };
            let latest = Latest::new(self.plan.timeframes.len(), &self.plan.roster).with_windows(windows);
            if let Some(recovery) = &link.recovery {
                self.counters.links.push((recovery.dial.who().to_owned(), recovery.dial.counters()));
            }
            let (clock, counters) = (self.clock.clone(), Arc::clone(counters));
            RedisOutput::new(RedisWiring { link, latest, clock, counters })
        });
        let files = FileOutput::create(outputs.files)?;
        let (directory, sources) = (Arc::clone(&self.directory), Arc::clone(&self.sources));
        let tap = outputs.tap;
        let alerts = AlertRule { confidence: self.plan.alert_confidence, calibrated: self.plan.calibration.alerts };
        Ok(Output { directory, sources, files, redis, tap, alerts })
    }
}
