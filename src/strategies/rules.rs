//! What a strategy is.

use super::{
    BarView, Findings, Fired, kinds::Kinds, memory::Memory, params::ParamTable, past::Past, pivots::PivotRows, row::Row,
};
use crate::{
    indicators::Needs,
    lanes::Vector,
    model::{Factors, Side},
};

/// A strategy, besides its name in the list: what its parameters do.
pub(crate) trait Rules: ParamTable {
    /// What it finds.
    type Kind: Kinds;
    /// What it remembers from bar to bar; `()` where nothing.
    type Memory<V: Vector>: Memory<V>;

    /// How many conditions it has: [`Fired::condition`] of the numbers below.
    const CONDITIONS: u32;
    /// The conditions that count only where they did not hold at the bar before.
    const EDGES: Fired = Fired::NONE;
    /// Whether it [looks again](Self::look_again).
    const LOOKS_AGAIN: bool = false;

    /// Whether it runs.
    fn enabled(&self) -> bool;

    /// Says which indicators it reads, with their periods.
    fn needs(&self, needs: &mut Needs);

    /// How far it looks back, besides the windows of its indicators.
    fn look_back(&self) -> LookBack;

    /// Finds which of its conditions hold at the bars that have just closed, and remembers what the next bar needs.
    ///
    /// This is the hot path: on every bar of every cell, for one cell or for eight side by side, without a branch on the
    /// values. A value that is not ready is NaN, so that a comparison with it is false.
    fn fires<V: Vector, C: PivotRows<V>>(
        &self,
        row: &Row<V>,
        memory: &mut Self::Memory<V>,
        cells: &mut C,
        found: &mut Findings<V>,
    );

    /// Where conditions that hold may give a candidate: a second, dearer look, taken only where one holds in some lane.
    /// Must not be false where there is a candidate. `memory` is as [`fires`](Self::fires) has left it.
    #[inline(always)]
    fn look_again<V: Vector, C: PivotRows<V>>(&self, _: &Row<V>, _: &Self::Memory<V>, _: &C) -> V::M {
        V::always(true)
    }

    /// Weighs the conditions that hold: the best candidate that reaches the least confidence, of equals the first.
    fn candidate(&self, view: &BarView<'_>, fired: Fired, past: Past<'_>) -> Option<Found<Self::Kind>>;
}

/// How far a strategy looks back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LookBack {
    /// Bars of a cell's history, the present one included, that it reads or counts over.
    pub(crate) bars: usize,
    /// The longest of the histories of conditions that it looks at, bars; cells are taken side by side only where all
    /// strategies look at 64 or fewer.
    pub(crate) conditions: usize,
    /// The number of the first bar at which its conditions may hold, where more is needed than that what they read is
    /// ready.
    pub(crate) first_bar: usize,
}

/// What a strategy has found on a bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<K> {
    /// What happened.
    pub(crate) kind: K,
    /// Which way it points.
    pub(crate) side: Side,
    /// How sure the strategy is, in [0, 1].
    pub(crate) confidence: f64,
    /// What the confidence is made of, in the order of the kind's factors; the rest is zero.
    pub(crate) factors: Factors,
}

/// The better of what has been found so far and one more: it must reach `min_confidence`, and equals keep the earlier.
#[inline]
pub(super) fn better<K>(best: Option<Found<K>>, found: Found<K>, min_confidence: f64) -> Option<Found<K>> {
    let good = found.confidence >= min_confidence;
    match best {
        Some(b) if !good || found.confidence <= b.confidence => Some(b),
        _ if good => Some(found),
        _ => None,
    }
}

/// The number within [0, 1] that is nearest to `x`.
#[inline]
pub(super) fn clamp(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}
