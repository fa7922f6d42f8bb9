//! Every golden list of spans, as `wagehood-engine calendar` prints them.

use super::{
    DAY_MS, golden,
    outside::{engine, run, skipped},
};
use std::fs;
use wagehood_engine::model::time::{Iso8601, civil_from_days, days_from_civil};

/// A date as it is written.
fn written(days: i64) -> String {
    Iso8601(days * DAY_MS).to_string()[..10].to_owned()
}

#[test]
fn spans_are_those_of_the_definition() {
    let Some(golden) = golden() else { return skipped("spans") };
    let mut compared = 0;
    for entry in fs::read_dir(golden.join("spans")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = fs::read_to_string(&path).unwrap();
        // A list is of the labels of whole years.
        let label = |line: Option<&str>| line.unwrap().split(',').next().unwrap().parse::<i64>().unwrap();
        let year = |label: i64| civil_from_days(label.div_euclid(DAY_MS)).0;
        let (first, last) = (year(label(expected.lines().nth(1))), year(label(expected.lines().last())));
        let (from, to) = (days_from_civil(first, 1, 1), days_from_civil(last + 1, 1, 1) - 1);
        let parts: Vec<&str> = name.splitn(3, '_').collect();
        let mut command = engine(["calendar", parts[0], "--timeframe", parts[1]]);
        command.args(["--from", &written(from), "--to", &written(to)]);
        match parts.get(2).copied() {
            Some("extended") => command.args(["--session", "extended"]),
            Some("anchor_open") => command.args(["--anchor", "open"]),
            Some(year) if year.parse::<i64>().is_ok() => &mut command,
            None => &mut command,
            Some(other) => panic!("{name}: {other}"),
        };
        let got = run(&mut command).good().stdout;
        for (n, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
            assert_eq!(got, expected, "{name}:{}", n + 1);
        }
        assert_eq!(got.lines().count(), expected.lines().count(), "{name}");
        compared += 1;
    }
    assert!(compared >= 19, "{compared} lists");
}

#[test]
fn sessions_are_printed_with_their_hours() {
    let july = |args: &[&str]| {
        let mut command = engine(["calendar", "xnys", "--from", "2023-07-03", "--to", "2023-07-05"]);
        run(command.args(args)).good().stdout
    };
    let expected = "date,open,close,local,zone,note\n\
         2023-07-03,2023-07-03T13:30:00Z,2023-07-03T17:00:00Z,09:30-13:00,America/New_York,other hours\n\
         2023-07-05,2023-07-05T13:30:00Z,2023-07-05T20:00:00Z,09:30-16:00,America/New_York,\n";
    assert_eq!(july(&[]), expected);
    let extended = july(&["--session", "extended"]);
    assert!(extended.contains("2023-07-03T08:00:00Z,2023-07-03T21:00:00Z,04:00-17:00"), "{extended}");
    let closed = july(&["--set", "calendars.xnys.extra_closures=[\"2023-07-05\"]"]);
    assert_eq!(closed.lines().count(), 2, "{closed}");
    let early = july(&["--set", "calendars.xnys.early_closes=[\"2023-07-05@12:15\"]"]);
    assert!(early.contains("2023-07-05T13:30:00Z,2023-07-05T16:15:00Z,09:30-12:15"), "{early}");
}

#[test]
fn what_cannot_be_printed_is_told() {
    for (args, words) in [
        (&["xnyz"][..], &["xnyz", "xnys", "table"][..]),
        (&["utc"], &["never closes"]),
        (&["xlon", "--session", "extended"], &["no extended hours"]),
        (&["xlon", "--timeframe", "2d"], &["2d has no bars"]),
        (&["xlon", "--from", "2023-07-03", "--to", "2023-07-02"], &["--to is before --from"]),
    ] {
        run(engine(["calendar"]).args(args)).refused(1, words);
    }
    run(&mut engine(["calendar", "xnys", "--from", "July"])).refused(2, &["2026-01-31"]);
    run(&mut engine(["calendar", "xnys", "--session", "night"])).refused(2, &["regular or extended"]);
}

#[test]
fn a_table_that_has_ended_is_an_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.toml");
    let table = "# XOLD Europe/Madrid 09:00-17:30 Mon-Fri 2019-2020\n2019\n2020";
    let text = format!(
        "[calendars.xold]\ntable = \"\"\"\n{table}\n\"\"\"\n[[watchlist]]\nsymbol = \"A\"\ncalendar = \"xold\"\n"
    );
    fs::write(&path, text).unwrap();
    let checked = run(engine(["config", "check", "--config"]).arg(&path));
    let words = ["calendars.xold", "ends with 2020", "table in [calendars.xold]"];
    assert!(checked.code() == Some(1) && words.iter().all(|word| checked.stdout.contains(word)), "{}", checked.told());
    let started = run(engine(["run", "--duration", "1s", "--config"]).arg(&path).current_dir(dir.path()));
    assert!(!started.status.success() && words.iter().all(|word| started.stderr.contains(word)), "{}", started.told());
    // What was recorded in its years can be replayed, and nothing else.
    let bars =
        "ts,symbol,open,high,low,close,volume\n2020-12-30T09:00:00Z,A,1,1,1,1,1\n2021-01-04T09:00:00Z,A,1,1,1,1,1\n";
    let input = dir.path().join("bars.csv");
    fs::write(&input, bars).unwrap();
    let mut command = engine(["replay", "--base", "1h", "--timeframes", "1d", "--config"]);
    let replayed = run(command.arg(&path).arg("--input").arg(&input)).good();
    assert!(replayed.told().contains("record refused: no_calendar"), "{}", replayed.told());
    assert!(replayed.stderr.contains("ends with 2020"), "{}", replayed.told());
}
