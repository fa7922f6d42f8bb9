//! What the strategies remember of a cell from bar to bar.

use super::{
    list::{LINES, NO_MEMORY, WORD_KINDS, WORDS},
    memory::{LINE, Word},
};
use crate::{
    indicators::{BadImage, ImageReader, ImageWriter},
    lanes::Line,
};

/// The older halves of histories by word: at the previous bar, and at this one.
pub(super) type Far = [[u64; 2]; WORDS];
/// Nothing looks back so far. A constant, not a static: the compiler then sees the zeros and drops the code that reads
/// them.
pub(super) const NOT_FAR: &Far = &[[0; 2]; WORDS];

/// The words of the strategies' [memory](super::memory).
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Traces {
    pub(super) lines: [Line; LINES],
    /// What was shifted out of the histories, by word; `None` if nothing looks back further than 64 bars.
    upper: Option<Box<[u64; WORDS]>>,
}

impl Traces {
    /// Before the first bar; `long` says whether something looks back further than 64 bars. Allocates.
    pub(super) fn new(long: bool) -> Self {
        Self { lines: NO_MEMORY, upper: long.then(|| Box::new([0; WORDS])) }
    }

    /// What was shifted out of the histories, by word; empty if nothing looks back so far.
    #[inline(always)]
    pub(super) fn upper(&self) -> &[u64] {
        self.upper.as_deref().map_or(&[], |upper| upper)
    }

    /// Saves the bits that the next bar shifts out of the histories.
    #[cold]
    #[inline(never)]
    pub(super) fn carry(&mut self) -> Far {
        let mut far = *NOT_FAR;
        let Some(upper) = &mut self.upper else { return far };
        for (k, (upper, far)) in upper.iter_mut().zip(&mut far).enumerate() {
            if WORD_KINDS[k] == Word::History {
                let before = *upper;
                *upper = before << 1 | self.lines[k / LINE].0[k % LINE].to_bits() >> 63;
                *far = [before, *upper];
            }
        }
        far
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        self.lines.iter().for_each(|line| out.reals(&line.0));
        out.words(self.upper());
    }

    pub(super) fn read_state(long: bool, image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut traces = Self::new(long);
        for line in &mut traces.lines {
            line.0 = image.reals()?;
        }
        for word in traces.upper.iter_mut().flat_map(|upper| upper.iter_mut()) {
            *word = image.word()?;
        }
        Ok(traces)
    }

    /// Bytes held beside its own.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.upper())
    }
}
