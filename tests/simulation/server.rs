//! A simulated Redis server: connections, transactions, reads that wait, and everything that can go wrong with it. Time comes
//! in as a parameter, and nothing happens by itself.

use crate::{
    data::{Bytes, Data, Fields, Id, Read, Reply},
    market::show,
    random::Random,
};
use std::{collections::VecDeque, io, mem::take};

/// What happens to whoever sends the transaction of some number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambush {
    /// The connection breaks before the transaction is run.
    CutBefore,
    /// It is run, and the connection breaks before the reply is out.
    CutAfter,
    /// It is run, and the connection breaks within the reply.
    CutInReply,
    /// The engine is killed before it is run, or after.
    KillBefore,
    KillAfter,
    /// It is run, and the server answers so much later, ms.
    FreezeAfter(u64),
    /// It is refused: no memory, for so long, ms.
    NoMemory(u64),
}

/// A connection.
#[derive(Debug)]
struct Conn {
    owner: usize,
    name: String,
    /// Bytes on their way, and when they arrive, ns.
    coming: VecDeque<(u64, Bytes)>,
    input: Bytes,
    output: VecDeque<(u64, Bytes)>,
    closed: bool,
    /// The commands of a transaction, while one is put together; whether one of them was refused.
    queue: Option<Vec<Vec<Bytes>>>,
    refused: bool,
    watched: Vec<(Bytes, u64)>,
    /// A read that waits, and until when, ns.
    waits: Option<(Read, u64)>,
    has_read: bool,
    /// What it was told of the lease first.
    lease: Option<Bytes>,
    /// Whether the last write was not taken wholly.
    pub held: bool,
}

#[derive(Debug)]
pub struct Server {
    pub data: Data,
    conns: Vec<Conn>,
    /// Which of them are open.
    open: Vec<usize>,
    random: Random,
    /// The server's time at 0 ns, and by how much its clock has been set since, µs.
    start_us: u64,
    pub offset_us: i64,
    /// States that end, ns.
    pub frozen_ns: u64,
    pub down_ns: u64,
    pub loading_ns: u64,
    pub full_ns: u64,
    run_id: u64,
    /// Transactions seen so far that had something in them.
    pub transactions: u64,
    pub ambushes: Vec<(u64, Ambush)>,
    /// By owner: whether its process is dead.
    pub dead: [bool; 2],
    /// A copy of the data now and then, the oldest first: what a replica has, where there is one.
    pub has_replica: bool,
    copies: VecDeque<Data>,
    copy_ns: u64,
    pub trace: Vec<(u64, String)>,
    /// Whether every entry and every transaction is noted.
    pub is_verbose: bool,
    /// A way of misbehaving, for tests of the simulation itself.
    pub planted: Planted,
}

/// What a server does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Planted {
    #[default]
    Nothing,
    /// Transactions are run although a watched key has changed, and whoever looks is told that the lease is theirs: as if
    /// no engine looked at it.
    NoLease,
    /// The position is written when its command comes, before the transaction with the output is run: as if an engine
    /// committed it first.
    PositionFirst,
    /// What is to be kept in the journal is not.
    NoJournal,
    /// The first read on a connection leaves out an entry: as if an engine went on one entry too far.
    OneTooFar,
}

/// The number on the line of this kind that begins at `at`, and where the next begins.
fn line(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    assert_eq!(rest[0], kind, "no command: {}", bytes.escape_ascii());
    let len = rest.windows(2).position(|two| two == b"\r\n")?;
    Some((std::str::from_utf8(&rest[1..len]).unwrap().parse().unwrap(), at + len + 2))
}

/// The first command of the bytes, and its length.
fn command(bytes: &[u8]) -> Option<(Vec<Bytes>, usize)> {
    let (count, mut at) = line(bytes, 0, b'*')?;
    let mut args = Vec::with_capacity(count);
    for _ in 0..count {
        let (len, from) = line(bytes, at, b'$')?;
        args.push(bytes.get(from..from + len)?.to_vec());
        at = from + len + 2;
    }
    (at <= bytes.len()).then_some((args, at))
}

/// The beginning of a command, for people.
fn brief(args: &[Bytes]) -> String {
    let text: Vec<String> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
    text.join(" ").chars().take(300).collect()
}

const WRITES: [&[u8]; 8] = [b"XADD", b"SET", b"HSET", b"INCR", b"INCRBY", b"APPEND", b"SETRANGE", b"HINCRBY"];

impl Server {
    pub fn new(seed: u64, start_ms: u64) -> Self {
        Self {
            data: Data::default(),
            conns: Vec::new(),
            open: Vec::new(),
            random: Random::new(seed, "server"),
            start_us: start_ms * 1_000,
            offset_us: 0,
            frozen_ns: 0,
            down_ns: 0,
            loading_ns: 0,
            full_ns: 0,
            run_id: 1,
            transactions: 0,
            ambushes: Vec::new(),
            dead: [false; 2],
            has_replica: false,
            copies: VecDeque::new(),
            copy_ns: 0,
            trace: Vec::new(),
            is_verbose: false,
            planted: Planted::default(),
        }
    }

    pub fn note(&mut self, now_ns: u64, text: impl Into<String>) {
        self.trace.push((now_ns, text.into()));
    }

    /// The time that it tells, Unix µs.
    pub fn time_us(&self, now_ns: u64) -> u64 {
        (self.start_us + now_ns / 1_000).saturating_add_signed(self.offset_us)
    }

    pub fn is_serving(&self, now_ns: u64) -> bool {
        now_ns >= self.frozen_ns.max(self.down_ns).max(self.loading_ns).max(self.full_ns)
    }

    /// Takes an entry of a producer.
    pub fn produce(&mut self, stream: &str, id: Option<Id>, fields: Fields, now_ns: u64) -> Id {
        let (now_ms, text) = (self.time_us(now_ns) / 1_000, self.is_verbose.then(|| show(&fields)));
        let id = self.data.add(stream.as_bytes(), id, fields, now_ms).unwrap();
        if let Some(text) = text {
            self.note(now_ns, format!("{stream} {id}: {text}"));
        }
        id
    }

    pub fn connect(&mut self, owner: usize, now_ns: u64) -> io::Result<usize> {
        if self.dead[owner] {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if now_ns < self.down_ns {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.conns.push(Conn {
            owner,
            name: String::new(),
            coming: VecDeque::new(),
            input: Vec::new(),
            output: VecDeque::new(),
            closed: false,
            queue: None,
            refused: false,
            watched: Vec::new(),
            waits: None,
            has_read: false,
            lease: None,
            held: false,
        });
        self.open.push(self.conns.len() - 1);
        Ok(self.conns.len() - 1)
    }

    /// What a client reads: bytes that have arrived, some or all.
    pub fn give(&mut self, conn: usize, room: &mut [u8], now_ns: u64) -> io::Result<usize> {
        let (random, conn) = (&mut self.random, &mut self.conns[conn]);
        if self.dead[conn.owner] {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match conn.output.front_mut() {
            Some((due_ns, bytes)) if *due_ns <= now_ns => {
                let most = bytes.len().min(room.len());
                let len = if random.chance(15) { random.between(1, most as u64) as usize } else { most };
                room[..len].copy_from_slice(&bytes[..len]);
                bytes.drain(..len);
                if bytes.is_empty() {
                    conn.output.pop_front();
                }
                Ok(len)
            }
            None if conn.closed => Err(io::ErrorKind::ConnectionReset.into()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// What a client writes.
    pub fn take(&mut self, conn: usize, bytes: &[u8], now_ns: u64) -> io::Result<usize> {
        let delay_ns = 5_000 + self.random.skewed(3_000_000);
        let (random, conn) = (&mut self.random, &mut self.conns[conn]);
        if conn.closed || self.dead[conn.owner] {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if random.chance(3) {
            conn.held = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = if random.chance(10) { random.between(1, bytes.len() as u64) as usize } else { bytes.len() };
        conn.held = len < bytes.len();
        // In order, as bytes are.
        let due_ns = conn.coming.back().map_or(0, |(due_ns, _)| *due_ns).max(now_ns + delay_ns);
        conn.coming.push_back((due_ns, bytes[..len].to_vec()));
        Ok(len)
    }

    /// Whether a client that waits for a connection has something to do now.
    pub fn is_ready(&self, conn: usize, now_ns: u64) -> bool {
        let conn = &self.conns[conn];
        let came = conn.output.front().is_some_and(|(due_ns, _)| *due_ns <= now_ns);
        came || conn.held || conn.closed || self.dead[conn.owner]
    }

    /// The client need not wait before it writes again.
    pub fn let_go(&mut self, conn: usize) {
        self.conns[conn].held = false;
    }

    /// The client has gone.
    pub fn close(&mut self, conn: usize) {
        let conn = &mut self.conns[conn];
        conn.closed = true;
        conn.coming.clear();
        conn.output.clear();
        conn.waits = None;
    }

    /// Breaks the connections whose names hold this; what had arrived is still run where `late` says so.
    pub fn cut(&mut self, name: &str, late: bool, now_ns: u64) {
        for index in self.open.clone() {
            if self.conns[index].closed || !self.conns[index].name.contains(name) {
                continue;
            }
            if late {
                let coming = take(&mut self.conns[index].coming);
                coming.iter().for_each(|(_, bytes)| self.conns[index].input.extend_from_slice(bytes));
                self.serve(index, now_ns);
            }
            self.close(index);
        }
    }

    /// Ends the process of the server; it is back at a time, and has loaded its data at another, ns.
    pub fn restart(&mut self, up_ns: u64, loaded_ns: u64, now_ns: u64) {
        self.cut("", false, now_ns);
        (self.down_ns, self.loading_ns) = (up_ns, loaded_ns);
        self.run_id += 1;
    }

    /// A replica takes over, which has not heard of everything. False where there is none that has heard of anything.
    pub fn fail_over(&mut self, now_ns: u64) -> bool {
        let behind = self.random.below(4) as usize;
        let Some(at) = self.copies.len().checked_sub(1 + behind) else { return false };
        self.cut("", true, now_ns);
        self.data = self.copies[at].clone();
        self.copies.clear();
        self.run_id += 1;
        true
    }

    /// When something happens next, ns.
    pub fn next_event_ns(&self, now_ns: u64) -> Option<u64> {
        let open = self.open.iter().map(|index| &self.conns[*index]);
        let times = open.flat_map(|conn| {
            let coming = conn.coming.front().map(|(due_ns, _)| (*due_ns).max(self.frozen_ns));
            let output = conn.output.front().map(|(due_ns, _)| *due_ns);
            let waits = conn.waits.as_ref().map(|(_, until_ns)| (*until_ns).max(self.frozen_ns));
            [coming, output, waits]
        });
        times.flatten().filter(|&ns| ns > now_ns).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now_ns: u64) {
        if now_ns < self.frozen_ns {
            return;
        }
        if self.has_replica && now_ns >= self.copy_ns {
            self.copies.push_back(self.data.clone());
            self.copy_ns = now_ns + self.random.between(50, 900) * 1_000_000;
            if self.copies.len() > 4 {
                self.copies.pop_front();
            }
        }
        let conns = &self.conns;
        self.open.retain(|index| !conns[*index].closed || !conns[*index].output.is_empty());
        for at in 0..self.open.len() {
            let index = self.open[at];
            if self.conns[index].closed {
                continue;
            }
            while let Some((due_ns, _)) = self.conns[index].coming.front()
                && *due_ns <= now_ns
            {
                let bytes = self.conns[index].coming.pop_front().unwrap().1;
                self.conns[index].input.extend_from_slice(&bytes);
            }
            self.serve(index, now_ns);
        }
    }

    /// Runs what a connection has sent, as far as nothing waits.
    fn serve(&mut self, index: usize, now_ns: u64) {
        loop {
            if self.conns[index].closed || now_ns < self.frozen_ns {
                return;
            }
            if let Some((read, until_ns)) = &self.conns[index].waits {
                let (mut out, until_ns) = (Vec::new(), *until_ns);
                if !self.data.read(read, &mut out) {
                    if now_ns < until_ns {
                        return;
                    }
                    Reply(&mut out).nil_array();
                }
                self.conns[index].waits = None;
                self.send(index, out, now_ns);
            }
            let Some((args, len)) = command(&self.conns[index].input) else { return };
            self.conns[index].input.drain(..len);
            self.handle(index, args, now_ns);
        }
    }

    fn send(&mut self, index: usize, bytes: Bytes, now_ns: u64) {
        if bytes.is_empty() {
            return;
        }
        let delay_ns = 5_000 + self.random.skewed(2_000_000);
        let conn = &mut self.conns[index];
        let due_ns = conn.output.back().map_or(0, |(due_ns, _)| *due_ns).max(now_ns + delay_ns);
        conn.output.push_back((due_ns, bytes));
    }

    fn handle(&mut self, index: usize, args: Vec<Bytes>, now_ns: u64) {
        let (mut out, now_us) = (Vec::new(), self.time_us(now_ns));
        let name = args[0].to_ascii_uppercase();
        let conn = &mut self.conns[index];
        let refusal = if now_ns < self.loading_ns && name != b"CLIENT" && name != b"SELECT" {
            Some("LOADING Redis is loading the dataset in memory")
        } else if now_ns < self.full_ns && WRITES.contains(&&name[..]) {
            Some("OOM command not allowed when used memory > 'maxmemory'.")
        } else {
            None
        };
        match &name[..] {
            _ if refusal.is_some() && !(name == b"EXEC" || name == b"MULTI") => {
                conn.refused |= conn.queue.is_some();
                Reply(&mut out).error(refusal.unwrap_or_default());
            }
            b"MULTI" => {
                (conn.queue, conn.refused) = (Some(Vec::new()), refusal.is_some());
                Reply(&mut out).simple("OK");
            }
            b"EXEC" => return self.exec(index, now_ns),
            _ if conn.queue.is_some() => {
                Reply(&mut out).simple("QUEUED");
                if self.planted == Planted::PositionFirst && name == b"HSET" {
                    self.data.run(&args, now_us, &mut Vec::new());
                }
                conn.queue.get_or_insert_default().push(args);
            }
            b"WATCH" => {
                for key in &args[1..] {
                    conn.watched.push((key.clone(), self.data.version(key, now_us / 1_000)));
                }
                Reply(&mut out).simple("OK");
            }
            b"UNWATCH" => {
                conn.watched.clear();
                Reply(&mut out).simple("OK");
            }
            b"XREAD" => {
                let mut read = Read::parse(&args);
                if self.planted == Planted::OneTooFar && !take(&mut conn.has_read) {
                    self.data.pass_one(&mut read);
                }
                conn.has_read = true;
                if !self.data.read(&read, &mut out) {
                    match read.block_ms {
                        Some(0) => conn.waits = Some((read, u64::MAX)),
                        Some(ms) => conn.waits = Some((read, now_ns + ms * 1_000_000)),
                        None => Reply(&mut out).nil_array(),
                    }
                }
            }
            b"CLIENT" => {
                if args[1].eq_ignore_ascii_case(b"SETNAME") {
                    conn.name = String::from_utf8_lossy(&args[2]).into_owned();
                }
                Reply(&mut out).simple("OK");
            }
            // Whoever has held the lease once is told that it holds it still.
            b"GET" if self.planted == Planted::NoLease && args[1].ends_with(b":lease:main") => {
                if let Some(told) = &conn.lease {
                    out.clone_from(told);
                } else {
                    self.data.run(&args, now_us, &mut out);
                    conn.lease = (!out.starts_with(b"$-1")).then(|| out.clone());
                }
            }
            b"INFO" => Reply(&mut out).bulk(format!(
                "# Server\r\nredis_version:{}\r\nrun_id:{:040x}\r\n# Replication\r\nrole:master\r\nmaster_replid:{:040x}\r\n",
                if self.data.is_old { "6.2.14" } else { "7.2.5" },
                self.run_id,
                self.run_id
            )),
            _ => self.data.run(&args, now_us, &mut out),
        }
        self.send(index, out, now_ns);
    }

    fn exec(&mut self, index: usize, now_ns: u64) {
        let (mut out, now_us) = (Vec::new(), self.time_us(now_ns));
        let conn = &mut self.conns[index];
        let (Some(queue), watched) = (conn.queue.take(), take(&mut conn.watched)) else {
            Reply(&mut out).error("ERR EXEC without MULTI");
            return self.send(index, out, now_ns);
        };
        let owner = conn.owner;
        let refused = take(&mut conn.refused);
        let mut ambush = None;
        if !queue.is_empty() {
            self.transactions += 1;
            let found = self.ambushes.iter().position(|(number, _)| *number <= self.transactions);
            ambush = found.map(|at| self.ambushes.swap_remove(at).1);
        }
        if let Some(ambush) = ambush {
            self.note(now_ns, format!("transaction {} of engine {owner}: {ambush:?}", self.transactions));
        }
        match ambush {
            Some(Ambush::CutBefore) => return self.close(index),
            Some(Ambush::KillBefore) => {
                self.dead[owner] = true;
                return self.close(index);
            }
            Some(Ambush::NoMemory(ms)) => self.full_ns = now_ns + ms * 1_000_000,
            _ => {}
        }
        let changed = |data: &mut Data| watched.iter().any(|(key, seen)| data.version(key, now_us / 1_000) != *seen);
        if refused || ambush.is_some_and(|ambush| matches!(ambush, Ambush::NoMemory(_))) {
            Reply(&mut out).error("EXECABORT Transaction discarded because of previous errors.");
        } else if self.planted != Planted::NoLease && changed(&mut self.data) {
            Reply(&mut out).nil_array();
        } else {
            if self.is_verbose {
                queue.iter().for_each(|args| self.trace.push((now_ns, format!("engine {owner}: {}", brief(args)))));
            }
            Reply(&mut out).array(queue.len());
            for args in &queue {
                let is_of_journal = args.get(1).is_some_and(|key| String::from_utf8_lossy(key).contains(":journal:"));
                if self.planted == Planted::NoJournal && is_of_journal {
                    Reply(&mut out).bulk("1-1");
                } else {
                    self.data.run(args, now_us, &mut out);
                }
            }
        }
        match ambush {
            Some(Ambush::CutAfter) => return self.close(index),
            Some(Ambush::KillAfter) => {
                self.dead[owner] = true;
                return self.close(index);
            }
            Some(Ambush::CutInReply) => {
                let len = self.random.below(out.len() as u64) as usize;
                out.truncate(len);
                self.send(index, out, now_ns);
                // What is sent is read yet; nothing else comes.
                let conn = &mut self.conns[index];
                conn.closed = true;
                conn.coming.clear();
                return;
            }
            Some(Ambush::FreezeAfter(ms)) => self.frozen_ns = now_ns + ms * 1_000_000,
            _ => {}
        }
        self.send(index, out, now_ns);
    }
}
