//! What a strategy is.

use super::{
    BarView, Findings, Fired, found::Found, kinds::Kinds, look_back::LookBack, memory::Memory, params::ParamTable,
    past::Past, pivots::PivotRows, row::Row,
};
use crate::{indicators::Needs, lanes::Vector};

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

    /// How far it looks back, besides the windows of its indicators. Mark it `#[inline(always)]`:
    /// [`fires`](Self::fires) asks it on every bar, and a call there costs all registers.
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
