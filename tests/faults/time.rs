//! Time from the log: stalls, clocks that step, ids of another century, servers hours off; with the default rules of time.
//! Nothing of it costs a signal.

use crate::{
    engine::{Engine, config},
    feed::Random,
    outcome::{Entry, caught_up, differences, entries, first_difference},
    server::Server,
    writers::wait_for,
};
use redis::Commands;
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use wagehood_engine::model::time::Iso8601;

const SYMBOLS: [&str; 3] = ["S0", "S1", "S2"];
const LONG: Duration = Duration::from_secs(60);
/// Seconds of history before the tests begin.
const HISTORY_S: i64 = 900;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A market that goes on second by second, written to the stream under test and, undisturbed, to another.
struct Market {
    link: redis::Connection,
    random: Random,
    prices: [f64; 3],
    /// The next second to be written, Unix ms.
    next: i64,
    /// What has not been written yet.
    stalled: Vec<Vec<(&'static str, String)>>,
    records: usize,
    /// How far the times of the records are behind, ms.
    behind_ms: i64,
}

impl Market {
    fn new(server: &Server, behind_ms: i64) -> Self {
        let next = (now_ms() / 1_000 - HISTORY_S) * 1_000;
        let (link, random) = (server.connection(), Random(7));
        let mut market = Self { link, random, prices: [100.0; 3], next, stalled: Vec::new(), records: 0, behind_ms };
        while market.next + 2_000 < now_ms() {
            let at = market.next + 1_030;
            for fields in market.second() {
                market.calm(&fields);
                let _: String = market.link.xadd("in_1s", format!("{at}-*"), &fields).unwrap();
            }
        }
        market
    }

    /// The records of the next second. S1 is quiet now and then, and S2 for longer.
    fn second(&mut self) -> Vec<Vec<(&'static str, String)>> {
        let second = self.next / 1_000;
        self.next += 1_000;
        let mut records = Vec::new();
        for (index, symbol) in SYMBOLS.iter().enumerate() {
            let open = self.prices[index];
            let step = (self.random.below(2_001) as f64 - 1_000.0) / 100_000.0;
            let close = ((open * (1.0 + step)).clamp(5.0, 5_000.0) * 100.0).round() / 100.0;
            self.prices[index] = close;
            if (index == 1 && second % 10 >= 6) || (index == 2 && second % 60 >= 20) {
                continue;
            }
            let ts = Iso8601(second * 1_000 - self.behind_ms).to_string();
            let (high, low) = (open.max(close).to_string(), open.min(close).to_string());
            let volume = (100 + self.random.below(1_000)).to_string();
            let (open, close) = (open.to_string(), close.to_string());
            records.push(vec![
                ("event_id", self.records.to_string()),
                ("symbol", (*symbol).to_owned()),
                ("timestamp", ts),
                ("open", open),
                ("high", high),
                ("low", low),
                ("close", close),
                ("volume", volume),
            ]);
            self.records += 1;
        }
        records
    }

    fn calm(&mut self, fields: &[(&'static str, String)]) {
        let at = self.next + 30;
        let _: String = self.link.xadd("calm_1s", format!("{at}-*"), fields).unwrap();
    }

    /// Goes on for so many seconds; writes what is `written`, with ids that are so far ahead, or holds it back.
    fn run(&mut self, seconds: i64, written: bool, ahead_ms: i64) {
        for _ in 0..seconds {
            let due = self.next + 1_030;
            std::thread::sleep(Duration::from_millis(u64::try_from(due - now_ms()).unwrap_or(0)));
            for fields in self.second() {
                self.calm(&fields);
                self.stalled.push(fields);
            }
            if written {
                let id = if ahead_ms == 0 { "*".to_owned() } else { format!("{}-*", now_ms() + ahead_ms) };
                for fields in std::mem::take(&mut self.stalled) {
                    let _: String = self.link.xadd("in_1s", &id, &fields).unwrap();
                }
            }
        }
    }
}

fn text(server: &Server, name: &str) -> String {
    let names = SYMBOLS.map(str::to_owned);
    config(server.port, name, &names, "").replace(r#"list = ["1s", "1m", "5m"]"#, r#"list = ["1s", "5s", "1m", "5m"]"#)
}

/// Those of bars that were over at a time, without what tells one reading from another.
fn signals(link: &mut redis::Connection, name: &str, until: i64) -> Vec<Entry> {
    let mut all = entries(link, &format!("signals:{name}"));
    all.retain(|signal| signal["event_ts"].parse::<i64>().unwrap() <= until);
    all.iter_mut().for_each(|signal| {
        signal.remove("source_id");
    });
    all
}

/// Compares what the engine has made of the stream with a second reading, and with one of the undisturbed stream.
fn check(server: &Server, dir: &Path, engine: &mut Engine, market: &mut Market, refused: usize) {
    let until = market.next - market.behind_ms;
    let link = &mut market.link;
    assert!(caught_up(link, "tried", &["in_1s"], LONG), "{}", engine.said());
    // Every bar of the quiet symbols is over by now.
    std::thread::sleep(Duration::from_secs(14));
    engine.stop();
    let dead: Vec<Entry> = entries(link, "dead:tried");
    assert_eq!(dead.len(), refused, "{dead:#?}\n{}", engine.said());
    let journal = "wagehood:engine:journal:tried";
    redis::cmd("COPY").arg(journal).arg("wagehood:engine:journal:again").query::<bool>(link).unwrap();
    let read = |name: &str, stream: &str| {
        let text = text(server, name).replace("in_1s", stream);
        let mut reading = Engine::new(dir, name, &text, &[]);
        reading.start();
        reading
    };
    let mut again = read("again", "in_1s");
    assert!(caught_up(link, "again", &["in_1s"], LONG), "{}", again.said());
    let mut calm = read("calm", "calm_1s");
    assert!(caught_up(link, "calm", &["calm_1s"], LONG), "{}", calm.said());
    for stream in ["bars:#:5s", "signals:#"] {
        let [tried, read] = ["tried", "again"].map(|name| stream.replace('#', name));
        let first = entries(link, &tried);
        wait_for(Duration::from_secs(20), || link.xlen::<_, usize>(&read).unwrap() >= first.len());
        let second = entries(link, &read);
        // What was not over when the first one ended may be by now.
        let apart = first_difference(&first, &second[..first.len().min(second.len())]);
        assert!(
            second.starts_with(&first),
            "a second reading of {stream}: {apart}\n{}\n{}",
            engine.said(),
            again.said()
        );
    }
    again.stop();
    calm.stop();
    let (found, wanted) = (signals(link, "tried", until), signals(link, "calm", until));
    let (lost, extra) = differences(&wanted, &found);
    let expected = wanted.len();
    eprintln!("{} of {expected} signals, {lost} lost, {extra} extra", found.len());
    let said = engine.said();
    assert!(expected > 150 && (lost, extra) == (0, 0), "{lost} lost and {extra} extra of {expected}\n{said}");
}

fn started(server: &Server, dir: &Path, market: &mut Market) -> Engine {
    let mut engine = Engine::new(dir, "tried", &text(server, "tried"), &[]);
    engine.start();
    assert!(caught_up(&mut market.link, "tried", &["in_1s"], LONG), "{}", engine.said());
    engine
}

#[test]
fn a_feed_that_stalls_and_delivers_in_order_while_the_engine_is_down_loses_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut market = Market::new(&server, 0);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(5, true, 0);
    market.run(2, false, 0);
    engine.kill();
    market.run(5, false, 0);
    market.run(3, true, 0);
    engine.start();
    market.run(5, true, 0);
    check(&server, dir.path(), &mut engine, &mut market, 0);
}

#[test]
fn neither_a_record_ahead_of_its_time_nor_an_id_of_another_century_moves_anything() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut market = Market::new(&server, 0);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(3, true, 0);
    let ahead = |market: &mut Market, id: &str| {
        let mut fields = market.stalled.pop().unwrap();
        fields[2].1 = Iso8601(market.next / 1_000 * 1_000 + 58_000).to_string();
        let _: String = market.link.xadd("in_1s", id, &fields).unwrap();
    };
    for (round, id) in ["*", "9999999999999-0", "*"].iter().enumerate() {
        let record = market.second();
        record.iter().for_each(|fields| market.calm(fields));
        market.stalled.extend(record.clone());
        // Once more, 58 s ahead.
        market.stalled.push(record[0].clone());
        ahead(&mut market, id);
        market.run(4, true, 0);
        if round == 1 {
            engine.kill();
            engine.start();
        }
    }
    check(&server, dir.path(), &mut engine, &mut market, 3);
    assert!(engine.said().contains("entry 9999999999999-0 of in_1s is"), "{}", engine.said());
}

#[test]
fn ids_that_are_an_hour_ahead_for_a_while_over_a_restart_cost_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut market = Market::new(&server, 0);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(3, true, 0);
    market.run(4, true, 3_600_000);
    engine.kill();
    market.run(4, true, 3_600_000);
    market.run(3, true, 0);
    engine.start();
    market.run(8, true, 0);
    check(&server, dir.path(), &mut engine, &mut market, 0);
}

/// A library that steps the clock of a program by the seconds in a file.
const STEP_C: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *by;
static void look(void) {
    if (by) return;
    int fd = open(getenv("CLOCK_STEP"), O_RDONLY);
    by = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
}
int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    struct timespec now;
    (void)zone;
    look();
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec + *by;
    tv->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timeval now;
    gettimeofday(&now, 0);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"#;

/// A server whose clock can be set.
struct Clock(File);

impl Clock {
    fn server(dir: &Path) -> (Server, Self) {
        let (source, library, step): (PathBuf, PathBuf, PathBuf) =
            (dir.join("step.c"), dir.join("step.so"), dir.join("step"));
        std::fs::write(&source, STEP_C).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().unwrap();
        assert!(built.success());
        std::fs::write(&step, [0; 8]).unwrap();
        let environment = [("LD_PRELOAD", library.display()), ("CLOCK_STEP", step.display())];
        let server = Server::start_in(environment.map(|(name, value)| (name.to_owned(), value.to_string())).to_vec());
        (server, Self(File::options().write(true).open(step).unwrap()))
    }

    fn set(&self, seconds: i64, link: &mut redis::Connection) {
        self.0.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
        let (now, _): (i64, i64) = redis::cmd("TIME").query(link).unwrap();
        assert!((now - now_ms() / 1_000 - seconds).abs() < 3, "the server's clock cannot be set");
    }
}

#[test]
fn a_server_whose_clock_is_an_hour_ahead_for_a_while_over_a_restart_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (server, clock) = Clock::server(dir.path());
    let mut market = Market::new(&server, 0);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(3, true, 0);
    clock.set(3_600, &mut market.link);
    market.run(4, true, 0);
    engine.kill();
    market.run(2, true, 0);
    engine.start();
    market.run(2, true, 0);
    clock.set(0, &mut market.link);
    market.run(8, true, 0);
    check(&server, dir.path(), &mut engine, &mut market, 0);
    assert!(engine.said().contains("clock has stepped 1 h 00 min ahead"), "{}", engine.said());
}

#[test]
fn a_server_whose_clock_is_set_while_no_engine_runs_is_told_and_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (server, clock) = Clock::server(dir.path());
    let mut market = Market::new(&server, 0);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(3, true, 0);
    engine.stop();
    market.run(2, true, 0);
    clock.set(3_600, &mut market.link);
    market.run(3, true, 0);
    engine.start();
    market.run(5, true, 0);
    check(&server, dir.path(), &mut engine, &mut market, 0);
    let words = "the clock of Redis has stepped 1 h 00 min ahead while no engine ran";
    assert!(engine.said().contains(words), "{}", engine.said());
}

#[test]
fn a_server_that_is_hours_off_the_records_is_told_and_costs_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut market = Market::new(&server, 18_000_000);
    let mut engine = started(&server, dir.path(), &mut market);
    market.run(5, true, 0);
    check(&server, dir.path(), &mut engine, &mut market, 0);
    let words = "Redis is 5 h 00 min ahead of the records of in_1s";
    assert!(engine.said().contains(words), "{}", engine.said());

    // Hours behind them, all are refused, and it is told why.
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut market = Market::new(&server, -18_000_000);
    let engine = started(&server, dir.path(), &mut market);
    let words = "Redis is 5 h 00 min behind the records of in_1s";
    engine.says("refused (future)");
    assert!(engine.said().contains(words), "{}", engine.said());
    assert_eq!(market.link.xlen::<_, usize>("signals:tried").unwrap(), 0);
}
