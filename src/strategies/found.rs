//! What a strategy has found, before it has a name that all strategies share.

use crate::model::{Factors, Side};

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

/// A change `x` relative to a price: to its size, |p|, so that the sign is that of the change; 0 at a price of 0.
#[inline]
pub(super) fn relative(x: f64, price: f64) -> f64 {
    if price == 0.0 { 0.0 } else { x / price.abs() }
}

/// The number within [0, 1] that is nearest to `x`.
#[inline]
pub(super) fn clamp(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}
