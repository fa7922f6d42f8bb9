//! Why a signal was held back.

use super::named::named;

named! {
    /// Why a signal was held back; it still counts for the others.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    HeldBack {
        /// Its composite confidence is below the style's minimum.
        LowConfidence = "low_confidence",
        /// Its calibrated confidence is below the style's minimum.
        LowCalibrated = "low_calibrated_confidence",
        /// Its symbol, timeframe and strategy are not selected.
        Unselected = "unselected",
        /// Its symbol misses too many bars on its timeframe.
        Illiquid = "illiquid",
        /// The same symbol, timeframe, strategy and side was published too few bars ago.
        Cooldown = "cooldown",
        /// It is stale, and those are to be held back.
        Stale = "stale",
        /// Its style has published as many signals in this second as it may, those of higher priority first.
        RateLimited = "rate_limited",
    }
}
