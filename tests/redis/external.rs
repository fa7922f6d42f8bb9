//! Signals of strategies outside: weighed, followed and published like the others, each once, and the same on every reading.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to},
    series::{self, Bar, Dice, START_MS, fields, price},
    server::{Client, Entry, Fields, Server, assert_same, readable},
};
use std::{collections::BTreeMap, path::Path};
use wagehood_engine::feed::Refusal;

/// The reasons that only such signals are refused for.
pub const REASONS: [Refusal; 7] = [
    Refusal::UnknownStrategy,
    Refusal::BadSide,
    Refusal::ConfidenceBounds,
    Refusal::BadFactors,
    Refusal::NoSuchBar,
    Refusal::SaidLate,
    Refusal::SaidAlready,
];

const SYMBOLS: [&str; 2] = ["SPY", "QQQ"];
const BARS: &str = "bars";
const SAID: &str = "external_signals";
const OUTPUTS: [&str; 5] =
    ["signals", "market_data_5m", "calculation_events_stream", "alert_stream", "market_data_dead_letter"];

fn toml(workers: usize, state: Option<&Path>) -> String {
    let state = state.map_or_else(
        || "[state]\ndir = \"\"\n".to_owned(),
        |dir| format!("[state]\ndir = {dir:?}\nsnapshot_interval_s = 1\n"),
    );
    let more = format!(
        "{NO_CLOCK}workers = {workers}\nbatch_records = 3\n[input]\nexternal_signals = {SAID:?}\nread_count = 5\n\
         [output]\nbatch_entries = 4\nbatch_interval_ms = 1\n[correlation]\nalert_confidence = 0.7\n\
         [performance]\nenabled = true\n[calibration]\nenabled = true\n{state}\
         [[strategies.external]]\nname = \"toy\"\nfactors = [\"strength\", \"age\"]\n\
         [[strategies.external]]\nname = \"slow\"\n[[strategies.external]]\nname = \"off\"\nenabled = false\n"
    );
    config(&[(BARS, "1m")], &SYMBOLS, &["1m", "5m"], &more)
}

fn entry(ms: i64, fields: Fields) -> Entry {
    Entry { id: format!("{ms}-0"), fields }
}

/// What a strategy says of a bar; the entry comes a little later than the bar.
fn said(symbol: &str, timeframe: &str, bar_ts: i64, strategy: &str, side: &str, more: &[(&str, &str)]) -> Fields {
    let mut all = fields([
        ("symbol", symbol.to_owned()),
        ("timeframe", timeframe.to_owned()),
        ("bar_ts", bar_ts.to_string()),
        ("strategy", strategy.to_owned()),
        ("side", side.to_owned()),
    ]);
    all.extend(fields(more.iter().map(|(name, value)| (*name, (*value).to_owned()))));
    if !more.iter().any(|(name, _)| *name == "confidence") {
        all.extend(fields([("confidence", "0.75".to_owned())]));
    }
    all
}

/// The entries of both streams, and the reasons of those that are refused, in order.
struct Input {
    bars: Vec<Entry>,
    said: Vec<Entry>,
    /// Signals that are taken: symbol, timeframe, strategy and label of the bar, with the bar itself.
    taken: Vec<(String, Bar)>,
    refused: Vec<Refusal>,
}

fn input() -> Input {
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 600);
    let mut dice = Dice(11);
    let mut found = Input { bars: Vec::new(), said: Vec::new(), taken: Vec::new(), refused: Vec::new() };
    for bar in &bars {
        let place = if bar.symbol == SYMBOLS[0] { 0 } else { 5 };
        let end = bar.ts + 60_000;
        found.bars.push(entry(end + place, bar.legacy()));
        // Those of the first symbol all come before those of the other.
        let mut ms = end + place * 100 + 1_000;
        let mut say = |fields: Fields, outcome: Result<String, Refusal>| {
            ms += 10;
            found.said.push(entry(ms, fields));
            match outcome {
                Ok(id) => found.taken.push((id, bar.clone())),
                Err(reason) => found.refused.push(reason),
            }
        };
        let side = ["buy", "sell"][dice.roll(2) as usize];
        if dice.roll(4) == 0 {
            let more = [("confidence", "0.9"), ("factors", r#"{"age": 3, "strength": 0.5}"#)];
            let id = format!("{}:1m:toy:{}", bar.symbol, bar.ts);
            say(said(bar.symbol, "1m", bar.ts, "toy", side, &more), Ok(id));
            wrong(bar, &mut say);
        }
        if end % 300_000 == 0 && dice.roll(2) == 0 {
            let bar_ts = end - 300_000;
            let id = format!("{}:5m:slow:{bar_ts}", bar.symbol);
            say(said(bar.symbol, "5m", bar_ts, "slow", side, &[]), Ok(id));
        }
    }
    found
}

/// Everything that is wrong with a signal, behind one of the same bar that was taken.
fn wrong(bar: &Bar, say: &mut impl FnMut(Fields, Result<String, Refusal>)) {
    let of = |strategy: &str, more: &[(&str, &str)]| said(bar.symbol, "1m", bar.ts, strategy, "buy", more);
    say(of("toy", &[]), Err(Refusal::SaidAlready));
    say(said(bar.symbol, "1m", bar.ts - 60_000, "slow", "buy", &[]), Err(Refusal::SaidLate));
    say(said(bar.symbol, "1m", bar.ts + 60_000, "slow", "buy", &[]), Err(Refusal::NoSuchBar));
    say(of("moon", &[]), Err(Refusal::UnknownStrategy));
    say(of("off", &[]), Err(Refusal::UnknownStrategy));
    say(said(bar.symbol, "1m", bar.ts, "slow", "hold", &[]), Err(Refusal::BadSide));
    say(of("slow", &[("confidence", "1.5")]), Err(Refusal::ConfidenceBounds));
    say(of("slow", &[("confidence", "sure")]), Err(Refusal::NotANumber));
    say(of("slow", &[("factors", r#"{"strength": 1}"#)]), Err(Refusal::BadFactors));
    say(of("slow", &[("factors", "[1]")]), Err(Refusal::BadFactors));
    say(said("MOON", "1m", bar.ts, "slow", "buy", &[]), Err(Refusal::UnknownSymbol));
    say(said(bar.symbol, "15m", bar.ts, "slow", "buy", &[]), Err(Refusal::WrongTimeframe));
    say(fields([("symbol", bar.symbol.to_owned())]), Err(Refusal::MissingField));
}

/// Adds the entries of both streams; the last one of each.
fn fill(client: &mut Client, input: &Input) -> [String; 2] {
    [client.add(BARS, &input.bars), client.add(SAID, &input.said)]
}

fn outputs(client: &mut Client) -> Vec<Vec<Fields>> {
    OUTPUTS.iter().map(|stream| client.contents(stream)).collect()
}

#[test]
fn they_are_weighed_followed_and_published_like_the_others() {
    let (server, input) = (Server::start(), input());
    let mut client = server.connect();
    let [_, last] = fill(&mut client, &input);
    let ended = run_up_to(&toml(1, None), &server.unix(), &mut client, SAID, &last);
    let signals = client.entries("signals");
    let outside: BTreeMap<&str, &Entry> = signals
        .iter()
        .filter(|signal| ["toy", "slow"].contains(&signal.text("strategy")))
        .map(|signal| (signal.text("signal_id"), signal))
        .collect();
    assert_eq!(outside.len(), input.taken.len(), "each once");
    let (mut peers, mut of_others) = (0, 0);
    for (id, bar) in &input.taken {
        let signal = outside[id.as_str()];
        assert_eq!((signal.text("symbol"), signal.text("price")), (bar.symbol, &*price_of(bar)), "{id}");
        assert_eq!(signal.text("kind"), format!("{}_signal", signal.text("strategy")));
        assert_eq!(signal.text("event_ts"), (bar.ts + 60_000).to_string(), "{id}");
        if signal.text("strategy") == "toy" {
            assert_eq!(signal.text("factors"), r#"{"strength":0.5,"age":3.0}"#);
            assert_eq!((signal.text("confidence"), signal.text("trading_style")), ("0.9", "day"));
        }
        peers += usize::from(signal.text("supporting") != "[]" || signal.text("opposing") != "[]");
    }
    for signal in signals.iter().filter(|signal| !["toy", "slow"].contains(&signal.text("strategy"))) {
        let peers = format!("{}{}", signal.text("supporting"), signal.text("opposing"));
        of_others += usize::from(peers.contains("\"toy\"") || peers.contains("\"slow\""));
    }
    assert!(peers > 20 && of_others > 0, "{peers} {of_others}");
    // What became of them: of those with ten bars behind them.
    let learned =
        signals.iter().filter(|signal| signal.text("strategy") == "toy" && signal.text("win_rate_n") != "0").count();
    assert!(learned > 20, "{learned}");
    let figures = client.position_field("wagehood:performance:1m:toy", "symbol:SPY").unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert!(figures["10"]["n"].as_u64().unwrap() > 50, "{figures}");

    let letters = client.entries("market_data_dead_letter");
    let found: Vec<&str> = letters.iter().map(|letter| letter.text("reason")).collect();
    let wanted: Vec<&str> = input.refused.iter().map(|reason| reason.name()).collect();
    assert_eq!(found, wanted);
    assert!(letters.iter().all(|letter| letter.text("source_stream") == SAID));
    assert!(REASONS.iter().all(|reason| found.contains(&reason.name())), "every reason has its turn");
    ended.counted("signals of strategies outside", input.said.len());
    ended.counted("taken of these", input.taken.len());
    ended.counted("record refused: said_already", found.iter().filter(|name| **name == "said_already").count());
}

/// The price of the bar: its close.
fn price_of(bar: &Bar) -> String {
    let text = price(bar.close);
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

#[test]
fn every_reading_publishes_the_same() {
    let (server, input) = (Server::start(), input());
    let mut client = server.connect();
    let [_, last] = fill(&mut client, &input);
    run_up_to(&toml(1, None), &server.unix(), &mut client, SAID, &last);
    let wanted = outputs(&mut client);
    assert!(wanted.iter().all(|entries| !entries.is_empty()), "an output is empty");
    let compare = |client: &mut Client, what: &str| {
        for ((stream, found), wanted) in OUTPUTS.iter().zip(outputs(client)).zip(&wanted) {
            assert_same(&format!("{what}: {stream}"), &readable(&found), &readable(wanted));
        }
    };
    client.delete_all_but(&[BARS, SAID]);
    run_up_to(&toml(8, None), &server.unix(), &mut client, SAID, &last);
    compare(&mut client, "eight workers");

    // Killed again and again: with snapshots, and without.
    let kept = tempfile::tempdir().unwrap();
    for state in [None, Some(kept.path())] {
        client.delete_all_but(&[BARS, SAID]);
        let toml = toml(2, state);
        let (mut dice, mut cut) = (Dice(5), 0);
        while cut < 4 {
            let mut engine = Engine::run(&toml, &server.unix());
            let before = client.position("main", SAID);
            engine.until("something new was read", || {
                let now = client.position("main", SAID);
                now != before || now.as_ref() == Some(&last)
            });
            std::thread::sleep(std::time::Duration::from_micros(dice.roll(3_000)));
            engine.kill();
            cut += 1;
        }
        run_up_to(&toml, &server.unix(), &mut client, SAID, &last);
        compare(&mut client, if state.is_some() { "killed, with snapshots" } else { "killed" });
    }
}

#[test]
fn a_stream_that_nobody_can_fill_is_told_of() {
    let check = |more: &str| {
        let toml =
            format!("[input]\nfeed = \"redis\"\nexternal_signals = {SAID:?}\n[[watchlist]]\nsymbol = \"SPY\"\n{more}");
        let ended = Engine::start(&toml, &["config", "check"]).wait();
        (ended.status.success(), ended.stdout + &ended.stderr)
    };
    let (good, said) = check("");
    assert!(!good && said.contains("input.external_signals: is there, and no strategy is declared"), "{said}");
    let (good, said) = check("[[strategies.external]]\nname = \"toy\"\n");
    assert!(good && said.contains("3 streams"), "{said}");
    for (wrong, why) in [
        ("name = \"macd_rsi\"", "is a name of the engine's own"),
        ("name = \"Toy\"", "letters a to z"),
        ("name = \"toy\"\nfactors = [\"a\", \"a\"]", "is there twice"),
        ("name = \"toy\"\nfactors = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]", "has 6; allowed: at most 5"),
        ("name = \"toy\"\n[[strategies.external]]\nname = \"toy\"", "allowed: a name of its own"),
        ("name = \"toy\"\nmoon = 1", "moon"),
    ] {
        let (good, said) = check(&format!("[[strategies.external]]\n{wrong}\n"));
        assert!(!good && said.contains(why), "{wrong}: {said}");
    }
    let (good, said) =
        check(&format!("[[strategies.external]]\nname = \"toy\"\n[output.streams]\nsignals = {SAID:?}\n"));
    assert!(!good && said.contains("input.external_signals"), "{said}");
}
