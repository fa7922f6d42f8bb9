//! The mock market: seeded, deterministic, and volatile enough for strategies to fire.
//!
//! Allocates when it is created and nothing per record; does not block and reads no clock.
//!
//! The caller supplies the time. First comes a history at full speed, in parts from the longest timeframe to the base,
//! which warms up every indicator on every timeframe. Then comes one base bar per symbol and interval when it is due.

use super::walk::{Candle, Walk};
use super::{Record, validate_symbol};
use crate::model::Timeframe;

/// Number of bars of each timeframe in the history: more than the 200 of the slowest indicator.
const WARM_BARS: i64 = 300;
/// The same for the longest timeframe: a year of trading days.
const COARSEST_BARS: i64 = 260;
/// Minimum length of the base part of the history, ms: one session of 6.5 hours.
const SESSION_MS: i64 = 23_400_000;
/// Range over which the symbols' fixed offsets are spread, ms.
const SPREAD_MS: i64 = 1_000;

/// Parameters of a mock market.
#[derive(Debug, Clone, PartialEq)]
pub struct MockConfig {
    /// The same seed, symbols, timeframes and start give the same market.
    pub seed: u64,
    /// Names of the symbols.
    pub symbols: Vec<String>,
    /// Timeframes to warm up, in any order; the shortest is the base, in which the live bars come.
    pub timeframes: Vec<Timeframe>,
    /// When the history ends and the live bars begin, Unix ms; floored to the base.
    pub now_ms: i64,
    /// Time between two instants at which all symbols are due together, s; 0 for none.
    pub burst_every_s: u32,
}

/// Why a market cannot be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MockError {
    /// There are no symbols.
    #[error("the mock market needs a symbol and a timeframe")]
    Empty,
    /// A name is not a valid symbol.
    #[error("{0:?} is not a symbol: 1 to 32 printable ASCII characters without blanks")]
    Symbol(String),
    /// A name occurs twice.
    #[error("the symbol {0:?} is given twice")]
    RepeatedSymbol(String),
    /// The history would begin before 1970.
    #[error("the mock market's history of {0} bars does not fit between 1970 and its start")]
    TooEarly(Timeframe),
}

/// A part of the history: bars of one timeframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Timeframe of its bars.
    pub timeframe: Timeframe,
    /// Start of its first bar, Unix ms.
    pub start_ms: i64,
    /// End of its last bar, Unix ms: where the next part starts.
    pub end_ms: i64,
}

/// A bar to come: its start and its symbol.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    symbol: usize,
    start_ms: i64,
}

/// A mock market: see [`next_history`](Self::next_history) and [`due`](Self::due).
#[derive(Debug)]
pub struct MockMarket {
    symbols: Box<[Box<[u8]>]>,
    walks: Box<[Walk]>,
    base: Timeframe,
    burst_every_ms: i64,
    parts: Vec<Part>,
    /// Index of the current part.
    part: usize,
    past: Cursor,
    live: Cursor,
}

impl MockMarket {
    /// Creates a market.
    ///
    /// The history has a part for the base, and for each timeframe that is a multiple of the next shorter one with a
    /// part. Any other timeframe (`5m` beside `2m`) is warmed up only by the base bars.
    ///
    /// # Errors
    /// See [`MockError`].
    pub fn new(config: &MockConfig) -> Result<Self, MockError> {
        let base = config.timeframes.iter().min().copied().ok_or(MockError::Empty)?;
        if config.symbols.is_empty() {
            return Err(MockError::Empty);
        }
        for (i, symbol) in config.symbols.iter().enumerate() {
            validate_symbol(symbol.as_bytes()).map_err(|_| MockError::Symbol(symbol.clone()))?;
            if config.symbols[..i].contains(symbol) {
                return Err(MockError::RepeatedSymbol(symbol.clone()));
            }
        }
        let end_ms = base.utc_span(config.now_ms).start;
        let parts = plan(&chain(&config.timeframes, base), end_ms);
        if parts[0].start_ms < 0 {
            return Err(MockError::TooEarly(parts[0].timeframe));
        }
        Ok(Self {
            symbols: config.symbols.iter().map(|symbol| symbol.as_bytes().into()).collect(),
            walks: (0..config.symbols.len()).map(|i| Walk::new(config.seed, i as u64)).collect(),
            base,
            burst_every_ms: i64::from(config.burst_every_s) * 1_000,
            past: Cursor { symbol: 0, start_ms: parts[0].start_ms },
            live: Cursor { symbol: 0, start_ms: end_ms },
            part: 0,
            parts,
        })
    }

    /// The parts of the history, longest timeframe first; each ends where the next starts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Number of records in the whole history.
    #[must_use]
    pub fn history_len(&self) -> u64 {
        let bars = |part: &Part| ((part.end_ms - part.start_ms) / part.timeframe.interval_ms()).unsigned_abs();
        self.parts.iter().map(bars).sum::<u64>() * self.symbols.len() as u64
    }

    /// The timeframe of the live bars.
    #[must_use]
    pub fn base(&self) -> Timeframe {
        self.base
    }

    /// The next record of the history, ordered by (end, symbol); `None` at its end.
    ///
    /// Each record has the interval of its part. You may skip the history; the live bars then have other prices.
    #[inline]
    pub fn next_history(&mut self) -> Option<Record<'_>> {
        let part = *self.parts.get(self.part)?;
        let Cursor { symbol, start_ms } = self.past;
        self.past.symbol += 1;
        if self.past.symbol == self.symbols.len() {
            self.past = Cursor { symbol: 0, start_ms: start_ms + part.timeframe.interval_ms() };
            // The next part starts here.
            self.part += usize::from(self.past.start_ms >= part.end_ms);
        }
        Some(self.bar(symbol, start_ms, part.timeframe, 0))
    }

    /// When the next live bar is due, Unix ms: its end plus its symbol's fixed offset within the second, or without
    /// the offset if all symbols come together.
    #[inline]
    #[must_use]
    pub fn next_due_ms(&self) -> i64 {
        let end_ms = self.live.start_ms + self.base.interval_ms();
        if self.burst_every_ms > 0 && end_ms % self.burst_every_ms == 0 {
            return end_ms;
        }
        end_ms + self.live.symbol as i64 * SPREAD_MS / self.symbols.len() as i64
    }

    /// The next live bar that is due at `now_ms` (Unix ms), oldest first; `None` if no bar is due.
    ///
    /// A late caller gets all missed bars, call by call. `ingest_ns` of the record is `now_ms`.
    #[inline]
    pub fn due(&mut self, now_ms: i64) -> Option<Record<'_>> {
        if self.next_due_ms() > now_ms {
            return None;
        }
        let Cursor { symbol, start_ms } = self.live;
        self.live.symbol += 1;
        if self.live.symbol == self.symbols.len() {
            self.live = Cursor { symbol: 0, start_ms: start_ms + self.base.interval_ms() };
        }
        Some(self.bar(symbol, start_ms, self.base, now_ms.unsigned_abs() * 1_000_000))
    }

    #[inline]
    fn bar(&mut self, symbol: usize, ts: i64, interval: Timeframe, ingest_ns: u64) -> Record<'_> {
        let Candle { open, high, low, close, volume, vwap, trades } =
            self.walks[symbol].step(ts, interval.interval_ms());
        Record { symbol: &self.symbols[symbol], ts, interval, open, high, low, close, volume, vwap, trades, ingest_ns }
    }
}

/// The base and every timeframe that is a multiple of the one before it, shortest first.
fn chain(timeframes: &[Timeframe], base: Timeframe) -> Vec<Timeframe> {
    let mut sorted = timeframes.to_vec();
    sorted.sort_unstable();
    let mut chain = vec![base];
    for timeframe in sorted {
        let last = chain[chain.len() - 1];
        // Parts are counted in bars, which do not divide months evenly.
        if timeframe != last && timeframe.is_even() && timeframe.is_multiple_of(last) {
            chain.push(timeframe);
        }
    }
    chain
}

/// Lays the parts out backwards from the end; each starts at a boundary of the next longer timeframe.
fn plan(chain: &[Timeframe], end_ms: i64) -> Vec<Part> {
    let mut end_ms = end_ms;
    let mut parts = Vec::with_capacity(chain.len());
    for (i, &timeframe) in chain.iter().enumerate() {
        let coarser = chain.get(i + 1).copied();
        let bars = if coarser.is_some() || i == 0 { WARM_BARS } else { COARSEST_BARS };
        let least_ms = if i == 0 { SESSION_MS } else { 0 };
        let length_ms = (bars * timeframe.interval_ms()).max(least_ms);
        let start_ms = coarser.unwrap_or(timeframe).utc_span(end_ms - length_ms).start;
        parts.push(Part { timeframe, start_ms, end_ms });
        end_ms = start_ms;
    }
    parts.reverse();
    parts
}

#[cfg(test)]
#[path = "mock_tests.rs"]
mod tests;
