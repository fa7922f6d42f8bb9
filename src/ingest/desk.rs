//! What is to be published, in order: knows of each symbol what has been published, what is missing and what comes live.
//!
//! A pure state machine: events in, items out. A bar is published once, and later than those before it; what comes live
//! while the past of its symbol is being fetched waits until it is there.

use super::market::{Event, FeedBar, PastWanted};
use crate::model::Timeframe;
use std::collections::{HashMap, VecDeque};

/// Published bars of a symbol that are remembered, to tell what a correction corrects.
const REMEMBERED: usize = 8;

/// How long a missing bar is waited for before the past is asked for it, ms; an interval where that is longer.
const SEARCH_MS: i64 = 5_000;

/// Something to be published.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A bar.
    Bar(FeedBar),
    /// All bars of a stream that end up to a moment have been published, but of some symbols.
    Heartbeat {
        /// Which of the streams.
        stream: usize,
        /// The moment, Unix ms.
        end_ms: i64,
        /// The symbols, separated by commas.
        except: String,
    },
    /// A bar that was published is otherwise.
    Correction {
        /// As it was published, where that is remembered.
        old: Option<FeedBar>,
        /// As it is.
        new: FeedBar,
        /// What kind of correction.
        kind: &'static str,
    },
    /// Somebody should look.
    Alert(String),
}

/// What has been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeskCounts {
    /// Bars given out for publication.
    pub bars: u64,
    /// Bars that had been published before, in the same words.
    pub repeated: u64,
    /// Bars that came when their time was over: they go to the corrections.
    pub late: u64,
    /// Trades that came when the time of their bar was over.
    pub late_trades: u64,
    /// Bars whose numbers no bar can have.
    pub refused: u64,
    /// Corrections of published bars.
    pub corrected: u64,
    /// Gaps that were filled from the past.
    pub filled: u64,
    /// Gaps that could not be filled.
    pub gaps: u64,
}

/// How a symbol comes in.
#[derive(Debug)]
enum Coming {
    /// Not at all.
    Absent,
    /// Live.
    Live,
    /// Live, but what lies before is fetched first: those bars wait.
    Filling { wanted: PastWanted, waiting: Vec<FeedBar> },
}

#[derive(Debug)]
struct Line {
    name: String,
    stream: usize,
    coming: Coming,
    /// Start of the newest bar given out.
    newest: Option<i64>,
    /// Where it was joined first, Unix ms.
    since: Option<i64>,
    /// End up to which a heartbeat has said that all is there.
    proved: i64,
    /// End up to which the past has been seen to hold nothing more.
    searched: i64,
    recent: VecDeque<FeedBar>,
}

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
    streams: usize,
    published: PublishedBefore,
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
    /// By stream: the end of the last heartbeat.
    said_ms: Vec<i64>,
    over: bool,
    counts: DeskCounts,
    lines_said: Vec<String>,
}

/// Which stream a symbol goes to: always the same.
#[must_use]
pub fn stream_of(name: &str, streams: usize) -> usize {
    crc32fast::hash(name.as_bytes()) as usize % streams.max(1)
}

impl Desk {
    /// The desk of these symbols, whose bars go to so many streams.
    #[must_use]
    pub fn new(symbols: &[String], timeframe: Timeframe, streams: usize, published: PublishedBefore) -> Self {
        let mut desk = Self {
            timeframe,
            streams,
            published,
            lines: Vec::with_capacity(symbols.len()),
            queue: VecDeque::new(),
            wanted: Vec::new(),
            complete_ms: i64::MIN,
            dense_ms: None,
            until_filled: false,
            said_ms: vec![i64::MIN; streams],
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
        let stream = stream_of(&name, self.streams);
        // What has been said is not said again.
        self.said_ms[stream] = self.said_ms[stream].max(proved);
        self.lines.push(Line {
            name,
            stream,
            coming: Coming::Absent,
            newest,
            since: None,
            proved,
            searched: i64::MIN,
            recent: VecDeque::new(),
        });
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
            Event::LateTrades(count) => self.counts.late_trades = count,
            Event::Said(line) => self.lines_said.push(line),
            Event::Warned(line) => self.warn(line),
            Event::End => self.over = true,
        }
    }

    fn warn(&mut self, line: String) {
        self.lines_said.push(format!("warning: {line}"));
        self.queue.push_back(Outgoing::Alert(line));
    }

    fn joined(&mut self, symbol: usize, from_ms: i64) {
        let (interval, dense) = (self.timeframe.interval_ms(), self.dense_ms.is_some());
        let Some(line) = self.lines.get_mut(symbol) else { return };
        // What waits is looked at again, for holes too, when the past is there.
        if dense && matches!(line.coming, Coming::Filling { .. }) {
            return;
        }
        let next = line.known_ms(interval).or(line.since);
        line.since.get_or_insert(from_ms);
        line.coming = match next {
            Some(next) if next < from_ms => {
                let wanted = PastWanted { symbol, from_ms: next, to_ms: from_ms };
                self.wanted.push(wanted);
                Coming::Filling { wanted, waiting: Vec::new() }
            }
            _ => Coming::Live,
        };
    }

    fn live_bar(&mut self, bar: FeedBar) {
        if self.dense_ms.is_some()
            && let Some(line) = self.lines.get(bar.symbol).filter(|line| matches!(line.coming, Coming::Live))
            && line.newest.is_some()
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
        let Coming::Filling { wanted, waiting } = &mut line.coming else { return };
        let (wanted, mut waiting) = (*wanted, std::mem::take(waiting));
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
        waiting.into_iter().for_each(|bar| self.live_bar(bar));
        self.over |= self.until_filled && !self.lines.iter().any(|line| matches!(line.coming, Coming::Filling { .. }));
    }

    /// Gives a bar out, unless it is no news.
    fn admit(&mut self, bar: FeedBar) {
        let (interval, timeframe) = (self.timeframe.interval_ms(), self.timeframe);
        let Some(line) = self.lines.get_mut(bar.symbol) else { return };
        if let Err(reason) = bar.check(&line.name, timeframe) {
            self.counts.refused += 1;
            let text = format!("refused ({}) {} {}: {bar:?}", reason.name(), line.name, bar.start_ms);
            self.lines_said.push(text);
            return;
        }
        if line.newest.is_some_and(|newest| bar.start_ms <= newest) {
            let known = line.recent.iter().find(|known| known.start_ms == bar.start_ms);
            return match known {
                Some(known) if !known.says_the_same(&bar) => self.corrected(bar, "revised"),
                None if line.recent.front().is_some_and(|oldest| oldest.start_ms < bar.start_ms) => {
                    self.counts.late += 1;
                    self.queue.push_back(Outgoing::Correction { old: None, new: bar, kind: "late" });
                }
                _ => self.counts.repeated += 1,
            };
        }
        if bar.start_ms + interval <= line.proved {
            self.counts.late += 1;
            self.queue.push_back(Outgoing::Correction { old: None, new: bar, kind: "late" });
            return;
        }
        line.newest = Some(bar.start_ms);
        if line.recent.len() == REMEMBERED {
            line.recent.pop_front();
        }
        line.recent.push_back(bar);
        self.counts.bars += 1;
        self.queue.push_back(Outgoing::Bar(bar));
    }

    /// A bar is otherwise than it was: where it has been given out, that is told.
    fn corrected(&mut self, bar: FeedBar, kind: &'static str) {
        let Some(line) = self.lines.get_mut(bar.symbol) else { return };
        match line.recent.iter_mut().find(|known| known.start_ms == bar.start_ms) {
            Some(known) if known.says_the_same(&bar) => {}
            Some(known) => {
                let old = Some(std::mem::replace(known, bar));
                self.counts.corrected += 1;
                self.queue.push_back(Outgoing::Correction { old, new: bar, kind });
            }
            None if line.newest.is_some_and(|newest| bar.start_ms <= newest) => {
                self.counts.corrected += 1;
                self.queue.push_back(Outgoing::Correction { old: None, new: bar, kind });
            }
            // It is the first that is heard of it.
            None => self.live_bar(bar),
        }
    }

    /// Gives out a heartbeat for each stream of which more is known than at the last one.
    pub fn beat(&mut self) {
        let end_ms = self.complete_ms;
        self.search(end_ms);
        let (interval, dense) = (self.timeframe.interval_ms(), self.dense_ms.is_some());
        for stream in 0..self.streams {
            if end_ms <= self.said_ms[stream] {
                continue;
            }
            let (mut except, mut live) = (String::new(), false);
            for line in self.lines.iter_mut().filter(|line| line.stream == stream) {
                if matches!(line.coming, Coming::Live) && (!dense || line.lacks_ms(end_ms, interval) == 0) {
                    live = true;
                    line.proved = line.proved.max(end_ms);
                } else {
                    except.push_str(if except.is_empty() { "" } else { "," });
                    except.push_str(&line.name);
                }
            }
            if live {
                self.said_ms[stream] = end_ms;
                self.queue.push_back(Outgoing::Heartbeat { stream, end_ms, except });
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

impl Line {
    /// Up to where all that there is has been given out, Unix ms: what a heartbeat has said to be there or absent, and what was
    /// looked for in the past, is not asked for again.
    fn known_ms(&self, interval: i64) -> Option<i64> {
        let given = self.newest.map(|newest| newest + interval);
        let seen = self.searched.max(self.proved.max(i64::MIN + interval).div_euclid(interval) * interval);
        given.max(Some(seen).filter(|_| self.searched.max(self.proved) > i64::MIN))
    }

    /// How much is not there of what should be there up to a moment, where there is a bar in every interval, ms.
    fn lacks_ms(&self, end_ms: i64, interval: i64) -> i64 {
        match self.known_ms(interval) {
            Some(known) if self.newest.is_some() => (end_ms.div_euclid(interval) * interval - known).max(0),
            _ => 0,
        }
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
