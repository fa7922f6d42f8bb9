//! The batch in the making: when it takes more, and when it is written. Pure; allocates nothing after the start.

use super::limit::BatchLimit;
use crate::{
    engine::output::Standing,
    model::{Signal, TradingStyle, Weighed},
    runtime::Now,
    telemetry::{FlushCause, Latency, PublisherCounters, Recorder, Stage},
};

/// When a batch is written.
#[derive(Debug, Clone, Copy)]
pub struct BatchRules {
    /// Entries that make a batch full, at most; a group of one input entry is never split.
    pub entries: usize,
    /// Longest wait of an entry for its batch, ns.
    pub interval_ns: u64,
    /// Messages taken from each worker in a duty cycle.
    pub messages: usize,
    /// A seed by which the limit changes at random, for tests.
    pub sway: Option<u64>,
}

/// Signals that a batch takes while another is on its way, unless it may hold more anyway: what a server makes of them in
/// some milliseconds. It then has work while the next ones are computed.
const SIGNALS_MEANWHILE: usize = 2_048;

/// How long nothing must have come for latest values to go: a burst is not held up by what may wait.
const QUIET_NS: u64 = 2_000_000;

/// A signal that waits for the acknowledgement of its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaiting {
    /// Trading style of its cell.
    pub style: TradingStyle,
    /// Monotonic time at which its record's bytes had arrived, ns.
    pub arrival_ns: u64,
}

/// What is asked of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Where the output stands.
    pub at: Standing,
    /// Whether nothing is about to come: the queues of the workers are empty.
    pub quiet: bool,
    /// Whether nothing will come any more.
    pub ended: bool,
}

/// The batch in the making, and the one that is on its way.
#[derive(Debug)]
pub(super) struct Batch {
    rules: BatchRules,
    /// Entries that make a batch full, now.
    limit: BatchLimit,
    /// Whether the batch that is on its way was full.
    was_full: bool,
    /// Signals in it.
    signals: Vec<Awaiting>,
    /// Signals that it may hold while another is on its way.
    signals_max: usize,
    /// When its first entry came, ns.
    since_ns: Option<u64>,
    /// Whether it ends in the middle of an input entry: a letter of it is in, its mark is not.
    in_entry: bool,
    /// When the last group came, ns.
    group_ns: u64,
    /// Signals of the batch that is on its way, and since when it is, ns.
    sent: Vec<Awaiting>,
    sent_ns: u64,
}

impl Batch {
    /// An empty batch with room for a full one and a group of so many signals.
    pub fn new(rules: BatchRules, group: usize) -> Self {
        let signals_max = rules.entries.max(SIGNALS_MEANWHILE);
        Self {
            limit: BatchLimit::new(rules.entries, rules.sway.map_or(0, |seed| seed | 1)),
            was_full: false,
            rules,
            signals: Vec::with_capacity(signals_max + group),
            signals_max,
            since_ns: None,
            in_entry: false,
            group_ns: 0,
            sent: Vec::with_capacity(signals_max + group),
            sent_ns: 0,
        }
    }

    /// Whether it takes more. While one is on its way the next grows on, up to the sink's bound of bytes; the rest of an
    /// entry whose letters are in it always fits.
    #[inline]
    pub fn has_room(&self, at: &Standing) -> bool {
        let room = if at.in_flight {
            self.signals.len() < self.signals_max && !at.full
        } else {
            self.entries(at) < self.limit.get()
        };
        room || self.in_entry
    }

    /// Takes a published signal, which may be an alert as well, and counts it.
    #[inline]
    pub fn published(
        &mut self,
        weighed: &Weighed<'_>,
        is_alert: bool,
        counters: &PublisherCounters,
        recorder: &mut Recorder,
        now: Now,
    ) {
        let Signal { strategy, timeframe, arrival_ns, .. } = weighed.composite.signal;
        counters.published[strategy.index()][timeframe.index()].bump();
        counters.alerts.add(u64::from(is_alert));
        counters.stale.add(u64::from(weighed.stale));
        counters.concentrated.add(u64::from(weighed.judged.crossed.is_some_and(|crossed| crossed.is_concentrated())));
        recorder.since(Latency::Stage(Stage::Correlate), now.ns, arrival_ns);
        self.push(Awaiting { style: weighed.composite.style, arrival_ns });
    }

    /// Takes a signal that waits for its acknowledgement.
    #[inline]
    fn push(&mut self, signal: Awaiting) {
        self.signals.push(signal);
    }

    /// Remembers when the last group came.
    #[inline]
    pub fn group_done(&mut self, now: Now) {
        self.group_ns = now.ns;
    }

    /// Remembers since when there is something to write.
    #[inline]
    pub fn note_time(&mut self, at: &Standing, now: Now) {
        if self.since_ns.is_none() && self.has_something(at) {
            self.since_ns = Some(now.ns);
        }
    }

    /// An input entry has begun, or has ended with its mark.
    #[inline]
    pub fn set_in_entry(&mut self, in_entry: bool) {
        self.in_entry = in_entry;
    }

    /// Whether there is anything to write.
    #[inline]
    pub fn has_something(&self, at: &Standing) -> bool {
        !self.signals.is_empty() || at.dirty
    }

    /// Entries in it; signals count even where nobody wants to read them.
    #[inline]
    fn entries(&self, at: &Standing) -> usize {
        at.entries.max(self.signals.len())
    }

    /// Why it is to be written now, if it is.
    #[inline]
    pub fn flush_cause(&self, asked: &Asked, now: Now) -> Option<FlushCause> {
        let Asked { at, quiet, ended } = asked;
        // Letters without the position behind them would be written once more after a crash.
        if at.in_flight || self.in_entry {
            return None;
        }
        if !self.has_something(at) {
            let renewal_due = at.renewal_ns.is_some_and(|due_ns| now.ns >= due_ns);
            return (renewal_due && !ended).then_some(FlushCause::Timer);
        }
        if self.entries(at) >= self.limit.get() {
            return Some(FlushCause::Full);
        }
        if *ended {
            return Some(FlushCause::Halt);
        }
        // A lone signal does not wait for a full house: it goes as soon as nothing is about to join it.
        if !self.signals.is_empty() && *quiet {
            return Some(FlushCause::Idle);
        }
        // Latest values go on their own while nothing else does: a signal would have to wait for all of them.
        if self.latest_ns(asked).is_some_and(|due_ns| now.ns >= due_ns) {
            return Some(FlushCause::Timer);
        }
        let waited = self.since_ns.map_or(0, |since| now.ns.saturating_sub(since));
        (waited >= self.rules.interval_ns).then_some(FlushCause::Timer)
    }

    /// When latest values may go on their own, if they are due and nothing else is there to go.
    #[inline]
    fn latest_ns(&self, asked: &Asked) -> Option<u64> {
        let due_ns = asked.at.latest_due_ns.filter(|_| self.signals.is_empty() && asked.quiet)?;
        Some(due_ns.max(self.group_ns + QUIET_NS))
    }

    /// Time by which it is to be written, ns.
    pub fn deadline_ns(&self, asked: &Asked) -> Option<u64> {
        let since_ns = self.since_ns.map(|since| since + self.rules.interval_ns);
        since_ns.into_iter().chain(self.latest_ns(asked)).min()
    }

    /// Sends it, which is full or not, and begins another; whether signals are in it.
    pub fn send(&mut self, full: bool, now: Now) -> bool {
        self.was_full = full;
        std::mem::swap(&mut self.sent, &mut self.signals);
        self.signals.clear();
        self.since_ns = None;
        self.sent_ns = now.ns;
        !self.sent.is_empty()
    }

    /// The one that was on its way has been acknowledged now, ns: adapts how many entries make a batch full.
    #[inline]
    pub fn adapt(&mut self, now_ns: u64, counters: &PublisherCounters) {
        let took_ns = now_ns.saturating_sub(self.sent_ns);
        if let Some(change) = self.limit.acknowledged(took_ns, self.was_full, counters.resent.get()) {
            change.count(self.limit.get(), counters);
        }
    }

    /// The one that was on its way has been acknowledged: since when it had been, ns, and its signals.
    pub fn acknowledged(&mut self) -> (u64, impl Iterator<Item = Awaiting>) {
        (self.sent_ns, self.sent.drain(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNAL: Awaiting = Awaiting { style: TradingStyle::Day, arrival_ns: 0 };

    fn batch() -> Batch {
        Batch::new(BatchRules { entries: 4, interval_ns: 1_000, messages: 1, sway: None }, 8)
    }

    fn now(ns: u64) -> Now {
        Now { ns, ..Now::default() }
    }

    #[test]
    fn a_lone_signal_goes_when_nothing_is_about_to_join_it() {
        let mut batch = batch();
        let mut asked = Asked { at: Standing::default(), quiet: true, ended: false };
        assert_eq!(batch.flush_cause(&asked, now(10)), None);
        batch.push(SIGNAL);
        batch.note_time(&asked.at, now(10));
        assert_eq!(batch.flush_cause(&asked, now(10)), Some(FlushCause::Idle));
        asked.quiet = false;
        assert_eq!(batch.flush_cause(&asked, now(1_009)), None);
        assert_eq!(batch.flush_cause(&asked, now(1_010)), Some(FlushCause::Timer));
        batch.set_in_entry(true);
        assert_eq!(batch.flush_cause(&asked, now(1_010)), None, "its letters would be written twice");
        batch.set_in_entry(false);
        asked.at.in_flight = true;
        assert_eq!(batch.flush_cause(&asked, now(1_010)), None);
        assert!(batch.send(false, now(1_010)) && batch.deadline_ns(&asked).is_none());
    }

    #[test]
    fn latest_values_wait_for_silence_and_a_renewal_for_its_time() {
        let mut batch = batch();
        let at = Standing { dirty: true, latest_due_ns: Some(5), ..Standing::default() };
        let asked = Asked { at, quiet: true, ended: false };
        batch.group_done(now(100));
        assert_eq!(batch.flush_cause(&asked, now(QUIET_NS + 99)), None);
        assert_eq!(batch.flush_cause(&asked, now(QUIET_NS + 100)), Some(FlushCause::Timer));
        let renewal = Asked { at: Standing { renewal_ns: Some(7), ..Standing::default() }, ..asked };
        assert_eq!(batch.flush_cause(&renewal, now(6)), None);
        assert_eq!(batch.flush_cause(&renewal, now(7)), Some(FlushCause::Timer));
        assert_eq!(batch.flush_cause(&Asked { ended: true, ..renewal }, now(7)), None);
    }

    #[test]
    fn a_full_batch_takes_no_more_until_the_one_before_is_on_its_way() {
        let mut batch = batch();
        let mut at = Standing { entries: 4, dirty: true, ..Standing::default() };
        assert!(!batch.has_room(&at));
        assert_eq!(batch.flush_cause(&Asked { at, quiet: false, ended: false }, now(0)), Some(FlushCause::Full));
        at.in_flight = true;
        assert!(batch.has_room(&at));
        at.full = true;
        assert!(!batch.has_room(&at));
        batch.set_in_entry(true);
        assert!(batch.has_room(&at), "the rest of an entry always fits");
    }
}
