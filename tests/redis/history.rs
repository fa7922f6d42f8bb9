//! History warms the cells and publishes nothing: what follows has the signals of one reading of it all.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to, signal_line, without_source},
    series::{self, Bar},
    server::{Client, Entry, Server, assert_same},
};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const STREAM: &str = "bars_1m";
const SYMBOLS: [&str; 2] = ["QQQ", "SPY"];
const TIMEFRAMES: [&str; 3] = ["1m", "5m", "15m"];
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The past and what follows it.
struct Market {
    past: Vec<Bar>,
    live: Vec<Bar>,
}

impl Market {
    /// A day and a night, cut at an hour.
    fn new(symbols: &[&'static str]) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let start = (now - 40 * HOUR_MS) / HOUR_MS * HOUR_MS;
        let (past, live) =
            series::bars(symbols, start, MINUTE_MS, 2_000).into_iter().partition(|bar| bar.ts < start + 24 * HOUR_MS);
        Self { past, live }
    }

    fn all(&self) -> Vec<Bar> {
        [&self.past[..], &self.live[..]].concat()
    }
}

/// Bars as they were written in time.
fn in_time(bars: &[Bar]) -> Vec<Entry> {
    let (mut last, mut seq) = (0, 0);
    let entry = |bar: &Bar| {
        let ms = bar.ts + MINUTE_MS + 20;
        seq = if ms == last { seq + 1 } else { 0 };
        last = ms;
        Entry { id: format!("{ms}-{seq}"), fields: bar.flat() }
    };
    bars.iter().map(entry).collect()
}

fn published(client: &mut Client) -> Vec<String> {
    client.entries("signals").iter().map(|entry| without_source(&signal_line(entry))).collect()
}

/// The signals of bars from a time on, of an engine that has read everything as live.
fn wanted(server: &Server, client: &mut Client, toml: &str, market: &Market) -> Vec<String> {
    client.delete_all_but(&[]);
    let last = client.add(STREAM, &in_time(&market.all()));
    run_up_to(toml, &server.unix(), client, STREAM, &last).succeeded();
    let from = market.live[0].ts as f64;
    let signals = client.entries("signals");
    let after = signals.iter().filter(|signal| signal.number("event_ts") > from);
    let wanted: Vec<String> = after.map(|entry| without_source(&signal_line(entry))).collect();
    assert!(wanted.len() > 30 && wanted.len() < signals.len(), "{} of {}", wanted.len(), signals.len());
    client.delete_all_but(&[]);
    wanted
}

#[test]
fn what_follows_a_history_has_the_signals_of_one_reading() {
    let server = Server::start();
    let mut client = server.connect();
    let market = Market::new(&SYMBOLS);
    let toml = config(&[(STREAM, "1m")], &SYMBOLS, &TIMEFRAMES, "");
    let wanted = wanted(&server, &mut client, &toml, &market);

    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("past.csv");
    series::write_csv(&csv, &market.past);
    let half = market.past.len() / 2;
    let first = dir.path().join("first.csv");
    series::write_csv(&first, &market.past[..half]);
    let quoted = |path: &Path| format!("{:?}", path.to_str().unwrap());
    let file = format!("[[input.history]]\nfiles = [{}]\ntimeframe = \"1m\"\n", quoted(&csv));
    let stream = "[[input.history]]\nname = \"past\"\ntimeframe = \"1m\"\n".to_owned();
    let both = format!("[[input.history]]\nfiles = [{}]\ntimeframe = \"1m\"\n{stream}", quoted(&first));
    // Of symbol after symbol, by the time of a backfill.
    let backfill: Vec<Bar> =
        SYMBOLS.iter().flat_map(|symbol| market.past.iter().filter(|bar| bar.symbol == *symbol).cloned()).collect();
    for (what, history) in [("a file", file), ("a stream", stream), ("a file, then a stream", both)] {
        client.delete_all_but(&[]);
        client.add("past", &series::entries(backfill.iter().map(Bar::flat)));
        // The live stream begins in what is history: that is known already, and nothing is refused.
        let overlap = &market.past[market.past.len() - 100..];
        let last = client.add(STREAM, &in_time(&[overlap, &market.live[..]].concat()));
        let toml = format!("{toml}{history}");
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
        assert_same(what, &published(&mut client), &wanted);
        ended.counted("records refused", 0);
        ended.counted("records known from history", 100);
        assert_eq!(client.len("market_data_dead_letter"), 0);
        assert!(ended.stderr.contains("history: ") && ended.stderr.contains(" bars"), "{}", ended.stderr);

        // Without any state, and with more in the stream of history than there was: the same again.
        client.add("past", &series::entries(market.live.iter().map(Bar::flat)));
        // The clock has gone on, and has closed what was open.
        let next = market.live.last().unwrap().ts / HOUR_MS * HOUR_MS + HOUR_MS;
        let more: Vec<Bar> = series::bars(&SYMBOLS, next, MINUTE_MS, 30);
        let before = client.len("signals");
        let last = client.add(STREAM, &in_time(&more));
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
        ended.counted("records refused", 0);
        assert!(client.len("signals") >= before);
        assert_same(what, &published(&mut client)[..before], &wanted);
    }
}

#[test]
fn beside_streams_of_two_intervals_history_hides_nothing_of_what_follows() {
    let server = Server::start();
    let mut client = server.connect();
    let market = Market::new(&SYMBOLS);
    let toml = config(&[(STREAM, "1m"), ("bars_1d", "1d")], &SYMBOLS, &["1m", "5m", "1d"], "");
    let wanted = wanted(&server, &mut client, &toml, &market);
    client.add("past", &series::entries(market.past.iter().map(Bar::flat)));
    let last = client.add(STREAM, &in_time(&market.live));
    let toml = format!("{toml}[[input.history]]\nname = \"past\"\ntimeframe = \"1m\"\n");
    let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
    assert_same("two intervals", &published(&mut client), &wanted);
    ended.counted("records known from history", 0);
}

#[test]
fn how_far_the_cells_have_come_is_told() {
    let server = Server::start();
    let mut client = server.connect();
    let market = Market::new(&["SPY"]);
    let first = &market.live[..37];
    let last = client.add(STREAM, &in_time(first));
    let more = "[telemetry]\nstatus_interval_ms = 10\n";
    let toml = config(&[(STREAM, "1m")], &["SPY"], &TIMEFRAMES, more);
    let state = |client: &mut Client, timeframe: &str| {
        let readiness = client.json(&format!("wagehood:timeframe_indicators:SPY_{timeframe}"))["readiness"].clone();
        let all = client.json("wagehood:calculations:SPY_complete")["readiness"][timeframe].clone();
        assert_eq!(readiness, all);
        readiness["state"].as_str().unwrap().to_owned()
    };
    let run = |client: &mut Client, toml: &str, last: &str, status: &str| {
        let mut engine = Engine::run(toml, &server.unix());
        engine.until_at(client, STREAM, last);
        let said = engine.path("stderr");
        engine.until("the status", || std::fs::read_to_string(&said).unwrap().contains(status));
        engine.stop().succeeded()
    };
    let ended = run(&mut client, &toml, &last, "warming up 0/3 cells");
    assert_eq!(state(&mut client, "1m"), "warming up 37/200");
    assert!(row(&ended.stdout, "Readiness", "1m").ends_with(["1", "0", "0"].map(str::to_owned).as_slice()));

    // A day of minutes is enough for them, and not for quarters of an hour.
    client.delete_all_but(&[STREAM]);
    client.add("past", &in_time(&market.past));
    let toml = format!("{toml}[[input.history]]\nname = \"past\"\ntimeframe = \"1m\"\n");
    let ended = run(&mut client, &toml, &last, "warming up 2/3 cells");
    assert_eq!(state(&mut client, "1m"), "settled");
    assert_eq!(state(&mut client, "5m"), "defined");
    let told = state(&mut client, "15m");
    assert!(told.starts_with("warming up ") && told.ends_with("/200"), "{told}");
    for (timeframe, counts) in [("1m", ["1", "1", "1"]), ("5m", ["1", "1", "0"]), ("15m", ["1", "0", "0"])] {
        let row = row(&ended.stdout, "Readiness", timeframe);
        assert!(row.ends_with(counts.map(str::to_owned).as_slice()), "{timeframe}: {row:?}");
    }
}

/// The cells of a row of a table of the report.
fn row(report: &str, table: &str, name: &str) -> Vec<String> {
    let (_, of) = report.split_once(table).unwrap_or_else(|| panic!("no {table}: {report}"));
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    of.lines().map(cells).find(|cells| cells.first().is_some_and(|cell| cell == name)).unwrap()
}

#[test]
fn killed_while_and_after_it_reads_history_an_engine_says_everything_once() {
    let server = Server::start();
    let mut client = server.connect();
    let market = Market::new(&SYMBOLS);
    for state in ["", "[state]\nsnapshot_interval_s = 1\n"] {
        let dir = tempfile::tempdir().unwrap();
        let state = if state.is_empty() {
            "[state]\ndir = \"\"\n".to_owned()
        } else {
            format!("{state}dir = {:?}\n", dir.path().to_str().unwrap())
        };
        // The parts are written as if in time, which has gone on meanwhile.
        let toml = config(&[(STREAM, "1m")], &SYMBOLS, &TIMEFRAMES, &format!("{NO_CLOCK}{state}"));
        let wanted = wanted(&server, &mut client, &toml.replace(&state, "[state]\ndir = \"\"\n"), &market);
        let toml = format!("{toml}[[input.history]]\nname = \"past\"\ntimeframe = \"1m\"\n");
        client.add("past", &in_time(&market.past));
        // At once, while it reads history, or soon after.
        for pause_ms in [50, 150, 300, 600] {
            let engine = Engine::run(&toml, &server.unix());
            std::thread::sleep(std::time::Duration::from_millis(pause_ms));
            engine.kill();
        }
        for part in in_time(&market.live).chunks(market.live.len() / 3 + 1) {
            let mut engine = Engine::run(&toml, &server.unix());
            let last = client.add(STREAM, part);
            engine.until_at(&mut client, STREAM, &last);
            engine.kill();
        }
        assert_same("killed", &published(&mut client), &wanted);
        assert_eq!(client.len("market_data_dead_letter"), 0);
    }
}

#[test]
fn a_stream_that_is_added_is_history_as_far_as_it_goes() {
    let server = Server::start();
    let mut client = server.connect();
    let (old, new) = (Market::new(&["SPY"]), Market::new(&["QQQ"]));
    for state in ["", "state"] {
        client.delete_all_but(&[]);
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(state);
        let state = if state == dir.path() { "" } else { state.to_str().unwrap() };
        let both = [(STREAM, "1m"), ("added_1m", "1m")];
        let state = format!("[state]\ndir = {state:?}\n");
        let before = config(&both[..1], &SYMBOLS, &TIMEFRAMES, &state);
        let after = config(&both, &SYMBOLS, &TIMEFRAMES, &state);
        let last = client.add(STREAM, &in_time(&old.past));
        run_up_to(&before, &server.unix(), &mut client, STREAM, &last).succeeded();
        let signals = client.len("signals");

        // While no engine runs, both go on; what the added one holds is history, to its last entry.
        let cut = old.live.len() / 2;
        client.add(STREAM, &in_time(&old.live[..cut]));
        client.add("added_1m", &series::entries(new.past.iter().map(Bar::flat)));
        let mut engine = Engine::run(&after, &server.unix());
        let last = client.last_id(STREAM).unwrap();
        engine.until_at(&mut client, STREAM, &last);
        engine.kill();
        let engine = Engine::run(&after, &server.unix());
        let last = client.add("added_1m", &series::entries(new.live.iter().map(Bar::flat)));
        let mut engine = engine;
        engine.until_at(&mut client, "added_1m", &last);
        let ended = engine.stop().succeeded();
        ended.counted("records refused", 0);
        assert_eq!(client.len("market_data_dead_letter"), 0);
        let found = client.entries("signals");
        let of =
            |symbol: &str| -> Vec<&Entry> { found[signals..].iter().filter(|s| s.text("symbol") == symbol).collect() };
        // Nothing of the past of the added one, and all of what followed, as if it had always been there.
        let from = new.live[0].ts as f64;
        let fresh: Vec<String> = of("QQQ").into_iter().map(|s| without_source(&signal_line(s))).collect();
        assert!(of("QQQ").iter().all(|signal| signal.number("event_ts") > from));
        assert!(!of("SPY").is_empty());
        let (of_old, mut alone) = (of("SPY").len(), server.connect());
        alone.delete_all_but(&[]);
        let toml = config(&both[..1], &SYMBOLS, &TIMEFRAMES, "[state]\ndir = \"\"\n");
        let last = alone.add(STREAM, &in_time(&new.all()));
        run_up_to(&toml, &server.unix(), &mut alone, STREAM, &last).succeeded();
        let all = alone.entries("signals");
        let all = all.iter().filter(|signal| signal.number("event_ts") > from);
        let wanted: Vec<String> = all.map(|s| without_source(&signal_line(s))).collect();
        assert_same("the added stream", &fresh, &wanted);
        alone.delete_all_but(&[]);
        let last = alone.add(STREAM, &in_time(&[&old.past[..], &old.live[..cut]].concat()));
        run_up_to(&toml, &server.unix(), &mut alone, STREAM, &last).succeeded();
        assert_eq!(alone.len("signals"), signals + of_old, "the stream that was there lost nothing");
    }
}
