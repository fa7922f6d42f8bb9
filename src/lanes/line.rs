//! How the values of a cell lie in memory.

/// Longest window that lies within a cell.
pub(crate) const WINDOW: usize = 64;

/// Eight words of a cell, in one cache line: a row of eight such lines is transposed when it is loaded. Or a word of each
/// of eight cells.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f64; 8]);

impl Line {
    /// Nothing is known.
    pub(crate) const NAN: Self = Self([f64::NAN; 8]);
    /// All words zero.
    pub(crate) const ZERO: Self = Self([0.0; 8]);
}

/// Sum of the squared distances of the values of a window from `mean`, in four interleaved chains by their places.
#[inline(always)]
pub(crate) fn sum_of_squares(window: &[f64], mean: f64) -> f64 {
    let mut lanes = [0.0f64; 4];
    let (quads, rest) = window.as_chunks::<4>();
    for quad in quads {
        for (lane, &x) in lanes.iter_mut().zip(quad) {
            *lane += (x - mean) * (x - mean);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += (x - mean) * (x - mean);
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}
