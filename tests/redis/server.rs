//! A Redis server for one test: on a socket in a folder of its own and on a free port, gone with the guard.

use redis::{Commands, Connection, Value};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use wagehood_engine::publish::{SignalEntryError, SignalReader, SignalTexts};

/// The names and values of an entry, as they came.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What entries say, in a form that people can read.
pub fn readable(all: &[Fields]) -> Vec<String> {
    let pair = |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}={}", name.escape_ascii(), value.escape_ascii());
    all.iter().map(|fields| fields.iter().map(pair).collect::<Vec<_>>().join(" ")).collect()
}

/// The server that is tested with: `WAGEHOOD_REDIS_SERVER` names another one, such as that of Valkey.
pub fn program() -> std::ffi::OsString {
    std::env::var_os("WAGEHOOD_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: String,
    pub fields: Fields,
}

impl Entry {
    /// The value of a field, as text.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name.as_bytes());
        let (_, value) = found.unwrap_or_else(|| panic!("no field {name} in {:?}", self.texts()));
        std::str::from_utf8(value).unwrap()
    }

    /// The value of a field, as a number.
    #[track_caller]
    pub fn number(&self, name: &str) -> f64 {
        let text = self.text(name);
        text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, no number"))
    }

    /// The value of a field, as JSON.
    #[track_caller]
    pub fn json(&self, name: &str) -> serde_json::Value {
        let text = self.text(name);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{name} is {text:?}: {error}"))
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect()
    }

    /// All of it, for people.
    pub fn texts(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }
}

/// A running server.
pub struct Server {
    child: Child,
    dir: TempDir,
    port: u16,
    password: Option<String>,
}

impl Server {
    pub fn start() -> Self {
        Self::launch(None)
    }

    pub fn with_password(password: &str) -> Self {
        Self::launch(Some(password.to_owned()))
    }

    fn launch(password: Option<String>) -> Self {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(program());
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command.arg("--unixsocket").arg(dir.path().join("redis.sock")).arg("--dir").arg(dir.path());
            if let Some(password) = &password {
                command.args(["--requirepass", password]);
            }
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let child = child.unwrap_or_else(|error| {
                panic!("cannot start redis-server ({error}); these tests need it: apt-get install redis-server")
            });
            let mut server = Self { child, dir, port, password: password.clone() };
            if server.answers() {
                return server;
            }
        }
        panic!("redis-server does not come up");
    }

    /// Waits for the first answer; false where the server has ended, as when somebody else took the port.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if let Ok(mut connection) = redis::Client::open(self.unix()).unwrap().get_connection()
                && redis::cmd("PING").query::<String>(&mut connection).is_ok()
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// The URL of the socket, with the password.
    pub fn unix(&self) -> String {
        let query = self.password.as_ref().map_or_else(String::new, |password| format!("?pass={password}"));
        format!("redis+unix://{}{query}", self.socket().display())
    }

    /// The URL of the port, with the password.
    pub fn tcp(&self) -> String {
        let account = self.password.as_ref().map_or_else(String::new, |password| format!(":{password}@"));
        format!("redis://{account}127.0.0.1:{}", self.port)
    }

    /// The port's address without a password.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn connect(&self) -> Client {
        Client(redis::Client::open(self.unix()).unwrap().get_connection().unwrap())
    }

    /// Everything that clients say to the server from now on.
    pub fn monitor(&self) -> Monitor {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let handle = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "+OK\r\n");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let thread = std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Monitor { stream: handle, lines, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was said to a server.
pub struct Monitor {
    stream: UnixStream,
    lines: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// The commands that came over TCP so far, split into their arguments; the test itself uses the socket.
    pub fn commands(mut self) -> Vec<Vec<String>> {
        std::thread::sleep(Duration::from_millis(50));
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        self.thread.take().unwrap().join().unwrap();
        let lines = self.lines.lock().unwrap();
        let over_tcp = |line: &&String| line.split('"').next().is_some_and(|head| head.contains("127.0.0.1:"));
        lines.iter().filter(over_tcp).map(|line| arguments(line)).collect()
    }
}

/// The quoted arguments of a line of MONITOR.
fn arguments(line: &str) -> Vec<String> {
    let (mut found, mut current, mut escaped) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match (&mut current, c) {
            (Some(text), _) if escaped => {
                escaped = false;
                text.push(c);
            }
            (Some(_), '\\') => escaped = true,
            (Some(_), '"') => found.extend(current.take()),
            (Some(text), _) => text.push(c),
            (None, '"') => current = Some(String::new()),
            (None, _) => {}
        }
    }
    found
}

/// A connection of the test.
pub struct Client(pub Connection);

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        other => panic!("expected a string, found {other:?}"),
    }
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        Value::Nil => Vec::new(),
        other => panic!("expected an array, found {other:?}"),
    }
}

fn entry(value: Value) -> Entry {
    let [id, fields] = <[Value; 2]>::try_from(array(value)).unwrap();
    let fields: Vec<Vec<u8>> = array(fields).into_iter().map(bytes).collect();
    let fields = fields.as_chunks::<2>().0.iter().map(|[name, value]| (name.clone(), value.clone())).collect();
    Entry { id: String::from_utf8(bytes(id)).unwrap(), fields }
}

impl Client {
    /// All entries of a stream; signals each by itself, in fields, in whichever form they were written.
    pub fn entries(&mut self, stream: &str) -> Vec<Entry> {
        let reply = redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query::<Value>(&mut self.0).unwrap();
        let mut reader = SignalReader::default();
        let unpacked = |entry: Entry| {
            if entry.names() != ["frame", "names"] && entry.names() != ["signal"] {
                return vec![entry];
            }
            let ask = |key: &str| Ok::<_, SignalEntryError>(self.0.hgetall(key).unwrap());
            let signals = reader.read(&entry.fields, ask).unwrap();
            let bytes = |(name, text): (String, String)| (name.into_bytes(), text.into_bytes());
            let one =
                |texts: SignalTexts| Entry { id: entry.id.clone(), fields: texts.into_iter().map(bytes).collect() };
            signals.into_iter().map(one).collect()
        };
        array(reply).into_iter().map(entry).flat_map(unpacked).collect()
    }

    /// What the entries of a stream say, without their ids and the time at which they were written.
    pub fn contents(&mut self, stream: &str) -> Vec<Fields> {
        let said = |entry: Entry| entry.fields.into_iter().filter(|(name, _)| name != b"published_ms").collect();
        self.entries(stream).into_iter().map(said).collect()
    }

    pub fn len(&mut self, stream: &str) -> usize {
        redis::cmd("XLEN").arg(stream).query(&mut self.0).unwrap()
    }

    /// Appends entries with the ids they have (`*` for whatever the server gives), and gives the last one's.
    pub fn add(&mut self, stream: &str, entries: &[Entry]) -> String {
        let mut last = String::new();
        for chunk in entries.chunks(500) {
            let mut pipe = redis::pipe();
            for entry in chunk {
                let command = pipe.cmd("XADD").arg(stream).arg(&entry.id);
                for (name, value) in &entry.fields {
                    command.arg(&name[..]).arg(&value[..]);
                }
            }
            let ids: Vec<String> = pipe.query(&mut self.0).unwrap();
            last = ids.last().unwrap().clone();
        }
        last
    }

    /// The JSON behind `JSON:` in a key, as the Python readers take it.
    #[track_caller]
    pub fn json(&mut self, key: &str) -> serde_json::Value {
        let text: Option<String> = self.0.get(key).unwrap();
        let text = text.unwrap_or_else(|| panic!("there is no key {key}"));
        let json = text.strip_prefix("JSON:").unwrap_or_else(|| panic!("{key} is {text:?}"));
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{key} is {text:?}: {error}"))
    }

    pub fn ttl(&mut self, key: &str) -> i64 {
        redis::cmd("TTL").arg(key).query(&mut self.0).unwrap()
    }

    pub fn keys(&mut self) -> Vec<String> {
        let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut self.0).unwrap();
        keys.sort();
        keys
    }

    pub fn set(&mut self, key: &str, value: &str) {
        self.0.set::<_, _, ()>(key, value).unwrap();
    }

    /// The value of a key that holds a text; `None` where there is none, or it is of another type.
    pub fn bytes(&mut self, key: &str) -> Option<Vec<u8>> {
        self.0.get(key).unwrap_or(None)
    }

    /// A field of a hash.
    pub fn position_field(&mut self, key: &str, field: &str) -> Option<String> {
        self.0.hget(key, field).unwrap()
    }

    pub fn expire(&mut self, key: &str, seconds: i64) {
        self.0.expire::<_, ()>(key, seconds).unwrap();
    }

    pub fn delete(&mut self, key: &str) {
        self.0.del::<_, ()>(key).unwrap();
    }

    /// Whether some entry of a stream has a field that contains these words.
    pub fn text(&mut self, stream: &str, words: &str) -> bool {
        self.entries(stream).iter().any(|entry| entry.texts().iter().any(|(_, text)| text.contains(words)))
    }

    pub fn set_bytes(&mut self, key: &str, value: &[u8]) {
        self.0.set::<_, _, ()>(key, value).unwrap();
    }

    pub fn delete_all_but(&mut self, kept: &[&str]) {
        for key in self.keys() {
            if !kept.contains(&key.as_str()) {
                self.0.del::<_, ()>(&key).unwrap();
            }
        }
    }

    /// The id of a stream's newest entry.
    pub fn last_id(&mut self, stream: &str) -> Option<String> {
        let mut newest = redis::cmd("XREVRANGE");
        newest.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
        let reply = newest.query::<Value>(&mut self.0).unwrap();
        array(reply).into_iter().map(entry).map(|entry| entry.id).next()
    }

    /// Whether a client of this name is connected.
    pub fn connected(&mut self, name: &str) -> bool {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut self.0).unwrap();
        list.contains(&format!(" name={name} "))
    }

    /// A field of the engine's position, where the server answers.
    pub fn try_position(&mut self, name: &str, field: &str) -> Option<String> {
        self.0.hget(format!("wagehood:engine:position:{name}"), field).ok().flatten()
    }

    /// A field of the engine's position.
    pub fn position(&mut self, name: &str, field: &str) -> Option<String> {
        self.0.hget(format!("wagehood:engine:position:{name}"), field).unwrap()
    }
}

/// Fails at the first element in which two lists differ.
#[track_caller]
pub fn assert_same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], wanted: &[T]) {
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(found == wanted, "{what}, element {index}:\n found {found:?}\nwanted {wanted:?}");
    }
    assert_eq!(found.len(), wanted.len(), "{what}: number of elements");
}
