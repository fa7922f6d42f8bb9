//! Clock events: made at the same place in every reading.

use crate::{
    engine::{Engine, config},
    feed::symbols,
    outcome::{caught_up, entries},
    server::Server,
    writers::wait_for,
};
use redis::Commands;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records may be ahead of their ids by days.
const FUTURE: &str = "\n[time]\nmax_future_ms = 604800000\n";

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn quiet_bars_close_once_and_a_second_reading_closes_them_at_the_same_place() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(1, 2));
    let mut link = server.connection();
    let text = config(server.port, "quiet", &names, "\n[time]\nallowed_lateness_ms = 500\n")
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
    assert_eq!(events, 0, "a second reading finds them by itself\n{}", engine.said());

    // Another engine with the same input, long after.
    let again = text.replace("quiet", "again");
    let mut second = Engine::new(dir.path(), "again", &again, &[]);
    second.start();
    assert!(caught_up(&mut link, "again", &["in_1s", "in_1m"], Duration::from_secs(20)), "{}", second.said());
    wait_for(Duration::from_secs(20), || link.xlen::<_, usize>("bars:again:2s").unwrap() == 8);
    second.stop();
    assert_eq!(entries(&mut link, "bars:again:2s"), bars);
}

#[test]
fn entries_whose_ids_are_out_of_order_have_the_same_place_in_every_reading() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(4, 4));
    let mut link = server.connection();
    let mut engine = Engine::new(dir.path(), "mixed", &config(server.port, "mixed", &names, FUTURE), &[]);
    engine.start();
    let walks = [("S", 1_000), ("M", 60_000)].map(|(prefix, ms)| crate::feed::Walk::new(9, prefix, 4, ms));
    let (mut walks, mut random, mut written) = (walks, crate::feed::Random(11), 0);
    // Each round one of the streams is written, both with ids of a clock that goes backwards from round to round.
    for round in 0..12u64 {
        let which = (round % 2) as usize;
        let mut pipe = redis::pipe();
        for i in 0..600u64 {
            let ahead = [0, 3_000_000][(round / 6) as usize] + round / 2 * 10_000;
            let ms = crate::feed::START_MS + if which == 0 { 5_000_000 + ahead } else { 1_000_000 + ahead } + i;
            pipe.xadd(crate::feed::STREAMS[which], format!("{ms}-1"), &walks[which].record()).ignore();
            written += 1;
        }
        pipe.query::<()>(&mut link).unwrap();
        if random.below(3) == 0 {
            std::thread::sleep(Duration::from_millis(random.below(200)));
            engine.kill();
            engine.start();
        } else {
            assert!(caught_up(&mut link, "mixed", &crate::feed::STREAMS, Duration::from_secs(30)), "{}", engine.said());
        }
    }
    assert!(caught_up(&mut link, "mixed", &crate::feed::STREAMS, Duration::from_secs(30)), "{}", engine.said());
    engine.stop();
    let journal = "wagehood:engine:journal:mixed";
    let exceptions: usize = link.xlen(journal).unwrap();
    redis::cmd("COPY").arg(journal).arg("wagehood:engine:journal:again").query::<bool>(&mut link).unwrap();
    let mut second = Engine::new(dir.path(), "again", &config(server.port, "again", &names, FUTURE), &[]);
    second.start();
    assert!(caught_up(&mut link, "again", &crate::feed::STREAMS, Duration::from_secs(30)), "{}", second.said());
    second.stop();
    for stream in ["signals", "bars"] {
        let suffix = if stream == "bars" { ":5m" } else { "" };
        let [one, two] = ["mixed", "again"].map(|name| entries(&mut link, &format!("{stream}:{name}{suffix}")));
        eprintln!("{written} records, {exceptions} out of order: {} {stream}", one.len());
        let apart = one.iter().zip(&two).position(|(one, two)| one != two);
        let apart = apart.map(|at| (at, &one[at..(at + 3).min(one.len())], &two[at..(at + 3).min(two.len())]));
        assert!(!one.is_empty() && one == two, "{stream}: {} and {}: {apart:#?}", one.len(), two.len());
    }
    assert!(exceptions > 1_000, "{exceptions}");
    assert_eq!(link.xlen::<_, usize>("wagehood:engine:journal:again").unwrap(), exceptions);
}
