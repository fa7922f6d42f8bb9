//! The ingestion at work: a provider, the desk and the sink on one thread, which waits in one `poll(2)`.

use super::{
    commit_times::{CommitSummary, CommitTimes},
    desk::Desk,
    market::Event,
    outbox::Outbox,
    outgoing::Outgoing,
    provider::Provider,
};
use crate::{
    engine::{RedisSink, Written},
    runtime::{AgentError, Clock, Now, Parker},
};

/// Items that may wait before the provider is not asked for more.
const WAITING_MAX: usize = 1 << 16;
/// Time between two words about the health, ns.
const HEALTH_NS: u64 = 1_000_000_000;
/// Longest wait, ns.
const WAIT_MAX_NS: u64 = 50_000_000;

/// Everything together.
#[derive(Debug)]
pub struct Service {
    clock: Clock,
    parker: Parker,
    provider: Box<dyn Provider>,
    desk: Desk,
    outbox: Outbox,
    sink: RedisSink,
    events: Vec<Event>,
    name: Vec<u8>,
    heartbeat_ns: u64,
    beat_ns: u64,
    /// What the provider wanted to be told, as it was committed last.
    memory: Option<String>,
    draining: bool,
    /// When the health is told next, ns, and the bars when it was told last.
    health_ns: u64,
    health_bars: u64,
    times: CommitTimes,
}

impl Service {
    /// Puts it together; a heartbeat comes every `heartbeat_ns`.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new(
        clock: Clock,
        provider: Box<dyn Provider>,
        desk: Desk,
        outbox: Outbox,
        sink: RedisSink,
        heartbeat_ns: u64,
    ) -> std::io::Result<Self> {
        Ok(Self {
            clock,
            parker: Parker::new()?,
            provider,
            desk,
            outbox,
            sink,
            events: Vec::new(),
            name: Vec::new(),
            heartbeat_ns,
            beat_ns: 0,
            memory: None,
            draining: false,
            health_ns: 0,
            health_bars: 0,
            times: CommitTimes::new().map_err(std::io::Error::other)?,
        })
    }

    /// What is known of the symbols.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// How the provider is, in a few words.
    #[must_use]
    pub fn state(&self) -> String {
        self.provider.state()
    }

    /// How long bars took from their messages to the acknowledged transaction; `None` before the first.
    #[must_use]
    pub fn commit_times(&self) -> Option<CommitSummary> {
        self.times.summary()
    }

    /// Lines for people.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.desk.take_lines()
    }

    /// Takes nothing more from the provider.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether nothing more will come and all is committed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        (self.draining || self.desk.is_over()) && self.desk.waiting() == 0 && !self.sink.is_in_flight()
    }

    /// Gives the lease up.
    pub fn release(&mut self) {
        self.sink.release();
    }

    /// Does what there is to do, then waits for more, a moment at most.
    ///
    /// # Errors
    /// What ends the ingestion: of the provider, or of the server.
    pub fn turn(&mut self) -> Result<(), AgentError> {
        let now = self.clock.now();
        let busy = self.work(now)?;
        if !busy {
            self.wait(now);
        }
        Ok(())
    }

    fn work(&mut self, now: Now) -> Result<bool, AgentError> {
        let mut busy = self.sink.is_in_flight() && self.sink.poll(now.ns)? == Written::All;
        if busy {
            self.times.acknowledged(now.ns);
        }
        let bars = self.desk.counts().bars;
        if !self.draining && !self.desk.is_over() && self.desk.waiting() < WAITING_MAX {
            self.provider.poll(now, &mut self.events)?;
            busy |= self.events.iter().any(|event| !matches!(event, Event::Complete(_) | Event::Trades { .. }));
            self.events.drain(..).for_each(|event| self.desk.take(event));
            self.desk.take_wanted().into_iter().for_each(|wanted| self.provider.want(wanted));
        }
        if now.ns >= self.beat_ns || self.desk.is_over() {
            self.beat_ns = now.ns + self.heartbeat_ns;
            self.desk.beat();
        }
        self.times.given(now.ns, self.desk.counts().bars - bars);
        let renew = self.sink.renewal_ns().is_some_and(|at_ns| now.ns >= at_ns);
        if !self.sink.is_in_flight() && (self.desk.waiting() > 0 || renew) {
            self.commit(now)?;
            busy = true;
        }
        Ok(busy)
    }

    fn commit(&mut self, now: Now) -> Result<(), AgentError> {
        let mut bars = 0;
        while self.sink.has_room(0)
            && let Some(item) = self.desk.take_next()
        {
            bars += u64::from(matches!(item, Outgoing::Bar(_)));
            self.outbox.put(item, &self.desk, now.wall_ns, self.sink.batch());
        }
        if now.ns >= self.health_ns {
            let passed_s = (now.ns.saturating_sub(self.health_ns) + HEALTH_NS) as f64 / 1e9;
            let bars = self.desk.counts().bars;
            let rate = (bars - self.health_bars) as f64 / passed_s;
            (self.health_ns, self.health_bars) = (now.ns + HEALTH_NS, bars);
            let state = self.provider.state();
            let times = self.times.summary();
            self.outbox.health(&self.desk, &state, (rate, times), now.wall_ms(), self.sink.batch());
        }
        self.name.clear();
        self.name.extend_from_slice(self.sink.next_name());
        let memory = self.provider.memory().filter(|memory| self.memory.as_ref() != Some(memory));
        self.outbox.close(&self.name, memory.as_deref(), &self.desk, now.wall_ns, self.sink.batch());
        if memory.is_some() {
            self.memory = memory;
        }
        self.times.sent(bars);
        self.sink.commit(now.ns)?;
        if self.sink.poll(now.ns)? == Written::All {
            self.times.acknowledged(self.clock.now().ns);
        }
        Ok(())
    }

    fn wait(&self, now: Now) {
        let mut interests = self.parker.interests();
        self.sink.interests(&mut interests);
        let mut until_ns = now.ns + WAIT_MAX_NS;
        if !self.draining && !self.desk.is_over() {
            until_ns = until_ns.min(self.beat_ns);
            if self.desk.waiting() < WAITING_MAX {
                self.provider.interests(&mut interests);
                until_ns = until_ns.min(self.provider.deadline_ns().unwrap_or(u64::MAX));
            }
        }
        until_ns = until_ns.min(self.sink.deadline_ns().unwrap_or(u64::MAX));
        self.parker.sleep(&mut interests, until_ns.saturating_sub(now.ns));
    }
}
