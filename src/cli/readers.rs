//! The sources that read the streams of a server. Connecting blocks.

use super::{
    clocks::ClockFindings,
    past::Past,
    redis::{Position, Server},
};
use crate::{
    config::{StreamClock, StreamConfig},
    engine::{Dial, Incidents, RedisSource, RedisSourceOptions},
    feed::{
        EntryForm,
        streams::{Exception, StreamStart},
    },
    model::StreamId,
    publish::check_key,
    redis_io::Link,
};
use anyhow::Result;
use redis::{Cmd, Value};
use std::sync::Arc;

/// How far streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// On and on.
    OnAndOn,
    /// Up to what was published.
    Published,
    /// Up to what is history.
    History,
}

impl Server<'_> {
    /// The source of the input streams.
    ///
    /// # Errors
    /// The server is not reachable.
    pub fn source(&self, position: &Position, incidents: &Arc<Incidents>) -> Result<RedisSource> {
        let ClockFindings { times, offset_ms, .. } = &position.clocks;
        let read = (&position.streams[..], &position.journal[..], position.moment);
        self.source_of(&self.config.input.streams, read, (times, *offset_ms), Reading::OnAndOn, incidents)
    }

    /// A source of the entries whose results have been published; it ends there.
    ///
    /// # Errors
    /// The server is not reachable.
    pub fn published(&self, past: &Past, incidents: &Arc<Incidents>) -> Result<RedisSource> {
        let read = (&past.starts[..], &past.journal[..], past.moment);
        self.source_of(&self.config.input.streams, read, (&past.times, 0), Reading::Published, incidents)
    }

    /// A source of a stream of history up to an entry. Its bars close by its own records.
    ///
    /// # Errors
    /// The server is not reachable.
    pub fn history(&self, stream: &StreamConfig, up_to: StreamId, incidents: &Arc<Incidents>) -> Result<RedisSource> {
        let starts = [StreamStart { published: up_to, ..StreamStart::default() }];
        let times = [StreamClock::Records];
        let streams = std::slice::from_ref(stream);
        self.source_of(streams, (&starts, &[], i64::MIN), (&times, 0), Reading::History, incidents)
    }

    /// The last entry of a stream; `None` where it is not there or empty.
    ///
    /// # Errors
    /// The server is not reachable or refuses; a key of another type.
    pub fn last_entry(&self, stream: &str) -> Result<Option<StreamId>> {
        let mut link = self.connect("start")?;
        check_key(&mut link, stream, "stream")?;
        let newest: Vec<(StreamId, Value)> = link.ask(&Cmd::xrevrange_count(stream, "+", "-", 1))?;
        Ok(newest.first().map(|(id, _)| *id))
    }

    fn source_of(
        &self,
        streams: &[StreamConfig],
        (starts, journal, moment): (&[StreamStart], &[Exception], i64),
        (times, offset_ms): (&[StreamClock], i64),
        reading: Reading,
        incidents: &Arc<Incidents>,
    ) -> Result<RedisSource> {
        let input = &self.config.input;
        let ends = reading != Reading::OnAndOn;
        let (address, link_options) = (self.address.clone(), self.link_options("reader"));
        let dial = Dial::new("reader", self.config.redis.reconnect_max_ms, Arc::clone(incidents), move || {
            Ok(Link::connect(&address, &link_options)?)
        });
        let dial = self.dialled(dial);
        let options = RedisSourceOptions {
            streams: streams.iter().map(|stream| stream.name.clone()).collect(),
            forms: streams.iter().map(|stream| EntryForm::of(stream, self.config.prices())).collect(),
            starts: starts.to_vec(),
            rules: streams.iter().zip(times).map(|(stream, &clock)| stream.rule(clock)).collect(),
            offset_ms,
            server_time: Arc::clone(&self.time),
            max_future_ms: self.config.time.max_future_ms,
            journal: journal.to_vec(),
            moment,
            count: input.read_count as u64,
            block_ms: if ends { 0 } else { input.block_ms },
            timeout_ms: self.config.redis.timeout_ms,
            entry_bytes_max: self.config.limits.max_entry_bytes,
            ends,
            watched: reading != Reading::History,
            dial,
        };
        Ok(RedisSource::new(self.connect("reader")?, options))
    }
}
