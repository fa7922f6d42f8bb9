//! Which signals are held back.

use crate::{
    config::StyleRules,
    model::{HeldBack, Judged, Roster, Side, Signal, Strategy},
};

/// Whether a signal passes what looks at nothing but itself; the probe always does.
#[inline]
pub(super) fn passes(signal: &Signal, rules: &StyleRules, composite: f64, judged: &Judged) -> Result<(), HeldBack> {
    if signal.strategy == Strategy::Probe {
        return Ok(());
    }
    if composite < rules.min_composite_confidence {
        return Err(HeldBack::LowConfidence);
    }
    if judged.relied_on().is_some_and(|calibrated| calibrated < rules.min_calibrated_confidence) {
        return Err(HeldBack::LowCalibrated);
    }
    judged.hold.map_or(Ok(()), Err)
}

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

    /// Whether a signal is not cooling down, where a `rate` lets it pass too; remembers what is published. The probe always
    /// passes.
    pub(super) fn admit(
        &mut self,
        signal: &Signal,
        rules: &StyleRules,
        rate: impl FnOnce() -> Result<(), HeldBack>,
    ) -> Result<(), HeldBack> {
        if signal.strategy == Strategy::Probe {
            return Ok(());
        }
        let side = usize::from(signal.candidate.side == Side::Sell);
        let slot = (signal.timeframe.index() * self.strategies + signal.strategy.index()) * 2 + side;
        let last = self.last[slot];
        // Bars are numbered from 0 and `last` is one more: the bars last … last + cooldown − 1 are held back, and no bar has
        // two. Where a rate decides by priority, a later bar may have come first.
        let next = signal.bar_index + 1;
        let cools = if rules.cooldown_bars > 0 { next <= last + rules.cooldown_bars } else { next == last };
        if last != 0 && cools {
            return Err(HeldBack::Cooldown);
        }
        rate()?;
        self.last[slot] = last.max(next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Candidate, SourceId, SymbolId, TimeframeId};

    const RULES: StyleRules =
        StyleRules { min_composite_confidence: 1.0, min_calibrated_confidence: 0.5, cooldown_bars: 100, budget_ms: 1 };

    fn signal(strategy: Strategy) -> Signal {
        Signal {
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
        }
    }

    #[test]
    fn the_probe_is_never_held_back() {
        let rules = RULES;
        let mut cooldowns = Cooldowns::new(1, &Roster::default());
        let free = || Ok(());
        for _ in 0..3 {
            assert_eq!(cooldowns.admit(&signal(Strategy::Probe), &rules, free), Ok(()));
            assert_eq!(passes(&signal(Strategy::Probe), &rules, 0.0, &Judged::NOTHING), Ok(()));
        }
        assert_eq!(cooldowns.admit(&signal(Strategy::SrBreakout), &rules, free), Ok(()));
        assert_eq!(cooldowns.admit(&signal(Strategy::SrBreakout), &rules, free), Err(HeldBack::Cooldown));
        // A calibrated confidence holds back once it can be relied on.
        let judged = |learned| Judged { calibrated: Some(0.4), learned, ..Judged::NOTHING };
        let other = signal(Strategy::MacdRsi);
        assert_eq!(passes(&other, &rules, 1.0, &judged(200)), Err(HeldBack::LowCalibrated));
        assert_eq!(passes(&other, &rules, 1.0, &judged(199)), Ok(()));
        assert_eq!(passes(&other, &rules, 0.9, &judged(199)), Err(HeldBack::LowConfidence));
    }

    #[test]
    fn what_the_rate_holds_back_starts_no_cooldown() {
        let rules = StyleRules { cooldown_bars: 3, ..RULES };
        let mut cooldowns = Cooldowns::new(1, &Roster::default());
        let at = |bar_index| Signal { bar_index, ..signal(Strategy::MacdRsi) };
        let limited = || Err(HeldBack::RateLimited);
        assert_eq!(cooldowns.admit(&at(10), &rules, limited), Err(HeldBack::RateLimited));
        assert_eq!(cooldowns.admit(&at(11), &rules, || Ok(())), Ok(()));
        assert_eq!(cooldowns.admit(&at(12), &rules, limited), Err(HeldBack::Cooldown), "asked before the rate");
        // By priority a later bar may be published before an earlier one, which is too near to it then.
        assert_eq!(cooldowns.admit(&at(10), &rules, || Ok(())), Err(HeldBack::Cooldown));
        assert_eq!(cooldowns.admit(&at(15), &rules, || Ok(())), Ok(()));
        let none = StyleRules { cooldown_bars: 0, ..RULES };
        assert_eq!(cooldowns.admit(&at(14), &none, || Ok(())), Ok(()));
        assert_eq!(cooldowns.admit(&at(17), &rules, || Ok(())), Err(HeldBack::Cooldown), "as of the latest");
    }
}
