//! What goes by the wall needs one: a stream whose ids are no times has none.

use super::{Config, StreamClock, checker::Checks};

/// Checks that the log has a time where something goes by it.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    let untimed = config.input.streams.iter().find(|stream| stream.clock == StreamClock::Records);
    let Some(stream) = untimed.filter(|_| config.input.feed.is_redis()) else { return };
    let limits = config.output.max_signals_per_s.table();
    checks.require(limits.iter().all(|&max| max == 0), &["output", "max_signals_per_s"], || {
        format!(
            "counts by the second of the log, and {:?} has none: its clock is \"records\"; set all limits to 0, or the clock \
             of the stream to \"ids\" or \"heartbeat\"",
            stream.name
        )
    });
}
