//! Aggregation by grouping records: a bar is the list of the records that fall into its interval.

use std::collections::{HashMap, HashSet};
use wagehood_engine::model::{Bar, SymbolId, TimeframeId};

const WEEK_MS: i64 = 7 * 86_400_000;
/// A Monday, 1970-01-05.
const MONDAY_MS: i64 = 4 * 86_400_000;

/// Start of the interval of a timeframe that contains `ts`; `weekly` intervals start on Mondays.
pub fn floor(ts: i64, interval_ms: i64, weekly: bool) -> i64 {
    let anchor = if weekly { MONDAY_MS } else { 0 };
    assert!(!weekly || interval_ms % WEEK_MS == 0);
    (ts - anchor).div_euclid(interval_ms) * interval_ms + anchor
}

/// First moment of a month of a year, by counting the days from the epoch year by year.
fn month_start(year: i64, month: usize) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = |year: i64| 365 + i64::from(leap(year));
    let years: i64 = (1970..year).map(length).sum::<i64>() - (year..1970).map(length).sum::<i64>();
    (years + lengths[..month].iter().sum::<i64>()) * 86_400_000
}

#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// 0 for months.
    pub interval_ms: i64,
    pub weekly: bool,
}

impl Frame {
    /// Start and end of the bar that contains `ts`.
    pub fn span(&self, ts: i64) -> (i64, i64) {
        if self.interval_ms > 0 {
            let start = floor(ts, self.interval_ms, self.weekly);
            return (start, start + self.interval_ms);
        }
        let guess = 1970 + ts.div_euclid(365 * 86_400_000 + 20_952_000);
        let year = if month_start(guess, 0) > ts { guess - 1 } else { guess };
        let year = if month_start(year + 1, 0) <= ts { year + 1 } else { year };
        let month = (0..12).rev().find(|&month| month_start(year, month) <= ts).unwrap();
        let next = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
        (month_start(year, month), month_start(next.0, next.1))
    }
}

/// The records of one bar so far.
#[derive(Debug, Clone)]
pub struct Group {
    pub symbol: usize,
    pub frame: usize,
    pub start: i64,
    /// The stream that brought its newest record; `None` for a file.
    pub stream: Option<usize>,
    pub records: Vec<Bar>,
}

impl Group {
    pub fn bar(&self) -> Bar {
        let r = &self.records;
        let first = &r[0];
        let high = r.iter().map(|b| b.high).fold(f64::MIN, f64::max);
        let low = r.iter().map(|b| b.low).fold(f64::MAX, f64::min);
        let close = r[r.len() - 1].close;
        let volume: f64 = r.iter().map(|b| b.volume).sum();
        let turnover: f64 = r.iter().map(|b| b.volume * b.vwap).sum();
        let of_all = if volume == 0.0 { (high + low + close) / 3.0 } else { turnover / volume };
        // A bar of one record of its own timeframe came in as it is.
        let is_base = first.timeframe == TimeframeId::new(self.frame);
        let vwap = if is_base { first.vwap } else { of_all.clamp(low, high) };
        Bar {
            ts: self.start,
            open: first.open,
            high,
            low,
            close,
            volume,
            vwap,
            trades: r.iter().map(|b| b.trades).sum(),
            symbol: SymbolId(self.symbol as u16),
            seq_delta: if is_base { 0 } else { Bar::BUILT },
            timeframe: TimeframeId::new(self.frame),
        }
    }
}

/// Everything read so far. Time is a list: the moments of all entries, stream by stream.
#[derive(Debug)]
pub struct Aggregation {
    pub frames: Vec<Frame>,
    /// By symbol and timeframe.
    pub enabled: Vec<Vec<bool>>,
    pub lateness_ms: i64,
    pub stall_ms: i64,
    /// What has been taken last was taken then.
    pub now: i64,
    pub open: Vec<Group>,
    closed: HashSet<(usize, usize, i64)>,
    newest: HashMap<usize, Bar>,
    lags: HashMap<usize, i64>,
    /// By stream: the moments of its entries.
    entries: Vec<Vec<i64>>,
}

/// What the clock closes at one moment.
#[derive(Debug)]
pub struct Event {
    pub moment: i64,
    pub groups: Vec<Group>,
}

impl Aggregation {
    pub fn new(
        frames: Vec<Frame>,
        enabled: Vec<Vec<bool>>,
        (lateness_ms, stall_ms): (i64, i64),
        streams: usize,
    ) -> Self {
        Self {
            frames,
            enabled,
            lateness_ms,
            stall_ms,
            now: i64::MIN,
            open: Vec::new(),
            closed: HashSet::new(),
            newest: HashMap::new(),
            lags: HashMap::new(),
            entries: vec![Vec::new(); streams],
        }
    }

    fn start(&self, frame: usize, ts: i64) -> i64 {
        self.frames[frame].span(ts).0
    }

    pub fn end(&self, group: &Group) -> i64 {
        self.frames[group.frame].span(group.start).1
    }

    /// Timeframes of which a record is a part.
    fn frames_of(&self, record: &Bar) -> Vec<usize> {
        let base = self.frames[record.timeframe.index()];
        let fits = |f: &Frame| {
            let whole = if f.interval_ms > 0 { f.interval_ms } else { 86_400_000 } % base.interval_ms == 0;
            let aligned = f.weekly == base.weekly || (!base.weekly && MONDAY_MS % base.interval_ms == 0);
            whole && aligned
        };
        let on = &self.enabled[record.symbol.index()];
        (0..self.frames.len()).filter(|&k| on[k] && fits(&self.frames[k])).collect()
    }

    /// Why a record is refused, if it is; `future_ms` is how far after the wall its bar may begin.
    pub fn refuses(&self, record: &Bar, future_ms: Option<i64>) -> Option<&'static str> {
        let symbol = record.symbol.index();
        if future_ms.is_some_and(|ms| record.ts > self.now + ms) {
            return Some("future");
        }
        if let Some(newest) = self.newest.get(&symbol).filter(|newest| record.ts <= newest.ts) {
            let values = |bar: &Bar| (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap, bar.trades);
            return Some(match record.ts == newest.ts {
                true if values(record) == values(newest) => "duplicate",
                true => "revision",
                false => "late",
            });
        }
        let is_closed = |k: usize| self.closed.contains(&(symbol, k, self.start(k, record.ts)));
        self.frames_of(record).into_iter().any(is_closed).then_some("late")
    }

    /// When a bar is due.
    pub fn deadline(&self, group: &Group) -> i64 {
        self.end(group) + self.lateness_ms + self.lags[&group.symbol]
    }

    /// Whether a stream speaks at a moment, by the entries before it.
    fn speaks(&self, stream: usize, moment: i64) -> bool {
        let entries = &self.entries[stream];
        let before = &entries[..entries.iter().rposition(|&at| at < moment).map_or(0, |last| last + 1)];
        let Some(&last) = before.last() else { return false };
        let after_gap = |&k: &usize| k == 0 || before[k] - before[k - 1] > self.lateness_ms;
        // Where it had been over before, it does not matter when.
        let matters = |&k: &usize| before[k] > moment - self.lateness_ms;
        let ended = (0..before.len()).rev().take_while(matters).find(after_gap).map(|k| before[k]);
        moment - last <= self.lateness_ms && ended.is_none_or(|ended| moment - ended >= self.lateness_ms)
    }

    /// What the clock closes up to a moment, millisecond by millisecond.
    pub fn clock(&mut self, until: i64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let ticking = |group: &&Group| group.stream.is_some();
            let first = self.open.iter().filter(ticking).map(|group| self.deadline(group)).min();
            let Some(first) = first.map(|first| first.max(self.now + 1)).filter(|&first| first <= until) else { break };
            let due = |group: &Group, moment: i64| {
                let deadline = self.deadline(group);
                let speaks = || self.speaks(group.stream.unwrap(), moment);
                group.stream.is_some() && moment >= deadline && (moment >= deadline + self.stall_ms || speaks())
            };
            let Some(moment) = (first..=until).find(|&moment| self.open.iter().any(|group| due(group, moment))) else {
                break;
            };
            let (closed, open) = std::mem::take(&mut self.open).into_iter().partition(|group| {
                let deadline = self.deadline(group);
                moment >= deadline
                    && group
                        .stream
                        .is_some_and(|stream| moment >= deadline + self.stall_ms || self.speaks(stream, moment))
            });
            self.open = open;
            self.now = moment;
            let groups = self.closed(closed);
            events.push(Event { moment, groups });
        }
        events
    }

    /// Takes an entry of a stream at its wall; gives what the clock closes before it.
    pub fn entry(&mut self, stream: usize, wall: i64) -> Vec<Event> {
        let events = self.clock(wall);
        self.now = self.now.max(wall);
        self.entries[stream].push(self.now);
        events
    }

    /// Takes an accepted record; gives the groups that close with it, in the order of publication.
    pub fn record(&mut self, record: &Bar, stream: Option<usize>) -> Vec<Group> {
        let mut complete = HashSet::new();
        let symbol = record.symbol.index();
        let end = record.ts + self.frames[record.timeframe.index()].interval_ms;
        if stream.is_none() {
            self.now = self.now.max(end);
        }
        self.newest.insert(symbol, *record);
        let shown = self.now - end;
        let lag = self.lags.get(&symbol).map_or(shown, |&lag| {
            let fallen = lag - (lag - shown) / 8;
            if shown >= lag { shown } else { fallen.min(shown + self.stall_ms) }
        });
        self.lags.insert(symbol, lag);
        for group in self.open.iter_mut().filter(|group| group.symbol == symbol) {
            group.stream = stream;
        }
        for k in self.frames_of(record) {
            let start = self.start(k, record.ts);
            // Whatever the symbol has open of an earlier bar is over.
            for g in self.open.iter().filter(|g| g.symbol == symbol && g.frame == k && g.start != start) {
                complete.insert((symbol, k, g.start));
            }
            match self.open.iter_mut().find(|g| g.symbol == symbol && g.frame == k && g.start == start) {
                Some(group) => group.records.push(*record),
                None => self.open.push(Group { symbol, frame: k, start, stream, records: vec![*record] }),
            }
            if self.frames[k].span(start).1 == end {
                complete.insert((symbol, k, start));
            }
        }
        let (closed, open) = std::mem::take(&mut self.open).into_iter().partition(|g| {
            complete.contains(&(g.symbol, g.frame, g.start)) || (g.stream.is_none() && self.now >= self.deadline(g))
        });
        self.open = open;
        self.closed(closed)
    }

    fn closed(&mut self, mut closed: Vec<Group>) -> Vec<Group> {
        closed.sort_by_key(|g| (self.end(g), g.symbol, std::cmp::Reverse(g.frame)));
        self.closed.extend(closed.iter().map(|g| (g.symbol, g.frame, g.start)));
        closed
    }
}
