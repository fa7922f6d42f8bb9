//! One server, one consumer, one producer: what is measured of them for the costs.

use super::sample::{ServerSample, ns_of};
use crate::{
    lab::bench::{
        bars::Form,
        engine_config::EngineSpec,
        interrupt::Interrupt,
        server::RedisServer,
        tempdir::TempDir,
        throughput::{
            consumer::{Bare, Consumer, EngineConsumer},
            producer::{Flow, Producer, ProducerPace},
            tape::Tape,
        },
    },
    model::{Timeframe, TradingStyle},
    runtime::Clock,
};
use anyhow::{Context, Result, bail};
use std::{
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Longest time without progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at a consumer's progress: each costs the server some 20 µs.
const LOOK: Duration = Duration::from_millis(10);
/// Entries in the stream when a consumer that is to wait for more starts.
const PRELUDE: u64 = 64;
/// Longest stream, entries.
const MAXLEN: u64 = 1_000_000;
/// Maximum number of entries per read of the bare loop: as the engine has it.
pub const READ_COUNT: u64 = 512;

/// Settings of every measured engine: as a partition runs, and as a cluster allows it.
pub const SETTINGS: [&str; 6] = [
    "engine.threading=shared",
    "output.calculation_events=off",
    "output.latest_values=false",
    "output.bars=false",
    "output.alerts=false",
    "output.streams.signals_maxlen=1000000",
];

/// What an engine of so many symbols is configured with.
///
/// # Errors
/// There is no timeframe.
pub fn spec(symbols: usize, timeframes: &[Timeframe]) -> Result<EngineSpec> {
    Ok(EngineSpec {
        symbols,
        base: timeframes.iter().copied().min().context("no timeframe is given")?,
        timeframes: timeframes.to_vec(),
        styles: TradingStyle::ALL.to_vec(),
        prefix: String::new(),
    })
}

/// What happened during a stretch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stint {
    /// Entries that the producer wrote.
    pub written: f64,
    /// Entries that the consumer finished.
    pub done: f64,
    /// Signals that it wrote.
    pub signals: f64,
    /// Signals that it had written at the end of a drain, those before the stretch too.
    pub signals_all: f64,
    /// What server and consumer did.
    pub work: ServerSample,
}

/// A server and the engine that is started on it.
pub struct Bed<'a> {
    pub exe: &'a Path,
    pub server: RedisServer,
    pub spec: EngineSpec,
    pub form: Form,
    /// Bars of an entry.
    pub frame: usize,
    pub settings: Vec<String>,
    pub interrupt: &'a Interrupt,
    pub clock: Clock,
}

impl Bed<'_> {
    /// An endless supply of bars, all of them of the past.
    ///
    /// # Errors
    /// A frame of too many bars.
    pub fn tape(&self) -> Result<Tape> {
        let first_ms = self.clock.now().wall_ms() - 400 * 86_400_000;
        Tape::new(self.spec.symbols, self.spec.base, first_ms, self.form, self.frame, MAXLEN)
    }

    /// An empty server.
    ///
    /// # Errors
    /// The server is gone.
    pub fn clear(&self) -> Result<()> {
        self.interrupt.check()?;
        let flush = redis::cmd("FLUSHALL").arg("SYNC").take();
        Ok(self.server.connect("clear")?.ask_within::<()>(&flush, PATIENCE)?)
    }

    /// Writes entries, and says what that took; the consumer is the producer.
    ///
    /// # Errors
    /// The server is gone.
    pub fn write(&self, tape: &mut Tape, entries: u64) -> Result<Stint> {
        self.interrupt.check()?;
        let input = self.spec.input();
        let mut producer = Producer::new(self.server.connect("producer")?, &input);
        let before = ServerSample::take(&self.server, None)?;
        producer.preload(tape, entries)?;
        let work = ServerSample::take(&self.server, None)?.since(&before);
        Ok(Stint { written: entries as f64, work, ..Stint::default() })
    }

    /// Starts a bare loop on a stream.
    ///
    /// # Errors
    /// The server is gone.
    pub fn bare(&self, stream: &str) -> Result<Bare> {
        Bare::start(&self.server, stream, READ_COUNT)
    }

    /// Starts an engine.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn engine<'d>(&self, dir: &'d TempDir, more: &[&str]) -> Result<EngineConsumer<'d>> {
        let mut settings: Vec<String> = SETTINGS.map(str::to_owned).to_vec();
        settings.extend(more.iter().map(ToString::to_string));
        settings.extend(self.settings.iter().cloned());
        EngineConsumer::start(self.exe, &self.spec, &settings, &self.server, dir)
    }

    /// Waits until the consumer has finished so many entries.
    ///
    /// # Errors
    /// It does not, or is gone.
    pub fn until(&self, consumer: &mut dyn Consumer, done: u64, look: Duration) -> Result<()> {
        let since = Instant::now();
        while consumer.done()? < done {
            self.interrupt.check()?;
            if since.elapsed() > PATIENCE {
                bail!("fewer than {done} entries were read within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(look);
        }
        Ok(())
    }

    fn take(&self, consumer: &dyn Consumer) -> Result<ServerSample> {
        let sample = ServerSample::take(&self.server, None)?;
        let (process, thread) = consumer.place();
        let ns = match thread {
            // The threads of the bench are measured by nobody.
            Some(_) => 0.0,
            None => ns_of(process),
        };
        Ok(ServerSample { process_ns: ns, ..sample })
    }

    /// A consumer reads a full stream of so many entries, from the first that it has finished to the last.
    ///
    /// # Errors
    /// As for [`until`](Self::until).
    pub fn drain(&self, consumer: &mut dyn Consumer, entries: u64) -> Result<Stint> {
        let fresh = ServerSample::take(&self.server, None)?;
        self.until(consumer, 1, LOOK / 10)?;
        let (first, at_first) = (consumer.done()?, self.take(consumer)?);
        // What is left after a quick start would be too little to measure: then from the start.
        let (from, before) = match first < entries / 2 {
            true => ((first, consumer.signals()?), at_first),
            false => ((0, 0), ServerSample { process_ns: 0.0, ..fresh }),
        };
        self.until(consumer, entries, LOOK)?;
        let work = self.take(consumer)?.since(&before);
        let signals = consumer.signals()?;
        consumer.end()?;
        Ok(Stint {
            written: 0.0,
            done: (entries - from.0) as f64,
            signals: signals.saturating_sub(from.1) as f64,
            signals_all: signals as f64,
            work,
        })
    }

    /// A consumer behind a producer that keeps its own schedule, for a while.
    ///
    /// # Errors
    /// As for [`until`](Self::until).
    pub fn paced(
        &self,
        consumer: &mut dyn Consumer,
        tape: &mut Tape,
        entries_per_s: f64,
        length: Duration,
    ) -> Result<Stint> {
        self.until(consumer, PRELUDE, LOOK)?;
        let input = self.spec.input();
        let mut producer = Producer::new(self.server.connect("producer")?, &input);
        let flow = Flow::default();
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| producer.run(tape, ProducerPace::Open(entries_per_s), &flow));
            let measured = self.watch(consumer, &flow, length);
            flow.stop.store(true, Ordering::Relaxed);
            match sending.join() {
                Ok(behind) => behind?,
                Err(_) => bail!("the producer panicked"),
            };
            let stint = measured?;
            consumer.end()?;
            Ok(stint)
        })
    }

    fn watch(&self, consumer: &mut dyn Consumer, flow: &Flow, length: Duration) -> Result<Stint> {
        std::thread::sleep(length / 4);
        let sums = |consumer: &mut dyn Consumer| -> Result<[f64; 3]> {
            let sent = flow.sent.load(Ordering::Acquire);
            Ok([sent, consumer.done()?, consumer.signals()?].map(|count| count as f64))
        };
        let (before, from) = (self.take(consumer)?, sums(consumer)?);
        let since = Instant::now();
        while since.elapsed() < length {
            self.interrupt.check()?;
            std::thread::sleep(LOOK);
        }
        let work = self.take(consumer)?.since(&before);
        let to = sums(consumer)?;
        Ok(Stint {
            written: to[0] - from[0],
            done: to[1] - from[1],
            signals: to[2] - from[2],
            signals_all: to[2],
            work,
        })
    }

    /// Puts so many entries into an empty server as a consumer that waits for more finds there.
    ///
    /// # Errors
    /// The server is gone.
    pub fn prelude(&self, tape: &mut Tape) -> Result<()> {
        self.clear()?;
        self.write(tape, PRELUDE).map(|_| ())
    }
}
