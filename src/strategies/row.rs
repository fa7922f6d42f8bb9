//! The newest bars of a row of cells, for the conditions of the strategies.

use super::traces::Far;
use crate::{indicators::Change, lanes::Vector};

/// Whether the cells are old enough for what looks back a fixed number of bars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ripe<M> {
    pub(super) swings: M,
    pub(super) trend: M,
    pub(super) bands: M,
    pub(super) levels: M,
}

/// One bar of each cell, with what it has changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<V: Vector> {
    pub(super) change: Change<V::F>,
    pub(super) high: V::F,
    pub(super) low: V::F,
    /// Price scale of the cell.
    pub(super) scale: V::F,
    /// Volume over its average; says nothing where the average is not above zero.
    pub(super) volume_ratio: V::F,
    pub(super) ripe: Ripe<V::M>,
    pub(super) far: Far,
}

impl<V: Vector> Row<V> {
    /// Whether the volume is what a signal needs; open where volume is not asked or says nothing.
    #[inline(always)]
    pub(super) fn volume_gate(&self, confirmation: bool, threshold: f64) -> V::M {
        let average = self.change.now.volume;
        let says = V::and(V::always(confirmation), V::gt(average, V::splat(0.0)));
        V::or(V::not(says), V::ge(self.volume_ratio, V::splat(threshold)))
    }
}
