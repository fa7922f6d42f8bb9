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

#[derive(Debug)]
pub enum Input {
    Record(Bar),
    Clock(i64),
}

/// The records of one bar so far.
#[derive(Debug, Clone)]
pub struct Group {
    pub symbol: usize,
    pub frame: usize,
    pub start: i64,
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

/// Everything read so far.
#[derive(Debug)]
pub struct Aggregation {
    pub frames: Vec<Frame>,
    /// By symbol and timeframe.
    pub enabled: Vec<Vec<bool>>,
    pub lateness_ms: i64,
    pub event_ts: i64,
    pub open: Vec<Group>,
    closed: HashSet<(usize, usize, i64)>,
    newest: HashMap<usize, i64>,
}

impl Aggregation {
    pub fn new(frames: Vec<Frame>, enabled: Vec<Vec<bool>>, lateness_ms: i64) -> Self {
        Self {
            frames,
            enabled,
            lateness_ms,
            event_ts: i64::MIN,
            open: Vec::new(),
            closed: HashSet::new(),
            newest: HashMap::new(),
        }
    }

    fn start(&self, frame: usize, ts: i64) -> i64 {
        self.frames[frame].span(ts).0
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

    /// Whether a record is a duplicate, or late, or belongs to a bar that is closed already.
    pub fn refuses(&self, record: &Bar) -> bool {
        let symbol = record.symbol.index();
        self.newest.get(&symbol).is_some_and(|&newest| record.ts <= newest)
            || self.frames_of(record).iter().any(|&k| self.closed.contains(&(symbol, k, self.start(k, record.ts))))
    }

    /// Takes an accepted input; gives the groups that it closes, in the order of publication.
    pub fn on_input(&mut self, input: &Input) -> Vec<Group> {
        let mut complete = HashSet::new();
        match input {
            Input::Clock(ts) => self.event_ts = self.event_ts.max(*ts),
            Input::Record(record) => {
                let symbol = record.symbol.index();
                let end = record.ts + self.frames[record.timeframe.index()].interval_ms;
                self.event_ts = self.event_ts.max(end);
                self.newest.insert(symbol, record.ts);
                for k in self.frames_of(record) {
                    let start = self.start(k, record.ts);
                    // Whatever the symbol has open of an earlier bar is over.
                    for g in self.open.iter().filter(|g| g.symbol == symbol && g.frame == k && g.start != start) {
                        complete.insert((symbol, k, g.start));
                    }
                    match self.open.iter_mut().find(|g| g.symbol == symbol && g.frame == k && g.start == start) {
                        Some(group) => group.records.push(*record),
                        None => self.open.push(Group { symbol, frame: k, start, records: vec![*record] }),
                    }
                    if self.frames[k].span(start).1 == end {
                        complete.insert((symbol, k, start));
                    }
                }
            }
        }
        let (mut closed, open): (Vec<Group>, Vec<Group>) = std::mem::take(&mut self.open).into_iter().partition(|g| {
            complete.contains(&(g.symbol, g.frame, g.start))
                || self.event_ts >= self.frames[g.frame].span(g.start).1 + self.lateness_ms
        });
        self.open = open;
        closed.sort_by_key(|g| (self.frames[g.frame].span(g.start).1, g.symbol, std::cmp::Reverse(g.frame)));
        self.closed.extend(closed.iter().map(|g| (g.symbol, g.frame, g.start)));
        closed
    }
}
