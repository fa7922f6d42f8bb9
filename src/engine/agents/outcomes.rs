//! What a bar makes known of the signals before it, and what is told of those on it, on its way to the publisher. Hot.

use super::{closed::Closed, rows_wanted::RowsWanted, statistics::CellStatistics};
use crate::{
    config::{CellSpec, Plan},
    engine::CellState,
    indicators::Recent,
    judge::{Liquidities, Liquidity, Pulse, Pulses, Trail, Trails},
    model::{
        Bar, Candidate, Drift, LiquiditySwitch, Roster, Signal, Strategy, Surroundings, SymbolId, TimeframeId,
        WorkerMessage,
    },
    runtime::Outlet,
    state::{StateError, put},
    telemetry::WorkerCounters,
};

/// What fired on a bar.
pub(super) struct Fired<'a> {
    /// Bit k: strategy k gave candidate k.
    pub set: u64,
    pub candidates: &'a [Candidate; Strategy::COUNT],
    /// Those of the custom strategies, by place.
    pub custom: &'a [Candidate],
    pub roster: &'a Roster,
}

impl Fired<'_> {
    /// By strategy: what it found.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Strategy, &Candidate)> {
        let custom = self.roster.iter().skip(Strategy::COUNT).zip(self.custom);
        let all = Strategy::ALL.into_iter().zip(self.candidates).chain(custom);
        all.filter(|(k, _)| self.set & 1 << k.index() != 0)
    }
}

/// What is saved of a cell that is followed.
pub(super) struct Followed<'a> {
    trail: Option<&'a Trail>,
    roster: &'a Roster,
    pulse: Option<&'a Pulse>,
    liquidity: Option<&'a Liquidity>,
    /// Its last bars, which have a record of their own.
    pub recent: Option<&'a Recent>,
}

impl Followed<'_> {
    /// Whether signals are followed.
    pub fn has_trail(&self) -> bool {
        self.trail.is_some()
    }

    /// Appends what follows its signals.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.trail.unwrap_or(&Trail::EMPTY).save(self.roster, out)?;
        put(out, &(self.pulse.is_some(), self.liquidity.is_some()))?;
        self.pulse.map_or(Ok(()), |pulse| pulse.save(out))?;
        self.liquidity.map_or(Ok(()), |liquidity| liquidity.save(out))
    }
}

/// What follows the cells of a worker, by their numbers.
#[derive(Debug)]
pub(super) struct Following {
    /// The bars behind the signals, where outcomes are followed.
    trails: Option<Trails>,
    /// Volatility and moves, where something is told of them.
    pulses: Option<Pulses>,
    /// Whether bars come, where that is looked at.
    liquidities: Option<Liquidities>,
    /// Statistics of the windows, where somebody reads them.
    pub statistics: Option<CellStatistics>,
    /// Whether the publisher is told of what surrounds a signal.
    calibrates: bool,
    roster: Roster,
    /// Whether strategies outside may speak of any bar.
    outside: bool,
    /// The sums that came for the next bar.
    pub drift: Option<Drift>,
}

impl Following {
    pub fn new(plan: &Plan, wanted: &RowsWanted) -> Self {
        let calibrates = plan.calibration.enabled;
        Self {
            trails: plan.performance.enabled.then(|| Trails::new(&plan.roster)),
            pulses: (calibrates || plan.selection.is_on()).then(Pulses::default),
            liquidities: plan.selection.is_on().then(Liquidities::default),
            statistics: CellStatistics::new(plan, wanted),
            calibrates,
            roster: plan.roster,
            outside: plan.roster.has_outside(),
            drift: None,
        }
    }

    /// Adds the next cell, of a symbol by name. Allocates.
    pub fn add(&mut self, plan: &Plan, symbol: (&str, SymbolId), timeframe: TimeframeId, spec: &CellSpec) {
        let in_market = plan.calibration.is_market(symbol.0);
        self.statistics.iter_mut().for_each(|statistics| statistics.add(plan, symbol, timeframe, spec));
        self.trails.iter_mut().for_each(Trails::add);
        self.pulses.iter_mut().for_each(|pulses| pulses.add(in_market));
        self.liquidities.iter_mut().for_each(Liquidities::add);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.trails.as_ref().map_or(0, Trails::bytes)
            + self.pulses.as_ref().map_or(0, Pulses::bytes)
            + self.liquidities.as_ref().map_or(0, Liquidities::bytes)
            + self.statistics.as_ref().map_or(0, CellStatistics::bytes)
    }

    /// Keeps so many bars of a cell for the statistics of its windows from now on.
    pub fn resize(&mut self, number: usize, bars: usize) {
        self.statistics.iter_mut().for_each(|statistics| statistics.resize(number, bars));
    }

    /// Goes on from the saved state of a cell.
    pub fn restore(&mut self, number: usize, state: &CellState) {
        self.trails.iter_mut().for_each(|trails| trails.restore(number, state.trail));
        if let (Some(pulses), Some(pulse)) = (&mut self.pulses, state.pulse) {
            pulses.restore(number, pulse);
        }
        if let (Some(liquidities), Some(liquidity)) = (&mut self.liquidities, state.liquidity) {
            liquidities.restore(number, liquidity);
        }
        self.statistics.iter_mut().for_each(|statistics| statistics.restore(number, state));
    }

    /// What is followed of a cell.
    pub fn of(&self, number: usize) -> Followed<'_> {
        Followed {
            trail: self.trails.as_ref().and_then(|trails| trails.get(number)),
            roster: &self.roster,
            pulse: self.pulses.as_ref().and_then(|pulses| pulses.get(number)),
            liquidity: self.liquidities.as_ref().and_then(|liquidities| liquidities.get(number)),
            recent: self.statistics.as_ref().and_then(|statistics| statistics.of(number)),
        }
    }

    /// Whether a bar of a cell has to be seen on which something has fired or not.
    #[inline]
    pub fn wants(&self, number: usize, fired: u64) -> bool {
        let waits = || self.trails.as_ref().is_some_and(|trails| self.outside || fired != 0 || trails.waits(number));
        self.pulses.is_some() || self.statistics.is_some() || waits()
    }

    /// Follows a bar of a cell, and sends what it makes known and what surrounds it.
    #[inline]
    pub fn on_bar(
        &mut self,
        number: usize,
        closed: &Closed<'_>,
        fired: &Fired<'_>,
        outlet: &mut Outlet<WorkerMessage>,
        counters: &WorkerCounters,
    ) {
        let Closed { bar, seq, event_ts, cell, .. } = *closed;
        let Bar { symbol, timeframe, .. } = *bar;
        let drift = self.drift.take();
        if let Some(liquidities) = &mut self.liquidities {
            let start = closed.timeframe.labelled(bar.ts, closed.calendar).start;
            let missing = |end, start| closed.timeframe.between(end, start, closed.calendar);
            if let Some((liquid, share)) = liquidities.on_bar(number, (start, event_ts), missing) {
                let switch = LiquiditySwitch { seq, event_ts, symbol, timeframe, liquid, share };
                outlet.send(WorkerMessage::Liquidity(switch));
            }
        }
        if let Some(statistics) = &mut self.statistics {
            statistics.on_bar(number, closed, outlet, counters);
        }
        let mut sigma = f64::NAN;
        if let Some(pulses) = &mut self.pulses {
            sigma = pulses.on_bar(number, bar, drift);
            if self.calibrates && fired.set != 0 {
                let values = pulses.surroundings(number);
                outlet.send(WorkerMessage::Surroundings(Surroundings { seq, event_ts, symbol, timeframe, values }));
            }
        }
        let wanted = |trails: &&mut Trails| self.outside || fired.set != 0 || trails.waits(number);
        let Some(trails) = self.trails.as_mut().filter(wanted) else { return };
        trails.on_bar(number, bar, (seq, event_ts), (cell.price(), sigma), fired.iter(), |outcome| {
            outlet.send(WorkerMessage::Outcome(outcome));
        });
    }

    /// Follows what a strategy outside says of the newest bar of a cell, and sends what surrounds it.
    #[cold]
    pub fn on_signal(&mut self, number: usize, signal: &Signal, outlet: &mut Outlet<WorkerMessage>) {
        let Signal { seq, event_ts, symbol, timeframe, .. } = *signal;
        if let Some(pulses) = self.pulses.as_ref().filter(|_| self.calibrates) {
            let values = pulses.surroundings(number);
            outlet.send(WorkerMessage::Surroundings(Surroundings { seq, event_ts, symbol, timeframe, values }));
        }
        if let Some(trails) = &mut self.trails {
            trails.add_signal(number, signal.bar_ts, signal.strategy, &signal.candidate);
        }
    }
}
