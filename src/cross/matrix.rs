//! The covariance of the returns of all symbols, exponentially weighted. Allocates only when a symbol appears.

use super::sum::Sum;
use wincode::{SchemaRead, SchemaWrite};

/// Intervals in which the weight of a return halves.
const HALF_LIFE: f64 = 960.0;
/// Most that a return counts.
const CLAMP: f64 = 0.05;
/// Intervals that a symbol must have been in before it is ready.
const WARM_UP: u64 = 96;
/// Intervals without a bar after which it is left out.
const LEFT_OUT_AFTER: u64 = 96;

/// Where a symbol stands.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Presence {
    /// Close as of the last interval; NaN before the first.
    close: f64,
    /// Intervals without a bar up to the last one.
    without: u64,
    /// Intervals that it was in.
    entered: u64,
}

impl Presence {
    const NEW: Self = Self { close: f64::NAN, without: 0, entered: 0 };

    /// Whether it has had a bar.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        !self.close.is_nan()
    }

    /// Whether it is left out, having had no bar for long.
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        self.without >= LEFT_OUT_AFTER
    }

    /// Lets intervals without a bar go by.
    fn rest(&mut self, intervals: u64) {
        if self.is_seen() {
            let in_still = (LEFT_OUT_AFTER - 1).saturating_sub(self.without);
            self.entered = self.entered.saturating_add(intervals.min(in_still));
            self.without = self.without.saturating_add(intervals);
        }
    }
}

/// The matrix, by symbols in the order of their ids.
#[derive(Debug, Clone)]
pub struct Matrix {
    decay: f64,
    presences: Vec<Presence>,
    /// The lower triangle, row by row, with the diagonal.
    covariances: Vec<f64>,
    /// By how much all of it has decayed since: empty intervals cost nothing.
    decayed: f64,
    /// By symbol: the return of the interval at hand; 0 where it is not in.
    returns: Vec<f64>,
    /// By symbol: whether it has traded in the interval at hand.
    traded: Vec<bool>,
    /// By symbol: the sum of its covariances with those that are ready.
    sums: Vec<Sum>,
    /// By symbol: its correlation with the mean return of the others; NaN where it has none.
    market: Vec<f64>,
}

/// Where the row of a symbol begins.
const fn row(symbol: usize) -> usize {
    symbol * (symbol + 1) / 2
}

impl Default for Matrix {
    fn default() -> Self {
        Self::new()
    }
}

impl Matrix {
    /// Of no symbol yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            decay: 0.5f64.powf(1.0 / HALF_LIFE),
            presences: Vec::new(),
            covariances: Vec::new(),
            decayed: 1.0,
            returns: Vec::new(),
            traded: Vec::new(),
            sums: Vec::new(),
            market: Vec::new(),
        }
    }

    /// Makes room for so many symbols. Allocates where there are more than before.
    pub fn grow(&mut self, symbols: usize) {
        if symbols > self.presences.len() {
            self.presences.resize(symbols, Presence::NEW);
            self.covariances.resize(row(symbols), 0.0);
            self.returns.resize(symbols, 0.0);
            self.traded.resize(symbols, false);
            self.sums.resize(symbols, Sum::default());
            self.market.resize(symbols, f64::NAN);
        }
    }

    /// Symbols that there is room for.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.presences.len()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_symbol = size_of::<Presence>() + 2 * size_of::<f64>() + size_of::<Sum>() + size_of::<bool>();
        self.covariances.capacity() * size_of::<f64>() + self.presences.capacity() * of_symbol
    }

    /// Takes the close of a symbol in the interval at hand.
    pub fn close(&mut self, symbol: usize, close: f64) {
        let presence = &mut self.presences[symbol];
        // A symbol enters with the interval after its first bar's.
        let moved = if presence.is_seen() { crate::model::change(presence.close, close) } else { 0.0 };
        self.returns[symbol] = moved.clamp(-CLAMP, CLAMP);
        presence.entered = presence.entered.saturating_add(u64::from(presence.is_seen()));
        (presence.close, presence.without) = (close, 0);
        self.traded[symbol] = true;
    }

    /// Lets so many intervals without any bar go by.
    pub fn rest(&mut self, intervals: u64) {
        self.presences.iter_mut().for_each(|presence| presence.rest(intervals));
        for _ in 0..intervals {
            if self.decayed == 0.0 {
                break;
            }
            self.decayed *= self.decay;
        }
    }

    /// Ends the interval at hand, whose [closes](Self::close) have been taken.
    pub fn end(&mut self) {
        for (presence, traded) in self.presences.iter_mut().zip(&mut self.traded) {
            if !std::mem::take(traded) {
                presence.rest(1);
            }
        }
        let (decay, gain) = (self.decay * self.decayed, 1.0 - self.decay);
        self.decayed = 1.0;
        let mut rest = &mut self.covariances[..];
        for (symbol, own) in self.returns.iter().enumerate() {
            let (row, below) = rest.split_at_mut(symbol + 1);
            let own = gain * own;
            for (covariance, other) in row.iter_mut().zip(&self.returns) {
                *covariance = decay * *covariance + own * other;
            }
            rest = below;
        }
        self.returns.fill(0.0);
    }

    /// Works out with which correlation every symbol moves with the others, as of the last interval.
    pub fn look(&mut self) {
        self.sums.fill(Sum::default());
        let ready = |symbol: usize, diagonal: f64| {
            let Presence { entered, .. } = self.presences[symbol];
            entered >= WARM_UP && !self.presences[symbol].is_left_out() && diagonal > 0.0
        };
        // What it is afterwards, for now 0 where a symbol is ready.
        for (symbol, market) in self.market.iter_mut().enumerate() {
            *market = if ready(symbol, self.covariances[row(symbol) + symbol]) { 0.0 } else { f64::NAN };
        }
        for symbol in (0..self.market.len()).filter(|&symbol| !self.market[symbol].is_nan()) {
            let (before, own) = self.sums.split_at_mut(symbol);
            let covariances = &self.covariances[row(symbol)..=row(symbol) + symbol];
            for ((other, market), covariance) in before.iter_mut().zip(&self.market).zip(covariances) {
                if !market.is_nan() {
                    own[0].add(*covariance);
                    other.add(*covariance);
                }
            }
            own[0].add(covariances[symbol]);
        }
        let (mut all, mut count) = (Sum::default(), 0);
        for (sum, _) in self.sums.iter().zip(&self.market).filter(|(_, market)| !market.is_nan()) {
            all.subtract(*sum, -1.0);
            count += 1;
        }
        for symbol in 0..self.market.len() {
            if self.market[symbol].is_nan() {
                continue;
            }
            let own = self.covariances[row(symbol) + symbol];
            let (mut with_others, mut among_others) = (self.sums[symbol], all);
            with_others.add(-own);
            among_others.subtract(self.sums[symbol], 2.0);
            among_others.add(own);
            let among_others = among_others.value();
            let is_known = count > 1 && among_others > 0.0;
            let correlation = with_others.value() / (own.sqrt() * among_others.sqrt());
            self.market[symbol] = if is_known { correlation.clamp(-1.0, 1.0) } else { f64::INFINITY };
        }
    }

    /// Whether a symbol is ready, as of the last [look](Self::look).
    #[must_use]
    pub fn is_ready(&self, symbol: usize) -> bool {
        self.market.get(symbol).is_some_and(|market| !market.is_nan())
    }

    /// The correlation of a symbol with the mean return of the others, as of the last [look](Self::look).
    #[inline]
    #[must_use]
    pub fn market(&self, symbol: usize) -> Option<f64> {
        self.market.get(symbol).copied().filter(|market| market.is_finite())
    }

    /// The correlation of two symbols, as of the last [look](Self::look); `None` where one is not ready.
    #[must_use]
    pub fn correlation(&self, one: usize, other: usize) -> Option<f64> {
        if !self.is_ready(one) || !self.is_ready(other) {
            return None;
        }
        if one == other {
            return Some(1.0);
        }
        let at = |a: usize, b: usize| self.covariances[row(a.max(b)) + a.min(b)];
        let correlation = at(one, other) / (at(one, one).sqrt() * at(other, other).sqrt());
        Some(correlation.clamp(-1.0, 1.0))
    }

    /// Where a symbol stands.
    #[must_use]
    pub fn presence(&self, symbol: usize) -> Presence {
        self.presences.get(symbol).copied().unwrap_or(Presence::NEW)
    }

    /// By how much all of it has decayed since it was last worked out.
    pub(super) const fn decayed(&self) -> f64 {
        self.decayed
    }

    /// The covariances of a symbol with those before it, and its own.
    pub(super) fn row(&self, symbol: usize) -> &[f64] {
        &self.covariances[row(symbol)..=row(symbol) + symbol]
    }

    /// Goes on from saved presences and rows; `places` are the symbols that they are of now, `None` where there is none.
    pub(super) fn restore(
        &mut self,
        decayed: f64,
        presences: &[Presence],
        rows: &[Vec<f64>],
        places: &[Option<usize>],
    ) {
        self.grow(places.iter().flatten().max().map_or(0, |&last| last + 1));
        self.decayed = decayed;
        for (saved, place) in places.iter().enumerate() {
            let Some(place) = *place else { continue };
            self.presences[place] = presences[saved];
            for (covariance, other) in rows[saved].iter().zip(places) {
                if let Some(other) = *other {
                    self.covariances[row(place.max(other)) + place.min(other)] = *covariance;
                }
            }
        }
        self.look();
    }
}
