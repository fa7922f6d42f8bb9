//! Latency histograms. Recording is hot: about 3 ns, no allocation, no lock. Handing over swaps two boxes.
//!
//! The recording thread owns a set of histograms. The reporter sends it an empty set through a ring. At its next
//! [`Recorder::hand_over`] the thread swaps the two and sends the filled set back. The two sets circulate for ever: the
//! reporter does all adding and clearing, and the thread pays one load per duty cycle while there is no request.

use super::merge::merge;
use crate::model::TradingStyle;
use hdrhistogram::Histogram;
use rtrb::{Consumer, Producer, RingBuffer};

/// Longest time resolved, ns. The percentiles count longer times as this one, and a separate counter counts them; the
/// maximum is exact.
pub const HIGHEST_NS: u64 = 60_000_000_000;
/// Significant decimal digits of a recorded time.
const DIGITS: u8 = 3;

/// A stage of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Bytes to a decoded record.
    Read,
    /// A base bar to the bars it closes.
    Aggregate,
    /// A closed bar to its indicators and signals.
    Evaluate,
    /// A group of signals to composites.
    Correlate,
    /// Composites to acknowledged bytes.
    Publish,
}

/// What a histogram measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Time spent in a stage.
    Stage(Stage),
    /// Time from the arrival of the record that closed the bar to the acknowledged write of the signal.
    Style(TradingStyle),
}

impl Latency {
    /// Number of histograms.
    pub const COUNT: usize = 8;
    /// All latencies, in the order of reports.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Stage(Stage::Read),
        Self::Stage(Stage::Aggregate),
        Self::Stage(Stage::Evaluate),
        Self::Stage(Stage::Correlate),
        Self::Stage(Stage::Publish),
        Self::Style(TradingStyle::Day),
        Self::Style(TradingStyle::Swing),
        Self::Style(TradingStyle::Position),
    ];
    /// The end-to-end latencies.
    pub const STYLES: [Self; 3] =
        [Self::Style(TradingStyle::Day), Self::Style(TradingStyle::Swing), Self::Style(TradingStyle::Position)];

    /// Index into tables of histograms.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Stage(stage) => stage as usize,
            Self::Style(style) => 5 + style.index(),
        }
    }

    /// Name in reports and of files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stage(Stage::Read) => "read",
            Self::Stage(Stage::Aggregate) => "aggregate",
            Self::Stage(Stage::Evaluate) => "evaluate",
            Self::Stage(Stage::Correlate) => "correlate",
            Self::Stage(Stage::Publish) => "publish",
            Self::Style(style) => style.name(),
        }
    }
}

/// One latency's histogram, about 220 kB, with its exact maximum.
#[derive(Debug, Clone)]
struct Track {
    histogram: Histogram<u64>,
    max_ns: u64,
    /// Times longer than [`HIGHEST_NS`].
    over_range: u64,
    /// Times that a sum could not hold.
    lost: u64,
}

/// Histograms of some latencies: those of one thread, or their sum over several.
#[derive(Debug, Clone)]
pub struct HistogramSet {
    tracks: [Option<Box<Track>>; Latency::COUNT],
}

impl HistogramSet {
    /// Empty histograms of these latencies. Allocates everything.
    ///
    /// # Errors
    /// The library refuses the bounds; they are constants, which it accepts.
    pub fn new(latencies: &[Latency]) -> Result<Self, hdrhistogram::CreationError> {
        let mut set = Self { tracks: Default::default() };
        for latency in latencies {
            let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS)?;
            set.tracks[latency.index()] = Some(Box::new(Track { histogram, max_ns: 0, over_range: 0, lost: 0 }));
        }
        Ok(set)
    }

    /// Records one time, ns; does nothing for a latency that the set does not hold.
    #[inline]
    pub fn record(&mut self, latency: Latency, ns: u64) {
        if let Some(track) = &mut self.tracks[latency.index()] {
            track.histogram.saturating_record(ns);
            track.max_ns = track.max_ns.max(ns);
            track.over_range += u64::from(ns > HIGHEST_NS);
        }
    }

    /// Adds the times of another set, for the latencies that this one holds. What the sum cannot hold is counted in
    /// [`LatencySummary::lost`].
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in self.tracks.iter_mut().zip(&more.tracks) {
            if let (Some(sum), Some(more)) = (sum, more)
                && !more.histogram.is_empty()
            {
                if merge(&mut sum.histogram, &more.histogram).is_err() {
                    sum.lost = sum.lost.saturating_add(more.histogram.len());
                }
                sum.max_ns = sum.max_ns.max(more.max_ns);
                sum.over_range += more.over_range;
                sum.lost = sum.lost.saturating_add(more.lost);
            }
        }
    }

    /// Clears everything; keeps the memory.
    pub fn clear(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            if !track.histogram.is_empty() {
                track.histogram.reset();
            }
            (track.max_ns, track.over_range, track.lost) = (0, 0, 0);
        }
    }

    /// The histogram of a latency, ns; `None` if the set does not hold it.
    #[must_use]
    pub fn histogram(&self, latency: Latency) -> Option<&Histogram<u64>> {
        self.tracks[latency.index()].as_ref().map(|track| &track.histogram)
    }

    /// The figures of a latency; zeros if nothing was recorded.
    #[must_use]
    pub fn summary(&self, latency: Latency) -> LatencySummary {
        let Some(track) = &self.tracks[latency.index()] else { return LatencySummary::default() };
        let at = |quantile| track.histogram.value_at_quantile(quantile).min(track.max_ns);
        LatencySummary {
            count: track.histogram.len(),
            mean_ns: track.histogram.mean() as u64,
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: track.max_ns,
            over_range: track.over_range,
            lost: track.lost,
        }
    }

    /// Bytes held by the histograms.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let tracks = self.tracks.iter().flatten();
        tracks.map(|track| track.histogram.distinct_values() * size_of::<u64>() + size_of::<Track>()).sum()
    }
}

/// The figures of one latency.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LatencySummary {
    /// Times recorded.
    pub count: u64,
    /// Mean, ns.
    pub mean_ns: u64,
    /// Median, ns.
    pub p50_ns: u64,
    /// 90th percentile, ns.
    pub p90_ns: u64,
    /// 99th percentile, ns.
    pub p99_ns: u64,
    /// 99.9th percentile, ns.
    pub p999_ns: u64,
    /// Maximum, ns, exact.
    pub max_ns: u64,
    /// Times longer than [`HIGHEST_NS`], which the percentiles count as that.
    pub over_range: u64,
    /// Times that a sum could not hold; of the other figures, only the maximum includes them.
    pub lost: u64,
}

/// The recording end, owned by one thread.
#[derive(Debug)]
pub struct Recorder {
    /// `None` only during a swap. Boxed, so that a swap moves a pointer.
    active: Option<Box<HistogramSet>>,
    empty: Consumer<Box<HistogramSet>>,
    full: Producer<Box<HistogramSet>>,
}

/// The reporting end: requests the recorded times, and adds them up.
#[derive(Debug)]
pub struct Collector {
    total: HistogramSet,
    interval: HistogramSet,
    spare: Option<Box<HistogramSet>>,
    empty: Producer<Box<HistogramSet>>,
    full: Consumer<Box<HistogramSet>>,
}

/// Both ends for one thread that records these latencies. Allocates everything.
///
/// # Errors
/// As for [`HistogramSet::new`].
pub fn recorder(latencies: &[Latency]) -> Result<(Recorder, Collector), hdrhistogram::CreationError> {
    let set = HistogramSet::new(latencies)?;
    let (empty_in, empty) = RingBuffer::new(1);
    let (full, full_out) = RingBuffer::new(2);
    let recorder = Recorder { active: Some(Box::new(set.clone())), empty, full };
    let spare = Some(Box::new(set.clone()));
    Ok((recorder, Collector { total: set.clone(), interval: set, spare, empty: empty_in, full: full_out }))
}

impl Recorder {
    /// Records one time, ns.
    #[inline]
    pub fn record(&mut self, latency: Latency, ns: u64) {
        if let Some(active) = &mut self.active {
            active.record(latency, ns);
        }
    }

    /// Records the time from an arrival to `now_ns`; does nothing if the arrival is 0, which means unknown.
    #[inline]
    pub fn since(&mut self, latency: Latency, now_ns: u64, arrival_ns: u64) {
        if arrival_ns != 0 {
            self.record(latency, now_ns.saturating_sub(arrival_ns));
        }
    }

    /// Hands over the recorded times if the reporter has requested them. Called once per duty cycle.
    #[inline]
    pub fn hand_over(&mut self) {
        if !self.empty.is_empty() {
            self.swap();
        }
    }

    #[cold]
    fn swap(&mut self) {
        if let Ok(empty) = self.empty.pop()
            && let Some(filled) = self.active.replace(empty)
        {
            // There are two sets, and the ring has room for both.
            let _ = self.full.push(filled);
        }
    }
}

impl Drop for Recorder {
    /// Hands over the last recorded times.
    fn drop(&mut self) {
        if let Some(filled) = self.active.take() {
            let _ = self.full.push(filled);
        }
    }
}

impl Collector {
    /// Requests what the recording thread has recorded since its last hand-over.
    pub fn request(&mut self) {
        if let Some(spare) = self.spare.take()
            && let Err(rtrb::PushError::Full(spare)) = self.empty.push(spare)
        {
            self.spare = Some(spare);
        }
    }

    /// Adds the sets that have arrived; returns whether there were any.
    ///
    /// The newest set is also kept separately: see [`interval`](Self::interval).
    pub fn collect(&mut self) -> bool {
        let mut arrived = false;
        while let Ok(mut filled) = self.full.pop() {
            self.total.add(&filled);
            if arrived {
                self.interval.add(&filled);
            } else {
                std::mem::swap(&mut self.interval, &mut *filled);
            }
            arrived = true;
            filled.clear();
            self.spare = Some(filled);
        }
        arrived
    }

    /// Everything collected since the start.
    #[must_use]
    pub const fn total(&self) -> &HistogramSet {
        &self.total
    }

    /// What the last successful [`collect`](Self::collect) brought.
    #[must_use]
    pub const fn interval(&self) -> &HistogramSet {
        &self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Latency = Latency::Stage(Stage::Read);
    const DAY: Latency = Latency::Style(TradingStyle::Day);

    #[test]
    fn indices_are_the_places_in_the_list() {
        for (index, latency) in Latency::ALL.iter().enumerate() {
            assert_eq!(latency.index(), index);
        }
    }

    #[test]
    fn quantiles_are_near_and_the_maximum_is_exact() {
        let mut set = HistogramSet::new(&Latency::ALL).unwrap();
        (1..=100_000).for_each(|us| set.record(DAY, us * 1_000));
        set.record(DAY, 2 * HIGHEST_NS);
        let summary = set.summary(DAY);
        assert_eq!((summary.count, summary.max_ns), (100_001, 2 * HIGHEST_NS));
        assert_eq!((summary.over_range, summary.lost), (1, 0));
        let mut sum = HistogramSet::new(&Latency::ALL).unwrap();
        (0..3).for_each(|_| sum.add(&set));
        assert_eq!((sum.summary(DAY).count, sum.summary(DAY).over_range), (300_003, 3));
        sum.clear();
        assert_eq!(sum.summary(DAY), LatencySummary::default());
        for (got, want) in [(summary.p50_ns, 50_000_000), (summary.p99_ns, 99_000_000), (summary.p999_ns, 99_900_000)] {
            assert!(got.abs_diff(want) < want / 500, "{got} for {want}");
        }
        assert_eq!(set.summary(READ), LatencySummary::default());
        assert!(set.bytes() < 3_000_000);
    }

    #[test]
    fn requests_hand_over_and_nothing_is_lost_at_the_end() {
        let (mut recorder, mut collector) = recorder(&[READ]).unwrap();
        recorder.record(READ, 10);
        recorder.record(DAY, 10);
        recorder.hand_over();
        assert!(!collector.collect(), "nobody asked");
        for round in 1..=5 {
            collector.request();
            collector.request();
            recorder.hand_over();
            recorder.record(READ, 20);
            assert!(collector.collect());
            assert_eq!(collector.total().summary(READ).count, round);
            assert_eq!(collector.interval().summary(READ).count, 1);
        }
        collector.request();
        drop(recorder);
        assert!(collector.collect());
        assert_eq!(collector.total().summary(READ).count, 6);
        assert_eq!(collector.total().summary(READ).max_ns, 20);
    }

    #[test]
    fn two_threads_agree_on_the_count() {
        let (mut recorder, mut collector) = recorder(&[READ]).unwrap();
        let thread = std::thread::spawn(move || {
            for ns in 0..200_000 {
                recorder.record(READ, ns);
                recorder.hand_over();
            }
        });
        while !thread.is_finished() {
            collector.request();
            collector.collect();
        }
        thread.join().unwrap();
        collector.collect();
        assert_eq!(collector.total().summary(READ).count, 200_000);
    }
}
