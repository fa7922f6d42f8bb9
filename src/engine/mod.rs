//! The table of agents, cores and rings; start, halt, drain.

mod agents;
mod any_agent;
mod bar_outlet;
mod intake;
mod memory;
mod merge;
mod notes;
mod output;
mod refusals;
mod routes;
mod running;
mod setup;
mod sources;

pub use agents::{
    AggregatorAgent, BatchRules, PublisherAgent, PublisherWiring, ReaderAgent, RowsWanted, WorkerAgent, WorkerWiring,
};
pub use bar_outlet::BarOutlet;
pub use intake::{Intake, IntakeWiring, Origin};
pub use memory::Memory;
pub use merge::{Item, Merge};
pub use notes::{DeadLetter, Mark, Note, RawFields};
pub use output::{
    CalculationEvents, FileOutput, FileOutputOptions, Latest, Output, RedisOutput, RedisOutputOptions, Written,
};
pub use refusals::{RefusalLog, Sample};
pub use routes::Routes;
pub use running::{Engine, StartError};
pub use setup::{Outputs, Setup, Topology};
pub use sources::{FilesSource, MarketSource, Pace, Polled, RedisSource, RedisSourceOptions, Source};
