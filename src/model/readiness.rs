//! How far a cell has come since it had no bars.

use super::saved::saved_as;
use wincode::error::{ReadError, WriteError};

/// How far a cell has come since it had no bars. Known while an engine runs, and not saved: what is saved of the cell says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Bars that the cell has had; 0 where it is not known.
    pub bars: u32,
    /// Bars after which every indicator has a value.
    pub defined_after: u32,
    /// Bars after which nothing from before them weighs more than a thousandth in any indicator.
    pub settled_after: u32,
    /// Whether something is missing from its history that still matters.
    pub misses_some: bool,
}

impl Readiness {
    /// Whether every indicator has a value.
    #[inline]
    #[must_use]
    pub const fn is_defined(&self) -> bool {
        self.bars >= self.defined_after
    }

    /// Whether more history would change no indicator by more than a thousandth.
    #[inline]
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.bars >= self.settled_after && !self.misses_some
    }
}

impl Readiness {
    #[allow(clippy::unnecessary_wraps, reason = "others that are saved as something else can fail")]
    fn form(self) -> Result<(), WriteError> {
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps, reason = "likewise")]
    fn of((): ()) -> Result<Self, ReadError> {
        Ok(Self::default())
    }
}

saved_as!(Readiness, (), Readiness::form, Readiness::of);
