//! One series, many ways in: the signals are those of a replay of the same bars.

use super::{
    engine::{NO_CLOCK, config, replayed, run_up_to, signal_line, without_source},
    series::{self, Bar, START_MS, entries, frames},
    server::{Server, assert_same},
};

const SYMBOLS: [&str; 3] = ["BTCUSD", "ETHUSD", "SOLUSD"];
const STREAM: &str = "market_data_1s";
const TIMEFRAMES: [&str; 3] = ["1s", "5s", "1m"];

#[test]
fn every_form_transport_and_threading_gives_the_signals_of_a_replay() {
    let toml = config(&[(STREAM, "1s")], &SYMBOLS, &TIMEFRAMES, NO_CLOCK);
    let bars = series::bars(&SYMBOLS, START_MS, 1_000, 1_200);
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, &bars);
    let wanted = replayed(&toml, &csv, "1s", &TIMEFRAMES.join(","), &[]);
    let wanted: Vec<_> = wanted.iter().map(|line| without_source(line)).collect();
    assert!(wanted.len() > 100, "only {} signals", wanted.len());

    let server = Server::start();
    let mut client = server.connect();
    let forms = [("flat", entries(bars.iter().map(Bar::flat))), ("frames", frames(&bars))];
    for (form, all) in &forms {
        client.delete_all_but(&[]);
        let last = client.add(STREAM, all);
        for (transport, url) in [("unix", server.unix()), ("tcp", server.tcp())] {
            for (threading, workers) in [("shared", 1), ("shared", 3), ("dedicated", 1), ("dedicated", 3)] {
                client.delete_all_but(&[STREAM]);
                let toml =
                    toml.replace("[engine]\n", &format!("[engine]\nthreading = {threading:?}\nworkers = {workers}\n"));
                let ended = run_up_to(&toml, &url, &mut client, STREAM, &last);
                ended.counted("records accepted", bars.len());
                let signals: Vec<_> =
                    client.entries("signals").iter().map(signal_line).map(|line| without_source(&line)).collect();
                assert_same(&format!("{form} over {transport}, {workers} {threading}"), &signals, &wanted);
            }
        }
    }
}
