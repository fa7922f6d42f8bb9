//! The data of a simulated server and its commands: as much of Redis as an engine uses, and an error that cannot be overlooked
//! for anything else.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

pub type Bytes = Vec<u8>;

/// Identity of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

impl Id {
    const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    fn next(self) -> Self {
        Self { ms: self.ms, seq: self.seq + 1 }
    }

    /// An id, or one bound of a range; `seq` where it has no sequence.
    pub fn parse(text: &[u8], seq: u64) -> Self {
        let text = std::str::from_utf8(text).unwrap();
        match text {
            "-" => Self::default(),
            "+" => Self::MAX,
            _ => match text.split_once('-') {
                Some((ms, seq)) => Self { ms: ms.parse().unwrap(), seq: seq.parse().unwrap() },
                None => Self { ms: text.parse().unwrap(), seq },
            },
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Names and values, in order.
pub type Fields = Arc<[(Bytes, Bytes)]>;

#[derive(Debug, Clone, Default)]
pub struct Stream {
    pub entries: BTreeMap<Id, Fields>,
    pub added: u64,
    pub last: Id,
}

#[derive(Debug, Clone)]
enum Value {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    Stream(Stream),
}

#[derive(Debug, Clone)]
struct Key {
    value: Value,
    /// Unix ms.
    expires_ms: Option<u64>,
}

/// Everything that a server keeps.
#[derive(Debug, Clone, Default)]
pub struct Data {
    keys: BTreeMap<Bytes, Key>,
    /// By key: when it changed last, in changes.
    versions: HashMap<Bytes, u64>,
    changes: u64,
    /// Whether it tells of streams what a server before 7.0 does.
    pub is_old: bool,
}

/// An answer being written.
pub struct Reply<'a>(pub &'a mut Bytes);

impl Reply<'_> {
    pub fn simple(&mut self, text: &str) {
        self.0.extend_from_slice(format!("+{text}\r\n").as_bytes());
    }
    pub fn error(&mut self, text: &str) {
        self.0.extend_from_slice(format!("-{text}\r\n").as_bytes());
    }
    pub fn int(&mut self, value: i64) {
        self.0.extend_from_slice(format!(":{value}\r\n").as_bytes());
    }
    pub fn array(&mut self, len: usize) {
        self.0.extend_from_slice(format!("*{len}\r\n").as_bytes());
    }
    pub fn nil(&mut self) {
        self.0.extend_from_slice(b"$-1\r\n");
    }
    pub fn nil_array(&mut self) {
        self.0.extend_from_slice(b"*-1\r\n");
    }
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }
    fn text(&mut self, value: Option<&Bytes>) {
        match value {
            Some(bytes) => self.bulk(bytes),
            None => self.nil(),
        }
    }
    fn entry(&mut self, id: Id, fields: &Fields) {
        self.array(2);
        self.bulk(id.to_string());
        self.array(2 * fields.len());
        for (name, value) in fields.iter() {
            self.bulk(name);
            self.bulk(value);
        }
    }
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap().parse().unwrap_or_else(|_| panic!("no number: {}", text.escape_ascii()))
}

/// What a read asks for: streams with the last entries known, and entries per stream.
#[derive(Debug, Clone)]
pub struct Read {
    pub streams: Vec<(Bytes, Id)>,
    pub count: usize,
    /// How long it may be held open, ms; 0 for ever, none not at all.
    pub block_ms: Option<u64>,
}

impl Read {
    pub fn parse(args: &[Bytes]) -> Self {
        let (mut count, mut block_ms, mut at) = (usize::MAX, None, 1);
        loop {
            match &args[at].to_ascii_uppercase()[..] {
                b"COUNT" => count = number(&args[at + 1]) as usize,
                b"BLOCK" => block_ms = Some(number(&args[at + 1])),
                b"STREAMS" => break,
                other => panic!("XREAD {}", other.escape_ascii()),
            }
            at += 2;
        }
        let names = &args[at + 1..];
        let half = names.len() / 2;
        let streams = (0..half).map(|k| (names[k].clone(), Id::parse(&names[half + k], 0))).collect();
        Self { streams, count, block_ms }
    }
}

impl Data {
    /// When a key changed last; a key that has expired has changed.
    pub fn version(&mut self, key: &[u8], now_ms: u64) -> u64 {
        self.expire(key, now_ms);
        self.versions.get(key).copied().unwrap_or(0)
    }

    fn expire(&mut self, key: &[u8], now_ms: u64) {
        if self.keys.get(key).is_some_and(|key| key.expires_ms.is_some_and(|at| at <= now_ms)) {
            self.keys.remove(key);
            self.changed(key);
        }
    }

    fn changed(&mut self, key: &[u8]) {
        self.changes += 1;
        self.versions.insert(key.to_vec(), self.changes);
    }

    pub fn stream(&self, name: &str) -> Option<&Stream> {
        match self.keys.get(name.as_bytes()).map(|key| &key.value) {
            Some(Value::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub fn hash(&self, name: &str) -> Option<&BTreeMap<Bytes, Bytes>> {
        match self.keys.get(name.as_bytes()).map(|key| &key.value) {
            Some(Value::Hash(hash)) => Some(hash),
            _ => None,
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &Bytes> {
        self.keys.keys()
    }

    /// The text values with these beginnings.
    pub fn texts(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.keys.iter().filter_map(|(name, key)| match &key.value {
            Value::Text(text) => Some((name, text)),
            _ => None,
        })
    }

    fn stream_mut(&mut self, name: &[u8]) -> Option<&mut Stream> {
        let fresh = || Key { value: Value::Stream(Stream::default()), expires_ms: None };
        match &mut self.keys.entry(name.to_vec()).or_insert_with(fresh).value {
            Value::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// Appends an entry under the id that the server's time gives it, or this one.
    pub fn add(&mut self, name: &[u8], id: Option<Id>, fields: Fields, now_ms: u64) -> Result<Id, &'static str> {
        let stream = self.stream_mut(name).ok_or(WRONG_TYPE)?;
        let by_time = if now_ms > stream.last.ms { Id { ms: now_ms, seq: 0 } } else { stream.last.next() };
        let id = id.unwrap_or(by_time);
        if id <= stream.last {
            return Err("ERR The ID specified in XADD is equal or smaller than the target stream top item");
        }
        stream.entries.insert(id, fields);
        stream.last = id;
        stream.added += 1;
        self.changed(name);
        Ok(id)
    }

    /// Keeps so many of the newest entries; the ids of the others.
    pub fn trim(&mut self, name: &[u8], keep: usize) -> Vec<Id> {
        if !self.keys.contains_key(name) {
            return Vec::new();
        }
        let Some(stream) = self.stream_mut(name) else { return Vec::new() };
        let mut gone = Vec::new();
        while stream.entries.len() > keep {
            gone.extend(stream.entries.pop_first().map(|(id, _)| id));
        }
        if !gone.is_empty() {
            self.changed(name);
        }
        gone
    }

    /// Answers a read where there is something; whether there was.
    pub fn read(&self, read: &Read, out: &mut Bytes) -> bool {
        let mut found = Vec::new();
        for (name, last) in &read.streams {
            let Some(Value::Stream(stream)) = self.keys.get(name).map(|key| &key.value) else { continue };
            let entries: Vec<_> = stream.entries.range(last.next()..).take(read.count).collect();
            if !entries.is_empty() {
                found.push((name, entries));
            }
        }
        if found.is_empty() {
            return false;
        }
        let mut reply = Reply(out);
        reply.array(found.len());
        for (name, entries) in found {
            reply.array(2);
            reply.bulk(name);
            reply.array(entries.len());
            entries.iter().for_each(|(id, fields)| reply.entry(**id, fields));
        }
        true
    }

    /// Moves a read behind the first entry that it would give.
    pub fn pass_one(&self, read: &mut Read) {
        for (name, last) in &mut read.streams {
            let Some(Value::Stream(stream)) = self.keys.get(name).map(|key| &key.value) else { continue };
            if let Some((id, _)) = stream.entries.range(last.next()..).next().filter(|_| *last != Id::default()) {
                *last = *id;
                return;
            }
        }
    }

    /// Runs a command that does not wait. `now_us` is the server's time.
    pub fn run(&mut self, args: &[Bytes], now_us: u64, out: &mut Bytes) {
        let now_ms = now_us / 1_000;
        let mut reply = Reply(out);
        if let Some(key) = args.get(1) {
            self.expire(key, now_ms);
        }
        let name = args[0].to_ascii_uppercase();
        match (&name[..], &args[1..]) {
            (b"PING", _) => reply.simple("PONG"),
            (b"SELECT" | b"AUTH" | b"CLIENT", _) => reply.simple("OK"),
            (b"TIME", _) => {
                reply.array(2);
                reply.bulk((now_us / 1_000_000).to_string());
                reply.bulk((now_us % 1_000_000).to_string());
            }
            (b"CONFIG", _) => reply.array(0),
            (b"TYPE", [key]) => reply.simple(match self.keys.get(key).map(|key| &key.value) {
                None => "none",
                Some(Value::Text(_)) => "string",
                Some(Value::Hash(_)) => "hash",
                Some(Value::Stream(_)) => "stream",
            }),
            (b"EXISTS", [key]) => reply.int(self.keys.contains_key(key).into()),
            (b"DEL" | b"UNLINK", keys) => {
                let mut count = 0;
                for key in keys {
                    if self.keys.remove(key).is_some() {
                        self.changed(key);
                        count += 1;
                    }
                }
                reply.int(count);
            }
            (b"PEXPIRE", [key, ms]) => {
                let found = self.keys.get_mut(key).map(|key| key.expires_ms = Some(now_ms + number(ms))).is_some();
                if found {
                    self.changed(key);
                }
                reply.int(found.into());
            }
            (b"PTTL", [key]) => reply.int(match self.keys.get(key) {
                None => -2,
                Some(Key { expires_ms: None, .. }) => -1,
                Some(Key { expires_ms: Some(at), .. }) => (at - now_ms) as i64,
            }),
            (b"GET" | b"SET" | b"INCR" | b"INCRBY", _) => self.text_command(&name, &args[1..], now_ms, &mut reply),
            (b"HGET" | b"HSET" | b"HDEL" | b"HGETALL", _) => self.hash_command(&name, &args[1..], &mut reply),
            (b"XADD" | b"XTRIM" | b"XLEN" | b"XRANGE" | b"XREVRANGE" | b"XINFO", _) => {
                self.stream_command(&name, &args[1..], now_ms, &mut reply);
            }
            _ => panic!(
                "the simulated server does not know {:?}",
                args.iter().map(|a| a.escape_ascii().to_string()).collect::<Vec<_>>()
            ),
        }
    }

    fn text_command(&mut self, name: &[u8], args: &[Bytes], now_ms: u64, reply: &mut Reply<'_>) {
        let key = &args[0];
        let old = match self.keys.get(key).map(|key| &key.value) {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) if name == b"SET" => None,
            Some(_) => return reply.error(WRONG_TYPE),
        };
        if name == b"GET" {
            return reply.text(old.as_ref());
        }
        let (mut expires_ms, mut value) = (self.keys.get(key).and_then(|key| key.expires_ms), args.get(1).cloned());
        if name == b"SET" {
            expires_ms = None;
            let mut options = args[2..].iter().map(|arg| arg.to_ascii_uppercase());
            while let Some(option) = options.next() {
                match &option[..] {
                    b"EX" => expires_ms = Some(now_ms + 1_000 * number(&options.next().unwrap())),
                    b"PX" => expires_ms = Some(now_ms + number(&options.next().unwrap())),
                    b"NX" if self.keys.contains_key(key) => return reply.nil(),
                    b"XX" if !self.keys.contains_key(key) => return reply.nil(),
                    b"NX" | b"XX" => {}
                    other => panic!("SET … {}", other.escape_ascii()),
                }
            }
            reply.simple("OK");
        } else {
            let by = args.get(1).map_or(1, |text| number(text));
            let sum = old.map_or(0, |text| number(&text)) + by;
            value = Some(sum.to_string().into_bytes());
            reply.int(sum as i64);
        }
        self.keys.insert(key.clone(), Key { value: Value::Text(value.unwrap()), expires_ms });
        self.changed(key);
    }

    fn hash_command(&mut self, name: &[u8], args: &[Bytes], reply: &mut Reply<'_>) {
        let key = &args[0];
        if !matches!(self.keys.get(key).map(|key| &key.value), None | Some(Value::Hash(_))) {
            return reply.error(WRONG_TYPE);
        }
        if name == b"HSET" || name == b"HDEL" {
            let fresh = || Key { value: Value::Hash(BTreeMap::new()), expires_ms: None };
            let Value::Hash(hash) = &mut self.keys.entry(key.clone()).or_insert_with(fresh).value else { return };
            let mut count = 0;
            if name == b"HSET" {
                for pair in args[1..].chunks(2) {
                    count += i64::from(hash.insert(pair[0].clone(), pair[1].clone()).is_none());
                }
            } else {
                args[1..].iter().for_each(|field| count += i64::from(hash.remove(field).is_some()));
            }
            if hash.is_empty() {
                self.keys.remove(key);
            }
            self.changed(key);
            return reply.int(count);
        }
        let none = BTreeMap::new();
        let hash = match self.keys.get(key).map(|key| &key.value) {
            Some(Value::Hash(hash)) => hash,
            _ => &none,
        };
        if name == b"HGET" {
            return reply.text(hash.get(&args[1]));
        }
        reply.array(2 * hash.len());
        for (field, value) in hash {
            reply.bulk(field);
            reply.bulk(value);
        }
    }

    fn stream_command(&mut self, name: &[u8], args: &[Bytes], now_ms: u64, reply: &mut Reply<'_>) {
        let key = if name == b"XINFO" { &args[1] } else { &args[0] };
        let none = Stream::default();
        let (stream, there) = match self.keys.get(key).map(|key| &key.value) {
            None => (&none, false),
            Some(Value::Stream(stream)) => (stream, true),
            Some(_) => return reply.error(WRONG_TYPE),
        };
        match name {
            b"XADD" => {
                let trims = args[1].eq_ignore_ascii_case(b"MAXLEN");
                let at = if trims { 4 } else { 1 };
                let id = (args[at] != b"*").then(|| Id::parse(&args[at], 0));
                let fields: Fields = args[at + 1..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                match self.add(key, id, fields, now_ms) {
                    Ok(id) => reply.bulk(id.to_string()),
                    Err(text) => reply.error(text),
                }
            }
            b"XLEN" => reply.int(stream.entries.len() as i64),
            b"XRANGE" | b"XREVRANGE" => {
                let up = name == b"XRANGE";
                let (low, high) = if up { (&args[1], &args[2]) } else { (&args[2], &args[1]) };
                let low = low.strip_prefix(b"(").map_or_else(|| Id::parse(low, 0), |text| Id::parse(text, 0).next());
                let range = stream.entries.range(low..=Id::parse(high, u64::MAX));
                let count = args.get(4).map_or(usize::MAX, |text| number(text) as usize);
                let found: Vec<_> = if up { range.take(count).collect() } else { range.rev().take(count).collect() };
                reply.array(found.len());
                found.iter().for_each(|(id, fields)| reply.entry(**id, fields));
            }
            b"XINFO" if !there => reply.error("ERR no such key"),
            b"XINFO" => self.info(stream, reply),
            _ => panic!("{}", name.escape_ascii()),
        }
    }

    fn info(&self, stream: &Stream, reply: &mut Reply<'_>) {
        reply.array(if self.is_old { 8 } else { 14 });
        reply.bulk("length");
        reply.int(stream.entries.len() as i64);
        reply.bulk("last-generated-id");
        reply.bulk(stream.last.to_string());
        if !self.is_old {
            let first = stream.entries.first_key_value().map_or(Id::default(), |(id, _)| *id);
            reply.bulk("max-deleted-entry-id");
            reply.bulk("0-0");
            reply.bulk("entries-added");
            reply.int(stream.added as i64);
            reply.bulk("recorded-first-entry-id");
            reply.bulk(first.to_string());
        }
        for (name, entry) in
            [("first-entry", stream.entries.first_key_value()), ("last-entry", stream.entries.last_key_value())]
        {
            reply.bulk(name);
            match entry {
                Some((id, fields)) => reply.entry(*id, fields),
                None => reply.nil(),
            }
        }
    }
}
