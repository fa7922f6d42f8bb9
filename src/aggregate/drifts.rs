//! Running sums of returns, of each symbol and of the market. Hot.

use crate::{
    model::{Bar, Drift, SymbolId, TimeframeId, change},
    state::{StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// What follows the bars of an aggregator.
pub trait Closings {
    /// A base bar comes, of which bars of a set of timeframes are made; those that ended before it are closed already.
    #[inline]
    fn base(&mut self, _bar: &Bar, _fed: u32) {}
    /// A bar closes.
    fn closed(&mut self, bar: Bar);
}

impl<F: FnMut(Bar)> Closings for F {
    #[inline]
    fn closed(&mut self, bar: Bar) {
        self(bar);
    }
}

/// One symbol.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Run {
    own: f64,
    /// Close of its last base bar; NaN before the first.
    close: f64,
}

/// Running sums of the returns of base bars, those of the finest base of each symbol.
#[derive(Debug, Clone)]
pub struct Drifts {
    columns: usize,
    runs: Vec<Run>,
    /// By symbol: its finest base.
    finest: Vec<TimeframeId>,
    /// By symbol: whether it is of the market.
    in_market: Vec<bool>,
    market: f64,
    /// Symbols of the market that have been seen.
    seen: u32,
    /// By symbol and timeframe: as of the last base bar of the open one.
    cells: Vec<Drift>,
    /// Whether there is a market at all.
    has_market: bool,
}

/// One symbol as it was saved.
#[derive(Debug, Clone, SchemaWrite, SchemaRead)]
struct SavedRun {
    symbol: String,
    finest: Option<String>,
    run: Run,
    /// By saved timeframe.
    cells: Vec<Drift>,
}

/// What [`Drifts`] remembers.
#[derive(Debug, Clone, Default)]
pub struct SavedDrifts {
    market: f64,
    seen: u32,
    timeframes: Vec<String>,
    runs: Vec<SavedRun>,
}

impl SavedDrifts {
    /// Takes off the front what [`Drifts::save`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let (market, seen) = take(bytes)?;
        let timeframes: Vec<String> = take(bytes)?;
        let count: u64 = take(bytes)?;
        let mut runs = Vec::new();
        for _ in 0..count {
            let run: SavedRun = take(bytes)?;
            if run.cells.len() != timeframes.len() {
                return Err(StateError::Shape("the running sums of returns"));
            }
            runs.push(run);
        }
        Ok(Self { market, seen, timeframes, runs })
    }
}

impl Drifts {
    /// Of no symbol yet, on so many timeframes.
    #[must_use]
    pub fn new(columns: usize, has_market: bool) -> Self {
        Self {
            columns,
            runs: Vec::new(),
            finest: Vec::new(),
            in_market: Vec::new(),
            market: 0.0,
            seen: 0,
            cells: Vec::new(),
            has_market,
        }
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, in_market: bool) {
        self.runs.push(Run { own: 0.0, close: f64::NAN });
        self.finest.push(TimeframeId::new(usize::from(u8::MAX)));
        self.in_market.push(in_market);
        self.cells.resize(self.runs.len() * self.columns, Drift::default());
    }

    /// Takes a base bar, of which bars of a set of timeframes are made.
    #[inline]
    pub fn base(&mut self, bar: &Bar, mut fed: u32) {
        let symbol = bar.symbol.index();
        let (run, finest) = (&mut self.runs[symbol], &mut self.finest[symbol]);
        if bar.timeframe > *finest {
            return;
        }
        if bar.timeframe < *finest {
            // A finer base than any before: its first bar has no return.
            let is_first = run.close.is_nan();
            self.seen += u32::from(is_first && self.in_market[symbol]);
            (*finest, run.close) = (bar.timeframe, f64::NAN);
        }
        let ret = change(run.close, bar.close);
        (run.own, run.close) = (run.own + ret, bar.close);
        let in_market = self.in_market[symbol];
        if in_market {
            self.market += ret;
        }
        let drift = Drift { own: run.own, market: self.market, others: self.seen - u32::from(in_market) };
        while let Some(index) = fed.checked_ilog2() {
            fed &= !(1 << index);
            self.cells[symbol * self.columns + index as usize] = drift;
        }
    }

    /// The sums as of the last base bar of a closed bar; `None` where whoever sees all base bars of its cell can add them up
    /// alone.
    #[inline]
    #[must_use]
    pub fn of(&self, bar: &Bar) -> Option<Drift> {
        let symbol = bar.symbol.index();
        let alone = !self.has_market && !bar.is_built() && bar.timeframe == self.finest[symbol];
        (!alone).then(|| self.cells[symbol * self.columns + bar.timeframe.index()])
    }

    /// Appends the state, with the names of timeframes and symbols.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save<'a>(
        &self,
        timeframes: impl ExactSizeIterator<Item = &'a str>,
        name: impl Fn(SymbolId) -> &'a str,
        out: &mut Vec<u8>,
    ) -> Result<(), StateError> {
        put(out, &(self.market, self.seen))?;
        put(out, &(timeframes.len() as u64))?;
        let timeframes: Vec<&str> = timeframes.collect();
        timeframes.iter().try_for_each(|name| put(out, name))?;
        put(out, &(self.runs.len() as u64))?;
        for (index, run) in self.runs.iter().enumerate() {
            put(out, &name(SymbolId(index as u16)))?;
            put(out, &timeframes.get(self.finest[index].index()))?;
            put(out, run)?;
            put(out, &&self.cells[index * self.columns..][..self.columns])?;
        }
        Ok(())
    }

    /// Goes on from a state; `symbol` and `timeframe` find names in the plan.
    pub fn restore(
        &mut self,
        saved: &SavedDrifts,
        symbol: impl Fn(&str) -> Option<usize>,
        timeframe: impl Fn(&str) -> Option<usize>,
    ) {
        (self.market, self.seen) = (saved.market, saved.seen);
        for run in &saved.runs {
            let Some(index) = symbol(&run.symbol).filter(|&index| index < self.runs.len()) else { continue };
            self.runs[index] = run.run;
            let finest = run.finest.as_deref().and_then(&timeframe);
            self.finest[index] = TimeframeId::new(finest.unwrap_or(usize::from(u8::MAX)));
            for (name, drift) in saved.timeframes.iter().zip(&run.cells) {
                if let Some(column) = timeframe(name) {
                    self.cells[index * self.columns + column] = *drift;
                }
            }
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.cells.capacity() * size_of::<Drift>()
    }
}
