//! Health in Redis, and a standby.

use crate::{
    client::get,
    running::Running,
    server::{Entry, Server},
};

pub fn record(symbol: &str, ts_ms: u64) -> Entry {
    let fields = [
        ("symbol", symbol.to_owned()),
        ("timestamp", ts_ms.to_string()),
        ("open", "100".to_owned()),
        ("high", "101".to_owned()),
        ("low", "99".to_owned()),
        ("close", "100.5".to_owned()),
        ("volume", "10".to_owned()),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect();
    Entry { id: "*".to_owned(), fields }
}

pub fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// An engine on this server that knows one symbol and writes its health.
fn engine(server: &Server, more: &[&str]) -> Running {
    let url = server.unix();
    let args = ["--redis", &url, "--set", "watchlist=[{symbol=\"SPY\"}]", "--set", "telemetry.health_to_redis=true"];
    let quick = ["--set", "telemetry.health.worse_after_s=1", "--set", "telemetry.health.window_s=5"];
    let quick_back = ["--set", "telemetry.health.better_after_s=1"];
    Running::start(&[&args[..], &quick, &quick_back, more].concat())
}

#[test]
fn health_is_a_key_that_expires_and_changes_are_alerts_once() {
    let server = Server::start();
    let mut client = server.connect();
    let engine = engine(&server, &[]);
    let key = "wagehood:engine:health:main";
    engine.until("the key", || (client.ttl(key) > 0).then_some(()));
    assert!(client.ttl(key) <= 30);
    let second = now_ms() / 1_000;
    let good: Vec<Entry> = (0..50).map(|n| record("SPY", (second - 100 + n) * 1_000)).collect();
    client.add("market_data_1s", &good);
    engine
        .until("records are ok", || (client.json(key)["components"]["input_records"]["status"] == "ok").then_some(()));
    // Records of a symbol that nobody has asked for.
    let bad: Vec<Entry> = (0..500).map(|n| record("XYZ", (second - 50 + n / 10) * 1_000)).collect();
    client.add("market_data_1s", &bad);
    engine.until("failing", || (client.json(key)["components"]["input_records"]["status"] == "failing").then_some(()));
    let health = get(engine.at, "/health").json();
    let component = &health["components"]["input_records"];
    assert!(component["why"].as_str().unwrap().contains("unknown_symbol"), "{component}");
    assert!(component["remedy"].as_str().unwrap().contains("watchlist"), "{component}");
    assert_eq!(health["status"], "failing");
    // The window passes without any record: it is well again, or at least not known to be ill.
    engine.until("over", || {
        let status = client.json(key)["components"]["input_records"]["status"].clone();
        (status == "unknown" || status == "ok").then_some(())
    });
    engine.until("both alerts", || {
        let alerts = client.entries("alert_stream");
        let of: Vec<&Entry> = alerts.iter().filter(|entry| entry.text("message").contains("input_records")).collect();
        (of.len() >= 2).then(|| {
            assert!(of[0].text("message").contains("input_records is failing"), "{:?}", of[0].texts());
            assert_eq!((of[0].text("type"), of[0].text("symbol")), ("error", "SYSTEM"));
            assert_eq!(of.len(), 2, "each change once");
        })
    });
}

#[test]
fn a_standby_is_not_ready_and_says_why_and_a_lost_server_is_told() {
    let server = Server::start();
    let first = engine(&server, &[]);
    first.until("ready", || (get(first.at, "/readyz").status == 200).then_some(()));
    let second = engine(&server, &["--standby"]);
    let answer = second.until("standby", || Some(get(second.at, "/readyz")).filter(|answer| answer.status == 503));
    assert!(answer.body.contains("standby"), "{answer:?}");
    assert_eq!(get(second.at, "/healthz").status, 200, "a standby that waits is alive");
    assert_eq!(get(second.at, "/health").json()["phase"], "standby");
    let _: Result<(), _> = redis::cmd("SHUTDOWN").arg("NOSAVE").query(&mut server.connect().0);
    first.until("not ready", || {
        let answer = get(first.at, "/readyz");
        (answer.status == 503 && answer.body.contains("no connection to Redis")).then_some(())
    });
    first.until("degraded", || {
        let health = get(first.at, "/health").json();
        (health["components"]["redis_streams"]["status"] == "degraded").then_some(())
    });
    first.until("a line", || first.told().contains("health: redis_streams is degraded").then_some(()));
    assert_eq!(get(first.at, "/healthz").status, 200, "a restart would not mend it");
}
