//! What has happened, in sentences for whoever watches. Off the hot path: a line per change of state, never per attempt.
#![allow(clippy::disallowed_types, reason = "lines for a person, seldom and off the hot path")]

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Lines kept that nobody has read.
const LINES_MAX: usize = 1_000;

/// The lines that agents leave for the thread that reports.
#[derive(Debug, Default)]
pub struct Incidents(Mutex<VecDeque<String>>);

impl Incidents {
    /// Leaves a line; where nobody reads them the oldest goes.
    #[cold]
    pub fn note(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Takes the lines that have been left.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
