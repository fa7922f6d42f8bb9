//! The names of time zones.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// The zone of a name such as `America/New_York`, or of a distance from UTC such as `+05:30`, `-0500` or `+9`: of the tables
/// that are compiled in, so that a host's tables make no difference. `None` for a name that is none.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    match name.strip_prefix(['+', '-']) {
        Some(distance) => {
            let seconds = distance_s(distance)?;
            let seconds = if name.starts_with('-') { -seconds } else { seconds };
            Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
        }
        None => TimeZoneDatabase::bundled().get(name).ok(),
    }
}

/// Seconds of `HH`, `HHMM` or `HH:MM`.
fn distance_s(text: &str) -> Option<i32> {
    let (hours, minutes) = match text.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if text.len() == 4 && text.is_ascii() => text.split_at(2),
        None => (text, "0"),
    };
    let number = |text: &str| -> Option<i32> {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_distances_are_zones() {
        for (name, seconds) in
            [("UTC", 0), ("+05:30", 19_800), ("-0500", -18_000), ("+9", 32_400), ("Asia/Tokyo", 32_400)]
        {
            let zone = time_zone(name).map(|zone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds());
            assert_eq!(zone, Some(seconds), "{name}");
        }
        for name in ["", "Mars/Olympus", "+25:00", "+5:3", "+", "-abc", "+05:75"] {
            assert!(time_zone(name).is_none(), "{name}");
        }
    }
}
