//! What a source of streams is to read, and how.

use crate::{
    config::StreamRule,
    engine::{Dial, ServerTime},
    feed::{
        EntryForm,
        streams::{Exception, StreamStart},
    },
    redis_io::Link,
};
use std::sync::Arc;

/// What to read.
#[derive(Debug)]
pub struct RedisSourceOptions {
    /// Names of the streams, in the configuration's order.
    pub streams: Vec<String>,
    /// By stream: how its entries are written.
    pub forms: Vec<EntryForm>,
    /// By stream: where it stands.
    pub starts: Vec<StreamStart>,
    /// By stream: how its records are taken.
    pub rules: Vec<StreamRule>,
    /// What a second reading cannot derive of what is behind the start.
    pub journal: Vec<Exception>,
    /// Everything up to this moment, Unix ms, has been published.
    pub moment: i64,
    /// How far the server's clock is ahead of the time, ms.
    pub offset_ms: i64,
    /// Where the server's time is told.
    pub server_time: Arc<ServerTime>,
    /// Ids that are further ahead of the server's time are named, ms.
    pub max_future_ms: i64,
    /// Entries per stream and read.
    pub count: u64,
    /// How long the server may hold a read open, ms.
    pub block_ms: u64,
    /// Longest time without an answer before the connection counts as lost, ms; well above `block_ms`.
    pub timeout_ms: u64,
    /// Longest entry that is taken, bytes.
    pub entry_bytes_max: usize,
    /// Whether the reading ends behind the last entry whose effects have been published.
    pub ends: bool,
    /// Whether it is looked after entries that are gone; of history there may be any part.
    pub watched: bool,
    /// The way back to the server.
    pub dial: Dial<Link>,
}
