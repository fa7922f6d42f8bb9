//! What `ingest` says of its work, in a line.

use crate::{
    ingest::Service,
    model::time::Iso8601,
    telemetry::{exact_count, human_ns, percent},
};
use std::time::Duration;

/// How things are, in a line.
pub(super) fn status(service: &Service, span: Option<(i64, i64)>, rate: f64, passed: Duration) -> String {
    let (desk, counts) = (service.desk(), service.desk().counts());
    let (bars, state) = (exact_count(counts.bars), service.state());
    if let Some((from_ms, to_ms)) = span {
        let done = desk.progress(from_ms, to_ms);
        let left_s = passed.as_secs_f64() * (1.0 - done) / done.max(1e-3);
        return format!("{}  {bars} bars  {rate:.0}/s  about {left_s:.0} s left  {state}", percent(done));
    }
    let complete = match desk.complete_ms() {
        i64::MIN => "nothing".to_owned(),
        end_ms => Iso8601(end_ms).to_string(),
    };
    let odd = match counts.late + counts.refused + counts.gaps {
        0 => String::new(),
        _ => format!("  late {} refused {} gaps {}", counts.late, counts.refused, counts.gaps),
    };
    let waiting = if desk.waiting() == 0 { String::new() } else { format!("  waiting {}", desk.waiting()) };
    let state = if state.is_empty() { state } else { format!("  {state}") };
    let (live, all) = (desk.live(), desk.symbols());
    format!("{bars} bars  {rate:.0}/s  {live} of {all} symbols live  complete up to {complete}{waiting}{odd}{state}")
}

/// What has been done, in a line.
pub(super) fn summary(service: &Service, took: Duration) -> String {
    let counts = service.desk().counts();
    let times = service.commit_times().map_or_else(String::new, |times| {
        let [p50, p99, max] = [times.p50_ns, times.p99_ns, times.max_ns].map(human_ns);
        format!("; committed {p50} (p50), {p99} (p99), {max} (max) after their messages")
    });
    format!(
        "{} bars published in {:.1} s; {} repeated, {} late ({} late trades), {} refused, {} corrected (and {} in time), {} gaps \
         filled, {} left{times}",
        exact_count(counts.bars),
        took.as_secs_f64(),
        counts.repeated,
        counts.late,
        counts.late_trades,
        counts.refused,
        counts.corrected,
        counts.settled,
        counts.filled,
        counts.gaps,
    )
}
