//! Latest values as keys, `JSON:` and JSON: written at most once a flush and symbol by the caller.

use super::bars::{SOURCE, push_bar_id};
use super::events::base_row;
use super::indicators::{fill_forming, fill_indicators, fill_readiness, push_indicators};
use super::json::{Object, push_quoted};
use super::names::OutputNames;
use super::signal::fill_factors;
use super::vote::Vote;
use crate::model::time::push_iso8601;
use crate::model::{Bar, Composite, Directory, IndicatorRow, Roster, Strategy, SymbolId, Timeframe, TimeframeId};
use crate::redis_io::Commands;

/// The newest values of a symbol.
#[derive(Debug, Clone, Copy)]
pub struct LatestValues<'a> {
    /// Whose they are.
    pub symbol: SymbolId,
    /// The newest row of each timeframe, by its index.
    pub rows: &'a [Option<IndicatorRow>],
    /// The same of the bar that is still forming, where it is newer and its values were asked for.
    pub forming: &'a [Option<IndicatorRow>],
    /// The signal of each strategy that is still active, in the order of the strategies.
    pub signals: &'a [Option<Composite>],
    /// The strategies.
    pub roster: &'a Roster,
}

impl<'a> LatestValues<'a> {
    /// The newest row of the shortest timeframe that has one.
    #[must_use]
    pub fn base(&self) -> Option<&'a IndicatorRow> {
        base_row(self.rows)
    }

    /// By timeframe: the newest row, be it of a closed bar or of one that is still forming; and whether it is the latter.
    pub fn newest(&self) -> impl Iterator<Item = (Option<&'a IndicatorRow>, bool)> {
        let forming = self.forming.iter().chain(std::iter::repeat(&None));
        self.rows.iter().zip(forming).map(|(row, forming)| (forming.as_ref().or(row.as_ref()), forming.is_some()))
    }

    /// The shortest timeframe that has a row; without any the shortest there is.
    pub(super) fn shortest(&self, directory: &Directory) -> Timeframe {
        timeframe_of(self.base(), directory)
    }
}

/// The timeframe of a row; without one the shortest there is.
pub(super) fn timeframe_of(row: Option<&IndicatorRow>, directory: &Directory) -> Timeframe {
    directory.timeframes()[row.map_or(0, |row| row.bar.timeframe.index())]
}

/// Appends a `SET` of `<SYM>_complete`: the indicators of the shortest timeframe that has a row, flat; `signals` with
/// an element `<strategy>_strategy` for each strategy, its signal null where it has none that is active; `timeframes`
/// with the indicators of each.
pub fn set_calculations(
    commands: &mut Commands,
    names: &OutputNames,
    latest: &LatestValues<'_>,
    directory: &Directory,
) {
    let timeframe = latest.shortest(directory);
    names.calculations.set(commands, [directory.symbol(latest.symbol), ""], timeframe, |out| {
        push_calculations(out, latest, directory);
    });
}

/// Appends a `SET` of `symbol:latest:<SYM>`, which the readers of JSON look at first: the same.
pub fn set_symbol_latest(
    commands: &mut Commands,
    names: &OutputNames,
    latest: &LatestValues<'_>,
    directory: &Directory,
) {
    let timeframe = latest.shortest(directory);
    names.compat.symbol_latest.set(commands, [directory.symbol(latest.symbol), ""], timeframe, |out| {
        push_calculations(out, latest, directory);
    });
}

pub(super) fn push_calculations(out: &mut Vec<u8>, latest: &LatestValues<'_>, directory: &Directory) {
    let mut object = Object::open(out);
    if let Some(row) = latest.base() {
        fill_indicators(&mut object, &row.indicators);
    }
    object.object("signals", |signals| {
        for (strategy, composite) in latest.roster.iter().zip(latest.signals) {
            fill_strategy(signals, strategy, composite.as_ref(), directory);
        }
    });
    object.object("timeframes", |timeframes| {
        for (index, (row, forming)) in latest.newest().enumerate().take(directory.timeframes().len()) {
            if let Some(row) = row {
                let name = directory.timeframe_name(TimeframeId::new(index));
                timeframes.value(name, |out| push_indicators(out, row, forming));
            }
        }
    });
    let known = latest.rows.iter().flatten().any(|row| row.readiness.bars > 0);
    let fill = |cells: &mut Object<'_>| {
        for (index, row) in latest.rows.iter().enumerate().take(directory.timeframes().len()) {
            if let Some(row) = row {
                fill_readiness(cells, directory.timeframe_name(TimeframeId::new(index)), &row.readiness);
            }
        }
    };
    if known {
        object.object("readiness", fill);
    }
    object.close();
}

/// A strategy's signal, in the shape of the existing strategies.
fn fill_strategy(object: &mut Object<'_>, strategy: Strategy, composite: Option<&Composite>, directory: &Directory) {
    object.object(strategy.old_name(), |object| match composite {
        None => {
            object.null("signal").float("confidence", 0.0).object("metadata", |_| {});
        }
        Some(composite) => {
            let signal = &composite.signal;
            object.name("signal", signal.candidate.side.name()).float("confidence", signal.candidate.confidence);
            object.object("metadata", |metadata| {
                metadata.text("timeframe", directory.timeframe_name(signal.timeframe));
                metadata.name("kind", signal.candidate.kind.name()).int("bar_ts", signal.bar_ts);
                metadata.float("composite_confidence", composite.composite_confidence);
                metadata.object("factors", |factors| fill_factors(factors, signal));
            });
        }
    });
}

/// Appends a `SET` of `<SYM>_<tf>`: the indicators of one timeframe that are ready. Those of a bar that is still forming say so.
pub fn set_timeframe_indicators(
    commands: &mut Commands,
    names: &OutputNames,
    (row, forming): (&IndicatorRow, bool),
    directory: &Directory,
) {
    let labels = [directory.symbol(row.bar.symbol), directory.timeframe_name(row.bar.timeframe)];
    let timeframe = timeframe_of(Some(row), directory);
    names.timeframe_indicators.set(commands, labels, timeframe, |out| push_timeframe(out, row, forming));
}

/// Appends the indicators of one timeframe that are ready, and how far its cell has come.
pub(super) fn push_timeframe(out: &mut Vec<u8>, row: &IndicatorRow, forming: bool) {
    let mut object = Object::open(out);
    fill_indicators(&mut object, &row.indicators);
    if forming {
        fill_forming(&mut object, row);
    }
    fill_readiness(&mut object, "readiness", &row.readiness);
    object.close();
}

/// Appends a `SET` of `<SYM>_composite_signal`: the [`Vote`] as of a group and its event time, Unix ms.
pub fn set_composite_signal(
    commands: &mut Commands,
    names: &OutputNames,
    latest: &LatestValues<'_>,
    vote: &Vote,
    event_ts: i64,
    directory: &Directory,
) {
    let (symbol, timeframe) = (directory.symbol(latest.symbol), latest.shortest(directory));
    names.composite_signals.set(commands, [symbol, ""], timeframe, |out| push_composite(out, symbol, vote, event_ts));
}

/// Appends what a symbol's signals say together.
pub(super) fn push_composite(out: &mut Vec<u8>, symbol: &str, vote: &Vote, event_ts: i64) {
    let mut object = Object::open(out);
    object.text("symbol", symbol).name("direction", vote.direction()).float("confidence", vote.confidence);
    object.name("strength", vote.strength()).int("timeframes_analyzed", vote.timeframes.into());
    object.int("strategies_analyzed", vote.strategies.into()).int("contributing_signals", vote.contributing.into());
    object.float("timeframe_alignment", vote.timeframe_alignment);
    object.float("strategy_alignment", vote.strategy_alignment);
    object.text_with("timestamp", |out| push_iso8601(out, event_ts));
    object.close();
}

/// Appends a `SET` of the symbol's latest bar.
pub fn set_latest_price(commands: &mut Commands, names: &OutputNames, bar: &Bar, directory: &Directory) {
    let symbol = directory.symbol(bar.symbol);
    let timeframe = directory.timeframes()[bar.timeframe.index()];
    names.latest_price.set(commands, [symbol, ""], timeframe, |out| push_price(out, bar, directory));
}

/// Appends a bar as the latest price.
pub(super) fn push_price(out: &mut Vec<u8>, bar: &Bar, directory: &Directory) {
    let mut object = Object::open(out);
    object.value("event_id", |out| push_quoted(out, |out| push_bar_id(out, bar, directory)));
    object.text("symbol", directory.symbol(bar.symbol)).text_with("timestamp", |out| push_iso8601(out, bar.ts));
    object.float("price", bar.close).float("volume", bar.volume).float("open_price", bar.open);
    object.float("high_price", bar.high).float("low_price", bar.low).float("close_price", bar.close);
    object.text("source", SOURCE);
    object.object("metadata", |metadata| {
        metadata.text("timeframe", directory.timeframe_name(bar.timeframe));
    });
    object.close();
}
