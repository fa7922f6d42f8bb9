//! The figures of a throughput run: as `run.toml`, and as text.

use super::{ThroughputOptions, measure::Figure};
use crate::{
    lab::bench::{bars::Form, server::Socket},
    telemetry::{Table, exact_count, percent},
};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
/// Parameters and figures of a run: `run.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThroughputInfo {
    /// Name of the run.
    pub name: String,
    /// Start of the run, ISO 8601, UTC.
    pub started: String,
    /// Encoding of the bars.
    pub form: Form,
    /// Transport to the server.
    pub socket: Socket,
    /// Number of bars in an entry.
    pub bars_of_entry: usize,
    /// Number of symbols.
    pub symbols: usize,
    /// Timeframes, the base first.
    pub timeframes: Vec<String>,
    /// Maximum number of entries per read, for the engine and the bare loop.
    pub read_count: u64,
    /// Further settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Entries preloaded for each drain; 0 in older runs, which did not record it.
    #[serde(default)]
    pub entries: u64,
    /// Length of a flow, all turns together, s; 0 if only the drain was measured, and in older runs.
    #[serde(default)]
    pub flow_s: f64,
    /// Share of the bare loop's drain rate that the engine reaches, by turn; empty in older runs, which took no turns.
    #[serde(default)]
    pub drain_ratios: Vec<f64>,
    /// The same for the flow.
    #[serde(default)]
    pub flow_ratios: Vec<f64>,
    /// Drain: the bare loop reads a full stream.
    pub bare_drain: Option<Figure>,
    /// Drain: the engine reads a full stream.
    pub engine_drain: Option<Figure>,
    /// Flow: the bare loop behind a producer that stays just ahead of it.
    pub bare_flow: Option<Figure>,
    /// Flow: the engine behind such a producer.
    pub engine_flow: Option<Figure>,
    /// Steady: the engine behind an open producer, at the highest tried rate that it held, or else at the last tried.
    pub steady: Option<Figure>,
}

impl ThroughputInfo {
    /// A run without any figures yet.
    pub(super) fn new(options: &ThroughputOptions, started: &str, read_count: u64) -> Self {
        let mut timeframes = options.timeframes.clone();
        timeframes.sort_unstable();
        Self {
            name: options.name.clone(),
            started: started.to_owned(),
            form: options.form,
            socket: options.socket,
            bars_of_entry: if options.form == Form::Legacy { 1 } else { options.frame },
            symbols: options.symbols,
            timeframes: timeframes.iter().map(ToString::to_string).collect(),
            read_count,
            settings: options.settings.clone(),
            entries: options.entries,
            flow_s: if options.drain_only { 0.0 } else { options.duration.as_secs_f64() },
            drain_ratios: Vec::new(),
            flow_ratios: Vec::new(),
            bare_drain: None,
            engine_drain: None,
            bare_flow: None,
            engine_flow: None,
            steady: None,
        }
    }

    /// The engine's share of the bare loop's rate over all turns: drain, then flow.
    #[must_use]
    pub fn ratios(&self) -> [Option<f64>; 2] {
        let ratio = |engine: &Option<Figure>, bare: &Option<Figure>| {
            Some(engine.as_ref()?.bars_per_s / bare.as_ref()?.bars_per_s.max(1.0))
        };
        [ratio(&self.engine_drain, &self.bare_drain), ratio(&self.engine_flow, &self.bare_flow)]
    }

    /// The stretches, in the order in which they are measured.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, Option<&Figure>); 5] {
        [
            ("drain, bare loop", self.bare_drain.as_ref()),
            ("drain, engine", self.engine_drain.as_ref()),
            ("flow, bare loop", self.bare_flow.as_ref()),
            ("flow, engine", self.engine_flow.as_ref()),
            ("steady, engine", self.steady.as_ref()),
        ]
    }

    /// One table row per stretch.
    pub(crate) fn rows(&self) -> Vec<[String; 7]> {
        let row = |(name, figure): (&str, Option<&Figure>)| {
            let figure = figure?;
            let count = |value: f64| exact_count(value.round() as u64);
            let cores = |cpu: f64| {
                let ns_per_bar = figure.ns_per_bar(cpu);
                if cpu > 0.0 { format!("{cpu:.2} ({ns_per_bar:.0} ns)") } else { "–".to_owned() }
            };
            let held = if figure.held { "" } else { "NOT HELD" };
            let error = figure.error.map_or_else(String::new, |error| format!(" ±{}", percent(error)));
            Some([
                name.to_owned(),
                count(figure.bars_per_s) + &error,
                count(figure.entries_per_s),
                cores(figure.consumer_cpu),
                cores(figure.redis_cpu),
                cores(figure.producer_cpu),
                held.to_owned(),
            ])
        };
        self.figures().into_iter().filter_map(row).collect()
    }

    /// Notes on the figures.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.extent().into_iter().collect();
        for (name, (ratio, turns)) in
            ["drain", "flow"].iter().zip(self.ratios().into_iter().zip([&self.drain_ratios, &self.flow_ratios]))
        {
            let Some(ratio) = ratio else { continue };
            let mut line = format!("{name}: engine ÷ bare loop × {ratio:.2}");
            if turns.len() > 1 {
                let (least, most) = turns.iter().fold((f64::MAX, 0.0f64), |(l, m), &r| (l.min(r), m.max(r)));
                let _ = write!(line, ", × {least:.2} to × {most:.2} in each of {} turns", turns.len());
            }
            lines.push(line);
        }
        if let Some(drain) = &self.engine_drain {
            lines.push(format!("drain: {:.2} s from the start of the process to the last commit", drain.since_start_s));
        }
        if let Some(flow) = self.engine_flow.filter(|flow| flow.signals_per_bar > 0.0) {
            lines.push(format!("flow: a signal every {:.1} bars", 1.0 / flow.signals_per_bar));
        }
        if let Some(Figure { backlog: [middle, last], held, .. }) = &self.steady {
            let held = if *held { "held" } else { "not held" };
            lines.push(format!("steady: {held}; entries behind, middle third {middle:.0}, last third {last:.0}"));
        }
        lines
    }

    /// Length of the run, if it was recorded.
    pub(crate) fn extent(&self) -> Option<String> {
        let (turns, entries, flow_s) = (self.drain_ratios.len(), self.entries, self.flow_s);
        (entries > 0)
            .then(|| format!("{turns} turns, {} entries in each drain, {flow_s} s of flow", exact_count(entries)))
    }

    /// The parameters of the run, in one line.
    pub(crate) fn about(&self) -> String {
        let Self { symbols, bars_of_entry, read_count, timeframes, settings, .. } = self;
        let form =
            if self.form == Form::Legacy { "legacy entries".to_owned() } else { format!("frames of {bars_of_entry}") };
        let mut text = format!(
            "{symbols} symbols, {}; {form}, one stream, {} socket, {read_count} entries a read",
            timeframes.join(" "),
            if self.socket == Socket::Unix { "unix" } else { "TCP" },
        );
        for setting in settings {
            let _ = write!(text, "; {setting}");
        }
        text
    }
}

/// Column heads of the table of stretches.
pub const FIGURE_HEADS: [&str; 7] =
    ["what", "bars/s", "entries/s", "consumer, cores", "redis-server, cores", "producer, cores", ""];

/// A run as text for a terminal.
#[must_use]
pub fn throughput_text(info: &ThroughputInfo) -> String {
    let mut table = Table::new(&format!("throughput: {}\n{}", info.name, info.about()), &FIGURE_HEADS);
    for row in info.rows() {
        table.row(row);
    }
    let mut text = table.to_string();
    for line in info.findings() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
