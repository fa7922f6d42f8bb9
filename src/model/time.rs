//! Calendar arithmetic on Unix milliseconds: the formats of the wire, without a time-zone database.

use crate::text::push_i64;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
///
/// Algorithm: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
#[must_use]
pub const fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = ((month + 9) % 12) as i64;
    let doy = (153 * mp + 2) / 5 + day as i64 - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Year, month and day of a number of days since 1970-01-01: the inverse of [`days_from_civil`].
#[must_use]
pub const fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Length of the month, days; 0 for a month that does not exist.
#[must_use]
pub const fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 0,
    }
}

/// A time of Unix milliseconds as ISO 8601 in UTC, such as `2025-07-08T14:30:00` (`.250` only where there are milliseconds).
#[derive(Debug, Clone, Copy)]
pub struct Iso8601(pub i64);

impl std::fmt::Display for Iso8601 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400_000));
        let ms = self.0.rem_euclid(86_400_000);
        let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
        if ms != 0 {
            write!(f, ".{ms:03}")?;
        }
        Ok(())
    }
}

/// How far a time is ahead of another, ms, and what that one is, for people: "5 h 00 min ahead of the records",
/// "2.5 s behind the records"; "2.5 s behind" where it has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart<'a>(pub i64, pub &'a str);

impl std::fmt::Display for Apart<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0.unsigned_abs();
        let minutes = (ms + 30_000) / 60_000;
        match ms {
            ..60_000 => write!(f, "{:.1} s", ms as f64 / 1e3)?,
            60_000..3_570_000 => write!(f, "{minutes} min")?,
            3_570_000..172_800_000 => write!(f, "{} h {:02} min", minutes / 60, minutes % 60)?,
            _ => write!(f, "{} days", (ms + 43_200_000) / 86_400_000)?,
        }
        match (self.0 < 0, self.1) {
            (true, "") => f.write_str(" behind"),
            (false, "") => f.write_str(" ahead"),
            (true, other) => write!(f, " behind {other}"),
            (false, other) => write!(f, " ahead of {other}"),
        }
    }
}

/// Appends a time of Unix milliseconds as ISO 8601 in UTC without a zone, such as `2025-07-08T14:30:00`
/// (`.250` only where there are milliseconds): the text of [`Iso8601`].
pub fn push_iso8601(out: &mut Vec<u8>, unix_ms: i64) {
    let (year, month, day) = civil_from_days(unix_ms.div_euclid(86_400_000));
    let ms = unix_ms.rem_euclid(86_400_000);
    match u32::try_from(year) {
        Ok(year @ 0..=9999) => push_digits(out, year, 4),
        _ => push_i64(out, year),
    }
    let clock = |divisor: i64, modulus: i64| u32::try_from(ms / divisor % modulus).unwrap_or(0);
    for (separator, value) in
        [(b'-', month), (b'-', day), (b'T', clock(3_600_000, 24)), (b':', clock(60_000, 60)), (b':', clock(1_000, 60))]
    {
        out.push(separator);
        push_digits(out, value, 2);
    }
    let rest = clock(1, 1_000);
    if rest != 0 {
        out.push(b'.');
        push_digits(out, rest, 3);
    }
}

/// Appends the last `width` (at most 4) decimal digits of `value`, padded with zeros.
fn push_digits(out: &mut Vec<u8>, value: u32, width: usize) {
    let digits = [value / 1_000 % 10, value / 100 % 10, value / 10 % 10, value % 10].map(|digit| b'0' + digit as u8);
    out.extend_from_slice(&digits[4 - width..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn how_far_times_are_apart_is_said_in_the_unit_that_fits() {
        let say = |ms| Apart(ms, "it").to_string();
        assert_eq!(say(18_000_000), "5 h 00 min ahead of it");
        assert_eq!(say(-2_500), "2.5 s behind it");
        assert_eq!(say(-61_000), "1 min behind it");
        assert_eq!(say(3_599_999), "1 h 00 min ahead of it");
        assert_eq!(say(365 * 86_400_000), "365 days ahead of it");
        assert_eq!(Apart(i64::MIN, "").to_string(), "106751991167 days behind");
    }

    #[test]
    fn civil_dates_round_trip() {
        for days in (-800_000..800_000).step_by(37) {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
            assert!(d >= 1 && d <= days_in_month(y, m), "{y}-{m}-{d}");
        }
    }

    #[test]
    fn formats_as_the_existing_system_does() {
        assert_eq!(Iso8601(1_751_985_000_000).to_string(), "2025-07-08T14:30:00");
        assert_eq!(Iso8601(-1).to_string(), "1969-12-31T23:59:59.999");
    }

    proptest! {
        #[test]
        fn times_are_appended_as_they_are_printed(ms in -62_167_219_200_000i64..400_000_000_000_000) {
            let mut text = Vec::new();
            push_iso8601(&mut text, ms);
            prop_assert_eq!(String::from_utf8(text).unwrap(), Iso8601(ms).to_string());
        }
    }
}
