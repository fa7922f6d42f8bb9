//! What comes later changes nothing before: the output of a file that is cut anywhere is the beginning of that of the whole.

use crate::{
    LIMIT,
    outside::{data, engine, run_within, skipped, write_rows_before},
};
use std::{fs, path::Path};

/// What a replay writes about its signals.
fn replay(input: &Path, dir: &Path) -> [String; 2] {
    let out = |name: &str| dir.join(name);
    let mut command = engine(["replay", "--quiet", "--timeframes", "1m,5m,1h", "--set", "performance.enabled=true"]);
    command
        .args(["--set", "calibration.enabled=true", "--set", "calibration.market=[\"BTCUSD\",\"ETHUSD\"]", "--input"])
        .arg(input);
    command.arg("--signals").arg(out("signals")).arg("--outcomes").arg(out("outcomes"));
    run_within(&mut command, LIMIT).good();
    ["signals", "outcomes"].map(|name| fs::read_to_string(out(name)).unwrap())
}

#[test]
fn later_bars_change_nothing_before() {
    let Some(data) = data() else { return skipped("later_bars_change_nothing_before") };
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_rows_before(&data.join("crypto_1m.csv.gz"), "2018-01-02", &input);
    let text = fs::read_to_string(&input).unwrap();
    let whole = replay(&input, dir.path());
    assert!(whole.iter().all(|text| text.lines().count() > 500));
    let lines = text.lines().count() as u64;
    for cut in (1..=12u64).map(|k| 2 + k.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (lines - 2)) {
        let head: String = text.split_inclusive('\n').take(cut as usize).collect();
        let cut_input = dir.path().join("cut.csv");
        fs::write(&cut_input, head).unwrap();
        let [signals, outcomes] = replay(&cut_input, dir.path());
        // The names of the files are in the ids of sources.
        let signals = signals.replace("\"cut.csv:", "\"in.csv:");
        for (what, part, whole) in [("signals", signals, &whole[0]), ("outcomes", outcomes, &whole[1])] {
            assert!(whole.starts_with(&part), "{what} of {cut} of {lines} lines are no beginning of all");
        }
    }
}
