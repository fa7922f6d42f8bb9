//! The recent closed bars of one cell, in one allocation: the prices as a ring whose windows never wrap, and the other
//! values of a bar as one row, so that a bar costs few cache lines.
//!
//! Allocates when made, never after. One write per bar serves every indicator and strategy of the cell.

use super::{BadImage, ImageReader, ImageWriter, prefetch};

/// Values of a row: high, low, volume, and one that is not used, so that no row straddles two cache lines.
const ROW: usize = 4;

/// Values of a cache line.
const LINE: usize = 8;

/// The last bars of a cell, addressed by how many bars ago they closed; NaN where there was none yet.
#[derive(Debug, Clone)]
pub struct History {
    /// From `rows` on the rows; from `prices` on the prices, and behind their last the first `window` once more.
    data: Box<[f64]>,
    mask: u32,
    head: u32,
    window: u32,
    rows: u32,
    prices: u32,
}

impl History {
    /// An empty history of `capacity` bars, rounded up to a power of two; of these the newest `window` lie in a row.
    ///
    /// All begin at the same place of their rings: cells that get their bars in step, one after the other, are then the
    /// same distance apart, which the processor foresees; spread out, a bar of 10,000 such cells cost three times as much.
    #[must_use]
    pub fn new(capacity: usize, window: usize) -> Self {
        let capacity = capacity.max(window).max(2).next_power_of_two();
        let data = vec![f64::NAN; capacity * (ROW + 1) + window + LINE].into_boxed_slice();
        let rows = data.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
        Self {
            mask: capacity as u32 - 1,
            head: 0,
            window: window as u32,
            rows: rows as u32,
            prices: (rows + capacity * ROW) as u32,
            data,
        }
    }

    /// Bars that are kept.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.mask as usize + 1
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.len() * size_of::<f64>()
    }

    /// Adds the newest bar.
    #[inline(always)]
    pub fn push(&mut self, price: f64, high: f64, low: f64, volume: f64) {
        self.head = (self.head + 1) & self.mask;
        let (head, prices) = (self.head as usize, self.prices as usize);
        let row = self.rows as usize + head * ROW;
        self.data[row..row + ROW].copy_from_slice(&[high, low, volume, 0.0]);
        self.data[prices + head] = price;
        // Where the place is not repeated, the same value once more: cheaper than a branch.
        let again = if self.head < self.window { head + self.capacity() } else { head };
        self.data[prices + again] = price;
    }

    /// Where the row of a bar begins.
    #[inline(always)]
    fn row(&self, back: usize) -> usize {
        self.rows as usize + (self.head.wrapping_sub(back as u32) & self.mask) as usize * ROW
    }

    /// Price `back` bars before the newest; below [`History::capacity`].
    #[inline(always)]
    #[must_use]
    pub fn price(&self, back: usize) -> f64 {
        self.data[(self.prices + (self.head.wrapping_sub(back as u32) & self.mask)) as usize]
    }

    /// High `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn high(&self, back: usize) -> f64 {
        self.data[self.row(back)]
    }

    /// Low `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn low(&self, back: usize) -> f64 {
        self.data[self.row(back) + 1]
    }

    /// Volume `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn volume(&self, back: usize) -> f64 {
        self.data[self.row(back) + 2]
    }

    /// The newest `n` prices, oldest first; at most the window told to [`History::new`].
    #[inline(always)]
    #[must_use]
    pub fn newest_prices(&self, n: usize) -> &[f64] {
        let head = if self.head < self.window { self.head + self.mask + 1 } else { self.head };
        let end = (self.prices + head) as usize + 1;
        &self.data[end - n..end]
    }

    /// Appends the newest of `bars` bars that are still kept, oldest first.
    pub(crate) fn write_state(&self, out: &mut ImageWriter<'_>, bars: u64) {
        let kept = bars.min(self.capacity() as u64) as usize;
        out.word(kept as u64);
        for back in (0..kept).rev() {
            out.reals(&[self.price(back), self.high(back), self.low(back), self.volume(back)]);
        }
    }

    /// Takes over what [`write_state`](Self::write_state) wrote after `bars` bars: as many as fit, and of those that
    /// anything looks back at, which are `needed`, all.
    pub(crate) fn read_state(&mut self, image: &mut ImageReader<'_>, bars: u64, needed: usize) -> Result<(), BadImage> {
        let found = image.word()?;
        let wanted = bars.min(needed as u64);
        if found < wanted || found > bars {
            return Err(BadImage::Other { what: "bars of history", found, wanted });
        }
        // Where it would be had it taken every bar itself.
        self.head = ((bars - found) & u64::from(self.mask)) as u32;
        for _ in 0..found {
            let [price, high, low, volume] = image.reals()?;
            self.push(price, high, low, volume);
        }
        Ok(())
    }

    /// Asks for the memory that the next bar will need: its row and its price, and the row and the prices that are to
    /// leave a window of `window` bars.
    #[inline(always)]
    pub(crate) fn prefetch(&self, window: usize) {
        let next = (self.head + 1) & self.mask;
        let old = next.wrapping_sub(window as u32) & self.mask;
        for place in [
            self.rows + next * ROW as u32,
            self.rows + old * ROW as u32,
            self.prices + next,
            self.prices + (next.wrapping_sub(LINE as u32) & self.mask),
            self.prices + (next.wrapping_sub(2 * LINE as u32) & self.mask),
            self.prices + old,
        ] {
            prefetch(self.data.get(place as usize));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_back_across_the_wrap() {
        for window in [0, 1, 7, 8] {
            let mut history = History::new(8, window);
            for k in 0..29 {
                let x = f64::from(k);
                history.push(x, x + 0.5, x - 0.5, 10.0 * x);
                for back in 0..8.min(k as usize + 1) {
                    assert_eq!(history.price(back), x - back as f64);
                    assert_eq!(history.high(back), x - back as f64 + 0.5);
                    assert_eq!(history.low(back), x - back as f64 - 0.5);
                    assert_eq!(history.volume(back), 10.0 * (x - back as f64));
                }
                if k >= 7 {
                    let want: Vec<f64> = (0..window).map(|j| x - window as f64 + 1.0 + j as f64).collect();
                    assert_eq!(history.newest_prices(window), want);
                } else {
                    assert!(history.price(k as usize + 1).is_nan());
                }
            }
        }
    }
}
