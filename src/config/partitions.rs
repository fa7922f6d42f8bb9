//! `[partitions]`: into how many parts the symbols are divided, and which of them a process owns.

use super::{
    node::{Data, Node},
    rules::int,
    section::{Scalar, section},
    shape::Shape,
};
use std::collections::BTreeSet;

/// Greatest number of partitions.
pub(super) const MAX_PARTITIONS: usize = 256;

section! {
    /// The partitions of the symbols.
    PartitionsConfig {
        /// How many there are, for the life of the streams; with 1 no name has a partition in it.
        count: usize = int(1, MAX_PARTITIONS as i64),
        /// Which of them this process owns.
        own: OwnPartitions = OwnText,
    }
}

/// Which partitions a process owns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OwnPartitions {
    /// All of them.
    #[default]
    All,
    /// These.
    These(BTreeSet<usize>),
}

impl PartitionsConfig {
    /// The partitions that this process owns, in order.
    #[must_use]
    pub fn owned(&self) -> Vec<usize> {
        match &self.own {
            OwnPartitions::All => (0..self.count).collect(),
            OwnPartitions::These(these) => these.iter().copied().collect(),
        }
    }
}

/// `"all"`, or numbers and ranges of them.
struct OwnText;

impl Scalar for OwnText {
    type Out = OwnPartitions;
    fn read(&self, node: &Node) -> Option<OwnPartitions> {
        let text = match &node.data {
            Data::Text(text) => text.clone(),
            // As the command line has it.
            Data::Int(number) => number.to_string(),
            _ => return None,
        };
        if text == "all" {
            return Some(OwnPartitions::All);
        }
        let mut these = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first > last || last >= MAX_PARTITIONS {
                return None;
            }
            these.extend(first..=last);
        }
        Some(OwnPartitions::These(these))
    }
    fn allowed(&self) -> String {
        "\"all\", or partitions such as \"3\", \"0-3\" or \"0-2,7\", counted from 0".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Either(vec![Shape::Whole(0, MAX_PARTITIONS as i64 - 1), Shape::Pattern("^(all|[0-9]+([-,] ?[0-9]+)*)$")])
    }
}
