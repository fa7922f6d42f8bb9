//! What of the signals' worth goes where.

use super::{Output, RedisOutput};
use crate::{
    judge::Settled,
    model::{
        Directory, HORIZONS, LaneCounts, LiquiditySwitch, SelectionSwitch, SignalFigures, Strategy, SymbolId,
        TimeframeId,
    },
    publish::{Labels, Switched, hset_counts, hset_figures, xadd_switch},
};

/// Whose figures they are, of those of a timeframe and strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresOf {
    /// All of them.
    All,
    /// Those of one kind.
    Kind(&'static str),
    /// Those of one symbol.
    Symbol(SymbolId),
}

impl Output {
    /// Takes what became of a signal.
    #[inline]
    pub fn outcome(&mut self, settled: &Settled) {
        self.files.outcome(settled, Labels { directory: &self.directory, sources: &self.sources });
    }

    /// Takes that a lane has gone off, or come on again.
    #[cold]
    pub fn selection(&mut self, switch: &SelectionSwitch) {
        self.switched(Switched::Lane(switch));
    }

    /// Takes that a cell has become liquid, or has ceased to be.
    #[cold]
    pub fn liquidity(&mut self, switch: &LiquiditySwitch) {
        self.switched(Switched::Cell(switch));
    }

    fn switched(&mut self, switched: Switched<'_>) {
        self.files.switched(switched, &self.directory);
        if let Some(redis) = &mut self.redis {
            let (commands, names) = redis.performance();
            xadd_switch(commands, names, switched, &self.directory);
        }
    }

    /// Takes the figures of a timeframe and strategy, by horizon.
    pub fn figures(
        &mut self,
        timeframe: TimeframeId,
        strategy: Strategy,
        of: FiguresOf,
        figures: &[Option<SignalFigures>; HORIZONS.len()],
    ) {
        if let Some(redis) = &mut self.redis {
            redis.figures(timeframe, strategy, of, figures, &self.directory);
        }
    }

    /// Takes what is counted of a symbol, by horizon.
    pub fn counts(
        &mut self,
        timeframe: TimeframeId,
        strategy: Strategy,
        symbol: SymbolId,
        counts: &[LaneCounts; HORIZONS.len()],
    ) {
        if let Some(redis) = &mut self.redis {
            redis.counts(timeframe, strategy, symbol, counts, &self.directory);
        }
    }
}

impl RedisOutput {
    fn figures(
        &mut self,
        timeframe: TimeframeId,
        strategy: Strategy,
        of: FiguresOf,
        figures: &[Option<SignalFigures>; HORIZONS.len()],
        directory: &Directory,
    ) {
        let field = match of {
            FiguresOf::All => ["all", ""],
            FiguresOf::Kind(kind) => ["kind:", kind],
            FiguresOf::Symbol(symbol) => ["symbol:", directory.symbol(symbol)],
        };
        let labels = [directory.timeframe_name(timeframe), strategy.name()];
        let (commands, names) = self.performance();
        hset_figures(commands, names, labels, field, figures);
    }

    fn counts(
        &mut self,
        timeframe: TimeframeId,
        strategy: Strategy,
        symbol: SymbolId,
        counts: &[LaneCounts; HORIZONS.len()],
        directory: &Directory,
    ) {
        let labels = [directory.timeframe_name(timeframe), strategy.name()];
        let (commands, names) = self.performance();
        hset_counts(commands, names, labels, directory.symbol(symbol), counts);
    }
}
