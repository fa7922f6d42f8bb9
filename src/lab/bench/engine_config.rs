//! The configuration of the engine under test.

use super::bars::symbol_name;
use crate::{
    config::{Config, Layer},
    model::{Timeframe, TradingStyle},
};
use std::{fmt::Write as _, path::Path};

/// What the engine is configured with.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    /// Number of symbols.
    pub symbols: usize,
    /// Timeframe of the base bars.
    pub base: Timeframe,
    /// All timeframes, with the base.
    pub timeframes: Vec<Timeframe>,
    /// Trading styles, given to the symbols in turn.
    pub styles: Vec<TradingStyle>,
    /// Prefix of the names of all streams and keys.
    pub prefix: String,
}

impl EngineSpec {
    /// Trading style of a symbol.
    pub fn style(&self, symbol: usize) -> TradingStyle {
        self.styles.get(symbol % self.styles.len().max(1)).copied().unwrap_or(TradingStyle::Day)
    }

    /// Name of the input stream.
    pub fn input(&self) -> String {
        format!("{}in", self.prefix)
    }

    /// Name of the signal stream.
    pub fn signals(&self) -> String {
        format!("{}signals", self.prefix)
    }

    /// The streams, and the key of the position. The keys of latest values expire by themselves.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![self.input(), self.signals()];
        names.extend(
            ["events", "alerts", "dead", "wagehood:engine:position:bench"].map(|n| format!("{}{n}", self.prefix)),
        );
        names.extend(self.timeframes.iter().map(|timeframe| format!("{}bars_{timeframe}", self.prefix)));
        names
    }

    /// The configuration file. It differs from the defaults in the probe, the wall clock and the ages of signals (off: the
    /// bars are in the past), and the names.
    pub fn toml(&self) -> String {
        let (prefix, base) = (&self.prefix, self.base);
        let list: Vec<String> = self.timeframes.iter().map(|timeframe| format!("\"{timeframe}\"")).collect();
        let mut text = format!(
            "[engine]\nname = \"bench\"\nprobe = true\nclock_events = false\n\
             [input]\nfeed = \"redis\"\nstart = \"oldest\"\n\
             [[input.streams]]\nname = \"{prefix}in\"\ntimeframe = \"{base}\"\n\
             [timeframes]\nlist = [{}]\n\
             [output.streams]\nsignals = \"{prefix}signals\"\nsignals_maxlen = 1000000\n\
             market_data_prefix = \"{prefix}bars_\"\ncalculation_events = \"{prefix}events\"\n\
             alerts = \"{prefix}alerts\"\ndead_letter = \"{prefix}dead\"\n\
             [output.keys]\nprefix = \"{prefix}wagehood:\"\n\
             [publish.max_age]\nday = \"off\"\nswing = \"off\"\nposition = \"off\"\n\
             [limits]\nmax_symbols = {}\n",
            list.join(", "),
            self.symbols.max(1),
        );
        for symbol in 0..self.symbols {
            let style = self.style(symbol).name();
            let _ = writeln!(text, "[[watchlist]]\nsymbol = \"{}\"", symbol_name(symbol));
            let _ = writeln!(text, "[watchlist.timeframes.{base}]\ntrading_style = \"{style}\"");
            for timeframe in self.timeframes.iter().filter(|&&timeframe| timeframe != base) {
                let _ = writeln!(text, "[watchlist.timeframes.{timeframe}]");
            }
        }
        text
    }

    /// The configuration of this file under these layers.
    ///
    /// # Errors
    /// All faults of the layers.
    pub fn config(&self, mut layers: Vec<Layer>) -> anyhow::Result<Config> {
        layers.insert(0, Layer::File { name: "bench".to_owned(), bytes: self.toml().into_bytes() });
        Ok(Config::load(&layers)?.config)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, self.toml())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_configuration_without_faults() {
        let spec = EngineSpec {
            symbols: 5,
            base: "1s".parse().unwrap(),
            timeframes: ["1s", "1m"].map(|text| text.parse().unwrap()).to_vec(),
            styles: TradingStyle::ALL.to_vec(),
            prefix: "bench:1:".to_owned(),
        };
        let plan = spec.config(Vec::new()).unwrap().plan();
        assert!(plan.probe);
        let styles: Vec<_> = plan.assets.iter().map(|asset| asset.cells[0].style).collect();
        use TradingStyle::{Day, Position, Swing};
        assert_eq!(styles, [Day, Swing, Position, Day, Swing]);
        assert!(plan.assets.iter().all(|asset| asset.cells.iter().all(|cell| cell.enabled)));
    }
}
