//! All cells of a worker, contiguous in memory, and their bars, several at a time.
#![allow(unsafe_code)] // cells that have been seen to be different are borrowed together

use super::{
    Cell, CellLayout,
    block::{InRows, Rows},
    step,
};
use crate::{
    indicators::{IndicatorRows, IndicatorSet},
    lanes::LANES,
    model::{Bar, Candidate, Indicators, Strategy},
};
use std::array::from_fn;

/// Cells that a batch must have for it to be cheaper side by side than one by one.
const WORTH_IT: usize = 3;
/// How often eight cells must come together before they move into rows: the way there and back takes a microsecond or
/// so.
const TOGETHER: u32 = 8;
/// How often fewer than [`WORTH_IT`] of them may come in between before they get their state back: a batch that was cut
/// in two is no reason to.
const PATIENCE: u32 = 4;

/// Where the state of a cell lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat(u32);

impl Seat {
    /// Always with the cell, which has no block.
    const NONE: Self = Self(u32::MAX >> 1);
    /// Set if the state lies in the rows of the cell's block.
    const AWAY: u32 = 1 << 31;

    /// The seat of a lane of a block, whose cells have their state.
    fn new(block: usize, lane: usize) -> Self {
        Self((block * LANES + lane) as u32)
    }

    /// Whether the state lies in the rows of the block.
    #[inline(always)]
    fn is_away(self) -> bool {
        self.0 & Self::AWAY != 0
    }

    #[inline(always)]
    fn block(self) -> usize {
        (self.0 & !Self::AWAY) as usize / LANES
    }

    #[inline(always)]
    fn lane(self) -> usize {
        self.0 as usize % LANES
    }
}

/// Eight cells of one timeframe, neighbours in the order in which they were added.
#[derive(Debug)]
struct Block {
    /// Outside rows: how often they came together. In rows: how often they may still come one or two at a time.
    together: u32,
    /// By lane: places among the cells.
    members: [u32; LANES],
    rows: Rows,
}

/// The cells of a worker. Each holds its own state until eight neighbours of one timeframe keep coming together; then it
/// lies in rows for as long as they do.
#[derive(Debug)]
pub struct Cells {
    /// The first ones are fillers: they fill the lanes of a batch that has fewer cells.
    cells: Vec<Cell>,
    /// By place of the cell.
    seats: Vec<Seat>,
    blocks: Vec<Block>,
    /// By timeframe: the places of cells whose block is not full yet.
    waiting: Vec<Vec<u32>>,
}

impl Cells {
    /// Cells of one layout that are updated side by side.
    pub const LANES: usize = LANES;

    /// No cells.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cells: (0..LANES).map(|_| Cell::filler()).collect(),
            seats: vec![Seat::NONE; LANES],
            blocks: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Adds a cell of a timeframe, all of whose cells have this layout, and returns its number. Allocates, with every
    /// eighth of a timeframe the rows for eight, unless the layout has indicators that are not packed: the published
    /// ones.
    pub fn add(&mut self, timeframe: usize, layout: &CellLayout, cell: Cell) -> u32 {
        let place = self.cells.len();
        self.cells.push(cell);
        self.seats.push(Seat::NONE);
        if layout.side_by_side && layout.settled != u64::MAX && IndicatorRows::suit(&layout.indicators) {
            self.waiting.resize_with(self.waiting.len().max(timeframe + 1), Vec::new);
            let waiting = &mut self.waiting[timeframe];
            waiting.push(place as u32);
            if let Ok(members) = <[u32; LANES]>::try_from(waiting.as_slice()) {
                waiting.clear();
                for (lane, &place) in members.iter().enumerate() {
                    self.seats[place as usize] = Seat::new(self.blocks.len(), lane);
                }
                self.blocks.push(Block { together: 0, members, rows: Rows::new(layout) });
            }
        }
        (place - LANES) as u32
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len() - LANES
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell by its number, with its bars and prices. Its other state may be stale: see
    /// [`with_state`](Self::with_state).
    #[inline]
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Cell> {
        self.cells.get(number as usize + LANES)
    }

    /// A cell by its number, with its state, which stays where it lies.
    #[must_use]
    pub fn with_state(&mut self, number: u32) -> Option<&Cell> {
        let place = number as usize + LANES;
        let (cell, seat) = (self.cells.get_mut(place)?, self.seats[place]);
        if seat.is_away() {
            self.blocks[seat.block()].rows.give(seat.lane(), cell);
        }
        Some(cell)
    }

    /// The price and the published indicators of a cell as they would be if this bar, which is still forming, closed as it is.
    /// They are computed in `scratch`, that of its layout; the cell stays as it is. Allocates nothing.
    pub fn forming(
        &mut self,
        number: u32,
        layout: &CellLayout,
        bar: &Bar,
        scratch: &mut IndicatorSet,
    ) -> Option<(f64, Indicators)> {
        self.with_state(number)?;
        Some(self.cells.get_mut(number as usize + LANES)?.forming(layout, bar, scratch))
    }

    /// A cell by its number, with its state, which moves back into the cell.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Cell> {
        let place = number as usize + LANES;
        let seat = *self.seats.get(place)?;
        if seat.is_away() {
            self.apart(seat.block());
        }
        self.cells.get_mut(place)
    }

    /// All of them, each with its state.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        for block in 0..self.blocks.len() {
            if self.seats[self.blocks[block].members[0] as usize].is_away() {
                self.apart(block);
            }
        }
        self.cells.iter_mut().skip(LANES)
    }

    /// Number of cells whose state lies in rows.
    #[must_use]
    pub fn in_rows(&self) -> usize {
        self.seats.iter().filter(|seat| seat.is_away()).count()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells: usize = self.cells.iter().skip(LANES).map(Cell::bytes).sum();
        let blocks: usize =
            self.blocks.iter().map(|block| size_of::<Block>() - size_of::<Rows>() + block.rows.bytes()).sum();
        cells + blocks + self.seats.capacity() * size_of::<Seat>()
    }

    /// Keeps so many bars of a cell's history from now on; gives how many there were before and are now. Allocates where that
    /// changes anything.
    pub fn resize_history(&mut self, number: u32, bars: usize) -> Option<[usize; 2]> {
        let Cell { history, bars: seen, .. } = self.cells.get_mut(number as usize + LANES)?;
        let before = history.capacity();
        history.resize(bars, *seen);
        Some([before, history.capacity()])
    }

    /// The place of a cell in its block, the last one where it has none.
    #[inline]
    #[must_use]
    pub fn lane(&self, number: u32) -> usize {
        self.seats.get(number as usize + LANES).copied().unwrap_or(Seat::NONE).lane()
    }

    /// Prefetches a cell, except for what its number of bars locates. Worth it if a bar for it will come soon.
    #[inline]
    pub fn prefetch(&self, layout: &CellLayout, number: u32) {
        let place = number as usize + LANES;
        let (Some(cell), Some(seat)) = (self.cells.get(place), self.seats.get(place)) else { return };
        if !seat.is_away() {
            cell.prefetch(layout);
            return;
        }
        cell.prefetch_first();
        // Once for all eight.
        if seat.lane() == 0 {
            self.blocks[seat.block()].rows.prefetch();
        }
    }

    /// Prefetches the rest of what the next bar needs; the cell itself should be in the cache by now.
    #[inline]
    pub fn prefetch_history(&self, layout: &CellLayout, number: u32) {
        let place = number as usize + LANES;
        let (Some(cell), Some(seat)) = (self.cells.get(place), self.seats.get(place)) else { return };
        cell.prefetch_history();
        if !seat.is_away() {
            cell.prefetch_place(layout);
        }
    }

    /// Takes one bar of each of at most [`LANES`](Self::LANES) different cells of one layout: by number of the cell.
    /// Hands each signal to `on_signal` with the place of its bar among `bars`, in the order of the bars.
    ///
    /// Allocates nothing. Computes side by side if there are enough of them and all are settled, else one by one; the
    /// results are the same to the bit.
    #[inline]
    pub fn on_bars(
        &mut self,
        layout: &CellLayout,
        bars: &[(u32, &Bar)],
        mut on_signal: impl FnMut(usize, Strategy, Candidate),
    ) {
        let bars = &bars[..bars.len().min(LANES)];
        if layout.side_by_side {
            if self.in_their_rows(layout, bars, &mut on_signal) {
                return;
            }
            if bars.len() >= WORTH_IT && self.side_by_side(layout, bars, &mut on_signal) {
                return;
            }
        }
        for (k, &(number, bar)) in bars.iter().enumerate() {
            if let Some(cell) = self.get_mut(number) {
                cell.on_bar(layout, bar, |strategy, candidate| on_signal(k, strategy, candidate));
            }
        }
    }

    /// Whether a batch of cells may grow by one more: their states lie in the rows of one block, which comes later in
    /// the order of its lanes, or all by themselves.
    #[inline]
    #[must_use]
    pub fn go_together(&self, last: u32, next: u32) -> bool {
        let [last, next] =
            [last, next].map(|number| self.seats.get(number as usize + LANES).copied().unwrap_or(Seat::NONE));
        if last.is_away() || next.is_away() {
            last.is_away() && next.is_away() && last.block() == next.block() && last.lane() < next.lane()
        } else {
            // Where one block follows the other, the next begins a batch, else it would never be seen to be whole.
            next.lane() != 0 || last.lane() != LANES - 1
        }
    }

    /// Takes bars of cells whose state lies in the rows of one block, in the order of their lanes. False where they are
    /// not, or too few of them came for too often, and nothing was done.
    #[inline]
    fn in_their_rows(
        &mut self,
        layout: &CellLayout,
        bars: &[(u32, &Bar)],
        on_signal: &mut impl FnMut(usize, Strategy, Candidate),
    ) -> bool {
        let seat = |number: u32| self.seats.get(number as usize + LANES).copied().unwrap_or(Seat::NONE);
        let Some(first) = bars.first().map(|(number, _)| seat(*number)).filter(|seat| seat.is_away()) else {
            return false;
        };
        let (mut present, mut places) = (0u8, [0; LANES]);
        let mut all = [bars[0].1; LANES];
        for (k, (number, bar)) in bars.iter().enumerate() {
            let seat = seat(*number);
            let lane = seat.lane();
            if !seat.is_away() || seat.block() != first.block() || u32::from(present) >> lane != 0 {
                return false;
            }
            present |= 1 << lane;
            (places[lane], all[lane]) = (k, *bar);
        }
        let Block { together, members, rows } = &mut self.blocks[first.block()];
        if bars.len() >= WORTH_IT {
            *together = PATIENCE;
        } else if *together == 0 {
            return false;
        } else {
            *together -= 1;
        }
        rows.expect(present);
        // SAFETY: the members of a block are different cells.
        let cells = &mut unsafe { self.cells.get_disjoint_unchecked_mut(members.map(|place| place as usize)) };
        let on_signal = |k: usize, strategy, candidate| on_signal(places[k], strategy, candidate);
        step::eight(layout, &mut InRows { cells, rows }, &all, LANES, on_signal);
        true
    }

    /// False where they cannot be taken side by side, and no bar was taken.
    #[inline]
    fn side_by_side(
        &mut self,
        layout: &CellLayout,
        bars: &[(u32, &Bar)],
        on_signal: &mut impl FnMut(usize, Strategy, Candidate),
    ) -> bool {
        // Missing lanes get the first bar, for filler cells.
        let at: [usize; LANES] = from_fn(|k| bars.get(k).map_or(k, |(n, _)| *n as usize + LANES));
        let all: [&Bar; LANES] = from_fn(|k| bars.get(k).unwrap_or(&bars[0]).1);
        for (number, _) in bars {
            let _ = self.get_mut(*number);
        }
        // Bars in the order of their cells are quickly seen to be of different cells.
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
        if ascending && let Some(block) = self.whole_block(&at) {
            self.come_together(block);
        }
        true
    }

    /// The block that these cells are, in the order of its lanes.
    #[inline(always)]
    fn whole_block(&self, at: &[usize; LANES]) -> Option<usize> {
        let first = self.seats[at[0]];
        let off = at.iter().enumerate().fold(0, |off, (k, &at)| off | (self.seats[at].0 ^ (first.0 + k as u32)));
        (off == 0 && first.lane() == 0).then(|| first.block())
    }

    /// Counts that settled cells outside rows have come together once more.
    fn come_together(&mut self, block: usize) {
        let Block { together, members, rows } = &mut self.blocks[block];
        *together += 1;
        if *together < TOGETHER {
            return;
        }
        *together = PATIENCE;
        for (k, at) in members.iter().map(|&at| at as usize).enumerate() {
            rows.take(k, &self.cells[at]);
            self.seats[at].0 |= Seat::AWAY;
        }
    }

    /// Gives the cells of a block their state back.
    #[cold]
    #[inline(never)]
    fn apart(&mut self, block: usize) {
        let Block { together, members, rows } = &mut self.blocks[block];
        *together = 0;
        for (k, at) in members.iter().map(|&at| at as usize).enumerate() {
            rows.give(k, &mut self.cells[at]);
            self.seats[at].0 &= !Seat::AWAY;
        }
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{PriceMethod, StrategyParams},
        model::{SymbolId, TimeframeId},
    };

    const LONG: u64 = 2_000;

    fn bar(cell: u64, i: u64) -> Bar {
        let close = 100.0 + (i as f64 * 0.7 + cell as f64).sin() + ((i / 90) % 7) as f64;
        let (open, high, low, volume, vwap) = (close, close + 0.5, close - 0.5, (i % 13) as f64, close);
        let (symbol, timeframe) = (SymbolId(cell as u16), TimeframeId::new(0));
        Bar { ts: 0, open, high, low, close, volume, vwap, trades: 0, symbol, seq_delta: 0, timeframe }
    }

    fn cells(layout: &CellLayout, count: usize) -> Cells {
        let mut cells = Cells::new();
        for _ in 0..count {
            cells.add(0, layout, Cell::new(layout, PriceMethod::Ohlc, 1.0, 0));
        }
        cells
    }

    fn give(cells: &mut Cells, layout: &CellLayout, numbers: impl Iterator<Item = u32>, i: u64) -> Vec<(u32, u64)> {
        let bars: Vec<(u32, Bar)> = numbers.map(|number| (number, bar(u64::from(number), i))).collect();
        let batch: Vec<(u32, &Bar)> = bars.iter().map(|(number, bar)| (*number, bar)).collect();
        let mut said = Vec::new();
        cells.on_bars(layout, &batch, |k, _, candidate| said.push((bars[k].0, candidate.confidence.to_bits())));
        said
    }

    fn image(cells: &mut Cells, layout: &CellLayout, number: u32) -> Vec<u8> {
        let mut image = Vec::new();
        cells.with_state(number).expect("a cell").write_state(layout, &mut image);
        image
    }

    #[test]
    fn neighbours_that_come_together_lie_in_rows_until_they_come_alone_again_and_again() {
        let layout = CellLayout::new(StrategyParams::default(), false).with(crate::lanes::Isa::best());
        let (mut together, mut alone) = (cells(&layout, 20), cells(&layout, 20));
        let mut seen = 0;
        for i in 0..LONG {
            for first in [0u32, 8, 16] {
                let block = first..20.min(first + 8);
                // For a while they come in two parts, then one by one.
                let parts = match i {
                    500..550 => 2,
                    600 => 8,
                    _ => 1,
                };
                if first == 8 && parts > 1 {
                    let part = 8 / parts;
                    let mut said = Vec::new();
                    for from in (8..16).step_by(part as usize) {
                        said.extend(give(&mut together, &layout, from..from + part, i));
                    }
                    let want: Vec<_> = block.flat_map(|k| give(&mut alone, &layout, k..k + 1, i)).collect();
                    assert_eq!(said, want, "bar {i}");
                    assert_eq!(together.in_rows(), if parts == 8 { 8 } else { 16 }, "bar {i}");
                    continue;
                }
                let said = give(&mut together, &layout, block.clone(), i);
                let want: Vec<_> = block.flat_map(|k| give(&mut alone, &layout, k..k + 1, i)).collect();
                assert_eq!(said, want, "bar {i}");
                seen += said.len();
            }
        }
        assert!(seen > 1_000, "{seen}");
        assert_eq!((together.in_rows(), alone.in_rows()), (16, 0), "the last four are no block");
        for number in 0..20 {
            assert!(image(&mut together, &layout, number) == image(&mut alone, &layout, number), "cell {number}");
        }
        assert_eq!(together.in_rows(), 16, "whoever looks at a cell's state leaves it where it is");
        assert!(together.get_mut(3).is_some());
        assert_eq!(together.in_rows(), 8, "whoever may change it gets all of it");
    }

    #[test]
    fn cells_with_more_indicators_than_the_packed_ones_stay_by_themselves() {
        let layout = CellLayout::new(StrategyParams::default(), true).with(crate::lanes::Isa::best());
        let mut cells = cells(&layout, 8);
        (0..LONG).for_each(|i| drop(give(&mut cells, &layout, 0..8, i)));
        assert_eq!(cells.in_rows(), 0);
    }
}
