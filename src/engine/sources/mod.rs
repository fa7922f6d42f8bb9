//! The sources of records. The reader's agent polls a source, which hands one entry at a time to the intake.

mod files;
mod market;
mod open;
mod pipe;
mod redis;
mod take;

pub use files::{Disorder, FilesSource, Pace};
pub use market::MarketSource;
pub use open::{InputFile, OpenedFile};
pub use redis::{RedisSource, RedisSourceError, RedisSourceOptions};

use super::Intake;
use crate::{
    model::StreamId,
    runtime::{AgentError, Interests, Now},
    state::InputPosition,
};

/// What a poll gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// The intake has taken an entry, or a clock event.
    Entry,
    /// Nothing now.
    Nothing,
    /// The input has ended.
    End,
}

/// Any of the sources.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one per engine
pub enum Source {
    /// Files of recorded bars.
    Files(FilesSource),
    /// The mock market.
    Market(MarketSource),
    /// Streams of a Redis server.
    Redis(RedisSource),
}

impl Source {
    /// Hands the next entry to the intake. Blocks for files only.
    #[inline]
    pub fn poll(&mut self, now: Now, intake: &mut Intake) -> Result<Polled, AgentError> {
        match self {
            Self::Files(source) => source.poll(now, intake),
            Self::Market(source) => Ok(source.poll(now, intake)),
            Self::Redis(source) => source.poll(now, intake),
        }
    }

    /// Monotonic time by which the source wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        match self {
            Self::Files(source) => source.deadline_ns(),
            Self::Market(source) => source.deadline_ns(),
            Self::Redis(source) => source.deadline_ns(),
        }
    }

    /// Adds the file descriptors that the source waits for.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        match self {
            Self::Files(source) => source.interests(set),
            Self::Market(_) => {}
            Self::Redis(source) => source.interests(set),
        }
    }

    /// The positions of the inputs of these names.
    #[must_use]
    pub fn positions(&self, inputs: &[String]) -> Vec<InputPosition> {
        let of = |(index, name): (usize, &String)| {
            let (id, number, offset_ms) = match self {
                Self::Files(source) => (StreamId { ms: source.taken(index), seq: 0 }, 0, 0),
                Self::Market(_) => (StreamId::default(), 0, 0),
                Self::Redis(source) => source.position(index),
            };
            InputPosition { name: name.clone(), id, number, offset_ms }
        };
        inputs.iter().enumerate().map(of).collect()
    }
}
