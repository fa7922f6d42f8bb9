//! The tables against the package that they come from.

use super::{DAY_MS, outside::lines};
use std::{collections::BTreeMap, fs, io::Write, path::Path, process::Command};
use wagehood_engine::{
    calendar::{BUILT_IN, Choice, Definition},
    model::time::civil_from_days,
};

/// Prints name, date, open and close, in Unix ms, of every session of the calendars that it is given.
const PROGRAM: &str = r#"
import sys
import exchange_calendars as xc
for spec in sys.argv[1:]:
    name, first, last = spec.split(":")
    schedule = xc.get_calendar(name.upper(), start=f"{first}-01-01", end=f"{last}-12-31").schedule
    for day, open, close in zip(schedule.index, schedule.open, schedule.close):
        print(name, round(day.timestamp() * 1000), round(open.timestamp() * 1000), round(close.timestamp() * 1000), sep=",")
"#;

#[test]
fn package_and_tables_have_the_same_sessions() {
    // `make exchange-calendars` puts it there.
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/exchange-calendars/bin/python");
    if !python.exists() {
        let line = "skipped: the tables of sessions against their package; `make exchange-calendars` installs it\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    type Dates = BTreeMap<(String, i64), (i64, i64)>;
    let (mut ours, mut specs) = (Dates::new(), Vec::new());
    for (name, _) in BUILT_IN {
        let definition = Definition::built_in(name).unwrap().unwrap();
        let sessions = definition.sessions(Choice::default()).unwrap();
        let first = civil_from_days(sessions.list()[0].date).0;
        specs.push(format!("{name}:{first}:{}", definition.last_year()));
        ours.extend(sessions.list().iter().map(|s| ((name.to_owned(), s.date * DAY_MS), (s.open, s.close))));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.csv");
    let status =
        Command::new(python).args(["-c", PROGRAM]).args(specs).stdout(fs::File::create(&path).unwrap()).status();
    assert!(status.unwrap().success());
    let theirs: Dates = lines(&path)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let number = |index: usize| fields[index].parse::<i64>().unwrap();
            ((fields[0].to_owned(), number(1)), (number(2), number(3)))
        })
        .collect();
    assert!(theirs.len() > 75_000, "{} sessions", theirs.len());
    for (session, hours) in &theirs {
        assert_eq!(ours.get(session), Some(hours), "{session:?}");
    }
    let more: Vec<_> = ours.keys().filter(|session| !theirs.contains_key(*session)).take(3).collect();
    assert!(more.is_empty(), "sessions that the package does not have: {more:?}");
}
