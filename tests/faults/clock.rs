//! Clock events: made once, kept, and taken at the same place in every later reading.

use crate::{
    engine::{Engine, config},
    feed::symbols,
    outcome::{caught_up, entries},
    server::Server,
    writers::wait_for,
};
use redis::Commands;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn quiet_bars_close_once_and_a_second_reading_closes_them_at_the_same_place() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(1, 2));
    let mut link = server.connection();
    let text = config(server.port, "quiet", &names, "\n[time]\nallowed_lateness_ms = 500\n")
        .replace("clock_events = false", "clock_events = true")
        .replace(r#"list = ["1s", "1m", "5m"]"#, r#"list = ["1s", "2s", "1m"]"#);
    let mut engine = Engine::new(dir.path(), "quiet", &text, &[]);
    engine.start();
    let mut random = crate::feed::Random(5);
    // Bars of 1s at even seconds only: the bars of 2s are completed by nobody but the clock.
    for round in 0..8 {
        let start = now_ms() / 2_000 * 2_000 + 2_000;
        std::thread::sleep(Duration::from_millis(start + 1_000 - now_ms()));
        let ts = wagehood_engine::model::time::Iso8601(start as i64).to_string();
        let price = (100 + round).to_string();
        let fields = [("symbol", "S0"), ("timestamp", &*ts), ("open", &*price), ("high", &*price), ("low", &*price)];
        let fields = [&fields[..], &[("close", &*price), ("volume", "1"), ("event_id", "0")]].concat();
        let _: String = link.xadd("in_1s", "*", &fields).unwrap();
        if random.below(2) == 0 {
            std::thread::sleep(Duration::from_millis(random.below(1_800)));
            engine.kill();
            engine.start();
        }
    }
    wait_for(Duration::from_secs(20), || link.xlen::<_, usize>("bars:quiet:2s").unwrap() == 8);
    let journal = "wagehood:engine:journal:quiet";
    let events: usize = link.xlen(journal).unwrap();
    engine.stop();
    let bars = entries(&mut link, "bars:quiet:2s");
    assert!((8..=10).contains(&events), "{events} clock events\n{}", engine.said());

    // Another engine with the same input and the same journal, long after.
    redis::cmd("COPY").arg(journal).arg("wagehood:engine:journal:again").query::<bool>(&mut link).unwrap();
    let positions: Vec<(String, String)> = link.hgetall("wagehood:engine:position:quiet").unwrap();
    let again = text.replace("quiet", "again");
    let mut second = Engine::new(dir.path(), "again", &again, &[]);
    second.start();
    assert!(caught_up(&mut link, "again", &["in_1s", "in_1m"], Duration::from_secs(20)), "{}", second.said());
    wait_for(Duration::from_secs(20), || link.xlen::<_, usize>("bars:again:2s").unwrap() == 8);
    second.stop();
    assert_eq!(entries(&mut link, "bars:again:2s"), bars);
    let sequence = |all: &[(String, String)]| all.iter().find(|(name, _)| name == "seq").map(|(_, seq)| seq.clone());
    let later: Vec<(String, String)> = link.hgetall("wagehood:engine:position:again").unwrap();
    assert_eq!(sequence(&later), sequence(&positions));
}
