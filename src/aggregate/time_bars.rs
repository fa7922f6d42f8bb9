//! The bars of all symbols on all timeframes.

use super::{BarBuilder, Closings};
use crate::{
    config::{Asset, Plan},
    model::{Bar, Calendar, MAX_TIMEFRAMES, Span, SymbolId, Timeframe, TimeframeId},
    state::{Column, StateError, align, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// What stands before a symbol's open bars in a saved aggregator.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
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
    /// Timeframes.
    columns: usize,
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
        version: u8,
        bytes: &mut &[u8],
        wanted: impl ExactSizeIterator<Item = Column<'a>>,
        plan: &Plan,
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, StateError> {
        if version < 3 {
            // What closed bars by then: the newest end of any symbol.
            let _: i64 = take(bytes)?;
        }
        let count: u64 = take(bytes)?;
        let columns: Vec<Column<'_>> = take(bytes)?;
        let width = wanted.len();
        let places = align(&columns, wanted);
        let mut builders = vec![None; plan.assets.len() * width];
        let mut sound = columns.len() <= MAX_TIMEFRAMES;
        for _ in 0..count {
            let OpenBarsOf { symbol, calendar, enabled } = take(bytes)?;
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
        if sound { Ok(Self { columns: width, builders }) } else { Err(StateError::Shape("the aggregator")) }
    }

    /// Whether the cell of this number was among those saved.
    #[must_use]
    pub fn knows(&self, cell: usize) -> bool {
        self.builders.get(cell).is_some_and(Option::is_some)
    }

    /// End of the open bar of a symbol on a timeframe, Unix ms; `i64::MIN` where none is open.
    #[must_use]
    pub fn end(&self, symbol: usize, timeframe: usize) -> i64 {
        let cell = self.builders.get(symbol * self.columns + timeframe).copied().flatten();
        cell.map_or(i64::MIN, |builder| builder.end())
    }

    /// Knows nothing of these cells.
    pub fn forget(&mut self, cells: std::ops::Range<usize>) {
        self.builders.iter_mut().take(cells.end).skip(cells.start).for_each(|builder| *builder = None);
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        for (own, other) in self.builders.iter_mut().zip(&other.builders) {
            *own = own.or(*other);
        }
    }
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
    /// Timeframes of a day and longer, as a bit set: a base bar outside sessions is no part of their bars.
    long: u32,
    /// What the bars of a symbol and base make, as a bit set of timeframes, where it is not all that they could. As good as
    /// always empty.
    feeds: Vec<(SymbolId, TimeframeId, u32)>,
    /// By symbol: no open bar of it ends earlier than this, Unix ms.
    earliest: Vec<i64>,
    /// By symbol and timeframe.
    builders: Vec<BarBuilder>,
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
            long: plan.timeframes.iter().enumerate().fold(0, |bits, (index, t)| bits | u32::from(t.is_long()) << index),
            feeds: Vec::new(),
            earliest: Vec::with_capacity(plan.assets.len()),
            builders: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
        };
        for asset in &plan.assets {
            aggregator.add_symbol(asset);
        }
        aggregator
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.enabled.push(asset.enabled());
        self.calendars.push(asset.calendar.clone());
        // Not known: the next base bar looks.
        self.earliest.push(i64::MIN);
        self.builders.resize(self.enabled.len() * self.timeframes.len(), BarBuilder::default());
    }

    /// Symbols there are.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.enabled.len()
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
        put(out, &(self.enabled.len() as u64))?;
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
        for (own, builder) in self.builders.iter_mut().zip(&state.builders) {
            *own = builder.unwrap_or(*own);
        }
    }

    /// The open bar of a symbol on a timeframe as far as it has come; `None` where none is open.
    #[must_use]
    pub fn forming(&self, symbol: SymbolId, timeframe: TimeframeId) -> Option<Bar> {
        let builder = self.builders.get(symbol.index() * self.timeframes.len() + timeframe.index())?;
        builder.is_open().then(|| builder.so_far(symbol, timeframe))
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.builders.capacity() * size_of::<BarBuilder>() + self.enabled.capacity() * size_of::<u32>()
    }

    /// Takes an accepted base bar and hands each bar that closes to `on_closed`, the base bar itself among them: in the
    /// order of their ends, then the longest timeframe first.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, on_closed: &mut impl FnMut(Bar)) {
        self.on_bar_followed(bar, on_closed);
    }

    /// The same for one who also follows the base bars.
    #[inline]
    pub fn on_bar_followed(&mut self, bar: &Bar, out: &mut impl Closings) {
        let (base, symbol) = (bar.timeframe.index(), bar.symbol.index());
        let span = self.timeframes[base].labelled(bar.ts, &self.calendars[symbol]);
        let row = symbol * self.timeframes.len();
        let fed = self.fed(bar, span);
        if span.start >= self.earliest[symbol] {
            self.leave_behind(bar, span.start, fed, &mut |bar| out.closed(bar));
        }
        out.base(bar, span.end, fed);
        for index in longest_first(fed) {
            if index == base {
                out.closed(*bar);
                continue;
            }
            let builder = &mut self.builders[row + index];
            if builder.is_open() {
                builder.add(bar);
            } else {
                // A week that the calendar knows only in part has no bar.
                let whole = self.timeframes[index].span(span.start, &self.calendars[symbol]);
                let Some(whole) = whole else { continue };
                builder.start(whole, bar);
                self.earliest[symbol] = self.earliest[symbol].min(builder.end());
            }
            if builder.end() == span.end {
                out.closed(builder.close(bar.symbol, TimeframeId::new(index)));
            }
        }
    }

    /// The timeframes that a base bar is part of, as a bit set.
    #[inline]
    fn fed(&self, bar: &Bar, span: Span) -> u32 {
        let symbol = bar.symbol.index();
        let mut fed = self.enabled[symbol] & self.fed_by[bar.timeframe.index()];
        if !self.feeds.is_empty() {
            fed &= self.made_of(bar.symbol, bar.timeframe);
        }
        if self.calendars[symbol].holds(span.start) { fed } else { fed & !self.long }
    }

    /// Says what the bars of a symbol and base make from now on, as a bit set of timeframes. Allocates.
    #[cold]
    pub fn set_feeds(&mut self, symbol: SymbolId, base: TimeframeId, timeframes: u32) {
        let all = self.fed_by[base.index()] & self.enabled.get(symbol.index()).copied().unwrap_or(u32::MAX);
        match self.feeds.binary_search_by_key(&(symbol, base), |&(symbol, base, _)| (symbol, base)) {
            Ok(place) => self.feeds[place].2 = timeframes,
            Err(place) if all & !timeframes != 0 => self.feeds.insert(place, (symbol, base, timeframes)),
            Err(_) => {}
        }
    }

    /// What the bars of a symbol and base make, as a bit set of timeframes.
    fn made_of(&self, symbol: SymbolId, base: TimeframeId) -> u32 {
        let place = self.feeds.binary_search_by_key(&(symbol, base), |&(symbol, base, _)| (symbol, base));
        place.map_or(u32::MAX, |place| self.feeds[place].2)
    }

    /// Closes the open bars of a symbol on these timeframes, a bit set: the clock says so. The longest timeframe first.
    pub fn close(&mut self, symbol: SymbolId, timeframes: u32, on_closed: &mut impl FnMut(Bar)) {
        let columns = self.timeframes.len();
        // A symbol of which nothing has come has no row yet.
        let Some(row) = self.builders.get_mut(symbol.index() * columns..).and_then(|rest| rest.get_mut(..columns))
        else {
            return;
        };
        for index in longest_first(timeframes) {
            if let Some(builder) = row.get_mut(index).filter(|builder| builder.is_open()) {
                on_closed(builder.close(symbol, TimeframeId::new(index)));
            }
        }
    }

    /// Closes the open bars of its symbol that ended before the start of a base bar, those of the timeframes that it feeds.
    fn leave_behind(&mut self, bar: &Bar, start: i64, fed: u32, on_closed: &mut impl FnMut(Bar)) {
        let symbol = bar.symbol.index();
        let columns = self.timeframes.len();
        let row = &self.builders[symbol * columns..][..columns];
        let is_left = |&index: &usize| row[index].is_open() && row[index].end() <= start;
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
}
