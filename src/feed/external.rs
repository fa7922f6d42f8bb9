//! An entry that holds a signal of a strategy outside: its fields as they are, checked one by one. Hot; allocates nothing.

use super::{Refusal, number::parse_f64, timestamp::parse_timestamp};
use crate::model::Side;

/// A signal of a strategy outside, before it is known whether its names and its bar exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExternalSignal<'a> {
    /// Name of its symbol.
    pub symbol: &'a [u8],
    /// Name of its timeframe.
    pub timeframe: &'a [u8],
    /// The time by which its bar is published, Unix ms.
    pub bar_ts: i64,
    /// Name of the strategy.
    pub strategy: &'a [u8],
    /// Which way it points.
    pub side: Side,
    /// How sure the strategy is, in [0, 1].
    pub confidence: f64,
    /// What the confidence is made of: an object of JSON; empty for nothing.
    pub factors: &'a [u8],
}

/// The fields that are read, in the order of their places; all but the last must be there.
const NAMES: [&[u8]; 7] = [b"symbol", b"timeframe", b"bar_ts", b"strategy", b"side", b"confidence", b"factors"];

impl<'a> ExternalSignal<'a> {
    /// Reads the fields of an entry; others than these are left alone.
    ///
    /// # Errors
    /// [`Refusal::MissingField`], [`Refusal::RepeatedField`], [`Refusal::BadTimestamp`], [`Refusal::BadSide`],
    /// [`Refusal::NotANumber`], [`Refusal::NotFinite`], [`Refusal::ConfidenceBounds`].
    pub fn decode(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<Self, Refusal> {
        let mut values: [Option<&'a [u8]>; NAMES.len()] = [None; NAMES.len()];
        for (name, value) in fields {
            if let Some(place) = NAMES.iter().position(|known| *known == name)
                && values[place].replace(value).is_some()
            {
                return Err(Refusal::RepeatedField);
            }
        }
        let [Some(symbol), Some(timeframe), Some(bar_ts), Some(strategy), Some(side), Some(confidence), factors] =
            values
        else {
            return Err(Refusal::MissingField);
        };
        let side = match side {
            side if side.eq_ignore_ascii_case(b"buy") => Side::Buy,
            side if side.eq_ignore_ascii_case(b"sell") => Side::Sell,
            _ => return Err(Refusal::BadSide),
        };
        let (bar_ts, confidence) = (parse_timestamp(bar_ts)?, parse_f64(confidence)?);
        if !(0.0..=1.0).contains(&confidence) {
            return Err(Refusal::ConfidenceBounds);
        }
        Ok(Self { symbol, timeframe, bar_ts, strategy, side, confidence, factors: factors.unwrap_or_default() })
    }
}

/// Reads an object of JSON whose members are numbers; hands each to `each` with its name.
///
/// # Errors
/// [`Refusal::BadFactors`] where it is none, or `each` says no.
pub fn read_factors(text: &[u8], mut each: impl FnMut(&[u8], f64) -> bool) -> Result<(), Refusal> {
    let bad = Err(Refusal::BadFactors);
    let mut rest = text.trim_ascii();
    if rest.is_empty() {
        return Ok(());
    }
    let Some(inside) = rest.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")) else { return bad };
    rest = inside.trim_ascii();
    while !rest.is_empty() {
        // Names are those of the configuration, in which nothing is escaped.
        let Some(open) = rest.strip_prefix(b"\"") else { return bad };
        let Some(end) = open.iter().position(|&byte| byte == b'"') else { return bad };
        let (name, behind) = open.split_at(end);
        let Some(behind) = behind[1..].trim_ascii_start().strip_prefix(b":") else { return bad };
        let end = behind.iter().position(|&byte| byte == b',').unwrap_or(behind.len());
        let (number, behind) = behind.split_at(end);
        match parse_f64(number.trim_ascii()) {
            Ok(value) if each(name, value) => {}
            _ => return bad,
        }
        rest = match behind.strip_prefix(b",").map(<[u8]>::trim_ascii_start) {
            None => break,
            // Another member must follow.
            Some([]) => return bad,
            Some(next) => next,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENTRY: [(&str, &str); 7] = [
        ("symbol", "SPY"),
        ("timeframe", "5m"),
        ("bar_ts", "1700000000000"),
        ("strategy", "toy"),
        ("side", "SELL"),
        ("confidence", "0.75"),
        ("factors", "{\"a\": 1, \"b\":-0.5 }"),
    ];

    fn decode(fields: &[(&'static str, &'static str)]) -> Result<ExternalSignal<'static>, Refusal> {
        ExternalSignal::decode(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        ENTRY.into_iter().map(|(own, old)| (own, if own == name { value } else { old })).collect()
    }

    #[test]
    fn every_field_is_checked() {
        let signal = decode(&ENTRY).unwrap();
        assert_eq!((signal.symbol, signal.side, signal.bar_ts), (&b"SPY"[..], Side::Sell, 1_700_000_000_000));
        for k in 0..6 {
            let mut fields = ENTRY.to_vec();
            fields.remove(k);
            assert_eq!(decode(&fields), Err(Refusal::MissingField), "{k}");
        }
        assert_eq!(decode(&ENTRY[..6]).unwrap().factors, b"", "factors may be missing");
        assert_eq!(decode(&[ENTRY, ENTRY].concat()), Err(Refusal::RepeatedField));
        for (name, value, reason) in [
            ("side", "hold", Refusal::BadSide),
            ("confidence", "1.5", Refusal::ConfidenceBounds),
            ("confidence", "-0.1", Refusal::ConfidenceBounds),
            ("confidence", "sure", Refusal::NotANumber),
            ("confidence", "NaN", Refusal::NotFinite),
            ("bar_ts", "soon", Refusal::BadTimestamp),
        ] {
            assert_eq!(decode(&with(name, value)), Err(reason), "{name}={value}");
        }
    }

    #[test]
    fn factors_are_an_object_of_numbers() {
        let read = |text: &str| {
            let mut all = Vec::new();
            let done = read_factors(text.as_bytes(), |name, value| {
                all.push((String::from_utf8(name.to_vec()).unwrap(), value));
                name != b"unknown"
            });
            done.map(|()| all)
        };
        assert_eq!(read("{\"a\": 1, \"b\":-0.5 }").unwrap(), [("a".to_owned(), 1.0), ("b".to_owned(), -0.5)]);
        assert_eq!(read(" {} ").unwrap(), []);
        assert_eq!(read("").unwrap(), []);
        let wrong =
            ["[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":true}", "{a:1}", "{\"a\":1,}", "{\"a\":NaN}", "{\"unknown\":1}"];
        for wrong in wrong {
            assert_eq!(read(wrong), Err(Refusal::BadFactors), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn factors_that_json_writes_are_read_back(wanted in prop::collection::btree_map("[a-z_]{1,9}", -1e9..1e9f64, 0..6)) {
            let text = serde_json::to_string(&wanted).unwrap();
            let mut found = std::collections::BTreeMap::new();
            read_factors(text.as_bytes(), |name, value| {
                found.insert(String::from_utf8(name.to_vec()).unwrap(), value).is_none()
            })
            .unwrap();
            prop_assert_eq!(found, wanted);
        }
    }
}
