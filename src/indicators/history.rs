//! The recent closed bars of one cell, a row of four values each.
//!
//! Allocates when made, never after. One write per bar serves every indicator and strategy of the cell; on most bars
//! nothing of it is read.

use super::{BadImage, ImageReader, ImageWriter, prefetch};

/// Price, high, low and volume of a bar: two rows fill a cache line, none straddles one.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
struct Row([f64; 4]);

/// The last bars of a cell, addressed by how many bars ago they closed; NaN where there was none yet.
#[derive(Debug, Clone)]
pub struct History {
    rows: Box<[Row]>,
    head: u32,
}

/// What a bar that was added for now has displaced.
#[derive(Debug)]
pub(crate) struct Displaced {
    row: Row,
    before: u32,
}

impl History {
    /// An empty history of `capacity` bars, rounded up to a power of two.
    ///
    /// All begin at the same place of their rings: cells that get their bars in step, one after the other, are then the
    /// same distance apart, which the processor foresees; spread out, a bar of 10,000 such cells cost three times as
    /// much.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(4).next_power_of_two();
        Self { rows: vec![Row([f64::NAN; 4]); capacity].into_boxed_slice(), head: 0 }
    }

    /// Bars that are kept.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.rows.len()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.rows)
    }

    /// Keeps `capacity` bars from now on, rounded up to a power of two; what is there of the newest of `bars` bars stays, as
    /// far as it fits. Allocates where that changes anything.
    pub fn resize(&mut self, capacity: usize, bars: u64) {
        let mut other = Self::new(capacity);
        if other.capacity() == self.capacity() {
            return;
        }
        let kept = bars.min(self.capacity().min(other.capacity()) as u64);
        // The place it would be at had it taken every bar itself.
        other.head = (bars - kept) as u32 & (other.rows.len() as u32 - 1);
        for back in (0..kept as usize).rev() {
            let [price, high, low, volume] = *self.row(back);
            other.push(price, high, low, volume);
        }
        *self = other;
    }

    /// The row of a bar; the capacity is a power of two.
    #[inline(always)]
    fn row(&self, back: usize) -> &[f64; 4] {
        &self.rows[(self.head as usize).wrapping_sub(back) & (self.rows.len() - 1)].0
    }

    /// Adds the newest bar.
    #[inline(always)]
    pub fn push(&mut self, price: f64, high: f64, low: f64, volume: f64) {
        let next = (self.head as usize + 1) & (self.rows.len() - 1);
        self.rows[next] = Row([price, high, low, volume]);
        self.head = next as u32;
    }

    /// Adds a bar that is to be [taken back](Self::take_back): what it has displaced.
    pub(crate) fn push_for_now(&mut self, price: f64, high: f64, low: f64, volume: f64) -> Displaced {
        let (before, next) = (self.head, (self.head as usize + 1) & (self.rows.len() - 1));
        let displaced = Displaced { row: self.rows[next], before };
        self.push(price, high, low, volume);
        displaced
    }

    /// Takes it back.
    pub(crate) fn take_back(&mut self, Displaced { row, before }: Displaced) {
        self.rows[self.head as usize] = row;
        self.head = before;
    }

    /// Price `back` bars before the newest; below [`History::capacity`].
    #[inline(always)]
    #[must_use]
    pub fn price(&self, back: usize) -> f64 {
        self.row(back)[0]
    }

    /// High `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn high(&self, back: usize) -> f64 {
        self.row(back)[1]
    }

    /// Low `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn low(&self, back: usize) -> f64 {
        self.row(back)[2]
    }

    /// Volume `back` bars before the newest.
    #[inline(always)]
    #[must_use]
    pub fn volume(&self, back: usize) -> f64 {
        self.row(back)[3]
    }

    /// Prefetches what the next bar will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        prefetch(self.rows.get((self.head as usize + 1) & (self.rows.len() - 1)));
    }

    /// Appends the newest of `bars` bars that are still kept, oldest first.
    pub(crate) fn write_state(&self, out: &mut ImageWriter<'_>, bars: u64) {
        let kept = bars.min(self.capacity() as u64) as usize;
        out.word(kept as u64);
        (0..kept).rev().for_each(|back| out.reals(self.row(back)));
    }

    /// Takes over what [`write_state`](Self::write_state) wrote after `bars` bars: as many as fit, and of those that
    /// anything looks back at, which are `needed`, all.
    pub(crate) fn read_state(&mut self, image: &mut ImageReader<'_>, bars: u64, needed: usize) -> Result<(), BadImage> {
        let found = image.word()?;
        let wanted = bars.min(needed as u64);
        if found < wanted || found > bars {
            return Err(BadImage::Other { what: "bars of history", found, wanted });
        }
        // The place it would be at had it taken every bar itself.
        self.head = (bars - found) as u32 & (self.rows.len() as u32 - 1);
        for _ in 0..found {
            let [price, high, low, volume] = image.reals()?;
            self.push(price, high, low, volume);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_length_changes_nothing_that_is_kept() {
        let bar = |history: &mut History, k: u32| history.push(f64::from(k), 2.0, 1.0, f64::from(k) / 2.0);
        for (bars, lengths) in [(3u32, [4, 64]), (29, [8, 32]), (29, [4, 4]), (100, [64, 8])] {
            let (mut whole, mut changed) = (History::new(64), History::new(64));
            (0..bars).for_each(|k| bar(&mut whole, k));
            (0..bars).for_each(|k| bar(&mut changed, k));
            for length in lengths {
                changed.resize(length, bars.into());
                assert_eq!(changed.capacity(), length);
                for back in 0..4.min(bars as usize) {
                    assert_eq!(changed.price(back).to_bits(), whole.price(back).to_bits());
                    assert_eq!(changed.volume(back).to_bits(), whole.volume(back).to_bits());
                }
            }
            // The place in the ring is that of a history that has always been so long.
            let mut always = History::new(lengths[1]);
            (0..bars).for_each(|k| bar(&mut always, k));
            assert_eq!(always.head, changed.head);
        }
    }

    #[test]
    fn looks_back_across_the_wrap() {
        let mut history = History::new(8);
        for k in 0..29 {
            let x = f64::from(k);
            history.push(x, x + 0.5, x - 0.5, 10.0 * x);
            for back in 0..8.min(k as usize + 1) {
                assert_eq!(history.price(back), x - back as f64);
                assert_eq!(history.high(back), x - back as f64 + 0.5);
                assert_eq!(history.low(back), x - back as f64 - 0.5);
                assert_eq!(history.volume(back), 10.0 * (x - back as f64));
            }
            if k < 7 {
                assert!(history.price(k as usize + 1).is_nan());
            }
        }
    }
}
