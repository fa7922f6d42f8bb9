//! What a replay has published, as a page of one file: the same page as a running engine shows, with the data in it.

use super::{
    board::{Latencies, RunPhase},
    events::Events,
    health::Health,
    market::Market,
    routes::PAGE,
    status,
    view::{Traffic, View},
};
use crate::{
    config::Config,
    engine::{Tapped, Watch},
    model::Directory,
    publish::{Labels, Sources, signal_json_line},
    runtime::background,
    telemetry::{ProcessUsage, Report},
};
use serde_json::{Map, Value, json};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Signals in a page: the newest.
const SIGNALS_MAX: usize = 20_000;
/// Bars in a page, and of one cell.
const BARS: (usize, usize) = (60_000, 6_000);
/// How long the thread sleeps where there is nothing.
const PAUSE: Duration = Duration::from_millis(1);

/// What has been taken so far.
#[derive(Debug)]
struct Taken {
    market: Market,
    signals: VecDeque<String>,
    signals_seen: u64,
}

/// A thread that takes everything that is published.
#[derive(Debug)]
pub struct Recording {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Taken>,
    directory: Arc<Directory>,
}

impl Recording {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(mut watch: Watch, directory: &Arc<Directory>, sources: &Arc<Sources>) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let (over, names, inputs) = (Arc::clone(&ended), Arc::clone(directory), Arc::clone(sources));
        let thread = std::thread::Builder::new().name("recording".to_owned()).spawn(move || {
            background();
            let mut taken =
                Taken { market: Market::with_room(BARS.0, BARS.1), signals: VecDeque::new(), signals_seen: 0 };
            loop {
                // Asked first: what was published before the end is still taken.
                let last = over.load(Ordering::Acquire);
                while let Some(seen) = watch.take_next() {
                    taken.take(&seen, Labels { directory: &names, sources: &inputs });
                }
                if last {
                    return taken;
                }
                std::thread::sleep(PAUSE);
            }
        })?;
        Ok(Self { ended, thread, directory: Arc::clone(directory) })
    }

    /// Ends it and makes the page, of an engine that has ended with this report.
    #[must_use]
    pub fn page(self, title: &str, report: &Report) -> String {
        self.ended.store(true, Ordering::Release);
        let Ok(Taken { market, signals, signals_seen }) = self.thread.join() else { return String::new() };
        let timeframes: Vec<String> = self.directory.timeframes().iter().map(ToString::to_string).collect();
        let health = Health::new(Config::default().telemetry.health, 0);
        let view = View {
            name: title,
            config_version: String::new(),
            phase: RunPhase::Running,
            elapsed_ns: report.elapsed_ns,
            wall_ms: 0,
            snapshot: &report.counters,
            before: None,
            // At full speed these say nothing of a live engine.
            latencies: &Latencies::default(),
            performance: &report.performance,
            memory: Vec::new(),
            process: ProcessUsage::default(),
            health: &health,
            market: &market,
            timeframes,
            roster: report.roster,
            traffic: Traffic::default(),
            missed: 0,
        };
        let cells: Map<String, Value> = market.all(&self.directory).collect();
        let signals: Vec<Value> = signals.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let data = json!({
            "status": status::json(&view, Some(&self.directory), &Events::new(0)),
            "cells": cells,
            "left_out": signals_seen - signals.len() as u64,
            "signals": signals,
        });
        // Nothing in the data may end the script that it stands in.
        let data = data.to_string().replace("</", "<\\/").replace("<!--", "<\\!--");
        PAGE.replacen("<script>", &format!("<script>window.RECORDED = {data};</script>\n<script>"), 1)
    }
}

impl Taken {
    fn take(&mut self, seen: &Tapped, labels: Labels<'_>) {
        match seen {
            Tapped::Bar(row, replayed) => self.market.bar(row, *replayed),
            Tapped::Signal(seen) => {
                self.market.signal(seen.composite.signal.symbol, seen.market_correlation());
                let mut line = Vec::new();
                seen.weighed(|weighed| signal_json_line(&mut line, weighed, labels));
                if self.signals.len() >= SIGNALS_MAX {
                    self.signals.pop_front();
                }
                self.signals.push_back(String::from_utf8_lossy(&line).into_owned());
                self.signals_seen += 1;
            }
        }
    }
}
