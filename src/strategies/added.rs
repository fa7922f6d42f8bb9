//! `added`: a strategy that only the tests know. This file, its `mod` line and its line in the list are all there is of
//! it; see "Add a strategy" in the [documentation of the strategies](super).
//!
//! The price has risen, or fallen, on each of the last bars: a run.

use super::{
    BarView, Findings, Fired,
    found::{Found, better},
    kinds::kinds,
    look_back::LookBack,
    memory::memory,
    params::{Contradictions, SHARE, Switch, bars, params},
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{indicators::Needs, lanes::Vector, model::Side};

kinds! {
    /// What `added` finds.
    Kind {
        /// The price has risen on each of the last bars.
        Rises = "run_of_rises", ["share", "above_average"];
        /// The price has fallen on each of the last bars.
        Falls = "run_of_falls", ["share", "above_average"];
    }
}

params! {
    /// Parameters of `added`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = false, Switch;
        /// Bars of a run.
        run_bars: usize = 3, bars(1), old "run_period";
        /// Bars over which the share of rises, or falls, is taken.
        share_bars: usize = 10, bars(1);
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.0, SHARE;
    }
}

memory! {
    /// Which bars rose, and which fell.
    Memory {
        rises: history,
        falls: history,
        /// The price at the bar before.
        last: number,
    }
}

const RISES: Fired = Fired::condition(0);
const FALLS: Fired = Fired::condition(1);

impl Params {
    fn check(&self, found: &mut Contradictions) {
        found.at_most("run_bars", self.run_bars, "share_bars", self.share_bars);
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = Memory<V>;

    const CONDITIONS: u32 = 2;
    const EDGES: Fired = RISES.or(FALLS);

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, _: &mut Needs) {}

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack { bars: self.share_bars, conditions: self.share_bars, first_bar: self.share_bars }
    }

    #[inline(always)]
    fn fires<V: Vector, C: PivotRows<V>>(
        &self,
        row: &Row<V>,
        memory: &mut Memory<V>,
        _: &mut C,
        found: &mut Findings<V>,
    ) {
        let price = row.change.prices[0];
        memory.rises.push(V::gt(price, memory.last));
        memory.falls.push(V::lt(price, memory.last));
        memory.last = price;
        let (all, ripe) = (self.run_bars as u64, row.ripe(self.look_back()));
        found.add(RISES, V::and(ripe, V::at_least(memory.rises.count(self.run_bars), all)));
        found.add(FALLS, V::and(ripe, V::at_least(memory.falls.count(self.run_bars), all)));
    }

    fn candidate(&self, view: &BarView<'_>, fired: Fired, past: Past<'_>) -> Option<Found<Kind>> {
        let side = fired.sides(RISES, FALLS).next()?;
        let (kind, history) = match side {
            Side::Buy => (Kind::Rises, At::rises),
            Side::Sell => (Kind::Falls, At::falls),
        };
        let held = past.history(history as usize) & ((1 << self.share_bars) - 1);
        let share = f64::from(held.count_ones()) / self.share_bars as f64;
        let above = f64::from(u8::from(view.price() > view.now.ma_fast));
        better(
            None,
            Found { kind, side, confidence: share, factors: [share, above, 0.0, 0.0, 0.0] },
            self.min_confidence,
        )
    }
}
