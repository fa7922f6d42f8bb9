//! What is to be published, in order: knows of each symbol what has been published, what is missing and what comes live.
//!
//! A pure state machine: events in, items out. A bar is published once, and later than those before it; what comes live
//! while the past of its symbol is being fetched waits until it is there.

use super::{
    line::{Coming, HoldTimes, Holding, Line},
    market::{Event, FeedBar, PastWanted},
    outgoing::{DeskCounts, Outgoing},
    route::Route,
};
use crate::model::Timeframe;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// How long a missing bar is waited for before the past is asked for it, ms; an interval where that is longer.
const SEARCH_MS: i64 = 5_000;

/// Refused bars of which a line is said; all are counted.
const REFUSED_TOLD: u64 = 10;

/// What was committed before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishedBefore {
    /// Start of the newest bar, by symbol.
    pub newest: HashMap<String, i64>,
    /// End of the last heartbeat that held for it, by symbol.
    pub proved: HashMap<String, i64>,
}

/// The state of all symbols.
#[derive(Debug)]
pub struct Desk {
    timeframe: Timeframe,
    route: Route,
    published: PublishedBefore,
    holds: HoldTimes,
    lines: Vec<Line>,
    queue: VecDeque<Outgoing>,
    /// Symbols whose past is to be asked for.
    wanted: Vec<PastWanted>,
    /// Up to where everything has come, of symbols that are live.
    complete_ms: i64,
    /// Whether every symbol has a bar in every interval, so that one that is not there is missing; and how long it is waited
    /// for before the past is asked, ms.
    dense_ms: Option<i64>,
    /// Whether it is over when nothing is left to fetch.
    until_filled: bool,
    /// By stream, and by how long bars are held: the end of the last heartbeat.
    said_ms: BTreeMap<(usize, i64), i64>,
    over: bool,
    counts: DeskCounts,
    /// By stream: corrections of published bars.
    corrected: Vec<u64>,
    lines_said: Vec<String>,
}

impl Desk {
    /// The desk of these symbols, whose bars go this way.
    #[must_use]
    pub fn new(symbols: &[String], timeframe: Timeframe, route: Route, published: PublishedBefore) -> Self {
        let mut desk = Self {
            timeframe,
            corrected: vec![0; route.streams()],
            route,
            published,
            holds: HoldTimes::default(),
            lines: Vec::with_capacity(symbols.len()),
            queue: VecDeque::new(),
            wanted: Vec::new(),
            complete_ms: i64::MIN,
            dense_ms: None,
            until_filled: false,
            said_ms: BTreeMap::new(),
            over: false,
            counts: DeskCounts::default(),
            lines_said: Vec::new(),
        };
        symbols.iter().for_each(|name| desk.name(name.clone()));
        desk
    }

    /// The same for a market in which every symbol has a bar in every interval: one that is not there is not taken for absent,
    /// but looked for in the past.
    #[must_use]
    pub fn dense(mut self, dense: bool) -> Self {
        self.dense_ms = dense.then(|| self.timeframe.interval_ms().max(SEARCH_MS));
        self
    }

    /// The same with bars that are held: corrections that come meanwhile are in them.
    #[must_use]
    pub fn holding(mut self, holds: HoldTimes) -> Self {
        self.holds = holds;
        self.said_ms.clear();
        std::mem::take(&mut self.lines).into_iter().for_each(|line| self.name(line.name));
        self
    }

    /// The same for the past alone: from here up to here, Unix ms; it is over when that is there.
    #[must_use]
    pub fn spanning(mut self, from_ms: i64, to_ms: i64) -> Self {
        self.until_filled = true;
        for symbol in 0..self.lines.len() {
            self.lines[symbol].since = Some(from_ms);
            self.joined(symbol, to_ms);
        }
        self.over = self.wanted.is_empty();
        self
    }

    /// How much of a span there is, 0 to 1.
    #[must_use]
    pub fn progress(&self, from_ms: i64, to_ms: i64) -> f64 {
        let done = |line: &Line| match (&line.coming, line.newest) {
            (Coming::Filling { .. }, newest) => {
                (newest.unwrap_or(from_ms) - from_ms).max(0) as f64 / (to_ms - from_ms).max(1) as f64
            }
            _ => 1.0,
        };
        self.lines.iter().map(done).sum::<f64>() / self.lines.len().max(1) as f64
    }

    fn name(&mut self, name: String) {
        let newest = self.published.newest.get(&name).copied();
        let proved = self.published.proved.get(&name).copied().unwrap_or(i64::MIN);
        let stream = self.route.of(&name);
        let hold_ms = self.holds.of(&name);
        // What has been said is not said again.
        let said_ms = self.said_ms.entry((stream, hold_ms)).or_insert(0);
        *said_ms = (*said_ms).max(proved);
        self.lines.push(Line::new(name, stream, newest, proved, hold_ms));
    }

    /// The name of a symbol.
    #[must_use]
    pub fn symbol(&self, index: usize) -> &str {
        self.lines.get(index).map_or("?", |line| &line.name)
    }

    /// The stream of a symbol.
    #[must_use]
    pub fn stream(&self, index: usize) -> usize {
        self.lines.get(index).map_or(0, |line| line.stream)
    }

    /// Number of symbols.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.lines.len()
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> DeskCounts {
        self.counts
    }

    /// Symbols that come live and whole.
    #[must_use]
    pub fn live(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.coming, Coming::Live)).count()
    }

    /// Up to where everything has come, Unix ms.
    #[must_use]
    pub fn complete_ms(&self) -> i64 {
        self.complete_ms
    }

    /// Corrections of published bars, by stream.
    #[must_use]
    pub fn corrected_by_stream(&self) -> &[u64] {
        &self.corrected
    }

    /// Bars that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lines.iter().map(|line| line.held.len()).sum()
    }

    /// Items that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The next item; it may be published only after those before it.
    pub fn take_next(&mut self) -> Option<Outgoing> {
        self.queue.pop_front()
    }

    /// What is to be asked for.
    pub fn take_wanted(&mut self) -> Vec<PastWanted> {
        std::mem::take(&mut self.wanted)
    }

    /// Lines for people.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines_said)
    }

    /// Takes an event.
    pub fn take(&mut self, event: Event) {
        if let Event::Bar(bar) | Event::Past(bar) | Event::Corrected(bar) = &event
            && !self.is_sound(bar)
        {
            return;
        }
        match event {
            Event::Named(name) => self.name(name),
            Event::Bar(bar) => self.live_bar(bar),
            Event::Joined { symbol, from_ms } => self.joined(symbol, from_ms),
            Event::Parted => self.lines.iter_mut().for_each(|line| line.coming = Coming::Absent),
            Event::Complete(end_ms) => self.complete_ms = self.complete_ms.max(end_ms),
            Event::Past(bar) => self.past_bar(bar),
            Event::Filled(symbol) => self.filled(symbol, None),
            Event::Unfilled(symbol, why) => self.filled(symbol, Some(why)),
            Event::Corrected(bar) => self.corrected(bar, "updated"),
            Event::Cancelled { symbol, start_ms } => self.cancelled(symbol, start_ms),
            Event::Trades { late, unknown } => {
                (self.counts.late_trades, self.counts.unknown_trades) = (late, unknown);
            }
            Event::Said(line) => self.lines_said.push(line),
            Event::Warned(line) => self.warn(line),
            Event::End => self.over = true,
        }
    }

    /// Whether the numbers of a bar are such that it can be one at all; else it is counted and told.
    fn is_sound(&mut self, bar: &FeedBar) -> bool {
        let Some(name) = self.lines.get(bar.symbol).map(|line| &line.name) else { return false };
        let Err(reason) = bar.check(name, self.timeframe) else { return true };
        self.counts.refused += 1;
        if self.counts.refused <= REFUSED_TOLD {
            let text = format!("refused ({}) {name} {}: {bar:?}", reason.name(), bar.start_ms);
            self.lines_said.push(text);
        }
        if self.counts.refused == REFUSED_TOLD {
            self.lines_said.push("more that are refused are counted alone".to_owned());
        }
        false
    }

    fn warn(&mut self, line: String) {
        self.lines_said.push(format!("warning: {line}"));
        self.queue.push_back(Outgoing::Alert(line));
    }

    fn joined(&mut self, symbol: usize, from_ms: i64) {
        let (interval, dense) = (self.timeframe.interval_ms(), self.dense_ms.is_some());
        let Some(line) = self.lines.get_mut(symbol) else { return };
        // What waits is looked at again when the past is there, where every interval has a bar for holes too.
        if let Coming::Filling { again_ms, .. } = &mut line.coming {
            *again_ms = Some(from_ms).filter(|_| !dense);
            return;
        }
        let next = line.known_ms(interval).or(line.since);
        line.since.get_or_insert(from_ms);
        line.coming = match next {
            Some(next) if next < from_ms => {
                let wanted = PastWanted { symbol, from_ms: next, to_ms: from_ms };
                self.wanted.push(wanted);
                Coming::Filling { wanted, waiting: Vec::new(), again_ms: None }
            }
            _ => Coming::Live,
        };
    }

    fn live_bar(&mut self, bar: FeedBar) {
        if self.dense_ms.is_some()
            && let Some(line) = self.lines.get(bar.symbol).filter(|line| matches!(line.coming, Coming::Live))
            && line.has_any()
            && line.known_ms(self.timeframe.interval_ms()) < Some(bar.start_ms)
        {
            self.joined(bar.symbol, bar.start_ms);
        }
        match self.lines.get_mut(bar.symbol).map(|line| &mut line.coming) {
            Some(Coming::Live) => self.admit(bar),
            Some(Coming::Filling { waiting, .. }) => waiting.push(bar),
            // It comes again with the past of its symbol.
            Some(Coming::Absent) | None => {}
        }
    }

    fn past_bar(&mut self, bar: FeedBar) {
        let Some(line) = self.lines.get(bar.symbol) else { return };
        if let Coming::Filling { wanted, .. } = &line.coming
            && (wanted.from_ms..wanted.to_ms).contains(&bar.start_ms)
        {
            self.admit(bar);
        }
    }

    /// The past has come, or is given up: what came live meanwhile follows.
    fn filled(&mut self, symbol: usize, why: Option<String>) {
        let Some(line) = self.lines.get_mut(symbol) else { return };
        let Coming::Filling { wanted, waiting, again_ms } = &mut line.coming else { return };
        let (wanted, mut waiting, again_ms) = (*wanted, std::mem::take(waiting), *again_ms);
        line.coming = Coming::Live;
        line.searched = wanted.to_ms;
        match why {
            None => self.counts.filled += 1,
            Some(why) => {
                self.counts.gaps += 1;
                let (from, to) =
                    (line.newest.map_or(wanted.from_ms, |at| at + self.timeframe.interval_ms()), wanted.to_ms);
                let line = format!("{}: bars from {from} to {to} (Unix ms) could not be had: {why}", line.name);
                self.warn(line);
            }
        }
        waiting.sort_by_key(|bar| bar.start_ms);
        let behind = waiting.split_off(waiting.partition_point(|bar| again_ms.is_none_or(|at| bar.start_ms < at)));
        waiting.into_iter().for_each(|bar| self.live_bar(bar));
        if let Some(from_ms) = again_ms {
            self.joined(symbol, from_ms);
        }
        behind.into_iter().for_each(|bar| self.live_bar(bar));
        self.over |= self.until_filled && !self.lines.iter().any(|line| matches!(line.coming, Coming::Filling { .. }));
    }

    /// Gives a bar out or holds it, unless it is no news.
    fn admit(&mut self, bar: FeedBar) {
        let interval = self.timeframe.interval_ms();
        let Some(line) = self.lines.get_mut(bar.symbol) else { return };
        if line.newest.is_some_and(|newest| bar.start_ms <= newest) {
            let known = line.recent.iter().find(|known| known.start_ms == bar.start_ms);
            return match known {
                Some(known) if !known.says_the_same(&bar) => self.corrected(bar, "revised"),
                None if line.recent.front().is_some_and(|oldest| oldest.start_ms < bar.start_ms) => self.late(bar),
                _ => self.counts.repeated += 1,
            };
        }
        if bar.start_ms + interval <= line.proved {
            return self.late(bar);
        }
        if line.hold_ms == 0 {
            return self.give(bar);
        }
        match line.hold(bar) {
            Holding::New => {}
            Holding::Known => self.counts.repeated += 1,
            Holding::Replaced => self.counts.settled += 1,
        }
    }

    fn give(&mut self, bar: FeedBar) {
        if let Some(line) = self.lines.get_mut(bar.symbol) {
            line.given(bar);
            self.counts.bars += 1;
            self.queue.push_back(Outgoing::Bar(bar));
        }
    }

    /// A bar has come when its time was over.
    fn late(&mut self, bar: FeedBar) {
        self.counts.late += 1;
        self.correct(bar.symbol, bar.start_ms, None, Some(bar), "late");
    }

    fn correct(
        &mut self,
        symbol: usize,
        start_ms: i64,
        old: Option<FeedBar>,
        new: Option<FeedBar>,
        kind: &'static str,
    ) {
        let stream = self.stream(symbol);
        self.corrected[stream] += 1;
        self.queue.push_back(Outgoing::Correction { symbol, start_ms, old, new, kind });
    }

    /// A bar is otherwise than it was: where it has been given out, that is told.
    fn corrected(&mut self, bar: FeedBar, kind: &'static str) {
        let Some(line) = self.lines.get_mut(bar.symbol) else { return };
        if line.change_held(bar.start_ms, Some(bar)) {
            self.counts.settled += 1;
            return;
        }
        match line.recent.iter_mut().find(|known| known.start_ms == bar.start_ms) {
            Some(known) if known.says_the_same(&bar) => {}
            Some(known) => {
                let old = Some(std::mem::replace(known, bar));
                self.counts.corrected += 1;
                self.correct(bar.symbol, bar.start_ms, old, Some(bar), kind);
            }
            None if line.newest.is_some_and(|newest| bar.start_ms <= newest) => {
                self.counts.corrected += 1;
                self.correct(bar.symbol, bar.start_ms, None, Some(bar), kind);
            }
            // It is the first that is heard of it.
            None => self.live_bar(bar),
        }
    }

    /// A bar has turned out to be none.
    fn cancelled(&mut self, symbol: usize, start_ms: i64) {
        let Some(line) = self.lines.get_mut(symbol) else { return };
        if line.change_held(start_ms, None) {
            self.counts.settled += 1;
        } else if line.newest.is_some_and(|newest| start_ms <= newest) {
            let old = line.recent.iter().find(|known| known.start_ms == start_ms).copied();
            self.counts.corrected += 1;
            self.correct(symbol, start_ms, old, None, "cancelled");
        }
    }

    /// Gives out the bars that were held long enough; all of them where nothing more will come.
    fn release(&mut self) {
        let (interval, end_ms) = (self.timeframe.interval_ms(), if self.over { i64::MAX } else { self.complete_ms });
        let mut due = Vec::new();
        for line in self.lines.iter_mut().filter(|line| !line.held.is_empty()) {
            due.extend(std::iter::from_fn(|| line.release(end_ms, interval)));
        }
        due.sort_by_key(|bar| (bar.start_ms, bar.symbol));
        due.into_iter().for_each(|bar| self.give(bar));
    }

    /// Gives out what has been held long enough, then a heartbeat for each stream of which more is known than at the last one:
    /// one for the symbols of which nothing is held, and one for those whose bars are held as long.
    pub fn beat(&mut self) {
        self.search(self.complete_ms);
        self.release();
        let interval = self.timeframe.interval_ms();
        let groups: BTreeSet<(usize, i64)> = self.lines.iter().map(|line| (line.stream, line.hold_ms)).collect();
        for (stream, hold_ms) in groups {
            let end_ms = if self.over { self.complete_ms } else { self.complete_ms.saturating_sub(hold_ms) };
            let said_ms = self.said_ms.entry((stream, hold_ms)).or_insert(0);
            if end_ms <= *said_ms {
                continue;
            }
            let (mut except, mut live) = (String::new(), false);
            for line in self.lines.iter_mut().filter(|line| line.stream == stream) {
                let whole = self.dense_ms.is_none() || line.lacks_ms(end_ms, interval) == 0;
                if line.hold_ms == hold_ms && matches!(line.coming, Coming::Live) && whole {
                    live = true;
                    line.proved = line.proved.max(end_ms);
                } else {
                    except.push_str(if except.is_empty() { "" } else { "," });
                    except.push_str(&line.name);
                }
            }
            if live {
                *said_ms = end_ms;
                self.queue.push_back(Outgoing::Heartbeat { stream, end_ms, except, hold_ms });
            }
        }
    }

    /// Asks the past for bars that should be there and are not.
    fn search(&mut self, end_ms: i64) {
        let Some(patience_ms) = self.dense_ms else { return };
        let interval = self.timeframe.interval_ms();
        for symbol in 0..self.lines.len() {
            let line = &self.lines[symbol];
            if matches!(line.coming, Coming::Live) && line.lacks_ms(end_ms, interval) > patience_ms {
                self.joined(symbol, end_ms.div_euclid(interval) * interval);
            }
        }
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
