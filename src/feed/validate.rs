//! The checks that every record passes first.
//!
//! Runs once per record on the reader's thread; allocates nothing and does not block.

use super::{Record, Refusal};
use crate::{config::Prices, model::is_symbol};

/// Checks that a name can be a symbol's, as [`is_symbol`] says.
///
/// # Errors
/// [`Refusal::BadText`] otherwise.
#[inline]
pub fn validate_symbol(symbol: &[u8]) -> Result<(), Refusal> {
    if is_symbol(symbol) { Ok(()) } else { Err(Refusal::BadText) }
}

/// Checks a price: finite and, unless any will do, above zero.
///
/// # Errors
/// [`Refusal::NotFinite`] or [`Refusal::PriceNotPositive`].
#[inline]
pub fn validate_price(price: f64, prices: Prices) -> Result<(), Refusal> {
    if !price.is_finite() {
        Err(Refusal::NotFinite)
    } else if price <= 0.0 && prices == Prices::Positive {
        Err(Refusal::PriceNotPositive)
    } else {
        Ok(())
    }
}

/// Checks a record alone, without knowledge of others: symbol, prices above zero, volume, bounds, vwap.
///
/// `low ≤ open, close ≤ high` is exact. A vwap (NaN or 0: none) must be a price but need not lie between low and high:
/// vendors include trades in it that they keep out of high and low, and it is rounded. It is clamped between them
/// later.
///
/// # Errors
/// [`Refusal::BadText`] for the symbol, [`Refusal::NotFinite`], [`Refusal::PriceNotPositive`],
/// [`Refusal::VolumeNegative`], [`Refusal::HighLowBounds`]; the first that applies, in this order.
#[inline]
pub fn validate(record: &Record<'_>) -> Result<(), Refusal> {
    validate_as(record, Prices::Positive)
}

/// The same for a record that may have these prices.
///
/// # Errors
/// As for [`validate`].
#[inline]
pub fn validate_as(record: &Record<'_>, prices: Prices) -> Result<(), Refusal> {
    validate_symbol(record.symbol)?;
    let Record { open, high, low, close, volume, vwap, .. } = *record;
    // One check for a valid record: ordered bounds and a positive low make all four prices positive.
    let ordered = low <= open && low <= close && open <= high && close <= high;
    let volume_good = (0.0..f64::INFINITY).contains(&volume);
    let vwap_good = vwap.is_nan() || (0.0..f64::INFINITY).contains(&vwap);
    if ordered && low > 0.0 && high < f64::INFINITY && volume_good && vwap_good {
        return Ok(());
    }
    reason(record, prices)
}

/// The reason why a record failed the fast check, if there is one for records of these prices.
#[cold]
fn reason(record: &Record<'_>, allowed: Prices) -> Result<(), Refusal> {
    let Record { open, high, low, close, volume, .. } = *record;
    let prices = [open, high, low, close];
    let vwap = if record.vwap.is_nan() || record.vwap == 0.0 { close } else { record.vwap };
    if prices.iter().chain([&volume, &vwap]).any(|number| !number.is_finite()) {
        Err(Refusal::NotFinite)
    } else if allowed == Prices::Positive && prices.iter().chain([&vwap]).any(|&price| price <= 0.0) {
        Err(Refusal::PriceNotPositive)
    } else if volume < 0.0 {
        Err(Refusal::VolumeNegative)
    } else if low <= open && low <= close && open <= high && close <= high {
        Ok(())
    } else {
        Err(Refusal::HighLowBounds)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::Timeframe;
    use proptest::prelude::*;

    fn record(prices: [f64; 4], volume: f64, vwap: f64) -> Record<'static> {
        let interval: Timeframe = "1m".parse().unwrap();
        let [open, high, low, close] = prices;
        Record { symbol: b"SPY", ts: 0, interval, open, high, low, close, volume, vwap, trades: 0, ingest_ns: 0 }
    }

    #[test]
    fn names_the_first_broken_rule() {
        let good = [10.0, 11.0, 9.0, 10.5];
        let nan = f64::NAN;
        assert_eq!(validate(&record(good, 0.0, nan)), Ok(()));
        assert_eq!(validate(&record([10.0; 4], -0.0, 12.0)), Ok(()));
        assert_eq!(validate(&record(good, 0.0, 0.0)), Ok(()));
        for (prices, volume, vwap, refusal) in [
            ([nan, 11.0, 9.0, 10.5], 1.0, nan, Refusal::NotFinite),
            ([10.0, f64::INFINITY, 9.0, 10.5], 1.0, nan, Refusal::NotFinite),
            (good, nan, nan, Refusal::NotFinite),
            (good, f64::INFINITY, nan, Refusal::NotFinite),
            (good, 1.0, f64::INFINITY, Refusal::NotFinite),
            (good, 1.0, -1.0, Refusal::PriceNotPositive),
            ([0.0, 11.0, 0.0, 10.5], 1.0, nan, Refusal::PriceNotPositive),
            ([-1.0; 4], -1.0, nan, Refusal::PriceNotPositive),
            (good, -1e-9, nan, Refusal::VolumeNegative),
            ([10.0, 10.2, 9.0, 10.5], 1.0, nan, Refusal::HighLowBounds),
            ([8.9, 11.0, 9.0, 10.5], 1.0, nan, Refusal::HighLowBounds),
            ([10.0, 9.0, 11.0, 10.0], 1.0, nan, Refusal::HighLowBounds),
        ] {
            assert_eq!(validate(&record(prices, volume, vwap)), Err(refusal), "{prices:?} {volume} {vwap}");
        }
    }

    #[test]
    fn symbols_are_short_and_readable() {
        let long = "0123456789abcdef0123456789abcdef";
        for symbol in ["A", "BRK.B", "BTC/USD", "EUR=X", "^GSPC", long, "Ä", "贵州茅台", "МТСС"] {
            assert_eq!(validate_symbol(symbol.as_bytes()), Ok(()), "{symbol}");
        }
        for symbol in [
            "",
            " ",
            "A B",
            "A\n",
            "A\0",
            "A\u{a0}",
            "A\u{85}",
            "0123456789abcdef0123456789abcdefX",
            "ЯЯЯЯЯЯЯЯЯЯЯЯЯЯЯЯЯ",
        ] {
            assert_eq!(validate_symbol(symbol.as_bytes()), Err(Refusal::BadText), "{symbol:?}");
        }
        assert_eq!(validate_symbol(b"\xff"), Err(Refusal::BadText));
    }

    proptest! {
        #[test]
        fn accepts_exactly_the_good(o in value(), h in value(), l in value(), c in value(), v in value(), w in value()) {
            let prices_good = [o, h, l, c].iter().all(|&x| validate_price(x, Prices::Positive).is_ok());
            let good = prices_good && l <= o && l <= c && h >= o && h >= c && v.is_finite() && v >= 0.0
                && (w.is_nan() || w == 0.0 || validate_price(w, Prices::Positive).is_ok());
            prop_assert_eq!(validate(&record([o, h, l, c], v, w)).is_ok(), good);
            // Where any price will do, it is the same of prices that are moved up.
            let up = |price: f64| price + 1_000.0;
            let moved = [o, h, l, c].map(up);
            let w_up = if w.is_nan() || w == 0.0 { w } else { up(w) };
            let any = validate_as(&record([o, h, l, c], v, w), Prices::Any);
            prop_assert_eq!(any.is_ok(), validate(&record(moved, v, w_up)).is_ok());
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![6 => 1.0..4.0f64, 1 => Just(2.0), 1 => prop::sample::select(vec![0.0, -1.0, f64::NAN, f64::INFINITY])]
    }
}
