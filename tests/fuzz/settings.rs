//! The configuration: files, and documents from Redis.

use crate::{
    harness::Target,
    outcome::{Outcome, nothing},
};
use wagehood_engine::config::{Config, Faults, Layer, Loaded, RedisConfig, WireForm, decode_document, encode_document};

const MEMORY: (usize, usize) = (4 << 20, 4_096);

pub const TOML: Target = Target {
    name: "toml",
    check: toml,
    mend: nothing,
    words: &[
        "[engine]\n",
        "[[watchlist]]\n",
        "[redis]\n",
        "[input]\n",
        "[timeframes]\n",
        "[strategies.macd_rsi]\n",
        "[limits]\n",
        "[timeframes.15m]\n",
        "[strategies.macd_rsi.timeframes.5m]\n",
        "symbol = \"SPY\"\n",
        "workers = 2\n",
        "feed = \"redis\"\n",
        "list = [\"1m\"]\n",
        "max_symbols = 65535\n",
        "buffer_size = 65536\n",
        "url = \"redis://:hunter2@h\"\n",
        "true",
        "false",
        "\"\"",
        "\"\"\"",
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ".",
        ",",
        "#",
        "\n",
        "inf",
        "nan",
        "1979-05-27T07:32:00Z",
        "0x1f",
        "é",
        "\0",
    ],
    memory: MEMORY,
    made: Vec::new,
};

pub const DOCUMENTS: Target = Target {
    name: "documents",
    check: documents,
    mend: nothing,
    words: &[
        "watchlist\n",
        "strategies\n",
        "indicators\n",
        "system\n",
        "timeframe_configs\n",
        "strategy_matrix\n",
        "\"strategy_overrides\":",
        "\"enabled_strategies\":",
        "\"supported_timeframes\":",
        "\"trading_profile\":",
        "\"swing_trading\"",
        "\"timeframe\":",
        "JSON:",
        "RAW:",
        "GZIP:",
        "null",
        "true",
        "[]",
        "{}",
        "[",
        "{",
        "]",
        "}",
        ",",
        ":",
        "\"",
        "\"symbol\":",
        "\"timeframes\":",
        "\"enabled\":",
        "\"priority\":",
        "\"name\":",
        "\"parameters\":",
        "\"timeframe_parameters\":",
        "\"macd_rsi_strategy\"",
        "\"min_confidence\":",
        "\"1m\"",
        "\"redis_streams_maxlen\":",
        "\\u0000",
        "\\ud800",
        "1e999",
        "[[[[[[[[[[[[[[[[",
    ],
    memory: MEMORY,
    made: Vec::new,
};

pub const PICKLES: Target = Target {
    name: "pickles",
    check: pickles,
    mend: nothing,
    words: &[
        "RAW:",
        "PICKLE:",
        "GZIP:",
        "\u{2}",
        "\u{3}",
        "\u{4}",
        "(",
        ".",
        "0",
        "1",
        "G",
        "J",
        "K",
        "M",
        "N",
        "X",
        "a",
        "e",
        "h",
        "j",
        "]",
        ")",
        "}",
        "q",
        "r",
        "s",
        "u",
        "t",
        "c",
        "R",
        "b",
        "Q",
        "i",
        "o",
        "cos\nsystem\n",
        "X\u{1}\0\0\0a",
        "K\u{1}",
        "h\0",
        "q\0",
        "]q\0",
        "}(",
        "](",
        "ttt",
    ],
    memory: (1 << 20, 1_024),
    made: made_pickles,
};

/// Pickles of every protocol, of which mutations are made.
fn made_pickles() -> Vec<Vec<u8>> {
    let value = serde_json::json!([{"symbol": "SPY", "priority": 1.5, "n": [null, true, false, -70_000, 70_000, 300, 1i64 << 40]}]);
    let form = |protocol| WireForm::Pickle { prefix: "RAW:", packed: false, protocol };
    let mut made: Vec<Vec<u8>> = (2..=5).map(|protocol| encode_document(form(protocol), &value).unwrap()).collect();
    // As Python writes them: with frames, a memo, and what is recalled from it.
    made.push(b"RAW:\x80\x05\x95\x1f\0\0\0\0\0\0\0]\x94(}\x94\x8c\x01a\x94\x85\x94h\x02\x86\x94h\x03\x8a\x01\x7fG?\xf0\0\0\0\0\0\0e.".to_vec());
    made.push(b"RAW:\x80\x02]q\0(X\x01\0\0\0aq\x01h\x01}q\x02h\x01J\xff\xff\xff\xffs(K\x01K\x02te.".to_vec());
    made
}

/// Whatever is read is data, and the same again when it is written and read.
fn pickles(input: &[u8]) -> u64 {
    let mut outcome = Outcome::default();
    match decode_document(input) {
        Ok((form, value)) => {
            if let Ok(bytes) = encode_document(form, &value) {
                assert!(decode_document(&bytes).unwrap() == (form, value.clone()), "{form:?}");
            }
            outcome.add(1).add(value.as_array().map_or(9, |list| list.len().min(4) as u64));
        }
        Err(error) => {
            let problem = error.to_string();
            assert!(!problem.contains('\n') && problem.len() < 400, "{problem}");
            let kind: Vec<u8> = problem.bytes().filter(|byte| !byte.is_ascii_digit()).take(40).collect();
            outcome.add(crc32fast::hash(&kind).into());
        }
    }
    outcome.get()
}

fn toml(input: &[u8]) -> u64 {
    let layers = [Layer::File { name: "my.toml".to_owned(), bytes: input.to_vec() }];
    check(&Config::load(&layers))
}

/// The first line is the kind of document.
fn documents(input: &[u8]) -> u64 {
    let (kind, bytes) = input.split_at(input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len()));
    let kind = RedisConfig::DOCUMENTS.into_iter().find(|known| known.as_bytes() == kind).unwrap_or("nonsense");
    let key = format!("wagehood:realtime_config:{kind}");
    check(&Config::load(&[Layer::Document { key, bytes: bytes.get(1..).unwrap_or_default().to_vec() }]))
}

fn check(result: &Result<Loaded, Faults>) -> u64 {
    let mut outcome = Outcome::default();
    match result {
        Ok(loaded) => {
            promised(&loaded.config);
            let shown = loaded.effective.to_toml();
            let mut urls = shown.lines().filter(|line| line.starts_with("url = "));
            assert!(!urls.any(|line| line.contains("hunter2")), "a password is shown");
            let layer = Layer::File { name: "shown".to_owned(), bytes: shown.clone().into_bytes() };
            let again = Config::load(&[layer])
                .unwrap_or_else(|faults| panic!("what is shown does not load: {faults}\n{shown}"));
            let same = |config: &Config| {
                let mut config = config.clone();
                config.redis.url = Default::default();
                format!("{config:?}")
            };
            // What looks like an address with a password is not shown as it is, wherever it stands.
            let hidden = shown.contains("***");
            assert!(hidden || same(&again.config) == same(&loaded.config), "what is shown is something else:\n{shown}");
            outcome.add(1).add(loaded.config.watchlist.len().min(3) as u64).add(loaded.notes.len().min(3) as u64);
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                let line = fault.to_string();
                assert!(!line.contains('\n') && line.len() < 4_096, "{} bytes: {line:.200}", line.len());
                assert!(!line.contains("hunter2"), "a password is shown");
            }
            // The kind of the first, without what was found and where.
            let problem = faults.iter().next().map_or("", |fault| fault.problem.as_str());
            let kind = problem.rsplit(';').next().unwrap_or_default();
            let kind: Vec<u8> = kind.bytes().filter(|byte| !byte.is_ascii_digit()).take(60).collect();
            outcome.add(crc32fast::hash(&kind).into());
            outcome.add(faults.len().min(4) as u64);
        }
    }
    outcome.get()
}

/// What every part of the engine relies on.
fn promised(config: &Config) {
    let plan = config.plan();
    assert!(!plan.timeframes.is_empty() && plan.timeframes.len() <= 16);
    assert!(plan.timeframes.windows(2).all(|two| two[0] < two[1]));
    assert_eq!(plan.params.len(), plan.timeframes.len());
    assert!(!plan.assets.is_empty() && plan.assets.len() <= plan.max_symbols);
    for asset in &plan.assets {
        assert!(asset.cells.len() == plan.timeframes.len() && asset.priority.is_finite() && asset.priority >= 0.0);
        for cell in &asset.cells {
            assert!(cell.buffer_size <= 65_536 && cell.price_scale > 0.0 && cell.price_scale <= 1.0, "{cell:?}");
            assert!(cell.weight.is_finite() && cell.weight >= 0.0, "{cell:?}");
        }
    }
    for params in &plan.params {
        let text = format!("{params:?}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        for confidence in [params.macd_rsi.min_confidence, params.sr_breakout.min_confidence] {
            assert!((0.0..=1.0).contains(&confidence), "{confidence}");
        }
    }
    assert!((0.0..=1.0).contains(&config.correlation.alert_confidence));
    assert!(config.limits.max_entry_bytes <= config.limits.read_buffer_max_bytes);
}
