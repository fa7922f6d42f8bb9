//! Eight cells of a timeframe that get their bars together: their state in rows, word by word, the cells side by side.
//!
//! A step reads and writes rows as they lie in memory. If the cells hold their own state, it transposes every line on
//! the way in and out. Cells may be missing from a step, but a bar of one of them alone touches a line of memory for
//! every word: if that happens repeatedly, the cells get their state back.

use super::{
    Cell, CellLayout,
    list::LINES,
    memory::LINE,
    past::Source,
    pivots::{PivotRows, RECENT},
};
use crate::{
    indicators::{CoreRows, IndicatorRows, Places, RecentPrices, prefetch_all},
    lanes::{LANES, Line, Vector},
};

/// The state of eight cells in rows. Each cell still keeps its number of bars and its history.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Rows {
    /// The words of the lines of each cell's traces.
    traces: [[Line; LINE]; LINES],
    /// Prices of the newest tops and bottoms.
    pivots: [[Line; LANES]; 2],
    indicators: IndicatorRows,
}

impl Rows {
    /// Room for eight cells of this layout. Allocates.
    pub(super) fn new(layout: &CellLayout) -> Self {
        let nothing = [Line::NAN; LANES];
        Self { traces: [nothing; LINES], pivots: [nothing; 2], indicators: IndicatorRows::new(&layout.indicators) }
    }

    /// Takes the state of a cell into the rows.
    pub(super) fn take(&mut self, k: usize, cell: &Cell) {
        let lines = cell.traces.lines.iter().chain(&cell.pivots.sides);
        for (rows, line) in self.traces.iter_mut().chain(&mut self.pivots).zip(lines) {
            rows.iter_mut().zip(line.0).for_each(|(row, word)| row.0[k] = word);
        }
        self.indicators.take(k, &cell.indicators);
    }

    /// Says which cells take the next bar: bit k, cell k. The others stay as they are.
    #[inline(always)]
    pub(super) fn expect(&mut self, present: u8) {
        self.indicators.expect(present);
    }

    /// Gives the state of a cell back.
    pub(super) fn give(&self, k: usize, cell: &mut Cell) {
        let lines = cell.traces.lines.iter_mut().chain(&mut cell.pivots.sides);
        for (rows, line) in self.traces.iter().chain(&self.pivots).zip(lines) {
            line.0.iter_mut().zip(rows).for_each(|(word, row)| *word = row.0[k]);
        }
        self.indicators.give(k, &mut cell.indicators);
    }

    /// What the candidates of cell `k` look back at.
    #[inline(always)]
    fn past(&self, k: usize) -> Source<'_> {
        Source::Rows { lines: &self.traces, pivots: &self.pivots, lane: k }
    }

    /// The newest prices of cell `k`, up to that of bar `i`.
    #[inline(always)]
    pub(super) fn recent_prices(&self, layout: &CellLayout, k: usize, i: u64) -> RecentPrices<'_> {
        self.indicators.recent_prices(&layout.indicators, k, i)
    }

    /// Prefetches them.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        prefetch_all(&self.traces);
        prefetch_all(&self.pivots);
        self.indicators.prefetch();
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.indicators.bytes()
    }
}

/// The cells of a step, whether their state is in rows or in the cells.
pub(super) trait State<V: Vector>: CoreRows<V> + PivotRows<V> {
    fn cell(&self, k: usize) -> &Cell;
    fn cell_mut(&mut self, k: usize) -> &mut Cell;
    /// The words of a line of the traces.
    fn traces(&self, line: usize) -> [V::F; LINE];
    fn put_traces(&mut self, line: usize, rows: [V::F; LINE]);
    /// What the candidates of a cell look back at.
    fn past(&self, k: usize) -> Source<'_>;
    /// The newest prices of a cell, up to that of bar `i`.
    fn recent_prices(&self, layout: &CellLayout, k: usize, i: u64) -> RecentPrices<'_>;
}

/// Each holds its own state.
impl<V: Vector, const N: usize> State<V> for [&mut Cell; N] {
    #[inline(always)]
    fn cell(&self, k: usize) -> &Cell {
        self[k]
    }
    #[inline(always)]
    fn cell_mut(&mut self, k: usize) -> &mut Cell {
        self[k]
    }
    #[inline(always)]
    fn traces(&self, line: usize) -> [V::F; LINE] {
        V::rows(self, |cell| &cell.traces.lines[line])
    }
    #[inline(always)]
    fn put_traces(&mut self, line: usize, rows: [V::F; LINE]) {
        V::put_rows(self, rows, |cell| &mut cell.traces.lines[line]);
    }
    #[inline(always)]
    fn past(&self, k: usize) -> Source<'_> {
        self[k].past()
    }
    #[inline(always)]
    fn recent_prices(&self, layout: &CellLayout, k: usize, i: u64) -> RecentPrices<'_> {
        self[k].indicators.recent_prices(&layout.indicators, i)
    }
}

impl<V: Vector, const N: usize> PivotRows<V> for [&mut Cell; N] {
    #[inline(always)]
    fn push_pivots(&mut self, bottoms: bool, new: V::M, price: V::F) {
        let mut lanes = V::lanes(new);
        if lanes == 0 {
            return;
        }
        let mut prices = [0.0; LANES];
        V::store(price, &mut prices);
        while lanes != 0 {
            let k = lanes.trailing_zeros() as usize;
            self[k].pivots.push(bottoms, prices[k]);
            lanes &= lanes - 1;
        }
    }
    #[inline(always)]
    fn pivots(&self, bottoms: V::M) -> [V::F; RECENT] {
        let bottoms = V::lanes(bottoms);
        let mut lines = [self[0].pivots.of(bottoms & 1 != 0); LANES];
        for (k, (line, cell)) in lines.iter_mut().zip(self.iter()).enumerate() {
            *line = cell.pivots.of(bottoms >> k & 1 != 0);
        }
        V::rows_of(&lines)
    }
}

/// Eight cells whose state lies in rows.
pub(super) struct InRows<'a, 'c> {
    pub(super) cells: &'a mut [&'c mut Cell; LANES],
    pub(super) rows: &'a mut Rows,
}

impl<V: Vector> CoreRows<V> for InRows<'_, '_> {
    #[inline(always)]
    fn present(&self) -> u8 {
        CoreRows::<V>::present(&self.rows.indicators)
    }
    #[inline(always)]
    fn admit(&mut self, places: &Places, price: &[f64; LANES], volume: &[f64; LANES]) -> [V::F; 2] {
        CoreRows::<V>::admit(&mut self.rows.indicators, places, price, volume)
    }
    #[inline(always)]
    fn line(&self, line: usize) -> [V::F; 8] {
        CoreRows::<V>::line(&self.rows.indicators, line)
    }
    #[inline(always)]
    fn put_line(&mut self, line: usize, rows: [V::F; 8]) {
        CoreRows::<V>::put_line(&mut self.rows.indicators, line, rows);
    }
    #[inline(always)]
    fn squares(&self, n: usize, mean: V::F) -> V::F {
        CoreRows::<V>::squares(&self.rows.indicators, n, mean)
    }
}

impl<V: Vector> State<V> for InRows<'_, '_> {
    #[inline(always)]
    fn cell(&self, k: usize) -> &Cell {
        self.cells[k]
    }
    #[inline(always)]
    fn cell_mut(&mut self, k: usize) -> &mut Cell {
        self.cells[k]
    }
    #[inline(always)]
    fn traces(&self, line: usize) -> [V::F; LINE] {
        V::lines(&self.rows.traces[line])
    }
    #[inline(always)]
    fn put_traces(&mut self, line: usize, rows: [V::F; LINE]) {
        let present = V::where_set(CoreRows::<V>::present(self));
        V::put_lines(rows, &mut self.rows.traces[line], present);
    }
    #[inline(always)]
    fn past(&self, k: usize) -> Source<'_> {
        self.rows.past(k)
    }
    #[inline(always)]
    fn recent_prices(&self, layout: &CellLayout, k: usize, i: u64) -> RecentPrices<'_> {
        self.rows.recent_prices(layout, k, i)
    }
}

impl<V: Vector> PivotRows<V> for InRows<'_, '_> {
    #[inline(always)]
    fn push_pivots(&mut self, bottoms: bool, new: V::M, price: V::F) {
        // On most bars some lane has one, so a branch could not be predicted.
        let new = V::and(new, V::where_set(CoreRows::<V>::present(self)));
        let rows = &mut self.rows.pivots[usize::from(bottoms)];
        let mut before = price;
        for row in rows {
            let here = V::load(&row.0);
            V::store_where(new, before, &mut row.0);
            before = here;
        }
    }
    #[inline(always)]
    fn pivots(&self, bottoms: V::M) -> [V::F; RECENT] {
        let [tops, lows] = &self.rows.pivots;
        let (mut rows, lows) = (V::lines(tops), V::lines(lows));
        for k in 0..LANES {
            rows[k] = V::pick(bottoms, lows[k], rows[k]);
        }
        rows
    }
}
