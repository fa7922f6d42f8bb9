//! Records of bars that may not be over yet: held, replaced by later ones of the same bar, and taken when it is.

use super::{Admission, Admitted, newest::HeldRecord};
use crate::{
    config::Final,
    feed::{Record, Refusal},
    model::{Bar, Span, SymbolId, TimeframeId},
};

/// A record that arrives so soon after its own time is young, ms: its bar cannot be over, unless it is stamped at its end.
const YOUNG_MS: i64 = 1_000;

/// What a record has brought about beside itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aside {
    /// The record that was held before it has been taken: its bar, or why it was refused after all.
    pub released: Option<Result<Bar, Refusal>>,
    /// Whether it has replaced a record of its own bar.
    pub replaced: bool,
    /// Whether it came within a second after its own time.
    pub young: bool,
    /// The bars that records of a symbol and interval make from now on, as a bit set of timeframes, where others make some.
    pub feeds: Option<(SymbolId, TimeframeId, u32)>,
}

impl Admission {
    /// Decides of a record that is early, or follows one that is held.
    #[inline(never)]
    pub(super) fn forming(
        &mut self,
        (symbol, timeframe): (SymbolId, TimeframeId),
        span: Span,
        record: &Record<'_>,
        (input, early): (u8, bool),
    ) -> Result<Admitted, Refusal> {
        let track = self.track(symbol, timeframe);
        if self.is_past(track, span.start) {
            return Err(self.refusal(track, span.start, record));
        }
        let held = self.clocks.is_holding(track).then(|| self.held[track]);
        if early && held.is_some_and(|held| span.start < held.start) {
            return Err(Refusal::Late);
        }
        let now = self.clocks.now();
        let mut beside = Aside { young: early && now.saturating_sub(record.ts) < YOUNG_MS, ..Aside::default() };
        let mut due = match self.rules[usize::from(input)].finality {
            Final::Next => now.saturating_add(span.end - span.start),
            _ => span.end.saturating_add(self.lateness_ms),
        };
        match held {
            Some(held) if span.start == held.start => {
                beside.replaced = true;
                due = held.due;
                self.clocks.release(track);
            }
            Some(held) if span.start > held.start => beside.released = Some(self.release(track, now)),
            _ => {}
        }
        if early {
            let (values, Span { label, start, end }) = (super::Values::of(record), span);
            self.held[track] = HeldRecord { label, start, end, values, input, due };
            self.clocks.hold(track, (start, end), due, input);
            return Ok(self.told(None, beside));
        }
        let bar = self.accept(track, (symbol, timeframe), span, super::Values::of(record), Some(input));
        Ok(self.told(Some(bar), beside))
    }

    /// What came of a record.
    fn told(&mut self, bar: Option<Bar>, beside: Aside) -> Admitted {
        let feeds = self.beside.and_then(|beside| beside.feeds);
        self.beside = Some(Aside { feeds, ..beside });
        bar.map_or(Admitted::Held, Admitted::Bar)
    }

    /// Takes the record that is held on a track, at a moment of the wall. Its lag is never below zero.
    fn release(&mut self, track: usize, moment: i64) -> Result<Bar, Refusal> {
        let held = self.held[track];
        self.clocks.release(track);
        let symbol = SymbolId((track / self.slots) as u16);
        if self.is_past(track, held.start) {
            return Err(Refusal::Late);
        }
        let base = self.bases.get(track % self.slots).copied().unwrap_or(TimeframeId::new(0));
        let now = self.clocks.set_now(moment.max(held.end));
        let bar = self.accept(track, (symbol, base), held.span(), held.values, Some(held.input));
        self.clocks.set_now(now);
        Ok(bar)
    }

    /// Begins the event of a moment that [`next_moment`](Self::next_moment) has given: what is held until then is to be taken.
    pub fn ripen(&mut self, moment: i64) {
        self.clocks.ripen(moment);
    }

    /// Takes the next record that is held until this moment: its bar, or why it is refused after all.
    pub fn take_ripe(&mut self, moment: i64) -> Option<Result<Bar, Refusal>> {
        let track = self.clocks.next_ripe()?;
        Some(self.release(track, moment))
    }
}
