//! What the user says of files, where they do not tell it themselves.

use super::columns::BarColumn;
use crate::config::Prices;
use crate::feed::number::Decimal;
use crate::feed::stamps::Stamps;
use crate::model::{StampedAt, Timeframe};
use std::str::FromStr;

/// How the files of one input are read.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// Interval of the bars.
    pub base: Timeframe,
    /// How their stamps are read.
    pub stamps: Stamps,
    /// The symbol of files without a column for it.
    pub symbol: Option<String>,
    /// Where the name of a file has its symbol.
    pub symbol_from_name: Option<NamePattern>,
    /// Columns by name, or by number from 1.
    pub columns: Vec<(BarColumn, String)>,
    /// How numbers are written, where that is not to be found out.
    pub decimal: Option<Decimal>,
    /// Whether bars without volume are left out.
    pub skip_zero_volume: bool,
    /// Which prices the bars may have.
    pub prices: Prices,
}

impl FileOptions {
    /// Files that say everything themselves, with bars of this interval.
    #[must_use]
    pub fn new(base: Timeframe) -> Self {
        Self {
            base,
            stamps: Stamps::new(None, StampedAt::Start, None, base),
            symbol: None,
            symbol_from_name: None,
            columns: Vec::new(),
            decimal: None,
            skip_zero_volume: false,
            prices: Prices::Positive,
        }
    }

    /// The symbol of a file without a column for it, if the user has said it.
    pub(super) fn symbol_of(&self, name: &str) -> Option<String> {
        self.symbol_from_name.as_ref().and_then(|pattern| pattern.symbol(name)).or_else(|| self.symbol.clone())
    }
}

/// The name of a file with `{symbol}` where it has its symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    before: String,
    after: String,
}

impl NamePattern {
    /// The symbol in a file's name, which may have the extension of a compression more than the pattern.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Option<String> {
        let unpacked = [".gz", ".zst", ".xz", ".bz2", ".zip"].iter().find_map(|end| name.strip_suffix(end));
        [Some(name), unpacked].into_iter().flatten().find_map(|name| {
            let symbol = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
            (!symbol.is_empty()).then(|| symbol.to_owned())
        })
    }
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("{symbol}") {
            Some((before, after)) if !after.contains("{symbol}") => {
                Ok(Self { before: before.to_owned(), after: after.to_owned() })
            }
            _ => Err("write the name of the files with {symbol} once in it, such as '{symbol}_1m.csv'".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_hold_symbols() {
        let pattern: NamePattern = "{symbol}_1m.csv".parse().unwrap();
        for (name, symbol) in [
            ("SPY_1m.csv", Some("SPY")),
            ("BRK.B_1m.csv.gz", Some("BRK.B")),
            ("SPY_1d.csv", None),
            ("_1m.csv", None),
            ("SPY_1m.csv.bak", None),
        ] {
            assert_eq!(pattern.symbol(name).as_deref(), symbol, "{name}");
        }
        let whole: NamePattern = "bars-{symbol}".parse().unwrap();
        assert_eq!(whole.symbol("bars-SPY.csv"), Some("SPY.csv".to_owned()));
        assert!("SPY.csv".parse::<NamePattern>().is_err() && "{symbol}{symbol}".parse::<NamePattern>().is_err());
    }
}
