//! Which entries of the input are one place of the log: where signals are decided on together, the lines of files with one
//! time. Hot; allocates nothing.

use super::notes::Mark;

/// The mark of a place that may go on.
#[derive(Debug, Default)]
pub struct PlaceMarks {
    /// Whether lines are taken together.
    on: bool,
    waiting: Option<Mark>,
}

impl PlaceMarks {
    /// Takes lines together from now on.
    pub fn take_together(&mut self) {
        self.on = true;
    }

    /// Whether lines are taken together.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether no place is open.
    #[inline]
    #[must_use]
    pub fn is_parted(&self) -> bool {
        self.waiting.is_none()
    }

    /// Takes the mark of an entry; gives it back where it ends its place.
    #[inline]
    pub fn entry(&mut self, mark: Mark) -> Option<Mark> {
        if !self.on {
            return Some(mark);
        }
        self.waiting = Some(mark);
        None
    }

    /// Ends the place; gives the mark of its last entry.
    #[inline]
    pub fn part(&mut self) -> Option<Mark> {
        self.waiting.take()
    }
}
