//! Comparisons that remember whether rounding could have decided them.

use std::cell::Cell;

/// Relative distance below which two computed numbers may compare either way.
const ROUNDING: f64 = 1e-12;

/// Set as soon as one of the comparisons made through it was within rounding of its threshold.
#[derive(Debug, Default)]
pub struct Doubt(Cell<bool>);

impl Doubt {
    /// Whether some comparison could have gone either way.
    pub fn any(&self) -> bool {
        self.0.get()
    }

    /// Whether `a > b`, where both are known to within rounding of something of this `size`.
    pub fn above(&self, a: f64, b: f64, size: f64) -> bool {
        if (a - b).abs() <= ROUNDING * size.abs().max(a.abs()).max(b.abs()) {
            self.0.set(true);
        }
        a > b
    }

    /// Whether `a >= b`, likewise.
    pub fn at_least(&self, a: f64, b: f64, size: f64) -> bool {
        !self.above(b, a, size)
    }
}
