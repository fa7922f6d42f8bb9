//! Intervals and signals in, what a signal has in common with the others out.

use super::{
    crowd::Crowd,
    matrix::{Matrix, Presence},
};
use crate::{
    config::{CrossRules, Plan},
    model::{Calendar, Crossed, Crossing, Side, Signal, Strategy, SymbolId, Timeframe, TimeframeId},
    state::{StateError, put, take},
};

/// The correlation across assets.
#[derive(Debug)]
pub struct CrossAssets {
    rules: CrossRules,
    matrix: Matrix,
    crowd: Crowd,
    /// Intervals taken, and the end of the last one, Unix ms; `i64::MIN` before the first.
    taken: u64,
    end: i64,
    /// Symbols that have traded and found no room.
    beyond: usize,
}

/// What [`CrossAssets`] remembers of the intervals.
#[derive(Debug, Default)]
pub struct SavedCross {
    taken: u64,
    end: i64,
    decayed: f64,
    names: Vec<String>,
    presences: Vec<Presence>,
    rows: Vec<Vec<f64>>,
}

impl SavedCross {
    /// Takes off the front what [`CrossAssets::save`] wrote; `None` where it is of another timeframe.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(bytes: &mut &[u8], timeframe: Timeframe) -> Result<Option<Self>, StateError> {
        let of: String = take(bytes)?;
        let is_same = of == timeframe.to_string();
        let (taken, end, decayed) = take(bytes)?;
        let count: u64 = take(bytes)?;
        let mut saved = Self { taken, end, decayed, ..Self::default() };
        for _ in 0..count {
            let (name, presence) = take(bytes)?;
            saved.names.push(name);
            saved.presences.push(presence);
        }
        Ok(is_same.then_some(saved))
    }

    /// The symbols that rows are still missing of, in their order.
    #[must_use]
    pub fn symbols(&self) -> &[String] {
        &self.names[self.rows.len()..]
    }

    /// Takes off the front what [`CrossAssets::save_row`] wrote of the next symbol.
    ///
    /// # Errors
    /// The bytes do not decode to such a row.
    pub fn read_row(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        let row: Vec<f64> = take(bytes)?;
        if row.len() != self.rows.len() + 1 {
            return Err(StateError::Shape("the covariances of a symbol"));
        }
        self.rows.push(row);
        Ok(())
    }
}

impl CrossAssets {
    /// Of the plan's symbols, which has seen nothing; `None` where it is not asked for.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Self> {
        let rules = plan.cross_asset?;
        let mut matrix = Matrix::new();
        matrix.grow(plan.assets.len().min(rules.max_symbols));
        let mut crowd = Crowd::new(plan.timeframes.len(), plan.roster.count());
        plan.assets.iter().for_each(|_| crowd.add_symbol());
        Some(Self { rules, matrix, crowd, taken: 0, end: i64::MIN, beyond: 0 })
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.crowd.add_symbol();
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.matrix.bytes() + self.crowd.bytes()
    }

    /// The matrix.
    #[must_use]
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Intervals taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The end of the last interval, Unix ms; `i64::MIN` before the first.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Symbols that have traded and found no room.
    #[must_use]
    pub fn beyond(&self) -> usize {
        self.beyond
    }

    /// Takes what is told of the intervals before a sequence, and works out where they leave the symbols. Where `each` interval
    /// is looked at, they are taken one by one. Allocates where a symbol appears.
    pub fn take(&mut self, crossings: &[Crossing], mut each: Option<&mut dyn FnMut(&Self)>) {
        for crossing in crossings {
            match (*crossing, &mut each) {
                (Crossing::Close { symbol, close, .. }, _) => self.close(symbol.index(), close),
                (Crossing::End { end, .. }, None) => self.pass(end, 1, Matrix::end),
                (Crossing::Rest { end, intervals, .. }, None) => {
                    self.pass(end, intervals, |matrix| matrix.rest(intervals))
                }
                (Crossing::End { end, .. }, Some(each)) => {
                    self.pass(end, 1, Matrix::end);
                    self.look();
                    each(self);
                }
                (Crossing::Rest { end, intervals, .. }, Some(each)) => {
                    for back in (0..intervals).rev() {
                        let end = self.rules.timeframe.later(end, -i64::try_from(back).unwrap_or(0), &Calendar::Utc);
                        self.pass(end, 1, |matrix| matrix.rest(1));
                        self.look();
                        each(self);
                    }
                }
            }
        }
        self.look();
    }

    fn pass(&mut self, end: i64, intervals: u64, go: impl FnOnce(&mut Matrix)) {
        go(&mut self.matrix);
        (self.taken, self.end) = (self.taken.saturating_add(intervals), end);
    }

    fn close(&mut self, symbol: usize, close: f64) {
        if symbol < self.rules.max_symbols {
            self.matrix.grow(symbol + 1);
            self.matrix.close(symbol, close);
        } else {
            self.beyond = self.beyond.max(symbol + 1 - self.rules.max_symbols);
        }
    }

    fn look(&mut self) {
        self.matrix.look();
        self.crowd.set_market(|symbol| self.matrix.market(symbol));
    }

    /// Enters a signal, which `expires` for groups whose bars end at that moment, Unix ms, or later.
    #[inline]
    pub fn enter(&mut self, signal: &Signal, expires: i64) {
        let Signal { symbol, timeframe, strategy, candidate, .. } = signal;
        if *strategy != Strategy::Probe {
            self.restore_signal(*symbol, *timeframe, *strategy, candidate.side, (expires, candidate.confidence));
        }
    }

    /// Enters a signal by what is left of it: the moment at which it expires, Unix ms, and its own confidence.
    #[inline]
    pub fn restore_signal(
        &mut self,
        symbol: SymbolId,
        timeframe: TimeframeId,
        strategy: Strategy,
        side: Side,
        left: (i64, f64),
    ) {
        self.crowd.enter(symbol.index(), timeframe.index(), strategy.index(), side, left);
    }

    /// What the others say of a signal, when its whole group has been entered; `None` where its symbol or all others are not
    /// ready, and of the probe.
    #[inline]
    #[must_use]
    pub fn judge(&self, signal: &Signal) -> Option<Crossed> {
        let Signal { symbol, timeframe, strategy, candidate, event_ts, .. } = signal;
        let market_correlation = self.matrix.market(symbol.index()).filter(|_| *strategy != Strategy::Probe)?;
        let sums = self.crowd.sums(timeframe.index(), candidate.side, *event_ts);
        let worth = sums.weight * sums.weight / (sums.own + sums.shared * sums.shared);
        let independent_signals = worth.is_finite().then_some(worth);
        Some(Crossed { market_correlation, independent_signals, signals: sums.count })
    }

    /// Appends what is remembered of the intervals but the covariances, with the name of each symbol.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save<'a>(&self, name: impl Fn(SymbolId) -> &'a str, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &self.rules.timeframe.to_string())?;
        put(out, &(self.taken, self.end, self.matrix.decayed(), self.matrix.symbols() as u64))?;
        for symbol in 0..self.matrix.symbols() {
            put(out, &(name(SymbolId(symbol as u16)), self.matrix.presence(symbol)))?;
        }
        Ok(())
    }

    /// Appends the covariances of a symbol with those before it, and its own.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save_row(&self, symbol: usize, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &self.matrix.row(symbol))
    }

    /// Goes on from a saved state; `find` finds symbols by their names.
    pub fn restore(&mut self, saved: &SavedCross, find: impl Fn(&str) -> Option<SymbolId>) {
        let room = |symbol: &SymbolId| symbol.index() < self.rules.max_symbols;
        let places: Vec<Option<usize>> =
            saved.names.iter().map(|name| find(name).filter(room).map(SymbolId::index)).collect();
        (self.taken, self.end) = (saved.taken, saved.end);
        self.matrix.restore(saved.decayed, &saved.presences, &saved.rows, &places);
        self.crowd.set_market(|symbol| self.matrix.market(symbol));
    }
}
