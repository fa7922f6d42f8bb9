//! Why a record was refused.

/// Why a record was refused; it has changed no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// A required field is absent.
    MissingField,
    /// A field occurs twice.
    RepeatedField,
    /// A field that must be a number is not one.
    NotANumber,
    /// A number is NaN or infinite.
    NotFinite,
    /// A price is zero or negative.
    PriceNotPositive,
    /// The volume is negative.
    VolumeNegative,
    /// High and low do not bound open and close (or the vwap).
    HighLowBounds,
    /// The symbol is not on the watchlist, disabled, or one more than fit.
    UnknownSymbol,
    /// The bar's timeframe is not that of its stream.
    WrongTimeframe,
    /// The timestamp cannot be parsed or is absurd.
    BadTimestamp,
    /// The record is older than the symbol's newest, or belongs to a bar that is closed already.
    Late,
    /// The record has the timestamp of the symbol's newest.
    Duplicate,
    /// The record is further in the future of its entry id than is allowed.
    Future,
    /// A text is too long or not what it should be: a symbol, JSON, a line of a file.
    BadText,
    /// A frame has a wrong version, length or checksum.
    BadFrame,
    /// The entry is longer than is allowed, or than can be received at all.
    TooLarge,
}

impl Refusal {
    /// Number of reasons.
    pub const COUNT: usize = 16;
    /// All reasons.
    pub const ALL: [Self; Self::COUNT] = [
        Self::MissingField,
        Self::RepeatedField,
        Self::NotANumber,
        Self::NotFinite,
        Self::PriceNotPositive,
        Self::VolumeNegative,
        Self::HighLowBounds,
        Self::UnknownSymbol,
        Self::WrongTimeframe,
        Self::BadTimestamp,
        Self::Late,
        Self::Duplicate,
        Self::Future,
        Self::BadText,
        Self::BadFrame,
        Self::TooLarge,
    ];

    /// Index into tables of reasons.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name as it is counted and published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::RepeatedField => "repeated_field",
            Self::NotANumber => "not_a_number",
            Self::NotFinite => "not_finite",
            Self::PriceNotPositive => "price_not_positive",
            Self::VolumeNegative => "volume_negative",
            Self::HighLowBounds => "high_low_bounds",
            Self::UnknownSymbol => "unknown_symbol",
            Self::WrongTimeframe => "wrong_timeframe",
            Self::BadTimestamp => "bad_timestamp",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Future => "future",
            Self::BadText => "bad_text",
            Self::BadFrame => "bad_frame",
            Self::TooLarge => "too_large",
        }
    }

    /// What makes such records acceptable, for people.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::MissingField => "give every record all of ts, symbol, open, high, low, close and volume",
            Self::RepeatedField => "give every field once",
            Self::NotANumber => "write numbers with a decimal point and without thousands separators",
            Self::NotFinite => "leave out records without finite prices and volume",
            Self::PriceNotPositive => "leave out records without prices above zero",
            Self::VolumeNegative => "write a volume of zero or more",
            Self::HighLowBounds => {
                "check that the columns are named as they are meant: high and low must bound the other prices"
            }
            Self::UnknownSymbol => "add the symbols to the watchlist, or raise limits.max_symbols",
            Self::WrongTimeframe => "send bars of the timeframe that the stream is configured for",
            Self::BadTimestamp => {
                "write times as 2026-01-31T14:30:00Z, or in Unix seconds, milliseconds or nanoseconds"
            }
            Self::Late => "order the records by time, oldest first",
            Self::Duplicate => {
                "write one record per symbol and time; a base longer than the records' interval has the same effect"
            }
            Self::Future => "check the clock that stamps the records, or raise time.max_future_ms",
            Self::BadText => {
                "write symbols of at most 32 printable characters without spaces, and as many values as columns"
            }
            Self::BadFrame => "write frames as the documentation of the feed describes them",
            Self::TooLarge => "write shorter records, or raise limits.max_entry_bytes",
        }
    }
}
