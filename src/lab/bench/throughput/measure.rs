//! Measures the stretches: drain, flow, steady.

use super::{
    ThroughputOptions,
    consumer::{Bare, Consumer, EngineConsumer},
    cpu,
    producer::{Flow, Producer, ProducerPace},
    tape::Tape,
};
use crate::{
    lab::bench::{engine_config::EngineSpec, host, server::RedisServer, tempdir::TempDir},
    runtime::Clock,
};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    cell::RefCell,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Time between two checks of a consumer's progress.
const LOOK: Duration = Duration::from_millis(5);
/// Number of entries in the stream when a consumer starts.
const PRELUDE: u64 = 64;
/// Longest time a drain may take.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Time before a flow is measured.
pub(super) const WARM: Duration = Duration::from_secs(1);
/// Lead of the producer in a flow, s of its rate: longer than a batch's flush interval plus the replies under way.
const AHEAD_S: f64 = 0.3;
/// The first steady attempt runs at this share of the flow's rate, and each further attempt at this share of the last.
const FIRST: f64 = 0.95;
const NEXT: f64 = 0.93;
pub(super) const ATTEMPTS: u32 = 5;
/// A rate is held if the backlog stays below this share of a second's entries, and the producer is this close to its
/// schedule.
const BACKLOG_S: f64 = 0.25;

/// Figures of one stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Bars per second through the consumer.
    pub bars_per_s: f64,
    /// Entries per second.
    pub entries_per_s: f64,
    /// CPU time of the consumer, cores.
    pub consumer_cpu: f64,
    /// CPU time of redis-server, cores.
    pub redis_cpu: f64,
    /// CPU time of the producer, cores.
    pub producer_cpu: f64,
    /// Length, s.
    pub seconds: f64,
    /// Time from the start of the consumer's process to the end of its work, s; drain only.
    pub since_start_s: f64,
    /// Average backlog in the middle third and in the last third, entries; flow only.
    pub backlog: [f64; 2],
    /// Signals written per bar; flow only.
    pub signals_per_bar: f64,
    /// Whether the rate was held: the backlog did not grow, and the producer kept its schedule.
    pub held: bool,
    /// Standard error of the rate as a share of it, over at least eight parts of the time; `None` if the stretch was
    /// too short.
    #[serde(default)]
    pub error: Option<f64>,
}

impl Figure {
    /// CPU time per bar, ns, for a CPU use of this many cores.
    #[must_use]
    pub fn ns_per_bar(&self, cores: f64) -> f64 {
        1e9 * cores / self.bars_per_s.max(1.0)
    }
}

/// What all stretches share.
pub struct Bench<'a> {
    pub options: &'a ThroughputOptions,
    pub spec: &'a EngineSpec,
    pub settings: &'a [String],
    pub read_count: u64,
    pub maxlen: u64,
    pub server: &'a RedisServer,
    pub clock: Clock,
    /// Scheduling of the measured processes, as far as it is known by now.
    pub scheduling: RefCell<host::Scheduling>,
}

/// A stretch with its progress: (seconds, entries done).
pub struct Stretch {
    pub figure: Figure,
    course: Vec<(f64, u64)>,
}

/// Several stretches of one kind as one: their total work over their total time.
pub fn together(stretches: &[Stretch]) -> Figure {
    let figures = || stretches.iter().map(|stretch| &stretch.figure);
    let seconds: f64 = figures().map(|figure| figure.seconds).sum();
    let bars: f64 = figures().map(|figure| figure.bars_per_s * figure.seconds).sum();
    let by_time = |of: fn(&Figure) -> f64| figures().map(|f| of(f) * f.seconds).sum::<f64>() / seconds.max(1e-9);
    let signals: f64 = figures().map(|f| f.signals_per_bar * f.bars_per_s * f.seconds).sum();
    Figure {
        bars_per_s: by_time(|f| f.bars_per_s),
        entries_per_s: by_time(|f| f.entries_per_s),
        consumer_cpu: by_time(|f| f.consumer_cpu),
        redis_cpu: by_time(|f| f.redis_cpu),
        producer_cpu: by_time(|f| f.producer_cpu),
        seconds,
        since_start_s: figures().map(|f| f.since_start_s).sum::<f64>() / stretches.len().max(1) as f64,
        backlog: [by_time(|f| f.backlog[0]), by_time(|f| f.backlog[1])],
        signals_per_bar: signals / bars.max(1.0),
        held: figures().all(|figure| figure.held),
        error: error_of(stretches.iter().map(|stretch| &stretch.course[..])),
    }
}

/// CPU time at one moment.
struct Times {
    at: Instant,
    consumer: Duration,
    redis: Duration,
    producer: Duration,
}

impl Bench<'_> {
    /// Measures the bare loop on a full stream.
    ///
    /// # Errors
    /// The server is gone.
    pub fn bare_drain(&self) -> Result<Stretch> {
        self.preload(self.options.entries)?;
        let started = Instant::now();
        self.drain(&mut Bare::start(self.server, &self.spec.input(), self.read_count)?, started)
    }

    /// Measures the engine on a full stream, until it has committed the position of the last entry.
    ///
    /// # Errors
    /// The server or the engine is gone.
    pub fn engine_drain(&self) -> Result<Stretch> {
        self.preload(self.options.entries)?;
        let (dir, started) = (TempDir::new()?, Instant::now());
        self.drain(&mut self.engine(&dir)?, started)
    }

    /// Measures one turn of the bare loop behind a producer that stays just ahead of it.
    ///
    /// # Errors
    /// The server is gone.
    pub fn bare_flow(&self) -> Result<Stretch> {
        let tape = self.preload(PRELUDE)?;
        let mut bare = Bare::start(self.server, &self.spec.input(), self.read_count)?;
        self.flow(&mut bare, tape, ProducerPace::Ahead(self.ahead()), self.length_of_turn())
    }

    /// The same for the engine.
    ///
    /// # Errors
    /// The server or the engine is gone.
    pub fn engine_flow(&self) -> Result<Stretch> {
        let (tape, dir) = (self.preload(PRELUDE)?, TempDir::new()?);
        self.flow(&mut self.engine(&dir)?, tape, ProducerPace::Ahead(self.ahead()), self.length_of_turn())
    }

    /// The highest tried rate below `bars_per_s` that the engine holds behind an open producer; or the last attempt, if
    /// it holds none.
    ///
    /// # Errors
    /// The server or the engine is gone.
    pub fn steady(&self, bars_per_s: f64, note: &mut dyn FnMut(&str)) -> Result<Option<Figure>> {
        let bars = self.bars_of_entry() as f64;
        let mut rate = bars_per_s / bars * FIRST;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            note(&format!("steady, {:.0} bars/s", rate * bars));
            let (tape, dir) = (self.preload(PRELUDE)?, TempDir::new()?);
            let stretch =
                self.flow(&mut self.engine(&dir)?, tape, ProducerPace::Open(rate), self.options.duration / 2)?;
            let figure = together(&[stretch]);
            last = Some(figure);
            if figure.held {
                break;
            }
            rate *= NEXT;
        }
        Ok(last)
    }

    fn length_of_turn(&self) -> Duration {
        self.options.duration / self.options.turns
    }

    fn bars_of_entry(&self) -> usize {
        if self.options.form == super::Form::Legacy { 1 } else { self.options.frame }
    }

    /// Lead of the producer, entries: some hundred ms of the rate that the drain suggests.
    fn ahead(&self) -> u64 {
        let entries_per_s = if self.options.form == super::Form::Legacy { 400_000.0 } else { 60_000.0 };
        (entries_per_s * AHEAD_S) as u64
    }

    fn engine<'d>(&self, dir: &'d TempDir) -> Result<EngineConsumer<'d>> {
        EngineConsumer::start(&self.options.exe, self.spec, self.settings, self.server, dir)
    }

    /// A server that holds only `entries` entries of the input stream, and the tape that continues after them.
    fn preload(&self, entries: u64) -> Result<Tape> {
        self.options.interrupt.check()?;
        let flush = redis::cmd("FLUSHALL").arg("SYNC").take();
        self.server.connect("clear")?.ask_within::<()>(&flush, Duration::from_secs(30))?;
        let (options, input) = (self.options, self.spec.input());
        // Bars in the past, however many of them are sent.
        let first_ms = self.clock.now().wall_ms() - 400 * 86_400_000;
        let mut tape = Tape::new(options.symbols, self.spec.base, first_ms, options.form, options.frame, self.maxlen)?;
        Producer::new(self.server.connect("producer")?, &input).preload(&mut tape, entries)?;
        Ok(tape)
    }

    /// Notes the scheduling of all processes while they run.
    fn note_scheduling(&self, consumer: &dyn Consumer, producer: Option<u64>) {
        let (process, thread) = consumer.place();
        let found = [
            ("engine", process.and_then(host::scheduling_of)),
            ("bare_loop", thread.and_then(|thread| host::scheduling_of_thread(Some(thread)))),
            ("producer", producer.and_then(|thread| host::scheduling_of_thread(Some(thread)))),
            ("redis", self.server.pid().and_then(host::scheduling_of)),
        ];
        let known = found.into_iter().filter_map(|(name, text)| Some((name, text?)));
        self.scheduling.borrow_mut().extend(known);
    }

    fn times(&self, consumer: &dyn Consumer, producer: Option<u64>) -> Times {
        let (process, thread) = consumer.place();
        Times {
            at: Instant::now(),
            consumer: cpu::used(process, thread).unwrap_or_default(),
            redis: self.server.pid().and_then(|pid| cpu::used(Some(pid), None)).unwrap_or_default(),
            producer: producer.and_then(|thread| cpu::used(None, Some(thread))).unwrap_or_default(),
        }
    }

    fn figure(&self, entries: u64, from: &Times, to: &Times) -> Figure {
        let seconds = to.at.duration_since(from.at).as_secs_f64().max(1e-9);
        let share = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() / seconds;
        let entries_per_s = entries as f64 / seconds;
        Figure {
            bars_per_s: entries_per_s * self.bars_of_entry() as f64,
            entries_per_s,
            consumer_cpu: share(from.consumer, to.consumer),
            redis_cpu: share(from.redis, to.redis),
            producer_cpu: share(from.producer, to.producer),
            seconds,
            since_start_s: 0.0,
            backlog: [0.0; 2],
            signals_per_bar: 0.0,
            held: true,
            error: None,
        }
    }

    fn drain(&self, consumer: &mut dyn Consumer, started: Instant) -> Result<Stretch> {
        let all = self.options.entries;
        let (mut first, mut done) = (None, 0);
        let mut course = Vec::new();
        while done < all {
            self.options.interrupt.check()?;
            if started.elapsed() > DRAIN_MAX {
                bail!("only {done} of {all} entries are read after {} s", DRAIN_MAX.as_secs());
            }
            std::thread::sleep(LOOK / 5);
            done = consumer.done()?;
            if done > 0 {
                course.push((started.elapsed().as_secs_f64(), done));
            }
            if done > 0 && first.is_none() {
                first = Some((done, self.times(consumer, None)));
            }
        }
        let to = self.times(consumer, None);
        let since_start_s = started.elapsed().as_secs_f64();
        self.note_scheduling(consumer, None);
        consumer.end()?;
        // Include the start: the time to the first entry is part of a drain.
        let (from_done, from) = first
            .filter(|(done, _)| *done < all / 2)
            .unwrap_or((0, Times { at: started, consumer: Duration::ZERO, redis: to.redis, producer: Duration::ZERO }));
        Ok(Stretch { figure: Figure { since_start_s, ..self.figure(all - from_done, &from, &to) }, course })
    }

    /// Skip the preloaded entries: they come first, and are not measured.
    fn flow(
        &self,
        consumer: &mut dyn Consumer,
        mut tape: Tape,
        pace: ProducerPace,
        length: Duration,
    ) -> Result<Stretch> {
        let input = self.spec.input();
        let mut producer = Producer::new(self.server.connect("producer")?, &input);
        let begin = Instant::now();
        while consumer.done()? < PRELUDE {
            self.options.interrupt.check()?;
            if begin.elapsed() > DRAIN_MAX {
                bail!("nothing is read");
            }
            std::thread::sleep(LOOK);
        }
        let flow = Flow::default();
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| producer.run(&mut tape, pace, &flow));
            let watched = self.watch(consumer, &flow, pace, length, || sending.is_finished());
            flow.stop.store(true, Ordering::Relaxed);
            let behind = match sending.join() {
                Ok(behind) => behind?,
                Err(_) => bail!("the producer panicked"),
            };
            let mut stretch = watched?;
            if let ProducerPace::Open(rate) = pace {
                stretch.figure.held &= (behind as f64) < rate * BACKLOG_S;
            }
            consumer.end()?;
            Ok(stretch)
        })
    }

    /// Watches a flow: waits [`WARM`], or half of the length, and then measures the stretch.
    fn watch(
        &self,
        consumer: &mut dyn Consumer,
        flow: &Flow,
        pace: ProducerPace,
        length: Duration,
        ended: impl Fn() -> bool,
    ) -> Result<Stretch> {
        let begin = Instant::now();
        let warm = WARM.min(length / 2);
        let mut from: Option<(u64, u64, Times)> = None;
        let mut backlogs: Vec<(f64, f64)> = Vec::new();
        let mut course = Vec::new();
        let mut stood = (0, Instant::now());
        loop {
            std::thread::sleep(LOOK);
            self.options.interrupt.check()?;
            if ended() {
                bail!("the producer has ended");
            }
            let done = consumer.done()?.saturating_sub(PRELUDE);
            flow.done.store(done, Ordering::Release);
            if done > stood.0 {
                stood = (done, Instant::now());
            } else if stood.1.elapsed() > Duration::from_secs(10) {
                bail!("nothing has been read for 10 s");
            } else {
                continue; // count only the time between two commits
            }
            if begin.elapsed() < warm {
                continue;
            }
            let thread = Some(flow.thread.load(Ordering::Acquire));
            let Some((from_done, from_signals, start)) = &from else {
                from = Some((done, consumer.signals()?, self.times(consumer, thread)));
                continue;
            };
            let behind = flow.sent.load(Ordering::Acquire).saturating_sub(done) as f64;
            let at = start.at.elapsed();
            course.push((at.as_secs_f64(), done));
            backlogs.push((at.as_secs_f64() / length.as_secs_f64(), behind));
            if at < length {
                continue;
            }
            let mut figure = self.figure(done - from_done, start, &self.times(consumer, thread));
            self.note_scheduling(consumer, thread);
            let bars = (done - from_done) as f64 * self.bars_of_entry() as f64;
            figure.signals_per_bar = consumer.signals()?.saturating_sub(*from_signals) as f64 / bars.max(1.0);
            figure.backlog = [mean(&backlogs, 0.33..0.67), mean(&backlogs, 0.67..f64::INFINITY)];
            if let ProducerPace::Open(rate) = pace {
                let [middle, last] = figure.backlog;
                let kept = figure.entries_per_s > 0.97 * rate;
                figure.held = kept && last < rate * BACKLOG_S && last < middle + rate * 0.1;
            }
            return Ok(Stretch { figure, course });
        }
    }
}

fn mean(samples: &[(f64, f64)], part: std::ops::Range<f64>) -> f64 {
    let in_part: Vec<f64> = samples.iter().filter(|(at, _)| part.contains(at)).map(|(_, value)| *value).collect();
    if in_part.is_empty() { 0.0 } else { in_part.iter().sum::<f64>() / in_part.len() as f64 }
}

/// Number of parts that the time is cut into, to estimate how steady a rate is.
const BLOCKS: usize = 8;

/// Standard error of a rate as a share of it, over parts of equal time. Takes courses of (seconds, entries done) and
/// cuts each into the same number of parts. `None` if a course has too few points for that.
fn error_of<'a>(courses: impl ExactSizeIterator<Item = &'a [(f64, u64)]>) -> Option<f64> {
    let blocks = BLOCKS.div_ceil(courses.len().max(1));
    let wanted = blocks * courses.len();
    let mut rates: Vec<f64> = Vec::new();
    for course in courses {
        let (from_s, to_s) = (course.first()?.0, course.last()?.0);
        let at = |block: usize| {
            let time_s = from_s + (to_s - from_s) * block as f64 / blocks as f64;
            course.get(course.partition_point(|point| point.0 < time_s).min(course.len() - 1))
        };
        let edges: Vec<&(f64, u64)> = (0..=blocks).filter_map(at).collect();
        let pairs = edges.windows(2).filter(|pair| pair[1].0 > pair[0].0);
        rates.extend(pairs.map(|pair| (pair[1].1 - pair[0].1) as f64 / (pair[1].0 - pair[0].0)));
    }
    let (count, mean) = (rates.len() as f64, rates.iter().sum::<f64>() / rates.len() as f64);
    if rates.is_empty() || rates.len() < wanted || mean <= 0.0 {
        return None;
    }
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((variance / count).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Course = Vec<(f64, u64)>;

    fn course(rate: fn(u64) -> u64) -> Course {
        let mut done = 0;
        let point = |n: u64| {
            done += rate(n);
            (n as f64 / 100.0, done)
        };
        (0..=800).map(point).collect()
    }

    fn error(courses: &[&[(f64, u64)]]) -> Option<f64> {
        error_of(courses.iter().copied())
    }

    #[test]
    fn the_error_of_a_rate_is_that_of_its_parts() {
        let steady = course(|_| 10);
        assert!(error(&[&steady]).unwrap() < 1e-9);
        // Seconds of 8 and 12 in turns: a deviation of 2.14 in 10, divided by the square root of eight.
        let uneven = error(&[&course(|n| if n / 100 % 2 == 0 { 8 } else { 12 })]).unwrap();
        assert!((uneven - 0.0756).abs() < 0.003, "{uneven}");
        // The same over four turns of two parts each.
        let turns = error(&[&course(|_| 8), &course(|_| 12), &course(|_| 8), &course(|_| 12)]).unwrap();
        assert!((turns - 0.0756).abs() < 0.003, "{turns}");
        assert_eq!(error(&[&steady[..5]]), None);
        assert_eq!((error(&[&steady, &[]]), error(&[])), (None, None));
    }

    #[test]
    fn stretches_together_weigh_by_their_time() {
        let stretch = |bars_per_s: f64, seconds: f64, held: bool| Stretch {
            figure: Figure {
                bars_per_s,
                seconds,
                signals_per_bar: 0.1,
                redis_cpu: bars_per_s / 400.0,
                held,
                ..Figure::default()
            },
            course: Vec::new(),
        };
        let both = together(&[stretch(100.0, 1.0, true), stretch(200.0, 3.0, true)]);
        assert_eq!((both.bars_per_s, both.seconds, both.held, both.error), (175.0, 4.0, true, None));
        assert!((both.signals_per_bar - 0.1).abs() < 1e-12 && (both.redis_cpu - 0.4375).abs() < 1e-12, "{both:?}");
        assert!(!together(&[stretch(1.0, 1.0, true), stretch(1.0, 1.0, false)]).held);
    }
}
