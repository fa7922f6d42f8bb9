//! A bar that has closed, with what is known of it.

use crate::{
    model::{Bar, Calendar, Timeframe},
    strategies::Cell,
};

/// A closed bar of a cell.
pub(super) struct Closed<'a> {
    pub bar: &'a Bar,
    /// Its sequence and its end.
    pub seq: u64,
    pub event_ts: i64,
    /// Its cell, as of it.
    pub cell: &'a Cell,
    /// Its timeframe, and the calendar of its symbol.
    pub timeframe: Timeframe,
    pub calendar: &'a Calendar,
}
