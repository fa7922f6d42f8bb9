//! The closes of all symbols by intervals of one timeframe, for the correlation across assets. Hot; allocates when a symbol
//! appears, and where bars run further ahead of the time than ever before.

use crate::{
    model::{Calendar, Crossing, SymbolId, Timeframe, TimeframeId},
    state::{StateError, put, take},
};
use std::collections::VecDeque;
use wincode::{SchemaRead, SchemaWrite};

/// A close that no interval has taken yet.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Waiting {
    /// End of the interval that takes it, Unix ms.
    end: i64,
    close: f64,
}

/// One symbol.
#[derive(Debug, Clone)]
struct Run {
    /// Its finest base.
    finest: TimeframeId,
    /// By interval: the newest close, oldest interval first.
    waiting: VecDeque<Waiting>,
}

/// The closes that intervals wait for.
#[derive(Debug, Clone)]
pub struct Closes {
    timeframe: Timeframe,
    /// End of the interval that is taken next, Unix ms; `i64::MIN` before the first record.
    due: i64,
    runs: Vec<Run>,
}

/// One symbol as it was saved: its name, its finest base, what waits.
type SavedRun = (String, Option<String>, Vec<Waiting>);

/// What [`Closes`] remembers.
#[derive(Debug, Clone, Default)]
pub struct SavedCloses {
    /// End of the interval that is taken next, Unix ms; `i64::MIN` before the first record.
    pub due: i64,
    runs: Vec<SavedRun>,
}

impl SavedCloses {
    /// Takes off the front what [`Closes::save`] wrote; `None` where it is of another timeframe.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(bytes: &mut &[u8], timeframe: Timeframe) -> Result<Option<Self>, StateError> {
        let (of, due): (String, i64) = take(bytes)?;
        let count: u64 = take(bytes)?;
        let mut runs = Vec::new();
        for _ in 0..count {
            runs.push(take(bytes)?);
        }
        Ok((of == timeframe.to_string()).then_some(Self { due, runs }))
    }
}

impl Closes {
    /// Intervals of a symbol that there is room for at first: two wait, one is at work, one may run ahead.
    pub const WAITING: usize = 4;

    /// Of no symbol yet, by intervals of this timeframe.
    #[must_use]
    pub fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, due: i64::MIN, runs: Vec::new() }
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        let finest = TimeframeId::new(usize::from(u8::MAX));
        self.runs.push(Run { finest, waiting: VecDeque::with_capacity(Self::WAITING) });
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let waiting: usize = self.runs.iter().map(|run| run.waiting.capacity() * size_of::<Waiting>()).sum();
        self.runs.capacity() * size_of::<Run>() + waiting
    }

    /// Takes a base bar by its end, Unix ms, and its close: those of a symbol's finest base count.
    #[inline]
    pub fn base(&mut self, symbol: SymbolId, timeframe: TimeframeId, end: i64, close: f64) {
        let run = &mut self.runs[symbol.index()];
        if timeframe > run.finest {
            return;
        }
        run.finest = timeframe;
        match run.waiting.back_mut() {
            Some(last) if end <= last.end => last.close = close,
            // What comes late is in the next interval that is taken.
            _ => {
                let end = self.timeframe.utc_span(end - 1).end.max(self.due);
                run.waiting.push_back(Waiting { end, close });
            }
        }
    }

    /// Tells what happened in the intervals from the one that ends at `first` to the one before that ending at `next`, Unix ms,
    /// which is the one to be taken next. They are taken before a sequence.
    pub fn take(&mut self, seq: u64, mut first: i64, next: i64, mut tell: impl FnMut(Crossing)) {
        self.due = next;
        let later = |end, intervals| self.timeframe.later(end, intervals, &Calendar::Utc);
        let between = |end, next| self.timeframe.between(end, next, &Calendar::Utc);
        while first < next {
            let waiting = self.runs.iter().filter_map(|run| run.waiting.front()).map(|waiting| waiting.end).min();
            let traded = waiting.map_or(next, |end| end.clamp(first, next));
            let intervals = between(first, traded).unsigned_abs();
            if intervals > 0 {
                tell(Crossing::Rest { seq, end: later(traded, -1), intervals });
            }
            if traded == next {
                return;
            }
            for (index, run) in self.runs.iter_mut().enumerate() {
                if let Some(Waiting { close, .. }) = run.waiting.pop_front_if(|waiting| waiting.end <= traded) {
                    tell(Crossing::Close { seq, symbol: SymbolId(index as u16), close });
                }
            }
            tell(Crossing::End { seq, end: traded });
            first = later(traded, 1);
        }
    }

    /// Appends the state, with the names of timeframes and symbols.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save<'a>(
        &self,
        timeframes: impl Iterator<Item = &'a str>,
        name: impl Fn(SymbolId) -> &'a str,
        out: &mut Vec<u8>,
    ) -> Result<(), StateError> {
        let timeframes: Vec<&str> = timeframes.collect();
        put(out, &self.timeframe.to_string())?;
        put(out, &(self.due, self.runs.len() as u64))?;
        for (index, Run { finest, waiting }) in self.runs.iter().enumerate() {
            put(out, &(name(SymbolId(index as u16)), timeframes.get(finest.index()).copied()))?;
            put(out, &(waiting.len() as u64))?;
            waiting.iter().try_for_each(|waiting| put(out, waiting))?;
        }
        Ok(())
    }

    /// Goes on from a state; `symbol` and `timeframe` find names in the plan.
    pub fn restore(
        &mut self,
        saved: &SavedCloses,
        symbol: impl Fn(&str) -> Option<usize>,
        timeframe: impl Fn(&str) -> Option<usize>,
    ) {
        self.due = saved.due;
        for (name, finest, waiting) in &saved.runs {
            let Some(run) = symbol(name).and_then(|index| self.runs.get_mut(index)) else { continue };
            let finest = finest.as_deref().and_then(&timeframe);
            run.finest = TimeframeId::new(finest.unwrap_or(usize::from(u8::MAX)));
            run.waiting.clear();
            run.waiting.extend(waiting);
        }
    }
}
