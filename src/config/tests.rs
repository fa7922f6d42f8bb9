//! The configuration from outside: files in, values, plans and faults out.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::model::{Timeframe, TradingStyle};
use proptest::prelude::*;

const LOW_LATENCY: &str = include_str!("../../config/low-latency.toml");
const DEVELOPMENT: &str = include_str!("../../config/development.toml");

fn tf(text: &str) -> Timeframe {
    text.parse().unwrap()
}

fn file(text: &str) -> Layer {
    Layer::File { name: "my.toml".to_owned(), bytes: text.as_bytes().to_vec() }
}

fn document(kind: &str, text: &str) -> Layer {
    Layer::Document { key: format!("wagehood:realtime_config:{kind}"), bytes: text.as_bytes().to_vec() }
}

fn load(layers: &[Layer]) -> Loaded {
    Config::load(layers).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(text: &str) -> Vec<String> {
    match Config::load(&[file(text)]) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_files_that_come_with_the_program_hold() {
    let default = load(&[]);
    assert_eq!(default.config, Config::default());
    assert_eq!(default.config.strategies.default, StrategyParams::default());
    assert_eq!(load(&[file(LOW_LATENCY)]).config.engine.idle, Idle::BusySpin);
    assert_eq!(load(&[file(DEVELOPMENT)]).config.assets().len(), 5);
}

#[test]
fn the_example_keys_of_the_manual_hold() {
    // Within a text of several lines each line is one.
    let mut within = false;
    let uncomment = |line: &str| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        within ^= bare.ends_with("\"\"\"");
        let example = within
            || bare == "\"\"\""
            || bare.starts_with('[')
            || bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        if example { bare.to_owned() } else { line.to_owned() }
    };
    let text: Vec<String> = DEFAULT_TOML.lines().filter(|line| *line != "watchlist = []").map(uncomment).collect();
    // The examples of the watchlist open tables, so no key of the root may follow them.
    // And the mock has no use for history.
    let config = load(&[file(&text.join("\n").replace("feed = \"mock\"", "feed = \"redis\""))]).config;
    assert_eq!(config.engine.cores.publisher, Some(7));
    assert_eq!(
        config.input.history.iter().map(HistoryConfig::name).collect::<Vec<_>>(),
        ["history_1m", "spy_1m.csv.gz, qqq_1m.csv.gz"]
    );
    assert_eq!(config.watchlist.len(), 3);
    assert_eq!(config.calendars.definition("xmad").unwrap().last_year(), 2027);
    assert_eq!(config.timeframes.settings(tf("15m")).price_scale, 0.1);
}

#[test]
fn layers_lie_on_each_other_and_values_know_where_they_came_from() {
    let layers = [
        Layer::Override(Override::new("engine.workers", 4)),
        document("watchlist", r#"JSON:[{"symbol":"SPY","timeframes":["1m","5m"],"mood":"x"}]"#),
        file("[engine]\nworkers = 2\nbatch_records = 7\n[[watchlist]]\nsymbol = \"QQQ\"\n"),
        Layer::Override(Override::parse("redis.url=redis://:secret@h").unwrap()),
    ];
    let loaded = load(&layers);
    assert_eq!((loaded.config.engine.workers, loaded.config.engine.batch_records), (4, 7));
    assert_eq!(loaded.config.watchlist[0].symbol, "SPY");
    let origin = |key: &str| loaded.effective.origin(key).to_string();
    assert_eq!(origin("engine.workers"), "command line");
    assert_eq!(origin("engine.batch_records"), "my.toml:3");
    assert_eq!(origin("engine.ring_size"), "default");
    assert_eq!(origin("watchlist"), "redis wagehood:realtime_config:watchlist");
    assert_eq!(loaded.notes, ["wagehood:realtime_config:watchlist: `mood` is not used (1×)"]);
    let shown = loaded.effective.to_toml();
    assert!(shown.contains("workers = 4  # command line\n"), "{shown}");
    assert!(shown.contains("ring_size = 8192  # default\n"), "{shown}");
    assert!(!format!("{shown}{loaded:?}{layers:?}").contains("secret"), "{shown}");
    assert!(!faults("[redis]\nurl = \"redis:secret@h\"").join("").contains("secret"));
}

#[test]
fn what_is_shown_loads_back_to_the_same() {
    let mine = r#"
        [timeframes]
        list = ["1s", "15m"]
        [timeframes.90s]
        trading_style = "swing_trading"
        [[watchlist]]
        symbol = "A\"b"
        timeframes = { 1m = { buffer_size = 3 }, 2h = { name = "2h", enabled = false } }
        [[watchlist]]
        symbol = "SPY"
        [[watchlist]]
        symbol = "ES@CME"
        [strategies.sr_breakout_strategy.timeframes.60s]
        lookback_period = 20
        tolerance = 1e-7
    "#;
    for layers in [vec![], vec![file(mine)], vec![file(LOW_LATENCY)], vec![file(DEVELOPMENT)]] {
        let loaded = load(&layers);
        let shown = loaded.effective.to_toml();
        let again = load(&[file(&shown)]);
        assert_eq!(again.config, loaded.config, "{shown}");
        assert_eq!(again.effective.to_toml().lines().count(), shown.lines().count());
    }
}

#[test]
fn all_faults_are_reported_at_once_with_line_key_value_and_what_is_allowed() {
    let text = r#"
[engine]
wrokers = 3
ring_size = 1
threading = "many"
idle_spins = 1.5
[engine.cores]
reader = 3
publisher = 3
[input]
feed = true
streams = [{ name = "x", timeframe = "1q" }, { timeframe = "1s" }]
[redis]
url = "http://user:hunter2@host"
[timeframes.7x]
[timeframes.5m]
price_scale = 0
[strategies.macd_rsi]
macd_fast = 30
min_confidence = 2
[strategies.ma_crossover.timeframes.5m]
slow_period = 40
[strategies.sr_breakout]
lookback = 121
lookback_periods = 20
[styles.day]
budget_ms = "soon"
[[watchlist]]
enabled = 1
[nonsense]
"#;
    let found = faults(text);
    let expected = [
        "my.toml:3: engine.wrokers: unknown key; did you mean `workers`?",
        "my.toml:4: engine.ring_size: found 1; allowed: a whole number from 2 to 1048576",
        "my.toml:5: engine.threading: found \"many\"; allowed: \"auto\", \"dedicated\", \"shared\"",
        "my.toml:6: engine.idle_spins: found 1.5; allowed: a whole number from 0 to 1000000",
        "my.toml:7: engine.cores: core 3 is given to two agents",
        "my.toml:11: input.feed: found true; allowed: \"mock\", \"redis\"",
        "my.toml:12: input.streams[0].timeframe: found \"1q\"; allowed: a timeframe",
        "my.toml:12: input.streams[1].name: is missing; allowed: a text that is not empty",
        "my.toml:14: redis.url: found an address of another scheme (not shown); allowed: redis://",
        "my.toml:15: timeframes.7x: unknown key; ",
        "my.toml:17: timeframes.5m.price_scale: found 0; allowed: a number above 0, at most 1",
        "my.toml:19: strategies.macd_rsi.macd_fast: found 30; allowed: less than macd_slow, which is 26",
        "my.toml:20: strategies.macd_rsi.min_confidence: found 2; allowed: a number from 0 to 1",
        "strategies.ma_crossover.timeframes.5m.fast_period: found 50; allowed: less than slow_period, which is 40",
        "my.toml:24: strategies.sr_breakout.lookback: found 121; allowed: a whole number from 5 to 120",
        "my.toml:25: strategies.sr_breakout.lookback_periods: is another name of `lookback`",
        "my.toml:27: styles.day.budget_ms: found \"soon\"; allowed: a whole number from 1 to 3600000",
        "watchlist[0].symbol: is missing",
        "my.toml:29: watchlist[0].enabled: found 1; allowed: true or false",
        "my.toml:30: nonsense: unknown key; known here: watchlist, calendars, engine",
    ];
    for text in expected {
        assert!(found.iter().any(|fault| fault.contains(text)), "not reported: {text}\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
    assert!(!found.join("").contains("hunter2"));
}

#[test]
fn what_does_not_go_together_is_told_beside_faults_of_other_layers() {
    let layers = [
        file(
            "[[watchlist]]\nsymbol = \"A\"\n[[watchlist]]\nsymbol = \"A\"\n[[watchlist]]\nsymbol = 7\n[redis]\ntls_cert = \"x\"\n",
        ),
        document("strategies", r#"[{"name": "macd_rsi", "enabled": 7}]"#),
        Layer::Override(Override::new("limits.max_entry_bytes", -1)),
        Layer::Override(Override::new("input.block_ms", 60_000)),
    ];
    let found: Vec<String> = Config::load(&layers).unwrap_err().iter().map(ToString::to_string).collect();
    for text in [
        "my.toml:4: watchlist[1].symbol: \"A\" is watchlist[0] already",
        "my.toml:6: watchlist[2].symbol: found 7",
        "my.toml:8: redis.tls_cert: is there without the other",
        "my.toml:8: redis.tls_cert: is there, but redis.url is without TLS",
        "realtime_config:strategies: ",
        "command line: limits.max_entry_bytes: found -1",
        "command line: input.block_ms: found 60000; allowed: less than redis.timeout_ms",
    ] {
        assert!(found.iter().any(|fault| fault.contains(text)), "not reported: {text}\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 7, "{}", found.join("\n"));
    // What depends on a value that is faulty by itself is not told: the timeframes on the streams, for one.
    let found = faults("[input]\nstreams = [{ name = \"x\", timeframe = \"1q\" }]\n[timeframes]\nlist = [\"1s\"]\n");
    assert!(found.len() == 1 && found[0].contains("streams[0].timeframe"), "{found:?}");
}

#[test]
fn broken_syntax_is_reported_with_its_lines_and_hides_no_other_fault() {
    let found = faults("[engine]\nworkers = = 3\nring_size = 1\nname = \"a\n[mock]\nseed = -1\n");
    assert!(found.iter().any(|f| f.starts_with("my.toml:2: not TOML: ")), "{found:?}");
    assert!(found.iter().any(|f| f.starts_with("my.toml:3: engine.ring_size")), "{found:?}");
    assert!(found.iter().any(|f| f.starts_with("my.toml:4: not TOML: ")), "{found:?}");
    assert!(found.iter().any(|f| f.starts_with("my.toml:6: mock.seed: found -1")), "{found:?}");
    assert_eq!(faults("a = 1\na = 2\n").len(), 2);
    let binary = Layer::File { name: "b".to_owned(), bytes: b"a = 1\n\xff".to_vec() };
    assert_eq!(Config::load(&[binary]).unwrap_err().to_string(), "b:2: not UTF-8 text; save the file as UTF-8");
}

#[test]
fn values_that_do_not_go_together_are_reported() {
    let cases = [
        ("[input]\nfeed = \"redis\"", "my.toml:2: input.feed: the feed is redis and no symbol is enabled"),
        (
            "[timeframes]\nlist = [\"5m\", \"90s\"]\n[input]\nstreams = [{name=\"a\",timeframe=\"1m\"}]",
            "90s cannot be made",
        ),
        ("[timeframes]\nlist = [\"1m\", \"60s\"]", "timeframes.list: has 1m twice"),
        (
            "[[watchlist]]\nsymbol = \"A\"\n[[watchlist]]\nsymbol = \"A\"",
            "my.toml:4: watchlist[1].symbol: \"A\" is watchlist[0]",
        ),
        ("[[watchlist]]\nsymbol = \"A B\"", "no spaces"),
        ("[[watchlist]]\nsymbol = \"A\"\ntimeframes = []", "enables no timeframe"),
        ("[[watchlist]]\nsymbol = \"A\"\ntimeframes = [\"1m\", \"60s\"]", "1m is there twice"),
        ("[limits]\nmax_symbols = 5", "limits.max_symbols: found 5; allowed: 100 or more"),
        ("[engine]\nworkers = 3\ncores.workers = [1, 2]", "engine.cores.workers: has 2 cores"),
        ("[engine.cores]\nreader = 1\nworkers = [1]", "core 1 is given to two agents"),
        ("[input]\nstreams = []", "input.streams: is empty"),
        (
            "[input]\nstreams = [{name=\"a\",timeframe=\"1s\"},{name=\"a\",timeframe=\"1s\"}]",
            "\"a\" is input.streams[0] already",
        ),
        ("[input]\nblock_ms = 5000", "less than redis.timeout_ms"),
        ("[output.keys]\nposition = \"p\"", "a name that has {name} in it, once"),
        ("[calendars]\nstock = \"xnyz\"", "my.toml:2: calendars.stock: found \"xnyz\"; allowed: utc, xnys"),
        (
            "[calendars]\nstok = \"xnys\"",
            "calendars.stok: found \"xnys\"; allowed: a table of settings; types of assets are stock, etf",
        ),
        ("[calendars.xmad]\nsession = \"regular\"", "is no calendar that comes with the program"),
        ("[calendars.xmad]\ntable = \"# X\"", "line 1 of the table"),
        ("[calendars.xlon]\nextra_closures = [\"2035-01-02\"]", "the table of XLON has the years from 1990 to 2030"),
        ("[calendars.xlon]\nearly_closes = [\"2027-01-04\"]", "such as [\"2027-01-08@13:00\"]"),
        ("[calendars.xlon]\nextended = [\"07:00\", \"19:00\"]", "three times of day"),
        (
            "[[watchlist]]\nsymbol = \"A\"\ncalendar = \"xlon\"\nsession = \"extended\"",
            "my.toml:4: watchlist[0].session",
        ),
        (
            "[[watchlist]]\nsymbol = \"A\"\nanchor = \"open\"",
            "watchlist[0].anchor: session, anchor and outside_session",
        ),
        (
            "[[watchlist]]\nsymbol = \"A\"\ncalendar = \"xlon\"\n[timeframes]\nlist = [\"1m\", \"2d\"]",
            "my.toml:3: watchlist[0].calendar: 2d has no bars",
        ),
        (
            "[calendars]\nstock = \"xnys\"\n[timeframes]\nlist = [\"1m\", \"2w\"]",
            "timeframes.list: 2w has no bars with",
        ),
        ("timeframes = 3", "timeframes: found 3; allowed: a table"),
    ];
    for (text, expected) in cases {
        let found = faults(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    let from_redis = [file("[input]\nfeed = \"redis\"\n[redis]\nconfig_from_redis = true")];
    assert!(Config::load(&from_redis).is_err() && Config::load_offline(&from_redis).is_ok());
    let many: Vec<String> = (1..=17).map(|i| format!("\"{i}m\"")).collect();
    let found = faults(&format!("[timeframes]\nlist = [{}]", many.join(",")));
    assert!(found[0].contains("at most 16"), "{found:?}");
}

#[test]
fn names_of_the_existing_system_are_read() {
    let config = load(&[file(
        "[strategies.bollinger_breakout_strategy]\nbb_period = 30\nbb_std_dev = 3\n\
         [strategies.sr_breakout_strategy]\nlookback_periods = 60\n\
         [strategies.macd_rsi.timeframes.300s]\nrsi_oversold = 25\n",
    )])
    .config;
    let default = &config.strategies.default;
    assert_eq!((default.bollinger_breakout.period, default.bollinger_breakout.std_dev), (30, 3.0));
    assert_eq!(default.sr_breakout.lookback, 60);
    let five = config.strategies.of(tf("5m"));
    assert_eq!((five.macd_rsi.rsi_oversold, five.bollinger_breakout.period), (25.0, 30));
    assert_eq!(&config.strategies.of(tf("1m")), default);
}

#[test]
fn documents_of_the_existing_system_are_a_layer() {
    let watchlist = r#"JSON:[{"symbol":"SPY","enabled":true,"data_provider":"mock","priority":2,"asset_type":"stock",
        "last_updated":"2026-11-22T13:40:31.610056","enabled_strategies":["macd_rsi_strategy"],"strategy_overrides":{},
        "timeframes":{"1m":{"name":"1m","trading_style":"day_trading","update_frequency_seconds":1,"enabled":true,
        "buffer_size":1000},"1h":{"name":"1h","trading_style":"position_trading","enabled":true,"buffer_size":100}}},
        {"symbol":"QQQ","timeframes":["1m","15m"],"priority":null}]"#;
    let strategies = r#"JSON:[{"name":"sr_breakout_strategy","enabled":true,"ttl_seconds":600,
        "parameters":{"lookback_period":20,"min_touches":3,"breakout_threshold":0.01},
        "timeframe_parameters":{"5m":{"lookback_period":10,"breakout_threshold":0.005}}},
        {"name":"rsi_trend_strategy","enabled":false,"parameters":{"rsi_period":10,"trend_sma_period":50}},
        {"name":"astrology_strategy","enabled":true}]"#;
    let system = r#"JSON:{"calculation_workers":4,"redis_streams_maxlen":5000,"enable_alerts":false}"#;
    let layers = [
        document("watchlist", watchlist),
        document("strategies", strategies),
        document("system", system),
        document("indicators", "JSON:[]"),
    ];
    let Loaded { config, notes, .. } = load(&layers);
    assert_eq!((config.output.streams.signals_maxlen, config.output.alerts), (5000, false));
    assert_eq!(config.strategies.default.sr_breakout.min_touches, 3);
    assert_eq!(config.strategies.of(tf("5m")).sr_breakout.lookback, 10);
    assert!(!config.strategies.default.rsi_trend.enabled);
    assert_eq!(config.output.streams.alerts_maxlen, 5000, "it reaches every stream that it named");
    assert!(config.output.indicators.is_empty());
    let plan = config.plan();
    let params =
        |i: usize, t: &str| &plan.params[plan.assets[i].cells[plan.timeframe_id(tf(t)).unwrap().index()].params];
    assert!(params(0, "1m").macd_rsi.enabled && !params(0, "1m").sr_breakout.enabled);
    assert!(params(1, "1m").sr_breakout.enabled);
    let at = |i: usize, t: &str| &plan.assets[i].cells[plan.timeframe_id(tf(t)).unwrap().index()];
    assert_eq!((at(0, "1m").buffer_size, at(0, "1h").style), (1024, TradingStyle::Position));
    assert!(at(0, "1h").enabled && !at(0, "1s").enabled && !at(0, "15m").enabled && at(1, "15m").enabled);
    for note in ["`ttl_seconds`", "`sr_breakout.breakout_threshold` is not used (2×)", "astrology"] {
        assert!(notes.iter().any(|n| n.contains(note)), "{note}: {notes:?}");
    }
}

#[test]
fn documents_that_cannot_be_read_are_refused_with_a_reason() {
    for (bytes, expected) in [
        (&b"RAW:\x80\x05\x95"[..], "a broken pickle"),
        (b"RAW:\x80\x04cos\nsystem\n.", "the opcode GLOBAL"),
        (b"GZIP:\x1f\x8b", "not gzip"),
        (b"hello", "no known form"),
        (b"JSON:[", "not JSON"),
        (b"JSON:3", "allowed: a list of objects"),
    ] {
        let key = "wagehood:realtime_config:watchlist".to_owned();
        let error = Config::load(&[Layer::Document { key, bytes: bytes.to_vec() }]).unwrap_err().to_string();
        assert!(error.starts_with("redis wagehood:realtime_config:watchlist: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn what_documents_say_of_symbols_profiles_and_timeframes_counts() {
    let watchlist = r#"[{"symbol":"SPY","timeframes":["1m","5m"],"trading_profile":"swing_trading",
        "strategy_overrides":{"macd_rsi_strategy":{"parameters":{"rsi_oversold":20}},
                              "bollinger_breakout_strategy":{"bb_period":15,"moon":1},"astrology":{}}},
        {"symbol":"QQQ","timeframes":["1m","5m"]},
        {"symbol":"IWM","timeframes":{"5m":{"trading_style":"day_trading","buffer_size":64,"update_frequency_seconds":2}},
         "trading_profile":"swing_trading"}]"#;
    let profiles = r#"{"swing_trading":[{"timeframe":"5m","update_interval_seconds":5,"lookback_periods":3000,"priority":2}],
        "day_trading":[]}"#;
    let matrix = r#"[{"strategy_name":"sr_breakout_strategy","supported_timeframes":["5m"],"min_bars_required":200},
        {"strategy_name":"rsi_trend_strategy","supported_timeframes":["1m"]}]"#;
    let strategies = r#"[{"name":"rsi_trend_strategy","supported_timeframes":["5m","4h"]}]"#;
    let layers = [
        document("watchlist", watchlist),
        document("strategies", strategies),
        document("strategy_matrix", matrix),
        document("timeframe_configs", profiles),
    ];
    // In the order in which they are asked for.
    let order = |layer: &Layer| match layer {
        Layer::Document { key, .. } => RedisConfig::DOCUMENTS.iter().position(|name| key.ends_with(name)),
        _ => None,
    };
    let mut layers = layers.to_vec();
    layers.sort_by_key(order);
    let Loaded { config, notes, .. } = load(&layers);
    let plan = config.plan();
    let cell = |i: usize, t: &str| &plan.assets[i].cells[plan.timeframe_id(tf(t)).unwrap().index()];
    let params = |i: usize, t: &str| &plan.params[cell(i, t).params];
    assert_eq!((params(0, "1m").macd_rsi.rsi_oversold, params(0, "1m").bollinger_breakout.period), (20.0, 15));
    assert_eq!((params(1, "1m").macd_rsi.rsi_oversold, params(1, "1m").bollinger_breakout.period), (30.0, 20));
    assert!(!params(0, "1m").sr_breakout.enabled && params(0, "5m").sr_breakout.enabled);
    assert!(!params(1, "1m").rsi_trend.enabled && params(1, "5m").rsi_trend.enabled, "the strategy's own word counts");
    let styles = [cell(0, "1m").style, cell(0, "5m").style, cell(1, "5m").style, cell(2, "5m").style];
    assert_eq!(styles, [TradingStyle::Swing, TradingStyle::Swing, TradingStyle::Day, TradingStyle::Day]);
    assert_eq!((cell(0, "5m").buffer_size, cell(1, "5m").buffer_size), (4096, 256));
    for note in ["`bollinger_breakout.moon`", "`min_bars_required`", "`priority`", "`astrology`"] {
        assert!(notes.iter().any(|n| n.contains(note)), "{note}: {notes:?}");
    }
    // Cells of the same parameters share them.
    assert!(plan.params.len() <= plan.timeframes.len() + 2, "{}", plan.params.len());
}

#[test]
fn overrides_that_contradict_are_found_where_they_stand() {
    let faults = faults(
        "[input]\nstreams = [{name=\"a\",timeframe=\"1m\"}]\n[timeframes]\nlist = [\"1m\", \"5m\"]\n\
         [[watchlist]]\nsymbol = \"A\"\nenabled_strategies = [\"macd_rsi\", \"tea_leaves\"]\n\
         [watchlist.strategy_overrides.ma_crossover]\nfast_period = 400\n[watchlist.strategy_overrides.macd_rsi]\nmoon = 1\n",
    )
    .join("\n");
    assert!(
        faults.contains("watchlist[0].enabled_strategies[1]: found \"tea_leaves\"; allowed: one of macd_rsi"),
        "{faults}"
    );
    assert!(faults.contains("strategy_overrides.macd_rsi.moon: unknown key"), "{faults}");
    let again = self::faults(
        "[input]\nstreams = [{name=\"a\",timeframe=\"1m\"}]\n[timeframes]\nlist = [\"1m\", \"5m\"]\n\
         [[watchlist]]\nsymbol = \"A\"\n[watchlist.strategy_overrides.ma_crossover]\nfast_period = 400\n",
    )
    .join("\n");
    let wanted = "watchlist[0].strategy_overrides.ma_crossover.fast_period: found 400; allowed: less than slow_period";
    assert!(again.contains(wanted), "{again}");
}

#[test]
fn the_plan_is_dense_sorted_and_complete() {
    let text = "[input]\nstreams = [{name=\"a\",timeframe=\"1m\"}]\n[timeframes]\nlist = [\"1h\", \"5m\"]\n\
        [strategies.ma_crossover.timeframes.1h]\nslow_period = 300\n[timeframes.5m]\nbuffer_size = 1000\n\
        method = \"vwap\"\n[[watchlist]]\nsymbol = \"A\"\npriority = 2\n[[watchlist]]\nsymbol = \"B\"\nenabled = false\n";
    let plan = load(&[file(text)]).config.plan();
    assert_eq!(plan.timeframes, [tf("1m"), tf("5m"), tf("1h")]);
    assert_eq!(plan.params.len(), 3);
    assert_eq!(plan.params[2].ma_crossover.slow_period, 300);
    assert_eq!(plan.assets.len(), 1);
    let cells = &plan.assets[0].cells;
    assert_eq!(cells.iter().map(|c| c.enabled).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(cells.iter().map(|c| c.buffer_size).collect::<Vec<_>>(), [256, 1024, 512]);
    assert_eq!(cells.iter().map(|c| c.weight).collect::<Vec<_>>(), [0.4, 0.6, 0.8]);
    assert_eq!(cells[1].method, PriceMethod::Vwap);
    assert_eq!(cells[2].price_scale, tf("1h").price_scale());
    assert_eq!(plan.default_asset.cells, *cells);
    assert_eq!(plan.styles.map(|style| style.budget_ms), [100, 500, 1000]);

    let plan = Config::default().plan();
    assert_eq!(
        (plan.assets.len(), plan.assets[0].symbol.as_str(), plan.assets[99].symbol.as_str()),
        (100, "S001", "S100")
    );
    assert!(plan.assets.iter().all(|asset| asset.cells.iter().all(|cell| cell.enabled && cell.buffer_size == 256)));
    assert_eq!((plan.allowed_lateness_ms, plan.max_future_ms, plan.active_bars), (2000, 5_000, 3));
}

#[test]
fn symbols_have_their_own_calendar_or_that_of_their_type() {
    let text = "[calendars]\nstock = \"xnys\"\n[calendars.xnys]\nsession = \"extended\"\nextra_closures = [2027-01-08]\n\
                early_closes = [\"2027-01-07@13:00\", 2027-01-06T13:00:00]\n\
                [[watchlist]]\nsymbol = \"A\"\n[[watchlist]]\nsymbol = \"B\"\nsession = \"regular\"\n\
                [[watchlist]]\nsymbol = \"C\"\nasset_type = \"crypto\"\n\
                [[watchlist]]\nsymbol = \"D\"\ncalendar = \"xlon\"\nanchor = \"open\"\n\
                [[watchlist]]\nsymbol = \"E\"\n";
    let config = load(&[file(text)]).config;
    let plan = config.plan();
    let name = |index: usize| plan.assets[index].calendar.name();
    assert!(name(0).starts_with("xnys extended utc refuse ") && name(1).starts_with("xnys regular utc refuse "));
    assert!(name(2) == "utc" && name(3).starts_with("xlon regular open refuse ") && name(4) == name(0));
    let hours = |day| {
        let date = crate::model::time::days_from_civil(2027, 1, day);
        config
            .calendars
            .definition("xnys")
            .unwrap()
            .hours(date, crate::calendar::Hours::Regular)
            .map(|h| h.1.to_string())
    };
    assert_eq!(
        [hours(5), hours(6), hours(7), hours(8)],
        [Some("16:00"), Some("13:00"), Some("13:00"), None].map(|t| t.map(str::to_owned))
    );
    // A replay: what differs from the symbols that it knows nothing of.
    let plan = config.replay_plan(tf("1m"), &[tf("1h")], None).unwrap();
    let symbols: Vec<&str> = plan.assets.iter().map(|asset| asset.symbol.as_str()).collect();
    assert_eq!((symbols, plan.default_asset.calendar.name()), (vec!["B", "C", "D"], name(0)));
    assert!(config.replay_plan(tf("1d"), &[tf("2d")], None).is_err());
    assert!(config.check_calendars(2030).is_ok() && config.check_calendars(2031).is_err());
}

#[test]
fn a_replay_has_the_timeframes_asked_for_and_any_symbol() {
    let config = Config::default();
    let plan = config.replay_plan(tf("1m"), &[tf("1h"), tf("5m")], Some(PriceMethod::Typical)).unwrap();
    assert_eq!(plan.timeframes, [tf("1m"), tf("5m"), tf("1h")]);
    assert!(plan.open_watchlist && plan.assets.is_empty());
    let cells = &plan.default_asset.cells;
    assert_eq!(cells.iter().map(|c| c.enabled).collect::<Vec<_>>(), [false, true, true]);
    assert!(cells.iter().all(|c| c.method == PriceMethod::Typical));
    let error = config.replay_plan(tf("1m"), &[tf("1s"), tf("90s"), tf("1m")], None).unwrap_err();
    assert_eq!(error.len(), 2, "{error}");
}

#[test]
fn threads_follow_the_cores() {
    let mut engine = Config::default().engine;
    assert_eq!(engine.threads(2), Threads { shared: true, workers: 1 });
    assert_eq!(engine.threads(8), Threads { shared: false, workers: 3 });
    assert_eq!([1, 2, 8].map(|cores| engine.threads_unpaced(cores).shared), [true, false, false]);
    engine.cores.workers = vec![4, 5];
    assert_eq!(engine.threads(8).workers, 2);
    engine.threading = Threading::Shared;
    assert!(engine.threads_unpaced(8).shared);
    engine.threading = Threading::Dedicated;
    assert!(!engine.threads_unpaced(1).shared);
}

#[test]
fn overrides_are_toml_or_text() {
    let value = |text: &str| Override::parse(text).map(|o| o.value);
    assert_eq!(value("a=3"), Some(toml::Value::Integer(3)));
    assert_eq!(value("a = true"), Some(toml::Value::Boolean(true)));
    assert_eq!(value("a=redis://h"), Some(toml::Value::String("redis://h".to_owned())));
    assert_eq!(value("a=1\nb=2"), Some(toml::Value::String("1\nb=2".to_owned())));
    assert_eq!(value("=1").or(value("a")), None);
    let faults = Config::load(&[Layer::Override(Override::new("engine.worker", 1))]).unwrap_err().to_string();
    assert_eq!(faults, "command line: engine.worker: unknown key; did you mean `workers`?");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "a.".repeat(200_000);
    for text in [
        format!("{deep}a = 1"),
        format!("[{deep}a]"),
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
        format!("a = {{{deep}a = 1}}"),
    ] {
        assert!(!faults(&text).is_empty());
    }
    let list = format!("JSON:{}", "[".repeat(200_000));
    let key = format!(r#"JSON:[{{"name":"macd_rsi","timeframe_parameters":{{"{deep}":{{"rsi_period":3}}}}}}]"#);
    for text in [list, key] {
        assert!(Config::load(&[document("strategies", &text)]).is_err());
    }
    assert!(Config::load(&[Layer::Override(Override::new(&deep, 1))]).is_err());
    assert!(Override::parse(&format!("{deep}={}", "[".repeat(200_000))).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = "wagehood:realtime_config:strategies".to_owned();
        let json = [&b"JSON:"[..], &bytes].concat();
        let _ = Config::load(&[Layer::File { name: "x".to_owned(), bytes }, Layer::Document { key, bytes: json }]);
    }

    #[test]
    fn no_mutation_of_the_manual_panics(
        edits in proptest::collection::vec((0..DEFAULT_TOML.len(), any::<u8>(), 0..4_usize), 1..20),
    ) {
        let mut bytes = DEFAULT_TOML.as_bytes().to_vec();
        for (at, byte, cut) in edits {
            let at = at % bytes.len().max(1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, [b"[]={}.,\"'\n#0x-_ea"[usize::from(byte) % 17]]);
        }
        if let Ok(loaded) = Config::load(&[Layer::File { name: "x".to_owned(), bytes }]) {
            let again = Config::load(&[file(&loaded.effective.to_toml())]).map(|again| again.config);
            prop_assert_eq!(again, Ok(loaded.config.clone()));
            let _ = loaded.config.plan();
        }
    }
}

/// The faults of a configuration, each in a line.
fn faults_of(text: &str) -> Vec<String> {
    let layer = Layer::File { name: "my.toml".to_owned(), bytes: text.as_bytes().to_vec() };
    Config::load_offline(&[layer])
        .map_or_else(|faults| faults.to_string().lines().map(str::to_owned).collect(), |_| vec![])
}

#[test]
fn readers_of_the_existing_system_get_the_forms_that_they_know() {
    const HEAD: &str = "[[watchlist]]\nsymbol = \"A\"\n[output]\n";
    for (key, form) in [("calculation_events_format", "json"), ("latest_format", "hash")] {
        let faults = faults_of(&format!("{HEAD}compat = \"later\"\n{key} = \"{form}\""));
        assert!(faults.len() == 1 && faults[0].contains(&format!("output.{key}: is not")), "{faults:#?}");
        assert_eq!(faults_of(&format!("{HEAD}compat = \"off\"\n{key} = \"{form}\"")), [""; 0]);
    }
    assert_eq!(faults_of(&format!("{HEAD}compat = \"later\"\nsignals_format = \"frame\"")), [""; 0]);
}

#[test]
fn no_name_is_used_twice() {
    const HEAD: &str = "[input]\nfeed = \"redis\"\n[[input.streams]]\nname = \"in\"\ntimeframe = \"1s\"\n[timeframes]\nlist = [\"1s\", \"1m\"]\n[[watchlist]]\nsymbol = \"A\"\n";
    assert_eq!(faults_of(HEAD), [""; 0]);
    let lease = "wagehood:engine:lease:main";
    for (more, words) in [
        (
            "[output.streams]\ndead_letter = \"in\"",
            "output.streams.dead_letter: \"in\" is output.streams.dead_letter and also input.streams[0]",
        ),
        ("[output.streams]\nsignals = \"in\"", "output.streams.signals: \"in\" is"),
        ("[output.streams]\nalerts = \"signals\"", "and also output.streams.signals"),
        ("[output.streams]\nsignals = \"bars_1m\"\nmarket_data_prefix = \"bars_\"", "where closed 1m bars are written"),
        ("[output.streams]\nsignals = \"wagehood:engine:position:main\"", "the position"),
        (&format!("[output.streams]\nsignals = \"{lease}:committed\""), "the mark of the last batch"),
        (
            "[output]\nsignals_format = \"frame\"\n[output.streams]\nsignals = \"wagehood:engine:names:main\"",
            "the names in frames",
        ),
        (
            "[output]\nlatest_format = \"hash\"\n[output.streams]\nsignals = \"wagehood:latest:A\"",
            "output.keys.latest of A",
        ),
        ("[output.keys]\ncomposite = \"calculations:{symbol}_complete\"", "output.keys.composite of A"),
        (
            "[output.keys]\nlatest_price = \"timeframe_indicators:{symbol}_1m\"",
            "output.keys.timeframe_indicators of A on 1m",
        ),
        ("[output.keys]\nprefix = \"\"\nposition = \"in{name}\"\n[engine]\nname = \"\"", "engine.name"),
    ] {
        let faults = faults_of(&format!("{HEAD}{more}"));
        assert!(faults.len() == 1 && faults[0].contains(words), "{more}: {faults:#?}");
    }
    for name in ["batch", "server", "first:x", "entries:in"] {
        let faults = faults_of(&HEAD.replace("\"in\"", &format!("{name:?}")));
        assert!(faults.len() == 1 && faults[0].contains("a field of the engine's own position"), "{faults:#?}");
    }
    // What is not written may be called anything, and so may a stream of bars that are not made here.
    let off = "[output]\nalerts = false\ncalculation_events = \"off\"\n[output.streams]\nalerts = \"in\"\ncalculation_events = \"in\"";
    assert_eq!(faults_of(&format!("{HEAD}{off}")), [""; 0]);
    let base = HEAD.replace("\"in\"", "\"market_data_1s\"");
    assert_eq!(faults_of(&base), [""; 0]);
    let made = HEAD.replace("\"in\"", "\"market_data_1m\"");
    assert_eq!(faults_of(&made).len(), 1);
}
