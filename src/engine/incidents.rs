//! What has happened, as lines for the log. Off the hot path: one line per change of state, never one per attempt.
#![allow(clippy::disallowed_types, reason = "lines for a person, seldom and off the hot path")]

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Unread lines that are kept.
const LINES_MAX: usize = 1_000;

/// The lines that agents pass to the thread that reports.
#[derive(Debug, Default)]
pub struct Incidents(Mutex<VecDeque<String>>);

impl Incidents {
    /// Adds a line; drops the oldest if too many are unread.
    #[cold]
    pub fn note(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Takes the unread lines.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
