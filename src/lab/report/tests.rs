//! Tests on the committed runs: what the report says of each matches its logs, decoded here without the library.

use super::{
    Distribution, Run, Series, Theme, ThroughputRun, pictures,
    rates::rates,
    read_hgrm,
    summary::{cells, summary_markdown},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// The highest value of a slot, ns, once for each latency in it.
type Values = Vec<u64>;

fn runs() -> Vec<PathBuf> {
    let all = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("perf/runs")).unwrap();
    let mut dirs: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    dirs.retain(|dir| dir.join("run.toml").exists());
    dirs.sort();
    dirs
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The numbers of a payload: LEB128 of up to nine bytes, zigzag-encoded.
fn numbers(payload: &[u8]) -> Vec<i64> {
    let (mut numbers, mut number, mut shift) = (Vec::new(), 0_u64, 0);
    for &byte in payload {
        let whole = shift == 56;
        number |= u64::from(if whole { byte } else { byte & 0x7f }) << shift;
        shift += 7;
        if whole || byte < 0x80 {
            numbers.push((number >> 1) as i64 ^ -((number & 1) as i64));
            (number, shift) = (0, 0);
        }
    }
    numbers
}

/// An encoded histogram: 2,048 slots of width one, then 1,024 for each doubling.
fn decode(text: &str) -> Values {
    let bytes = STANDARD.decode(text).unwrap();
    assert_eq!(big_endian(&bytes[..4]), 0x1c84_9314, "compressed, version 2");
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(&bytes[8..]).read_to_end(&mut plain).unwrap();
    let (digits, lowest) = (big_endian(&plain[12..16]), big_endian(&plain[16..24]));
    assert_eq!((big_endian(&plain[..4]), digits, lowest), (0x1c84_9313, 3, 1));
    let (mut values, mut slot) = (Vec::new(), 0_u64);
    for number in numbers(&plain[40..40 + big_endian(&plain[4..8]) as usize]) {
        if number < 0 {
            slot += number.unsigned_abs();
            continue;
        }
        let doublings = (slot / 1_024).saturating_sub(1);
        let within = slot - 1_024 * doublings;
        values.extend((0..number).map(|_| ((within + 1) << doublings) - 1));
        slot += 1;
    }
    values
}

/// The intervals of a log by tag and start.
fn naive(path: &Path) -> BTreeMap<String, Vec<(String, Values)>> {
    let mut found: BTreeMap<String, Vec<(String, Values)>> = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines().filter(|line| !line.starts_with(['#', '"'])) {
        let columns: Vec<&str> = line.split(',').collect();
        let (tag, rest) = match columns[0].strip_prefix("Tag=") {
            Some(tag) => (tag, &columns[1..]),
            None => ("", &columns[..]),
        };
        found.entry(tag.to_owned()).or_default().push((rest[0].to_owned(), decode(rest[3])));
    }
    found
}

fn same(what: &str, mut values: Values, found: &Distribution) {
    values.sort_unstable();
    assert_eq!((found.count(), Some(&found.max_ns())), (values.len() as u64, values.last()), "{what}");
    for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999] {
        let rank = (quantile * values.len() as f64).ceil() as usize;
        assert_eq!(found.at(quantile), values[rank - 1], "{what}: {quantile}");
    }
}

/// All series of a log, each alone and together, in total and second by second.
fn same_log(path: &Path, series: &[Series]) -> usize {
    let naive = naive(path);
    let name = |what: &str| format!("{}: {what}", path.display());
    assert_eq!(naive.len(), series.len(), "{}", name("tags"));
    for series in series {
        let of = naive.get(&series.name).or_else(|| naive.get("")).unwrap();
        same(&name(&series.name), of.iter().flat_map(|second| second.1.clone()).collect(), &series.total);
    }
    let mut by_second: BTreeMap<u64, Values> = BTreeMap::new();
    for (start, values) in naive.values().flatten().filter(|second| !second.1.is_empty()) {
        by_second.entry(start.parse::<f64>().unwrap() as u64).or_default().extend(values);
    }
    let merged = Series::merged("all", series).unwrap().unwrap();
    assert_eq!(merged.intervals.len(), by_second.len(), "{}", name("seconds"));
    for interval in &merged.intervals {
        let values = by_second[&(interval.start_s as u64)].clone();
        same(&name(&format!("{} s", interval.start_s)), values, &Distribution::of(interval.histogram.clone()));
    }
    let all: Values = by_second.into_values().flatten().collect();
    let count = all.len();
    same(&name("all"), all, &merged.total);
    count
}

#[test]
fn reports_say_what_the_logs_of_the_committed_runs_hold() {
    let mut checked = 0;
    for dir in runs().into_iter().filter(|dir| dir.join("signals.hlog").exists()) {
        let run = Run::open(&dir).unwrap();
        same_log(&dir.join("signals.hlog"), &run.signals);
        let hiccups = same_log(&dir.join("hiccups.hlog"), &run.hiccups);
        for (name, series) in [("echo.hlog", &run.echo), ("lag.hlog", &run.lag)] {
            if let Some(series) = series {
                same_log(&dir.join(name), std::slice::from_ref(series));
            }
        }
        for series in run.signals.iter().chain(&run.echo).chain(&run.lag) {
            let lines = read_hgrm(&dir.join(format!("{}.hgrm", series.name))).unwrap();
            assert_eq!(
                (lines.count(), lines.max_ns()),
                (series.total.count(), series.total.max_ns()),
                "{}",
                series.name
            );
        }
        let lines = read_hgrm(&dir.join("hiccups.hgrm")).unwrap();
        let longest = run.hiccups.iter().map(|series| series.total.max_ns()).max();
        assert_eq!((lines.count(), Some(lines.max_ns())), (hiccups as u64, longest), "{}", dir.display());
        checked += 1;
    }
    assert!(checked >= 9, "{checked} runs");
}

/// `wagehood-engine report --redraw perf/runs/2*-steady…` makes these files again.
#[test]
fn committed_summaries_and_pictures_are_those_of_their_logs() {
    let (mut latency, mut throughput) = (0, 0);
    for dir in runs() {
        let same = |name: &str, made: &str| {
            let file = dir.join(name);
            assert!(
                fs::read_to_string(&file).unwrap() == made,
                "{}: make it again with report --redraw",
                file.display()
            );
        };
        if ThroughputRun::is_at(&dir) {
            same("rates.svg", &rates(&[ThroughputRun::open(&dir).unwrap()], Theme::File).svg);
            throughput += 1;
            continue;
        }
        let run = Run::open(&dir).unwrap();
        same("summary.md", &summary_markdown(&run));
        for picture in pictures(&run, Theme::File).unwrap() {
            same(&format!("{}.svg", picture.name), &picture.svg);
        }
        // The largest hiccup of any core equals that of the row for all cores.
        let hiccups = Series::merged("hiccups", &run.hiccups).unwrap().unwrap();
        let longest = run.hiccups.iter().map(|series| series.total.max_ns()).max().unwrap();
        let stages = fs::read_to_string(dir.join("stages.svg")).unwrap();
        let row = cells(&hiccups.total);
        assert_eq!(hiccups.total.max_ns(), longest);
        assert!(stages.contains(&format!("{} · {} · {}", row[1], row[3], row[6])), "{}: {row:?}", dir.display());
        latency += 1;
    }
    assert!(latency >= 9 && throughput >= 4, "{latency} and {throughput} runs");
}
