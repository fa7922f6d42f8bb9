//! Why a signal was held back.

/// Why a signal was held back; it still counts for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HeldBack {
    /// Its composite confidence is below the style's minimum.
    LowConfidence,
    /// The same symbol, timeframe, strategy and side was published too few bars ago.
    Cooldown,
}

impl HeldBack {
    /// Number of reasons.
    pub const COUNT: usize = 2;
    /// All reasons.
    pub const ALL: [Self; Self::COUNT] = [Self::LowConfidence, Self::Cooldown];

    /// Index into tables of reasons.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name as it is counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowConfidence => "low_confidence",
            Self::Cooldown => "cooldown",
        }
    }
}
