//! Old news is marked: signals whose bars had ended long before the record came that closed them.

use super::{
    engine::{Engine, config},
    series::{self, Bar},
    server::{Client, Entry, Server},
};
use std::time::{SystemTime, UNIX_EPOCH};

const STREAM: &str = "bars_1m";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// What was published of bars that came so late, with this in the configuration; and the report.
fn run(server: &Server, client: &mut Client, bars: &[Bar], late_ms: i64, more: &str) -> (Vec<Entry>, String) {
    client.delete_all_but(&[]);
    let entry = |bar: &Bar| Entry { id: format!("{}-*", bar.ts + MINUTE_MS + late_ms), fields: bar.flat() };
    let last = client.add(STREAM, &bars.iter().map(entry).collect::<Vec<_>>());
    let more = format!("[correlation]\nalert_confidence = 0.0\n{more}");
    let toml = config(&[(STREAM, "1m")], &["SPY"], &["1m", "5m", "15m"], &more);
    // As an operator has it who asks for nothing.
    let (head, rest) = toml.split_once("[publish.max_age]").unwrap();
    let toml = format!("{head}{}", &rest[rest.find("[timeframes]").unwrap()..]);
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until_at(client, STREAM, &last);
    let ended = engine.stop().succeeded();
    (client.entries("signals"), ended.stdout)
}

fn is_stale(signal: &Entry) -> bool {
    let stale = signal.fields.iter().find(|(name, _)| name == b"stale").map(|(_, value)| &value[..]);
    assert!(matches!(stale, None | Some(b"true")), "{:?}", signal.texts());
    stale.is_some()
}

#[test]
fn what_comes_late_is_marked_and_makes_no_alert_and_what_the_engine_missed_is_not() {
    let server = Server::start();
    let mut client = server.connect();
    let start = (now_ms() - 40 * HOUR_MS) / HOUR_MS * HOUR_MS;
    let bars = series::bars(&["SPY"], start, MINUTE_MS, 1_200);

    // In time, but the engine was not there for a day.
    let (signals, _) = run(&server, &mut client, &bars, 20, "");
    assert!(signals.len() > 30 && signals.iter().any(|signal| signal.text("timeframe") == "15m"));
    assert!(!signals.iter().any(is_stale));
    assert_eq!(client.len("alert_stream"), signals.len());
    for signal in &signals {
        assert!(signal.number("published_ms") - signal.number("event_ts") > 10.0 * HOUR_MS as f64);
    }
    let ids = |signals: &[Entry]| signals.iter().map(|s| s.text("signal_id").to_owned()).collect::<Vec<_>>();

    // Twenty minutes late: more than two bars and a minute of 1m and 5m, less of 15m.
    let late = 20 * MINUTE_MS;
    let (found, report) = run(&server, &mut client, &bars, late, "");
    assert_eq!(ids(&found), ids(&signals));
    for signal in &found {
        assert_eq!(is_stale(signal), signal.text("timeframe") != "15m", "{:?}", signal.texts());
    }
    let stale = found.iter().filter(|signal| is_stale(signal)).count();
    assert_eq!(client.len("alert_stream"), found.len() - stale);
    assert!(report.lines().any(|line| line.trim_start().starts_with("stale signals")), "{report}");

    // The same where that is expected, or where any age will do.
    let more = "[publish.max_age]\nday = \"off\"\n";
    let (found, _) = run(&server, &mut client, &bars, late, more);
    assert!(found.len() == signals.len() && !found.iter().any(is_stale));
    let entry = |bar: &Bar| Entry { id: format!("{}-*", bar.ts + MINUTE_MS + late), fields: bar.flat() };
    client.delete_all_but(&[]);
    let last = client.add(STREAM, &bars.iter().map(entry).collect::<Vec<_>>());
    let toml = config(&[(STREAM, "1m")], &["SPY"], &["1m", "5m", "15m"], "")
        .replace("timeframe = \"1m\"\n", "timeframe = \"1m\"\nexpected_delay = \"20m\"\n")
        .replace("\"off\"", "\"auto\"");
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until_at(&mut client, STREAM, &last);
    engine.stop().succeeded();
    let found = client.entries("signals");
    assert!(found.len() == signals.len() && !found.iter().any(is_stale));

    // Held back by choice.
    let (found, report) = run(&server, &mut client, &bars, late, "[publish]\nhold_stale = true\n");
    let longer: Vec<String> = ids(&signals).into_iter().filter(|id| id.contains(":15m:")).collect();
    assert_eq!(ids(&found), longer);
    assert!(report.lines().any(|line| line.contains("stale") && line.contains(&stale.to_string())), "{report}");
}
