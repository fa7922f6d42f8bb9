//! The world around the engines: one clock, one server, the producers of the input, and the network between them.

use crate::{
    data::{Fields, Id},
    market::STREAMS,
    server::Server,
};
use std::{
    fmt,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex, MutexGuard},
};
use wagehood_engine::{
    redis_io::{Network, Wire},
    runtime::{Clock, MockHandle},
};

/// What a producer does at a time.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When, ns.
    pub at_ns: u64,
    pub stream: &'static str,
    /// The id that it has had in another run.
    pub id: Option<Id>,
    pub fields: Fields,
}

#[derive(Debug)]
pub struct World {
    clock: Clock,
    hand: MockHandle,
    pub server: Server,
    /// What is still to come, the next first, and how far it is.
    feed: Vec<Arrival>,
    fed: usize,
    /// Steps of the server's clock, µs, and when, ns.
    steps: Vec<(u64, i64)>,
    /// What has come, with its ids.
    pub log: Vec<Arrival>,
    /// How long a client waits for a reply at a start, ns.
    patience_ns: u64,
}

impl World {
    pub fn new(clock: Clock, hand: MockHandle, server: Server, feed: Vec<Arrival>, steps: Vec<(u64, i64)>) -> Self {
        Self { clock, hand, server, feed, fed: 0, steps, log: Vec::new(), patience_ns: 1_000_000_000 }
    }

    pub fn now_ns(&self) -> u64 {
        self.clock.ns()
    }

    /// Whether all of the input has come.
    pub fn is_fed(&self) -> bool {
        self.fed == self.feed.len()
    }

    /// Does what is due: producers first.
    fn tick(&mut self) {
        let now_ns = self.now_ns();
        while let Some((at_ns, by_us)) = self.steps.first().copied().filter(|(at_ns, _)| *at_ns <= now_ns) {
            self.steps.remove(0);
            self.server.offset_us += by_us;
            self.server.note(at_ns, format!("the server's clock is set by {by_us} µs"));
        }
        if self.server.is_serving(now_ns) {
            while let Some(arrival) = self.feed.get(self.fed).filter(|arrival| arrival.at_ns <= now_ns) {
                let id = self.server.produce(arrival.stream, arrival.id, Arc::clone(&arrival.fields), now_ns);
                self.log.push(Arrival { at_ns: now_ns, id: Some(id), ..arrival.clone() });
                self.fed += 1;
            }
        }
        self.server.tick(now_ns);
    }

    /// Removes old entries of the input: so many of a hundred stay.
    pub fn trim(&mut self, percent: u64) {
        for (name, ..) in STREAMS {
            let len = self.server.data.stream(name).map_or(0, |stream| stream.entries.len());
            let gone = self.server.data.trim(name.as_bytes(), len * percent as usize / 100);
            if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
                let now_ns = self.now_ns();
                self.server.note(now_ns, format!("{} entries of {name} are trimmed, {first} to {last}", gone.len()));
            }
        }
    }

    /// A replica takes over; what it has not heard of has never been.
    pub fn fail_over(&mut self) {
        let now_ns = self.now_ns();
        if !self.server.fail_over(now_ns) {
            return;
        }
        let before = self.log.len();
        let data = &self.server.data;
        self.log.retain(|arrival| {
            let last = data.stream(arrival.stream).map_or(Id::default(), |stream| stream.last);
            arrival.id.is_some_and(|id| id <= last)
        });
        let lost = before - self.log.len();
        self.server.note(now_ns, format!("a replica takes over; {lost} entries of the input are lost"));
    }

    /// When something happens next, ns.
    pub fn next_event_ns(&self) -> Option<u64> {
        let now_ns = self.now_ns();
        let server = &self.server;
        let states = [server.frozen_ns, server.down_ns, server.loading_ns, server.full_ns];
        let feed = self.feed.get(self.fed).map(|arrival| arrival.at_ns);
        let step = self.steps.first().map(|(at_ns, _)| *at_ns);
        let times = [server.next_event_ns(now_ns), feed, step].into_iter().flatten().chain(states);
        times.filter(|&ns| ns > now_ns).min()
    }

    /// Lets time pass up to here, and everything happen that is due on the way.
    pub fn advance_to(&mut self, ns: u64) {
        loop {
            self.tick();
            let now_ns = self.now_ns();
            if now_ns >= ns {
                return;
            }
            let next_ns = self.next_event_ns().map_or(ns, |next_ns| next_ns.min(ns));
            self.hand.advance(next_ns - now_ns);
        }
    }
}

/// The world, for all who live in it. One thread: nobody ever waits for the lock.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub fn get(&self) -> MutexGuard<'_, World> {
        self.0.try_lock().expect("the world is looked at from one place at a time")
    }

    /// The network as an engine has it.
    pub fn network(&self, owner: usize) -> Network {
        let world = self.clone();
        // Always ready: what a client waits for, the world brings about when it is asked for the descriptor.
        let ready = Arc::new(File::options().read(true).write(true).open("/dev/null").unwrap());
        Network::new(move || {
            let mut inner = world.get();
            let now_ns = inner.now_ns();
            let conn = inner.server.connect(owner, now_ns)?;
            Ok(Box::new(End { world: world.clone(), conn, ready: Arc::clone(&ready) }))
        })
    }
}

/// A client's end of a connection.
struct End {
    world: Shared,
    conn: usize,
    ready: Arc<File>,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("End").field(&self.conn).finish()
    }
}

impl Wire for End {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.get();
        let now_ns = world.now_ns();
        world.server.give(self.conn, room, now_ns)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.world.get();
        let now_ns = world.now_ns();
        world.server.take(self.conn, bytes, now_ns)
    }
}

impl AsFd for End {
    /// The client is about to wait: time passes until it need not, or it has waited for too long.
    fn as_fd(&self) -> BorrowedFd<'_> {
        let mut world = self.world.get();
        let until_ns = world.now_ns() + world.patience_ns;
        loop {
            let now_ns = world.now_ns();
            if world.server.is_ready(self.conn, now_ns) {
                world.server.let_go(self.conn);
                break;
            }
            if now_ns >= until_ns {
                world.server.close(self.conn);
                break;
            }
            let next_ns = world.next_event_ns().map_or(until_ns, |ns| ns.min(until_ns));
            world.advance_to(next_ns);
        }
        self.ready.as_fd()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // A test that fails may hold it.
        if let Ok(mut world) = self.world.0.try_lock() {
            world.server.close(self.conn);
        }
    }
}
