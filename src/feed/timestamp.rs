//! Parses the timestamps of an input, ISO 8601 or a Unix number, to Unix milliseconds.
//!
//! Runs once per record on the reader's thread; allocates nothing and does not block.

use super::Refusal;
use crate::model::time::{days_from_civil, days_in_month};

const DAY_MS: i64 = 86_400_000;
/// The first instant out of range: 2201-01-01T00:00:00Z.
const END_MS: i64 = days_from_civil(2201, 1, 1) * DAY_MS;

/// Parses a timestamp into Unix milliseconds, UTC.
///
/// Accepts `YYYY-MM-DDTHH:MM:SS` (`T` or one space) with an optional fraction of 1 to 9 digits, truncated to
/// milliseconds, and an optional `Z`, `±HH:MM` or `±HHMM`; without an offset the time is UTC. Also accepts whole Unix
/// seconds (10 digits), milliseconds (13) and nanoseconds (19). The number of digits decides, so that times
/// before 2001-09-09 can only be written as ISO 8601.
///
/// # Errors
/// [`Refusal::BadTimestamp`] for any other form, for a date or time that does not exist (30 February, second 60) and
/// for a result outside the years 1970 to 2200.
#[inline]
pub fn parse_timestamp(text: &[u8]) -> Result<i64, Refusal> {
    let ms = match text.split_first_chunk::<19>() {
        Some((head, rest)) if head[4] == b'-' => {
            let (fraction_ms, offset) = fraction(rest)?;
            date_time(head)? + fraction_ms - offset_ms(offset)?
        }
        _ => unix_number(text)?,
    };
    if (0..END_MS).contains(&ms) { Ok(ms) } else { Err(Refusal::BadTimestamp) }
}

/// Parses exactly `YYYY-MM-DDTHH:MM:SS`.
#[inline]
fn date_time(text: &[u8; 19]) -> Result<i64, Refusal> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *text else {
        return Err(Refusal::BadTimestamp);
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2].map(|b| b.wrapping_sub(b'0'));
    if digits.iter().fold(0, |worst, &digit| digit.max(worst)) > 9 {
        return Err(Refusal::BadTimestamp);
    }
    let pair = |i: usize| u32::from(digits[i]) * 10 + u32::from(digits[i + 1]);
    let year = i64::from(pair(0) * 100 + pair(2));
    let (month, day, hour, minute, second) = (pair(4), pair(6), pair(8), pair(10), pair(12));
    if day == 0 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59 {
        return Err(Refusal::BadTimestamp);
    }
    let seconds = i64::from((hour * 60 + minute) * 60 + second);
    Ok(days_from_civil(year, month, day) * DAY_MS + seconds * 1_000)
}

/// Splits off an optional `.` and 1 to 9 digits; returns whole milliseconds and the rest.
#[inline]
fn fraction(text: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    let Some((b'.', digits)) = text.split_first() else { return Ok((0, text)) };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > 9 {
        return Err(Refusal::BadTimestamp);
    }
    let (digits, rest) = digits.split_at(length);
    let ms = (0..3).fold(0, |ms, i| ms * 10 + digits.get(i).map_or(0, |b| i64::from(b - b'0')));
    Ok((ms, rest))
}

/// Parses an empty text, `Z`, `±HH:MM` or `±HHMM` into milliseconds east of UTC.
#[inline]
fn offset_ms(text: &[u8]) -> Result<i64, Refusal> {
    let (sign, digits) = match *text {
        [] | [b'Z'] => return Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, [h1, h2, m1, m2])
        }
        _ => return Err(Refusal::BadTimestamp),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::BadTimestamp);
    }
    let [h1, h2, m1, m2] = digits.map(|b| i64::from(b - b'0'));
    let (hours, minutes) = (h1 * 10 + h2, m1 * 10 + m2);
    if hours > 23 || minutes > 59 {
        return Err(Refusal::BadTimestamp);
    }
    let ms = (hours * 60 + minutes) * 60_000;
    Ok(if sign == b'-' { -ms } else { ms })
}

/// Parses whole Unix seconds, milliseconds or nanoseconds, distinguished by the number of digits.
fn unix_number(text: &[u8]) -> Result<i64, Refusal> {
    if !matches!(text.len(), 10 | 13 | 19) || !text.iter().all(u8::is_ascii_digit) || text[0] == b'0' {
        return Err(Refusal::BadTimestamp);
    }
    // 19 digits are less than 10^19, which fits into u64.
    let number = text.iter().fold(0u64, |sum, b| sum * 10 + u64::from(b - b'0'));
    let ms = match text.len() {
        10 => number * 1_000,
        13 => number,
        _ => number / 1_000_000,
    };
    i64::try_from(ms).map_err(|_| Refusal::BadTimestamp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::time::Iso8601;
    use proptest::prelude::*;

    const T: i64 = 1_751_985_000_000; // 2025-07-08T14:30:00Z

    fn parse(text: &str) -> Option<i64> {
        parse_timestamp(text.as_bytes()).ok()
    }

    #[test]
    fn reads_every_form() {
        for (text, ms) in [
            ("2025-07-08T14:30:00", T),
            ("2025-07-08 14:30:00", T),
            ("2025-07-08T14:30:00Z", T),
            ("2025-07-08T14:30:00.25", T + 250),
            ("2025-07-08T14:30:00.2509999Z", T + 250),
            ("2025-07-08T14:30:00.000999999", T),
            ("2025-07-08T14:30:00.123456+00:00", T + 123),
            ("2025-07-08T10:30:00-04:00", T),
            ("2025-07-08T10:30:00-0400", T),
            ("2025-07-08T20:00:00.5+05:30", T + 500),
            ("1970-01-01T00:00:00", 0),
            ("2200-12-31T23:59:59.999", END_MS - 1),
            ("2024-02-29T00:00:00", 1_709_164_800_000),
            ("1751985000", T),
            ("1751985000250", T + 250),
            ("1751985000250999999", T + 250),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "Z",
            "now",
            "2025-07-08",
            "2025-07-08T14:30",
            "2025-07-08t14:30:00",
            "2025-07-08T14:30:00z",
            "2025-07-08T14:30:00.",
            "2025-07-08T14:30:00.1234567890",
            "2025-07-08T14:30:00,5",
            "2025-07-08T14:30:00 ",
            " 2025-07-08T14:30:00",
            "2025-07-08T14:30:00ZZ",
            "2025-07-08T14:30:00+4",
            "2025-07-08T14:30:00+04",
            "2025-07-08T14:30:00+04:0",
            "2025-07-08T14:30:00+24:00",
            "2025-07-08T14:30:00+04:60",
            "2025-07-08T14:30:00Z+04:00",
            "2025-13-08T14:30:00",
            "2025-00-08T14:30:00",
            "2025-07-00T14:30:00",
            "2025-02-30T00:00:00",
            "2023-02-29T00:00:00",
            "2100-02-29T00:00:00",
            "2025-07-08T24:00:00",
            "2025-07-08T23:60:00",
            "2025-07-08T23:59:60",
            "1969-12-31T23:59:59",
            "2201-01-01T00:00:00",
            "9999-12-31T23:59:59",
            "1970-01-01T00:00:00+00:01",
            "2200-12-31T23:59:59-00:01",
            "2025/07/08T14:30:00",
            "2O25-07-08T14:30:00",
            "175198500",
            "0751985000",
            "17519850000",
            "-751985000",
            "1751985000.5",
            "9999999999",
            "9999999999999",
            "9999999999999999999",
            "1751985000250999",
        ] {
            assert_eq!(parse(text), None, "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_is_written(ms in 0..END_MS, offset_min in -1_439i64..1_440, colon: bool) {
            prop_assert_eq!(parse(&Iso8601(ms).to_string()), Some(ms));
            let local = Iso8601(ms + offset_min * 60_000);
            let (sign, abs) = (if offset_min < 0 { '-' } else { '+' }, offset_min.abs());
            let text = format!("{local}{sign}{:02}{}{:02}", abs / 60, if colon { ":" } else { "" }, abs % 60);
            // A local time just before 1970 is valid if its UTC time is in 1970.
            prop_assert_eq!(parse(&text), Some(ms));
            let digits = ms.to_string();
            let expected = match digits.len() {
                13 => Some(ms),
                10 => Some(ms * 1_000).filter(|ms| *ms < END_MS),
                _ => None,
            };
            prop_assert_eq!(parse(&digits), expected);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), mut text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[.Z0-9:+-]{0,12}") {
            let _ = parse_timestamp(&bytes);
            let _ = parse_timestamp(text.as_bytes());
            text.push('Z');
            if let Ok(ms) = parse_timestamp(text.as_bytes()) {
                prop_assert!((0..END_MS).contains(&ms));
            }
        }
    }
}
