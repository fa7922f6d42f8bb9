//! The publisher's judge: when it hears of outcomes, what of it is saved, shown and written.

use super::{parts::Parts, saving::Saving};
use crate::{
    config::{PerformanceRules, Plan},
    engine::{
        Of, PerformanceLedger, Restored,
        output::{FiguresOf, Output},
    },
    judge::Judge,
    model::{Composite, HORIZONS, Judged, Roster, SignalOutcome, Strategy, SymbolId, TimeframeId},
    state::StateError,
    telemetry::PublisherCounters,
};
use std::{collections::VecDeque, sync::Arc};

/// Least time between two writings into the ledger, ns.
const SHOW_NS: u64 = 200_000_000;
/// Keys and lanes written with one group: some 0.1 ms.
const TOGETHER: usize = 16;

/// Something new that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum New {
    /// The accounts of a key, with the strategy they belong to.
    Key(usize, Strategy),
    /// A lane.
    Lane(SymbolId, TimeframeId, Strategy),
}

/// Drives the [`Judge`].
#[derive(Debug)]
pub(super) struct Judging {
    judge: Judge,
    rules: PerformanceRules,
    ledger: Arc<PerformanceLedger>,
    timeframes: usize,
    roster: Roster,
    /// By timeframe and strategy: whether the ledger is behind.
    unshown: Vec<bool>,
    shown_ns: u64,
    /// What is to be written, each once, and by key and lane whether it is among that.
    news: VecDeque<New>,
    is_new: Vec<bool>,
    /// Lanes come behind keys.
    keys: usize,
    /// From when on, ms of the input's time.
    due_ts: i64,
    /// Outcomes of signals that nothing was known of.
    unknown: u64,
}

impl Judging {
    pub fn new(plan: &Plan, ledger: Arc<PerformanceLedger>) -> Self {
        let judge = Judge::new(plan);
        let keys = judge.book().keys();
        let mut judging = Self {
            judge,
            rules: plan.performance,
            ledger,
            timeframes: plan.timeframes.len(),
            roster: plan.roster,
            unshown: vec![false; plan.timeframes.len() * plan.roster.count()],
            shown_ns: 0,
            news: VecDeque::new(),
            is_new: vec![false; keys],
            keys,
            due_ts: i64::MIN,
            unknown: 0,
        };
        plan.assets.iter().for_each(|_| judging.make_room());
        judging
    }

    pub fn add_symbol(&mut self) {
        self.judge.add_symbol();
        self.make_room();
    }

    fn make_room(&mut self) {
        self.is_new.resize(self.is_new.len() + self.timeframes * self.roster.count(), false);
        self.news.reserve(self.is_new.len() - self.news.len());
    }

    pub fn bytes(&self) -> usize {
        self.judge.bytes() + self.news.capacity() * size_of::<New>() + self.is_new.capacity()
    }

    /// Takes its part of the state that the engine goes on from.
    pub fn restore(&mut self, restored: &mut Restored) {
        for (key, accounts) in &restored.accounts {
            self.judge.book_mut().restore_key(*key, accounts);
        }
        for (index, saved) in restored.worths.iter_mut().enumerate() {
            self.judge.restore(SymbolId(index as u16), saved);
        }
        self.judge.restore_quality(restored.quality);
        self.note_all();
    }

    /// Notes everything there is: what was new may not have been written before it was saved.
    #[cold]
    fn note_all(&mut self) {
        for key in 0..self.keys {
            let (timeframe, name) = self.judge.book().names().name(key);
            let of_kind = || self.roster.kind_named(name)?.strategy();
            let known = |_: &Strategy| self.judge.book().accounts(key).iter().any(|of| of.n() > 0);
            if let Some(strategy) = self.roster.named(name).or_else(of_kind).filter(known) {
                self.unshown[timeframe.index() * self.roster.count() + strategy.index()] = true;
                self.note(key, New::Key(key, strategy));
            }
        }
        for symbol in (0..self.judge.book().symbols()).map(|index| SymbolId(index as u16)) {
            for timeframe in (0..self.timeframes).map(TimeframeId::new) {
                for strategy in Strategy::ALL {
                    if self.judge.book().counts(symbol, timeframe, strategy).iter().any(|of| of.n > 0) {
                        let lane = New::Lane(symbol, timeframe, strategy);
                        self.note(self.place(lane), lane);
                    }
                }
            }
        }
    }

    /// Saves a key.
    pub fn save_key(&self, key: usize, saving: &mut Saving) -> Result<(), StateError> {
        if self.judge.book().accounts(key).iter().any(|account| account.n() + account.void() > 0) {
            let (timeframe, name) = self.judge.book().names().name(key);
            let write = |out: &mut Vec<u8>| self.judge.book().save_key(key, out);
            saving.saver.record(Of::Account(timeframe, name), |_, out| write(out))?;
        }
        saving.end_if_done();
        Ok(())
    }

    /// Begins to save: what is of no key and no symbol at once.
    pub fn begin_saving(&self, saving: &mut Saving) -> Result<(), StateError> {
        saving.accounts.start(self.keys);
        saving.saver.record(Of::Quality, |_, out| self.judge.quality().save(out))
    }

    /// Saves a symbol.
    pub fn save_symbol(&self, symbol: SymbolId, saving: &mut Saving) -> Result<(), StateError> {
        saving.saver.record(Of::Worth(symbol), |keys, out| {
            keys.save_table(symbol, out)?;
            self.judge.save(symbol, out)
        })
    }

    fn note(&mut self, place: usize, new: New) {
        if !std::mem::replace(&mut self.is_new[place], true) {
            self.news.push_back(new);
        }
    }

    fn place(&self, new: New) -> usize {
        match new {
            New::Key(key, _) => key,
            New::Lane(symbol, timeframe, strategy) => {
                let cell = symbol.index() * self.timeframes + timeframe.index();
                self.keys + cell * self.roster.count() + strategy.index()
            }
        }
    }

    /// Takes the outcomes of a group, which go `out` unless they have been written before; keys that the snapshot at work wants as they are are saved before.
    #[inline]
    pub fn settle(
        &mut self,
        parts: &Parts,
        saving: Option<&mut Saving>,
        mut out: Option<(&mut Output, &PublisherCounters)>,
    ) -> Result<(), StateError> {
        parts.around.iter().for_each(|around| self.judge.surround(around));
        for switch in &parts.liquidity {
            self.judge.switch_cell(switch);
            if let Some((output, counters)) = &mut out {
                counters.liquidity_switches.bump();
                output.liquidity(switch);
            }
        }
        let outcomes = &parts.outcomes[..];
        if outcomes.is_empty() {
            return Ok(());
        }
        if let Some(saving) = saving.filter(|saving| saving.accounts.is_on()) {
            for key in outcomes.iter().flat_map(|outcome| self.judge.book().names().of(outcome)) {
                if saving.accounts.needs(key) {
                    self.save_key(key, saving)?;
                }
            }
        }
        for outcome in outcomes {
            let SignalOutcome { symbol, timeframe, strategy, .. } = *outcome;
            self.unshown[timeframe.index() * self.roster.count() + strategy.index()] = true;
            for key in self.judge.book().names().of(outcome) {
                self.note(key, New::Key(key, strategy));
            }
            let lane = New::Lane(symbol, timeframe, strategy);
            self.note(self.place(lane), lane);
        }
        self.unknown += self.judge.settle(outcomes, |settled| {
            if let Some((output, counters)) = &mut out {
                counters.outcomes[usize::from(settled.outcome.horizon)].bump();
                output.outcome(settled);
                if let Some(switch) = &settled.switch {
                    counters.lane_switches.bump();
                    output.selection(switch);
                }
            }
        });
        if let Some((_, counters)) = out {
            counters.outcomes_unknown.set(self.unknown);
            self.tell_quality(counters);
        }
        Ok(())
    }

    /// Tells what is known of a signal, and lets it wait for its outcome.
    #[inline]
    pub fn judge(&mut self, composite: &Composite, weights: [f64; 2]) -> Judged {
        self.judge.judge(composite, weights)
    }

    /// Tells how good the calibrated confidence is, in millionths.
    fn tell_quality(&self, counters: &PublisherCounters) {
        let quality = self.judge.quality();
        if quality.outcomes() > 0 {
            let [brier, base, error] = quality.scores().map(|score| (score * 1e6) as u64);
            counters.calibrated.set(quality.outcomes());
            counters.calibrated_brier_ppm.set(brier);
            counters.base_brier_ppm.set(base);
            counters.calibration_error_ppm.set(error);
        }
    }

    /// Whether something waits to be written: at the end nothing may.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Writes some of what is new, where its time has come in the time of the input.
    #[inline]
    pub fn publish(&mut self, event_ts: i64, output: &mut Output) {
        if !self.news.is_empty() && event_ts >= self.due_ts {
            self.write(TOGETHER, output);
            if self.news.is_empty() {
                self.due_ts = event_ts.saturating_add(self.rules.interval_ms);
            }
        }
    }

    /// Writes so much of what is new.
    #[cold]
    fn write(&mut self, count: usize, output: &mut Output) {
        for _ in 0..count {
            let Some(new) = self.news.pop_front() else { return };
            let place = self.place(new);
            self.is_new[place] = false;
            if output.redis.is_none() {
                continue;
            }
            let (book, fee_bps) = (self.judge.book(), self.rules.fee_bps);
            match new {
                New::Key(key, strategy) => {
                    let (timeframe, name) = self.judge.book().names().name(key);
                    let of = if name == strategy.name() { FiguresOf::All } else { FiguresOf::Kind(name) };
                    let figures = book.accounts(key).each_ref().map(|account| account.figures(fee_bps));
                    output.figures(timeframe, strategy, of, &figures);
                }
                New::Lane(symbol, timeframe, strategy) => match book.lane_accounts(symbol, timeframe, strategy) {
                    Some(accounts) => {
                        let figures = accounts.each_ref().map(|account| account.figures(fee_bps));
                        output.figures(timeframe, strategy, FiguresOf::Symbol(symbol), &figures);
                    }
                    None => output.counts(timeframe, strategy, symbol, book.counts(symbol, timeframe, strategy)),
                },
            }
        }
    }

    /// What goes with a batch: all that is new with the `last`, and the ledger where it is behind for a while.
    pub fn flush(&mut self, now_ns: u64, last: bool, output: &mut Output) {
        if last {
            self.write(usize::MAX, output);
        }
        if last || now_ns >= self.shown_ns.saturating_add(SHOW_NS) {
            self.shown_ns = now_ns;
            self.show();
        }
    }

    #[cold]
    fn show(&mut self) {
        for row in 0..self.unshown.len() {
            if !std::mem::take(&mut self.unshown[row]) {
                continue;
            }
            let count = self.roster.count();
            let (timeframe, strategy) = (TimeframeId::new(row / count), self.roster.at(row % count));
            let Some(key) = self.judge.book().names().key(timeframe, strategy.name()) else { continue };
            for horizon in 0..HORIZONS.len() {
                if let Some(figures) = self.judge.book().accounts(key)[horizon].figures(self.rules.fee_bps) {
                    self.ledger.write(timeframe, strategy, horizon, &figures);
                }
            }
        }
    }

    /// Leaves everything in the ledger.
    pub fn close(mut self) {
        self.show();
        self.ledger.close(self.judge);
    }
}
