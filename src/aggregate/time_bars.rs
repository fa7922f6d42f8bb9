//! The bars of all symbols on all timeframes.

use super::BarBuilder;
use crate::{
    config::{Asset, Plan},
    model::{Bar, MAX_TIMEFRAMES, SymbolId, Timeframe, TimeframeId},
    state::{StateError, is_sound_time, put, take},
};

/// Makes the bars of every enabled cell from base bars; see the [module](super) for when they close.
#[derive(Debug, Clone)]
pub struct TimeBarAggregator {
    timeframes: Vec<Timeframe>,
    /// By base timeframe: which timeframes its bars are part of, longest first, as a bit set.
    fed_by: [u32; MAX_TIMEFRAMES],
    /// By symbol: which timeframes are enabled, as a bit set.
    enabled: Vec<u32>,
    /// By symbol and timeframe.
    builders: Vec<BarBuilder>,
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
            builders: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
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
        self.builders.resize(self.enabled.len() * self.timeframes.len(), BarBuilder::default());
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

    /// Appends the state.
    ///
    /// # Errors
    /// Never, as for [`put`].
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &(self.event_ts, self.next_deadline))?;
        put(out, &self.builders)
    }

    /// Takes the state of [`save`](Self::save) off the front, of the same symbols and timeframes.
    ///
    /// # Errors
    /// Bytes that are none, or of others; nothing has changed then.
    pub fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        let (event_ts, next_deadline) = take(bytes)?;
        let builders: Vec<BarBuilder> = take(bytes)?;
        let sound = is_sound_time(event_ts) && builders.iter().all(|builder| is_sound_time(builder.end()));
        if builders.len() != self.builders.len() || !sound {
            return Err(StateError::Shape("the aggregator"));
        }
        (self.event_ts, self.next_deadline, self.builders) = (event_ts, next_deadline, builders);
        Ok(())
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.builders.capacity() * size_of::<BarBuilder>() + self.enabled.capacity() * size_of::<u32>()
    }

    /// Takes an accepted base bar and hands each bar that closes to `on_closed`: symbols in their order; within one
    /// symbol the longest timeframe first, and of one timeframe the older bar first. The base bar itself is one of them.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, on_closed: &mut impl FnMut(Bar)) {
        let base = bar.timeframe.index();
        self.event_ts = self.event_ts.max(bar.ts + self.timeframes[base].interval_ms());
        if self.event_ts < self.next_deadline {
            self.add(bar, on_closed);
        } else {
            let (own, all) = (bar.symbol.index(), self.symbols());
            self.next_deadline = i64::MAX;
            self.close_due(0..own, on_closed);
            self.add(bar, on_closed);
            self.close_due(own..all, on_closed);
        }
    }

    /// Takes a clock event: event time moves on without a bar.
    pub fn on_clock(&mut self, event_ts: i64, on_closed: &mut impl FnMut(Bar)) {
        self.event_ts = self.event_ts.max(event_ts);
        if self.event_ts >= self.next_deadline {
            self.next_deadline = i64::MAX;
            self.close_due(0..self.symbols(), on_closed);
        }
    }

    /// Adds a base bar to all open bars of its symbol, closing what it completes or leaves behind.
    #[inline]
    fn add(&mut self, bar: &Bar, on_closed: &mut impl FnMut(Bar)) {
        let base = bar.timeframe.index();
        let end = bar.ts + self.timeframes[base].interval_ms();
        let row = bar.symbol.index() * self.timeframes.len();
        for index in longest_first(self.enabled[bar.symbol.index()] & self.fed_by[base]) {
            if index == base {
                // A bar of one: the same formula as for a bar of many, to the last bit.
                let vwap = if bar.volume > 0.0 { bar.volume * bar.vwap / bar.volume } else { bar.typical() };
                on_closed(Bar { vwap, ..*bar });
                continue;
            }
            let id = TimeframeId::new(index);
            let builder = &mut self.builders[row + index];
            if builder.is_open() && bar.ts < builder.end() {
                builder.add(bar);
            } else {
                if builder.is_open() {
                    on_closed(builder.close(bar.symbol, id));
                }
                let timeframe = self.timeframes[index];
                builder.start(timeframe.floor(bar.ts), timeframe.interval_ms(), bar);
            }
            // A record that lags behind may open a bar that event time has passed already.
            let deadline = builder.end() + self.allowed_lateness_ms;
            if builder.end() == end || self.event_ts >= deadline {
                on_closed(builder.close(bar.symbol, id));
            } else {
                self.next_deadline = self.next_deadline.min(deadline);
            }
        }
    }

    /// Closes the open bars of some symbols that event time has passed; takes the others into the next deadline.
    fn close_due(&mut self, symbols: std::ops::Range<usize>, on_closed: &mut impl FnMut(Bar)) {
        let columns = self.timeframes.len();
        for symbol in symbols {
            let id = SymbolId(symbol as u16);
            for index in longest_first(self.enabled[symbol]) {
                let builder = &mut self.builders[symbol * columns + index];
                if !builder.is_open() {
                    continue;
                }
                let deadline = builder.end() + self.allowed_lateness_ms;
                if self.event_ts >= deadline {
                    on_closed(builder.close(id, TimeframeId::new(index)));
                } else {
                    self.next_deadline = self.next_deadline.min(deadline);
                }
            }
        }
    }
}
