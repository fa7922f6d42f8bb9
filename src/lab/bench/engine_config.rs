//! The configuration of the engine that is measured.

use super::bars::symbol_name;
use crate::{
    config::{Config, Layer},
    model::{Timeframe, TradingStyle},
};
use std::{fmt::Write as _, path::Path};

/// What the engine is told.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    /// Symbols.
    pub symbols: usize,
    /// Timeframe of the bars that come in.
    pub base: Timeframe,
    /// All timeframes, the base among them.
    pub timeframes: Vec<Timeframe>,
    /// Styles that the symbols have in turn.
    pub styles: Vec<TradingStyle>,
    /// Before the names of all streams and keys.
    pub prefix: String,
}

impl EngineSpec {
    /// The style of a symbol.
    pub fn style(&self, symbol: usize) -> TradingStyle {
        self.styles.get(symbol % self.styles.len().max(1)).copied().unwrap_or(TradingStyle::Day)
    }

    /// The stream that comes in.
    pub fn input(&self) -> String {
        format!("{}in", self.prefix)
    }

    /// The stream of signals.
    pub fn signals(&self) -> String {
        format!("{}signals", self.prefix)
    }

    /// The streams and the key of the position; latest values expire by themselves.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![self.input(), self.signals()];
        names.extend(
            ["events", "alerts", "dead", "wagehood:engine:position:bench"].map(|n| format!("{}{n}", self.prefix)),
        );
        names.extend(self.timeframes.iter().map(|timeframe| format!("{}bars_{timeframe}", self.prefix)));
        names
    }

    /// The file: everything as by default but for the probe, the wall clock (bars are older than it) and the names.
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

    /// The configuration that the file gives with these layers upon it.
    ///
    /// # Errors
    /// Every fault of the layers.
    pub fn config(&self, mut layers: Vec<Layer>) -> anyhow::Result<Config> {
        layers.insert(0, Layer::File { name: "bench".to_owned(), bytes: self.toml().into_bytes() });
        Ok(Config::load(&layers)?.config)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the file system.
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
