//! A sum that keeps what is rounded off: the sum of all but one is taken from the sum of all, and may be much smaller.

/// A sum, and what its rounding has left.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        let added = sum - self.sum;
        self.rest += (self.sum - (sum - added)) + (x - added);
        self.sum = sum;
    }

    /// Takes another away, so many times.
    #[inline]
    pub fn subtract(&mut self, other: Self, times: f64) {
        self.add(-times * other.sum);
        self.rest -= times * other.rest;
    }

    /// What it is.
    #[inline]
    pub fn value(self) -> f64 {
        self.sum + self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_survives_what_is_large() {
        let mut sum = Sum::default();
        let mut all = Sum::default();
        for k in 0..1_000 {
            let x = f64::from(k) * 1e-12;
            sum.add(x);
            all.add(x);
            all.add(1e9);
        }
        let mut large = Sum::default();
        (0..1_000).for_each(|_| large.add(1e9));
        all.subtract(large, 1.0);
        assert!((all.value() - sum.value()).abs() < 1e-12 * sum.value(), "{} {}", all.value(), sum.value());
        all.subtract(sum, 2.0);
        assert!((all.value() + sum.value()).abs() < 1e-12 * sum.value());
    }
}
