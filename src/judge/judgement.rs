//! Outcomes in, figures out: what is known of the signals at every place of the order of publication.

use super::{
    account::Entry,
    book::{Book, SavedLanes},
    learner::{FEATURES, Learners, SavedLearner, features},
    quality::CalibrationQuality,
    selection::{SavedSelection, Selection, SelectionLane},
    waiting::{SavedWaiters, Waiter, Waiting, read_waiters},
};
use crate::{
    config::Plan,
    model::{
        Composite, Judged, LONGEST_HORIZON, LiquiditySwitch, Roster, SURROUNDINGS, SelectionSwitch, SignalKind,
        SignalOutcome, Strategy, Surroundings, SymbolId, TimeframeId,
    },
    state::{SavedTable, StateError, put, take},
};

/// Milliseconds of the blocks by which errors are clustered: a day, and thirty from `1d` up.
const BLOCK_MS: i64 = 86_400_000;
const LONG_BLOCK_MS: i64 = 30 * BLOCK_MS;

/// An outcome with what had been said of its signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// The outcome.
    pub outcome: SignalOutcome,
    /// The signal's composite confidence.
    pub composite: f64,
    /// Its calibrated confidence, where there was one.
    pub calibrated: Option<f64>,
    /// The switch of its lane, where the outcome makes one.
    pub switch: Option<SelectionSwitch>,
}

/// What a [`Judge`] remembers of one symbol.
#[derive(Debug, Default)]
pub struct SavedJudge {
    lanes: SavedLanes,
    waiters: SavedWaiters,
    learner: SavedLearner,
    selection: SavedSelection,
}

impl SavedJudge {
    /// Takes off the front what [`Judge::save`] wrote of a symbol.
    ///
    /// # Errors
    /// The bytes do not decode to this state.
    pub fn read(version: u8, bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        let lanes = SavedLanes::read(bytes, table, roster)?;
        let waiters = read_waiters(version, bytes, roster, |column| table.wanted(column))?;
        // In version 1 there is nothing behind them, in version 2 there may be weights.
        let (learns, selects) = if version < 3 { (!bytes.is_empty(), false) } else { take(bytes)? };
        let learner = if learns { SavedLearner::read(bytes, table, roster)? } else { SavedLearner::default() };
        let selection = if selects { SavedSelection::read(bytes, table, roster)? } else { SavedSelection::default() };
        Ok(Self { lanes, waiters, learner, selection })
    }

    /// Takes from another, which was made of the same input, what it does not know itself.
    pub fn fill(&mut self, other: Self) {
        self.lanes.fill(other.lanes);
        let known: Vec<_> = self.waiters.iter().map(|(timeframe, ..)| *timeframe).collect();
        self.waiters.extend(other.waiters.into_iter().filter(|(timeframe, ..)| !known.contains(timeframe)));
        self.waiters.sort_by_key(|(_, waiter, _)| waiter.order);
        self.selection.fill(other.selection);
        if self.learner.is_new() {
            self.learner = other.learner;
        }
    }
}

/// What the signals of all symbols are worth, as far as is known.
#[derive(Debug)]
pub struct Judge {
    book: Book,
    waiting: Waiting,
    timeframes: usize,
    /// The calibrated confidence, where there is one, and the horizon that it learns.
    learners: Option<Learners>,
    horizon: u8,
    quality: CalibrationQuality,
    /// Which lanes are on, where that is asked.
    selection: Option<Selection>,
    /// By timeframe: what surrounds the signals of the group.
    around: Vec<[f64; SURROUNDINGS]>,
    /// Timeframes of a day and longer, as a bit set.
    long: u32,
    /// Outcomes of a group: place in the order of publication, horizon, number in the group, the signal that waits.
    ripe: Vec<(u64, u8, u32, u32)>,
}

impl Judge {
    /// A judge of the plan's symbols that has seen nothing.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let timeframes = plan.timeframes.len();
        let mut judge = Self {
            book: Book::new(timeframes, &plan.roster, plan.performance.full),
            waiting: Waiting::new(plan.calibration.enabled),
            timeframes,
            learners: plan.calibration.enabled.then(|| Learners::new(timeframes, &plan.roster, plan.calibration.rate)),
            horizon: plan.calibration.horizon,
            quality: CalibrationQuality::default(),
            selection: plan.selection.is_on().then(|| Selection::new(plan.selection, timeframes, &plan.roster)),
            around: vec![[0.0; SURROUNDINGS]; timeframes],
            long: plan.timeframes.iter().enumerate().fold(0, |bits, (index, t)| bits | u32::from(t.is_long()) << index),
            ripe: Vec::with_capacity(timeframes * plan.roster.count() * 3),
        };
        plan.assets.iter().for_each(|_| judge.add_symbol());
        judge
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.book.add_symbol();
        self.waiting.add_cells(self.timeframes);
        self.learners.iter_mut().for_each(Learners::add_symbol);
        self.selection.iter_mut().for_each(Selection::add_symbol);
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.book.bytes()
            + self.waiting.bytes()
            + self.learners.as_ref().map_or(0, Learners::bytes)
            + self.selection.as_ref().map_or(0, Selection::bytes)
    }

    /// The accounts.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// How good the calibrated confidence is of late.
    #[must_use]
    pub fn quality(&self) -> &CalibrationQuality {
        &self.quality
    }

    /// Goes on from a saved quality.
    pub fn restore_quality(&mut self, quality: CalibrationQuality) {
        self.quality = quality;
    }

    /// The accounts, to be restored.
    pub fn book_mut(&mut self) -> &mut Book {
        &mut self.book
    }

    fn cell(&self, outcome: &SignalOutcome) -> usize {
        outcome.symbol.index() * self.timeframes + outcome.timeframe.index()
    }

    /// Takes the outcomes of a group, in the order in which their signals were published, then of the horizons; hands each
    /// on once it has been taken. One whose signal is not known, because state was lost, changes nothing. Returns how many
    /// these were.
    pub fn settle(&mut self, outcomes: &[SignalOutcome], mut each: impl FnMut(&Settled)) -> u64 {
        self.ripe.clear();
        for (number, outcome) in outcomes.iter().enumerate() {
            let place = self.waiting.find(self.cell(outcome), outcome.signal_ts, outcome.strategy);
            if let Some(place) = place {
                self.ripe.push((self.waiting.get(place).order, outcome.horizon, number as u32, place));
            }
        }
        let unknown = (outcomes.len() - self.ripe.len()) as u64;
        self.ripe.sort_unstable();
        for next in 0..self.ripe.len() {
            let (_, _, number, place) = self.ripe[next];
            let outcome = &outcomes[number as usize];
            let Waiter { composite, calibrated, .. } = *self.waiting.get(place);
            let calibrated = Some(calibrated).filter(|p| !p.is_nan());
            let is_long = self.long & 1 << outcome.timeframe.index() != 0;
            let block = outcome.event_ts.div_euclid(if is_long { LONG_BLOCK_MS } else { BLOCK_MS });
            let entry = outcome.gain.as_ref().map(|gain| Entry::new(gain, [Some(composite), calibrated], block));
            self.book.add(outcome, entry.as_ref());
            if let (Some(p), Some(entry), true) = (calibrated, &entry, usize::from(outcome.horizon) == LONGEST_HORIZON)
            {
                self.quality.add(p, entry);
            }
            if let (Some(learners), Some(gain), true) =
                (&mut self.learners, &outcome.gain, outcome.horizon == self.horizon)
                && let Some(features) = self.waiting.features(place)
            {
                let SignalOutcome { symbol, timeframe, kind, .. } = *outcome;
                learners.learn(symbol.index(), timeframe, kind, features, gain.ret > 0.0);
            }
            let switch = self.selection.as_mut().and_then(|selection| selection.learn(outcome));
            each(&Settled { outcome: *outcome, composite, calibrated, switch });
        }
        for next in 0..self.ripe.len() {
            let (_, horizon, number, place) = self.ripe[next];
            if usize::from(horizon) == LONGEST_HORIZON {
                self.waiting.remove(self.cell(&outcomes[number as usize]), place);
            }
        }
        unknown
    }

    /// Takes what surrounds the signals of a timeframe, of the group that comes next.
    #[inline]
    pub fn surround(&mut self, around: &Surroundings) {
        self.around[around.timeframe.index()] = around.values;
    }

    /// Tells what is known of a signal, and lets it wait for its outcome, whether it is published or held back. Signals come
    /// in the order of publication, each with the weights of its supporters and its opponents.
    #[inline]
    pub fn judge(&mut self, composite: &Composite, [support, opposition]: [f64; 2]) -> Judged {
        let signal = &composite.signal;
        if signal.strategy == Strategy::Probe {
            return Judged::NOTHING;
        }
        let (symbol, timeframe) = (signal.symbol.index(), signal.timeframe);
        let (n, wins) = self.book.known(signal.symbol, timeframe, signal.strategy);
        let mut judged = Judged { n: Some(n), wins, ..Judged::NOTHING };
        let mut described = [0.0; FEATURES];
        if let Some(learners) = &self.learners {
            let around = &self.around[timeframe.index()];
            let candidate = &signal.candidate;
            described = features(candidate.confidence, support, opposition, candidate.side, around);
            judged.calibrated = Some(learners.predict(symbol, timeframe, candidate.kind, &described));
            judged.learned = learners.learned(symbol);
        }
        if let Some(selection) = &self.selection {
            selection.judge(signal.symbol, timeframe, signal.strategy, &mut judged);
        }
        let order = self.waiting.next_order();
        let waiter = Waiter {
            signal_ts: signal.bar_ts,
            order,
            composite: composite.composite_confidence,
            calibrated: judged.calibrated.unwrap_or(f64::NAN),
            strategy: signal.strategy,
        };
        self.waiting.push(symbol * self.timeframes + timeframe.index(), waiter, &described);
        judged
    }

    /// Takes that a cell has become liquid, or has ceased to be.
    pub fn switch_cell(&mut self, switch: &LiquiditySwitch) {
        if let Some(selection) = &mut self.selection {
            selection.switch_cell(switch);
        }
    }

    /// A lane of the selection, where there is one.
    #[must_use]
    pub fn lane(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> Option<&SelectionLane> {
        self.selection.as_ref().map(|selection| selection.lane(symbol, timeframe, strategy))
    }

    /// The weights of the calibrated confidence of a symbol, by coordinate: of a timeframe, a timeframe and kind, the bias
    /// (0) or a feature (from 1), each with the sum of the squares of its gradients.
    pub fn weights(
        &self,
        symbol: SymbolId,
        each: impl FnMut(Option<TimeframeId>, Option<SignalKind>, usize, [f64; 2]),
    ) {
        if let Some(learners) = &self.learners {
            learners.coordinates(symbol.index(), each);
        }
    }

    /// Appends the state of a symbol.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.book.save_lanes(symbol, out)?;
        let first = symbol.index() * self.timeframes;
        self.waiting.save(first..first + self.timeframes, out)?;
        put(out, &(self.learners.is_some(), self.selection.is_some()))?;
        self.learners.as_ref().map_or(Ok(()), |learners| learners.save(symbol.index(), out))?;
        self.selection.as_ref().map_or(Ok(()), |selection| selection.save(symbol, out))
    }

    /// Goes on from the saved state of a symbol.
    pub fn restore(&mut self, symbol: SymbolId, saved: &mut SavedJudge) {
        self.book.restore_lanes(symbol, &mut saved.lanes);
        for (timeframe, waiter, features) in saved.waiters.drain(..) {
            self.waiting.push(symbol.index() * self.timeframes + timeframe.index(), waiter, &features);
        }
        self.learners.iter_mut().for_each(|learners| learners.restore(symbol.index(), &saved.learner));
        self.selection.iter_mut().for_each(|selection| selection.restore(symbol, &saved.selection));
    }
}
