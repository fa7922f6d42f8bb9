//! The table of agents, cores and rings; start, halt, drain.

mod agents;
mod any_agent;
mod assembly;
mod backoff;
mod bar_outlet;
mod blocked;
mod dial;
mod incidents;
mod intake;
mod memory;
mod notes;
mod output;
mod refusals;
mod running;
mod setup;
mod snapshots;
mod sources;
mod start_error;
mod topology;
mod wiring;

pub use agents::{
    AggregatorAgent, AggregatorWiring, Barriers, BatchRules, PublisherAgent, PublisherWiring, ReaderAgent,
    ReaderWiring, RowsWanted, WorkerAgent, WorkerWiring,
};
pub use backoff::Backoff;
pub use bar_outlet::BarOutlet;
pub use blocked::Blocked;
pub use dial::{Dial, DialError};
pub use incidents::Incidents;
pub use intake::{Intake, IntakeWiring, Origin};
pub use memory::Memory;
pub use notes::{Committing, DeadLetter, LETTER_BYTES_MAX, LetterBytes, Mark, Note, RawFields};
pub use output::{
    Arrived, CalculationEvents, ENTRIES, FileOutput, FileOutputOptions, Group, Output, Recovery, RedisLink,
    RedisOutput, RedisOutputOptions, RedisSink, RedisSinkOptions, RedisWiring, SinkError, Standing, Written,
    load_journal,
};
pub use refusals::{RefusalLog, Sample};
pub use running::Engine;
pub use setup::{Outputs, Setup};
pub use snapshots::{
    CellState, Cold, InMemory, Keys, Of, Progress, PublisherState, Restored, Saver, SaverEnd, SnapshotOptions,
    SnapshotWriter, Target, Why, saver,
};
pub use sources::{FilesSource, MarketSource, Pace, Polled, RedisSource, RedisSourceError, RedisSourceOptions, Source};
pub use start_error::StartError;
pub use topology::{Payload, RingSpec, Role, Topology};

#[cfg(test)]
mod added_strategy_tests;
