//! The latest results of every symbol, for keys that hold a latest value and for calculation events.

use crate::{
    config::Asset,
    model::{Calendar, Composite, IndicatorRow, Signal, Strategy, SymbolId, Timeframe, TimeframeId},
    publish::{LatestValues, Vote},
    state::{StateError, put, take},
};

/// One symbol.
#[derive(Debug, Clone)]
struct SymbolLatest {
    calendar: Calendar,
    /// The newest signal of each strategy, while it is active.
    signals: [Option<Composite>; Strategy::COUNT],
    /// Event time, Unix ms, from which on each is no longer active.
    expires: [i64; Strategy::COUNT],
    /// The symbol's opinion as of its last group with signals, and that group's event time.
    vote: Option<(Vote, i64)>,
    /// Event time of the last group, Unix ms.
    event_ts: i64,
    /// Timeframes with a new row since the last flush, as a bit set; and whether anything is new at all.
    rows: u32,
    voted: bool,
    dirty: bool,
}

/// The latest results of all symbols, and which of them have not been written yet.
#[derive(Debug)]
pub struct Latest {
    timeframes: Vec<Timeframe>,
    active_bars: i64,
    /// By symbol and timeframe.
    rows: Vec<Option<IndicatorRow>>,
    symbols: Vec<SymbolLatest>,
    /// Symbols with something new.
    dirty: Vec<SymbolId>,
}

/// What a flush writes of one symbol.
#[derive(Debug)]
pub struct Fresh<'a> {
    /// Its newest values.
    pub values: LatestValues<'a>,
    /// Timeframes with a new row, as a bit set.
    pub new_rows: u32,
    /// A new opinion, with its event time.
    pub vote: Option<(Vote, i64)>,
}

impl Latest {
    /// Nothing yet, of no symbol.
    #[must_use]
    pub fn new(timeframes: &[Timeframe], active_bars: i64) -> Self {
        Self { timeframes: timeframes.to_vec(), active_bars, rows: Vec::new(), symbols: Vec::new(), dirty: Vec::new() }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Option<IndicatorRow>>() + self.symbols.capacity() * size_of::<SymbolLatest>()
    }

    /// Makes room for the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.rows.extend(self.timeframes.iter().map(|_| None));
        self.symbols.push(SymbolLatest {
            calendar: asset.calendar,
            signals: [None; Strategy::COUNT],
            expires: [i64::MIN; Strategy::COUNT],
            vote: None,
            event_ts: i64::MIN,
            rows: 0,
            voted: false,
            dirty: false,
        });
        self.dirty.reserve(self.symbols.len());
    }

    /// Appends the state of a symbol. Allocates nothing but room in `out`.
    ///
    /// # Errors
    /// Never, as for [`put`].
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let SymbolLatest { signals, expires, vote, event_ts, .. } = &self.symbols[symbol.index()];
        put(out, &self.rows(symbol))?;
        put(out, signals)?;
        put(out, expires)?;
        put(out, vote)?;
        put(out, event_ts)
    }

    /// Takes the state of [`save`](Self::save) off the front. All of it counts as new: whether it had been written when it
    /// was saved is not known.
    ///
    /// # Errors
    /// Bytes that are none, or of other timeframes.
    pub fn restore(&mut self, symbol: SymbolId, bytes: &mut &[u8]) -> Result<(), StateError> {
        let columns = self.timeframes.len();
        let mut rows: Vec<Option<IndicatorRow>> = take(bytes)?;
        let mut signals: [Option<Composite>; Strategy::COUNT] = take(bytes)?;
        let expires = take(bytes)?;
        let vote: Option<(Vote, i64)> = take(bytes)?;
        let event_ts = take(bytes)?;
        let foreign = |composite: &Composite| composite.signal.timeframe.index() >= columns;
        if rows.len() != columns || signals.iter().flatten().any(foreign) {
            return Err(StateError::Shape("a symbol's latest values"));
        }
        for (index, row) in rows.iter_mut().enumerate() {
            if let Some(row) = row {
                (row.bar.symbol, row.bar.timeframe) = (symbol, TimeframeId::new(index));
            }
        }
        for (composite, strategy) in signals.iter_mut().zip(Strategy::ALL) {
            if let Some(Composite { signal, .. }) = composite {
                (signal.symbol, signal.strategy) = (symbol, strategy);
            }
        }
        let new_rows = rows.iter().enumerate().fold(0, |bits, (index, row)| bits | u32::from(row.is_some()) << index);
        self.rows[symbol.index() * columns..][..columns].copy_from_slice(&rows);
        let latest = &mut self.symbols[symbol.index()];
        let dirty = new_rows != 0 && !latest.dirty;
        *latest = SymbolLatest {
            calendar: latest.calendar,
            signals,
            expires,
            vote,
            event_ts,
            rows: new_rows,
            voted: vote.is_some(),
            dirty: latest.dirty || dirty,
        };
        if dirty {
            self.dirty.push(symbol);
        }
        Ok(())
    }

    /// Whether nothing is new.
    #[inline]
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.dirty.is_empty()
    }

    /// The newest row of each timeframe of a symbol.
    #[must_use]
    pub fn rows(&self, symbol: SymbolId) -> &[Option<IndicatorRow>] {
        let columns = self.timeframes.len();
        &self.rows[symbol.index() * columns..(symbol.index() + 1) * columns]
    }

    /// Takes a closed bar with its indicators.
    #[inline]
    pub fn row(&mut self, row: &IndicatorRow) {
        let (symbol, timeframe) = (row.bar.symbol.index(), row.bar.timeframe.index());
        self.rows[symbol * self.timeframes.len() + timeframe] = Some(*row);
        self.symbols[symbol].rows |= 1 << timeframe;
    }

    /// Takes a published signal; the probe's says nothing worth keeping.
    pub fn signal(&mut self, composite: &Composite) {
        let Signal { symbol, timeframe, strategy, event_ts, .. } = composite.signal;
        if strategy == Strategy::Probe {
            return;
        }
        let latest = &mut self.symbols[symbol.index()];
        latest.signals[strategy.index()] = Some(*composite);
        latest.expires[strategy.index()] =
            self.timeframes[timeframe.index()].later(event_ts, self.active_bars, latest.calendar);
    }

    /// Ends a group, whose signals gave this opinion.
    pub fn group_done(&mut self, symbol: SymbolId, event_ts: i64, vote: Option<Vote>) {
        let latest = &mut self.symbols[symbol.index()];
        latest.event_ts = event_ts;
        if let Some(vote) = vote {
            latest.vote = Some((vote, event_ts));
            latest.voted = true;
        }
        if !latest.dirty {
            latest.dirty = true;
            self.dirty.push(symbol);
        }
    }

    /// Symbols that have something new.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.dirty.len()
    }

    /// Hands over what is new of so many symbols that have something new, longest first, and forgets that it is.
    pub fn flush(&mut self, max: usize, mut write: impl FnMut(&Fresh<'_>)) {
        let columns = self.timeframes.len();
        let count = self.dirty.len().min(max);
        for symbol in self.dirty.drain(..count) {
            let latest = &mut self.symbols[symbol.index()];
            let (new_rows, voted) = (std::mem::take(&mut latest.rows), std::mem::take(&mut latest.voted));
            latest.dirty = false;
            for (composite, &expires) in latest.signals.iter_mut().zip(&latest.expires) {
                *composite = composite.filter(|_| latest.event_ts < expires);
            }
            let rows = &self.rows[symbol.index() * columns..][..columns];
            let values = LatestValues { symbol, rows, signals: &latest.signals };
            write(&Fresh { values, new_rows, vote: latest.vote.filter(|_| voted) });
        }
    }
}
