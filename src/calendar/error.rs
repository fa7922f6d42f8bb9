//! Why a calendar cannot be used.

/// Why a calendar cannot be used, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The table is not written as one.
    #[error("line {line} of the table: {problem}")]
    Table {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The zone is in no table of time zones.
    #[error("{0:?} is no time zone; write a name such as Europe/Madrid")]
    Zone(String),
    /// A session that cannot be.
    #[error("{date}: {problem}")]
    Session {
        /// The date, `YYYY-MM-DD`.
        date: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Extended hours are asked for, and the calendar has none.
    #[error(
        "it has no extended hours; write them as extended = [\"04:00\", \"20:00\", \"17:00\"] (from, to, to on early closes)"
    )]
    NoExtendedHours,
}
