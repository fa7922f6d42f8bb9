//! What the log gives at one place, where signals are decided on together: groups wait until all of the place have been weighed.
//! Allocates only for a larger place than any before.

use super::{PublisherAgent, parts::Parts};
use crate::{
    engine::output::Group,
    model::{Composites, HeldBack, IndicatorRow, SymbolId, Weighed, WindowStatistics},
    runtime::Now,
};

/// Groups that there is room for at first.
const GROUPS: usize = 256;

/// A group that has been weighed.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    symbol: SymbolId,
    seq: u64,
    event_ts: i64,
    /// Where its rows, its statistics and its signals end.
    ends: [usize; 3],
}

/// The groups of the place in hand.
#[derive(Debug)]
pub(super) struct Place {
    groups: Vec<Waiting>,
    rows: Vec<IndicatorRow>,
    statistics: Vec<WindowStatistics>,
    /// The signals that all other filters have let pass, and what is decided on each.
    pub signals: Composites,
    verdicts: Vec<Option<HeldBack>>,
}

impl Place {
    /// Empty.
    pub fn new() -> Self {
        Self {
            groups: Vec::with_capacity(GROUPS),
            rows: Vec::with_capacity(GROUPS),
            statistics: Vec::new(),
            signals: Composites::with_capacity(GROUPS),
            verdicts: Vec::with_capacity(GROUPS),
        }
    }

    /// Takes a group, whose signals have been taken.
    #[inline]
    pub fn push(&mut self, (symbol, seq, event_ts): (SymbolId, u64, i64), parts: &Parts) {
        self.rows.extend_from_slice(&parts.rows);
        self.statistics.extend_from_slice(&parts.statistics);
        let ends = [self.rows.len(), self.statistics.len(), self.signals.as_slice().len()];
        self.groups.push(Waiting { symbol, seq, event_ts, ends });
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.rows.clear();
        self.statistics.clear();
        self.signals.clear();
    }
}

impl PublisherAgent {
    /// Decides on the signals of the place that ends here, at this wall, Unix ms, and publishes its groups.
    pub(super) fn decide(&mut self, wall_ms: i64, replayed: bool, now: Now) {
        let Some(mut place) = self.place.take_if(|place| !place.groups.is_empty()) else { return };
        self.correlator.rank(wall_ms, place.signals.as_slice(), &mut place.verdicts);
        self.publish_place(&place, replayed, now);
        place.clear();
        self.place = Some(place);
        self.note_time(now);
    }

    /// Publishes the groups of a place, of whose signals all has been decided.
    fn publish_place(&mut self, place: &Place, replayed: bool, now: Now) {
        let mut decided = place.signals.iter().zip(&place.verdicts);
        let [mut row, mut of, mut signal] = [0; 3];
        for &Waiting { symbol, seq, event_ts, ends } in &place.groups {
            self.composites.clear();
            for (weighed, verdict) in decided.by_ref().take(ends[2] - signal) {
                match verdict {
                    None => self.publish(&weighed, replayed, now),
                    Some(reason) if !replayed => self.counters.held_back[reason.index()].bump(),
                    Some(_) => {}
                }
            }
            let (rows, statistics) = (&place.rows[row..ends[0]], &place.statistics[of..ends[1]]);
            let published_ms = now.wall_ms();
            let signals = &self.composites;
            self.output.group(&Group { symbol, seq, event_ts, rows, statistics, signals, replayed, published_ms });
            self.batch.group_done(now);
            [row, of, signal] = ends;
        }
    }

    /// Takes a signal that is published.
    #[inline]
    fn publish(&mut self, weighed: &Weighed<'_>, replayed: bool, now: Now) {
        self.composites.push(weighed);
        if !replayed {
            let alert = self.output.is_alert(weighed);
            self.batch.published(weighed, alert, &self.counters, &mut self.recorder, now);
        }
    }
}
