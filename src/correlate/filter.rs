//! Which signals are held back.

use crate::{
    config::StyleRules,
    model::{HeldBack, Judged, Roster, Side, Signal, Strategy},
};

/// The bars of one symbol's last published signals.
#[derive(Debug, Clone)]
pub(super) struct Cooldowns {
    /// By timeframe, strategy and side: number of the bar, plus one; 0 for none.
    last: Box<[u64]>,
    /// Number of strategies.
    strategies: usize,
}

impl Cooldowns {
    /// Nothing published yet. Allocates.
    pub(super) fn new(timeframes: usize, roster: &Roster) -> Self {
        let strategies = roster.count();
        Self { last: vec![0; timeframes * strategies * 2].into_boxed_slice(), strategies }
    }

    /// By timeframe and strategy, then by side: number of the bar, plus one; 0 for none.
    pub(super) fn state(&self) -> &[[u64; 2]] {
        self.last.as_chunks().0
    }

    /// Restores the last published signals of a timeframe and strategy, by side.
    pub(super) fn restore(&mut self, timeframe: usize, strategy: Strategy, last: [u64; 2]) {
        let slot = (timeframe * self.strategies + strategy.index()) * 2;
        self.last[slot..slot + 2].copy_from_slice(&last);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.last)
    }

    /// Decides, and remembers what is published; the probe always passes.
    pub(super) fn admit(
        &mut self,
        signal: &Signal,
        rules: &StyleRules,
        composite: f64,
        judged: &Judged,
    ) -> Result<(), HeldBack> {
        if signal.strategy == Strategy::Probe {
            return Ok(());
        }
        if composite < rules.min_composite_confidence {
            return Err(HeldBack::LowConfidence);
        }
        if judged.relied_on().is_some_and(|calibrated| calibrated < rules.min_calibrated_confidence) {
            return Err(HeldBack::LowCalibrated);
        }
        if let Some(reason) = judged.hold {
            return Err(reason);
        }
        let side = usize::from(signal.candidate.side == Side::Sell);
        let slot = (signal.timeframe.index() * self.strategies + signal.strategy.index()) * 2 + side;
        let last = self.last[slot];
        // Bars are numbered from 0 and `last` is one more: the bars last … last + cooldown − 1 are held back.
        if last != 0 && signal.bar_index < last + rules.cooldown_bars {
            return Err(HeldBack::Cooldown);
        }
        self.last[slot] = signal.bar_index + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Candidate, SourceId, SymbolId, TimeframeId};

    #[test]
    fn the_probe_is_never_held_back() {
        let rules = StyleRules {
            min_composite_confidence: 1.0,
            min_calibrated_confidence: 0.5,
            cooldown_bars: 100,
            budget_ms: 1,
        };
        let mut cooldowns = Cooldowns::new(1, &Roster::default());
        let signal = |strategy| Signal {
            seq: 1,
            event_ts: 0,
            arrival_ns: 0,
            source: SourceId::default(),
            bar_ts: 0,
            bar_index: 0,
            price: 1.0,
            symbol: SymbolId(0),
            timeframe: TimeframeId::new(0),
            strategy,
            candidate: Candidate::PROBE,
            settled: true,
        };
        for _ in 0..3 {
            assert_eq!(cooldowns.admit(&signal(Strategy::Probe), &rules, 0.0, &Judged::NOTHING), Ok(()));
        }
        assert_eq!(cooldowns.admit(&signal(Strategy::SrBreakout), &rules, 1.0, &Judged::NOTHING), Ok(()));
        assert_eq!(
            cooldowns.admit(&signal(Strategy::SrBreakout), &rules, 1.0, &Judged::NOTHING),
            Err(HeldBack::Cooldown)
        );
        // A calibrated confidence holds back once it can be relied on.
        let judged = |learned| Judged { calibrated: Some(0.4), learned, ..Judged::NOTHING };
        let other = signal(Strategy::MacdRsi);
        assert_eq!(cooldowns.admit(&other, &rules, 1.0, &judged(200)), Err(HeldBack::LowCalibrated));
        assert_eq!(cooldowns.admit(&other, &rules, 1.0, &judged(199)), Ok(()));
    }
}
