//! `report` from outside: files before text, JSON, names that tell runs apart, old histograms, the page on a telephone.

use crate::outside::{engine, finish, run};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Two committed runs of one bench.
fn runs() -> [PathBuf; 2] {
    ["steady", "steady-compact"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("perf/runs/2026-11-23-two-shared-cores-{name}")))
}

#[test]
fn whoever_stops_reading_has_the_page_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.html");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let [one, other] = runs();
    let mut command =
        engine(["report".as_ref(), one.as_os_str(), other.as_os_str(), "--html".as_ref(), page.as_os_str()]);
    let child = command.stdout(writer).spawn().unwrap();
    drop(command);
    let ended = finish(child, crate::outside::LIMIT, "report");
    assert_eq!(ended.code(), Some(141), "{}", ended.told());
    let page = fs::read_to_string(page).unwrap();
    assert!(page.ends_with("</html>\n") && page.contains("class=\"headline\""), "the page is whole");
    assert!(page.contains("@media (max-width:640px)"), "and has a telephone in mind");
}

#[test]
fn as_json_a_report_has_what_its_tables_have() {
    let [one, other] = runs();
    let ended = run(&mut engine(["report".as_ref(), "--json".as_ref(), one.as_os_str(), other.as_os_str()])).good();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<&str> = told["runs"].as_array().unwrap().iter().map(|run| run["title"].as_str().unwrap()).collect();
    assert_eq!(names, ["2026-11-23-two-shared-cores-steady", "2026-11-23-two-shared-cores-steady-compact"]);
    let day = &told["runs"][0]["series"][0];
    assert!(day["name"] == "day" && day["count"].as_u64() > Some(900) && day["p50_ns"].as_u64() > Some(1_000), "{day}");
    assert!(day["p99.99_ns"].is_null(), "of a thousand latencies nobody knows it: {day}");
    assert_eq!(told["runs"][0]["verdict"], "PASS");
    let comparison = &told["comparisons"][0];
    let headline = comparison["headline"].as_str().unwrap();
    assert!(["no change", "WORSE", "better", "mixed"].iter().any(|word| headline.starts_with(word)), "{headline}");
    for row in comparison["rows"].as_array().unwrap() {
        let moved = row["change"].as_f64().unwrap().abs() > row["noise"].as_f64().unwrap();
        assert_eq!(moved, row["verdict"] != "", "a verdict for every row that moved: {row}");
    }
    let throughput = one.with_file_name("2026-11-23-two-shared-cores-throughput-legacy");
    let ended = run(&mut engine(["report".as_ref(), "--json".as_ref(), throughput.as_os_str()])).good();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(told["runs"][0]["figures"]["engine_flow"]["bars_per_s"].as_f64() > Some(10_000.0), "{told}");
}

#[test]
fn files_of_one_name_are_told_apart_and_a_bad_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["before", "after"].map(|name| dir.path().join(name).join("day.hgrm"));
    for (file, run) in files.iter().zip(runs()) {
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::copy(run.join("day.hgrm"), file).unwrap();
    }
    let ended = run(&mut engine(["report".as_ref(), files[0].as_os_str(), files[1].as_os_str()])).good();
    assert!(ended.stdout.contains("before/day.hgrm → after/day.hgrm"), "{}", ended.told());
    let log = dir.path().join("bad.hlog");
    fs::write(&log, "#[Histogram log format version 1.3]\n0.0,1.0,1.0,!\n").unwrap();
    run(&mut engine(["report".as_ref(), log.as_os_str()])).refused(1, &["bad.hlog:2", "not base 64"]);
}
