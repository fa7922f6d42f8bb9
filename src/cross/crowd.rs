//! The newest signals of all symbols, by what makes them alike. Hot; allocates only when a symbol appears.

use crate::model::Side;

/// Numbers that are added side by side.
const LANES: usize = 8;

/// The newest signals of one timeframe, side and strategy, by symbol.
#[derive(Debug, Clone, Default)]
struct Newest {
    /// The moment from which it is no longer active, Unix ms; `i64::MIN` where there is none on this side.
    expires: Vec<i64>,
    confidence: Vec<f64>,
}

/// The newest signals of all symbols.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    /// By timeframe, side and strategy.
    newest: Vec<Newest>,
    /// Number of strategies.
    strategies: usize,
    /// By symbol: its correlation with the mean return of the others; 0 where it has none.
    market: Vec<f64>,
}

/// Sums over the active signals of one timeframe and side.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    /// Σw.
    pub weight: f64,
    /// Σw²(1 − ρ²).
    pub own: f64,
    /// Σwρ.
    pub shared: f64,
    /// How many there are.
    pub count: u32,
}

fn side(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

impl Crowd {
    /// Of no symbol yet.
    pub fn new(timeframes: usize, strategies: usize) -> Self {
        Self { newest: vec![Newest::default(); timeframes * 2 * strategies], strategies, market: Vec::new() }
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.market.push(0.0);
        for newest in &mut self.newest {
            newest.expires.push(i64::MIN);
            newest.confidence.push(0.0);
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let each = size_of::<i64>() + size_of::<f64>();
        (self.newest.len() * each + size_of::<f64>()) * self.market.capacity()
    }

    /// Takes the correlations with the market, by symbol.
    pub fn set_market(&mut self, of: impl Fn(usize) -> Option<f64>) {
        for (symbol, market) in self.market.iter_mut().enumerate() {
            *market = of(symbol).unwrap_or(0.0);
        }
    }

    #[inline]
    fn place(&self, timeframe: usize, side: usize, strategy: usize) -> usize {
        (timeframe * 2 + side) * self.strategies + strategy
    }

    /// Enters a signal in place of the one of its symbol, timeframe and strategy.
    #[inline]
    pub fn enter(
        &mut self,
        symbol: usize,
        timeframe: usize,
        strategy: usize,
        to: Side,
        (expires, confidence): (i64, f64),
    ) {
        let own = side(to);
        let [here, opposite] = [own, 1 - own].map(|side| self.place(timeframe, side, strategy));
        let newest = &mut self.newest[here];
        (newest.expires[symbol], newest.confidence[symbol]) = (expires, confidence);
        self.newest[opposite].expires[symbol] = i64::MIN;
    }

    /// The sums over what is active for groups whose bars end at `end`, Unix ms: always in the same order, so that they are a
    /// function of what is active alone.
    #[inline]
    pub fn sums(&self, timeframe: usize, of: Side, end: i64) -> Sums {
        let first = self.place(timeframe, side(of), 0);
        let mut totals = [Sums::default(); LANES];
        for Newest { expires, confidence } in &self.newest[first..first + self.strategies] {
            let all = expires.chunks(LANES).zip(confidence.chunks(LANES)).zip(self.market.chunks(LANES));
            for ((expires, confidence), market) in all {
                for (((total, expires), confidence), rho) in totals.iter_mut().zip(expires).zip(confidence).zip(market)
                {
                    let is_active = end < *expires;
                    let w = if is_active { *confidence } else { 0.0 };
                    total.weight += w;
                    total.own += w * w * (1.0 - rho * rho);
                    total.shared += w * rho;
                    total.count += u32::from(is_active);
                }
            }
        }
        let mut sums = Sums::default();
        for total in totals {
            sums.weight += total.weight;
            sums.own += total.own;
            sums.shared += total.shared;
            sums.count += total.count;
        }
        sums
    }
}
