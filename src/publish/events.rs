//! Results of a symbol as an entry of the calculation events' stream: nothing allocated besides the buffer's growth.

use super::fields::Fields;
use super::indicators::fill_indicators;
use super::json::Object;
use super::names::OutputNames;
use super::signal::{HISTORY, INCOMPLETE, fill_factors};
use super::vote::{Vote, strongest};
use crate::model::time::push_iso8601;
use crate::model::{Composite, Directory, IndicatorRow, SymbolId, TimeframeId};
use crate::redis_io::{Command, Commands};
use crate::text::{push_i64, push_u64};

/// What is known of a symbol after a group of closed bars and signals.
#[derive(Debug, Clone, Copy)]
pub struct SymbolResults<'a> {
    /// Whose results they are.
    pub symbol: SymbolId,
    /// Sequence of the record that closed the group's bars.
    pub seq: u64,
    /// Event time at that sequence, Unix ms.
    pub event_ts: i64,
    /// The newest row of each timeframe, by its index.
    pub rows: &'a [Option<IndicatorRow>],
    /// The signals of the group, in the order of publication.
    pub signals: &'a [Composite],
    /// What they say together.
    pub vote: Option<Vote>,
}

/// The newest row of the shortest timeframe that has one.
pub(super) fn base_row(rows: &[Option<IndicatorRow>]) -> Option<&IndicatorRow> {
    rows.iter().flatten().next()
}

impl<'a> SymbolResults<'a> {
    /// The group's most confident signal on a timeframe, of equals the first.
    fn signal_on(&self, timeframe: TimeframeId) -> Option<&'a Composite> {
        let here = self.signals.iter().filter(|composite| composite.signal.timeframe == timeframe);
        strongest(here, |composite| composite.signal.candidate.confidence)
    }
}

/// Appends an `XADD` of a symbol's results to the calculation events' stream.
///
/// `event_id` is `calc_{symbol}_{event_ts}_{seq}`: event time alone may stand still from one group to the next.
/// `results.timestamp` is the start of the newest base bar; `composite_signal` is a [`Vote`], null without a signal.
pub fn xadd_calculation_event(
    commands: &mut Commands,
    names: &mut OutputNames,
    results: &SymbolResults<'_>,
    directory: &Directory,
) {
    let mut command = open_event(commands, names, results, directory, Some(results.seq));
    command.field_with("results", |out| push_results(out, results, directory));
}

/// Appends the same with one field, `event`: an object of the four.
pub fn xadd_calculation_event_json(
    commands: &mut Commands,
    names: &mut OutputNames,
    results: &SymbolResults<'_>,
    directory: &Directory,
) {
    names.calculation_events.xadd(commands, 1).field_with("event", |out| {
        let mut object = Object::open(out);
        event_fields(&mut object, results, directory, Some(results.seq));
        object.value("results", |out| push_results(out, results, directory));
        object.close();
    });
}

/// Opens the entry of a symbol's results, of whose four fields `results` is still to come. `seq` ends the event's id, where
/// the reader wants one.
pub(super) fn open_event<'a>(
    commands: &'a mut Commands,
    names: &mut OutputNames,
    results: &SymbolResults<'_>,
    directory: &Directory,
    seq: Option<u64>,
) -> Command<'a> {
    let mut command = names.calculation_events.xadd(commands, 4);
    event_fields(&mut command, results, directory, seq);
    command
}

/// The fields of an event but its results.
#[inline]
fn event_fields(fields: &mut impl Fields, results: &SymbolResults<'_>, directory: &Directory, seq: Option<u64>) {
    let symbol = directory.symbol(results.symbol);
    fields.text_with("event_id", |out| {
        out.extend_from_slice(b"calc_");
        out.extend_from_slice(symbol.as_bytes());
        out.push(b'_');
        push_i64(out, results.event_ts);
        if let Some(seq) = seq {
            out.push(b'_');
            push_u64(out, seq);
        }
    });
    fields.text("symbol", symbol);
    fields.text_with("timestamp", |out| push_iso8601(out, results.event_ts));
}

fn push_results(out: &mut Vec<u8>, results: &SymbolResults<'_>, directory: &Directory) {
    let mut object = Object::open(out);
    object.object("timeframe_results", |timeframes| {
        for index in 0..directory.timeframes().len() {
            let timeframe = TimeframeId::new(index);
            let row = results.rows.get(index).and_then(Option::as_ref);
            let signal = results.signal_on(timeframe);
            if row.is_none() && signal.is_none() {
                continue;
            }
            timeframes.object(directory.timeframe_name(timeframe), |object| {
                if let Some(row) = row {
                    fill_indicators(object, &row.indicators);
                    if !row.settled {
                        object.text(HISTORY, INCOMPLETE);
                    }
                }
                if let Some(composite) = signal {
                    object.object("signal", |object| fill_signal(object, composite, row));
                }
            });
        }
    });
    match &results.vote {
        Some(vote) => object.object("composite_signal", |object| fill_vote(object, vote)),
        None => object.null("composite_signal"),
    };
    let ts = base_row(results.rows).map_or(results.event_ts, |row| row.bar.ts);
    object.text_with("timestamp", |out| push_iso8601(out, ts));
    object.close();
}

fn fill_signal(object: &mut Object<'_>, composite: &Composite, row: Option<&IndicatorRow>) {
    let signal = &composite.signal;
    let previous = row.filter(|row| row.bar.ts == signal.bar_ts).map_or(f64::NAN, |row| row.previous_price);
    let change = signal.price - previous;
    object.name("action", signal.candidate.side.name()).float("price", signal.price);
    object.float("price_change", change).float("price_change_pct", change / previous * 100.0);
    object.name("strategy", signal.strategy.name()).float("confidence", signal.candidate.confidence);
    object.object("details", |details| {
        details.name("kind", signal.candidate.kind.name());
        details.object("factors", |factors| fill_factors(factors, signal));
    });
}

fn fill_vote(object: &mut Object<'_>, vote: &Vote) {
    object.name("direction", vote.direction()).float("confidence", vote.confidence).name("strength", vote.strength());
    object.int("timeframes_analyzed", vote.timeframes.into());
    object.float("timeframe_alignment", vote.timeframe_alignment);
    object.float("strategy_alignment", vote.strategy_alignment);
    object.int("contributing_signals", vote.contributing.into());
}
