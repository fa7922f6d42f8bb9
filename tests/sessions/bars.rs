//! Every golden file of bars: what a replay makes of the same input.

use super::{
    golden,
    outside::{engine, lines, run, skipped},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use wagehood_engine::{
    calendar::{Anchor, Choice, Definition, Hours, Outside},
    model::{Calendar, Timeframe},
};

/// One row of the table of golden results.
struct Case {
    golden: &'static str,
    input: &'static str,
    base: &'static str,
    timeframes: &'static str,
    calendar: &'static str,
    choice: Choice,
}

const REGULAR: Choice = Choice { hours: Hours::Regular, anchor: Anchor::Utc, outside: Outside::Refuse };
const INTRADAY: Choice = Choice { outside: Outside::Intraday, ..REGULAR };
const EXTENDED: Choice = Choice { hours: Hours::Extended, ..REGULAR };

fn check(golden: &'static str, input: &'static str, base: &'static str, timeframes: &'static str, choice: Choice) {
    let calendar = golden.split('_').next().unwrap();
    Case { golden, input, base, timeframes, calendar, choice }.check();
}

#[test]
fn seconds_of_new_york_without_its_nights() {
    check("xnys_1s_regular_drop", "../../data/us_equities_1s.csv.gz", "1s", "1m,5m,1h,1d,1w", REGULAR);
}

#[test]
fn seconds_of_new_york_with_its_nights() {
    check("xnys_1s_regular_intraday", "../../data/us_equities_1s.csv.gz", "1s", "1m,5m,1h,1d,1w", INTRADAY);
}

#[test]
fn seconds_of_new_york_with_extended_hours() {
    check("xnys_1s_extended_drop", "../../data/us_equities_1s.csv.gz", "1s", "1m,5m,1h,1d,1w", EXTENDED);
}

#[test]
fn days_of_new_york() {
    check("xnys_1d", "../../data/us_equities_1d.csv.gz", "1d", "1d,1w,1M", REGULAR);
}

#[test]
fn hours_of_new_york() {
    for (golden, choice) in
        [("xnys_1h_regular_drop", REGULAR), ("xnys_1h_regular_intraday", INTRADAY), ("xnys_1h_extended_drop", EXTENDED)]
    {
        check(golden, "input/xnys_1h.csv", "1h", "1h,4h,1d,1w,1M", choice);
    }
}

#[test]
fn hours_from_the_open() {
    let choice = Choice { anchor: Anchor::Open, ..REGULAR };
    check("xnys_1h_open", "input/xnys_1h_yahoo.csv", "1h", "1h,4h,1d,1w", choice);
}

#[test]
fn hours_of_paris() {
    check("xpar_1h_drop", "input/xpar_1h.csv", "1h", "1h,4h,1d,1w", REGULAR);
    check("xpar_1h_intraday", "input/xpar_1h.csv", "1h", "1h,4h,1d,1w", INTRADAY);
}

#[test]
fn days_of_london_tokyo_and_sydney() {
    for (golden, input) in
        [("xlon_1d", "input/xlon_1d.csv"), ("xtks_1d", "input/xtks_1d.csv"), ("xasx_1d", "input/xasx_1d.csv")]
    {
        check(golden, input, "1d", "1d,1w,1M", REGULAR);
    }
}

/// By symbol, timeframe and time: open, high, low, close, volume, vwap.
type Bars = BTreeMap<(String, String, i64), Vec<f64>>;

impl Case {
    fn calendar(&self) -> Calendar {
        let definition = Definition::built_in(self.calendar).unwrap().unwrap();
        Calendar::Exchange(Arc::new(definition.sessions(self.choice).unwrap()))
    }

    fn check(&self) {
        let Some(folder) = golden() else { return skipped(self.golden) };
        let (expected, ends) = read(&folder.join(format!("{}.csv.gz", self.golden)));
        assert!(!expected.is_empty());
        let calendar = self.calendar();
        for ((_, timeframe, ts), end) in &ends {
            let timeframe: Timeframe = timeframe.parse().unwrap();
            assert_eq!(timeframe.end(*ts, &calendar), *end, "{}: the end of {timeframe} {ts}", self.golden);
        }
        let dir = tempfile::tempdir().unwrap();
        let out = |name: &str| dir.path().join(name);
        let is_base = |(key, _): &(&(String, String, i64), &Vec<f64>)| key.1 == self.base;
        let cells: BTreeSet<String> =
            expected.iter().filter(is_base).map(|(key, _)| format!("{}:{}", key.0, key.1)).collect();
        let mut command = engine(["replay", "--quiet", "--base", self.base, "--timeframes", self.timeframes]);
        command.args(["--calendar", self.calendar, "--session", self.choice.hours.name()]);
        command.args(["--anchor", self.choice.anchor.name(), "--outside-session", self.choice.outside.name()]);
        let input = with_times(&folder.join(self.input), &out("input.csv"));
        command.arg("--input").arg(input).arg("--bars").arg(out("bars.csv"));
        if !cells.is_empty() {
            let cells: Vec<String> = cells.iter().cloned().collect();
            command.args(["--cells", &cells.join(",")]).arg("--indicators").arg(out("base.csv"));
        }
        let ended = run(&mut command).good();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "--quiet says nothing");

        let (ours, _) = read(&out("bars.csv"));
        for (key, values) in expected.iter().filter(|(key, _)| key.1 != self.base) {
            let own = ours.get(key).unwrap_or_else(|| panic!("{}: {key:?} is missing: {values:?}", self.golden));
            assert!(same(own, values), "{}: {key:?}\n    ours {own:?}\n  golden {values:?}", self.golden);
        }
        let more: Vec<_> = ours.keys().filter(|key| !expected.contains_key(*key)).take(3).collect();
        assert!(more.is_empty(), "{}: not among the golden: {more:?}", self.golden);
        if !cells.is_empty() {
            let base: BTreeMap<_, f64> =
                expected.iter().filter(is_base).map(|(key, bar)| (key.clone(), bar[3])).collect();
            assert_eq!(closes(&out("base.csv")), base, "{}: the base bars, cut as they are", self.golden);
        }
    }
}

/// The file, or where it has dates without times, a copy that says which moment these are.
fn with_times(from: &Path, to: &Path) -> PathBuf {
    let is_date = |line: &String| line.split(',').next().is_some_and(|ts| ts.len() == 10 && ts.contains('-'));
    if !lines(from).any(|line| is_date(&line)) {
        return from.to_owned();
    }
    let with = |line: String| if is_date(&line) { line.replacen(',', "T00:00:00Z,", 1) } else { line };
    std::fs::write(to, lines(from).map(|line| with(line) + "\n").collect::<String>()).unwrap();
    to.to_owned()
}

/// The bars of a file, and their ends where it has them.
fn read(path: &Path) -> (Bars, BTreeMap<(String, String, i64), i64>) {
    let (mut bars, mut ends) = (Bars::new(), BTreeMap::new());
    let mut lines = lines(path);
    let header = lines.next().unwrap();
    assert!(header.starts_with("ts,symbol,timeframe,open,high,low,close,volume,vwap"), "{header}");
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let key = (fields[1].to_owned(), fields[2].to_owned(), fields[0].parse().unwrap());
        if let Some(end) = fields.get(9) {
            ends.insert(key.clone(), end.parse().unwrap());
        }
        let values = fields[3..9].iter().map(|field| field.parse().unwrap()).collect();
        assert!(bars.insert(key, values).is_none(), "{}: twice: {line}", path.display());
    }
    (bars, ends)
}

/// Time and close of the bars in a file of indicators.
fn closes(path: &Path) -> BTreeMap<(String, String, i64), f64> {
    let mut found = BTreeMap::new();
    for line in lines(path).skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let key = (fields[1].to_owned(), fields[2].to_owned(), fields[0].parse().unwrap());
        assert!(found.insert(key, fields[3].parse().unwrap()).is_none(), "twice: {line}");
    }
    found
}

/// Prices are the same; sums of volumes may differ by the order of their additions.
fn same(ours: &[f64], golden: &[f64]) -> bool {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    ours[..4] == golden[..4] && ours[4..].iter().zip(&golden[4..]).all(near)
}
