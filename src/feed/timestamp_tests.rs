//! Tests of the timestamps: a table of every form, what is refused, what is written is read back.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::time::Iso8601;
use proptest::prelude::*;

const T: i64 = 1_751_985_000_000; // 2025-07-08T14:30:00Z
const D: i64 = 1_751_932_800_000; // 2025-07-08T00:00:00Z

fn parse(text: &str) -> Option<i64> {
    parse_timestamp(text.as_bytes()).ok()
}

fn ordered(text: &str, order: DateOrder) -> Option<i64> {
    parse_stamp(text.as_bytes(), Some(order)).ok().map(|stamp| stamp.ms)
}

#[test]
fn reads_every_form() {
    use StampForm::{Date, DateTime, Micros, Millis, Nanos, Seconds};
    for (text, ms, form, absolute) in [
        ("2025-07-08T14:30:00", T, DateTime, false),
        ("2025-07-08 14:30:00", T, DateTime, false),
        ("2025-07-08T14:30:00Z", T, DateTime, true),
        ("2025-07-08T14:30:00z", T, DateTime, true),
        ("2025-07-08 14:30:00 UTC", T, DateTime, true),
        ("2025-07-08 14:30:00UTC", T, DateTime, true),
        ("2025-07-08T14:30:00.2", T + 200, DateTime, false),
        ("2025-07-08T14:30:00.2509999Z", T + 250, DateTime, true),
        ("2025-07-08T14:30:00.000999999", T, DateTime, false),
        ("2025-07-08T14:30:00.123456+00:00", T + 123, DateTime, true),
        ("2025-07-08T10:30:00-04:00", T, DateTime, true),
        ("2025-07-08T10:30:00-0400", T, DateTime, true),
        ("2025-07-08T10:30:00-04", T, DateTime, true),
        ("2025-07-08 10:30:00 -0400", T, DateTime, true),
        ("2025-07-08T20:00:00.5+05:30", T + 500, DateTime, true),
        ("2025-07-08T14:30", T, DateTime, false),
        ("2025-07-08 14:30Z", T, DateTime, true),
        ("2025-07-08 2:30 PM", T, DateTime, false),
        ("2025-07-08 02-PM", T - 1_800_000, DateTime, false),
        ("2025-07-08 12:00:00 AM", D, DateTime, false),
        ("2025-07-08", D, Date, false),
        ("2025-7-8", D, Date, false),
        ("2025/07/08", D, Date, false),
        ("2025/07/08 14:30", T, DateTime, false),
        ("2025.07.08 14:30", T, DateTime, false),
        ("20250708", D, Date, false),
        ("20250708 143000", T, DateTime, false),
        ("20250708 1430", T, DateTime, false),
        ("20250708T143000Z", T, DateTime, true),
        ("20250708 14:30:00.250", T + 250, DateTime, false),
        ("20250708143000", T, DateTime, false),
        ("08-Jul-2025", D, Date, false),
        ("8 July 2025", D, Date, false),
        ("Jul 8, 2025", D, Date, false),
        ("July 08, 2025 14:30", T, DateTime, false),
        ("08-Jul-25", D, Date, false),
        ("1751985000", T, Seconds, true),
        ("1751985000.25", T + 250, Seconds, true),
        ("1751985000.0", T, Seconds, true),
        ("0", 0, Seconds, true),
        ("86400", 86_400_000, Seconds, true),
        ("1751985000250", T + 250, Millis, true),
        ("1751985000250.0", T + 250, Millis, true),
        ("1751985000250999", T + 250, Micros, true),
        ("1751985000250999.5", T + 250, Micros, true),
        ("1751985000250999999", T + 250, Nanos, true),
        ("1970-01-01T00:00:00", 0, DateTime, false),
        ("2200-12-31T23:59:59.999", END_MS - 1, DateTime, false),
        ("2024-02-29T00:00:00", 1_709_164_800_000, DateTime, false),
    ] {
        assert_eq!(parse_stamp(text.as_bytes(), None), Ok(WrittenStamp { ms, absolute, form }), "{text}");
        assert_eq!(parse(text), Some(ms), "{text}");
    }
}

#[test]
fn units_change_exactly_at_their_bounds() {
    for (text, ms) in [
        ("7289654399", 7_289_654_399_000),
        ("99999999999", 99_999_999_999_000),
        ("100000000000", 100_000_000_000),
        ("99999999999999", 99_999_999_999_999),
        ("100000000000000", 100_000_000_000),
        ("99999999999999999", 99_999_999_999_999),
        ("100000000000000000", 100_000_000_000),
    ] {
        // Fourteen digits are a time of day where they are one.
        let expected = if text.len() == 14 { None } else { Some(ms) };
        assert_eq!(parse_stamp(text.as_bytes(), None).ok().map(|stamp| stamp.ms), expected, "{text}");
    }
}

#[test]
fn day_and_month_need_their_order() {
    use DateOrder::{DayFirst, MonthFirst};
    for (text, day_first, month_first) in [
        ("08.07.2025", Some(D), Some(1_754_524_800_000)),
        ("7/8/2025 14:30", Some(1_754_577_000_000), Some(T)),
        ("31.01.2026", Some(1_769_817_600_000), None),
        ("1/31/2026 6:49", None, Some(1_769_842_140_000)),
        ("1/31/26 6:49 AM", None, Some(1_769_842_140_000)),
        ("31-01-2026", Some(1_769_817_600_000), None),
        ("31-Jan-2026", Some(1_769_817_600_000), Some(1_769_817_600_000)),
        ("2026-01-31", Some(1_769_817_600_000), Some(1_769_817_600_000)),
    ] {
        let of = |order| ordered(text, order);
        assert_eq!((of(DayFirst), of(MonthFirst)), (day_first, month_first), "{text}");
    }
    for text in ["08.07.2025", "1/31/2026 6:49", "31.01.2026", "31-01-2026", "1/31/26"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn times_of_day_stand_alone() {
    for (text, ms) in [
        ("14:30", 52_200_000),
        ("9:05:07", 32_707_000),
        ("143000", 52_200_000),
        ("93000", 34_200_000),
        ("930", 34_200_000),
        ("0", 0),
        ("000000", 0),
        ("2:30 PM", 52_200_000),
        ("14:30:00.250", 52_200_250),
    ] {
        assert_eq!(parse_time_of_day(text.as_bytes()), Ok(ms), "{text}");
    }
    for text in ["", "24:00", "12:60", "2400", "1234567", "14:30Z", "2025-07-08", "12:5", "13:00 PM", "0:30 AM"] {
        assert_eq!(parse_time_of_day(text.as_bytes()), Err(Refusal::BadTimestamp), "{text}");
    }
}

#[test]
fn refuses_everything_else() {
    for text in [
        "",
        "Z",
        "now",
        "2025-07-08t14:30:00",
        "2025-07-08T14:30:00.",
        "2025-07-08T14:30:00.1234567890",
        "2025-07-08T14:30:00,5",
        "2025-07-08T14:30:00 ",
        " 2025-07-08T14:30:00",
        "2025-07-08T14:30:00ZZ",
        "2025-07-08T14:30:00+4",
        "2025-07-08T14:30:00+04:0",
        "2025-07-08T14:30:00+24:00",
        "2025-07-08T14:30:00+04:60",
        "2025-07-08T14:30:00Z+04:00",
        "2025-07-08T14:30:00 EST",
        "2025-13-08T14:30:00",
        "2025-00-08T14:30:00",
        "2025-07-00T14:30:00",
        "2025-02-30T00:00:00",
        "2025-02-30",
        "2023-02-29T00:00:00",
        "2100-02-29T00:00:00",
        "2025-07-08T24:00:00",
        "2025-07-08T23:60:00",
        "2025-07-08T23:59:60",
        "1969-12-31T23:59:59",
        "1969-12-31",
        "2201-01-01T00:00:00",
        "9999-12-31T23:59:59",
        "1970-01-01T00:00:00+00:01",
        "2200-12-31T23:59:59-00:01",
        "2O25-07-08T14:30:00",
        "2025-07/08",
        "2025-07",
        "2025 07 08",
        "-751985000",
        "+1751985000",
        "1751985000.",
        "1751985000.5.5",
        "1.751985e9",
        ".5",
        "9999999999",
        "9999999999999",
        "9999999999999999999",
        "99999999999999999999",
        "20250708253000",
        "8-Foo-2025",
        "Jul 8 25",
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
    }

    #[test]
    fn numbers_say_their_unit_by_their_size(ms in 100_000_000_000..END_MS, below in 0i64..1_000_000) {
        prop_assert_eq!(parse(&(ms / 1_000).to_string()), Some(ms / 1_000 * 1_000));
        prop_assert_eq!(parse(&format!("{}.{:03}", ms / 1_000, ms % 1_000)), Some(ms));
        prop_assert_eq!(parse(&ms.to_string()), Some(ms));
        prop_assert_eq!(parse(&(ms * 1_000 + below % 1_000).to_string()), Some(ms));
        prop_assert_eq!(parse(&(ms * 1_000_000 + below).to_string()), Some(ms));
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), mut text in "[0-9]{1,4}[-/. ][0-9Jan]{1,3}[-/. ][0-9]{2,4}[T ,][0-9]{1,2}:[0-9]{2}:[0-9]{2}[.Z0-9:+-]{0,12}") {
        for order in [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)] {
            let _ = parse_stamp(&bytes, order);
            let _ = parse_stamp(text.as_bytes(), order);
        }
        let _ = parse_time_of_day(&bytes);
        text.push('Z');
        if let Ok(ms) = parse_timestamp(text.as_bytes()) {
            prop_assert!((0..END_MS).contains(&ms));
        }
    }
}
