//! All cells of a worker, one after the other in memory, and their bars several at a time.
#![allow(unsafe_code)] // cells that have been seen to be different are borrowed together

use super::{Cell, CellLayout, step};
use crate::{
    lanes::LANES,
    model::{Bar, Candidate, Strategy},
};

/// Cells that a batch must have for it to be cheaper side by side than one by one.
const WORTH_IT: usize = 3;

/// The cells of a worker.
#[derive(Debug)]
pub struct Cells {
    /// The first ones are nobody's: they fill the lanes of a batch that has fewer cells.
    cells: Vec<Cell>,
}

impl Cells {
    /// Cells of one layout that are updated side by side.
    pub const LANES: usize = LANES;

    /// No cells.
    #[must_use]
    pub fn new() -> Self {
        Self { cells: (0..LANES).map(|_| Cell::nobodys()).collect() }
    }

    /// Adds a cell and returns its number. Allocates.
    pub fn add(&mut self, cell: Cell) -> u32 {
        self.cells.push(cell);
        (self.cells.len() - LANES - 1) as u32
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len() - LANES
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell by its number.
    #[inline]
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Cell> {
        self.cells.get(number as usize + LANES)
    }

    /// A cell by its number.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Cell> {
        self.cells.get_mut(number as usize + LANES)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().skip(LANES)
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        self.cells.iter_mut().skip(LANES)
    }

    /// Takes one bar of each of at most [`LANES`](Self::LANES) different cells of one layout: by number of the cell. Hands
    /// each signal to `on_signal` with the place of its bar among `bars`, in the order of the bars.
    ///
    /// Allocates nothing. Side by side where there are enough of them and all are settled, else one by one; it makes no
    /// difference to any bit of what comes out.
    #[inline]
    pub fn on_bars(
        &mut self,
        layout: &CellLayout,
        bars: &[(u32, &Bar)],
        mut on_signal: impl FnMut(usize, Strategy, Candidate),
    ) {
        let bars = &bars[..bars.len().min(LANES)];
        if bars.len() >= WORTH_IT && self.side_by_side(layout, bars, &mut on_signal) {
            return;
        }
        for (k, &(number, bar)) in bars.iter().enumerate() {
            if let Some(cell) = self.get_mut(number) {
                cell.on_bar(layout, bar, |strategy, candidate| on_signal(k, strategy, candidate));
            }
        }
    }

    /// False where they cannot be taken side by side, and nothing was done.
    #[inline]
    fn side_by_side(
        &mut self,
        layout: &CellLayout,
        bars: &[(u32, &Bar)],
        on_signal: &mut impl FnMut(usize, Strategy, Candidate),
    ) -> bool {
        // What is missing is filled up with the first bar, for cells that are nobody's.
        let at: [usize; LANES] = std::array::from_fn(|k| bars.get(k).map_or(k, |(n, _)| *n as usize + LANES));
        let all: [&Bar; LANES] = std::array::from_fn(|k| bars.get(k).unwrap_or(&bars[0]).1);
        // What arrives in the order of the cells is seen to be of different ones at a glance.
        let ascending = at.is_sorted_by(|a, b| a < b) && at[LANES - 1] < self.cells.len();
        let mut cells = if ascending {
            // SAFETY: ascending numbers are different, and the last of them is that of a cell.
            unsafe { self.cells.get_disjoint_unchecked_mut(at) }
        } else {
            let Ok(cells) = self.cells.get_disjoint_mut(at) else { return false };
            cells
        };
        if !cells[..bars.len()].iter().all(|cell| cell.is_settled(layout)) {
            return false;
        }
        step::eight(layout, &mut cells, &all, bars.len(), on_signal);
        true
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self::new()
    }
}
