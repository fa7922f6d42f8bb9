//! How the state of the packed indicators lies in a cell's lines: every word by name.

use crate::lanes::Line;
use std::mem::offset_of;

/// Words of a line.
const LINE: usize = 8;
/// Lines of the state.
pub(super) const LINES: usize = 3;
/// RSIs that are computed side by side.
pub(super) const RSI_LANES: usize = 2;

/// The words of the state, a line each eight of them: of one cell, or a row of each.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Words<T> {
    /// Fast and slow average of the MACD.
    pub(super) macd: [T; 2],
    /// The first two other averages.
    pub(super) emas: [T; 2],
    /// Average gain of the first two RSIs.
    pub(super) gains: [T; RSI_LANES],
    /// Their average loss.
    pub(super) losses: [T; RSI_LANES],

    /// Sums of a window of prices, and of one of volumes.
    pub(super) sums: [T; 2],
    /// The rounding errors of these.
    pub(super) errors: [T; 2],
    /// How many of the newest prices, and volumes, are equal to the last: whole numbers, as bits.
    pub(super) runs: [T; 2],
    /// MACD signal.
    pub(super) signal: T,
    /// The last price.
    pub(super) price: T,

    /// The last volume.
    pub(super) volume: T,
    /// The price before the last.
    pub(super) price_before: T,
    /// The first two RSIs.
    pub(super) rsis: [T; RSI_LANES],
    /// The last two widths of the bands, the newest first.
    pub(super) widths: [T; 2],
    /// Room in the last line.
    pub(super) unused: [T; 2],
}

const _: () = {
    assert!(size_of::<Words<f64>>() == LINES * size_of::<Line>());
    assert!(
        offset_of!(Words<f64>, sums) == size_of::<Line>() && offset_of!(Words<f64>, volume) == 2 * size_of::<Line>()
    );
};

impl<T: Copy> Words<T> {
    /// The words of these lines.
    #[inline(always)]
    pub(super) fn of([first, second, third]: [[T; LINE]; LINES]) -> Self {
        let [fast, slow, ema, other_ema, gain, other_gain, loss, other_loss] = first;
        let [sum, volume_sum, error, volume_error, run, volume_run, signal, price] = second;
        let [volume, price_before, rsi, other_rsi, width, width_before, x, y] = third;
        Self {
            macd: [fast, slow],
            emas: [ema, other_ema],
            gains: [gain, other_gain],
            losses: [loss, other_loss],
            sums: [sum, volume_sum],
            errors: [error, volume_error],
            runs: [run, volume_run],
            signal,
            price,
            volume,
            price_before,
            rsis: [rsi, other_rsi],
            widths: [width, width_before],
            unused: [x, y],
        }
    }

    /// The lines of these words.
    #[inline(always)]
    pub(super) const fn lines(self) -> [[T; LINE]; LINES] {
        let Self { macd: [f, s], emas: [e0, e1], gains: [g0, g1], losses: [l0, l1], .. } = self;
        let Self { sums: [s0, s1], errors: [x0, x1], runs: [r0, r1], signal, price, .. } = self;
        let Self { volume, price_before, rsis: [i0, i1], widths: [w0, w1], unused: [u0, u1], .. } = self;
        [
            [f, s, e0, e1, g0, g1, l0, l1],
            [s0, s1, x0, x1, r0, r1, signal, price],
            [volume, price_before, i0, i1, w0, w1, u0, u1],
        ]
    }
}
