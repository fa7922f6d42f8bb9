//! The latest results of every symbol, for keys that hold a latest value and for calculation events.

use crate::{
    config::Asset,
    model::{Calendar, Composite, IndicatorRow, Signal, Strategy, SymbolId, Timeframe, TimeframeId},
    publish::{LatestValues, Vote},
    state::{SavedTable, StateError, is_sound_time, put, take},
};
use bincode::{Decode, Encode};

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

/// The last group of a symbol.
#[derive(Debug, Clone, Copy, Encode, Decode)]
struct LastGroup {
    /// The symbol's opinion as of its last group with signals, and that group's event time.
    vote: Option<(Vote, i64)>,
    event_ts: i64,
}

/// What [`Latest`] remembers of one symbol, by the timeframes of a plan.
#[derive(Debug, Clone)]
pub struct SavedLatest {
    /// By timeframe the newest row, if there was one; `None` for a timeframe that is not among those saved.
    rows: Vec<Option<Option<IndicatorRow>>>,
    signals: [Option<Composite>; Strategy::COUNT],
    group: LastGroup,
}

impl Default for SavedLatest {
    fn default() -> Self {
        let group = LastGroup { vote: None, event_ts: i64::MIN };
        Self { rows: Vec::new(), signals: [None; Strategy::COUNT], group }
    }
}

impl SavedLatest {
    /// Takes off the front what [`Latest::save`] wrote of a symbol. Where no latest values were kept, they are empty.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read(bytes: &mut &[u8], table: &SavedTable) -> Result<Self, StateError> {
        if bytes.is_empty() {
            return Ok(Self { rows: table.columns().map(|column| column.map(|_| None)).collect(), ..Self::default() });
        }
        let (rows, signals): (Vec<Option<IndicatorRow>>, Vec<Option<Composite>>) = take(bytes)?;
        let group: LastGroup = take(bytes)?;
        let sound = |Composite { signal, .. }: &Composite| {
            is_sound_time(signal.event_ts) && signal.timeframe.index() < table.width()
        };
        if rows.len() != table.width() || signals.len() != table.depth() || !signals.iter().flatten().all(sound) {
            return Err(StateError::Shape("a symbol's latest values"));
        }
        // A signal of a timeframe that is not taken over goes with it.
        let newest = |strategy: Strategy| {
            let mut composite = signals[table.strategy(strategy.index())?]?;
            composite.signal.timeframe = TimeframeId::new(table.wanted(composite.signal.timeframe.index())?);
            composite.signal.strategy = strategy;
            Some(composite)
        };
        let rows = table.columns().map(|column| column.map(|column| rows[column])).collect();
        Ok(Self { rows, signals: Strategy::ALL.map(newest), group })
    }

    /// Whether a timeframe was among those saved.
    #[must_use]
    pub fn knows(&self, timeframe: usize) -> bool {
        self.rows.get(timeframe).is_some_and(Option::is_some)
    }

    /// Takes from another, made of the same input, what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        let known: Vec<bool> = (0..self.rows.len().max(other.rows.len())).map(|index| self.knows(index)).collect();
        self.rows.resize(known.len(), None);
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            *own = own.or(*other);
        }
        for (own, other) in self.signals.iter_mut().zip(other.signals) {
            // Of a timeframe that is known the own one says more; of another the newer of the two is the newest.
            let newer = |other: &Composite| own.is_none_or(|own| own.signal.event_ts <= other.signal.event_ts);
            let cold = |other: &Composite| !known.get(other.signal.timeframe.index()).is_some_and(|known| *known);
            *own = other.filter(|other| own.is_none() || (cold(other) && newer(other))).or(*own);
        }
        if self.group.event_ts == i64::MIN {
            self.group = other.group;
        }
    }
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
    /// The encoder fails; writing to memory never does.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let SymbolLatest { signals, vote, event_ts, .. } = &self.symbols[symbol.index()];
        put(out, &self.rows(symbol))?;
        put(out, &signals.as_slice())?;
        put(out, &LastGroup { vote: *vote, event_ts: *event_ts })
    }

    /// Goes on from the state of a symbol. All of it counts as new: whether it had been written when it was saved is not
    /// known.
    pub fn restore(&mut self, symbol: SymbolId, state: &SavedLatest) {
        let columns = self.timeframes.len();
        let rows = &mut self.rows[symbol.index() * columns..][..columns];
        let mut new_rows = 0;
        for (index, (own, row)) in rows.iter_mut().zip(&state.rows).enumerate() {
            if let Some(Some(mut row)) = *row {
                (row.bar.symbol, row.bar.timeframe) = (symbol, TimeframeId::new(index));
                *own = Some(row);
                new_rows |= 1 << index;
            }
        }
        let latest = &mut self.symbols[symbol.index()];
        for (strategy, saved) in state.signals.iter().enumerate() {
            let Some(mut composite) = *saved else { continue };
            composite.signal.symbol = symbol;
            let timeframe = self.timeframes[composite.signal.timeframe.index()];
            latest.signals[strategy] = Some(composite);
            latest.expires[strategy] = timeframe.later(composite.signal.event_ts, self.active_bars, latest.calendar);
        }
        LastGroup { vote: latest.vote, event_ts: latest.event_ts } = state.group;
        (latest.rows, latest.voted) = (new_rows, latest.vote.is_some());
        if new_rows != 0 && !latest.dirty {
            latest.dirty = true;
            self.dirty.push(symbol);
        }
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
