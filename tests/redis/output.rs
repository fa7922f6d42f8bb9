//! The output contract: every field and shape that readers of the streams and keys rely on.

use super::{
    engine::signal_line,
    series::{Bar, iso, price},
    server::{Client, assert_same},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What an engine was given, on one-minute bars.
pub struct Given<'a> {
    pub bars: &'a [Bar],
    pub symbols: &'a [&'static str],
    /// The timeframes with their minutes and their weight in the composite, shortest first.
    pub timeframes: &'a [(&'a str, i64, f64)],
    pub alert_confidence: f64,
    /// Whether the wall clock has closed what was open at the end.
    pub all_closed: bool,
}

const SIGNAL: [&str; 19] = [
    "signal_id",
    "symbol",
    "timeframe",
    "trading_style",
    "strategy",
    "kind",
    "side",
    "price",
    "confidence",
    "composite_confidence",
    "correlation_strength",
    "priority",
    "bar_ts",
    "event_ts",
    "source_id",
    "supporting",
    "opposing",
    "factors",
    "published_ms",
];
const BAR: [&str; 13] = [
    "event_id",
    "symbol",
    "timestamp",
    "price",
    "volume",
    "open",
    "high",
    "low",
    "close",
    "source",
    "metadata",
    "vwap",
    "trades",
];
const MINUTE_MS: i64 = 60_000;

/// The keys of a JSON object.
#[track_caller]
fn names(value: &Value) -> BTreeSet<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    object.keys().map(String::as_str).collect()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn near(found: f64, wanted: f64) {
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "found {found}, wanted {wanted}");
}

/// A bar of a longer timeframe, as made of the bars given.
struct Closed<'a> {
    bars: Vec<&'a Bar>,
    ts: i64,
}

impl<'a> Given<'a> {
    /// The bars of a symbol on a timeframe that must have been closed.
    fn closed(&self, symbol: &str, minutes: i64) -> Vec<Closed<'a>> {
        let interval = minutes * MINUTE_MS;
        let mut all: BTreeMap<i64, Vec<&Bar>> = BTreeMap::new();
        for bar in self.bars.iter().filter(|bar| bar.symbol == symbol) {
            all.entry(bar.ts - bar.ts % interval).or_default().push(bar);
        }
        let now = self.bars.iter().map(|bar| bar.ts + MINUTE_MS).max().unwrap();
        let newest = all.keys().next_back().copied();
        let is_closed = |(ts, bars): &(i64, Vec<&Bar>)| {
            let end = ts + interval;
            let full = bars.last().is_some_and(|bar| bar.ts + MINUTE_MS == end);
            self.all_closed || full || Some(*ts) < newest || now >= end + 2_000
        };
        all.into_iter().filter(is_closed).map(|(ts, bars)| Closed { bars, ts }).collect()
    }

    fn last(&self, symbol: &str) -> &Bar {
        self.bars.iter().rfind(|bar| bar.symbol == symbol).unwrap()
    }

    /// Checks everything that the engine has written.
    pub fn check(&self, client: &mut Client, input: &str) {
        let ids: BTreeSet<String> = client.entries(input).into_iter().map(|entry| entry.id).collect();
        for signal in client.entries("signals") {
            // A bar that the clock has closed has no entry to name.
            assert!(ids.contains(signal.text("source_id")) || self.all_closed, "{:?}", signal.texts());
        }
        self.check_values(client);
        self.check_keys(client, input);
    }

    /// Checks what it has written but for what names the input.
    pub fn check_values(&self, client: &mut Client) {
        self.check_signals(client);
        self.check_bars(client);
        self.check_events(client);
        self.check_alerts(client);
        for symbol in self.symbols {
            self.check_latest(client, symbol);
        }
    }

    fn weight(&self, timeframe: &str) -> f64 {
        self.timeframes.iter().find(|(name, ..)| *name == timeframe).unwrap().2
    }

    fn check_signals(&self, client: &mut Client) {
        let signals = client.entries("signals");
        assert!(signals.len() > 20, "only {} signals", signals.len());
        let mut seen = BTreeSet::new();
        for signal in &signals {
            assert_eq!(signal.names(), SIGNAL);
            let text = |name| signal.text(name);
            let [symbol, timeframe, strategy] = ["symbol", "timeframe", "strategy"].map(text);
            assert_eq!(text("signal_id"), format!("{symbol}:{timeframe}:{strategy}:{}", text("bar_ts")));
            assert!(seen.insert(text("signal_id")), "{} twice", text("signal_id"));
            assert!(self.symbols.contains(&symbol));
            let minutes = self.timeframes.iter().find(|(name, ..)| *name == timeframe).unwrap().1;
            assert_eq!(text("trading_style"), if minutes < 30 { "day" } else { "swing" });
            assert!(["buy", "sell"].contains(&text("side")));
            let (bar_ts, event_ts) = (signal.number("bar_ts") as i64, signal.number("event_ts") as i64);
            assert!(bar_ts % (minutes * MINUTE_MS) == 0 && event_ts >= bar_ts + minutes * MINUTE_MS);
            let closed = self
                .bars
                .iter()
                .rfind(|bar| bar.symbol == symbol && bar.ts >= bar_ts && bar.ts < bar_ts + minutes * MINUTE_MS);
            assert_eq!(text("price"), price_text(closed.unwrap().close));
            for name in ["confidence", "composite_confidence", "correlation_strength"] {
                assert!((0.0..=1.0).contains(&signal.number(name)), "{name} in {:?}", signal.texts());
            }
            assert_eq!(signal.number("priority"), signal.number("composite_confidence")); // times 1
            assert!(signal.json("factors").as_object().unwrap().values().all(Value::is_number));
            self.check_composite(&serde_json::from_str(&signal_line(signal)).unwrap());
        }
    }

    /// The composite of the signal from what it says about its peers.
    fn check_composite(&self, signal: &Value) {
        let weigh = |name: &str| {
            let peers = signal[name].as_array().unwrap();
            let weights = peers.iter().map(|peer| {
                assert_eq!(names(peer), BTreeSet::from(["timeframe", "strategy", "kind", "confidence", "bar_ts"]));
                assert_ne!(peer["timeframe"], signal["timeframe"]);
                self.weight(peer["timeframe"].as_str().unwrap()) * number(&peer["confidence"])
            });
            let weights: Vec<f64> = weights.collect();
            assert!(weights.is_sorted_by(|a, b| *a >= *b - 1e-12), "{weights:?}");
            let timeframes: BTreeSet<&str> = peers.iter().map(|peer| peer["timeframe"].as_str().unwrap()).collect();
            (weights.iter().sum::<f64>(), timeframes.len())
        };
        let ((support, timeframes), (opposition, _)) = (weigh("supporting"), weigh("opposing"));
        let confidence = number(&signal["confidence"]);
        near(number(&signal["composite_confidence"]), (confidence + support) / (1.0 + support + opposition));
        near(number(&signal["correlation_strength"]), timeframes as f64 / (self.timeframes.len() - 1) as f64);
    }

    fn check_bars(&self, client: &mut Client) {
        assert_eq!(client.len(&format!("market_data_{}", self.timeframes[0].0)), 0, "the base is not written again");
        for (timeframe, minutes, _) in &self.timeframes[1..] {
            let entries = client.entries(&format!("market_data_{timeframe}"));
            assert!(entries.iter().all(|entry| entry.names() == BAR));
            for symbol in self.symbols {
                let found: Vec<_> = entries.iter().filter(|entry| entry.text("symbol") == *symbol).collect();
                let wanted = self.closed(symbol, *minutes);
                assert_eq!(found.len(), wanted.len(), "bars of {symbol} on {timeframe}");
                for (entry, Closed { bars, ts }) in found.iter().zip(wanted) {
                    assert_eq!(entry.text("event_id"), format!("{symbol}_{timeframe}_{ts}"));
                    assert_eq!(entry.text("timestamp"), iso(ts));
                    assert_eq!(entry.text("open"), price_text(bars[0].open));
                    assert_eq!(entry.text("high"), price_text(bars.iter().map(|bar| bar.high).max().unwrap()));
                    assert_eq!(entry.text("low"), price_text(bars.iter().map(|bar| bar.low).min().unwrap()));
                    assert_eq!(entry.text("close"), price_text(bars[bars.len() - 1].close));
                    assert_eq!(entry.text("price"), entry.text("close"));
                    assert_eq!(entry.number("volume"), bars.iter().map(|bar| bar.volume as f64).sum::<f64>());
                    let traded: f64 = bars.iter().map(|b| b.volume as f64 * (b.high + b.low + b.close) as f64).sum();
                    near(entry.number("vwap"), traded / 300.0 / entry.number("volume"));
                    assert_eq!(entry.text("source"), "wagehood-engine");
                    assert_eq!(entry.text("metadata"), format!("{{\"timeframe\": \"{timeframe}\"}}"));
                    assert_eq!(entry.text("trades"), "0");
                }
            }
        }
    }

    fn check_events(&self, client: &mut Client) {
        let entries = client.entries("calculation_events_stream");
        assert!(entries.len() >= self.bars.len().min(5_000), "{} events", entries.len());
        let mut signals = 0;
        let mut ids = BTreeSet::new();
        for entry in &entries {
            assert_eq!(entry.names(), ["event_id", "symbol", "timestamp", "results"]);
            assert!(entry.text("event_id").starts_with(&format!("calc_{}_", entry.text("symbol"))));
            assert!(ids.insert(entry.text("event_id")), "{} twice", entry.text("event_id"));
            let results = entry.json("results");
            assert_eq!(names(&results), BTreeSet::from(["timeframe_results", "composite_signal", "timestamp"]));
            let mut here = 0;
            for (timeframe, result) in results["timeframe_results"].as_object().unwrap() {
                assert!(self.timeframes.iter().any(|(name, ..)| name == timeframe));
                assert!(names(result).is_subset(&indicator_names(true)), "{result}");
                if let Some(signal) = result.get("signal") {
                    here += 1;
                    let wanted =
                        ["action", "price", "price_change", "price_change_pct", "strategy", "confidence", "details"];
                    assert_eq!(names(signal), BTreeSet::from(wanted));
                    let (now, change) = (number(&signal["price"]), number(&signal["price_change"]));
                    near(number(&signal["price_change_pct"]), change / (now - change) * 100.0);
                }
            }
            let composite = &results["composite_signal"];
            assert_eq!(composite.is_null(), here == 0, "{results}");
            signals += here;
            if !composite.is_null() {
                let wanted = [
                    "direction",
                    "confidence",
                    "strength",
                    "timeframes_analyzed",
                    "timeframe_alignment",
                    "strategy_alignment",
                    "contributing_signals",
                ];
                assert_eq!(names(composite), BTreeSet::from(wanted));
            }
        }
        assert!(signals > 20);
    }

    fn check_alerts(&self, client: &mut Client) {
        let signals = client.entries("signals");
        let worthy = signals.iter().filter(|s| s.number("composite_confidence") >= self.alert_confidence);
        let worthy: Vec<_> = worthy.map(|signal| signal.text("signal_id").to_owned()).collect();
        assert!(!worthy.is_empty());
        let alerts = client.entries("alert_stream");
        let found: Vec<_> = alerts.iter().map(|alert| alert.json("metadata")["signal_id"].clone()).collect();
        assert_same("alerts", &found, &worthy.iter().map(|id| Value::from(id.as_str())).collect::<Vec<_>>());
        for alert in &alerts {
            assert_eq!(alert.names(), ["event_id", "type", "symbol", "message", "timestamp", "metadata"]);
            assert_eq!(alert.text("type"), "signal");
            assert!(alert.text("message").contains(alert.text("symbol")));
        }
    }

    fn check_latest(&self, client: &mut Client, symbol: &str) {
        let last = self.last(symbol);
        let cents = |cents: i64| cents as f64 / 100.0;
        let latest = client.json(&format!("wagehood:market_data:latest_price_{symbol}"));
        for (name, wanted) in [
            ("price", last.close),
            ("open_price", last.open),
            ("high_price", last.high),
            ("low_price", last.low),
            ("close_price", last.close),
            ("volume", last.volume * 100),
        ] {
            assert_eq!(number(&latest[name]), cents(wanted), "{name} of {latest}");
        }
        assert_eq!((latest["symbol"].as_str(), latest["timestamp"].as_str()), (Some(symbol), Some(&*iso(last.ts))));
        assert!(latest["source"].is_string());

        let complete = client.json(&format!("wagehood:calculations:{symbol}_complete"));
        let mut flat = complete.as_object().unwrap().clone();
        let (signals, timeframes) = (flat.remove("signals").unwrap(), flat.remove("timeframes").unwrap());
        // Of every timeframe here, of its own there.
        flat.remove("readiness").unwrap();
        assert_eq!(Value::from(flat), timeframes[self.timeframes[0].0]);
        assert_eq!(names(&signals).len(), 5);
        for signal in signals.as_object().unwrap().values() {
            assert_eq!(names(signal), BTreeSet::from(["signal", "confidence", "metadata"]));
        }
        let events = client.entries("calculation_events_stream");
        let event = events.iter().rfind(|entry| entry.text("symbol") == symbol).unwrap().json("results");
        for (timeframe, minutes, _) in self.timeframes {
            let mut map = client.json(&format!("wagehood:timeframe_indicators:{symbol}_{timeframe}"));
            let readiness = map.as_object_mut().unwrap().remove("readiness").unwrap();
            assert_eq!(readiness, complete["readiness"][timeframe]);
            assert_eq!(map, timeframes[*timeframe]);
            let mut told = event["timeframe_results"][timeframe].as_object().unwrap().clone();
            told.remove("signal");
            assert_eq!(Value::from(told), map);
            assert!(names(&map).is_subset(&indicator_names(false)));
            let closes: Vec<f64> =
                self.closed(symbol, *minutes).iter().map(|c| cents(c.bars[c.bars.len() - 1].close)).collect();
            for (name, length) in [("sma_50", 50), ("sma_200", 200)] {
                match closes.len().checked_sub(length) {
                    Some(from) => near(number(&map[name]), closes[from..].iter().sum::<f64>() / length as f64),
                    None => assert!(map.get(name).is_none(), "{name} of {} bars", closes.len()),
                }
            }
            if let Some(from) = closes.len().checked_sub(20) {
                near(number(&map["bollinger_bands"]["middle_band"]), closes[from..].iter().sum::<f64>() / 20.0);
            }
            let macd = &map["macd"];
            if !macd.is_null() {
                near(number(&macd["histogram"]), number(&macd["macd_line"]) - number(&macd["signal_line"]));
            }
        }
        if let Some(signal) = client.entries("signals").iter().rfind(|entry| entry.text("symbol") == symbol) {
            let composite = client.json(&format!("wagehood:composite_signals:{symbol}_composite_signal"));
            let wanted = [
                "symbol",
                "direction",
                "confidence",
                "strength",
                "timeframes_analyzed",
                "strategies_analyzed",
                "contributing_signals",
                "timeframe_alignment",
                "strategy_alignment",
                "timestamp",
            ];
            assert_eq!(names(&composite), BTreeSet::from(wanted));
            let event_ts = signal.number("event_ts") as i64;
            assert!(composite["timestamp"].as_str().unwrap().starts_with(&iso(event_ts)), "{composite}");
        }
    }

    /// Nothing but what is agreed on, and all of it with the lifetime that is agreed on.
    fn check_keys(&self, client: &mut Client, input: &str) {
        let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
        for name in [input, "signals", "calculation_events_stream", "alert_stream", "wagehood:engine:position:main"] {
            wanted.insert(name.to_owned(), -1);
        }
        for (timeframe, ..) in &self.timeframes[1..] {
            wanted.insert(format!("market_data_{timeframe}"), -1);
        }
        for symbol in self.symbols {
            let base = self.timeframes[0].0;
            wanted.insert(format!("wagehood:calculations:{symbol}_complete"), lifetime(300, base));
            wanted.insert(format!("wagehood:composite_signals:{symbol}_composite_signal"), lifetime(600, base));
            wanted.insert(format!("wagehood:market_data:latest_price_{symbol}"), lifetime(60, base));
            for (timeframe, ..) in self.timeframes {
                let lifetime = lifetime(300, timeframe);
                wanted.insert(format!("wagehood:timeframe_indicators:{symbol}_{timeframe}"), lifetime);
            }
        }
        // What the engine keeps for itself: how often its lease has changed, whether it ever committed, and, where there was
        // any, its journal.
        let own =
            ["lease:main:epoch", "lease:main:committed", "journal:main"].map(|key| format!("wagehood:engine:{key}"));
        let found: Vec<String> = client.keys().into_iter().filter(|key| !own.contains(key)).collect();
        assert_same("keys", &found, &wanted.keys().cloned().collect::<Vec<_>>());
        for (key, ttl) in wanted {
            let found = client.ttl(&key);
            assert!(found <= ttl && found > ttl - 30, "{key} lives for {found} s");
        }
    }
}

/// How long a key lives, s: as configured, and in any case until bars of its timeframe have renewed it.
pub fn lifetime(ttl_s: i64, timeframe: &str) -> i64 {
    let interval_s = timeframe.parse::<wagehood_engine::model::Timeframe>().unwrap().interval_ms() / 1_000;
    ttl_s.max(3 * interval_s + if interval_s >= 86_400 { 7 * 86_400 } else { 0 })
}

/// Names in the map of a timeframe's indicators.
fn indicator_names(signal: bool) -> BTreeSet<&'static str> {
    let names = ["sma_50", "sma_200", "ema_12", "ema_26", "rsi_14", "macd", "bollinger_bands"];
    names.into_iter().chain(signal.then_some("signal")).collect()
}

/// Cents as the shortest decimal.
fn price_text(cents: i64) -> String {
    let text = price(cents);
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}
