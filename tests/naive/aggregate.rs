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

#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub interval_ms: i64,
    pub weekly: bool,
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
        let vwap = if volume == 0.0 { (high + low + close) / 3.0 } else { turnover / volume };
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
            // A bar of one record of its own timeframe came in as it is.
            seq_delta: if first.timeframe == TimeframeId::new(self.frame) { 0 } else { Bar::BUILT },
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
        floor(ts, self.frames[frame].interval_ms, self.frames[frame].weekly)
    }

    /// Timeframes of which a record is a part.
    fn frames_of(&self, record: &Bar) -> Vec<usize> {
        let base = self.frames[record.timeframe.index()];
        let fits = |f: &Frame| {
            let whole = f.interval_ms % base.interval_ms == 0;
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
                    if start + self.frames[k].interval_ms == end {
                        complete.insert((symbol, k, start));
                    }
                }
            }
        }
        let (mut closed, open): (Vec<Group>, Vec<Group>) = std::mem::take(&mut self.open).into_iter().partition(|g| {
            complete.contains(&(g.symbol, g.frame, g.start))
                || self.event_ts >= g.start + self.frames[g.frame].interval_ms + self.lateness_ms
        });
        self.open = open;
        closed.sort_by_key(|g| (g.symbol, std::cmp::Reverse(g.frame), g.start));
        self.closed.extend(closed.iter().map(|g| (g.symbol, g.frame, g.start)));
        closed
    }
}
