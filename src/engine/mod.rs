//! The table of agents, cores and rings; start, halt, drain.

mod agents;
mod any_agent;
mod backoff;
mod bar_outlet;
mod blocked;
mod dial;
mod incidents;
mod intake;
mod memory;
mod merge;
mod notes;
mod order;
mod output;
mod refusals;
mod routes;
mod running;
mod setup;
mod snapshots;
mod sources;

pub use agents::{
    AggregatorAgent, Barriers, BatchRules, PublisherAgent, PublisherWiring, ReaderAgent, RowsWanted, WorkerAgent,
    WorkerWiring,
};
pub use backoff::Backoff;
pub use bar_outlet::BarOutlet;
pub use blocked::Blocked;
pub use dial::{Dial, DialError};
pub use incidents::Incidents;
pub use intake::{Intake, IntakeWiring, Origin};
pub use memory::Memory;
pub use merge::{Item, Merge};
pub use notes::{Committing, DeadLetter, LETTER_BYTES_MAX, LetterBytes, Mark, Note, RawFields};
pub use order::{Exception, Order, Place, Taken};
pub use output::{
    Arrived, CalculationEvents, ENTRIES, FileOutput, FileOutputOptions, Latest, Output, Recovery, RedisLink,
    RedisOutput, RedisOutputOptions, Written, load_journal,
};
pub use refusals::{RefusalLog, Sample};
pub use routes::Routes;
pub use running::{Engine, StartError};
pub use setup::{Outputs, Setup, Topology};
pub use snapshots::{Progress, Saver, SaverEnd, SnapshotOptions, SnapshotWriter, Sweep, check_snapshot, saver};
pub use sources::{
    FilesSource, Gap, MarketSource, Pace, Polled, RedisSource, RedisSourceError, RedisSourceOptions, Source,
    StreamStart,
};
