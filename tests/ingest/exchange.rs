//! An exchange for one test: TLS, WebSocket and REST on a port of its own, in the dialects of Binance and Alpaca, written from
//! their documentation. It does what the test's script says, also what no exchange should do.

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tungstenite::{Error, Message, WebSocket, accept};

pub const KEY: &str = "k3y";
pub const SECRET: &str = "s3cret";

/// What is to go wrong.
#[derive(Debug, Default)]
pub struct Script {
    /// Logins are refused with this code.
    pub refuse: Option<u16>,
    /// So many logins are refused because another connection is open.
    pub busy: u32,
    /// So many subscriptions are cut to one symbol.
    pub cut_subscriptions: u32,
    /// Connections are closed as soon as they are there.
    pub down: bool,
    /// Handshakes are answered with this status.
    pub status: Option<(u16, &'static str)>,
    /// Nothing is sent, and nothing that is sent to it is read: a half-open connection.
    pub stalled: bool,
    /// Pings are left unanswered, though data flows.
    pub mute: bool,
    /// Of this symbol nothing is sent, until it is subscribed again.
    pub silent: Option<String>,
    /// Of this symbol, bars of these times are left out of the stream.
    pub holes: Vec<(String, i64)>,
    /// Every bar is sent twice, and before the one before it once more.
    pub disorder: bool,
    /// Frames go byte by byte, and in fragments.
    pub drip: bool,
    /// Sent once to every connection.
    pub once: Vec<String>,
    /// A farewell is sent, and the connection is closed a while later.
    pub leave: bool,
    /// Requests for history take so long, and this many are answered with that status and these headers.
    pub history_delay: Duration,
    pub history_fails: (u32, u16, &'static str),
}

#[derive(Debug)]
pub struct State {
    script: Mutex<Script>,
    cuts: AtomicU64,
    stop: AtomicBool,
    /// What was counted: connections, subscriptions, requests for history.
    pub connections: AtomicU64,
    pub subscriptions: AtomicU64,
    pub requests: AtomicU64,
    /// When each request for history came.
    pub asked: Mutex<Vec<Instant>>,
    interval_ms: i64,
    started: Instant,
    begin_ms: i64,
    speed: i64,
}

pub struct Exchange {
    pub state: Arc<State>,
    port: u16,
    folder: TempDir,
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// The truth about a bar: open, high, low, close, volume; the same whoever asks.
pub fn truth(symbol: &str, start_ms: i64) -> [f64; 5] {
    let seed = symbol.bytes().fold(start_ms as u64 / 1_000, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let open = 100.0 + (mixed % 400) as f64 / 4.0;
    let close = open + (mixed / 400 % 9) as f64 - 4.0;
    [open, open.max(close) + 2.0, open.min(close) - 2.0, close, 10.0 + (mixed % 7) as f64]
}

/// The trades that make the bar of a second: offset in ms, price, size, conditions.
fn trades(symbol: &str, start_ms: i64) -> [(i64, f64, f64, Value); 5] {
    let [open, high, low, close, volume] = truth(symbol, start_ms);
    [
        (50, open, 1.0, json!(["@"])),
        (200, high, 1.0, json!(["@", "F"])),
        (300, 1_000.0, 2.0, json!(["@", "I"])),
        (500, low, 1.0, json!(["@", "Z"])),
        (800, close, volume - 5.0, json!(["@"])),
    ]
}

impl Exchange {
    /// One whose bars have this interval, in real time.
    pub fn start(interval_ms: i64) -> Self {
        Self::running(interval_ms, 0, 1)
    }

    /// One whose time begins so long ago and goes so many times as fast, until it is now.
    pub fn running(interval_ms: i64, behind_ms: i64, speed: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            script: Mutex::default(),
            cuts: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            asked: Mutex::default(),
            interval_ms,
            started: Instant::now(),
            begin_ms: now_ms() - behind_ms,
            speed,
        });
        let (shared, config) = (Arc::clone(&state), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (state, config) = (Arc::clone(&shared), Arc::clone(&config));
                std::thread::spawn(move || serve(stream, config, &state));
            }
        });
        Self { state, port, folder }
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The settings that lead a provider here; times are short.
    pub fn settings(&self, provider: &str, more: &str) -> String {
        let (port, ca) = (self.port, self.ca());
        let stream = if provider == "binance" { "stream" } else { "v2/iex" };
        format!(
            "[ingest]\nheartbeat_ms = 100\ngrace_ms = 400\nreconnect_min_ms = 100\nreconnect_max_ms = 500\nping_ms = 200\n\
             pong_ms = 1500\nidle_ms = 4000\nanswer_ms = 4000\nbreaker_min_ms = 200\nbreaker_max_ms = 500\ntls_ca = {ca:?}\n{more}\
             [ingest.providers.{provider}]\nstream_url = \"wss://localhost:{port}/{stream}\"\nhistory_url = \
             \"https://localhost:{port}\"\nrequests_per_minute = 6000\n"
        )
    }

    /// The settings that name files with the key and the secret.
    pub fn key_files(&self) -> String {
        let file = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = self.folder.path().join(name);
            std::fs::write(&path, format!("{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let (key, secret) = (file("key", KEY), file("secret", SECRET));
        format!("key_file = {key:?}\nsecret_file = {secret:?}\n")
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().unwrap()
    }

    /// Cuts all connections there are.
    pub fn cut(&self) {
        self.state.cuts.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count(&self, of: &AtomicU64) -> u64 {
        of.load(Ordering::Relaxed)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    /// The time of the exchange.
    pub fn time_ms(&self) -> i64 {
        let passed = self.started.elapsed().as_millis() as i64;
        (self.begin_ms + passed * self.speed).min(now_ms())
    }
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Bytes that may go out one by one.
struct Wire {
    tls: Tls,
    /// What was read ahead to see what it is.
    head: Vec<u8>,
    state: Arc<State>,
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.tls.read(room);
        }
        let len = room.len().min(self.head.len());
        room[..len].copy_from_slice(&self.head[..len]);
        self.head.drain(..len);
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (drips, mute) = {
            let script = self.state.script.lock().unwrap();
            (script.drip && bytes.len() > 1, script.mute)
        };
        // A pong begins with this byte, and goes out alone.
        if mute && bytes[0] == 0x8a {
            return Ok(2 + usize::from(bytes[1] & 0x7f));
        }
        if drips {
            // Each byte in a record of its own, as far as it goes.
            self.tls.flush()?;
        }
        self.tls.write(if drips { &bytes[..1] } else { bytes })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tls.flush()
    }
}

/// One connection, whatever it wants.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, state: &Arc<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let cuts = state.cuts.load(Ordering::Relaxed);
    if state.script.lock().unwrap().down {
        return None;
    }
    let mut tls = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut room = [0; 4_096];
        let len = tls.read(&mut room).ok().filter(|len| *len > 0)?;
        head.extend_from_slice(&room[..len]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let path = text.split(' ').nth(1)?.to_owned();
    if !text.to_ascii_lowercase().contains("upgrade: websocket") {
        return answer(&mut tls, state, &path, &text);
    }
    if let Some((status, headers)) = state.script.lock().unwrap().status {
        let text = format!("HTTP/1.1 {status} No\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
        return tls.write_all(text.as_bytes()).ok();
    }
    state.connections.fetch_add(1, Ordering::Relaxed);
    let socket = accept(Wire { tls, head, state: Arc::clone(state) }).ok()?;
    socket.get_ref().tls.sock.set_read_timeout(Some(Duration::from_millis(5))).ok()?;
    let binance = path.starts_with("/stream");
    let (symbols, of_trades) = (BTreeMap::new(), false);
    Connection { socket, state: Arc::clone(state), binance, of_trades, cuts, symbols, logged_in: binance }.run()
}

struct Connection {
    socket: WebSocket<Wire>,
    state: Arc<State>,
    binance: bool,
    /// It wants trades instead of bars, where the exchange makes a difference.
    of_trades: bool,
    cuts: u64,
    /// By symbol: the start of the next bar.
    symbols: BTreeMap<String, i64>,
    logged_in: bool,
}

impl Connection {
    fn run(mut self) -> Option<()> {
        if !self.binance {
            self.say(r#"[{"T":"success","msg":"connected"}]"#)?;
        }
        let once: Vec<String> = std::mem::take(&mut self.state.script.lock().unwrap().once);
        for text in once {
            self.say(&text)?;
        }
        let mut left = None;
        loop {
            if self.state.cuts.load(Ordering::Relaxed) != self.cuts
                || left.is_some_and(|at: Instant| at.elapsed() > Duration::from_secs(3))
            {
                return None;
            }
            let (stalled, leave) = {
                let mut script = self.state.script.lock().unwrap();
                (script.stalled, std::mem::take(&mut script.leave))
            };
            if leave {
                self.say(r#"{"e":"serverShutdown","E":1}"#)?;
                left = Some(Instant::now());
            }
            if stalled {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => self.hear(text.as_str())?,
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(_) => return None,
            }
            self.stream()?;
        }
    }

    fn say(&mut self, text: &str) -> Option<()> {
        loop {
            match self.socket.send(Message::text(text)) {
                Ok(()) => return Some(()),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    fn hear(&mut self, text: &str) -> Option<()> {
        let message: Value = serde_json::from_str(text).ok()?;
        if self.binance {
            self.of_trades = text.contains("@trade");
            self.subscribe(
                message["params"]
                    .as_array()?
                    .iter()
                    .filter_map(|name| name.as_str()?.split('@').next().map(str::to_uppercase)),
            );
            return self.say(&json!({"result": null, "id": message["id"]}).to_string());
        }
        match message["action"].as_str()? {
            "auth" => {
                let known = message["key"] == KEY && message["secret"] == SECRET;
                let mut script = self.state.script.lock().unwrap();
                let busy = script.busy > 0;
                script.busy -= u32::from(busy);
                let refuse = script.refuse.or((!known).then_some(402)).or(busy.then_some(406));
                drop(script);
                self.logged_in = refuse.is_none();
                match refuse {
                    Some(code) => {
                        self.say(&json!([{"T": "error", "code": code, "msg": "refused by the script"}]).to_string())
                    }
                    None => self.say(r#"[{"T":"success","msg":"authenticated"}]"#),
                }
            }
            "subscribe" if self.logged_in => {
                let of_trades = message.get("trades").is_some();
                let names = message[if of_trades { "trades" } else { "bars" }].as_array()?.clone();
                let cut = {
                    let mut script = self.state.script.lock().unwrap();
                    let cut = script.cut_subscriptions > 0;
                    script.cut_subscriptions -= u32::from(cut);
                    cut
                };
                let most = if cut { 1 } else { names.len() };
                self.subscribe(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).take(most));
                let all: Vec<&String> = self.symbols.keys().collect();
                let (trades, bars) = if of_trades { (all, Vec::new()) } else { (Vec::new(), all) };
                self.say(&json!([{"T": "subscription", "trades": trades, "quotes": [], "bars": bars}]).to_string())
            }
            _ => self.say(&json!([{"T": "error", "code": 401, "msg": "not authenticated"}]).to_string()),
        }
    }

    fn subscribe(&mut self, names: impl Iterator<Item = String>) {
        self.state.subscriptions.fetch_add(1, Ordering::Relaxed);
        let (time, interval) = (self.state.time_ms(), self.state.interval_ms);
        for name in names {
            let mut script = self.state.script.lock().unwrap();
            if self.symbols.contains_key(&name) && script.silent.as_ref() == Some(&name) {
                script.silent = None;
            }
            drop(script);
            // The first bar is the one that is under way.
            self.symbols.entry(name).or_insert(time.div_euclid(interval) * interval);
        }
    }

    /// Sends what has happened since.
    fn stream(&mut self) -> Option<()> {
        let (time, interval) = (self.state.time_ms(), self.state.interval_ms);
        let (mut texts, mut next) = (Vec::new(), self.symbols.clone());
        {
            let script = self.state.script.lock().unwrap();
            for (name, start) in &mut next {
                while *start + interval + 30 <= time {
                    let hole = script.silent.as_ref() == Some(name) || script.holes.contains(&(name.clone(), *start));
                    if !hole {
                        self.whole_bar(name, *start, &script, &mut texts);
                    }
                    *start += interval;
                }
            }
        }
        self.symbols = next;
        for text in texts {
            self.say(&text)?;
        }
        Some(())
    }

    fn whole_bar(&self, name: &str, start: i64, script: &Script, texts: &mut Vec<String>) {
        let [open, high, low, close, volume] = truth(name, start);
        if self.binance && self.of_trades {
            let word = |(id, at, price, size): (i64, i64, f64, f64)| {
                json!({"stream": format!("{}@trade", name.to_lowercase()), "data": {"e": "trade", "E": at, "s": name, "t": id,
                    "p": price.to_string(), "q": size.to_string(), "T": at, "m": true, "M": true}})
                .to_string()
            };
            texts.extend(spot_trades(name, start).map(word));
            return;
        }
        if self.binance {
            let kline = |start: i64, last: bool| binance_kline(name, start, self.state.interval_ms, last);
            texts.push(kline(start, false));
            texts.push(kline(start, true));
            if script.disorder {
                texts.push(kline(start - self.state.interval_ms, true));
                texts.push(kline(start, true));
            }
            return;
        }
        if self.state.interval_ms >= 60_000 {
            let word = |kind: &str, volume: f64| {
                json!([{"T": kind, "S": name, "o": open, "h": high, "l": low, "c": close, "v": volume, "n": 5, "t": stamp(start)}]).to_string()
            };
            texts.push(word("b", volume));
            // A late trade makes it another, of every fifth.
            if start / 60_000 % 5 == 0 {
                texts.push(word("u", volume + 1.0));
            }
            return;
        }
        for (number, (offset, price, size, conditions)) in trades(name, start).into_iter().enumerate() {
            let id = start / 100 + number as i64;
            let word = json!([{"T": "t", "i": id, "S": name, "x": "D", "p": price, "s": size, "t": stamp(start + offset), "c": conditions, "z": "C"}]);
            texts.push(word.to_string());
        }
    }
}

/// The trades of a second as Binance has them: number, time, price, size. Each counts, and the numbers follow each other.
fn spot_trades(name: &str, start: i64) -> impl Iterator<Item = (i64, i64, f64, f64)> {
    let [open, ..] = truth(name, start);
    (0..).zip(trades(name, start)).map(move |(k, (offset, price, size, conditions))| {
        // An odd lot counts too, and may not be outside of the bar.
        let price = if conditions[1] == "I" { open } else { price };
        (start / 1_000 * 5 + k, start + offset, price, size)
    })
}

fn binance_kline(name: &str, start: i64, interval: i64, last: bool) -> String {
    let [open, high, low, close, volume] = truth(name, start).map(|number| number.to_string());
    let (first, end) = (start / 100, start + interval - 1);
    json!({"stream": format!("{}@kline_1s", name.to_lowercase()), "data": {"e": "kline", "E": end + 1, "s": name, "k": {
        "t": start, "T": end, "s": name, "i": "1s", "f": first, "L": first + interval / 100 - 1, "o": open, "h": high, "l": low,
        "c": close, "v": volume, "q": "1000", "n": 10, "x": last, "V": "1", "Q": "1", "B": "0"}}})
    .to_string()
}

pub fn stamp(ms: i64) -> String {
    format!("{}Z", wagehood_engine::model::time::Iso8601(ms))
}

/// Answers a request for history.
fn answer(tls: &mut Tls, state: &State, path: &str, text: &str) -> Option<()> {
    state.requests.fetch_add(1, Ordering::Relaxed);
    state.asked.lock().unwrap().push(Instant::now());
    let (delay, failing) = {
        let mut script = state.script.lock().unwrap();
        let failing = script.history_fails;
        script.history_fails.0 = failing.0.saturating_sub(1);
        (script.history_delay, (failing.0 > 0).then_some((failing.1, failing.2)))
    };
    std::thread::sleep(delay);
    let (status, headers, body) = match failing {
        Some((status, headers)) => (status, headers.to_owned(), "{}".to_owned()),
        None => history(state, path, text),
    };
    let mut reply = format!("HTTP/1.1 {status} So\r\n{headers}");
    let _ = write!(reply, "Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    tls.write_all(reply.as_bytes()).ok()?;
    tls.conn.send_close_notify();
    tls.flush().ok()
}

fn history(state: &State, path: &str, text: &str) -> (u16, String, String) {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let (interval, time) = (state.interval_ms, state.time_ms());
    let bars = |from: i64, to: i64| {
        let first = (from + interval - 1).div_euclid(interval) * interval;
        (0..).map(move |k| first + k * interval).take_while(move |start| *start <= to && start + interval <= time)
    };
    let limit: usize = query["limit"].parse().unwrap();
    if place == "/api/v3/aggTrades" {
        let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
        let first_id = number("fromId").unwrap_or(0);
        let [from, to] = [number("startTime").unwrap_or(first_id / 5 * 1_000), number("endTime").unwrap_or(time)];
        let all = bars(from.div_euclid(interval) * interval, to).flat_map(|start| spot_trades(query["symbol"], start));
        let wanted = all.filter(|(id, at, ..)| *id >= first_id && (from..=to).contains(at));
        let row = |(id, at, price, size): (i64, i64, f64, f64)| json!({"a": id, "p": price.to_string(), "q": size.to_string(), "f": id, "l": id, "T": at, "m": true, "M": true});
        let rows: Vec<Value> = wanted.take(limit.min(1_000)).map(row).collect();
        return (200, String::new(), Value::Array(rows).to_string());
    }
    if place == "/api/v3/klines" {
        let [from, to] = ["startTime", "endTime"].map(|name| query[name].parse().unwrap());
        let row = |start: i64| {
            let [o, h, l, c, v] = truth(query["symbol"], start).map(|number| number.to_string());
            json!([start, o, h, l, c, v, start + interval - 1, "1000", 10, "1", "1", "0"])
        };
        let rows: Vec<Value> = bars(from, to).take(limit.min(1_000)).map(row).collect();
        return (200, String::new(), Value::Array(rows).to_string());
    }
    if !text.to_ascii_lowercase().contains(&format!("apca-api-key-id: {KEY}")) {
        return (403, String::new(), r#"{"message":"forbidden"}"#.to_owned());
    }
    let moment = |name: &str| wagehood_engine::feed::timestamp::parse_timestamp(query[name].as_bytes()).unwrap();
    let (from, to) = (moment("start"), moment("end"));
    let of_trades = place.ends_with("/trades");
    let mut all = Vec::new();
    for name in query["symbols"].split(',') {
        for start in bars(from, to) {
            let [o, h, l, c, v] = truth(name, start);
            if !of_trades {
                all.push((name, json!({"t": stamp(start), "o": o, "h": h, "l": l, "c": c, "v": v, "n": 5})));
                continue;
            }
            for (k, (offset, price, size, conditions)) in trades(name, start).into_iter().enumerate() {
                let id = start / 100 + k as i64;
                all.push((name, json!({"t": stamp(start + offset), "i": id, "p": price, "s": size, "c": conditions, "z": "C", "x": "D"})));
            }
        }
    }
    let skip: usize = query.get("page_token").map_or(0, |token| token.trim_end_matches("%3D").parse().unwrap());
    let mut page: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    all.iter().skip(skip).take(limit).for_each(|(name, word)| page.entry(name).or_default().push(word.clone()));
    let next = (skip + limit < all.len()).then(|| format!("{}=", skip + limit));
    let body = json!({if of_trades { "trades" } else { "bars" }: page, "next_page_token": next});
    (200, "X-RateLimit-Remaining: 100\r\n".to_owned(), body.to_string())
}
