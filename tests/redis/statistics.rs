//! Statistics of windows as keys of latest values: those of the file, with the lifetime of the others, and after a restart.

use super::{
    engine::{Engine, NO_CLOCK, config},
    output::lifetime,
    series::{self, START_MS},
    server::{Entry, Server},
};
use serde_json::Value;
use std::{collections::HashMap, fs, path::Path};

/// The last row of each timeframe in a file of statistics, by column.
fn last_rows(path: &Path) -> HashMap<String, HashMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| -> HashMap<String, String> {
        names.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(row).map(|row| (row["timeframe"].clone(), row)).collect()
}

/// Asserts that a key has what a row of the file has, and nothing else.
fn assert_same(key: &Value, row: &HashMap<String, String>) {
    let mut count = 0;
    for (column, text) in row.iter().filter(|(_, text)| !text.is_empty()) {
        let value = match column.rsplit_once('_') {
            _ if ["ts", "symbol", "timeframe"].contains(&column.as_str()) => continue,
            Some((name, bars)) if bars.parse::<u32>().is_ok() && !name.is_empty() => {
                // A quartile ends with a number as well, and with the bars behind it.
                &key["windows"][bars][name]
            }
            _ => &key[column],
        };
        // Decimals of JSON are read to the last bit but one here.
        let (found, wanted) = (value.as_f64().unwrap(), text.parse::<f64>().unwrap());
        assert!((found - wanted).abs() <= 4.0 * f64::EPSILON * wanted.abs(), "{column}: {key}");
        count += 1;
    }
    let windows = key["windows"].as_object().unwrap();
    assert_eq!(windows.values().map(|of| of.as_object().unwrap().len()).sum::<usize>() + 2, count, "{key}");
}

#[test]
fn the_keys_have_what_the_file_has() {
    let server = Server::start();
    let mut client = server.connect();
    let dir = tempfile::tempdir().unwrap();
    let (csv, file) = (dir.path().join("bars.csv"), dir.path().join("statistics.csv"));
    let bars = series::bars(&["SPY"], START_MS, 60_000, 700);
    series::write_csv(&csv, &bars);
    let more = format!(
        "[statistics]\nwindows = [7, 60]\npublish = true\n{NO_CLOCK}[state]\ndir = {:?}\nsnapshot_interval_s = 1\n",
        dir.path().join("state")
    );
    let toml = config(&[("in", "1m")], &["SPY"], &["1m", "5m"], &more);
    let fixed = ["replay", "--quiet", "--input", csv.to_str().unwrap(), "--timeframes", "1m,5m", "--statistics"];
    let cells = [file.to_str().unwrap(), "--cells", "SPY:1m,SPY:5m"];
    Engine::start(&toml, &[&fixed[..], &cells].concat()).wait().succeeded();
    let rows = last_rows(&file);

    // In two lives, the first of which ends anywhere.
    let entries: Vec<Entry> =
        bars.iter().map(|bar| Entry { id: format!("{}-1", bar.ts + 60_000), fields: bar.flat() }).collect();
    for part in [0..433, 433..entries.len()] {
        let last = client.add("in", &entries[part]);
        let mut engine = Engine::run(&toml, &server.unix());
        engine.until_at(&mut client, "in", &last);
        engine.stop().succeeded();
    }
    for timeframe in ["1m", "5m"] {
        let name = format!("wagehood:statistics:SPY_{timeframe}");
        let key = client.json(&name);
        assert_eq!((key["symbol"].as_str(), key["timeframe"].as_str()), (Some("SPY"), Some(timeframe)));
        assert_same(&key, &rows[timeframe]);
        let found = client.ttl(&name);
        let wanted = lifetime(300, timeframe);
        assert!(found <= wanted && found > wanted - 30, "{name} lives for {found} s");
    }
}
