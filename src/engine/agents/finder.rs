//! The cells that messages are for, and their memory asked for before it is needed. Hot.

use super::owner::Owner;
use crate::{
    model::BarMessage,
    strategies::{CellLayout, Cells},
};

/// The cell of a message.
pub(super) struct Finder<'a> {
    pub index_of: &'a [u32],
    pub cells: &'a Cells,
    pub layouts: &'a [CellLayout],
    /// Number of timeframes.
    pub columns: usize,
    /// By cell.
    pub owners: &'a [Owner],
}

impl Finder<'_> {
    #[inline]
    fn cell(&self, message: &BarMessage) -> Option<(u32, &CellLayout)> {
        let BarMessage::Bar(bar) = message else { return None };
        let number = *self.index_of.get(bar.symbol.index() * self.columns + bar.timeframe.index())?;
        let usual = self.layouts.len() == self.columns;
        let layout = if usual { bar.timeframe.index() } else { self.owners.get(number as usize)?.layout as usize };
        Some((number, &self.layouts[layout]))
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
