//! The past that the candidates of a cell look back at, besides its history.

use super::memory::LINE;
use crate::lanes::{LANES, Line};

/// What a cell remembers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    pub(super) source: Source<'a>,
    /// The first word of the strategy that looks back.
    pub(super) first: usize,
}

/// Where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// In the cell. `upper` is what was shifted out of its words, if something looks back so far.
    Cell { lines: &'a [Line], upper: &'a [u64], pivots: &'a [Line; 2] },
    /// In a lane of the rows of eight cells; nothing looks back further than 64 bars there.
    Rows { lines: &'a [[Line; LANES]], pivots: &'a [[Line; LANES]; 2], lane: usize },
}

impl Past<'_> {
    /// A history by the place of its word, 128 bars long.
    pub(crate) fn history(self, word: usize) -> u128 {
        let at = self.first + word;
        match self.source {
            Source::Cell { lines, upper, .. } => {
                let near = lines[at / LINE].0[at % LINE].to_bits();
                u128::from(near) | u128::from(upper.get(at).copied().unwrap_or(0)) << 64
            }
            Source::Rows { lines, lane, .. } => u128::from(lines[at / LINE][at % LINE].0[lane].to_bits()),
        }
    }

    /// The prices of the newest tops, or bottoms.
    pub(crate) fn pivots(self, bottoms: bool) -> Line {
        let side = usize::from(bottoms);
        match self.source {
            Source::Cell { pivots, .. } => pivots[side],
            Source::Rows { pivots, lane, .. } => Line(pivots[side].map(|row| row.0[lane])),
        }
    }
}
