//! Calendars: by which rule moments belong to bars.

/// The calendar of a symbol, which says where its bars begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Calendar {
    /// A market that never closes: bars start at multiples of their interval since the epoch, UTC.
    #[default]
    Utc,
}

impl Calendar {
    /// Name as it is saved.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utc => "utc",
        }
    }
}
