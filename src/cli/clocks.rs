//! What the clocks say at the start: whether the server's has stepped while no engine ran, and what the ids of the streams
//! are. Blocks.

use crate::{
    config::StreamClock,
    feed::streams::StreamStart,
    lab::doctor::ServerClocks,
    model::{StreamId, time::Apart},
    runtime::HostTime,
};

/// A difference from which on a clock has stepped, ms.
const STEP_MS: i64 = 2_000;

/// The clocks as they were when the position was committed.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'a> {
    /// The server's time, Unix ms.
    pub server_ms: i64,
    /// How far it was ahead of the time of the input, ms.
    pub offset_ms: i64,
    /// The host's clocks.
    pub host: HostTime,
    /// Name of the boot of the host.
    pub boot: &'a str,
}

/// What is to be made of it.
#[derive(Debug, Clone, Default)]
pub struct ClockFindings {
    /// How far the server's clock is ahead of the time of the input, ms.
    pub offset_ms: i64,
    /// By stream: how time passes on it.
    pub times: Vec<StreamClock>,
    /// What there is to say about it, a line each.
    pub lines: Vec<String>,
}

/// Compares the clocks with what was committed, and tells the streams of a step between the two.
pub fn compare(
    clocks: &ServerClocks,
    committed: Option<Committed<'_>>,
    now: HostTime,
    configured: impl Iterator<Item = StreamClock>,
    streams: &mut [StreamStart],
) -> ClockFindings {
    let mut found = ClockFindings { lines: clocks.lines(), ..ClockFindings::default() };
    if let Some(Committed { server_ms, offset_ms, host, boot }) = committed {
        // The time since the boot knows no steps.
        let same = !boot.is_empty() && boot == HostTime::boot();
        let passed_ms = if same { now.uptime_ms - host.uptime_ms } else { clocks.host_ms - host.wall_ms };
        let step_ms = clocks.server_ms.saturating_sub(server_ms).saturating_sub(passed_ms);
        found.offset_ms = offset_ms;
        if step_ms.abs() > STEP_MS {
            found.offset_ms = offset_ms.saturating_add(step_ms);
            found.lines.push(format!(
                "the clock of Redis has stepped {} while no engine ran: the time that closes bars goes on as before",
                Apart(step_ms, "")
            ));
            // A step back shows where the entries are read.
            streams.iter_mut().for_each(|stream| stream.step_ms = step_ms.max(0));
        }
    }
    let time_ms = clocks.server_ms.saturating_sub(found.offset_ms);
    for (((name, newest), configured), start) in clocks.newest.iter().zip(configured).zip(streams) {
        let Some(newest) = newest else {
            found.times.push(configured);
            continue;
        };
        let records = configured == StreamClock::Ids && !newest.is_timed();
        if records {
            let id = newest.id;
            found.lines.push(format!(
                "the ids of {name} are no times (the newest is {id}): its bars close by the records of their own symbol; clock = \"records\" on the stream says so"
            ));
        }
        found.times.push(if records { StreamClock::Records } else { configured });
        let unread = newest.id > start.published.max(start.start) && start.published != StreamId::default();
        let ahead_ms = newest.ms().saturating_sub(start.offset_ms).saturating_sub(time_ms);
        if newest.is_timed() && ahead_ms > STEP_MS {
            if unread {
                start.step_ms = start.step_ms.max(ahead_ms);
            }
            found.lines.push(format!(
                "the newest entry of {name}, {}, is {}: its clock was set back, or a writer makes up ids",
                newest.id,
                Apart(ahead_ms, "the time of Redis")
            ));
        }
    }
    found
}
