//! Compares the clock of a server with that of this host and with the newest records of the streams. Only reads; blocks.

use super::item::{Check, Finding, Judgement, Section};
use crate::{
    feed::{self, EntryForm},
    model::{StreamId, time::Apart},
    redis_io::{Link, LinkError},
};
use redis::{Cmd, cmd};

/// From which difference on it is told that the host's clock is another, ms.
const HOST_MS: i64 = 2_000;
/// From which difference on it is told how far the records are behind or ahead, ms.
const BEHIND_MS: i64 = 60_000;
const AHEAD_MS: i64 = 1_000;
/// Ids below and from these on are no times, ms: counters and Unix seconds, or microseconds and nanoseconds.
const TIMES_MS: std::ops::Range<u64> = 100_000_000_000..100_000_000_000_000;

/// The newest entry of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestEntry {
    /// Its identity.
    pub id: StreamId,
    /// When its bar was over, Unix ms; of the newest of a frame. `None` where it is no record.
    pub record_end: Option<i64>,
}

impl NewestEntry {
    /// Whether the id is a time.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        TIMES_MS.contains(&self.id.ms)
    }

    /// Time in the id, Unix ms.
    #[must_use]
    pub fn ms(&self) -> i64 {
        i64::try_from(self.id.ms).unwrap_or(i64::MAX)
    }
}

/// What the clocks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerClocks {
    /// The server's time, Unix ms.
    pub server_ms: i64,
    /// This host's time, Unix ms.
    pub host_ms: i64,
    /// By stream: its name and its newest entry, if it has one.
    pub newest: Vec<(String, Option<NewestEntry>)>,
}

impl ServerClocks {
    /// Asks a server for its time and the newest entry of each of these streams, with their forms; `host_ms` reads the host's time.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn ask<'a>(
        link: &mut Link,
        streams: impl Iterator<Item = (&'a str, EntryForm)>,
        host_ms: impl FnOnce() -> i64,
    ) -> Result<Self, LinkError> {
        let (seconds, us): (i64, i64) = link.ask(&cmd("TIME"))?;
        let (server_ms, host_ms) = (seconds.saturating_mul(1_000).saturating_add(us / 1_000), host_ms());
        let mut newest = Vec::new();
        for (name, mut form) in streams {
            type Fields = Vec<Vec<u8>>;
            let found: Vec<(StreamId, Fields)> = link.ask(&Cmd::xrevrange_count(name, "+", "-", 1))?;
            let entry = found.into_iter().next();
            newest.push((
                name.to_owned(),
                entry.map(|(id, fields)| NewestEntry { id, record_end: record_end(id, &fields, &mut form) }),
            ));
        }
        Ok(Self { server_ms, host_ms, newest })
    }

    /// How far the server is ahead of this host, for people, where that is worth telling.
    #[must_use]
    pub fn host_line(&self) -> Option<String> {
        let apart = self.server_ms.saturating_sub(self.host_ms);
        (apart.abs() > HOST_MS).then(|| format!("Redis is {}", Apart(apart, "this host's clock")))
    }

    /// How far the server is ahead of the records of a stream, for people, where that is worth telling.
    #[must_use]
    pub fn record_line(stream: &str, newest: &NewestEntry) -> Option<String> {
        let apart = newest.ms().saturating_sub(newest.record_end.filter(|_| newest.is_timed())?);
        let odd = !(-AHEAD_MS..=BEHIND_MS).contains(&apart);
        odd.then(|| {
            let records = format!("the records of {stream}");
            format!("Redis is {} (entry {})", Apart(apart, &records), newest.id)
        })
    }

    /// All that is worth telling.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let newest = self.newest.iter().filter_map(|(name, newest)| Self::record_line(name, newest.as_ref()?));
        self.host_line().into_iter().chain(newest).collect()
    }

    /// The items about the clocks.
    pub(super) fn items(&self) -> Vec<Finding> {
        let check = |name: &str, wanted: &str| Check::new(Section::Redis, name, wanted);
        let apart = Apart(self.server_ms.saturating_sub(self.host_ms), "this host's");
        let mut items = vec![
            check("clock", "within 2 s of this host's")
                .why("a step of the server's clock while no engine runs is told from the host's")
                .fix("run chronyd or ntpd on both machines")
                .holds(self.host_line().is_none(), Judgement::Warn, apart.to_string()),
        ];
        for (name, newest) in &self.newest {
            let check = check(&format!("records of {name}"), "end within 60 s before they are written");
            items.push(match newest {
                Some(newest) if !newest.is_timed() => check
                    .why("bars of quiet symbols close by the time in the ids")
                    .fix("leave the ids to the server (XADD … *), or set clock = \"records\" on the stream")
                    .is(Judgement::Warn, format!("the ids are no times: {}", newest.id)),
                Some(newest) if newest.record_end.is_some() => check
                    .why("a feed that is late has late signals; records ahead of their ids are refused as \"future\"")
                    .fix("correct the clock of the server or of the feed, or the timezone of the records")
                    .holds(
                        Self::record_line(name, newest).is_none(),
                        Judgement::Warn,
                        Self::record_line(name, newest).unwrap_or_else(|| "they do".to_owned()),
                    ),
                _ => check.unknown("no record to look at"),
            });
        }
        items
    }
}

/// When the bar of an entry was over, Unix ms; the time of its id for one that was still forming.
fn record_end(id: StreamId, fields: &[Vec<u8>], form: &mut EntryForm) -> Option<i64> {
    let base = form.base();
    let now = i64::try_from(id.ms).unwrap_or(i64::MAX);
    let end = |ts: i64| {
        let span = base.utc_span(ts);
        if span.start <= now { span.end.min(now) } else { span.end }
    };
    let pairs = fields.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1]));
    let EntryForm { fields, frames, .. } = form;
    match fields.decode(pairs).ok()? {
        feed::Entry::Bar(record) => Some(end(record.ts)),
        feed::Entry::Heartbeat(_) => None,
        feed::Entry::Frame(frame) => {
            frame.records().filter_map(|record| frames.take(record).ok().map(|record| end(record.ts))).max()
        }
    }
}
