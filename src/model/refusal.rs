//! Why a record was refused.

use super::named::named;

named! {
    /// Why a record was refused; it has changed no state.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    Refusal {
        /// A required field is absent.
        MissingField = "missing_field",
        /// A field occurs twice.
        RepeatedField = "repeated_field",
        /// A field that must be a number is not one.
        NotANumber = "not_a_number",
        /// A number is NaN or infinite.
        NotFinite = "not_finite",
        /// A price is zero or negative.
        PriceNotPositive = "price_not_positive",
        /// The volume is negative.
        VolumeNegative = "volume_negative",
        /// High and low do not bound open and close (or the vwap).
        HighLowBounds = "high_low_bounds",
        /// The symbol is not on the watchlist, disabled, or one more than fit.
        UnknownSymbol = "unknown_symbol",
        /// The bar's timeframe is not that of its stream.
        WrongTimeframe = "wrong_timeframe",
        /// The timestamp cannot be parsed or is absurd.
        BadTimestamp = "bad_timestamp",
        /// The record is older than the symbol's newest, or belongs to a bar that is closed already.
        Late = "late",
        /// The record has the timestamp of the symbol's newest, and its values.
        Duplicate = "duplicate",
        /// The record has the timestamp of the symbol's newest, and other values.
        Revision = "revision",
        /// The record's bar begins further in the future of its entry than is allowed.
        Future = "future",
        /// The record lies outside the sessions of its symbol's calendar.
        OutsideSession = "outside_session",
        /// The record lies in a year that the table of its symbol's calendar does not have.
        NoCalendar = "no_calendar",
        /// A text is too long or not what it should be: a symbol, JSON, a line of a file.
        BadText = "bad_text",
        /// A frame has a wrong version, length or checksum.
        BadFrame = "bad_frame",
        /// The entry is longer than is allowed, or than can be received at all.
        TooLarge = "too_large",
        /// The timestamp is a local time that the clock of its zone skipped.
        NoSuchTime = "no_such_time",
        /// The bar has no volume, and the input is told to leave such bars out.
        NoTrade = "no_trade",
        /// The record is no newer than what its symbol had from history when the reading of the streams began.
        InHistory = "in_history",
        /// The record says that its bar is not over, and the input is told to wait for the one that says so.
        Unfinished = "unfinished",
        /// The signal is of a strategy that the configuration does not declare.
        UnknownStrategy = "unknown_strategy",
        /// The signal points neither to buy nor to sell.
        BadSide = "bad_side",
        /// The signal's confidence is below 0 or above 1.
        ConfidenceBounds = "confidence_bounds",
        /// The signal's factors are no object of numbers, or one of them is not declared.
        BadFactors = "bad_factors",
        /// The signal is of a bar that its symbol and timeframe do not have, or not yet.
        NoSuchBar = "no_such_bar",
        /// The signal is of a bar behind which another of its symbol and timeframe has closed.
        SaidLate = "said_late",
        /// The strategy has given a signal of this bar before.
        SaidAlready = "said_already",
    }
}

impl Refusal {
    /// Whether such records are left out because that was asked for: they are counted, and nothing is wrong with them.
    #[must_use]
    pub const fn is_asked_for(self) -> bool {
        matches!(self, Self::NoTrade | Self::Unfinished | Self::InHistory)
    }

    /// Whether such records may well be most of a sound feed: those that are asked to be left out, and the hours between the
    /// sessions.
    #[must_use]
    pub fn is_usual(self) -> bool {
        self.is_asked_for() || self == Self::OutsideSession
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
                "write times as 2026-01-31T14:30:00Z or as Unix time; for dates such as 31.01.2026 or 1/31/2026 say which \
                 part comes first: --date-order dmy or mdy"
            }
            Self::Late => "order the records by time, oldest first",
            Self::Duplicate => {
                "write one record per symbol and time; a base longer than the records' interval has the same effect"
            }
            Self::Revision => {
                "write a bar once, when it is final; a base longer than the records' interval has the same effect"
            }
            Self::Future => "check the clock that stamps the records, or raise time.max_future_ms",
            Self::OutsideSession => {
                "these are outside the symbols' trading hours; set session = \"extended\" or outside_session = \"intraday\" \
                 for the symbols to use them, or check the calendar and the time zone"
            }
            Self::NoCalendar => {
                "leave out records of years that the calendar does not have, or give it a longer table in [calendars]"
            }
            Self::BadText => {
                "write symbols of at most 32 printable characters without spaces, and as many values as columns"
            }
            Self::BadFrame => "write frames as the documentation of the feed describes them",
            Self::TooLarge => "write shorter records, or raise limits.max_entry_bytes",
            Self::NoSuchTime => {
                "the clock of the zone skipped this time: give the zone that the stamps are of, such as --timezone UTC"
            }
            Self::InHistory => "these are known from input.history already, and nothing is wrong with them",
            Self::NoTrade => "bars without volume are left out as asked for: zero_volume = \"keep\" takes them",
            Self::UnknownStrategy => {
                "declare the strategy in the configuration: [[strategies.external]] with its name, and enabled"
            }
            Self::BadSide => "write buy or sell as the side; leave out what is neither",
            Self::ConfidenceBounds => "write a confidence from 0 to 1",
            Self::BadFactors => {
                "write factors as a JSON object of numbers, of the names in factors of [[strategies.external]]"
            }
            Self::NoSuchBar => {
                "write as bar_ts the time by which the bar is published, once it has closed and on a timeframe of its symbol"
            }
            Self::SaidLate => {
                "answer before the next bar of the symbol and timeframe closes, or use a longer timeframe"
            }
            Self::SaidAlready => {
                "nothing is missing: the first signal of a strategy on a bar counts, and is published once"
            }
            Self::Unfinished => {
                "records of bars that are not over are left out as asked for: final = \"auto\" waits for the last instead"
            }
        }
    }
}
