//! The packed indicators of eight cells that get their bars together: stored word by word, the cells side by side.
//!
//! A step then reads and writes rows as they lie in memory, where [`IndicatorSet`] has eight cells transposed on the way
//! in and out. In return a bar of one cell alone touches a cache line for every word: cells are taken here while they
//! come together.

use super::{
    CoreRows, IndicatorLayout, IndicatorSet, RecentPrices, core::Prices, layout::Places, prefetch, prefetch_all,
    words::LINES,
};
use crate::lanes::{LANES, Line, Vector};
use std::array::from_fn;

/// Indicators of eight cells, in rows.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct IndicatorRows {
    /// The words of the lines of each cell's core.
    core: [[Line; LANES]; LINES],
    /// The windows of prices, then those of volumes: a row a place.
    windows: Box<[Line]>,
    /// How many of them are of prices.
    prices: usize,
    /// Bit k: cell k takes the next bar.
    present: u8,
}

impl IndicatorRows {
    /// Room for eight cells of this layout. Allocates.
    #[must_use]
    pub fn new(layout: &IndicatorLayout) -> Self {
        let [prices, volumes] = layout.lanes.windows;
        Self {
            core: [[Line::NAN; LANES]; LINES],
            windows: vec![Line::NAN; prices + volumes].into(),
            prices,
            present: u8::MAX,
        }
    }

    /// Whether cells of this layout may be taken at all, once they are [ready](IndicatorLayout::ready): all their
    /// indicators are among the packed ones.
    #[must_use]
    pub fn suit(layout: &IndicatorLayout) -> bool {
        !layout.lanes.has_rest && layout.ready() != u64::MAX
    }

    /// Takes over the state of cell `k`, of the layout that this was made for.
    pub fn take(&mut self, k: usize, set: &IndicatorSet) {
        let core = &set.core;
        for (rows, line) in self.core.iter_mut().zip(&core.lines) {
            rows.iter_mut().zip(line.0).for_each(|(row, word)| row.0[k] = word);
        }
        let (prices, volumes) = self.windows.split_at_mut(self.prices);
        prices.iter_mut().zip(core.prices).for_each(|(row, price)| row.0[k] = price);
        volumes.iter_mut().zip(core.volumes).for_each(|(row, volume)| row.0[k] = volume);
    }

    /// Says which cells take the next bar: bit k, cell k. The others stay as they are.
    #[inline(always)]
    pub(crate) fn expect(&mut self, present: u8) {
        self.present = present;
    }

    /// Gives the state of cell `k` back.
    pub fn give(&self, k: usize, set: &mut IndicatorSet) {
        let core = &mut set.core;
        for (rows, line) in self.core.iter().zip(&mut core.lines) {
            line.0.iter_mut().zip(rows).for_each(|(word, row)| *word = row.0[k]);
        }
        let (prices, volumes) = self.windows.split_at(self.prices);
        core.prices.iter_mut().zip(prices).for_each(|(price, row)| *price = row.0[k]);
        core.volumes.iter_mut().zip(volumes).for_each(|(volume, row)| *volume = row.0[k]);
    }

    /// The newest prices of a cell, up to that of bar `i`.
    #[inline(always)]
    pub(crate) fn recent_prices(&self, layout: &IndicatorLayout, k: usize, i: u64) -> RecentPrices<'_> {
        let window = Prices::Lane(&self.windows[..self.prices], k);
        RecentPrices { window, length: self.prices, at: layout.places(i)[0] }
    }

    /// Bytes held beside its own.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.windows)
    }

    /// Prefetches what every bar needs.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        prefetch_all(&self.core);
        self.windows[..self.prices].iter().for_each(|row| prefetch(Some(row)));
    }
}

/// Puts a value of each cell that is present at its place; what was there.
#[inline(always)]
fn exchange<V: Vector>(
    rows: &mut [Line],
    present: u8,
    same: bool,
    place: impl Fn(usize) -> usize,
    values: &[f64; LANES],
) -> V::F {
    if same {
        let row = &mut rows[place(0)].0;
        let leaving = V::load(row);
        V::store_where(V::where_set(present), V::load(values), row);
        return leaving;
    }
    let leaving = from_fn(|k| rows[place(k)].0[k]);
    for (k, value) in values.iter().enumerate().filter(|(k, _)| present >> k & 1 != 0) {
        rows[place(k)].0[k] = *value;
    }
    V::load(&leaving)
}

impl<V: Vector> CoreRows<V> for IndicatorRows {
    #[inline(always)]
    fn present(&self) -> u8 {
        self.present
    }
    #[inline(always)]
    fn admit(&mut self, places: &Places, price: &[f64; LANES], volume: &[f64; LANES]) -> [V::F; 2] {
        let (prices, volumes) = self.windows.split_at_mut(self.prices);
        let (Places { of, same }, present) = (places, self.present);
        [
            exchange::<V>(prices, present, *same, |k| of[k][0], price),
            exchange::<V>(volumes, present, *same, |k| of[k][1], volume),
        ]
    }
    #[inline(always)]
    fn line(&self, line: usize) -> [V::F; 8] {
        V::lines(&self.core[line])
    }
    #[inline(always)]
    fn put_line(&mut self, line: usize, rows: [V::F; 8]) {
        V::put_lines(rows, &mut self.core[line], V::where_set(self.present));
    }
    #[inline(always)]
    fn squares(&self, n: usize, mean: V::F) -> V::F {
        let mut sums = [V::splat(0.0); 4];
        let (quads, rest) = self.windows[..n].as_chunks::<4>();
        for quad in quads {
            for k in 0..4 {
                let off = V::sub(V::load(&quad[k].0), mean);
                sums[k] = V::add(sums[k], V::mul(off, off));
            }
        }
        for k in 0..rest.len() {
            let off = V::sub(V::load(&rest[k].0), mean);
            sums[k] = V::add(sums[k], V::mul(off, off));
        }
        V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3]))
    }
}
