//! Bars stamped at their end, against a plain reading of the rule.

use super::DAY_MS;
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use wagehood_engine::{
    calendar::{BUILT_IN, Choice, Definition},
    model::{Calendar, Refusal, Span, Stamp, StampedAt, Timeframe},
};

struct Exchange {
    calendar: Calendar,
    zone: TimeZone,
}

static EXCHANGES: LazyLock<Vec<Exchange>> = LazyLock::new(|| {
    let of = |(name, _): (&str, &str)| {
        let definition = Definition::built_in(name).unwrap().unwrap();
        let calendar = Calendar::Exchange(Arc::new(definition.sessions(Choice::default()).unwrap()));
        Exchange { calendar, zone: TimeZone::get(definition.zone()).unwrap() }
    };
    BUILT_IN.into_iter().map(of).collect()
});

/// The first date of the period that a date belongs to, days since 1970-01-01, a Thursday.
fn first_of(base: &str, date: i64) -> i64 {
    let civil = |days: i64| Timestamp::from_millisecond(days * DAY_MS).unwrap().to_zoned(TimeZone::UTC).date();
    match base {
        "1w" => date - i64::from(civil(date).weekday().to_monday_zero_offset()),
        "1M" => date - i64::from(civil(date).day()) + 1,
        _ => date,
    }
}

impl Exchange {
    /// Which date a bar of a day or longer has that is stamped so at its end.
    fn date(&self, stamp: Stamp) -> i64 {
        match stamp {
            Stamp::Date(date) => date,
            Stamp::Moment(ms) if ms % DAY_MS == 0 => ms / DAY_MS - 1,
            Stamp::Moment(ms) => {
                let before = Timestamp::from_millisecond(ms - 1).unwrap().to_zoned(self.zone.clone()).date();
                before.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond() / DAY_MS
            }
        }
    }

    /// The bar of one day or longer: the sessions of its dates, one by one.
    fn period(&self, base: &str, date: i64) -> Option<Span> {
        let first = first_of(base, date);
        let near = self.calendar.sessions().iter().filter(|session| (session.date - first).abs() < 40);
        let mut own = near.filter(|session| first_of(base, session.date) == first);
        let open = own.next()?;
        Some(Span { label: first * DAY_MS, start: open.open, end: own.next_back().unwrap_or(open).close })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_bar_stamped_at_its_end_is_that_of_the_millisecond_before(
        which in 0..BUILT_IN.len(),
        along in 0.0..1.0f64,
        // Midnights, hours, and the milliseconds around them.
        minute in prop_oneof![Just(0), (0i64..24).prop_map(|hour| hour * 60), 0i64..1_440],
        off in prop_oneof![4 => Just(0), 1 => -1i64..=1],
        base in prop::sample::select(vec!["1m", "1h", "1d", "1w", "1M"]),
    ) {
        let exchange = &EXCHANGES[which];
        let timeframe: Timeframe = base.parse().unwrap();
        // Within the years of its table, but for their edges.
        let sessions = exchange.calendar.sessions();
        let (first, last) = (sessions[40].date, sessions[sessions.len() - 40].date);
        let day = first + (along * (last - first) as f64) as i64;
        let ms = day * DAY_MS + minute * 60_000 + off;
        let read = |stamp: Stamp| exchange.calendar.record(timeframe, stamp.start(StampedAt::End, timeframe));
        if !timeframe.is_long() {
            // Its bar is the one whose multiple of the interval the millisecond before lies in, in the first session of it.
            let start = (ms - 1).div_euclid(timeframe.interval_ms()) * timeframe.interval_ms();
            let end = start + timeframe.interval_ms();
            let session = exchange.calendar.sessions().iter().find(|session| session.close > start && session.open < end);
            let expected = session.map(|session| (start.max(session.open), end.min(session.close)));
            prop_assert_eq!(read(Stamp::Moment(ms)).ok().map(|span| (span.start, span.end)), expected);
            return Ok(());
        }
        for stamp in [Stamp::Moment(ms), Stamp::Date(day)] {
            let expected = exchange.period(base, exchange.date(stamp)).ok_or(Refusal::OutsideSession);
            prop_assert_eq!(read(stamp), expected, "{:?}", stamp);
        }
    }
}
