//! Providers against the scripted exchange: whatever it does, each of its bars is published once and in order.

use super::{
    engine::Engine,
    exchange::{Exchange, SECRET, truth},
    server::{Client, Server},
    stream::{Read, read},
};
use std::time::Duration;

const SYMBOLS: [&str; 3] = ["AAAUSDT", "BBBUSDT", "CCCUSDT"];

/// A provider at work on an exchange, its bars in a server.
struct Bench {
    exchange: Exchange,
    server: Server,
    client: Client,
    toml: String,
    args: Vec<String>,
    interval: &'static str,
}

impl Bench {
    fn new(provider: &str, interval: &'static str, exchange: Exchange, more: &str) -> Self {
        let server = Server::start();
        let mut toml = format!(
            "[[input.streams]]\nname = \"bars\"\ntimeframe = {interval:?}\nclock = \"heartbeat\"\n[timeframes]\nlist = \
             [{interval:?}, \"1h\"]\n{}",
            exchange.settings(provider, more)
        );
        if provider == "alpaca" {
            toml.push_str(&exchange.key_files());
        }
        let symbols = SYMBOLS.join(",");
        let args =
            ["ingest", "--provider", provider, "--base", interval, "--symbols", &symbols, "--redis", &server.unix()];
        let args = args.map(str::to_owned).to_vec();
        let client = server.connect();
        Self { exchange, server, client, toml, args, interval }
    }

    fn binance() -> Self {
        Self::new("binance", "1s", Exchange::start(1_000), "")
    }

    /// Bars of its trades.
    fn binance_trades() -> Self {
        let mut bench = Self::binance();
        bench.toml.push_str("feed = \"trades\"\n");
        bench
    }

    fn alpaca() -> Self {
        Self::new("alpaca", "1s", Exchange::start(1_000), "")
    }

    fn start(&self) -> Engine {
        Engine::start(&self.toml, &self.args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn read(&mut self) -> Read {
        read(&mut self.client, "bars", self.interval)
    }

    /// Waits for so many more bars of each symbol.
    #[track_caller]
    fn more(&mut self, engine: &mut Engine, bars: usize) {
        let wanted = self.read().bars.len() + bars * SYMBOLS.len();
        engine.until(&format!("{bars} more bars of each symbol"), || {
            read(&mut self.client, "bars", self.interval).bars.len() >= wanted
        });
    }

    /// Checks that what was published is the truth, without a hole, once and in order.
    #[track_caller]
    fn assert_whole(&mut self) {
        let all = self.read();
        let interval_ms = if self.interval == "1s" { 1_000 } else { 60_000 };
        assert_true(&all, &SYMBOLS, interval_ms);
    }

    /// Ends it and checks what it said.
    #[track_caller]
    fn end(&mut self, engine: Engine, words: &[&str]) -> String {
        let ended = engine.stop().succeeded();
        self.assert_whole();
        for word in words {
            assert!(ended.stderr.contains(word), "{word:?} is missing:\n{}", ended.stderr);
        }
        assert!(!ended.stderr.contains(SECRET) && !ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended.stderr
    }
}

/// Checks that the bars of these symbols are the truth, without a hole, once and in order.
#[track_caller]
pub fn assert_true<S: AsRef<str>>(all: &Read, symbols: &[S], interval_ms: i64) {
    all.assert_once_in_order(interval_ms);
    let starts = all.starts();
    assert!(starts.keys().copied().eq(symbols.iter().map(AsRef::as_ref)), "{:?}", starts.keys());
    for (symbol, starts) in starts {
        let holes: Vec<_> = starts.windows(2).filter(|two| two[1] != two[0] + interval_ms).collect();
        assert!(holes.is_empty(), "{symbol}: {holes:?} among {} bars", starts.len());
    }
    for bar in &all.bars {
        assert_eq!(bar.ohlcv, truth(&bar.symbol, bar.ts), "{bar:?}");
    }
}

#[test]
fn cuts_and_kills_leave_no_hole() {
    for mut bench in [Bench::binance(), Bench::binance_trades(), Bench::alpaca()] {
        // The past comes in many pages, whose ends lie anywhere.
        bench.toml.push_str("page_bars = 7\n");
        let mut ingest = bench.start();
        bench.more(&mut ingest, 2);
        bench.exchange.cut();
        bench.more(&mut ingest, 2);
        ingest.kill();
        std::thread::sleep(Duration::from_millis(1_500));
        let mut ingest = bench.start();
        bench.more(&mut ingest, 3);
        // Cut again while the past is being fetched.
        bench.exchange.script().history_delay = Duration::from_millis(700);
        bench.exchange.cut();
        std::thread::sleep(Duration::from_millis(1_000));
        bench.exchange.cut();
        bench.more(&mut ingest, 3);
        let said = bench.end(ingest, &["disconnected", "connected"]);
        assert!(said.contains(" 0 left"), "{said}");
    }
}

#[test]
fn an_exchange_that_is_down_stalls_or_answers_no_ping_is_dialled_again() {
    let mut bench = Bench::binance();
    bench.exchange.script().down = true;
    let mut ingest = bench.start();
    std::thread::sleep(Duration::from_millis(1_500));
    bench.exchange.script().down = false;
    bench.more(&mut ingest, 2);
    bench.exchange.script().stalled = true;
    std::thread::sleep(Duration::from_millis(2_500));
    bench.exchange.script().stalled = false;
    bench.more(&mut ingest, 2);
    bench.exchange.script().mute = true;
    std::thread::sleep(Duration::from_millis(2_500));
    bench.exchange.script().mute = false;
    bench.more(&mut ingest, 2);
    bench.end(ingest, &["cannot connect", "no answer to a ping"]);
}

#[test]
fn odd_twofold_disordered_large_and_dripping_messages_change_nothing() {
    let mut bench = Bench::binance();
    {
        let mut script = bench.exchange.script();
        let large = format!("{{\"stream\":\"x\",\"data\":{{\"e\":\"other\",\"pad\":\"{}\"}}}}", "x".repeat(10 << 20));
        script.once = vec!["{garbage".to_owned(), large, "[]".to_owned()];
        script.disorder = true;
    }
    let mut ingest = bench.start();
    bench.more(&mut ingest, 3);
    bench.exchange.script().drip = true;
    bench.more(&mut ingest, 2);
    let said = bench.end(ingest, &["a message that is not understood"]);
    assert!(!said.contains(" 0 repeated"), "{said}");
}

#[test]
fn bars_that_the_stream_leaves_out_are_fetched() {
    let mut bench = Bench::binance();
    let mut ingest = bench.start();
    bench.more(&mut ingest, 2);
    let next = bench.exchange.state.time_ms() / 1_000 * 1_000 + 2_000;
    bench.exchange.script().holes = vec![(SYMBOLS[1].to_owned(), next), (SYMBOLS[1].to_owned(), next + 1_000)];
    bench.more(&mut ingest, 6);
    bench.end(ingest, &["gaps filled, 0 left"]);
}

#[test]
fn before_it_is_cut_a_connection_is_replaced_without_a_gap() {
    let mut bench = Bench::binance();
    let mut ingest = bench.start();
    bench.more(&mut ingest, 2);
    let before = bench.exchange.count(&bench.exchange.state.requests);
    bench.exchange.script().leave = true;
    bench.more(&mut ingest, 5);
    let requests = bench.exchange.count(&bench.exchange.state.requests) - before;
    assert_eq!(requests, 0, "nothing had to be fetched");
    let said = bench.end(ingest, &["making another connection", "has taken over"]);
    assert!(!said.contains("disconnected"), "{said}");
    // The same by its age.
    let mut bench = Bench::new("binance", "1s", Exchange::start(1_000), "");
    bench.toml.push_str("age_max_ms = 2500\n");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 5);
    let said = bench.end(ingest, &["has taken over"]);
    assert!(!said.contains("disconnected"), "{said}");
}

#[test]
fn a_history_that_wants_fewer_requests_is_obeyed_exactly() {
    let mut bench = Bench::binance();
    let mut ingest = bench.start();
    bench.more(&mut ingest, 1);
    ingest.kill();
    std::thread::sleep(Duration::from_millis(1_200));
    bench.exchange.script().history_fails = (1, 429, "Retry-After: 2\r\n");
    let asked = bench.exchange.state.asked.lock().unwrap().len();
    let mut ingest = bench.start();
    bench.more(&mut ingest, 4);
    let times = bench.exchange.state.asked.lock().unwrap()[asked..].to_vec();
    let pause = times[1] - times[0];
    assert!((1.9..4.0).contains(&pause.as_secs_f64()), "{pause:?}");
    // Failures open the breaker, and one probe closes it.
    ingest.kill();
    std::thread::sleep(Duration::from_millis(1_200));
    bench.exchange.script().history_fails = (6, 500, "");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 4);
    bench.end(ingest, &["the history does not answer (HTTP 500", "the history answers again"]);
    let alerts = bench.client.entries("alert_stream");
    assert!(alerts.iter().any(|alert| alert.text("message").contains("the history does not answer")), "{alerts:?}");
}

#[test]
fn what_cannot_be_had_is_named_and_holds_nothing_up() {
    let mut bench = Bench::new("binance", "1s", Exchange::start(1_000), "give_up_ms = 1500\n");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 1);
    ingest.kill();
    std::thread::sleep(Duration::from_millis(2_200));
    bench.exchange.script().history_fails = (1_000, 503, "");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 3);
    let ended = ingest.stop().succeeded();
    assert!(ended.stderr.contains("could not be had") && ended.stderr.contains("3 left"), "{}", ended.stderr);
    bench.read().assert_once_in_order(1_000);
}

#[test]
fn refusals_that_only_a_person_can_mend_end_it_with_words() {
    for (code, words) in [(402, "check the key"), (409, "the plan does not have this feed"), (411, "may not subscribe")]
    {
        let bench = Bench::alpaca();
        bench.exchange.script().refuse = Some(code);
        let ended = bench.start().wait();
        assert!(!ended.status.success() && ended.stderr.contains(words), "{code}: {}", ended.stderr);
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    }
    let bench = Bench::alpaca();
    bench.exchange.script().status = Some((403, ""));
    let ended = bench.start().wait();
    assert!(!ended.status.success() && ended.stderr.contains("403"), "{}", ended.stderr);
    // A certificate of nobody that is trusted, and no key.
    let bench = Bench::binance();
    let toml = bench.toml.replace("tls_ca = ", "#");
    let ended = Engine::start(&toml, &bench.args.iter().map(String::as_str).collect::<Vec<_>>()).wait();
    assert!(!ended.status.success() && ended.stderr.contains("ingest.tls_ca"), "{}", ended.stderr);
    let bench = Bench::alpaca();
    let toml = bench.toml.replace("key_file", "# key_file").replace("secret_file", "# secret_file");
    let ended = Engine::start(&toml, &bench.args.iter().map(String::as_str).collect::<Vec<_>>()).wait();
    assert!(!ended.status.success() && ended.stderr.contains("APCA_API_KEY_ID"), "{}", ended.stderr);
}

#[test]
fn a_file_of_keys_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::alpaca();
    let key = bench.exchange.ca().with_file_name("secret");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = bench.start().wait();
    assert!(!ended.status.success() && ended.stderr.contains("chmod 600"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
}

#[test]
fn a_login_that_is_refused_for_now_and_a_cut_subscription_are_asked_again() {
    let mut bench = Bench::alpaca();
    {
        let mut script = bench.exchange.script();
        (script.busy, script.cut_subscriptions) = (3, 1);
    }
    let mut ingest = bench.start();
    bench.more(&mut ingest, 3);
    assert_eq!(bench.exchange.count(&bench.exchange.state.connections), 1, "all on one connection");
    bench.end(ingest, &["another connection of this account is open"]);
}

#[test]
fn a_symbol_that_has_gone_silent_is_subscribed_again() {
    let mut bench = Bench::new("binance", "1s", Exchange::start(1_000), "silent_ms = 2000\n");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 2);
    bench.exchange.script().silent = Some(SYMBOLS[2].to_owned());
    ingest.until("it was subscribed again", || bench.exchange.script().silent.is_none());
    bench.more(&mut ingest, 3);
    bench.end(ingest, &["silent symbols are subscribed again"]);
}

#[test]
fn minutes_are_updated_after_they_were_published() {
    // Nine minutes ago, a minute a second.
    let exchange = Exchange::running(60_000, 9 * 60_000, 60);
    let mut bench = Bench::new("alpaca", "1m", exchange, "").with("grace_ms = 400", "grace_ms = 600000");
    let mut ingest = bench.start();
    bench.more(&mut ingest, 6);
    bench.end(ingest, &[]);
    let corrections = bench.client.entries("market_data_corrections");
    assert!(!corrections.is_empty());
    for correction in corrections {
        assert_eq!(
            (correction.text("kind"), correction.text("timeframe"), correction.text("source")),
            ("updated", "1m", "alpaca")
        );
        assert_eq!(correction.number("new_volume"), correction.number("old_volume") + 1.0);
    }
}

impl Bench {
    fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.toml.contains(from));
        self.toml = self.toml.replace(from, to);
        self
    }
}

#[test]
fn history_is_fetched_as_a_person_asks_and_goes_on_where_it_was_cut() {
    let bench = Bench::binance();
    let (server, exchange) = (&bench.server, &bench.exchange);
    let mut client = server.connect();
    let from = wagehood_engine::model::time::Iso8601((exchange.state.time_ms() / 1_000 - 3_000) * 1_000).to_string();
    let url = server.unix();
    let args = [
        &["ingest", "backfill"][..],
        &SYMBOLS,
        &["--provider", "binance", "--base", "1s", "--redis", &url, "--from", &from],
    ]
    .concat();
    exchange.script().history_delay = Duration::from_millis(200);
    let toml = format!("{}page_bars = 500\n", bench.toml);
    let mut first = Engine::start(&toml, &args);
    first.until("some of it came", || client.len("history_1s") > 0);
    first.kill();
    exchange.script().history_delay = Duration::ZERO;
    let ended = Engine::start(&toml, &args).wait().succeeded();
    assert!(ended.stderr.contains(" 0 left"), "{}", ended.stderr);
    let all = read(&mut client, "history_1s", "1s");
    all.assert_once_in_order(1_000);
    for (symbol, starts) in all.starts() {
        assert!(
            starts.len() >= 3_000 && starts.windows(2).all(|two| two[1] == two[0] + 1_000),
            "{symbol}: {}",
            starts.len()
        );
    }
    assert_eq!(all.starts().len(), SYMBOLS.len());
    assert!(all.bars.iter().all(|bar| bar.ohlcv == truth(&bar.symbol, bar.ts)));
    // Asked once more, it fetches what has come since and nothing else.
    let (before, asked) = (all.bars.len(), exchange.count(&exchange.state.requests));
    Engine::start(&toml, &args).wait().succeeded();
    let all = read(&mut client, "history_1s", "1s");
    all.assert_once_in_order(1_000);
    assert!(all.bars.len() - before < 300, "{} and {before}", all.bars.len());
    assert!(exchange.count(&exchange.state.requests) - asked <= SYMBOLS.len() as u64);
}

#[test]
fn a_first_start_warms_the_engine_up_before_it_goes_live() {
    let mut bench = Bench::binance();
    bench.toml = format!("[[input.history]]\nname = \"past\"\ntimeframe = \"1s\"\n{}", bench.toml);
    bench.args.extend(["--warm-up", "settled"].map(str::to_owned));
    let mut ingest = bench.start();
    bench.more(&mut ingest, 2);
    bench.end(ingest, &[]);
    let past = read(&mut bench.client, "past", "1s");
    past.assert_once_in_order(1_000);
    assert!(past.starts().values().all(|starts| starts.len() == 400), "{}", past.bars.len());
    // The engine takes it for what it is: nothing of it is published.
    let url = bench.server.unix();
    let symbols = SYMBOLS.join(",");
    let toml = bench.toml.replace("[timeframes]\n", "[engine]\nprobe = true\n[timeframes]\n");
    let mut engine = Engine::start(&toml, &["run", "--symbols", &symbols, "--redis", &url]);
    let last = bench.client.last_id("bars").unwrap();
    engine.until_at(&mut bench.client, "bars", &last);
    engine.stop().succeeded();
    let live = bench.read().bars.len();
    let probes =
        bench.client.entries("signals").into_iter().filter(|signal| signal.text("strategy") == "probe").count();
    assert_eq!(probes, live);
}

#[test]
fn the_doctor_tells_how_far_it_gets_with_a_provider() {
    let bench = Bench::alpaca();
    let symbols = SYMBOLS.join(",");
    let args =
        ["doctor", "--provider", "alpaca", "--symbols", &symbols, "--seconds", "20", "--set", "ingest.timeframe=1s"];
    let ended = Engine::start(&bench.toml, &args).wait().succeeded();
    for words in ["PASS    name, TLS", "PASS    subscription  3 symbols", "PASS    first bar", "PASS    clock"] {
        assert!(ended.stdout.contains(words), "{words:?} is missing:\n{}", ended.stdout);
    }
    bench.exchange.script().refuse = Some(402);
    let ended = Engine::start(&bench.toml, &args).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stdout.contains("FAIL    login") && ended.stdout.contains("check the key"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET));
}
