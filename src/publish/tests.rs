//! What is written, read back: commands by the reply parser (a command is an array of bulk strings), JSON by serde_json.

use super::*;
use crate::model::*;
use crate::redis_io::Commands;
use serde_json::{Value, json};

const TS: i64 = 1_751_985_000_000;

fn directory() -> Directory {
    let timeframes: Vec<Timeframe> = ["1s", "1m", "5m"].iter().map(|tf| tf.parse().unwrap()).collect();
    let directory = Directory::new(8, &timeframes);
    directory.name_symbol(SymbolId(0), "SPY");
    directory.name_symbol(SymbolId(1), "A\"B,\\");
    directory
}

fn signal(symbol: u16, timeframe: usize, strategy: Strategy, side: Side) -> Signal {
    let candidate = Candidate {
        kind: SignalKind::named("macd_rsi_bullish").unwrap(),
        side,
        confidence: 0.8,
        factors: [1.0, 0.5, 1e-5, 0.25, f64::NAN],
    };
    Signal {
        seq: 9,
        event_ts: TS + 60_000,
        arrival_ns: 1,
        source: SourceId { id: StreamId { ms: 1_751_985_000_123, seq: 4 }, input: 0 },
        bar_ts: TS,
        bar_index: 3,
        price: 101.5,
        symbol: SymbolId(symbol),
        timeframe: TimeframeId::new(timeframe),
        strategy,
        candidate,
        settled: true,
    }
}

fn composite(signal: &Signal, confidence: f64) -> Composite {
    Composite {
        history: Completeness::Complete,
        signal: *signal,
        style: TradingStyle::Day,
        composite_confidence: confidence,
        correlation_strength: 0.5,
        priority: 2.0 * confidence,
    }
}

fn peer(timeframe: usize, strategy: Strategy, confidence: f64) -> Peer {
    Peer {
        timeframe: TimeframeId::new(timeframe),
        strategy,
        kind: SignalKind::named("golden_cross").unwrap(),
        confidence,
        bar_ts: TS - 1_000,
    }
}

fn bar(timeframe: usize) -> Bar {
    let timeframe = TimeframeId::new(timeframe);
    let (symbol, vwap) = (SymbolId(0), 13741.169198270349);
    Bar {
        ts: TS,
        open: 13763.0,
        high: 13788.0,
        low: 13709.0,
        close: 13709.5,
        volume: 74.84231765,
        vwap,
        trades: 7,
        symbol,
        seq_delta: 0,
        timeframe,
    }
}

fn row(timeframe: usize, ready: bool) -> IndicatorRow {
    let v = |value: f64| if ready { value } else { f64::NAN };
    let indicators = Indicators {
        macd_line: v(1.0),
        macd_signal: v(2.0),
        macd_hist: v(3.0),
        rsi_14: v(4.0),
        rsi_21: v(5.0),
        ema_50: v(6.0),
        ema_200: f64::NAN,
        bb_upper: v(8.0),
        bb_middle: v(9.0),
        bb_lower: v(10.0),
        volume_sma_20: v(11.0),
        sma_50: v(12.0),
        sma_200: v(13.0),
        ema_12: 14.0,
        ema_26: 15.0,
    };
    let source = SourceId::default();
    IndicatorRow {
        bar: bar(timeframe),
        seq: 9,
        event_ts: TS,
        source,
        price: 101.5,
        previous_price: 100.0,
        indicators,
        settled: true,
        readiness: Readiness::default(),
    }
}

fn args(commands: &Commands) -> Vec<String> {
    assert_eq!(commands.count(), 1);
    ::redis::from_redis_value(::redis::parse_redis_value(commands.bytes()).unwrap()).unwrap()
}

/// The fields of an `XADD`, its stream checked, and the length where it trims.
fn fields(commands: &Commands, stream: &str, maxlen: &str) -> Vec<(String, String)> {
    let args = args(commands);
    assert_eq!(args[..2], ["XADD", stream]);
    let rest = args[2..].strip_prefix(&["MAXLEN", "~", maxlen].map(String::from)).unwrap_or(&args[2..]);
    assert_eq!(rest[0], "*");
    rest[1..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn names(fields: &[(String, String)]) -> String {
    fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}

fn get<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    &fields.iter().find(|(field, _)| field == name).unwrap().1
}

/// The value of a `SET`, its key and lifetime checked.
fn cached(commands: &Commands, key: &str, ttl: &str) -> Value {
    let args = args(commands);
    assert_eq!((args[0].as_str(), args[1].as_str(), args[3].as_str(), args[4].as_str()), ("SET", key, "EX", ttl));
    serde_json::from_str(args[2].strip_prefix("JSON:").unwrap()).unwrap()
}

const SIGNAL_FIELDS: &str = "signal_id symbol timeframe trading_style strategy kind side price confidence \
    composite_confidence correlation_strength priority bar_ts event_ts source_id supporting opposing factors";

#[test]
fn a_signal_is_the_same_as_a_line_and_as_an_entry() {
    let directory = directory();
    for (symbol, sources) in
        [(0, Sources::default()), (1, Sources::new(vec![InputKind::File { name: "a\"b.csv".into() }]))]
    {
        let labels = Labels { directory: &directory, sources: &sources };
        let signal = signal(symbol, 1, Strategy::MacdRsi, Side::Buy);
        let (supporting, opposing) = ([peer(0, Strategy::SrBreakout, 0.7), peer(2, Strategy::MacdRsi, 0.6)], []);
        let weighed = Weighed {
            composite: &composite(&signal, 0.75),
            expires: TS,
            stale: false,
            supporting: &supporting,
            opposing: &opposing,
            judged: Judged::NOTHING,
        };
        let mut line = Vec::new();
        signal_json_line(&mut line, &weighed, labels);
        assert_eq!(line.pop(), Some(b'\n'));
        let line: Value = serde_json::from_slice(&line).unwrap();
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.join(" "), SIGNAL_FIELDS);
        let name = directory.symbol(SymbolId(symbol));
        assert_eq!(line["signal_id"], json!(format!("{name}:1m:macd_rsi:{TS}")));
        let source = if symbol == 0 { "1751985000123-4" } else { "a\"b.csv:1751985000123" };
        assert_eq!(line["source_id"], json!(source));
        assert_eq!(
            line["supporting"][0],
            json!({"timeframe": "1s", "strategy": "sr_breakout", "kind": "golden_cross", "confidence": 0.7, "bar_ts": TS - 1_000})
        );
        assert_eq!(
            line["factors"],
            json!({"cross_velocity": 1.0, "rsi_position": 0.5, "histogram": 1e-5, "volume": 0.25, "momentum": null})
        );
        assert_eq!((&line["bar_ts"], &line["price"]), (&json!(TS), &json!(101.5)));

        let mut commands = Commands::default();
        xadd_signal(&mut commands, &mut OutputNames::default(), &weighed, labels, TS + 7);
        let fields = fields(&commands, "signals", "10000");
        let (published, fields) = fields.split_last().unwrap();
        assert_eq!(*published, ("published_ms".to_owned(), (TS + 7).to_string()));
        assert_eq!(names(fields), SIGNAL_FIELDS);
        for (name, value) in fields {
            match &line[name.as_str()] {
                Value::String(text) => assert_eq!(value, text),
                other => assert_eq!(&serde_json::from_str::<Value>(value).unwrap(), other, "{name}"),
            }
        }
    }
}

#[test]
fn bars_are_written_as_they_are_read() {
    let directory = directory();
    let mut commands = Commands::default();
    xadd_bar(&mut commands, &mut OutputNames::default(), &bar(2), &directory);
    let fields = fields(&commands, "market_data_5m", "10000");
    assert_eq!(
        names(&fields),
        "event_id symbol timestamp price volume open high low close source metadata vwap trades"
    );
    assert_eq!(get(&fields, "event_id"), "SPY_5m_1751985000000");
    assert_eq!(get(&fields, "timestamp"), "2025-07-08T14:30:00");
    assert_eq!((get(&fields, "price"), get(&fields, "high"), get(&fields, "trades")), ("13709.5", "13788.0", "7"));
    assert_eq!(get(&fields, "metadata"), r#"{"timeframe": "5m"}"#);
}

#[test]
fn rows_of_csv_are_those_of_the_golden_files() {
    let directory = directory();
    let mut out = BAR_CSV_HEADER.as_bytes().to_vec();
    bar_csv(&mut out, &bar(2), &directory);
    bar_csv(&mut out, &Bar { symbol: SymbolId(1), ..bar(0) }, &directory);
    out.extend_from_slice(indicator_csv_header(&Indicators::COLUMN_NAMES).as_bytes());
    indicator_csv(&mut out, &row(1, true), &directory);
    indicator_csv(&mut out, &row(1, false), &directory);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "ts,symbol,timeframe,open,high,low,close,volume,vwap\n\
         1751985000000,SPY,5m,13763.0,13788.0,13709.0,13709.5,74.84231765,13741.169198270349\n\
         1751985000000,\"A\"\"B,\\\",1s,13763.0,13788.0,13709.0,13709.5,74.84231765,13741.169198270349\n\
         ts,symbol,timeframe,price,macd_line,macd_signal,macd_hist,rsi_14,rsi_21,ema_50,ema_200,bb_upper,bb_middle,bb_lower,volume_sma_20\n\
         1751985000000,SPY,1m,101.5,1.0,2.0,3.0,4.0,5.0,6.0,,8.0,9.0,10.0,11.0\n\
         1751985000000,SPY,1m,101.5,,,,,,,,,,,\n"
    );
}

fn ready_map() -> Value {
    json!({"sma_50": 12.0, "sma_200": 13.0, "ema_12": 14.0, "ema_26": 15.0, "rsi_14": 4.0,
        "macd": {"macd_line": 1.0, "signal_line": 2.0, "histogram": 3.0},
        "bollinger_bands": {"upper_band": 8.0, "middle_band": 9.0, "lower_band": 10.0}})
}

#[test]
fn calculation_events_and_caches_have_the_shapes_their_readers_know() {
    let (directory, mut names_) = (directory(), OutputNames::default());
    let rows = [Some(row(0, true)), Some(row(1, false)), None];
    let leader = signal(0, 0, Strategy::MacdRsi, Side::Buy);
    let other = Signal { timeframe: TimeframeId::new(0), ..signal(0, 0, Strategy::RsiTrend, Side::Sell) };
    let supporting = [peer(1, Strategy::MacdRsi, 0.6)];
    let opposing = [peer(2, Strategy::MaCrossover, 0.5)];
    let mut group = Composites::default();
    let (leading, other) = (composite(&leader, 0.7), composite(&other, 0.6));
    group.push(&Weighed {
        composite: &leading,
        expires: TS,
        stale: false,
        supporting: &supporting,
        opposing: &opposing,
        judged: Judged::NOTHING,
    });
    group.push(&Weighed {
        composite: &other,
        expires: TS,
        stale: false,
        supporting: &opposing,
        opposing: &supporting,
        judged: Judged::NOTHING,
    });
    let (symbol, event_ts, vote) = (SymbolId(0), TS + 1_000, Vote::of(&group));
    let results = SymbolResults { symbol, seq: 9, event_ts, rows: &rows, signals: group.as_slice(), vote };

    let mut commands = Commands::default();
    xadd_calculation_event(&mut commands, &mut names_, &results, &directory);
    let event = fields(&commands, "calculation_events_stream", "5000");
    assert_eq!(names(&event), "event_id symbol timestamp results");
    assert_eq!(get(&event, "event_id"), "calc_SPY_1751985001000_9");
    assert_eq!(get(&event, "timestamp"), "2025-07-08T14:30:01");
    let json: Value = serde_json::from_str(get(&event, "results")).unwrap();
    let mut first = ready_map();
    first["signal"] = json!({"action": "buy", "price": 101.5, "price_change": 1.5, "price_change_pct": 1.5,
        "strategy": "macd_rsi", "confidence": 0.8, "details": {"kind": "macd_rsi_bullish", "factors":
        {"cross_velocity": 1.0, "rsi_position": 0.5, "histogram": 1e-5, "volume": 0.25, "momentum": null}}});
    assert_eq!(json["timeframe_results"], json!({"1s": first, "1m": {"ema_12": 14.0, "ema_26": 15.0}}));
    assert_eq!(json["timestamp"], json!("2025-07-08T14:30:00"));
    // On the leader's timeframe two equal votes cancel out; macd_rsi agrees, rsi_trend and ma_crossover do not.
    let (third, vote) = (1.0 / 3.0, &json["composite_signal"]);
    assert_eq!(
        vote,
        &json!({"direction": "buy", "confidence": 0.7, "strength": "strong", "timeframes_analyzed": 3,
        "timeframe_alignment": third, "strategy_alignment": third, "contributing_signals": 2})
    );

    let mut commands = Commands::default();
    let none = [None; Strategy::COUNT];
    let latest = LatestValues { symbol, rows: &rows, forming: &[], signals: &none, roster: &Roster::default() };
    set_composite_signal(&mut commands, &names_, &latest, &results.vote.unwrap(), results.event_ts, &directory);
    let mut composite_key = vote.clone();
    composite_key["symbol"] = json!("SPY");
    composite_key["strategies_analyzed"] = json!(3);
    composite_key["timestamp"] = json!("2025-07-08T14:30:01");
    assert_eq!(cached(&commands, "wagehood:composite_signals:SPY_composite_signal", "600"), composite_key);

    let mut commands = Commands::default();
    let mut signals = [None; Strategy::COUNT];
    (signals[0], signals[2]) = (Some(leading), Some(other));
    let latest = LatestValues { symbol, rows: &rows, forming: &[], signals: &signals, roster: &Roster::default() };
    set_calculations(&mut commands, &names_, &latest, &directory);
    let mut complete = cached(&commands, "wagehood:calculations:SPY_complete", "300");
    let parts = complete.as_object_mut().unwrap();
    assert_eq!(parts.remove("timeframes").unwrap(), json!({"1s": ready_map(), "1m": {"ema_12": 14.0, "ema_26": 15.0}}));
    let strategies = parts.remove("signals").unwrap();
    assert_eq!(complete, ready_map());
    assert_eq!(strategies.as_object().unwrap().len(), Strategy::COUNT);
    assert_eq!(strategies["macd_rsi_strategy"]["signal"], json!("buy"));
    assert_eq!(strategies["macd_rsi_strategy"]["metadata"]["timeframe"], json!("1s"));
    assert_eq!(strategies["sr_breakout_strategy"], json!({"signal": null, "confidence": 0.0, "metadata": {}}));
}

#[test]
fn without_a_signal_there_is_no_opinion() {
    let (directory, mut names_) = (directory(), OutputNames::default());
    let vote = Vote::of(&Composites::default());
    assert_eq!(vote, None);
    let results = SymbolResults { symbol: SymbolId(0), seq: 1, event_ts: TS, rows: &[], signals: &[], vote };
    let mut commands = Commands::default();
    xadd_calculation_event(&mut commands, &mut names_, &results, &directory);
    let json = get(&fields(&commands, "calculation_events_stream", "5000"), "results").to_owned();
    assert_eq!(json, r#"{"timeframe_results":{},"composite_signal":null,"timestamp":"2025-07-08T14:30:00"}"#);
}

#[test]
fn every_stream_is_trimmed_with_one_entry_of_sixteen_from_the_first_on() {
    let (directory, mut names_) = (directory(), OutputNames::default());
    let mut trimmed = [Vec::new(), Vec::new()];
    for n in 0..40 {
        for (k, trimmed) in trimmed.iter_mut().enumerate() {
            let mut commands = Commands::default();
            xadd_bar(&mut commands, &mut names_, &bar(1 + k), &directory);
            if args(&commands)[2] == "MAXLEN" {
                trimmed.push(n);
            }
        }
    }
    assert_eq!(trimmed, [[0, 16, 32], [0, 16, 32]]);
}

#[test]
fn latest_values_have_their_keys() {
    let (directory, names_) = (directory(), OutputNames::default());
    let mut commands = Commands::default();
    set_timeframe_indicators(&mut commands, &names_, (&row(2, true), false), &directory);
    assert_eq!(cached(&commands, "wagehood:timeframe_indicators:SPY_5m", "900"), ready_map());
    for (bars, misses_some, state) in
        [(37, false, "warming up 37/200"), (200, false, "defined"), (691, true, "defined"), (691, false, "settled")]
    {
        let readiness = Readiness { bars, defined_after: 200, settled_after: 691, misses_some };
        let mut commands = Commands::default();
        set_timeframe_indicators(
            &mut commands,
            &names_,
            (&IndicatorRow { readiness, ..row(2, true) }, false),
            &directory,
        );
        let found = cached(&commands, "wagehood:timeframe_indicators:SPY_5m", "900")["readiness"].clone();
        assert_eq!(found, json!({"state": state, "bars": bars, "defined_after": 200, "settled_after": 691}));
    }
    let mut commands = Commands::default();
    set_latest_price(&mut commands, &names_, &bar(1), &directory);
    let expected = json!({"event_id": "SPY_1m_1751985000000", "symbol": "SPY", "timestamp": "2025-07-08T14:30:00", "price": 13709.5,
        "volume": 74.84231765, "open_price": 13763.0, "high_price": 13788.0, "low_price": 13709.0, "close_price": 13709.5,
        "source": "wagehood-engine", "metadata": {"timeframe": "1m"}});
    assert_eq!(cached(&commands, "wagehood:market_data:latest_price_SPY", "180"), expected);
}

#[test]
fn alerts_say_what_and_where() {
    let (directory, mut names_, sources) = (directory(), OutputNames::default(), Sources::default());
    let signal = signal(1, 1, Strategy::MacdRsi, Side::Buy);
    let mut commands = Commands::default();
    let labels = Labels { directory: &directory, sources: &sources };
    xadd_signal_alert(&mut commands, &mut names_, &composite(&signal, 0.87654321), labels);
    let alert = fields(&commands, "alert_stream", "1000");
    assert_eq!(names(&alert), "event_id type symbol message timestamp metadata");
    assert_eq!(get(&alert, "message"), "buy A\"B,\\ 1m: macd_rsi_bullish at 101.5, composite confidence 0.8765");
    let metadata: Value = serde_json::from_str(get(&alert, "metadata")).unwrap();
    assert_eq!(metadata["signal_id"], json!(format!("A\"B,\\:1m:macd_rsi:{TS}")));

    let mut commands = Commands::default();
    let notice = Notice { severity: Severity::Error, component: "feed", message: "the server is gone", at_ms: TS };
    xadd_notice(&mut commands, &mut names_, &notice);
    let alert = fields(&commands, "alert_stream", "1000");
    assert_eq!((get(&alert, "event_id"), get(&alert, "symbol")), ("alert_error_feed_1751985000000", "SYSTEM"));
    assert_eq!(get(&alert, "metadata"), r#"{"component":"feed"}"#);
}

#[test]
fn dead_letters_are_bounded() {
    let mut names_ = OutputNames::default();
    let original = [(&b"symbol"[..], &b"SPY"[..]), (b"price", b"12345678"), (b"x", b"")];
    let letter =
        DeadLetter { reason: "not_a_number", source_stream: "s", source_id: b"1-2", fields: original.iter().copied() };
    let mut commands = Commands::default();
    xadd_dead_letter(&mut commands, &mut names_, &letter, &DeadLetterLimits::default());
    let kept = fields(&commands, "market_data_dead_letter", "10000");
    assert_eq!(names(&kept), "reason source_stream source_id symbol price x");
    let mut commands = Commands::default();
    xadd_dead_letter(
        &mut commands,
        &mut names_,
        &letter,
        &DeadLetterLimits { value_bytes_max: 4, name_bytes_max: 3, fields_max: 2 },
    );
    let kept = fields(&commands, "market_data_dead_letter", "10000");
    assert_eq!(names(&kept), "reason source_stream source_id truncated sym pri");
    assert_eq!((get(&kept, "truncated"), get(&kept, "sym"), get(&kept, "pri")), ("3", "SPY", "1234"));
}

#[test]
fn files_are_written_batch_by_batch_and_errors_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.jsonl");
    let mut sink = FileSink::create(&path, 8).unwrap();
    sink.lines().extend_from_slice(b"abc\n");
    sink.flush_if_full().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    sink.lines().extend_from_slice(b"defg\n");
    sink.flush_if_full().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"abc\ndefg\n");
    sink.lines().extend_from_slice(b"h\n");
    assert_eq!(sink.finish().unwrap(), 11);
    assert_eq!(std::fs::read(&path).unwrap(), b"abc\ndefg\nh\n");
    let error = FileSink::create(&dir.path().join("no/out"), 8).unwrap_err().to_string();
    assert!(error.starts_with("cannot create ") && error.contains("no/out: No such file"), "{error}");
}
