//! Running sums of returns, of each symbol and of the market. Hot.

use crate::{
    model::{Bar, Drift, SymbolId, TimeframeId, change},
    state::{StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// What follows the bars of an aggregator.
pub trait Closings {
    /// A base bar comes that ends at a moment, Unix ms, of which bars of a set of timeframes are made; those that ended before it
    /// are closed already.
    #[inline]
    fn base(&mut self, _bar: &Bar, _end: i64, _fed: u32) {}
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
    timeframes: Vec<String>,
    runs: Vec<SavedRun>,
}

impl SavedDrifts {
    /// Takes off the front what [`Drifts::save`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        // How many of the market have been seen follows from the rest.
        let (market, _): (f64, u32) = take(bytes)?;
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
        Ok(Self { market, timeframes, runs })
    }

    /// Takes from another, which was made of the same input up to the same place but from elsewhere on, what it does not know
    /// of a cell. Gives by how much its own sums, of the symbol and of the market, are ahead of the other's.
    pub fn fill(&mut self, other: &Self, symbol: &str, timeframe: &str) -> [f64; 2] {
        let of = |state: &Self| state.runs.iter().position(|run| run.symbol == symbol);
        let Some(theirs) = of(other).map(|place| &other.runs[place]) else { return [0.0; 2] };
        let market = self.market - other.market;
        let place = of(self).unwrap_or_else(|| {
            let cells = vec![Drift::default(); self.timeframes.len()];
            self.runs.push(SavedRun { cells, ..theirs.clone() });
            self.runs.len() - 1
        });
        let own = self.runs[place].run.own - theirs.run.own;
        let column = self.timeframes.iter().position(|name| name == timeframe).unwrap_or_else(|| {
            self.timeframes.push(timeframe.to_owned());
            self.runs.iter_mut().for_each(|run| run.cells.push(Drift::default()));
            self.timeframes.len() - 1
        });
        if let Some(drift) = other.timeframes.iter().position(|name| name == timeframe).map(|of| theirs.cells[of]) {
            let Drift { own: moved, market: of_market, others } = drift;
            self.runs[place].cells[column] = Drift { own: moved + own, market: of_market + market, others };
        }
        [own, market]
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

    /// Takes a base bar, of which bars of a set of timeframes are made. One of a longer base than the finest adds nothing to the
    /// sums: what is made of it has them as they are.
    #[inline]
    pub fn base(&mut self, bar: &Bar, mut fed: u32) {
        let symbol = bar.symbol.index();
        let (run, finest) = (&mut self.runs[symbol], &mut self.finest[symbol]);
        let in_market = self.in_market[symbol];
        if bar.timeframe < *finest {
            // A finer base than any before: its first bar has no return.
            let is_first = run.close.is_nan();
            self.seen += u32::from(is_first && in_market);
            (*finest, run.close) = (bar.timeframe, f64::NAN);
        }
        if bar.timeframe == *finest {
            let ret = change(run.close, bar.close);
            (run.own, run.close) = (run.own + ret, bar.close);
            if in_market {
                self.market += ret;
            }
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
        self.market = if self.has_market { saved.market } else { 0.0 };
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
        // The market may be another than it was.
        let seen = |(run, in_market): (&Run, &bool)| *in_market && !run.close.is_nan();
        self.seen = self.runs.iter().zip(&self.in_market).filter(|of| seen(*of)).count() as u32;
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.cells.capacity() * size_of::<Drift>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["A", "B", "C"];

    fn bar(symbol: u16, close: f64) -> Bar {
        Bar {
            ts: 0,
            open: close,
            high: close,
            low: close,
            close,
            volume: 1.0,
            vwap: close,
            trades: 1,
            symbol: SymbolId(symbol),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        }
    }

    /// Sums of the three symbols, some of them of the market, on a base and a timeframe above.
    fn drifts(market: [bool; 3]) -> Drifts {
        let mut drifts = Drifts::new(2, market.contains(&true));
        market.into_iter().for_each(|in_market| drifts.add_symbol(in_market));
        drifts
    }

    fn saved(drifts: &Drifts) -> SavedDrifts {
        let mut image = Vec::new();
        drifts.save(["1m", "5m"].into_iter(), |symbol| NAMES[symbol.index()], &mut image).unwrap();
        let mut rest = image.as_slice();
        let saved = SavedDrifts::read(&mut rest).unwrap();
        assert!(rest.is_empty());
        saved
    }

    fn restored(market: [bool; 3], saved: &SavedDrifts) -> Drifts {
        let mut drifts = drifts(market);
        let symbol = |name: &str| NAMES.iter().position(|own| *own == name);
        drifts.restore(saved, symbol, |name| ["1m", "5m"].iter().position(|own| *own == name));
        drifts
    }

    /// What the aggregator tells of the bar above that a base bar is part of.
    fn after(drifts: &mut Drifts, symbol: u16, close: f64) -> Drift {
        drifts.base(&bar(symbol, close), 0b11);
        drifts.of(&Bar { timeframe: TimeframeId::new(1), seq_delta: Bar::BUILT, ..bar(symbol, close) }).unwrap()
    }

    #[test]
    fn what_is_made_of_a_longer_base_has_the_sums_of_the_finest() {
        let mut drifts = Drifts::new(3, false);
        drifts.add_symbol(false);
        let base = |timeframe: usize, close: f64| Bar { timeframe: TimeframeId::new(timeframe), ..bar(0, close) };
        // The longer one came first and makes the longest; then seconds come.
        drifts.base(&base(1, 100.0), 0b110);
        for close in [101.0, 102.01] {
            drifts.base(&base(0, close), 0b001);
        }
        drifts.base(&base(1, 110.0), 0b110);
        let of = |timeframe: usize| drifts.of(&Bar { seq_delta: Bar::BUILT, ..base(timeframe, 0.0) }).unwrap().own;
        assert!((of(0) - 0.01).abs() < 1e-12 && of(1) == of(0) && of(2) == of(0));
    }

    #[test]
    fn who_of_the_market_has_been_seen_is_counted_anew_where_the_market_is_another() {
        let mut before = drifts([true, false, false]);
        for symbol in 0..3 {
            after(&mut before, symbol, 100.0);
            after(&mut before, symbol, 101.0);
        }
        let state = saved(&before);
        // Another symbol more, the one that was no longer, all of them, none.
        for (market, others) in [
            ([true, true, false], [1, 1, 2]),
            ([false, true, false], [1, 0, 1]),
            ([true; 3], [2; 3]),
            ([false; 3], [0; 3]),
        ] {
            let mut now = restored(market, &state);
            let found: Vec<u32> = (0..3).map(|symbol| after(&mut now, symbol, 101.0).others).collect();
            assert_eq!(found, others, "{market:?}");
        }
        // One that joins is new to the market, and not new at all.
        let mut now = restored([true, true, false], &state);
        let stood = after(&mut now, 0, 101.0).market;
        assert!((after(&mut now, 1, 102.01).market - stood - 0.01).abs() < 1e-12);
        // From no market to one.
        let mut none = drifts([false; 3]);
        after(&mut none, 0, 100.0);
        assert_eq!(after(&mut restored([true, false, false], &saved(&none)), 0, 101.0).others, 0);
    }

    #[test]
    fn a_cell_that_was_made_of_history_goes_on_by_the_sums_of_the_others() {
        // One that has read everything, one that has read the end alone, and one that knows another symbol only.
        let market = [true, false, false];
        let (mut all, mut end) = (drifts(market), drifts(market));
        for (k, close) in [100.0, 104.0, 102.0, 103.0].into_iter().enumerate() {
            for symbol in 0..2 {
                after(&mut all, symbol, close + f64::from(symbol));
                if k >= 2 {
                    after(&mut end, symbol, close + f64::from(symbol));
                }
            }
        }
        let (mut own, history) = (saved(&all), saved(&end));
        let moved = own.fill(&history, "B", "5m");
        let (of_all, of_end) = (all.cells[3], end.cells[3]);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(near(of_end.own + moved[0], of_all.own) && near(of_end.market + moved[1], of_all.market));
        let filled = restored(market, &own).cells[3];
        assert!(near(filled.own, of_all.own) && near(filled.market, of_all.market) && filled.others == of_all.others);
        // Where the symbol is not known, its sums are those of the history.
        own.runs.retain(|run| run.symbol != "B");
        let moved = own.fill(&history, "B", "1h");
        assert_eq!((moved[0], own.runs.len(), own.timeframes.len()), (0.0, 3, 3));
        assert_eq!(restored(market, &own).runs[1], end.runs[1]);
    }
}
