//! The report of a run as text, a hundred columns wide. Its input is plain numbers, so that it needs no threads. Not
//! hot.

use super::engine::EngineSnapshot;
use super::histogram::HIGHEST_NS;
use super::latency_row::LatencyRow;
use super::memory::ProcessUsage;
use super::performance::{PerformanceRow, performance_table};
use super::table::{Table, exact_count, human_bytes, human_count, human_ns, percent};
use super::{AgentSnapshot, FlushCause};
use crate::model::HeldBack;
use crate::model::Refusal;
use crate::model::{MAX_TIMEFRAMES, Roster, Strategy};
use std::fmt;

/// Strategies beside each other in a table: five names of the usual length fill a line.
const STRATEGIES_ACROSS: usize = 5;

/// The content of a report.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Time that the counters cover, ns.
    pub elapsed_ns: u64,
    /// What was counted until the engine was warm, and how long that took, ns: it is left out of counts and rates.
    pub warm_up: Option<(EngineSnapshot, u64)>,
    /// Whether the input came as fast as it could be taken: then latencies are times in queues, and no budget applies.
    pub full_speed: bool,
    /// Latencies of styles and stages, in the order of the report.
    pub latencies: Vec<LatencyRow>,
    /// All counters.
    pub counters: EngineSnapshot,
    /// Names of the timeframes, by index.
    pub timeframes: Vec<String>,
    /// The strategies.
    pub roster: Roster,
    /// What the signals are worth, by timeframe and strategy.
    pub performance: Vec<PerformanceRow>,
    /// Memory by component, bytes.
    pub memory: Vec<(String, u64)>,
    /// The kernel's figures on the process.
    pub process: ProcessUsage,
}

impl Report {
    /// Whether all latencies are within their budgets.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.latencies.iter().all(|row| row.passes() != Some(false))
    }

    /// Time since the engine was warm, ns.
    fn live_ns(&self) -> u64 {
        self.elapsed_ns.saturating_sub(self.warm_up.as_ref().map_or(0, |(_, ns)| *ns))
    }

    /// What an agent, or a thread of several, had counted when the engine was warm.
    fn before(&self, name: &str) -> AgentSnapshot {
        let agents = self.warm_up.iter().flat_map(|(counters, _)| counters.agents.iter().chain(&counters.threads));
        agents.filter(|(of, _)| of == name).map(|(_, agent)| agent.clone()).next().unwrap_or_default()
    }

    fn throughput(&self) -> Table {
        let c = &self.counters;
        let seconds = self.live_ns().max(1) as f64 / 1e9;
        let mut title = format!("Throughput over {}", human_ns(self.elapsed_ns));
        if let Some((before, ns)) = &self.warm_up {
            let records = exact_count(before.reader.records_in);
            title += &format!("; the rates leave out a warm-up of {} on {records} records", human_ns(*ns));
        }
        let mut table = Table::new(&title, &["what", "count", "rate"]);
        let mut row = |name: &str, of: fn(&EngineSnapshot) -> u64| {
            let before = self.warm_up.as_ref().map_or(0, |(before, _)| of(before));
            let (count, live) = (of(c), of(c).saturating_sub(before));
            let rate = format!("{}/s", human_count((live as f64 / seconds) as u64));
            table.row([name.to_owned(), exact_count(count), rate]);
        };
        row("records in", |c| c.reader.records_in);
        row("records accepted", |c| c.reader.accepted);
        if c.reader.external_in > 0 {
            row("signals of strategies outside", |c| c.reader.external_in);
            row("taken of these", |c| c.reader.external_taken);
        }
        if c.reader.replaced > 0 {
            row("records replaced", |c| c.reader.replaced);
        }
        row("records refused", |c| c.refused());
        if c.known() > 0 {
            row("records known from history", |c| c.known());
        }
        row("bytes read", |c| c.reader.bytes);
        row("bars closed", |c| c.closed());
        row("bars evaluated", |c| c.worker.bars);
        row("signals found", |c| c.signals());
        row("signals published", |c| c.published());
        row("alerts", |c| c.publisher.alerts);
        if c.publisher.concentrated > 0 {
            row("concentrated signals", |c| c.publisher.concentrated);
        }
        if c.publisher.stale > 0 {
            row("stale signals", |c| c.publisher.stale);
        }
        row("batches written", |c| c.publisher.batches);
        row("bytes written", |c| c.publisher.bytes);
        row("dead letters", |c| c.publisher.dead_letters);
        if c.reader.letters_left_out > 0 {
            row("dead letters left out", |c| c.reader.letters_left_out);
        }
        table
    }

    fn latency_tables(&self) -> [Table; 2] {
        let heads = ["style", "count", "p50", "p90", "p99", "p99.9", "max", "budget", "verdict"];
        let queues = if self.full_speed { "; at full speed: times in queues, which no budget is for" } else { "" };
        let mut styles = Table::new(&format!("Latency, arrival to acknowledged write{queues}"), &heads);
        let mut stages = Table::new("Latency by stage", &["stage", "count", "p50", "p90", "p99", "p99.9", "max"]);
        for row in &self.latencies {
            if row.budget_ns.is_some() {
                styles.row(row.cells(self.full_speed))
            } else {
                stages.row(row.cells(self.full_speed))
            }
        }
        [styles, stages]
    }

    /// Notes on values that the percentiles do not show.
    fn out_of_range(&self) -> Table {
        let mut table = Table::new("Latencies that the percentiles do not tell", &["what: why", "count"]);
        for LatencyRow { latency, summary, .. } in &self.latencies {
            let over = format!("{}: longer than {}, counted as that", latency.name(), human_ns(HIGHEST_NS));
            let lost = format!("{}: lost in adding up", latency.name());
            for (what, count) in [(over, summary.over_range), (lost, summary.lost)] {
                if count > 0 {
                    table.row([what, exact_count(count)]);
                }
            }
        }
        table
    }

    fn duty(&self, title: &str, of: &[(String, AgentSnapshot)]) -> Table {
        let heads = ["name", "cycles", "busy cycles", "work", "busy", "idle", "blocked", "longest", "parks"];
        let mut table = Table::new(title, &heads);
        for (name, agent) in of {
            let before = self.before(name);
            let since = |count: fn(&AgentSnapshot) -> u64| count(agent).saturating_sub(count(&before));
            // Agents that share a thread are idle together.
            let otherwise = |ns: u64| if agent.idle_ns == 0 { "–".to_owned() } else { share(ns, self.live_ns()) };
            table.row([
                name.clone(),
                human_count(since(|agent| agent.duty_cycles)),
                human_count(since(|agent| agent.busy_cycles)),
                human_count(since(|agent| agent.work)),
                share(since(|agent| agent.busy_ns), self.live_ns()),
                otherwise(since(|agent| agent.idle_ns).saturating_sub(since(|agent| agent.blocked_ns))),
                otherwise(since(|agent| agent.blocked_ns)),
                human_ns(agent.duty_ns_max),
                human_count(since(|agent| agent.parks)),
            ]);
        }
        table
    }

    /// The kernel's figures on the threads since their first duty cycle.
    fn scheduling(&self) -> Table {
        let heads = ["thread", "last core", "waits", "preempted", "page faults", "of these from disk"];
        let mut table = Table::new("Threads as the kernel saw them, since their start", &heads);
        let c = &self.counters;
        // With dedicated threads, each agent has one.
        for (name, thread) in if c.threads.is_empty() { &c.agents } else { &c.threads } {
            table.row([
                name.clone(),
                thread.last_core.to_string(),
                human_count(thread.voluntary_switches),
                human_count(thread.involuntary_switches),
                human_count(thread.minor_faults + thread.major_faults),
                human_count(thread.major_faults),
            ]);
        }
        table
    }

    fn rings(&self) -> Table {
        let mut table = Table::new(
            "Rings",
            &["from→to", "capacity", "high water", "full", "sent", "backlog", "blocked", "overflowed"],
        );
        for ring in &self.counters.rings {
            table.row([
                ring.name.clone(),
                ring.capacity.to_string(),
                ring.inlet.waiting_max.to_string(),
                share(ring.inlet.waiting_max, ring.capacity as u64),
                human_count(ring.outlet.sent),
                human_count(ring.backlog()),
                human_count(ring.outlet.blocked),
                human_count(ring.outlet.overflowed),
            ]);
        }
        table
    }

    /// How far the cells have come.
    fn readiness(&self) -> Table {
        let mut table = Table::new("Readiness of the cells", &["timeframe", "cells", "defined", "settled"]);
        let worker = &self.counters.worker;
        for (index, name) in self.timeframes.iter().enumerate() {
            let cells = worker.cells[index];
            if cells > 0 {
                let counts = [cells, worker.defined[index], worker.settled[index]].map(exact_count);
                table.row([name.clone()].into_iter().chain(counts));
            }
        }
        table
    }

    fn streams(&self) -> Table {
        let mut table =
            Table::new("Input streams", &["stream", "entries", "behind", "behind by", "delay", "lost to trimming"]);
        for (name, stream) in &self.counters.streams {
            let counts = [stream.entries, stream.lag_entries].map(human_count);
            let [entries, lag] = counts;
            let [behind, delay] = [stream.lag_ms, stream.delay_ms].map(|ms| human_ns(ms.saturating_mul(1_000_000)));
            table.row([name.clone(), entries, lag, behind, delay, human_count(stream.trimmed)]);
        }
        table
    }

    /// Time blocked: by the next stage, or by the server.
    fn waits(&self) -> Table {
        let c = &self.counters;
        let mut table = Table::new("Waits", &["what", "time", "share"]);
        let blocked = [
            ("reader blocked by the agents behind it", c.reader.blocked_ns),
            ("publisher blocked by its server", c.publisher.blocked_ns),
        ];
        for (name, ns) in blocked {
            table.row([name.to_owned(), human_ns(ns), share(ns, self.elapsed_ns)]);
        }
        for (name, link) in &c.links {
            let name = format!("{name} disconnected, {} times connected again", link.reconnects);
            table.row([name, human_ns(link.down_ns), share(link.down_ns, self.elapsed_ns)]);
        }
        table
    }

    /// The snapshots of the state.
    fn state(&self) -> Table {
        let mut table = Table::new("Snapshots", &["what", "amount"]);
        let Some(state) = &self.counters.state else { return table };
        table.row(["written".to_owned(), human_count(state.snapshots)]);
        table.row(["failed".to_owned(), human_count(state.failures)]);
        table.row(["length of the last".to_owned(), human_bytes(state.bytes)]);
        table.row(["time it took".to_owned(), human_ns(state.duration_ns)]);
        table
    }

    fn memory(&self) -> Table {
        let p = &self.process;
        let mut table = Table::new("Memory and scheduling", &["what", "amount"]);
        for (name, bytes) in &self.memory {
            table.row([name.clone(), human_bytes(*bytes)]);
        }
        table.row(["resident".to_owned(), human_bytes(p.rss_bytes)]);
        table.row(["resident, peak".to_owned(), human_bytes(p.rss_bytes_max)]);
        table.row(["page faults, minor".to_owned(), human_count(p.minor_faults)]);
        table.row(["page faults, major".to_owned(), human_count(p.major_faults)]);
        table.row(["context switches, involuntary".to_owned(), human_count(p.involuntary_switches)]);
        table
    }

    /// The timeframes with any count, by index.
    fn used_timeframes(&self) -> Vec<usize> {
        let used = |&tf: &usize| {
            let found = self.counters.worker.signals.iter().any(|by_timeframe| by_timeframe[tf] > 0);
            found || self.counters.aggregator.closed[tf] > 0 || tf < self.timeframes.len()
        };
        (0..MAX_TIMEFRAMES).filter(used).collect()
    }

    /// Counts with a row per timeframe, of which there may be many, and a column per strategy: as many tables as it takes
    /// for the columns to fit.
    fn by_timeframe(
        &self,
        title: &str,
        counts: &[[u64; MAX_TIMEFRAMES]; Strategy::SLOTS],
        bars: bool,
    ) -> impl Iterator<Item = Table> {
        let lead: &[&str] = if bars { &["timeframe", "bars"] } else { &["timeframe"] };
        let probed = counts[Strategy::Probe.index()].iter().any(|&count| count > 0);
        let all: Vec<Strategy> = self.roster.iter().collect();
        let parts: Vec<Vec<Strategy>> = all.chunks(STRATEGIES_ACROSS).map(<[Strategy]>::to_vec).collect();
        let last = parts.len() - 1;
        parts.into_iter().enumerate().map(move |(part, strategies)| {
            let strategies = strategies.iter().copied().chain((part == last && probed).then_some(Strategy::Probe));
            let names = strategies.clone().map(Strategy::name);
            let heads: Vec<&str> = lead.iter().copied().chain(names).chain((part == last).then_some("total")).collect();
            let more = if part == 0 { "" } else { ", continued" };
            let mut table = Table::new(&format!("{title}{more}"), &heads);
            for tf in self.used_timeframes() {
                let name = self.timeframes.get(tf).map_or("?", String::as_str);
                let closed = bars.then_some(self.counters.aggregator.closed[tf]);
                let found = strategies.clone().map(|strategy| counts[strategy.index()][tf]);
                let total = (part == last).then(|| counts.iter().map(|by_timeframe| by_timeframe[tf]).sum());
                let cells = closed.into_iter().chain(found).chain(total).map(exact_count);
                table.row([name.to_owned()].into_iter().chain(cells));
            }
            table
        })
    }

    /// Refusals, signals held back, flushes, each by reason; only those that happened.
    fn reasons(&self) -> Table {
        let c = &self.counters;
        let mut table = Table::new("Reasons", &["what: why", "count"]);
        let refused = Refusal::ALL.iter().map(|reason| (reason.name(), c.reader.refused[reason.index()]));
        let held = HeldBack::ALL.iter().map(|reason| (reason.name(), c.publisher.held_back[reason.index()]));
        let flushed = FlushCause::NAMES.into_iter().zip(c.publisher.flushes);
        let refused = refused.map(|(name, count)| ("record refused", name, count));
        let all = refused
            .chain(held.map(|(name, count)| ("signal held back", name, count)))
            .chain(flushed.map(|(name, count)| ("batch flushed", name, count)))
            .chain([("custom strategy silent", "confidence undefined", c.worker.custom_undefined)]);
        for (what, name, count) in all.filter(|&(_, _, count)| count > 0) {
            table.row([format!("{what}: {name}"), exact_count(count)]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [styles, stages] = self.latency_tables();
        let c = &self.counters;
        let found = "Bars closed and signals found by timeframe and strategy";
        let published = "Signals published by timeframe and strategy";
        let tables = [styles, stages, self.out_of_range(), self.throughput()]
            .into_iter()
            .chain(self.by_timeframe(found, &c.worker.signals, true))
            .chain(self.by_timeframe(published, &c.publisher.published, false))
            .chain([
                performance_table(&self.performance),
                self.readiness(),
                self.reasons(),
                self.duty("Agents", &c.agents),
                self.duty("Threads", &c.threads),
                self.scheduling(),
                self.rings(),
                self.streams(),
                self.waits(),
                self.state(),
                self.memory(),
            ]);
        let mut first = true;
        for table in tables.filter(|table| !table.is_empty()) {
            if !first {
                writeln!(f)?;
            }
            first = false;
            write!(f, "{table}")?;
        }
        Ok(())
    }
}

/// A part of a whole, as its share; `–` of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { percent(part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TradingStyle;
    use crate::telemetry::{Latency, LatencySummary, RingSnapshot, Stage};

    fn row(latency: Latency, max_ns: u64, budget_ns: Option<u64>) -> LatencyRow {
        let summary = LatencySummary {
            count: 12_345,
            mean_ns: max_ns / 8,
            p50_ns: max_ns / 16,
            p90_ns: max_ns / 8,
            p99_ns: max_ns / 4,
            p999_ns: max_ns / 2,
            max_ns,
            over_range: u64::from(budget_ns.is_none()),
            lost: 0,
        };
        LatencyRow { latency, summary, budget_ns }
    }

    fn report() -> Report {
        let mut counters = EngineSnapshot::default();
        counters.reader.records_in = 1_000_000;
        counters.reader.refused[Refusal::Late.index()] = 42;
        counters.aggregator.closed[1] = 200_000;
        counters.worker.signals[0][1] = 77;
        let agent = AgentSnapshot {
            duty_cycles: 5_000,
            busy_ns: 500_000_000,
            idle_ns: 1_500_000_000,
            blocked_ns: 250_000_000,
            duty_ns_max: 123_456,
            involuntary_switches: 4_321,
            ..Default::default()
        };
        counters.agents = vec![("reader".to_owned(), agent)];
        let mut ring = RingSnapshot { name: "reader→worker 0".to_owned(), capacity: 1_024, ..Default::default() };
        ring.inlet.waiting_max = 512;
        counters.rings = vec![ring];
        let timeframes = (0..MAX_TIMEFRAMES).map(|n| format!("{}m", n + 1)).collect();
        Report {
            elapsed_ns: 2_000_000_000,
            warm_up: None,
            full_speed: false,
            latencies: vec![
                row(Latency::Style(TradingStyle::Day), 99_000_000, Some(100_000_000)),
                row(Latency::Style(TradingStyle::Swing), 500_000_001, Some(500_000_000)),
                LatencyRow { summary: LatencySummary::default(), ..row(Latency::STYLES[2], 0, Some(1_000_000_000)) },
                row(Latency::Stage(Stage::Read), 1_600, None),
            ],
            counters,
            timeframes,
            roster: Roster::default(),
            performance: Vec::new(),
            memory: vec![("cells".to_owned(), 3 << 20)],
            process: ProcessUsage { rss_bytes: 100 << 20, ..ProcessUsage::default() },
        }
    }

    #[test]
    fn budgets_are_judged_by_the_longest() {
        let report = report();
        let verdicts: Vec<_> = report.latencies.iter().map(LatencyRow::passes).collect();
        assert_eq!(verdicts, [Some(true), Some(false), None, None]);
        assert!(!report.passes() && Report::default().passes());
    }

    #[test]
    fn what_warmed_the_engine_up_is_kept_out_of_live_figures() {
        let mut report = report();
        let mut before = EngineSnapshot::default();
        before.reader.records_in = 999_900;
        before.agents = vec![("reader".to_owned(), AgentSnapshot { busy_ns: 400_000_000, ..Default::default() })];
        report.warm_up = Some((before, 1_000_000_000));
        let text = report.to_string();
        assert!(
            text.contains("Throughput over 2.00 s; the rates leave out a warm-up of 1.00 s on 999,900 records"),
            "{text}"
        );
        let records = text.lines().find(|line| line.contains("records in")).unwrap();
        assert_eq!(records.split_whitespace().collect::<Vec<_>>(), ["records", "in", "1,000,000", "100/s"]);
        assert!(text.contains("10.0%"), "busy for 100 ms of the second since: {text}");
    }

    #[test]
    fn a_replay_at_full_speed_keeps_no_budget_and_breaks_none() {
        let text = Report { full_speed: true, ..report() }.to_string();
        assert!(!text.contains("PASS") && !text.contains("FAIL") && text.contains("times in queues"), "{text}");
    }

    #[test]
    fn says_everything_within_a_hundred_columns() {
        let text = report().to_string();
        for part in [
            "PASS",
            "FAIL",
            "500K/s",
            "record refused: late",
            "50.0%",
            "25.0%",
            "3.00 MiB",
            "macd_rsi",
            "123 µs",
            "read: longer than 60.0 s",
        ]
        .into_iter()
        .chain(["62.5%", "12.5%", "4.32K"])
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100 && line.trim_end() == line), "{text}");
        assert!(!text.contains("held back"), "what did not happen is not listed");
    }
}
