//! `/window`: the statistics of the last bars of a cell, from the worker that owns it.

use super::view::View;
use crate::{
    engine::{Questions, WindowAnswer, WindowQuestion},
    model::{CELL_STATISTICS, Directory, SymbolId, TimeframeId, WINDOW_STATISTICS},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Looks for an answer, and the time between two: a worker that is at work has looked by then.
const LOOKS: u32 = 400;
const BETWEEN: Duration = Duration::from_millis(1);

/// Why there are no statistics: the status of the answer, and what it says.
pub(super) type Refused = (u16, String);

/// Whom one can ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom<'a> {
    /// Names of symbols, once the engine has started.
    pub directory: Option<&'a Directory>,
    /// The workers, if bars are kept for this.
    pub questions: Option<&'a Questions>,
    /// Names of the timeframes.
    pub timeframes: &'a [String],
}

/// The statistics of so many bars of a cell, by its names.
pub(super) fn of(whom: Whom<'_>, [symbol, timeframe, bars]: [&str; 3]) -> Result<Value, Refused> {
    let Some(directory) = whom.directory else { return Err((503, "the engine has not started yet".to_owned())) };
    let Some(bars) = bars.parse::<u32>().ok().filter(|bars| *bars > 0) else {
        return Err((400, format!("{bars:?} is no number of bars: write one from 1, such as 20")));
    };
    let Some(questions) = whom.questions else {
        let text = "no bars are kept for this: set statistics.screens = true and start the engine again";
        return Err((503, text.to_owned()));
    };
    let question = WindowQuestion {
        symbol: symbol_named(symbol, directory).ok_or_else(|| (404, format!("there is no symbol {symbol:?}")))?,
        timeframe: timeframe_named(timeframe, whom.timeframes)?,
        bars,
    };
    let Some(answer) = wait(questions, question) else {
        let text = format!(
            "no worker has answered: {symbol} is not calculated on {timeframe}, or the engine has much to do; ask again"
        );
        return Err((503, text));
    };
    if bars > answer.longest {
        let text = format!(
            "{} bars of {symbol} on {timeframe} are kept: ask for as many, or raise timeframes.buffer_size",
            answer.longest
        );
        return Err((400, text));
    }
    Ok(told([symbol, timeframe], bars, &answer))
}

fn symbol_named(name: &str, directory: &Directory) -> Option<SymbolId> {
    let mut ids = (0..directory.capacity()).map_while(|index| u16::try_from(index).ok()).map(SymbolId);
    ids.find(|id| !name.is_empty() && directory.symbol(*id) == name)
}

fn timeframe_named(name: &str, all: &[String]) -> Result<TimeframeId, Refused> {
    let unknown = || (404, format!("there is no timeframe {name:?}; there are {}", all.join(", ")));
    all.iter().position(|known| known == name).map(TimeframeId::new).ok_or_else(unknown)
}

fn wait(questions: &Questions, question: WindowQuestion) -> Option<WindowAnswer> {
    let asked = questions.ask(question);
    (0..LOOKS).find_map(|_| {
        let answer = questions.answer_to(asked);
        if answer.is_none() {
            std::thread::sleep(BETWEEN);
        }
        answer
    })
}

fn told([symbol, timeframe]: [&str; 2], bars: u32, answer: &WindowAnswer) -> Value {
    let WindowAnswer { seen, kept, end, values, .. } = *answer;
    let mut statistics = Map::new();
    // A NaN becomes null.
    let mut add = |name: &str, value: f64| statistics.insert(name.to_owned(), json!(value));
    CELL_STATISTICS.iter().zip(values.of_cell()).for_each(|(name, value)| drop(add(name, value)));
    WINDOW_STATISTICS.iter().zip(values.of_window()).for_each(|(name, value)| drop(add(name, value)));
    json!({
        "symbol": symbol, "timeframe": timeframe, "bars": bars, "ready": bars <= kept, "kept": kept, "seen": seen,
        "bar_end_ms": (end != i64::MIN).then_some(end), "statistics": statistics,
    })
}

/// The counts of windows, for `/status`: how many were computed, served again, skipped.
pub(super) fn counts(view: &View<'_>) -> Value {
    let worker = &view.snapshot.worker;
    let read = worker.statistics_computed + worker.statistics_served;
    let hit_rate = (read > 0).then(|| worker.statistics_served as f64 / read as f64);
    json!({
        "computed": worker.statistics_computed, "served": worker.statistics_served,
        "skipped": worker.statistics_skipped, "hit_rate": hit_rate,
    })
}
