//! The latest results of every symbol, for keys that hold a latest value and for calculation events.

use crate::{
    model::{
        Completeness, Composite, IndicatorRow, Readiness, Roster, Signal, Strategy, SymbolId, TimeframeId,
        TradingStyle, Weighed, WindowStatistics,
    },
    publish::{LatestValues, Vote},
    state::{SavedTable, StateError, is_sound_time, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// One symbol.
#[derive(Debug, Clone)]
struct SymbolLatest {
    /// The newest signal of each strategy, while it is active.
    signals: Box<[Option<Composite>]>,
    /// Event time, Unix ms, from which on each is no longer active.
    expires: Box<[i64]>,
    /// The symbol's opinion as of its last group with signals, and that group's event time.
    vote: Option<(Vote, i64)>,
    /// Event time of the last group, Unix ms.
    event_ts: i64,
    /// Timeframes with a new row since the last flush, as a bit set.
    rows: u32,
    voted: bool,
    /// Whether it was written by this process.
    flushed: bool,
    /// Event time, Unix ms, at which the opinion was written last.
    vote_written: i64,
    dirty: bool,
}

/// The last group of a symbol.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
struct LastGroup {
    /// The symbol's opinion as of its last group with signals, and that group's event time.
    vote: Option<(Vote, i64)>,
    event_ts: i64,
}

/// What [`Latest`] remembers of one symbol, by the timeframes of a plan.
#[derive(Debug, Clone)]
pub struct SavedLatest {
    /// By timeframe: the newest row, if there was one; `None` if the timeframe was not saved.
    rows: Vec<Option<Option<IndicatorRow>>>,
    /// By strategy; nothing where nothing was saved.
    signals: Vec<Option<Composite>>,
    group: LastGroup,
    /// The newest statistics of its windows, where they were kept.
    statistics: Vec<WindowStatistics>,
}

/// A [`Composite`] in a record of version 2.
#[derive(SchemaRead)]
struct CompositeOf2 {
    signal: Signal,
    style: TradingStyle,
    composite_confidence: f64,
    correlation_strength: f64,
    priority: f64,
}

impl From<CompositeOf2> for Composite {
    fn from(old: CompositeOf2) -> Self {
        let CompositeOf2 { signal, style, composite_confidence, correlation_strength, priority } = old;
        Self {
            signal,
            style,
            composite_confidence,
            correlation_strength,
            priority,
            history: if signal.settled { Completeness::Complete } else { Completeness::Incomplete },
        }
    }
}

impl Default for SavedLatest {
    fn default() -> Self {
        let group = LastGroup { vote: None, event_ts: i64::MIN };
        Self { rows: Vec::new(), signals: Vec::new(), group, statistics: Vec::new() }
    }
}

impl SavedLatest {
    /// Takes off the front what [`Latest::save`] wrote of a symbol, in a record of this version. Where no latest values
    /// were kept, they are empty.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(version: u8, bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        if bytes.is_empty() {
            return Ok(Self { rows: table.columns().map(|column| column.map(|_| None)).collect(), ..Self::default() });
        }
        let rows: Vec<Option<IndicatorRow>> = take(bytes)?;
        let signals: Vec<Option<Composite>> = if version < 3 {
            let old: Vec<Option<CompositeOf2>> = take(bytes)?;
            old.into_iter().map(|composite| composite.map(Composite::from)).collect()
        } else {
            take(bytes)?
        };
        let group: LastGroup = take(bytes)?;
        // Written only where they are kept.
        let saved: Vec<Option<WindowStatistics>> = if bytes.is_empty() { Vec::new() } else { take(bytes)? };
        let sound = |Composite { signal, .. }: &Composite| {
            is_sound_time(signal.event_ts) && signal.timeframe.index() < table.width()
        };
        if rows.len() != table.width() || signals.len() != table.depth() || !signals.iter().flatten().all(sound) {
            return Err(StateError::Shape("a symbol's latest values"));
        }
        // A signal of a timeframe that is not restored is dropped as well.
        let newest = |strategy: Strategy| {
            let mut composite = signals[table.strategy(strategy.index())?]?;
            composite.signal.timeframe = TimeframeId::new(table.wanted(composite.signal.timeframe.index())?);
            composite.signal.strategy = strategy;
            composite.signal.candidate.kind = composite.signal.candidate.kind.saved_with(strategy);
            Some(composite)
        };
        let rows = table.columns().map(|column| column.map(|column| rows[column])).collect();
        let known = |mut of: WindowStatistics| {
            of.timeframe = TimeframeId::new(table.wanted(of.timeframe.index())?);
            Some(of)
        };
        let sound = |of: &WindowStatistics| of.timeframe.index() < table.width() && is_sound_time(of.event_ts);
        if !saved.iter().flatten().all(sound) {
            return Err(StateError::Shape("a symbol's statistics"));
        }
        let statistics = saved.into_iter().flatten().filter_map(known).collect();
        Ok(Self { rows, signals: roster.iter().map(newest).collect(), group, statistics })
    }

    /// Whether a timeframe was saved.
    #[must_use]
    pub fn knows(&self, timeframe: usize) -> bool {
        self.rows.get(timeframe).is_some_and(Option::is_some)
    }

    /// Fills in what is missing here from `other`, which was made from the same input.
    pub fn fill(&mut self, other: &Self) {
        let known: Vec<bool> = (0..self.rows.len().max(other.rows.len())).map(|index| self.knows(index)).collect();
        self.rows.resize(known.len(), None);
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            *own = own.or(*other);
        }
        self.signals.resize(self.signals.len().max(other.signals.len()), None);
        for (own, &other) in self.signals.iter_mut().zip(&other.signals) {
            // For a known timeframe, keep our own signal, which holds more; for another, keep the newer of the two.
            let newer = |other: &Composite| own.is_none_or(|own| own.signal.event_ts <= other.signal.event_ts);
            let cold = |other: &Composite| !known.get(other.signal.timeframe.index()).is_some_and(|known| *known);
            *own = other.filter(|other| own.is_none() || (cold(other) && newer(other))).or(*own);
        }
        let missing = |of: &&WindowStatistics| !known.get(of.timeframe.index()).is_some_and(|known| *known);
        self.statistics.extend(other.statistics.iter().filter(missing));
        if self.group.event_ts == i64::MIN {
            self.group = other.group;
        }
    }
}

/// The latest results of all symbols, and which of them have not been written yet.
#[derive(Debug)]
pub struct Latest {
    /// Number of timeframes.
    columns: usize,
    roster: Roster,
    /// By symbol and timeframe.
    rows: Vec<Option<IndicatorRow>>,
    /// The same of the bar that is still forming, where it is newer. Not kept in snapshots: the next refresh has it again.
    forming: Vec<Option<IndicatorRow>>,
    /// Bars of the windows whose statistics are kept.
    windows: Vec<u32>,
    /// By symbol, timeframe and window.
    statistics: Vec<Option<WindowStatistics>>,
    symbols: Vec<SymbolLatest>,
    /// Symbols with something new.
    dirty: Vec<SymbolId>,
}

/// What a flush writes of one symbol.
#[derive(Debug)]
pub struct Fresh<'a> {
    /// Its newest values.
    pub values: LatestValues<'a>,
    /// By timeframe: the statistics of its windows; of none where they are not kept.
    pub statistics: &'a [Option<WindowStatistics>],
    /// Timeframes with a new row, as a bit set.
    pub new_rows: u32,
    /// An opinion that is new, or whose key would expire, with its event time.
    pub vote: Option<(Vote, i64)>,
    /// The opinion, new or not.
    pub opinion: Option<(Vote, i64)>,
}

impl Latest {
    /// No symbols yet; `timeframes` is the number of timeframes.
    #[must_use]
    pub fn new(timeframes: usize, roster: &Roster) -> Self {
        Self {
            columns: timeframes,
            roster: *roster,
            rows: Vec::new(),
            forming: Vec::new(),
            windows: Vec::new(),
            statistics: Vec::new(),
            symbols: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// The same, which also keeps the statistics of windows with so many bars.
    #[must_use]
    pub fn with_windows(self, windows: &[u32]) -> Self {
        Self { windows: windows.to_vec(), ..self }
    }

    /// Statistics of a symbol, all of which lie together.
    fn statistics_of(&self, symbol: usize) -> std::ops::Range<usize> {
        let each = self.columns * self.windows.len();
        symbol * each..(symbol + 1) * each
    }

    /// The statistics of the windows of a timeframe, out of those of its symbol.
    #[must_use]
    pub fn windows(
        statistics: &[Option<WindowStatistics>],
        timeframe: usize,
        timeframes: usize,
    ) -> &[Option<WindowStatistics>] {
        let each = statistics.len() / timeframes.max(1);
        &statistics[timeframe * each..(timeframe + 1) * each]
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let signals = size_of::<Option<Composite>>() + size_of::<i64>();
        (self.rows.capacity() + self.forming.capacity()) * size_of::<Option<IndicatorRow>>()
            + self.statistics.capacity() * size_of::<Option<WindowStatistics>>()
            + self.symbols.capacity() * (size_of::<SymbolLatest>() + self.roster.count() * signals)
    }

    /// Makes room for the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.rows.extend((0..self.columns).map(|_| None));
        self.forming.extend((0..self.columns).map(|_| None));
        self.statistics.extend((0..self.columns * self.windows.len()).map(|_| None));
        self.symbols.push(SymbolLatest {
            signals: vec![None; self.roster.count()].into(),
            expires: vec![i64::MIN; self.roster.count()].into(),
            vote: None,
            event_ts: i64::MIN,
            rows: 0,
            voted: false,
            flushed: false,
            vote_written: i64::MIN / 2,
            dirty: false,
        });
        self.dirty.reserve(self.symbols.len());
    }

    /// Appends the state of a symbol. Allocates only if `out` has to grow.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let SymbolLatest { signals, vote, event_ts, .. } = &self.symbols[symbol.index()];
        put(out, &self.rows(symbol))?;
        put(out, &&signals[..])?;
        put(out, &LastGroup { vote: *vote, event_ts: *event_ts })?;
        if self.windows.is_empty() { Ok(()) } else { put(out, &&self.statistics[self.statistics_of(symbol.index())]) }
    }

    /// Continues from the saved state of a symbol; `expires` gives the expiry of a signal, which the configuration may
    /// have changed. All of it counts as new, as it may not have been written before it was saved.
    pub fn restore(&mut self, symbol: SymbolId, state: &SavedLatest, expires: impl Fn(&Signal) -> i64) {
        let columns = self.columns;
        let rows = &mut self.rows[symbol.index() * columns..][..columns];
        let mut new_rows = 0;
        for (index, (own, row)) in rows.iter_mut().zip(&state.rows).enumerate() {
            if let Some(Some(mut row)) = *row {
                (row.bar.symbol, row.bar.timeframe) = (symbol, TimeframeId::new(index));
                *own = Some(row);
                new_rows |= 1 << index;
            }
        }
        for of in &state.statistics {
            self.take_statistics(&WindowStatistics { symbol, ..*of });
        }
        let latest = &mut self.symbols[symbol.index()];
        for (strategy, saved) in state.signals.iter().enumerate() {
            let Some(mut composite) = *saved else { continue };
            composite.signal.symbol = symbol;
            latest.signals[strategy] = Some(composite);
            latest.expires[strategy] = expires(&composite.signal);
        }
        LastGroup { vote: latest.vote, event_ts: latest.event_ts } = state.group;
        (latest.rows, latest.voted) = (new_rows, latest.vote.is_some());
        if new_rows != 0 && !latest.dirty {
            latest.dirty = true;
            self.dirty.push(symbol);
        }
    }

    /// Ends the restoring: says how far the cells of the newest rows have come, by symbol and timeframe. What is of history
    /// counts as written, until there is something new of its symbol.
    pub fn restored(&mut self, readiness: &[Readiness], is_history: bool) {
        for (row, readiness) in self.rows.iter_mut().zip(readiness) {
            row.iter_mut().for_each(|row| row.readiness = *readiness);
        }
        if is_history {
            self.dirty.clear();
            for symbol in &mut self.symbols {
                (symbol.rows, symbol.voted, symbol.dirty) = (0, false, false);
            }
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
        &self.rows[symbol.index() * self.columns..][..self.columns]
    }

    /// Takes a closed bar with its indicators.
    #[inline]
    pub fn row(&mut self, row: &IndicatorRow) {
        let (symbol, timeframe) = (row.bar.symbol.index(), row.bar.timeframe.index());
        self.rows[symbol * self.columns + timeframe] = Some(*row);
        self.forming[symbol * self.columns + timeframe] = None;
        self.symbols[symbol].rows |= 1 << timeframe;
    }

    /// Takes a bar that is still forming, with the indicators as they would be if it closed as it is.
    pub fn forming(&mut self, row: &IndicatorRow) {
        let (symbol, timeframe) = (row.bar.symbol, row.bar.timeframe.index());
        self.forming[symbol.index() * self.columns + timeframe] = Some(*row);
        let latest = &mut self.symbols[symbol.index()];
        latest.rows |= 1 << timeframe;
        latest.event_ts = latest.event_ts.max(row.event_ts);
        if !latest.dirty {
            latest.dirty = true;
            self.dirty.push(symbol);
        }
    }

    /// Takes the statistics of a window at a closed bar, where such are kept.
    #[inline]
    pub fn take_statistics(&mut self, of: &WindowStatistics) {
        let Some(window) = self.windows.iter().position(|bars| *bars == of.bars) else { return };
        let place = self.statistics_of(of.symbol.index()).start + of.timeframe.index() * self.windows.len() + window;
        self.statistics[place] = Some(*of);
    }

    /// Takes a published signal; those of the probe are not kept.
    pub fn signal(&mut self, weighed: &Weighed<'_>) {
        let Signal { symbol, strategy, .. } = weighed.composite.signal;
        if strategy == Strategy::Probe {
            return;
        }
        let latest = &mut self.symbols[symbol.index()];
        latest.signals[strategy.index()] = Some(*weighed.composite);
        latest.expires[strategy.index()] = weighed.expires;
    }

    /// Ends a group; `vote` is the opinion that its signals gave.
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

    /// All that was written is new once more: nobody knows what of it there is.
    #[cold]
    pub fn again(&mut self) {
        for (index, latest) in self.symbols.iter_mut().enumerate().filter(|(_, latest)| latest.flushed) {
            let rows = &self.rows[index * self.columns..][..self.columns];
            let all = rows.iter().enumerate().filter(|(_, row)| row.is_some());
            latest.rows |= all.fold(0, |bits, (column, _)| bits | 1 << column);
            latest.voted |= latest.vote.is_some();
            if !latest.dirty {
                latest.dirty = true;
                self.dirty.push(SymbolId(index as u16));
            }
        }
    }

    /// Symbols that have something new.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.dirty.len()
    }

    /// Writes what is new of at most `max` symbols, those that have waited longest first; it is new no longer.
    /// An opinion is written again when it is `again_ms` old, by the time of the bars.
    pub fn flush(&mut self, max: usize, again_ms: i64, mut write: impl FnMut(&Fresh<'_>)) {
        let (columns, each) = (self.columns, self.columns * self.windows.len());
        let count = self.dirty.len().min(max);
        for symbol in self.dirty.drain(..count) {
            let latest = &mut self.symbols[symbol.index()];
            let (new_rows, voted) = (std::mem::take(&mut latest.rows), std::mem::take(&mut latest.voted));
            (latest.dirty, latest.flushed) = (false, true);
            for (composite, &expires) in latest.signals.iter_mut().zip(&*latest.expires) {
                *composite = composite.filter(|_| latest.event_ts < expires);
            }
            let due = voted || latest.event_ts.saturating_sub(latest.vote_written) >= again_ms;
            let vote = latest.vote.filter(|_| due);
            if vote.is_some() {
                latest.vote_written = latest.event_ts;
            }
            let rows = &self.rows[symbol.index() * columns..][..columns];
            let forming = &self.forming[symbol.index() * columns..][..columns];
            let values = LatestValues { symbol, rows, forming, signals: &latest.signals, roster: &self.roster };
            let statistics = &self.statistics[symbol.index() * each..][..each];
            write(&Fresh { values, statistics, new_rows, vote, opinion: latest.vote });
        }
    }
}
