//! A counter with one writer: plain loads and stores, no locked instruction, no allocation. Hot.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread writes and any thread reads.
///
/// An update is a relaxed load and a relaxed store, about a nanosecond. Two writers would lose updates, but do no other
/// harm. A group of counters has one writer, so the group is padded as a whole and its counters share cache lines.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the counter; wraps at 2⁶⁴.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn bump(&self) {
        self.add(1);
    }

    /// Replaces the value: for gauges, such as bytes held.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Raises the value to `value` if that is larger: for high-water marks.
    #[inline]
    pub fn raise(&self, value: u64) {
        if value > self.0.load(Relaxed) {
            self.0.store(value, Relaxed);
        }
    }

    /// The value, from any thread.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Something that can be read as plain numbers: a counter, or an array of such.
pub trait Readout {
    /// The plain numbers.
    type Plain;
    /// Reads the numbers. Each is exact; together they are of slightly different moments.
    fn read(&self) -> Self::Plain;
    /// Adds `more` to `sum`, number by number.
    fn sum(sum: &mut Self::Plain, more: &Self::Plain);
    /// Hands on every number, with its indices behind those of the tables around it.
    fn each(plain: &Self::Plain, indices: &mut Vec<usize>, tell: &mut dyn FnMut(&[usize], u64));
}

impl Readout for Counter {
    type Plain = u64;

    fn read(&self) -> u64 {
        self.get()
    }

    fn sum(sum: &mut u64, more: &u64) {
        *sum = sum.wrapping_add(*more);
    }

    fn each(plain: &u64, indices: &mut Vec<usize>, tell: &mut dyn FnMut(&[usize], u64)) {
        tell(indices, *plain);
    }
}

impl<T: Readout, const N: usize> Readout for [T; N] {
    type Plain = [T::Plain; N];

    fn read(&self) -> Self::Plain {
        std::array::from_fn(|i| self[i].read())
    }

    fn sum(sum: &mut Self::Plain, more: &Self::Plain) {
        for (sum, more) in sum.iter_mut().zip(more) {
            T::sum(sum, more);
        }
    }

    fn each(plain: &Self::Plain, indices: &mut Vec<usize>, tell: &mut dyn FnMut(&[usize], u64)) {
        for (index, plain) in plain.iter().enumerate() {
            indices.push(index);
            T::each(plain, indices, tell);
            indices.pop();
        }
    }
}
