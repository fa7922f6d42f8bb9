//! The cells that messages are for, and their memory asked for before it is needed. Hot.

use crate::{
    model::BarMessage,
    strategies::{CellLayout, Cells},
};

/// The cell of a message.
pub(super) struct Finder<'a> {
    pub index_of: &'a [u32],
    pub cells: &'a Cells,
    pub layouts: &'a [CellLayout],
}

impl Finder<'_> {
    #[inline]
    fn cell(&self, message: &BarMessage) -> Option<(u32, &CellLayout)> {
        let BarMessage::Bar(bar) = message else { return None };
        let place = bar.symbol.index() * self.layouts.len() + bar.timeframe.index();
        self.index_of.get(place).map(|&number| (number, &self.layouts[bar.timeframe.index()]))
    }

    /// Asks for its memory.
    #[inline]
    pub fn ask(&self, message: &BarMessage) {
        if let Some((cell, layout)) = self.cell(message) {
            self.cells.prefetch(layout, cell);
        }
    }

    /// Asks for what only the cell itself can tell the place of.
    #[inline]
    pub fn ask_history(&self, message: &BarMessage) {
        if let Some((cell, layout)) = self.cell(message) {
            self.cells.prefetch_history(layout, cell);
        }
    }
}
