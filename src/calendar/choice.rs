//! Which of an exchange's hours a symbol is traded in, and what its bars are made of.

/// Which hours are a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Hours {
    /// From the open to the close.
    #[default]
    Regular,
    /// With the trading before and after.
    Extended,
}

/// What bars below one day are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Anchor {
    /// The epoch, UTC.
    #[default]
    Utc,
    /// The open of their session.
    Open,
}

/// What becomes of records outside sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Outside {
    /// They are counted and change nothing.
    #[default]
    Refuse,
    /// They make bars below one day.
    Intraday,
}

/// How a symbol uses a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Choice {
    /// Which hours are a session.
    pub hours: Hours,
    /// What bars below one day are counted from.
    pub anchor: Anchor,
    /// What becomes of records outside sessions.
    pub outside: Outside,
}

impl Hours {
    /// Name as configured.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Extended => "extended",
        }
    }
}

impl Anchor {
    /// Name as configured.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utc => "utc",
            Self::Open => "open",
        }
    }
}

impl Outside {
    /// Name as configured.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Intraday => "intraday",
        }
    }
}
