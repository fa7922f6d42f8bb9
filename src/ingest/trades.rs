//! Bars made of trades, where a provider has none that are short enough.
//!
//! A bar needs a trade that may set its price; one whose seconds were not heard from their beginning is not made. A trade that
//! comes for a bar that is closed is counted; one that is corrected corrects its bar, as long as that is remembered.

use super::{market::FeedBar, net::FeedTrade};
use std::collections::{HashMap, VecDeque};

/// Closed bars of a symbol whose trades are remembered.
const REMEMBERED: usize = 8;

/// The trades of one bar.
#[derive(Debug, Default)]
struct Building {
    start_ms: i64,
    trades: Vec<FeedTrade>,
}

impl Building {
    /// The bar, if there is a trade that may set its price.
    fn bar(&self, symbol: usize) -> Option<FeedBar> {
        let mut bar: Option<FeedBar> = None;
        let (mut low, mut high, mut volume, mut paid, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0, 0u32);
        for trade in &self.trades {
            let FeedTrade { price, size, trades, counts, .. } = *trade;
            if counts.volume {
                (volume, paid, count) = (volume + size, paid + price * size, count.saturating_add(trades));
            }
            if counts.range || counts.last {
                (low, high) = (low.min(price), high.max(price));
            }
            if counts.last {
                let first = FeedBar {
                    symbol,
                    start_ms: self.start_ms,
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    volume: 0.0,
                    vwap: f64::NAN,
                    trades: 0,
                };
                bar.get_or_insert(first).close = price;
            }
        }
        let vwap = if volume > 0.0 { paid / volume } else { f64::NAN };
        bar.map(|bar| FeedBar { high, low, volume, vwap, trades: count, ..bar })
    }
}

#[derive(Debug, Default)]
struct Tape {
    open: Option<Building>,
    /// End of the newest bar that is closed, Unix ms.
    closed_ms: i64,
    /// Bars that begin before here were not heard whole, Unix ms.
    whole_ms: i64,
    recent: VecDeque<Building>,
}

/// Makes bars of the trades of many symbols.
#[derive(Debug)]
pub struct TradeBars {
    interval_ms: i64,
    tapes: HashMap<usize, Tape>,
    late: u64,
    unknown: u64,
}

/// What the correction of a trade changes of what has been given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Retraded {
    /// A closed bar is otherwise.
    Bar(FeedBar),
    /// There is no bar that begins here, Unix ms, after all.
    NoBar(i64),
    /// Nothing.
    Nothing,
}

impl TradeBars {
    /// Bars of this interval, ms.
    #[must_use]
    pub fn new(interval_ms: i64) -> Self {
        Self { interval_ms, tapes: HashMap::new(), late: 0, unknown: 0 }
    }

    /// The trades of a symbol are heard whole from here on, Unix ms; what was open before is not made.
    pub fn whole_from(&mut self, symbol: usize, from_ms: i64) {
        let tape = self.tapes.entry(symbol).or_default();
        (tape.open, tape.whole_ms) = (None, from_ms);
    }

    /// Takes a trade; a bar that it closes goes to `out`.
    pub fn take(&mut self, trade: &FeedTrade, out: &mut Vec<FeedBar>) {
        let start_ms = trade.at_ms.div_euclid(self.interval_ms) * self.interval_ms;
        let tape = self.tapes.entry(trade.symbol).or_default();
        if start_ms < tape.whole_ms {
            return;
        }
        if start_ms < tape.closed_ms || tape.open.as_ref().is_some_and(|open| start_ms < open.start_ms) {
            self.late += 1;
            return;
        }
        if tape.open.as_ref().is_some_and(|open| start_ms > open.start_ms) {
            close(trade.symbol, tape, self.interval_ms, out);
        }
        tape.open.get_or_insert_with(|| Building { start_ms, trades: Vec::new() }).trades.push(*trade);
    }

    /// Closes the bars that end up to here, Unix ms.
    pub fn close_up_to(&mut self, end_ms: i64, out: &mut Vec<FeedBar>) {
        let begun = out.len();
        for (symbol, tape) in &mut self.tapes {
            if tape.open.as_ref().is_some_and(|open| open.start_ms + self.interval_ms <= end_ms) {
                close(*symbol, tape, self.interval_ms, out);
            }
            tape.closed_ms = tape.closed_ms.max(end_ms.div_euclid(self.interval_ms) * self.interval_ms);
        }
        out[begun..].sort_by_key(|bar| (bar.start_ms, bar.symbol));
    }

    /// A trade is other than was said, or was none; says what that has changed.
    pub fn correct(&mut self, symbol: usize, id: i64, new: Option<FeedTrade>) -> Retraded {
        let has = |building: &&mut Building| building.trades.iter().any(|trade| trade.id == id);
        let change = |building: &mut Building| {
            let at = building.trades.iter().position(|trade| trade.id == id);
            match (at, new) {
                (Some(at), Some(new)) => building.trades[at] = FeedTrade { at_ms: building.trades[at].at_ms, ..new },
                (Some(at), None) => drop(building.trades.remove(at)),
                (None, _) => {}
            }
        };
        let tape = self.tapes.get_mut(&symbol);
        let Some(tape) = tape else { return self.unknown_trade() };
        if let Some(open) = tape.open.as_mut().filter(has) {
            change(open);
            return Retraded::Nothing;
        }
        let Some(building) = tape.recent.iter_mut().find(has) else { return self.unknown_trade() };
        let before = building.bar(symbol);
        change(building);
        match (before, building.bar(symbol)) {
            (_, Some(bar)) => Retraded::Bar(bar),
            (Some(FeedBar { start_ms, .. }), None) => Retraded::NoBar(start_ms),
            (None, None) => Retraded::Nothing,
        }
    }

    fn unknown_trade(&mut self) -> Retraded {
        self.unknown += 1;
        Retraded::Nothing
    }

    /// Corrections of trades that are not remembered: of bars long gone, or from before the connection.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Trades that came when their bar was closed.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

fn close(symbol: usize, tape: &mut Tape, interval_ms: i64, out: &mut Vec<FeedBar>) {
    let Some(building) = tape.open.take() else { return };
    tape.closed_ms = building.start_ms + interval_ms;
    out.extend(building.bar(symbol));
    if tape.recent.len() == REMEMBERED {
        tape.recent.pop_front();
    }
    tape.recent.push_back(building);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::conditions::counts;

    fn trade(at_ms: i64, price: f64, size: f64, conditions: &[&str]) -> FeedTrade {
        let counts = counts(conditions.iter().copied(), "C");
        FeedTrade { id: at_ms, symbol: 3, at_ms, price, size, trades: 1, counts }
    }

    #[test]
    fn a_bar_is_what_its_trades_may_make_of_it() {
        let (mut bars, mut out) = (TradeBars::new(1_000), Vec::new());
        bars.whole_from(3, 1_000);
        for trade in [
            trade(900, 1.0, 1.0, &["@"]),
            trade(1_000, 99.0, 5.0, &["@", "I"]),
            trade(1_100, 10.0, 100.0, &["@"]),
            trade(1_200, 12.0, 100.0, &["@", "Z"]),
            trade(1_300, 11.0, 200.0, &["@", "F"]),
            trade(1_400, 50.0, 7.0, &["Q"]),
        ] {
            bars.take(&trade, &mut out);
        }
        assert_eq!(out, []);
        // A second without a trade that may set a price makes no bar.
        bars.take(&trade(2_500, 10.0, 1.0, &["I"]), &mut out);
        bars.take(&trade(3_500, 10.0, 1.0, &["@"]), &mut out);
        bars.take(&trade(1_999, 10.0, 1.0, &["@"]), &mut out);
        let paid = 99.0 * 5.0 + 10.0 * 100.0 + 12.0 * 100.0 + 11.0 * 200.0;
        let bar = FeedBar {
            symbol: 3,
            start_ms: 1_000,
            open: 10.0,
            high: 12.0,
            low: 10.0,
            close: 11.0,
            volume: 405.0,
            vwap: paid / 405.0,
            trades: 4,
        };
        assert_eq!(out, [bar]);
        assert_eq!(bars.late(), 1);
        out.clear();
        bars.close_up_to(3_999, &mut out);
        assert_eq!(out, []);
        bars.close_up_to(4_000, &mut out);
        assert_eq!(out.len(), 1);
        out.clear();
        bars.take(&trade(3_600, 10.0, 1.0, &["@"]), &mut out);
        assert_eq!((bars.late(), out.len()), (2, 0));
        // A correction of a closed bar gives it anew, and a cancel of its only trade gives none.
        let found = bars.correct(3, 1_300, Some(trade(1_300, 10.5, 200.0, &["@"])));
        assert!(matches!(found, Retraded::Bar(bar) if (bar.start_ms, bar.close) == (1_000, 10.5)), "{found:?}");
        assert_eq!(bars.correct(3, 3_500, None), Retraded::NoBar(3_000));
        assert_eq!(bars.correct(3, 2_500, None), Retraded::Nothing, "it had made no bar");
        assert_eq!(bars.unknown(), 0);
        assert_eq!([bars.correct(3, 77, None), bars.correct(9, 1, None)], [Retraded::Nothing; 2]);
        assert_eq!(bars.unknown(), 2);
    }

    #[test]
    fn no_bar_is_made_across_a_gap() {
        let (mut bars, mut out) = (TradeBars::new(1_000), Vec::new());
        bars.whole_from(3, 0);
        bars.take(&trade(1_100, 10.0, 1.0, &["@"]), &mut out);
        bars.whole_from(3, 5_000);
        bars.take(&trade(4_900, 10.0, 1.0, &["@"]), &mut out);
        bars.take(&trade(5_000, 11.0, 1.0, &["@"]), &mut out);
        bars.close_up_to(9_000, &mut out);
        assert_eq!(out.iter().map(|bar| (bar.start_ms, bar.open)).collect::<Vec<_>>(), [(5_000, 11.0)]);
    }
}
