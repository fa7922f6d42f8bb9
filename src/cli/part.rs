//! What one engine of this process is of: everything, or one partition of the symbols. Blocks where it asks the server.

use super::{
    host::Host, ingest_child::with_heartbeats, log, note::note, partition_map::agreed, patience::Patience,
    redis::Server, roll,
};
use crate::config::{Config, Feed, PartitionMap};
use anyhow::{Result, bail};
use std::sync::{Arc, atomic::AtomicBool};

/// The part of one engine.
#[derive(Debug, Clone)]
pub struct EnginePart {
    map: Arc<PartitionMap>,
    /// Its partition, where there are some.
    partition: Option<usize>,
}

impl EnginePart {
    /// The configuration as its engine has it.
    pub fn of(&self, config: &Config) -> Config {
        let config = with_heartbeats(config);
        match self.partition {
            Some(partition) => config.of_partition(partition, &self.map),
            None => config,
        }
    }

    /// The name of the thread that looks after its engine.
    pub fn name(&self) -> String {
        self.partition.map_or_else(|| "engine".to_owned(), |partition| format!("partition {partition}"))
    }

    /// This thread looks after its engine, beside others of this process: says so in each of its lines.
    pub fn enter(&self) {
        if let Some(partition) = self.partition {
            log::of_partition(partition);
            roll::enter(partition);
        }
    }
}

/// The parts that this process runs, an engine each.
///
/// # Errors
/// A server that refuses or is not there in time, or whose symbols are divided otherwise; what cannot be had with parts.
pub fn owned(host: &Host, config: &Config, quiet: bool, stop: &AtomicBool) -> Result<Vec<EnginePart>> {
    let (partitions, feed) = (&config.partitions, config.input.feed);
    if !feed.is_redis() {
        let whole = PartitionMap::new(1);
        return Ok(vec![EnginePart { map: Arc::new(whole), partition: None }]);
    }
    let owned = partitions.owned();
    if feed == Feed::Ingest && owned.len() < partitions.count {
        bail!(
            "input.feed is \"ingest\", which fills all partitions, and this process owns only {}: run `wagehood-engine ingest` once, \
             beside the engines, with input.feed = \"redis\"",
            listed(&owned)
        );
    }
    if feed == Feed::Ingest && partitions.are_shared() {
        bail!(
            "input.feed is \"ingest\", which fills all partitions, and with partitions.own = \"auto\" each process would start one: run \
             `wagehood-engine ingest` once, beside the engines, with input.feed = \"redis\""
        );
    }
    let server = Server::on(host, config)?;
    let map = Arc::new(Patience::new(host, &config.redis, quiet, stop).wait(|| agreed(&server, config))?);
    if partitions.count == 1 {
        return Ok(vec![EnginePart { map, partition: None }]);
    }
    if !quiet && !partitions.are_shared() {
        note(&format!(
            "partition{} {} of {}",
            if owned.len() == 1 { "" } else { "s" },
            listed(&owned),
            partitions.count
        ));
    }
    Ok(owned.into_iter().map(|partition| EnginePart { map: Arc::clone(&map), partition: Some(partition) }).collect())
}

/// Partitions for people.
pub(super) fn listed(partitions: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = partitions;
    while let [first, ..] = rest {
        let run = rest.iter().enumerate().take_while(|(i, partition)| **partition == first + i).count();
        let separator = if text.is_empty() { "" } else { ", " };
        text += &match run {
            1 => format!("{separator}{first}"),
            _ => format!("{separator}{first}-{}", first + run - 1),
        };
        rest = &rest[run..];
    }
    text
}

/// The configuration as the engine of one of the parts has it, for what all of them have the same.
pub fn any(config: &Config) -> Config {
    let first = config.partitions.owned().first().copied().unwrap_or_default();
    config.of_partition(first, &PartitionMap::new(config.partitions.count))
}

/// The configuration of the one engine that a command is about.
///
/// # Errors
/// There are several.
pub fn only(config: Config) -> Result<Config> {
    let count = config.partitions.count;
    match config.partitions.owned()[..] {
        _ if count == 1 => Ok(config),
        [partition] => Ok(config.of_partition(partition, &PartitionMap::new(count))),
        _ => bail!("there are {count} partitions, an engine each: say which one, such as --set partitions.own=0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_listed_as_they_are_written() {
        for (partitions, wanted) in [(&[0, 1, 2, 3][..], "0-3"), (&[5], "5"), (&[0, 2, 3, 7], "0, 2-3, 7"), (&[], "")] {
            assert_eq!(listed(partitions), wanted);
        }
    }
}
