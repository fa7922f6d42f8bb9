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
        /// With `own = "auto"`: the name of this process among those that share the partitions; empty for one made up.
        member: String = MemberName,
        /// With `own = "auto"`: time after which a process that is not heard of any more counts as gone, ms.
        member_ttl_ms: u64 = int(1_000, 600_000),
    }
}

/// Which partitions a process owns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OwnPartitions {
    /// All of them.
    #[default]
    All,
    /// Those that it is given, by members that share them.
    Auto,
    /// These.
    These(BTreeSet<usize>),
}

impl PartitionsConfig {
    /// Whether this process shares the partitions with others, and owns what it is given.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.own == OwnPartitions::Auto
    }

    /// The partitions that this process owns, or may come to own, in order.
    #[must_use]
    pub fn owned(&self) -> Vec<usize> {
        match &self.own {
            OwnPartitions::All | OwnPartitions::Auto => (0..self.count).collect(),
            OwnPartitions::These(these) => these.iter().copied().collect(),
        }
    }
}

/// `"all"`, `"auto"`, or numbers and ranges of them.
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
        if text == "auto" {
            return Some(OwnPartitions::Auto);
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
        "\"all\", \"auto\", or partitions such as \"3\", \"0-3\" or \"0-2,7\", counted from 0".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Either(vec![
            Shape::Whole(0, MAX_PARTITIONS as i64 - 1),
            Shape::Pattern("^(all|auto|[0-9]+([-,] ?[0-9]+)*)$"),
        ])
    }
}

/// Longest name of a member.
const MEMBER_MAX: usize = 64;

/// The name of a member.
struct MemberName;

impl Scalar for MemberName {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        let Data::Text(text) = &node.data else { return None };
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        (text.len() <= MEMBER_MAX && text.bytes().all(fits)).then(|| text.clone())
    }
    fn allowed(&self) -> String {
        format!("a name of up to {MEMBER_MAX} letters, digits, dots, hyphens and underscores, or nothing")
    }
    fn shape(&self) -> Shape {
        Shape::Pattern("^[A-Za-z0-9._-]{0,64}$")
    }
}
