//! Which lines are one place of the log: where signals are decided on together, those of files with one time.

use super::Intake;
use crate::engine::{notes::Note, place_marks::PlaceMarks};

impl Intake {
    /// Takes lines of one time together from now on, where signals are decided on together: until they are [parted](Self::part).
    pub fn take_together(&mut self) {
        if self.plan.has_signal_limits() {
            self.places.take_together();
        }
    }

    /// Which lines are one place.
    #[inline]
    #[must_use]
    pub fn places(&self) -> &PlaceMarks {
        &self.places
    }

    /// Parts what follows from the lines before.
    pub fn part(&mut self) {
        if let (Some(notes), Some(mark)) = (&mut self.notes, self.places.part()) {
            notes.send(Note::Mark(mark));
        }
    }
}
