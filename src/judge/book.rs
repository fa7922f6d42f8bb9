//! The accounts of all keys: timeframe and strategy, timeframe and kind, and the lanes: symbol, timeframe and strategy.

use super::account::{Account, Entry, decay};
use crate::{
    model::{HORIZONS, LONGEST_HORIZON, LaneCounts, Roster, SignalOutcome, Strategy, SymbolId, TimeframeId},
    state::{SavedTable, StateError, put, take},
};

/// The keys of accounts: by timeframe, first the strategies, then the kinds.
#[derive(Debug, Clone, Copy)]
pub struct BookKeys(Roster);

impl BookKeys {
    /// Those of these strategies.
    #[must_use]
    pub const fn new(roster: &Roster) -> Self {
        Self(*roster)
    }

    /// Names of a timeframe.
    #[inline]
    fn names(&self) -> usize {
        self.0.count() + self.0.kind_count()
    }

    /// The keys that an outcome changes: of its strategy and of its kind.
    #[inline]
    #[must_use]
    pub fn of(&self, outcome: &SignalOutcome) -> [usize; 2] {
        let row = outcome.timeframe.index() * self.names();
        [row + outcome.strategy.index(), row + self.0.count() + outcome.kind.index()]
    }

    /// Timeframe and name of a key.
    #[must_use]
    pub fn name(&self, key: usize) -> (TimeframeId, &'static str) {
        let (timeframe, name) = (TimeframeId::new(key / self.names()), key % self.names());
        let kind = |place| self.0.kinds().nth(place).map_or("", |kind| kind.name());
        (timeframe, name.checked_sub(self.0.count()).map_or_else(|| self.0.at(name).name(), kind))
    }

    /// The key of a timeframe and the name of a strategy or kind.
    #[must_use]
    pub fn key(&self, timeframe: TimeframeId, name: &str) -> Option<usize> {
        let strategy = self.0.named(name).map(Strategy::index);
        let kind = || self.0.kind_named(name).map(|kind| self.0.count() + kind.index());
        Some(timeframe.index() * self.names() + strategy.or_else(kind)?)
    }
}

/// Adds an outcome to what is kept of a lane; `None` of one that is void.
fn count(counts: &mut LaneCounts, entry: Option<&Entry>, drawn: bool) {
    let Some(entry) = entry else {
        counts.void = counts.void.saturating_add(1);
        return;
    };
    counts.n = counts.n.saturating_add(1);
    counts.wins = counts.wins.saturating_add(u32::from(entry.won));
    counts.draws = counts.draws.saturating_add(u32::from(drawn));
    counts.mean_bps += (entry.ret - counts.mean_bps) / f64::from(counts.n);
}

/// Figures by horizon.
type Of<T> = [T; HORIZONS.len()];

/// One lane as it was saved: its counts, and its accounts where it had any.
type SavedLane = (Of<LaneCounts>, Option<Box<Of<Account>>>);

/// The lanes of a symbol as they were saved, by timeframe and strategy of the plan.
#[derive(Debug, Default)]
pub struct SavedLanes(Vec<Option<SavedLane>>);

impl SavedLanes {
    /// Takes off the front what [`Book::save_lanes`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to lanes.
    pub(super) fn read(bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        let mut saved = Vec::with_capacity(table.len());
        for _ in 0..table.len() {
            let counts: Of<LaneCounts> = take(bytes)?;
            let full: bool = take(bytes)?;
            let accounts = if full { Some(Box::new(read_accounts(bytes)?)) } else { None };
            saved.push(Some((counts, accounts)));
        }
        let mut lanes = Vec::new();
        for column in table.columns() {
            for strategy in 0..roster.count() {
                let place = column.and_then(|column| table.place(column, strategy));
                lanes.push(place.and_then(|place| saved[place].take()));
            }
        }
        Ok(Self(lanes))
    }

    /// Takes from another what it does not know itself.
    pub(super) fn fill(&mut self, other: Self) {
        self.0.resize_with(self.0.len().max(other.0.len()), || None);
        for (own, other) in self.0.iter_mut().zip(other.0) {
            if own.is_none() {
                *own = other;
            }
        }
    }
}

/// The accounts of a key as they were saved.
#[derive(Debug)]
pub struct SavedAccounts(Box<Of<Account>>);

impl SavedAccounts {
    /// Takes off the front what [`Book::save_key`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to accounts.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        Ok(Self(Box::new(read_accounts(bytes)?)))
    }
}

fn read_accounts(bytes: &mut &[u8]) -> Result<Of<Account>, StateError> {
    Ok([Account::read(bytes)?, Account::read(bytes)?, Account::read(bytes)?])
}

const fn new_accounts() -> Of<Account> {
    [const { Account::new() }; HORIZONS.len()]
}

/// All accounts.
#[derive(Debug)]
pub struct Book {
    timeframes: usize,
    names: BookKeys,
    /// Number of strategies.
    strategies: usize,
    /// By timeframe, then strategies and kinds.
    keys: Vec<Of<Account>>,
    /// By symbol, timeframe and strategy.
    lanes: Vec<Of<LaneCounts>>,
    /// The same, where every figure of a lane is wanted.
    full: Option<Vec<Of<Account>>>,
    decay: f64,
}

impl Book {
    /// No outcomes; `full` says whether lanes have all figures, which costs 7 KB a lane.
    pub(super) fn new(timeframes: usize, roster: &Roster, full: bool) -> Self {
        let names = BookKeys::new(roster);
        let keys = (0..timeframes * names.names()).map(|_| new_accounts()).collect();
        let strategies = roster.count();
        Self { timeframes, names, strategies, keys, lanes: Vec::new(), full: full.then(Vec::new), decay: decay() }
    }

    /// Adds the lanes of the next symbol. Allocates.
    pub(super) fn add_symbol(&mut self) {
        let count = self.timeframes * self.strategies;
        self.lanes.extend((0..count).map(|_| [LaneCounts::default(); HORIZONS.len()]));
        if let Some(full) = &mut self.full {
            full.extend((0..count).map(|_| new_accounts()));
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let full = self.full.as_ref().map_or(0, Vec::capacity);
        (self.keys.capacity() + full) * size_of::<Of<Account>>() + self.lanes.capacity() * size_of::<Of<LaneCounts>>()
    }

    #[inline]
    fn lane(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> usize {
        (symbol.index() * self.timeframes + timeframe.index()) * self.strategies + strategy.index()
    }

    /// How its accounts are numbered.
    #[inline]
    #[must_use]
    pub const fn names(&self) -> &BookKeys {
        &self.names
    }

    /// Takes an outcome; `None` of one that is void.
    #[inline]
    pub(super) fn add(&mut self, outcome: &SignalOutcome, entry: Option<&Entry>) {
        let horizon = usize::from(outcome.horizon);
        for key in self.names.of(outcome) {
            self.keys[key][horizon].add(entry, self.decay);
        }
        let lane = self.lane(outcome.symbol, outcome.timeframe, outcome.strategy);
        let drawn = outcome.gain.is_some_and(|gain| gain.ret == 0.0);
        count(&mut self.lanes[lane][horizon], entry, drawn);
        if let Some(full) = &mut self.full {
            full[lane][horizon].add(entry, self.decay);
        }
    }

    /// Number of keys: timeframes by strategies and kinds.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The accounts of a key by horizon.
    #[must_use]
    pub fn accounts(&self, key: usize) -> &Of<Account> {
        &self.keys[key]
    }

    /// The counts of a lane by horizon.
    #[inline]
    #[must_use]
    pub fn counts(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> &Of<LaneCounts> {
        &self.lanes[self.lane(symbol, timeframe, strategy)]
    }

    /// The accounts of a lane by horizon, where lanes have them.
    #[must_use]
    pub fn lane_accounts(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> Option<&Of<Account>> {
        self.full.as_ref().map(|full| &full[self.lane(symbol, timeframe, strategy)])
    }

    /// Number of symbols.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.lanes.len() / (self.timeframes * self.strategies).max(1)
    }

    /// Outcomes and wins of a lane at the longest horizon.
    #[inline]
    pub(super) fn known(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> (u32, u32) {
        let LaneCounts { n, wins, .. } = self.counts(symbol, timeframe, strategy)[LONGEST_HORIZON];
        (n, wins)
    }

    /// Appends the accounts of a key.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save_key(&self, key: usize, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.keys[key].iter().try_for_each(|account| account.save(out))
    }

    /// Goes on from the saved accounts of a key.
    pub fn restore_key(&mut self, key: usize, saved: &SavedAccounts) {
        if let Some(own) = self.keys.get_mut(key) {
            own.clone_from(&saved.0);
        }
    }

    /// Appends the lanes of a symbol.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub(super) fn save_lanes(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let count = self.timeframes * self.strategies;
        let first = symbol.index() * count;
        for lane in first..first + count {
            put(out, &self.lanes[lane])?;
            put(out, &self.full.is_some())?;
            for account in self.full.iter().flat_map(|full| &full[lane]) {
                account.save(out)?;
            }
        }
        Ok(())
    }

    /// Goes on from the saved lanes of a symbol.
    pub(super) fn restore_lanes(&mut self, symbol: SymbolId, saved: &mut SavedLanes) {
        let first = symbol.index() * self.timeframes * self.strategies;
        for (place, saved) in saved.0.iter_mut().enumerate() {
            let Some((counts, accounts)) = saved.take() else { continue };
            let Some(lane) = self.lanes.get_mut(first + place) else { continue };
            *lane = counts;
            if let (Some(full), Some(accounts)) = (&mut self.full, accounts) {
                full[first + place] = *accounts;
            }
        }
    }
}
