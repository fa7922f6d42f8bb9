//! Which stream a symbol's bars go to: always the same. Pure.

use crate::config::PartitionMap;

/// The way from symbols to streams.
#[derive(Debug, Clone)]
pub struct Route {
    streams: usize,
    /// With a stream for each partition: which symbols are in which.
    map: Option<PartitionMap>,
}

impl Route {
    /// Over so many streams that have nothing to do with partitions.
    #[must_use]
    pub const fn spread(streams: usize) -> Self {
        Self { streams, map: None }
    }

    /// To a stream for each partition.
    #[must_use]
    pub const fn partitions(map: PartitionMap) -> Self {
        Self { streams: map.count, map: Some(map) }
    }

    /// Number of streams.
    #[must_use]
    pub const fn streams(&self) -> usize {
        self.streams
    }

    /// The stream of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &str) -> usize {
        match &self.map {
            Some(map) => map.of(symbol),
            None => crc32fast::hash(symbol.as_bytes()) as usize % self.streams.max(1),
        }
    }
}
