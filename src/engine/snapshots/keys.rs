//! What the records of a snapshot are keyed by: names of symbols and timeframes, and for each cell a hash of what its numbers
//! depend on. Made once, at the start.

use crate::{
    config::{Asset, CellSpec, Plan},
    model::{Calendar, Directory, SymbolId, TimeframeId},
    state::{Column, RecordOf, SavedTable, StateError},
    strategies::custom::Program,
};
use std::{
    fmt::{self, Write},
    sync::Arc,
};

/// What a record is of, by dense identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The reader.
    Reader,
    /// The aggregator.
    Aggregator,
    /// A cell.
    Cell(SymbolId, TimeframeId),
    /// A symbol's active signals and latest values.
    Symbol(SymbolId),
    /// The publisher.
    Publisher,
    /// The bars behind the signals of a cell.
    Trail(SymbolId, TimeframeId),
    /// The last bars of a cell, for the statistics of its windows.
    Recent(SymbolId, TimeframeId),
    /// The running sums of returns.
    Drifts,
    /// How good the calibrated confidence is of late.
    Quality,
    /// What had been used of the limits of a second.
    Rate,
    /// The closes that the correlation across assets waits for.
    Closes,
    /// The correlation across assets, but the covariances.
    Cross,
    /// The covariances of a symbol with those before it.
    CrossRow(SymbolId),
    /// What the signals of a symbol are worth.
    Worth(SymbolId),
    /// What the signals of a timeframe and a strategy or kind, by name, are worth.
    Account(TimeframeId, &'static str),
}

/// Names and hashes by dense identity.
#[derive(Debug)]
pub struct Keys {
    plan: Arc<Plan>,
    publish: bool,
    directory: Arc<Directory>,
    timeframes: Vec<String>,
    /// By symbol of the watchlist and timeframe: the cell's hash, 0 where it is not calculated.
    cells: Vec<u64>,
    /// The same of a symbol that is not on the watchlist.
    others: Vec<u64>,
}

impl Keys {
    /// The keys of a plan whose cells have published indicators or not; the directory names what is not on its watchlist.
    #[must_use]
    pub fn new(plan: &Arc<Plan>, publish: bool, directory: &Arc<Directory>) -> Self {
        let timeframes: Vec<String> = plan.timeframes.iter().map(ToString::to_string).collect();
        let hash = |timeframe: &String, params: usize| {
            let mut hash = Hash::new();
            let params = plan.params.get(params);
            // `{:?}` of what is inside: of an option it would be another text.
            if let Some(params) = params {
                hash.add(format_args!("{timeframe} {publish} {params:?}"));
            }
            hash
        };
        let usual: Vec<Hash> = timeframes.iter().enumerate().map(|(index, timeframe)| hash(timeframe, index)).collect();
        let custom = |program: &Arc<Program>| (!program.is_empty()).then(|| program.identity());
        let customs: Vec<Option<String>> = plan.programs.iter().map(custom).collect();
        let of = |asset: &Asset| -> Vec<u64> {
            let cell = |((index, spec), timeframe): ((usize, &CellSpec), &String)| {
                let mut params = if spec.params == index { usual[index] } else { hash(timeframe, spec.params) };
                if let Some(custom) = customs.get(index).and_then(Option::as_ref) {
                    params.add(format_args!(" {custom}"));
                }
                cell_hash(params, &asset.calendar, spec)
            };
            asset.cells.iter().enumerate().zip(&timeframes).map(cell).collect()
        };
        Self {
            cells: plan.assets.iter().flat_map(of).collect(),
            others: of(&plan.default_asset),
            plan: Arc::clone(plan),
            publish,
            directory: Arc::clone(directory),
            timeframes,
        }
    }

    /// What is calculated.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether cells have published indicators.
    #[must_use]
    pub fn publish(&self) -> bool {
        self.publish
    }

    /// The name of a symbol.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> &str {
        self.plan.assets.get(id.index()).map_or_else(|| self.directory.symbol(id), |asset| &asset.symbol)
    }

    /// The name of a timeframe.
    #[must_use]
    pub fn timeframe(&self, id: TimeframeId) -> &str {
        self.timeframes.get(id.index()).map_or("", String::as_str)
    }

    /// The hash of a cell; 0 where it is not calculated.
    #[must_use]
    pub fn hash(&self, symbol: SymbolId, timeframe: TimeframeId) -> u64 {
        let columns = self.timeframes.len();
        let own = self.cells.get(symbol.index() * columns..).and_then(|row| row.get(timeframe.index()));
        own.or_else(|| self.others.get(timeframe.index())).copied().unwrap_or(0)
    }

    /// The columns of a symbol's tables: its timeframes with the hashes of their cells.
    pub fn columns(&self, symbol: SymbolId) -> impl ExactSizeIterator<Item = Column<'_>> {
        self.timeframes
            .iter()
            .enumerate()
            .map(move |(index, timeframe)| Column { timeframe, hash: self.hash(symbol, TimeframeId::new(index)) })
    }

    /// The columns of the table of open bars, whose numbers depend on nothing but their timeframe and calendar.
    pub fn bar_columns(&self) -> impl ExactSizeIterator<Item = Column<'_>> {
        self.timeframes.iter().map(|timeframe| Column { timeframe, hash: 1 })
    }

    /// Appends the head of a symbol's tables.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    pub fn save_table(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        SavedTable::save(self.columns(symbol), self.plan.roster.iter().map(|strategy| strategy.name()), out)
    }

    /// Takes the head of a symbol's tables off the front, and finds its timeframes and the strategies in them.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read_table(&self, symbol: SymbolId, bytes: &mut &[u8]) -> Result<SavedTable, StateError> {
        SavedTable::read(bytes, self.columns(symbol), self.plan.roster.iter().map(|strategy| strategy.name()))
    }

    /// The part and the hash of a record.
    #[must_use]
    pub fn part(&self, of: Of) -> (RecordOf<'_>, u64) {
        match of {
            Of::Reader => (RecordOf::Reader, 0),
            Of::Aggregator => (RecordOf::Aggregator, 0),
            Of::Cell(symbol, timeframe) => {
                (RecordOf::Cell(self.symbol(symbol), self.timeframe(timeframe)), self.hash(symbol, timeframe))
            }
            Of::Symbol(symbol) => (RecordOf::Symbol(self.symbol(symbol)), 0),
            Of::Publisher => (RecordOf::Publisher, 0),
            Of::Trail(symbol, timeframe) => {
                (RecordOf::Trail(self.symbol(symbol), self.timeframe(timeframe)), self.hash(symbol, timeframe))
            }
            Of::Recent(symbol, timeframe) => {
                (RecordOf::Recent(self.symbol(symbol), self.timeframe(timeframe)), self.hash(symbol, timeframe))
            }
            Of::Drifts => (RecordOf::Drifts, 0),
            Of::Quality => (RecordOf::Quality, 0),
            Of::Rate => (RecordOf::Rate, 0),
            Of::Closes => (RecordOf::Closes, 0),
            Of::Cross => (RecordOf::Cross, 0),
            Of::CrossRow(symbol) => (RecordOf::CrossRow(self.symbol(symbol)), 0),
            Of::Worth(symbol) => (RecordOf::Worth(self.symbol(symbol)), 0),
            Of::Account(timeframe, name) => (RecordOf::Account(self.timeframe(timeframe), name), 0),
        }
    }
}

/// The hash of what a cell's numbers depend on; `params` is that of its timeframe.
fn cell_hash(mut params: Hash, calendar: &Calendar, spec: &CellSpec) -> u64 {
    // What else a cell has does not change its numbers: style and weight are for those behind it, and the length of its
    // history beyond what it looks back over is memory.
    let CellSpec {
        enabled,
        method,
        price_scale,
        style: _,
        buffer_size: _,
        needed: _,
        refresh_ms: _,
        weight: _,
        params: _,
    } = spec;
    if !enabled {
        return 0;
    }
    params.add(format_args!(" {} {method:?} {:016x}", calendar.name(), price_scale.to_bits()));
    params.0.max(1)
}

/// FNV-1a of 64 bits: the same in every build.
#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Hash {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: fmt::Arguments<'_>) {
        // Writing into a number cannot fail.
        let _ = self.write_fmt(text);
    }
}

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Layer};

    fn keys(text: &str) -> Keys {
        let layer = Layer::File { name: "plan".to_owned(), bytes: text.as_bytes().to_vec() };
        let plan = Arc::new(Config::load(&[layer]).unwrap().config.plan());
        Keys::new(&plan, true, &Arc::new(Directory::new(8, &plan.timeframes)))
    }

    fn hash_of(keys: &Keys, symbol: &str, timeframe: &str) -> u64 {
        let symbol = (0..8).map(SymbolId).find(|&id| keys.symbol(id) == symbol).unwrap();
        let timeframe = keys.timeframes.iter().position(|name| name == timeframe).unwrap();
        keys.hash(symbol, TimeframeId::new(timeframe))
    }

    const BASE: &str = "[[input.streams]]\nname = \"in\"\ntimeframe = \"1m\"\n";

    #[test]
    fn a_cell_is_told_by_what_its_numbers_depend_on() {
        let plain = format!(
            "watchlist = [{{symbol = \"A\"}}, {{symbol = \"B\"}}]\n[timeframes]\nlist = [\"1m\", \"5m\", \"1h\"]\n{BASE}"
        );
        let before = keys(&plain);
        // Other symbols, their order, other timeframes, budgets, thresholds, weights, sizes: nothing of a cell.
        let beside = format!(
            "watchlist = [{{symbol = \"C\"}}, {{symbol = \"B\", priority = 2.0}}, {{symbol = \"A\", data_provider = \"x\"}}]\n\
             [timeframes]\nlist = [\"1m\", \"5m\", \"1d\"]\nbuffer_size = 4096\n\
             [styles.day]\nbudget_ms = 7\nmin_composite_confidence = 0.4\n\
             [correlation]\nalert_confidence = 0.3\nactive_bars = 5\n[engine]\nworkers = 3\n{BASE}"
        );
        let after = keys(&beside);
        for symbol in ["A", "B"] {
            for timeframe in ["1m", "5m"] {
                assert_eq!(
                    hash_of(&before, symbol, timeframe),
                    hash_of(&after, symbol, timeframe),
                    "{symbol} {timeframe}"
                );
            }
        }
        let all: Vec<u64> = ["1m", "5m", "1h"].map(|timeframe| hash_of(&before, "A", timeframe)).to_vec();
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
        let changes = [
            "[strategies.macd_rsi.timeframes.5m]\nrsi_oversold = 29.0\n",
            "[timeframes.5m]\nmethod = \"vwap\"\n",
            "[timeframes.5m]\nprice_scale = 0.5\n",
        ];
        for change in changes {
            let after = keys(&format!("{plain}{change}"));
            assert_eq!(hash_of(&before, "A", "1m"), hash_of(&after, "A", "1m"), "{change}");
            assert_ne!(hash_of(&before, "A", "5m"), hash_of(&after, "A", "5m"), "{change}");
        }
    }

    #[test]
    fn a_cell_is_told_by_its_calendar_and_what_was_announced() {
        let with = |calendar: &str, below: &str| {
            keys(&format!(
                "watchlist = [{{symbol = \"A\"{calendar}}}]\n[timeframes]\nlist = [\"1m\", \"1d\"]\n{below}{BASE}"
            ))
        };
        let closed = "[calendars.xnys]\nextra_closures = [\"2027-01-08\"]\n";
        let calendars = [
            with("", ""),
            with(", calendar = \"xnys\"", ""),
            with(", calendar = \"xnys\"", closed),
            with(", calendar = \"xnys\", session = \"extended\"", ""),
            with(", calendar = \"xnys\", anchor = \"open\"", ""),
            with(", calendar = \"xnys\", outside_session = \"intraday\"", ""),
            with(", calendar = \"xtse\"", ""),
        ];
        for timeframe in ["1m", "1d"] {
            let hashes: std::collections::BTreeSet<u64> =
                calendars.iter().map(|keys| hash_of(keys, "A", timeframe)).collect();
            assert_eq!(hashes.len(), calendars.len(), "{timeframe}");
        }
        // What concerns another calendar costs nothing.
        let again = with(", calendar = \"xtse\"", closed);
        assert_eq!(hash_of(&again, "A", "1d"), hash_of(&calendars[6], "A", "1d"));
    }

    #[test]
    fn a_cell_that_is_not_calculated_has_no_hash() {
        let keys = keys(&format!(
            "watchlist = [{{symbol = \"A\", timeframes = {{ \"1m\" = {{}} }} }}, {{symbol = \"B\"}}]\n[timeframes]\nlist = [\"1m\", \"5m\"]\n{BASE}"
        ));
        assert_eq!(hash_of(&keys, "A", "5m"), 0);
        assert_ne!(hash_of(&keys, "B", "5m"), 0);
        assert_eq!(hash_of(&keys, "A", "1m"), hash_of(&keys, "B", "1m"));
    }
}
