//! Which worker owns which cell.

use crate::{
    config::Asset,
    model::{SymbolId, TimeframeId, TradingStyle},
};

/// Assigns every cell to a worker: by trading style, and within a style by symbol.
///
/// Of `n` workers, half (rounded up) serve day trading, three tenths (rounded down) swing and the rest position trading,
/// at least one each. With two workers, one serves day trading and the other the rest; a single worker serves all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// By style: the first worker and how many there are.
    by_style: [(usize, usize); 3],
    workers: usize,
}

impl Routes {
    /// Splits `workers` workers over the styles; 0 counts as 1.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let by_style = match workers {
            0 | 1 => [(0, 1); 3],
            2 => [(0, 1), (1, 1), (1, 1)],
            n => {
                let day = n.div_ceil(2).min(n - 2);
                let swing = (3 * n / 10).max(1);
                [(0, day), (day, swing), (day + swing, n - day - swing)]
            }
        };
        Self { by_style, workers: workers.max(1) }
    }

    /// Number of workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The worker of a cell.
    #[inline]
    #[must_use]
    pub fn worker(&self, asset: &Asset, symbol: SymbolId, timeframe: TimeframeId) -> usize {
        let (first, count) = self.by_style[asset.cells[timeframe.index()].style.index()];
        first + symbol.index() % count
    }

    /// The styles a worker serves.
    pub fn styles(&self, worker: usize) -> impl Iterator<Item = TradingStyle> {
        TradingStyle::ALL.into_iter().filter(move |style| {
            let (first, count) = self.by_style[style.index()];
            (first..first + count).contains(&worker)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_split_half_three_tenths_rest() {
        let counts = |n| Routes::new(n).by_style.map(|(_, count)| count);
        assert_eq!(counts(3), [1, 1, 1]);
        assert_eq!(counts(4), [2, 1, 1]);
        assert_eq!(counts(8), [4, 2, 2]);
        assert_eq!(counts(10), [5, 3, 2]);
        for n in 3..100 {
            let [day, swing, position] = counts(n);
            assert_eq!(day + swing + position, n);
            assert!(day >= 1 && swing >= 1 && position >= 1, "{n}");
        }
    }

    #[test]
    fn few_workers_share() {
        assert_eq!(Routes::new(0).workers(), 1);
        assert_eq!(Routes::new(1).styles(0).count(), 3);
        assert_eq!(Routes::new(2).styles(0).collect::<Vec<_>>(), [TradingStyle::Day]);
        assert_eq!(Routes::new(2).styles(1).count(), 2);
    }
}
