//! What has happened in an interval, in ten lines. Its input is plain numbers. Not hot.

use super::{
    EngineSnapshot, LatencyRow,
    report::share,
    table::{exact_count, human_bytes, human_count, human_ns},
};
use crate::model::{HeldBack, Refusal};
use std::fmt;

/// A report of an interval.
#[derive(Debug)]
pub struct Brief<'a> {
    /// Its length, ns.
    pub interval_ns: u64,
    /// The counters at its begin.
    pub before: &'a EngineSnapshot,
    /// The counters at its end.
    pub now: &'a EngineSnapshot,
    /// Latencies of the styles in it.
    pub latencies: Vec<LatencyRow>,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
}

impl Brief<'_> {
    /// By how much a number has grown.
    fn grown(&self, of: impl Fn(&EngineSnapshot) -> u64) -> u64 {
        of(self.now).saturating_sub(of(self.before))
    }

    fn per_s(&self, count: u64) -> String {
        let seconds = self.interval_ns.max(1) as f64 / 1e9;
        format!("{}/s", human_count((count as f64 / seconds) as u64))
    }

    /// Counts by reason, those that are above 0, the largest first.
    fn reasons(mut counts: Vec<(&'static str, u64)>) -> String {
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let all = counts.iter().map(|(name, count)| format!("{name} {}", exact_count(*count)));
        all.collect::<Vec<_>>().join(", ")
    }

    fn refused(&self) -> Option<String> {
        let count = self.grown(EngineSnapshot::refused);
        let by = Refusal::ALL.iter().map(|reason| {
            let index = reason.index();
            (reason.name(), self.grown(|counters| counters.reader.refused[index]))
        });
        (count > 0).then(|| format!("refused   {} records: {}", exact_count(count), Self::reasons(by.collect())))
    }

    fn signals(&self) -> String {
        let published = self.grown(EngineSnapshot::published);
        let held = HeldBack::ALL.iter().map(|reason| {
            let index = reason.index();
            (reason.name(), self.grown(|counters| counters.publisher.held_back[index]))
        });
        let held = Self::reasons(held.collect());
        let held = if held.is_empty() { String::new() } else { format!(", held back: {held}") };
        format!("signals   {} published, {} alerts{held}", exact_count(published), self.grown(|c| c.publisher.alerts))
    }

    fn latency(row: &LatencyRow) -> Option<String> {
        let of = row.summary;
        let budget = row.budget_ns.map_or_else(String::new, |ns| format!(" of {}", human_ns(ns)));
        let over = if row.passes() == Some(false) { ", OVER" } else { "" };
        (of.count > 0).then(|| {
            let [p50, p99, max] = [of.p50_ns, of.p99_ns, of.max_ns].map(human_ns);
            format!("latency   {}: p50 {p50}, p99 {p99}, max {max}{budget}{over}", row.latency.name())
        })
    }

    fn busiest(&self) -> Option<String> {
        let agents = self.now.agents.iter().zip(&self.before.agents);
        let most = |busy: fn(&super::AgentSnapshot) -> u64| {
            agents.clone().map(move |((name, now), (_, before))| (busy(now).saturating_sub(busy(before)), name)).max()
        };
        let (busy, busiest) = most(|agent| agent.busy_ns)?;
        let (blocked, waits) = most(|agent| agent.blocked_ns)?;
        let blocked = if blocked == 0 {
            String::new()
        } else {
            format!("; {waits} waited {} for the next stage", share(blocked, self.interval_ns))
        };
        Some(format!("busiest   {busiest}, {}{blocked}", share(busy, self.interval_ns)))
    }

    fn input(&self) -> Option<String> {
        let behind = self.now.streams.iter().filter(|(_, stream)| stream.lag_entries > 0 || stream.lag_ms > 0);
        let behind: Vec<String> = behind
            .map(|(name, stream)| {
                let by = human_ns(stream.lag_ms.saturating_mul(1_000_000));
                format!("{name} by {} entries, {by}", exact_count(stream.lag_entries))
            })
            .collect();
        (!behind.is_empty()).then(|| format!("behind    {}", behind.join("; ")))
    }
}

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The last {}", human_ns(self.interval_ns))?;
        let (records, bars) = (self.grown(|c| c.reader.records_in), self.grown(EngineSnapshot::closed));
        let input = format!("input     {} records, {}", exact_count(records), self.per_s(records));
        let bars = format!("bars      {} closed, {}", exact_count(bars), self.per_s(bars));
        let down = self.now.links.iter().filter(|(_, link)| link.down > 0);
        let down = down.map(|(name, _)| format!("down      {name} has no connection"));
        let memory =
            format!("memory    {} resident, {} messages wait", human_bytes(self.rss_bytes), self.now.backlog());
        let lines = [input].into_iter().chain(self.refused()).chain([bars, self.signals()]);
        let lines =
            lines.chain(self.latencies.iter().filter_map(Self::latency)).chain(self.input()).chain(self.busiest());
        let all: Vec<String> = lines.chain(down).chain([memory]).map(|line| format!("  {line}")).collect();
        f.write_str(&all.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Latency, LatencySummary};

    #[test]
    fn it_is_of_the_interval_and_short() {
        let mut before = EngineSnapshot::default();
        before.reader.records_in = 1_000_000;
        before.reader.refused[Refusal::Late.index()] = 5;
        let mut now = before.clone();
        now.reader.records_in += 6_000;
        now.reader.refused[Refusal::Late.index()] += 2_313;
        now.publisher.published[0][0] = 7;
        let summary =
            LatencySummary { count: 7, p50_ns: 1_000, p99_ns: 2_000, max_ns: 200_000_000, ..Default::default() };
        let latencies = vec![LatencyRow { latency: Latency::STYLES[0], summary, budget_ns: Some(100_000_000) }];
        let brief = Brief { interval_ns: 60_000_000_000, before: &before, now: &now, latencies, rss_bytes: 1 << 20 };
        let text = brief.to_string();
        assert!(text.contains("6,000 records, 100/s") && text.contains("2,313 records: late 2,313"), "{text}");
        assert!(text.contains("7 published") && text.contains("max 200 ms of 100 ms, OVER"), "{text}");
        assert!(text.lines().count() <= 10, "{text}");
    }
}
