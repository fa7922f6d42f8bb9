//! Groups of signals in, composites out.

use super::{
    filter::{Cooldowns, passes},
    rate::{RateLimits, RateState},
    table::{ActiveSignals, EntryState, Peers},
};
use crate::{
    config::{Asset, Plan, StyleRules},
    model::{
        Calendar, Composite, HeldBack, Judged, Roster, Settling, Signal, Strategy, SymbolId, Timeframe, TimeframeId,
        TradingStyle, Weighed,
    },
    state::{SavedTable, StateError, is_sound_time, put, take},
};

/// What happens to a signal.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It is published.
    Publish(Weighed<'a>),
    /// It is held back.
    Hold(Weighed<'a>, HeldBack),
}

#[derive(Debug, Clone)]
struct SymbolState {
    active: ActiveSignals,
    cooldowns: Cooldowns,
    asset: Asset,
    /// Timeframes enabled for the symbol.
    enabled: u32,
}

/// What is remembered of one symbol and timeframe.
#[derive(Debug, Clone)]
struct SignalsRow {
    /// Until when what it says is doubtful, Unix ms.
    doubt: i64,
    /// By strategy: the newest signal, and the bars of the last published ones by side.
    strategies: Vec<(Option<EntryState>, [u64; 2])>,
}

/// What a [`Correlator`] remembers of one symbol, by the timeframes of a plan.
#[derive(Debug, Clone, Default)]
pub struct SymbolSignals {
    /// By timeframe; `None` if it was not saved.
    rows: Vec<Option<SignalsRow>>,
}

impl SymbolSignals {
    /// Takes off the front what [`Correlator::save`] wrote of a symbol, in a record of this version.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(version: u8, bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        let active: Vec<Option<EntryState>> = take(bytes)?;
        // Version 2 knew nothing of doubts.
        let doubts: Vec<i64> = if version < 3 { vec![i64::MIN; table.width()] } else { take(bytes)? };
        let last: Vec<[u64; 2]> = take(bytes)?;
        let sound = active.iter().flatten().all(|entry| is_sound_time(entry.bar_ts))
            && last.iter().flatten().all(|&bar| bar < 1 << 60);
        if !sound || active.len() != table.len() || last.len() != table.len() || doubts.len() != table.width() {
            return Err(StateError::Shape("a symbol's signals"));
        }
        let row = |column: usize| -> SignalsRow {
            let place = |strategy: usize| table.place(column, strategy);
            let of = |strategy| place(strategy).map_or((None, [0; 2]), |place| (active[place], last[place]));
            SignalsRow { doubt: doubts[column], strategies: (0..roster.count()).map(of).collect() }
        };
        Ok(Self { rows: table.columns().map(|column| column.map(row)).collect() })
    }

    /// The newest signal by timeframe and strategy, where there is one, be it active or not.
    pub fn newest<'a>(&'a self, roster: &'a Roster) -> impl Iterator<Item = (TimeframeId, Strategy, &'a EntryState)> {
        let rows =
            self.rows.iter().enumerate().filter_map(|(index, row)| Some((TimeframeId::new(index), row.as_ref()?)));
        rows.flat_map(move |(timeframe, row)| {
            let entries = roster.iter().zip(&row.strategies);
            entries.filter_map(move |(strategy, (entry, _))| Some((timeframe, strategy, entry.as_ref()?)))
        })
    }

    /// Whether a timeframe was saved.
    #[must_use]
    pub fn knows(&self, timeframe: usize) -> bool {
        self.rows.get(timeframe).is_some_and(Option::is_some)
    }

    /// Fills in from `other` what is missing here.
    pub fn fill(&mut self, other: &Self) {
        self.rows.resize(self.rows.len().max(other.rows.len()), None);
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            if own.is_none() {
                own.clone_from(other);
            }
        }
    }
}

/// How long signals are active.
#[derive(Debug, Clone)]
struct Expiry {
    timeframes: Vec<Timeframe>,
    /// Bars of its timeframe for which a signal stays active.
    active_bars: i64,
}

impl Expiry {
    /// The moment, Unix ms, from which a signal whose bar ended at `end` is no longer active.
    #[inline]
    fn of(&self, timeframe: usize, end: i64, calendar: &Calendar) -> i64 {
        self.timeframes[timeframe].later(end, self.active_bars, calendar)
    }
}

/// Computes the composite confidence of every signal from the active signals of its symbol's other timeframes.
#[derive(Debug, Clone)]
pub struct Correlator {
    expiry: Expiry,
    styles: [StyleRules; 3],
    /// Whether priorities are made of the calibrated confidence.
    calibrated_priority: bool,
    /// By timeframe and trading style: from which age on a signal is stale, ms; and whether such are held back.
    max_age_ms: Box<[[i64; TradingStyle::ALL.len()]]>,
    hold_stale: bool,
    /// Where a style may publish only so many signals a second.
    rate: Option<RateLimits>,
    /// The time that ages count from, Unix ms; `i64::MIN` where signals have none.
    as_of: i64,
    symbols: Vec<SymbolState>,
    roster: Roster,
    peers: Peers,
}

impl Correlator {
    /// A correlator for the plan's symbols, without any signal yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut correlator = Self {
            expiry: Expiry { timeframes: plan.timeframes.clone(), active_bars: plan.active_bars },
            styles: plan.styles,
            calibrated_priority: plan.calibration.priority,
            max_age_ms: plan.timeframes.iter().map(|&timeframe| plan.max_age.map(|age| age.ms(timeframe))).collect(),
            hold_stale: plan.hold_stale,
            rate: RateLimits::new(plan.max_signals_per_s),
            as_of: i64::MIN,
            symbols: Vec::with_capacity(plan.assets.len()),
            roster: plan.roster,
            peers: Peers::new(plan.timeframes.len(), &plan.roster),
        };
        for asset in &plan.assets {
            correlator.add_symbol(asset);
        }
        correlator
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        let enabled = asset.cells.iter().filter(|cell| cell.enabled).count() as u32;
        self.symbols.push(SymbolState {
            active: ActiveSignals::new(self.expiry.timeframes.len(), &self.roster),
            cooldowns: Cooldowns::new(self.expiry.timeframes.len(), &self.roster),
            asset: asset.clone(),
            enabled,
        });
    }

    /// Number of symbols.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Appends the state of a symbol. Allocates only if `out` has to grow.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let state = &self.symbols[symbol.index()];
        put(out, &(state.active.state().len() as u64))?;
        for entry in state.active.state() {
            put(out, &entry)?;
        }
        put(out, &state.active.doubts())?;
        put(out, &state.cooldowns.state())
    }

    /// Continues from the saved state of a symbol. Timeframes that were not saved stay as they are.
    pub fn restore(&mut self, symbol: SymbolId, saved: &SymbolSignals) {
        let state = &mut self.symbols[symbol.index()];
        for (index, row) in saved.rows.iter().enumerate() {
            let Some(SignalsRow { doubt, strategies: row }) = row else { continue };
            state.active.doubt(TimeframeId::new(index), *doubt);
            let (timeframe, calendar) = (self.expiry.timeframes[index], &state.asset.calendar);
            for (strategy, &(active, last)) in self.roster.iter().zip(row) {
                let end = |entry: &EntryState| timeframe.end(entry.bar_ts, calendar);
                let newest = active.map(|entry| (entry, self.expiry.of(index, end(&entry), calendar)));
                state.active.restore(TimeframeId::new(index), strategy, newest);
                state.cooldowns.restore(index, strategy, last);
            }
        }
    }

    /// The moment, Unix ms, from which a signal is no longer active.
    #[must_use]
    pub fn expires(&self, signal: &Signal) -> i64 {
        let calendar = &self.symbols[signal.symbol.index()].asset.calendar;
        self.expiry.of(signal.timeframe.index(), signal.event_ts, calendar)
    }

    /// The moment, Unix ms, from which a signal on the bar of a symbol with this label is no longer active.
    #[must_use]
    pub fn expires_of(&self, symbol: SymbolId, timeframe: TimeframeId, bar_ts: i64) -> i64 {
        let (calendar, index) = (&self.symbols[symbol.index()].asset.calendar, timeframe.index());
        self.expiry.of(index, self.expiry.timeframes[index].end(bar_ts, calendar), calendar)
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let symbols = self.symbols.iter().map(|s| size_of::<SymbolState>() + s.active.bytes() + s.cooldowns.bytes());
        symbols.sum::<usize>() + self.rate.as_ref().map_or(0, RateLimits::bytes)
    }

    /// What has been used of the limits of a second, where there are any: then signals wait for [`rank`](Self::rank).
    #[must_use]
    pub fn rate(&self) -> Option<RateState> {
        self.rate.as_ref().map(RateLimits::state)
    }

    /// Goes on from what had been used of the limits of a second.
    pub fn restore_rate(&mut self, state: RateState) {
        if let Some(rate) = &mut self.rate {
            rate.restore(state);
        }
    }

    /// Decides on the signals that the log gives at one place, at this wall, Unix ms, where styles have limits: those of
    /// higher priority first, equal ones in the order of publication. They come in that order, as [`on_group`](Self::on_group)
    /// has let them pass; `verdicts` are those of the same places. A signal that cools down uses nothing up, and one that is
    /// held back starts no cooldown.
    pub fn rank(&mut self, wall_ms: i64, signals: &[Composite], verdicts: &mut Vec<Option<HeldBack>>) {
        verdicts.clear();
        verdicts.resize(signals.len(), None);
        let Self { rate: Some(rate), symbols, styles, .. } = self else { return };
        rate.decide(wall_ms, signals, |number, left| {
            let Composite { signal, style, .. } = &signals[number];
            let cooldowns = &mut symbols[signal.symbol.index()].cooldowns;
            let admitted = cooldowns.admit(signal, &styles[style.index()], || left);
            verdicts[number] = admitted.err();
            admitted.is_ok() && signal.strategy != Strategy::Probe
        });
    }

    /// Takes what a cell's history is worth from now on: signals that it could have voted on say whether some of it is
    /// missing, until what it has said meanwhile is no longer active. Allocates nothing.
    pub fn settle(&mut self, cell: &Settling) {
        let state = &mut self.symbols[cell.symbol.index()];
        let later = || self.expiry.of(cell.timeframe.index(), cell.event_ts, &state.asset.calendar);
        let until = if cell.settled { later() } else { i64::MAX };
        state.active.doubt(cell.timeframe, until);
    }

    /// Says up to when the ends of the bars that come next are expected to have come, Unix ms: their age is what they are
    /// behind it. `i64::MIN` where they have none.
    #[inline]
    pub fn set_as_of(&mut self, as_of: i64) {
        self.as_of = as_of;
    }

    /// Takes one group, the signals of one symbol whose bars have the same end, sorts it into the order of publication
    /// (longest timeframe first, then the strategies' order) and gives each signal its verdict. Where styles have limits, what
    /// is published by it has still to be [ranked](Self::rank).
    ///
    /// Allocates nothing.
    pub fn on_group(&mut self, group: &mut [Signal], on_verdict: impl FnMut(Verdict<'_>)) {
        self.on_group_judged(group, |_, _| Judged::NOTHING, on_verdict);
    }

    /// The same with a judge of each signal, in the order of publication: it sees the composite with the weight of its
    /// supporters and of its opponents.
    pub fn on_group_judged(
        &mut self,
        group: &mut [Signal],
        mut judge: impl FnMut(&Composite, [f64; 2]) -> Judged,
        mut on_verdict: impl FnMut(Verdict<'_>),
    ) {
        group.sort_unstable_by_key(|s| (std::cmp::Reverse(s.timeframe), s.strategy));
        let Some(symbol) = group.first().map(|s| s.symbol.index()) else { return };
        let state = &mut self.symbols[symbol];
        for signal in group.iter().filter(|signal| signal.strategy != Strategy::Probe) {
            let expires = self.expiry.of(signal.timeframe.index(), signal.event_ts, &state.asset.calendar);
            state.active.enter(signal, expires);
        }
        for signal in group.iter() {
            let weight = |timeframe: TimeframeId| state.asset.cells[timeframe.index()].weight;
            state.active.peers(signal, weight, &mut self.peers);
            let Peers { supporting, opposing } = &self.peers;
            let (support, opposition) = (supporting.weight(), opposing.weight());
            let composite_confidence = (signal.candidate.confidence + support) / (1.0 + support + opposition);

            let (supporting, opposing) = (supporting.as_slice(), opposing.as_slice());
            let agreeing = supporting.iter().fold(0u32, |bits, p| bits | 1 << p.timeframe.index());
            let others = state.enabled.saturating_sub(1);
            let style = state.asset.cells[signal.timeframe.index()].style;
            let history = state.active.history(signal, &self.peers);
            let mut composite = Composite {
                signal: *signal,
                history,
                style,
                composite_confidence,
                correlation_strength: if others == 0 {
                    0.0
                } else {
                    f64::from(agreeing.count_ones()) / f64::from(others)
                },
                priority: composite_confidence * state.asset.priority,
            };
            let expires = state.active.expires(signal);
            let age_ms = self.as_of.saturating_sub(signal.event_ts);
            let max_age_ms = self.max_age_ms[signal.timeframe.index()][style.index()];
            let stale = age_ms > max_age_ms && signal.strategy != Strategy::Probe;
            let judged = judge(&composite, [support, opposition]);
            if let Some(calibrated) = judged.relied_on().filter(|_| self.calibrated_priority) {
                composite.priority = calibrated * state.asset.priority;
            }
            let weighed = Weighed { composite: &composite, expires, stale, supporting, opposing, judged };
            let admitted = match stale && self.hold_stale {
                true => Err(HeldBack::Stale),
                false => passes(signal, &self.styles[style.index()], composite_confidence, &judged),
            };
            // Where styles have limits, only what is published in the end starts a cooldown.
            let admitted = match &self.rate {
                None => admitted.and_then(|()| state.cooldowns.admit(signal, &self.styles[style.index()], || Ok(()))),
                Some(_) => admitted,
            };
            match admitted {
                Ok(()) => on_verdict(Verdict::Publish(weighed)),
                Err(reason) => on_verdict(Verdict::Hold(weighed, reason)),
            }
        }
    }
}
