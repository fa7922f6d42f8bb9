//! What a member says of itself, as JSON in a key that expires unless it is renewed. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A member: a process that runs the engines of the partitions it is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Card {
    /// Its name: no two that live have the same.
    pub name: String,
    /// Tells it from one of the same name before.
    pub life: String,
    /// Its process, as in a lease.
    pub process: String,
    /// Version of the program.
    pub version: String,
    /// It is about to end, and takes no partitions.
    pub leaving: bool,
    /// The partitions it has to do with.
    pub partitions: BTreeMap<usize, Seat>,
}

/// What a member has to do with a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Seat {
    /// How far it is.
    pub stage: Stage,
    /// Bars a second, where it owns it.
    pub rate: f64,
    /// Why its engine has failed, where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far a member is with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Stage {
    /// Computes what its owner has committed.
    Warming,
    /// Has done so, and goes on with it: it can take over.
    Warm,
    /// Holds its lease.
    Owns,
    /// Has been told to end, and finishes what it has read.
    Ending,
    /// Its engine has failed, and is started again after a while.
    Failed,
}

impl Stage {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warming => "warming",
            Self::Warm => "warm",
            Self::Owns => "owns",
            Self::Ending => "ending",
            Self::Failed => "failed",
        }
    }
}

impl Card {
    /// Whether it is so far with a partition.
    pub fn is(&self, stage: Stage, partition: usize) -> bool {
        self.partitions.get(&partition).is_some_and(|seat| seat.stage == stage)
    }

    /// The partitions with which it is so far, in order.
    pub fn with(&self, stage: Stage) -> Vec<usize> {
        let seats = self.partitions.iter().filter(|(_, seat)| seat.stage == stage);
        seats.map(|(partition, _)| *partition).collect()
    }

    /// Bars a second of all it owns.
    pub fn rate(&self) -> f64 {
        self.partitions.values().map(|seat| seat.rate).sum()
    }
}
