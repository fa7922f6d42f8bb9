//! The bars of all symbols on all timeframes.

use super::BarBuilder;
use crate::{
    config::{Asset, Plan},
    model::{Bar, Calendar, MAX_TIMEFRAMES, SymbolId, Timeframe, TimeframeId},
    state::{Column, StateError, align, is_sound_time, put, take, take_borrowed},
};
use bincode::{BorrowDecode, Encode};
use std::cmp::Reverse;

/// What stands before a symbol's open bars in a saved aggregator.
#[derive(Debug, Clone, Copy, Encode, BorrowDecode)]
struct OpenBarsOf<'a> {
    symbol: &'a str,
    /// Name of the calendar by which its bars begin and end.
    calendar: &'a str,
    /// Which columns are made for it, as a bit set.
    enabled: u32,
}

/// What a [`TimeBarAggregator`] remembers, by the symbols and timeframes of a plan.
#[derive(Debug, Clone, Default)]
pub struct OpenBars {
    event_ts: i64,
    /// By symbol and timeframe; `None` for a cell that is not among those saved.
    builders: Vec<Option<BarBuilder>>,
}

impl OpenBars {
    /// Takes off the front what [`TimeBarAggregator::save`] wrote, for the symbols of this plan, whose places `find` gives by
    /// name, and these columns, its timeframes.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read<'a>(
        bytes: &mut &[u8],
        wanted: impl ExactSizeIterator<Item = Column<'a>>,
        plan: &Plan,
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, StateError> {
        let (event_ts, count): (i64, u64) = take(bytes)?;
        let columns: Vec<Column<'_>> = take_borrowed(bytes)?;
        let width = wanted.len();
        let places = align(&columns, wanted);
        let mut builders = vec![None; plan.assets.len() * width];
        let mut sound = is_sound_time(event_ts) && columns.len() <= MAX_TIMEFRAMES;
        for _ in 0..count {
            let OpenBarsOf { symbol, calendar, enabled } = take_borrowed(bytes)?;
            let mut row = [BarBuilder::default(); MAX_TIMEFRAMES];
            for builder in row.iter_mut().take(columns.len()) {
                *builder = take(bytes)?;
                sound &= builder.is_sound();
            }
            let found = find(symbol).and_then(|symbol| Some((symbol, plan.assets.get(symbol)?)));
            let Some((symbol, _)) = found.filter(|(_, asset)| asset.calendar.name() == calendar) else { continue };
            for (timeframe, place) in places.iter().enumerate() {
                let place = place.filter(|&place| place < MAX_TIMEFRAMES && enabled & 1 << place != 0);
                builders[symbol * width + timeframe] = place.map(|place| row[place]);
            }
        }
        if sound { Ok(Self { event_ts, builders }) } else { Err(StateError::Shape("the aggregator")) }
    }

    /// Whether the cell of this number was among those saved.
    #[must_use]
    pub fn knows(&self, cell: usize) -> bool {
        self.builders.get(cell).is_some_and(Option::is_some)
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        self.event_ts = self.event_ts.max(other.event_ts);
        for (own, other) in self.builders.iter_mut().zip(&other.builders) {
            *own = own.or(*other);
        }
    }
}

/// An open bar that event time has passed, ordered as it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    end: i64,
    symbol: u16,
    /// Index of the timeframe.
    longest: Reverse<u8>,
}

/// Makes the bars of every enabled cell from base bars; see the [module](super) for when they close.
#[derive(Debug, Clone)]
pub struct TimeBarAggregator {
    timeframes: Vec<Timeframe>,
    /// By base timeframe: which timeframes its bars are part of, longest first, as a bit set.
    fed_by: [u32; MAX_TIMEFRAMES],
    /// By symbol: which timeframes are enabled, as a bit set.
    enabled: Vec<u32>,
    /// By symbol.
    calendars: Vec<Calendar>,
    /// By symbol: no open bar of it ends earlier than this, Unix ms.
    earliest: Vec<i64>,
    /// By symbol and timeframe.
    builders: Vec<BarBuilder>,
    /// What closes by time in the input at hand; room for every open bar.
    due: Vec<Due>,
    allowed_lateness_ms: i64,
    event_ts: i64,
    /// No open bar's deadline is earlier than this.
    next_deadline: i64,
}

/// The bits of a set of timeframes, longest timeframe first.
#[inline]
fn longest_first(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = bits.checked_ilog2()?;
        bits &= !(1 << index);
        Some(index as usize)
    })
}

impl TimeBarAggregator {
    /// An aggregator for the plan's symbols, all of whose bars are empty.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut aggregator = Self {
            timeframes: plan.timeframes.clone(),
            fed_by: plan.fed_by(),
            enabled: Vec::with_capacity(plan.assets.len()),
            calendars: Vec::with_capacity(plan.assets.len()),
            earliest: Vec::with_capacity(plan.assets.len()),
            builders: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
            due: Vec::new(),
            allowed_lateness_ms: plan.allowed_lateness_ms,
            event_ts: i64::MIN,
            next_deadline: i64::MAX,
        };
        for asset in &plan.assets {
            aggregator.add_symbol(asset);
        }
        aggregator
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.enabled.push(asset.enabled());
        self.calendars.push(asset.calendar);
        // Not known: the next base bar looks.
        self.earliest.push(i64::MIN);
        self.builders.resize(self.enabled.len() * self.timeframes.len(), BarBuilder::default());
        self.due.clear();
        self.due.reserve(self.builders.len());
    }

    /// Symbols there are.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.enabled.len()
    }

    /// Event time: the newest close time seen, Unix ms; `i64::MIN` before the first record.
    #[inline]
    #[must_use]
    pub fn event_ts(&self) -> i64 {
        self.event_ts
    }

    /// Appends the state: a table of these columns, the timeframes in their order, with the name of each symbol.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    pub fn save<'a>(
        &self,
        columns: impl ExactSizeIterator<Item = Column<'a>>,
        name: impl Fn(SymbolId) -> &'a str,
        out: &mut Vec<u8>,
    ) -> Result<(), StateError> {
        put(out, &(self.event_ts, self.enabled.len() as u64))?;
        put(out, &(columns.len() as u64))?;
        for column in columns {
            put(out, &column)?;
        }
        for (index, (row, enabled)) in self.builders.chunks(self.timeframes.len()).zip(&self.enabled).enumerate() {
            let (symbol, calendar) = (name(SymbolId(index as u16)), self.calendars[index].name());
            put(out, &OpenBarsOf { symbol, calendar, enabled: *enabled })?;
            for builder in row {
                put(out, builder)?;
            }
        }
        Ok(())
    }

    /// Goes on from a state; cells that it does not know are as they were.
    pub fn restore(&mut self, state: &OpenBars) {
        self.event_ts = state.event_ts;
        for (own, builder) in self.builders.iter_mut().zip(&state.builders) {
            *own = builder.unwrap_or(*own);
        }
        let open = self.builders.iter().filter(|builder| builder.is_open());
        let deadlines = open.map(|builder| builder.end().saturating_add(self.allowed_lateness_ms));
        self.next_deadline = deadlines.min().unwrap_or(i64::MAX);
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.builders.capacity() * size_of::<BarBuilder>()
            + self.due.capacity() * size_of::<Due>()
            + self.enabled.capacity() * size_of::<u32>()
    }

    /// Takes an accepted base bar and hands each bar that closes to `on_closed`, the base bar itself among them: in the
    /// order of their ends, then of the symbols, then the longest timeframe first.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, on_closed: &mut impl FnMut(Bar)) {
        let symbol = bar.symbol.index();
        let end = self.timeframes[bar.timeframe.index()].end(bar.ts, self.calendars[symbol]);
        self.event_ts = self.event_ts.max(end);
        if self.event_ts < self.next_deadline {
            self.add(bar, end, on_closed);
        } else {
            self.add_among_due(bar, end, on_closed);
        }
    }

    /// Takes a clock event: event time moves on without a bar.
    pub fn on_clock(&mut self, event_ts: i64, on_closed: &mut impl FnMut(Bar)) {
        self.event_ts = self.event_ts.max(event_ts);
        if self.event_ts >= self.next_deadline {
            self.find_due(|_, _| false);
            self.close_due(0..self.due.len(), on_closed);
        }
    }

    /// Adds a base bar that moves event time past the deadlines of open bars, and closes these in their order.
    #[cold]
    fn add_among_due(&mut self, bar: &Bar, end: i64, on_closed: &mut impl FnMut(Bar)) {
        let (symbol, fed) = (bar.symbol.index(), self.fed_by[bar.timeframe.index()]);
        // What the bar is part of closes with it, not before.
        self.find_due(|due, index| usize::from(due.symbol) == symbol && fed & 1 << index != 0 && due.end > bar.ts);
        let before = self.due.partition_point(|due| (due.end, due.symbol) < (end, bar.symbol.0));
        self.close_due(0..before, on_closed);
        self.add(bar, end, on_closed);
        self.close_due(before..self.due.len(), on_closed);
    }

    /// Adds a base bar, which ends at `end`, to all open bars of its symbol; closes what it leaves behind or completes.
    #[inline]
    fn add(&mut self, bar: &Bar, end: i64, on_closed: &mut impl FnMut(Bar)) {
        let (base, symbol) = (bar.timeframe.index(), bar.symbol.index());
        let row = symbol * self.timeframes.len();
        let fed = self.enabled[symbol] & self.fed_by[base];
        if bar.ts >= self.earliest[symbol] {
            self.leave_behind(bar, fed, on_closed);
        }
        // A record that lags behind may open a bar that event time has passed already.
        let mut overdue = 0;
        for index in longest_first(fed) {
            if index == base {
                on_closed(*bar);
                continue;
            }
            let builder = &mut self.builders[row + index];
            if builder.is_open() {
                builder.add(bar);
            } else {
                builder.start(self.timeframes[index].span(bar.ts, self.calendars[symbol]), bar);
                self.earliest[symbol] = self.earliest[symbol].min(builder.end());
            }
            let deadline = builder.end() + self.allowed_lateness_ms;
            if builder.end() == end {
                on_closed(builder.close(bar.symbol, TimeframeId::new(index)));
            } else if self.event_ts >= deadline {
                overdue |= 1 << index;
            } else {
                self.next_deadline = self.next_deadline.min(deadline);
            }
        }
        if overdue != 0 {
            self.close_all(bar.symbol, overdue, on_closed);
        }
    }

    /// Closes the open bars of its symbol that ended before a base bar, those of the timeframes that it feeds.
    fn leave_behind(&mut self, bar: &Bar, fed: u32, on_closed: &mut impl FnMut(Bar)) {
        let symbol = bar.symbol.index();
        let columns = self.timeframes.len();
        let row = &self.builders[symbol * columns..][..columns];
        let is_left = |&index: &usize| row[index].is_open() && row[index].end() <= bar.ts;
        let left_behind = longest_first(fed).filter(is_left).fold(0, |bits, index| bits | 1 << index);
        if left_behind != 0 {
            self.close_all(bar.symbol, left_behind, on_closed);
        }
        let open = self.builders[symbol * columns..][..columns].iter().filter(|builder| builder.is_open());
        self.earliest[symbol] = open.map(BarBuilder::end).min().unwrap_or(i64::MAX);
    }

    /// Closes open bars of one symbol, those of a set of timeframes, in the order of their ends.
    #[cold]
    fn close_all(&mut self, symbol: SymbolId, mut indices: u32, on_closed: &mut impl FnMut(Bar)) {
        let row = symbol.index() * self.timeframes.len();
        while indices != 0 {
            let earliest = longest_first(indices).min_by_key(|&index| self.builders[row + index].end());
            let Some(index) = earliest else { break };
            indices &= !(1 << index);
            on_closed(self.builders[row + index].close(symbol, TimeframeId::new(index)));
        }
    }

    /// Lists the open bars that event time has passed, but those to `leave`, in the order of closing; takes the others
    /// into the next deadline.
    fn find_due(&mut self, leave: impl Fn(&Due, usize) -> bool) {
        self.due.clear();
        self.next_deadline = i64::MAX;
        let rows = self.builders.chunks_exact(self.timeframes.len());
        for (symbol, (row, &enabled)) in rows.zip(&self.enabled).enumerate() {
            for index in longest_first(enabled) {
                let end = row[index].end();
                if end == i64::MIN {
                    continue;
                }
                let due = Due { end, symbol: symbol as u16, longest: Reverse(index as u8) };
                let deadline = end + self.allowed_lateness_ms;
                if self.event_ts < deadline {
                    self.next_deadline = self.next_deadline.min(deadline);
                } else if !leave(&due, index) {
                    self.due.push(due);
                }
            }
        }
        self.due.sort_unstable();
    }

    /// Closes some of the bars that have been found due.
    fn close_due(&mut self, which: std::ops::Range<usize>, on_closed: &mut impl FnMut(Bar)) {
        let columns = self.timeframes.len();
        for Due { symbol, longest: Reverse(index), .. } in &self.due[which] {
            let (symbol, index) = (SymbolId(*symbol), usize::from(*index));
            let builder = &mut self.builders[symbol.index() * columns + index];
            on_closed(builder.close(symbol, TimeframeId::new(index)));
        }
    }
}
