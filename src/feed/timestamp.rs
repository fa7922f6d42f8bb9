//! Parses the timestamps of an input, in every common form, to Unix milliseconds.
//!
//! Runs once per record on the reader's thread; allocates nothing and does not block. The form that most inputs write,
//! `YYYY-MM-DDTHH:MM:SS…`, is read first and fast.

use super::Refusal;
use crate::model::time::{days_from_civil, days_in_month};

const DAY_MS: i64 = 86_400_000;
/// The first instant out of range: 2201-01-01T00:00:00Z.
const END_MS: i64 = days_from_civil(2201, 1, 1) * DAY_MS;

/// In which order a date such as `01/02/2026` or `01.02.2026` has its day and month: such dates never tell by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// The day first.
    DayFirst,
    /// The month first.
    MonthFirst,
}

/// What a stamp was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampForm {
    /// A date alone.
    Date,
    /// A date and a time of day.
    DateTime,
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch.
    Micros,
    /// Nanoseconds since the epoch.
    Nanos,
}

impl StampForm {
    /// All forms, by their number.
    pub const ALL: [Self; 6] = [Self::Date, Self::DateTime, Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Date => "dates",
            Self::DateTime => "dates with times",
            Self::Seconds => "Unix seconds",
            Self::Millis => "Unix milliseconds",
            Self::Micros => "Unix microseconds",
            Self::Nanos => "Unix nanoseconds",
        }
    }
}

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenStamp {
    /// Unix ms if it is absolute; else what the local calendar and clock showed, as if they were of UTC.
    pub ms: i64,
    /// Whether it said its distance from UTC, as Unix numbers always do.
    pub absolute: bool,
    /// How it was written.
    pub form: StampForm,
}

/// Parses a timestamp into Unix milliseconds; one without a zone is of UTC.
///
/// # Errors
/// As for [`parse_stamp`] without an order of dates; [`Refusal::BadTimestamp`] also for a result outside the years 1970
/// to 2200.
#[inline]
pub fn parse_timestamp(text: &[u8]) -> Result<i64, Refusal> {
    in_range(parse_stamp(text, None)?.ms)
}

/// Checks that a time lies in the years 1970 to 2200.
///
/// # Errors
/// [`Refusal::BadTimestamp`] otherwise.
#[inline]
pub fn in_range(ms: i64) -> Result<i64, Refusal> {
    if (0..END_MS).contains(&ms) { Ok(ms) } else { Err(Refusal::BadTimestamp) }
}

/// Reads a stamp; fractions of milliseconds are cut off.
///
/// Accepts dates `2025-01-31`, `2025/1/31`, `2025.01.31`, `20250131`, `31-Jan-2025`, `Jan 31, 2025`, and, where `order`
/// says which comes first, `31.01.2025` and `1/31/2025`; a time of day behind a blank, a `T` or a comma, as `6:49`,
/// `06:49:00`, `064900`, `0649`, `6:49 PM` or `06-PM`, with a fraction of 1 to 9 digits; behind it `Z`, `UTC`, `GMT`,
/// `±HH`, `±HHMM` or `±HH:MM`. Also seconds, milliseconds, microseconds and nanoseconds since the epoch, whole or with a
/// fraction, told apart by their size: below 10¹¹, 10¹⁴ and 10¹⁷, and above. Eight digits that are a date are one.
///
/// # Errors
/// [`Refusal::BadTimestamp`] for any other form, and for a date or time that does not exist (30 February, second 60).
#[inline]
pub fn parse_stamp(text: &[u8], order: Option<DateOrder>) -> Result<WrittenStamp, Refusal> {
    match text.split_first_chunk::<19>() {
        Some((head, rest)) if head[4] == b'-' && head[13] == b':' && head[16] == b':' => {
            common_form(head, rest).or_else(|_| other_form(text, order))
        }
        _ => other_form(text, order),
    }
}

/// `YYYY-MM-DDTHH:MM:SS` and what stands behind it.
#[inline]
fn common_form(head: &[u8; 19], rest: &[u8]) -> Result<WrittenStamp, Refusal> {
    let (fraction_ms, offset) = fraction(rest)?;
    let (absolute, offset_ms) = offset_ms(offset)?;
    let ms = date_time(head)? + fraction_ms - offset_ms;
    Ok(WrittenStamp { ms, absolute, form: StampForm::DateTime })
}

/// Reads a time of day alone, as files have it that keep it in a column of its own; ms after midnight.
///
/// # Errors
/// [`Refusal::BadTimestamp`] for anything else.
pub fn parse_time_of_day(text: &[u8]) -> Result<i64, Refusal> {
    match text {
        // Numbers have lost their zeros in front.
        digits if !digits.is_empty() && digits.len() <= 6 && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0i64, |sum, b| sum * 10 + i64::from(b - b'0'));
            let (h, m, s) = match digits.len() {
                1..=4 => (number / 100, number % 100, 0),
                _ => (number / 10_000, number / 100 % 100, number % 100),
            };
            clock(h, m, s)
        }
        _ => match time_of_day(text)? {
            (ms, []) => Ok(ms),
            _ => Err(Refusal::BadTimestamp),
        },
    }
}

fn clock(hour: i64, minute: i64, second: i64) -> Result<i64, Refusal> {
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Refusal::BadTimestamp);
    }
    Ok(((hour * 60 + minute) * 60 + second) * 1_000)
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

/// Reads what stands behind a time: whether it is an offset from UTC at all, and which, in milliseconds east of it.
#[inline]
fn offset_ms(text: &[u8]) -> Result<(bool, i64), Refusal> {
    match *text {
        [] => Ok((false, 0)),
        [b'Z'] => Ok((true, 0)),
        _ => other_offset(text).map(|ms| (true, ms)),
    }
}

fn other_offset(text: &[u8]) -> Result<i64, Refusal> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, digits) = match *text {
        [b'Z' | b'z'] | [b'U', b'T', b'C'] | [b'G', b'M', b'T'] => return Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, [h1, h2, m1, m2])
        }
        [sign @ (b'+' | b'-'), h1, h2] => (sign, [h1, h2, b'0', b'0']),
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

/// Everything but the fast form.
#[inline(never)]
fn other_form(text: &[u8], order: Option<DateOrder>) -> Result<WrittenStamp, Refusal> {
    let digits = digits_of(text);
    match digits.len() {
        8 if text.len() == 8 && compact_date(digits).is_ok() => {}
        14 if text.len() == 14 => {
            let (date, time) = digits.split_at(8);
            return Ok(WrittenStamp {
                ms: compact_date(date)? + parse_time_of_day(time)?,
                absolute: false,
                form: StampForm::DateTime,
            });
        }
        0 => {}
        length if length == text.len() => return unix_number(digits, b""),
        length if text[length] == b'.' => {
            let fraction = &text[length + 1..];
            if !fraction.is_empty() && digits_of(fraction).len() == fraction.len() {
                return unix_number(digits, fraction);
            }
        }
        _ => {}
    }
    let (ms, rest) = date(text, order)?;
    let Some((separator, time)) = rest.split_first() else {
        return Ok(WrittenStamp { ms, absolute: false, form: StampForm::Date });
    };
    let time = match separator {
        b' ' | b'T' => time,
        b',' => time.strip_prefix(b" ").unwrap_or(time),
        _ => return Err(Refusal::BadTimestamp),
    };
    let (of_day, rest) = time_of_day(time)?;
    let (absolute, offset) = offset_ms(rest)?;
    Ok(WrittenStamp { ms: ms + of_day - offset, absolute, form: StampForm::DateTime })
}

/// The digits that a text begins with.
fn digits_of(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|b| b.is_ascii_digit()).count()]
}

/// Few digits as a number.
fn small(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0'))
}

/// A number since the epoch; its unit by its size.
fn unix_number(whole: &[u8], fraction: &[u8]) -> Result<WrittenStamp, Refusal> {
    if whole.len() > 19 {
        return Err(Refusal::BadTimestamp);
    }
    let part = (0..3).fold(0, |ms, i| ms * 10 + fraction.get(i).map_or(0, |b| u64::from(b - b'0')));
    // 19 digits are less than 10^19, which fits into u64.
    unit_by_size(whole.iter().fold(0u64, |sum, b| sum * 10 + u64::from(b - b'0')), part)
}

/// A number since the epoch, and thousandths of it.
fn unit_by_size(number: u64, part: u64) -> Result<WrittenStamp, Refusal> {
    let (ms, form) = match number {
        0..100_000_000_000 => (number * 1_000 + part, StampForm::Seconds),
        100_000_000_000..100_000_000_000_000 => (number, StampForm::Millis),
        100_000_000_000_000..100_000_000_000_000_000 => (number / 1_000, StampForm::Micros),
        _ => (number / 1_000_000, StampForm::Nanos),
    };
    let ms = i64::try_from(ms).map_err(|_| Refusal::BadTimestamp)?;
    Ok(WrittenStamp { ms, absolute: true, form })
}

/// A whole number since the epoch, as [`parse_stamp`] reads it.
///
/// # Errors
/// [`Refusal::BadTimestamp`] for one below zero.
#[cfg(feature = "parquet")]
pub(super) fn stamp_of_whole(number: i64) -> Result<WrittenStamp, Refusal> {
    unit_by_size(u64::try_from(number).map_err(|_| Refusal::BadTimestamp)?, 0)
}

/// A number since the epoch, as [`parse_stamp`] reads it.
///
/// # Errors
/// [`Refusal::BadTimestamp`] for one below zero, and for none.
#[cfg(feature = "parquet")]
pub(super) fn stamp_of_number(number: f64) -> Result<WrittenStamp, Refusal> {
    if !(0.0..1e19).contains(&number) {
        return Err(Refusal::BadTimestamp);
    }
    unit_by_size(number as u64, (number.fract() * 1e3).round().min(999.0) as u64)
}

/// Eight digits.
fn compact_date(digits: &[u8]) -> Result<i64, Refusal> {
    civil(small(&digits[..4]), small(&digits[4..6]), small(&digits[6..8]))
}

fn civil(year: i64, month: i64, day: i64) -> Result<i64, Refusal> {
    let (Ok(month), Ok(day)) = (u32::try_from(month), u32::try_from(day)) else { return Err(Refusal::BadTimestamp) };
    if !(1900..=2300).contains(&year) || day == 0 || day > days_in_month(year, month) {
        return Err(Refusal::BadTimestamp);
    }
    Ok(days_from_civil(year, month, day) * DAY_MS)
}

/// A date at the front; ms of its midnight, and what follows.
fn date(text: &[u8], order: Option<DateOrder>) -> Result<(i64, &[u8]), Refusal> {
    const BAD: Refusal = Refusal::BadTimestamp;
    let first = digits_of(text);
    let rest = &text[first.len()..];
    if first.is_empty() {
        // Jan 31, 2025
        let (month, rest) = month_name(rest)?;
        let day = digits_of(rest);
        let rest = rest[day.len()..].strip_prefix(b", ").or_else(|| rest[day.len()..].strip_prefix(b" ")).ok_or(BAD)?;
        let year = digits_of(rest);
        if !(1..=2).contains(&day.len()) || year.len() != 4 {
            return Err(BAD);
        }
        return Ok((civil(small(year), month, small(day))?, &rest[4..]));
    }
    if first.len() == 8 {
        return Ok((compact_date(first)?, rest));
    }
    let (&separator, rest) = rest.split_first().ok_or(BAD)?;
    if !matches!(separator, b'-' | b'/' | b'.' | b' ') {
        return Err(BAD);
    }
    let second = digits_of(rest);
    let named = second.is_empty();
    let (middle, rest) = if named {
        let (month, rest) = month_name(rest)?;
        (month, rest)
    } else {
        let rest = rest[second.len()..].strip_prefix(&[separator]).ok_or(BAD)?;
        (small(&second[..second.len().min(3)]), rest)
    };
    let third = digits_of(rest);
    if !named && (separator == b' ' || second.len() > 2) {
        return Err(BAD);
    }
    let rest = &rest[third.len()..];
    let (year, month, day) = match (first.len(), third.len()) {
        (4, 1..=2) => (small(first), middle, small(third)),
        (1..=2, 2 | 4) => {
            let year = small(third);
            let year = match third.len() {
                4 => year,
                _ if year < 70 => 2_000 + year,
                _ => 1_900 + year,
            };
            match order {
                _ if named => (year, middle, small(first)),
                Some(DateOrder::DayFirst) => (year, middle, small(first)),
                Some(DateOrder::MonthFirst) => (year, small(first), middle),
                None => return Err(BAD),
            }
        }
        _ => return Err(BAD),
    };
    Ok((civil(year, month, day)?, rest))
}

/// The number of a month by the first letters of its English name, and what follows the name and one separator.
fn month_name(text: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    const NAMES: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    const LONG: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let length = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let (name, rest) = text.split_at(length);
    let is = |k: &usize| name.eq_ignore_ascii_case(NAMES[*k]) || name.eq_ignore_ascii_case(LONG[*k]);
    let month = (0..12).find(is).ok_or(Refusal::BadTimestamp)?;
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    match rest.split_first() {
        Some((b' ' | b'-' | b'/', rest)) => Ok((month as i64 + 1, rest)),
        _ => Err(Refusal::BadTimestamp),
    }
}

/// A time of day at the front; ms after midnight, and what follows it.
fn time_of_day(text: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    let hour = digits_of(text);
    let mut rest = &text[hour.len()..];
    let (mut ms, twelve) = match hour.len() {
        4 | 6 => (parse_time_of_day(hour)?, None),
        1 | 2 => {
            let hour = small(hour);
            if let Some(after) = rest.strip_prefix(b":") {
                let minute = digits_of(after);
                rest = &after[minute.len()..];
                let mut second: &[u8] = b"00";
                if let Some(after) = rest.strip_prefix(b":") {
                    second = digits_of(after);
                    rest = &after[second.len()..];
                }
                if minute.len() != 2 || second.len() != 2 {
                    return Err(Refusal::BadTimestamp);
                }
                (clock(hour, small(minute), small(second))?, Some(hour))
            } else {
                let after = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b" ")).unwrap_or(rest);
                if half_of_day(after).is_none() {
                    return Err(Refusal::BadTimestamp);
                }
                rest = after;
                (clock(hour, 0, 0)?, Some(hour))
            }
        }
        _ => return Err(Refusal::BadTimestamp),
    };
    let (fraction_ms, after) = fraction(rest)?;
    ms += fraction_ms;
    if let Some(hour) = twelve
        && let Some((afternoon, after)) = half_of_day(after.strip_prefix(b" ").unwrap_or(after))
    {
        if !(1..=12).contains(&hour) {
            return Err(Refusal::BadTimestamp);
        }
        ms += match (afternoon, hour == 12) {
            (true, false) => 12 * 3_600_000,
            (false, true) => -12 * 3_600_000,
            _ => 0,
        };
        return Ok((ms, after));
    }
    Ok((ms, after))
}

/// `AM` or `PM` at the front: whether it is the afternoon, and what follows.
fn half_of_day(text: &[u8]) -> Option<(bool, &[u8])> {
    match text {
        [b'a' | b'A', b'm' | b'M', rest @ ..] => Some((false, rest)),
        [b'p' | b'P', b'm' | b'M', rest @ ..] => Some((true, rest)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "timestamp_tests.rs"]
mod tests;
