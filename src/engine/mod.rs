//! The table of agents, cores and rings; start, halt, drain.

mod agents;
mod any_agent;
mod assembly;
mod backoff;
mod bar_outlet;
mod blocked;
mod dial;
mod governor;
mod incidents;
mod intake;
mod ledger;
mod letter_quota;
mod memory;
mod notes;
mod output;
mod place_marks;
mod probe;
mod questions;
mod refusals;
mod running;
mod server_time;
mod setup;
mod snapshots;
mod sources;
mod start_error;
mod steps;
mod topology;
mod wiring;

pub use agents::{
    AggregatorAgent, AggregatorWiring, Barriers, BatchRules, PublisherAgent, PublisherWiring, ReaderAgent,
    ReaderWiring, RowsWanted, StatisticsWanted, WorkerAgent, WorkerWiring,
};
pub use backoff::Backoff;
pub use bar_outlet::BarOutlet;
pub use blocked::Blocked;
pub use dial::{Dial, DialError};
pub use incidents::Incidents;
pub use intake::{Intake, IntakeWiring, Origin};
pub use ledger::PerformanceLedger;
pub use memory::Memory;
pub use notes::{Committing, LETTER_BYTES_MAX, Letter, LetterBytes, Mark, Note, RawFields};
pub use output::{
    AlertRule, Arrived, CalculationEvents, Compatible, ENTRIES, FiguresOf, FileOutput, FileOutputOptions, Group,
    LatestWriter, Output, Recovery, RedisLink, RedisOutput, RedisOutputOptions, RedisSink, RedisSinkOptions,
    RedisWiring, SeenSignal, SinkError, Standing, Tap, Tapped, Watch, Written, load_journal, tap,
};
pub use probe::Probe;
pub use questions::{Questions, WindowAnswer, WindowQuestion};
pub use refusals::{RefusalLog, Sample};
pub use running::Engine;
pub use server_time::ServerTime;
pub use setup::{Outputs, Setup};
pub use snapshots::{
    CellState, Cold, Connect, InMemory, Keys, Of, PublisherState, RemoteStore, Restored, Saver, SaverEnd,
    SnapshotOptions, SnapshotProgress, SnapshotWriter, Target, Why, saver,
};
pub use sources::{
    Disorder, FilesSource, InputFile, MarketSource, OpenedFile, Pace, Polled, RedisSource, RedisSourceError,
    RedisSourceOptions, Source,
};
pub use start_error::StartError;
pub use steps::Steps;
pub use topology::{Payload, RingSpec, Role, Topology};

#[cfg(test)]
mod added_strategy_tests;
