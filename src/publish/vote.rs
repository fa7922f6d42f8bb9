//! The overall opinion on a symbol, published as the composite signal of events and caches.

use crate::model::{Candidate, Composites, MAX_TIMEFRAMES, Side, Signal, Strategy};
use wincode::{SchemaRead, SchemaWrite};

/// What the active signals of a symbol say together, as of one group of signals.
///
/// The *leader* is the group's signal with the highest composite confidence, of equals the first in the order of
/// publication. The *votes* are the leader, the active signals of the other timeframes that support and oppose it, and
/// the group's other signals on the leader's timeframe; each weighs its confidence. A timeframe (a strategy) *agrees*
/// where its votes for the leader's side outweigh those against.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Vote {
    /// The leader's side.
    pub side: Side,
    /// The leader's composite confidence, in [0, 1].
    pub confidence: f64,
    /// Timeframes with a vote.
    pub timeframes: u32,
    /// Strategies with a vote.
    pub strategies: u32,
    /// Votes on the leader's side, its own included.
    pub contributing: u32,
    /// Share of those timeframes that agree, in [0, 1].
    pub timeframe_alignment: f64,
    /// Share of those strategies that agree, in [0, 1].
    pub strategy_alignment: f64,
}

/// Sums of votes by timeframe or strategy.
struct Tally<const N: usize>([Option<f64>; N]);

impl<const N: usize> Tally<N> {
    fn add(&mut self, index: usize, weight: f64) {
        if let Some(sum) = self.0.get_mut(index) {
            *sum = Some(sum.unwrap_or(0.0) + weight);
        }
    }

    fn voters(&self) -> u32 {
        self.0.iter().flatten().count() as u32
    }

    fn alignment(&self) -> f64 {
        let agreeing = self.0.iter().flatten().filter(|&&sum| sum > 0.0).count();
        agreeing as f64 / f64::from(self.voters().max(1))
    }
}

impl Vote {
    /// The opinion as of a group of signals of one symbol; `None` of an empty group. The probe has no vote.
    #[must_use]
    pub fn of(group: &Composites) -> Option<Self> {
        let group = || group.iter().filter(|weighed| weighed.composite.signal.strategy != Strategy::Probe);
        let leader = strongest(group(), |weighed| weighed.composite.composite_confidence)?;
        let mut timeframes = Tally([None; MAX_TIMEFRAMES]);
        let mut strategies = Tally([None; Strategy::SLOTS]);
        let mut contributing = 0;
        let mut vote = |timeframe: usize, strategy: Strategy, agrees: bool, confidence: f64| {
            let weight = if agrees { confidence } else { -confidence };
            timeframes.add(timeframe, weight);
            strategies.add(strategy.index(), weight);
            contributing += u32::from(agrees);
        };
        let Signal { timeframe, candidate: Candidate { side, .. }, .. } = leader.composite.signal;
        for signal in group().map(|weighed| &weighed.composite.signal) {
            if signal.timeframe == timeframe {
                let agrees = signal.candidate.side == side;
                vote(signal.timeframe.index(), signal.strategy, agrees, signal.candidate.confidence);
            }
        }
        let supporting = leader.supporting.iter().map(|peer| (peer, true));
        for (peer, agrees) in supporting.chain(leader.opposing.iter().map(|peer| (peer, false))) {
            vote(peer.timeframe.index(), peer.strategy, agrees, peer.confidence);
        }
        let confidence = leader.composite.composite_confidence;
        Some(Self {
            side,
            confidence,
            timeframes: timeframes.voters(),
            strategies: strategies.voters(),
            contributing,
            timeframe_alignment: timeframes.alignment(),
            strategy_alignment: strategies.alignment(),
        })
    }
}

impl Vote {
    /// The leader's side: `buy` or `sell`; `hold` where its composite confidence is 0.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        if self.confidence > 0.0 { self.side.name() } else { "hold" }
    }

    /// `strong` from 0.7, `moderate` from 0.4, else `weak`.
    #[must_use]
    pub fn strength(&self) -> &'static str {
        match self.confidence {
            0.7.. => "strong",
            0.4.. => "moderate",
            _ => "weak",
        }
    }
}

/// The first of those with the highest measure.
pub(super) fn strongest<T>(group: impl IntoIterator<Item = T>, measure: impl Fn(&T) -> f64) -> Option<T> {
    group.into_iter().reduce(|best, next| if measure(&next) > measure(&best) { next } else { best })
}
