//! Daily files as vendors write them, stamped at midnight of their own zone, become the weeks that people count.

use super::{
    DAY_MS,
    outside::{engine, lines, run},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::{collections::BTreeMap, fmt::Write as _, fs};
use wagehood_engine::calendar::{Choice, Definition};

/// Label, open, high, low, close and volume of the bars of one symbol and timeframe.
type Bars = BTreeMap<(String, String, i64), [f64; 5]>;

#[test]
fn days_at_local_midnight_become_the_weeks_and_months_of_their_dates() {
    for (calendar, zone) in [
        ("xhkg", "Asia/Hong_Kong"),
        ("xlon", "Europe/London"),
        ("xtks", "Asia/Tokyo"),
        ("xpar", "Europe/Paris"),
        ("xasx", "Australia/Sydney"),
        ("xtse", "America/Toronto"),
    ] {
        let zone = TimeZone::get(zone).unwrap();
        let definition = Definition::built_in(calendar).unwrap().unwrap();
        let sessions = definition.sessions(Choice::default()).unwrap();
        // From the middle of a week in 2019 over a New Year and six changes of the clock.
        let dates: Vec<Date> = sessions
            .list()
            .iter()
            .map(|session| Timestamp::from_millisecond(session.date * DAY_MS).unwrap())
            .map(|moment| moment.to_zoned(TimeZone::UTC).date())
            .filter(|date| (2019..2023).contains(&date.year()) && *date > Date::constant(2019, 1, 2))
            .collect();
        let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
        let (mut expected, mut open) = (Bars::new(), BTreeMap::<(String, String), (i64, [f64; 5])>::new());
        for (n, date) in dates.iter().enumerate() {
            let utc = date.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
            let local = date.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
            let noon = date.at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
            let low = 100.0 + (n * 7_919 % 101) as f64;
            let bar = [low + 1.0, low + 3.0, low, low + 2.0, 1_000.0 + n as f64];
            for (symbol, stamp) in [("MIDNIGHT", local), ("UTC", utc), ("NOON", noon)] {
                writeln!(text, "{stamp},{symbol},{},{},{},{},{}", bar[0], bar[1], bar[2], bar[3], bar[4]).unwrap();
                let monday = date.saturating_sub(jiff::Span::new().days(date.weekday().to_monday_zero_offset()));
                for (timeframe, first) in [("1w", monday), ("1M", date.first_of_month())] {
                    let label = first.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
                    let key = (symbol.to_owned(), timeframe.to_owned());
                    match open.get_mut(&key).filter(|(of, _)| *of == label) {
                        Some((_, whole)) => {
                            let [_, high, low, close, volume] = whole;
                            (*high, *low) = (high.max(bar[1]), low.min(bar[2]));
                            (*close, *volume) = (bar[3], *volume + bar[4]);
                        }
                        None => {
                            if let Some((label, whole)) = open.insert(key.clone(), (label, bar)) {
                                expected.insert((key.0, key.1, label), whole);
                            }
                        }
                    }
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (input, bars) = (dir.path().join("days.csv"), dir.path().join("bars.csv"));
        fs::write(&input, text).unwrap();
        let mut command = engine(["replay", "--quiet", "--base", "1d", "--timeframes", "1w,1M"]);
        command.args(["--calendar", calendar, "--input"]).arg(input).arg("--bars").arg(&bars);
        run(&mut command).good();
        let mut ours: Bars = lines(&bars)
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let number = |index: usize| fields[index].parse::<f64>().unwrap();
                let key = (fields[1].to_owned(), fields[2].to_owned(), fields[0].parse().unwrap());
                (key, std::array::from_fn(|index| number(index + 3)))
            })
            .collect();
        // The last of each may be complete or not.
        for (key, (label, whole)) in open {
            if let Some(own) = ours.remove(&(key.0, key.1, label)) {
                assert_eq!(own, whole, "{calendar}");
            }
        }
        assert!(expected.len() > 3 * 250, "{calendar}: {} bars", expected.len());
        assert_eq!(ours, expected, "{calendar}");
    }
}
