//! One measured stretch: a generator at one end, a subscriber at the other, and the engine or the echo between them.

use super::{
    bars::{Bars, Form},
    beside::{Beside, CoreHiccups},
    generator::{Generator, GeneratorProgress, Sent},
    host::Scheduling,
    replies,
    schedule::Schedule,
    server::RedisServer,
    subscriber::{Ledger, Reads, Seen, Subscriber},
};
use crate::{
    model::{Timeframe, TradingStyle},
    runtime::Clock,
};
use anyhow::{Context, Result, bail};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Longest wait for the first answers, during which the engine starts.
const HELLO_TIMEOUT: Duration = Duration::from_secs(60);
/// Number of rounds sent and answered before the schedule starts.
const HELLO_ROUNDS: usize = 1;
/// Number of parts these rounds are sent in. Each part waits for the answers to the one before: a flood of bars would
/// show in the engine's figures.
const HELLO_PARTS: usize = 200;
/// How long to wait for answers after the last bar.
const DRAIN: Duration = Duration::from_secs(5);
/// Time between now and the start of the schedule, ns.
const LEAD_NS: u64 = 100_000_000;

/// What a phase measures, and with what.
pub struct Phase<'a> {
    /// The server.
    pub server: &'a RedisServer,
    /// Stream that the bars are sent to.
    pub input: &'a str,
    /// Stream that the answers are read from.
    pub output: &'a str,
    /// Kind of the answers.
    pub reads: Reads,
    /// Timeframe of the bars.
    pub base: Timeframe,
    /// When each bar is due.
    pub schedule: &'a Schedule,
    /// Trading styles by symbol.
    pub styles: &'a [TradingStyle],
    /// Core of the generator; `None` if it is not pinned.
    pub core: Option<usize>,
    /// Cores to watch for hiccups.
    pub watched: &'a [usize],
    /// The clock of all latencies.
    pub clock: &'a Clock,
}

/// The bars of a stream, sent stretch by stretch.
pub struct Load {
    bars: Bars,
    /// Start of the next bars, Unix ms.
    first_ms: i64,
}

impl Load {
    /// Prepares bars for all of these schedules.
    ///
    /// # Errors
    /// The market refuses the symbols or the timeframe; a well-formed call never causes this.
    pub fn new(schedules: &[Schedule], base: Timeframe, form: Form, clock: &Clock) -> Result<Self> {
        let rounds: usize = schedules.iter().map(|schedule| schedule.rounds() + HELLO_ROUNDS).sum();
        // Bars in the past, so that none is ahead of the clock at any rate.
        let now_ms = clock.now().wall_ms();
        let first_ms = base.utc_span(now_ms - (rounds as i64 + 2) * base.interval_ms()).start;
        let symbols = schedules.first().map_or(0, Schedule::symbols);
        Ok(Self { bars: Bars::new(symbols, base, first_ms, form)?, first_ms })
    }
}

/// Results of a phase.
#[derive(Debug)]
pub struct Measured {
    /// How well the generator kept its schedule.
    pub sent: Sent,
    /// Latencies from the intended send of a bar to the moment its answer was seen.
    pub seen: Seen,
    /// Number of bars that were never answered.
    pub lost: usize,
    /// Number of repeated answers.
    pub repeated: usize,
    /// Number of bars without an answer when the last bar had been sent.
    pub backlog: usize,
    /// The step at which the load was stopped because it was not held; `None` if all steps ran.
    pub broke_at: Option<usize>,
    /// Start of the measured part, Unix ns.
    pub start_unix_ns: i64,
    /// The host's stalls during the phase.
    pub hiccups: Vec<CoreHiccups>,
    /// Scheduling of the generator and of what was measured.
    pub scheduling: Scheduling,
}

impl Measured {
    /// Appends a phase whose measured part starts at this time of this one's, ns; it must be a whole second.
    ///
    /// # Errors
    /// The histograms cannot be added up.
    pub fn append(&mut self, more: &Self, from_ns: u64) -> Result<()> {
        self.sent.lag.append_at(&more.sent.lag, from_ns)?;
        self.sent.bars += more.sent.bars;
        self.sent.overrun_ns = self.sent.overrun_ns.max(more.sent.overrun_ns);
        let own = self.seen.styles.iter_mut().chain(&mut self.seen.steps);
        let more_of = more.seen.styles.iter().chain(&more.seen.steps);
        own.zip(more_of).try_for_each(|(own, more)| own.append_at(more, from_ns))?;
        (self.lost, self.repeated) = (self.lost + more.lost, self.repeated + more.repeated);
        self.backlog = self.backlog.max(more.backlog);
        self.broke_at = self.broke_at.or(more.broke_at);
        for hiccups in &mut self.hiccups {
            let same = more.hiccups.iter().find(|more| more.core == hiccups.core);
            same.map_or(Ok(()), |more| hiccups.append(more, from_ns))?;
        }
        Ok(())
    }
}

impl Phase<'_> {
    /// Runs the phase. `healthy` is called from time to time to check that the engine or echo still runs.
    ///
    /// # Errors
    /// The server is gone, or the engine is gone or does not answer.
    pub fn run(&self, load: &mut Load, mut healthy: impl FnMut() -> Result<()>) -> Result<Measured> {
        let mut ledger = Ledger::new(self.schedule, load.first_ms, self.base, HELLO_ROUNDS);
        load.first_ms += (self.schedule.rounds() + HELLO_ROUNDS) as i64 * self.base.interval_ms();
        let bars = &mut load.bars;
        let mut seen = Seen::new(self.schedule.steps().len())?;
        let link = self.server.connect("subscriber")?;
        let mut subscriber = Subscriber::new(link, self.output, self.reads, self.base, self.clock, self.styles);
        self.say_hello(bars, &mut subscriber, &mut ledger, &mut seen, &mut healthy)?;

        let progress = GeneratorProgress::default();
        let start_ns = self.clock.ns() + LEAD_NS;
        let measured_from_ns = start_ns + self.schedule.measured_from_ns();
        let start_unix_ns = self.clock.wall_ns(measured_from_ns);
        let beside = Beside::start(self.watched, self.clock, measured_from_ns);
        let generator = Generator {
            schedule: self.schedule,
            bars,
            stream: self.input,
            link: self.server.connect("generator")?,
            clock: self.clock,
            progress: &progress,
            core: self.core,
        };
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || generator.run(start_ns));
            let (mut broke_at, mut backlog, mut last_sent) = (None, None, None);
            let watched = loop {
                let polled = subscriber
                    .poll(Duration::from_millis(20), &mut ledger, Some(start_ns), &mut seen)
                    .and_then(|()| healthy());
                if let Err(error) = polled {
                    break Err(error);
                }
                let sent = progress.sent.load(Ordering::Acquire);
                let behind = sent.saturating_sub(ledger.count);
                if broke_at.is_none() && behind > self.breaking_backlog(sent) {
                    broke_at = self.schedule.step_of(sent / self.schedule.symbols());
                    progress.stop.store(broke_at.is_some(), Ordering::Relaxed);
                }
                if sending.is_finished() {
                    backlog = backlog.or(Some(behind));
                    let since = *last_sent.get_or_insert_with(Instant::now);
                    if behind == 0 || since.elapsed() > DRAIN {
                        break Ok(());
                    }
                }
            };
            progress.stop.store(true, Ordering::Relaxed);
            let Ok(sent) = sending.join() else { bail!("the generator panicked") };
            watched?;
            let sent = sent.context("the generator")?;
            let scheduling = sent.scheduling.iter().map(|text| ("generator", text.clone())).collect();
            let lost = sent.bars - ledger.count.min(sent.bars);
            let (repeated, backlog) = (ledger.repeated, backlog.unwrap_or(0));
            let hiccups = beside.stop(self.schedule.end_ns() - self.schedule.measured_from_ns())?;
            Ok(Measured { sent, seen, lost, repeated, backlog, broke_at, start_unix_ns, hiccups, scheduling })
        })
    }

    /// Backlog at which the rate counts as not held: the bars of one second plus those of two rounds.
    fn breaking_backlog(&self, sent: usize) -> usize {
        let rate = self.schedule.step_of(sent / self.schedule.symbols()).map_or(1.0, |s| self.schedule.steps()[s].rate);
        ((2.0 + rate) * self.schedule.symbols() as f64) as usize
    }

    /// Sends some rounds and waits for their answers. After that, everything on the way is connected.
    fn say_hello(
        &self,
        bars: &mut Bars,
        subscriber: &mut Subscriber<'_>,
        ledger: &mut Ledger<'_>,
        seen: &mut Seen,
        healthy: &mut impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut link = self.server.connect("hello")?;
        let all = HELLO_ROUNDS * self.schedule.symbols();
        let deadline = Instant::now() + HELLO_TIMEOUT;
        let mut sent = 0;
        while sent < all {
            let count = all.div_ceil(HELLO_PARTS).min(all - sent);
            let mut owed = bars.push(count, self.input, link.outbox())?;
            sent += count;
            while owed > 0 {
                let Some(len) = replies::next(&mut link, Duration::from_secs(1))? else { continue };
                if link.received().first() == Some(&b'-') {
                    bail!("the server refuses a bar: {}", link.received()[..len].escape_ascii());
                }
                link.consume(len);
                owed -= 1;
            }
            while ledger.hello < sent {
                subscriber.poll(Duration::from_millis(100), ledger, None, seen)?;
                healthy()?;
                if Instant::now() > deadline {
                    bail!("{} of the first {sent} bars are not answered", sent - ledger.hello);
                }
            }
        }
        Ok(())
    }
}
