//! The recent closed bars of one cell: price series, high, low and volume in rings of one allocation.
//!
//! Allocates when made, never after. One write per bar serves every indicator and strategy of the cell.

/// The last bars of a cell, addressed by how many bars ago they closed.
#[derive(Debug, Clone)]
pub struct History {
    /// Four rings, one behind the other: price, high, low, volume.
    data: Box<[f64]>,
    mask: usize,
    head: usize,
}

impl History {
    /// An empty history of `capacity` bars, rounded up to a power of two.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(2).next_power_of_two();
        Self { data: vec![0.0; capacity * 4].into_boxed_slice(), mask: capacity - 1, head: 0 }
    }

    /// Bars that are kept.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.len() * size_of::<f64>()
    }

    /// Adds the newest bar.
    #[inline]
    pub fn push(&mut self, price: f64, high: f64, low: f64, volume: f64) {
        self.head = (self.head + 1) & self.mask;
        let capacity = self.mask + 1;
        self.data[self.head] = price;
        self.data[capacity + self.head] = high;
        self.data[2 * capacity + self.head] = low;
        self.data[3 * capacity + self.head] = volume;
    }

    #[inline]
    fn at(&self, ring: usize, back: usize) -> f64 {
        self.data[ring * (self.mask + 1) + (self.head.wrapping_sub(back) & self.mask)]
    }

    /// Price `back` bars before the newest; below [`History::capacity`] and the number of bars pushed.
    #[inline]
    #[must_use]
    pub fn price(&self, back: usize) -> f64 {
        self.at(0, back)
    }

    /// High `back` bars before the newest.
    #[inline]
    #[must_use]
    pub fn high(&self, back: usize) -> f64 {
        self.at(1, back)
    }

    /// Low `back` bars before the newest.
    #[inline]
    #[must_use]
    pub fn low(&self, back: usize) -> f64 {
        self.at(2, back)
    }

    /// Volume `back` bars before the newest.
    #[inline]
    #[must_use]
    pub fn volume(&self, back: usize) -> f64 {
        self.at(3, back)
    }

    /// The newest `n` prices, oldest first, as the two runs that lie contiguous in memory.
    #[inline]
    #[must_use]
    pub fn newest_prices(&self, n: usize) -> (&[f64], &[f64]) {
        let end = self.head + 1;
        if n <= end {
            (&self.data[end - n..end], &[])
        } else {
            let capacity = self.mask + 1;
            (&self.data[capacity - (n - end)..capacity], &self.data[..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            if k >= 7 {
                let (a, b) = history.newest_prices(7);
                let got: Vec<f64> = a.iter().chain(b).copied().collect();
                let want: Vec<f64> = (0..7).map(|j| x - 6.0 + f64::from(j)).collect();
                assert_eq!(got, want);
            }
        }
    }
}
