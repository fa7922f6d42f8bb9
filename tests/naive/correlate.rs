//! Correlation by scanning the list of all signals ever given.

use wagehood_engine::{
    config::{MaxAge, Plan},
    model::{Side, Signal},
};

/// What the definition says of one signal.
#[derive(Debug)]
pub struct Expected {
    pub signal: Signal,
    pub composite_confidence: f64,
    pub correlation_strength: f64,
    pub priority: f64,
    pub supporting: Vec<Signal>,
    pub opposing: Vec<Signal>,
    pub below_minimum: bool,
    pub cooling_down: bool,
    pub stale: bool,
}

/// All signals so far, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Correlation {
    given: Vec<Signal>,
    published: Vec<Signal>,
}

fn cell(s: &Signal) -> (u16, usize, usize) {
    (s.symbol.0, s.timeframe.index(), s.strategy.index())
}

impl Correlation {
    /// The signals that are active for bars that end at `event_ts`: not replaced by a newer one, and not expired.
    fn active(&self, plan: &Plan, event_ts: i64) -> Vec<Signal> {
        let newest = self
            .given
            .iter()
            .enumerate()
            .filter(|(k, s)| !self.given[k + 1..].iter().any(|later| cell(later) == cell(s)))
            .map(|(_, s)| *s);
        newest
            .filter(|s| {
                // As many spans after its own, one by one.
                let timeframe = plan.timeframes[s.timeframe.index()];
                let own_end = timeframe.utc_span(s.bar_ts).end;
                let ends = |end: i64, _| timeframe.utc_span(end).end;
                event_ts < (0..plan.active_bars).fold(own_end, ends)
            })
            .collect()
    }

    /// Takes the signals of one symbol whose bars end together.
    pub fn on_group(&mut self, plan: &Plan, group: &[Signal], as_of: i64) -> Vec<Expected> {
        let mut group = group.to_vec();
        group.sort_by(|a, b| {
            let (ta, tb) = (plan.timeframes[a.timeframe.index()], plan.timeframes[b.timeframe.index()]);
            tb.interval_ms().cmp(&ta.interval_ms()).then(a.strategy.index().cmp(&b.strategy.index()))
        });
        self.given.extend(&group);
        group.into_iter().map(|signal| self.judge(plan, signal, as_of)).collect()
    }

    fn judge(&mut self, plan: &Plan, signal: Signal, as_of: i64) -> Expected {
        let asset = &plan.assets[signal.symbol.index()];
        let weigh = |s: &Signal| asset.cells[s.timeframe.index()].weight * s.candidate.confidence;
        let others: Vec<Signal> = self
            .active(plan, signal.event_ts)
            .into_iter()
            .filter(|s| s.symbol == signal.symbol && s.timeframe != signal.timeframe)
            .collect();
        let of = |side: Side| others.iter().copied().filter(|s| s.candidate.side == side).collect::<Vec<_>>();
        let (supporting, opposing) = match signal.candidate.side {
            Side::Buy => (of(Side::Buy), of(Side::Sell)),
            Side::Sell => (of(Side::Sell), of(Side::Buy)),
        };
        let support: f64 = supporting.iter().map(weigh).sum();
        let opposition: f64 = opposing.iter().map(weigh).sum();
        let composite_confidence = (signal.candidate.confidence + support) / (1.0 + support + opposition);

        let other_frames: Vec<usize> =
            (0..plan.timeframes.len()).filter(|&k| k != signal.timeframe.index() && asset.cells[k].enabled).collect();
        let agreeing = other_frames.iter().filter(|&&k| supporting.iter().any(|s| s.timeframe.index() == k)).count();
        let correlation_strength =
            if other_frames.is_empty() { 0.0 } else { agreeing as f64 / other_frames.len() as f64 };

        let rules = plan.styles[asset.cells[signal.timeframe.index()].style.index()];
        let below_minimum = composite_confidence < rules.min_composite_confidence;
        let cooling_down = self.published.iter().any(|s| {
            cell(s) == cell(&signal)
                && s.candidate.side == signal.candidate.side
                && signal.bar_index - s.bar_index <= rules.cooldown_bars
        });
        let interval_ms = plan.timeframes[signal.timeframe.index()].interval_ms();
        let late_ms = if as_of == i64::MIN { i64::MIN } else { as_of - signal.event_ts };
        let stale = match plan.max_age[asset.cells[signal.timeframe.index()].style.index()] {
            MaxAge::Auto => late_ms > 2 * interval_ms + 60_000,
            MaxAge::Off => false,
            MaxAge::Fixed(ms) => late_ms > ms,
        };
        let held_stale = stale && plan.hold_stale;
        if !below_minimum && !cooling_down && !held_stale {
            self.published.push(signal);
        }
        Expected {
            signal,
            composite_confidence,
            correlation_strength,
            priority: composite_confidence * asset.priority,
            supporting,
            opposing,
            below_minimum,
            cooling_down,
            stale,
        }
    }
}
