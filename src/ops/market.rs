//! The last bars of every cell and how busy every symbol is, for whoever opens a chart. Bounded.

use crate::model::{Directory, INDICATOR_NAMES, IndicatorRow, SymbolId, TimeframeId};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};

/// Bars that are kept in all: some 8 MB.
const BARS_MAX: usize = 65_536;
/// Bars of a cell that are kept, at least and at most.
const CELL_MIN: usize = 8;
const CELL_MAX: usize = 512;

/// A bar with its indicators, as small as a chart can use it.
#[derive(Debug, Clone, Copy)]
struct Kept {
    ts: i64,
    prices: [f64; 4],
    volume: f64,
    indicators: [f32; INDICATOR_NAMES.len()],
}

/// What is known of a symbol.
#[derive(Debug, Default, Clone, Copy)]
struct Activity {
    bars: u64,
    signals: u64,
    last_price: f64,
    last_ts: i64,
    /// How it moves with the others, as of its last signal.
    market_correlation: Option<f64>,
}

/// The last bars.
#[derive(Debug)]
pub(super) struct Market {
    /// Bars that are kept in all, and of a cell.
    bars_max: usize,
    cell_max: usize,
    cells: HashMap<(SymbolId, TimeframeId), VecDeque<Kept>>,
    symbols: Vec<Activity>,
    bars: usize,
}

impl Default for Market {
    fn default() -> Self {
        Self::with_room(BARS_MAX, CELL_MAX)
    }
}

impl Market {
    /// Room for so many bars in all, and of a cell.
    pub fn with_room(bars_max: usize, cell_max: usize) -> Self {
        Self { bars_max, cell_max, cells: HashMap::new(), symbols: Vec::new(), bars: 0 }
    }

    fn symbol(&mut self, symbol: SymbolId) -> &mut Activity {
        if self.symbols.len() <= symbol.index() {
            self.symbols.resize(symbol.index() + 1, Activity::default());
        }
        &mut self.symbols[symbol.index()]
    }

    /// Takes a closed bar.
    pub fn bar(&mut self, row: &IndicatorRow, replayed: bool) {
        let bar = &row.bar;
        let activity = self.symbol(bar.symbol);
        if !replayed {
            activity.bars += 1;
        }
        if bar.ts >= activity.last_ts {
            (activity.last_price, activity.last_ts) = (bar.close, bar.ts);
        }
        let kept = Kept {
            ts: bar.ts,
            prices: [bar.open, bar.high, bar.low, bar.close],
            volume: bar.volume,
            indicators: row.indicators.values().map(|value| value as f32),
        };
        let cells = self.cells.len().max(1);
        let most = (self.bars_max / cells).clamp(CELL_MIN, self.cell_max);
        if !self.cells.contains_key(&(bar.symbol, bar.timeframe)) && self.cells.len() >= self.bars_max / CELL_MIN {
            return;
        }
        let cell = self.cells.entry((bar.symbol, bar.timeframe)).or_default();
        // A second reading of the same input brings bars that are known.
        if cell.back().is_some_and(|last| last.ts >= bar.ts) {
            return;
        }
        while cell.len() >= most {
            cell.pop_front();
            self.bars -= 1;
        }
        cell.push_back(kept);
        self.bars += 1;
    }

    /// Counts a signal, which says how its symbol moves with the others where that is known.
    pub fn signal(&mut self, symbol: SymbolId, market_correlation: Option<f64>) {
        let activity = self.symbol(symbol);
        activity.signals += 1;
        activity.market_correlation = market_correlation;
    }

    /// Number of symbols that have had a bar or a signal.
    pub fn symbols(&self) -> usize {
        self.symbols.iter().filter(|activity| activity.last_ts != 0 || activity.signals > 0).count()
    }

    /// The identity of a symbol that has had a bar or a signal, by its name.
    pub fn named(&self, name: &str, directory: &Directory) -> Option<SymbolId> {
        let id = |index: usize| SymbolId(u16::try_from(index).unwrap_or(u16::MAX));
        (0..self.symbols.len()).map(id).find(|id| directory.symbol(*id) == name)
    }

    /// The symbols, the busiest first: at most so many.
    pub fn to_json(&self, directory: &Directory, most: usize) -> Value {
        let mut all: Vec<usize> = (0..self.symbols.len()).collect();
        all.sort_by_key(|index| {
            let activity = &self.symbols[*index];
            (std::cmp::Reverse(activity.signals), std::cmp::Reverse(activity.bars), *index)
        });
        all.truncate(most);
        let one = |index: usize| {
            let Activity { bars, signals, last_price, last_ts, market_correlation } = self.symbols[index];
            let name = directory.symbol(SymbolId(u16::try_from(index).unwrap_or(u16::MAX)));
            json!({
                "symbol": name, "bars": bars, "signals": signals, "price": last_price, "last_ts": last_ts,
                "market_correlation": market_correlation,
            })
        };
        Value::Array(all.into_iter().map(one).collect())
    }

    /// The last bars of all cells, by their names, such as `SPY:1m`.
    pub fn all<'a>(&'a self, directory: &'a Directory) -> impl Iterator<Item = (String, Value)> + 'a {
        self.cells.keys().map(|&(symbol, timeframe)| {
            let name = format!("{}:{}", directory.symbol(symbol), directory.timeframe_name(timeframe));
            (name, self.bars((symbol, timeframe)))
        })
    }

    /// The last bars of a cell, oldest first: time, open, high, low, close, volume, indicators; what is not ready is null.
    pub fn bars(&self, cell: (SymbolId, TimeframeId)) -> Value {
        let bar = |kept: &Kept| {
            let [open, high, low, close] = kept.prices;
            // A NaN becomes null.
            json!([kept.ts, open, high, low, close, kept.volume, kept.indicators])
        };
        let bars: Vec<Value> = self.cells.get(&cell).into_iter().flatten().map(bar).collect();
        json!({ "indicators": INDICATOR_NAMES, "bars": bars })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bar, Indicators, SourceId};

    fn row(symbol: u16, ts: i64) -> IndicatorRow {
        let bar = Bar {
            ts,
            open: 1.0,
            high: 2.0,
            low: 0.5,
            close: 1.5,
            volume: 10.0,
            vwap: 1.2,
            trades: 0,
            symbol: SymbolId(symbol),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        };
        IndicatorRow {
            bar,
            seq: 1,
            event_ts: ts,
            source: SourceId::default(),
            price: 1.5,
            previous_price: f64::NAN,
            indicators: Indicators::NONE,
            settled: true,
            readiness: crate::model::Readiness::default(),
        }
    }

    #[test]
    fn bars_are_bounded_in_all_and_read_once() {
        let mut market = Market::default();
        for ts in 0..200 {
            for symbol in 0..1_000 {
                market.bar(&row(symbol, ts), false);
                market.bar(&row(symbol, ts), false);
            }
        }
        let kept: usize = market.cells.values().map(VecDeque::len).sum();
        assert_eq!(kept, market.bars);
        assert!((BARS_MAX / 2..=BARS_MAX + 1_000 * CELL_MIN).contains(&kept), "{kept}");
        let bars = market.bars((SymbolId(3), TimeframeId::new(0)));
        let last = bars["bars"].as_array().unwrap().last().unwrap();
        assert_eq!(last[0], 199);
        assert!(last[6][0].is_null());
        assert_eq!(market.symbols(), 1_000);
    }
}
