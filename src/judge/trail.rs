//! The bars behind the signals of a cell, from which their outcomes are read. Hot.

use crate::{
    model::{
        Bar, Candidate, Gain, HORIZONS, LONGEST_HORIZON, Roster, Side, SignalKind, SignalOutcome, Strategy, change,
    },
    state::{StateError, is_sound_time, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// Bars after a signal until nothing is left to be known of it.
const LONGEST: usize = HORIZONS[LONGEST_HORIZON];
/// Bars of a trail: the signal's own, and those of the longest horizon.
const BARS: usize = LONGEST + 1;
/// Ratio of an open and the close before it, or its inverse, from which on it looks like a split.
const SPLIT: f64 = 1.4;

const _: () = assert!(Strategy::SLOTS <= 33, "a bit of a half word for every strategy but the probe");

/// The prices of one bar.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct TrailBar {
    ts: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    /// The price series, which a signal's price is of.
    price: f64,
    /// Volatility of a bar as of this one, a share; NaN where nobody asks for it.
    sigma: f64,
}

/// What fired on one bar.
#[derive(Debug, Clone, Copy)]
struct Shots {
    /// Bit k: strategy k fired, and fired to sell.
    fired: u32,
    sells: u32,
    /// Of the built-in strategies; the others have one kind.
    kinds: [SignalKind; Strategy::COUNT],
}

impl Shots {
    const NONE: Self = Self { fired: 0, sells: 0, kinds: [SignalKind::PROBE; Strategy::COUNT] };

    fn add(&mut self, strategy: Strategy, kind: SignalKind, side: Side) {
        let index = strategy.index();
        self.fired |= 1 << index;
        self.sells |= u32::from(side == Side::Sell) << index;
        if let Some(own) = self.kinds.get_mut(index) {
            *own = kind;
        }
    }

    /// By strategy: what it said.
    fn iter(&self, roster: &Roster) -> impl Iterator<Item = (Strategy, SignalKind, Side)> {
        let mut fired = self.fired;
        std::iter::from_fn(move || {
            let index = fired.trailing_zeros() as usize;
            (fired != 0).then(|| {
                fired &= fired - 1;
                index
            })
        })
        .map(move |index| {
            let strategy = roster.at(index);
            let side = if self.sells & 1 << index != 0 { Side::Sell } else { Side::Buy };
            let kind = self.kinds.get(index).copied().unwrap_or(SignalKind::PROBE).saved_with(strategy);
            (strategy, kind, side)
        })
    }
}

/// The last bars of a cell, as long as a signal waits for its outcome.
#[derive(Debug, Clone, Copy)]
pub struct Trail {
    bars: [TrailBar; BARS],
    shots: [Shots; BARS],
    /// Place of the newest bar.
    at: u8,
    /// Bars without a gap up to the newest, at most [`BARS`].
    run: u8,
    /// Bars to come until no signal waits any more.
    left: u8,
}

impl Trail {
    /// No bars.
    pub const EMPTY: Self = {
        let bar = TrailBar { ts: 0, open: 0.0, high: 0.0, low: 0.0, close: 0.0, price: 0.0, sigma: f64::NAN };
        Self { bars: [bar; BARS], shots: [Shots::NONE; BARS], at: 0, run: 0, left: 0 }
    };

    /// The place of the bar so many bars before the newest.
    #[inline]
    fn back(&self, bars: usize) -> usize {
        (usize::from(self.at) + BARS - bars) % BARS
    }

    /// Adds the next bar, on which nothing has fired yet.
    #[inline]
    fn push(&mut self, bar: TrailBar) {
        self.at = ((usize::from(self.at) + 1) % BARS) as u8;
        self.bars[usize::from(self.at)] = bar;
        self.shots[usize::from(self.at)].fired = 0;
        self.shots[usize::from(self.at)].sells = 0;
        self.run = (self.run + 1).min(BARS as u8);
        self.left = self.left.saturating_sub(1);
    }

    /// The outcomes that the newest bar makes known.
    #[inline]
    fn due(&self, newest: &Bar, place: (u64, i64), roster: &Roster, mut each: impl FnMut(SignalOutcome)) {
        for (index, &horizon) in HORIZONS.iter().enumerate() {
            if usize::from(self.run) <= horizon {
                continue;
            }
            let own = self.back(horizon);
            if self.shots[own].fired != 0 {
                self.tell((own, index), newest, place, roster, &mut each);
            }
        }
    }

    fn tell(
        &self,
        (own, horizon): (usize, usize),
        newest: &Bar,
        (seq, event_ts): (u64, i64),
        roster: &Roster,
        each: &mut impl FnMut(SignalOutcome),
    ) {
        let signal = &self.bars[own];
        let next = |at: usize| if at + 1 == BARS { 0 } else { at + 1 };
        let first = next(own);
        let entry = self.bars[first].open;
        let (mut high, mut low, mut close, mut split, mut at) =
            (f64::NEG_INFINITY, f64::INFINITY, signal.close, false, first);
        for _ in 0..HORIZONS[horizon] {
            let bar = &self.bars[at];
            // Of prices that may be below zero, a ratio says nothing of splits.
            split |= close > 0.0 && bar.open > 0.0 && (bar.open / close).max(close / bar.open) >= SPLIT;
            (high, low, close) = (high.max(bar.high), low.min(bar.low), bar.close);
            at = next(at);
        }
        let (up, down) = (change(entry, high), change(entry, low));
        let known = !split && entry != 0.0 && signal.price != 0.0;
        for (strategy, kind, side) in self.shots[own].iter(roster) {
            let dir = side.dir();
            let gain = Gain {
                ret: dir * change(entry, close),
                mfe: side.pick(up, -down),
                mae: side.pick(down, -up),
                slip: dir * change(signal.price, entry),
            };
            each(SignalOutcome {
                seq,
                event_ts,
                signal_ts: signal.ts,
                symbol: newest.symbol,
                timeframe: newest.timeframe,
                strategy,
                kind,
                side,
                horizon: horizon as u8,
                sigma: signal.sigma,
                gain: known.then_some(gain),
            });
        }
    }

    /// Appends the state: names of strategies, not their places.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, roster: &Roster, out: &mut Vec<u8>) -> Result<(), StateError> {
        // Where strategies outside are heard, the newest bar may still get a signal.
        let idle = if roster.has_outside() { self.run.min(1) } else { 0 };
        let count = usize::from(if self.left == 0 { idle } else { self.run });
        put(out, &self.left)?;
        put(out, &(count as u8))?;
        for back in (0..count).rev() {
            let at = self.back(back);
            put(out, &self.bars[at])?;
            put(out, &(self.shots[at].fired.count_ones() as u8))?;
            for (strategy, kind, side) in self.shots[at].iter(roster) {
                put(out, &(strategy.name(), kind, side))?;
            }
        }
        Ok(())
    }

    /// Takes off the front what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The bytes do not decode to a trail.
    pub fn read(bytes: &mut &[u8], roster: &Roster) -> Result<Self, StateError> {
        let (left, count): (u8, u8) = take(bytes)?;
        if usize::from(left) > LONGEST || usize::from(count) > BARS {
            return Err(StateError::Shape("a trail"));
        }
        let mut trail = Self::EMPTY;
        for _ in 0..count {
            let bar: TrailBar = take(bytes)?;
            if !is_sound_time(bar.ts) {
                return Err(StateError::Shape("a trail"));
            }
            trail.push(bar);
            let shots: u8 = take(bytes)?;
            for _ in 0..shots {
                let (name, kind, side): (String, SignalKind, Side) = take(bytes)?;
                if let Some(strategy) = roster.named(&name) {
                    trail.shots[usize::from(trail.at)].add(strategy, kind, side);
                }
            }
        }
        trail.left = left;
        Ok(trail)
    }
}

/// The trails of a worker's cells, by their numbers.
#[derive(Debug, Default)]
pub struct Trails {
    trails: Vec<Trail>,
    /// By cell, once more, close together: whether a signal waits.
    waits: Vec<bool>,
    roster: Roster,
}

impl Trails {
    /// Of no cell yet, with the signals of these strategies.
    #[must_use]
    pub fn new(roster: &Roster) -> Self {
        Self { roster: *roster, ..Self::default() }
    }

    /// Adds the trail of the next cell. Allocates.
    pub fn add(&mut self) {
        self.trails.push(Trail::EMPTY);
        self.waits.push(false);
    }

    /// Whether a signal of a cell waits for its outcome: else its bars need not be seen, but for those on which something
    /// fires.
    #[inline]
    #[must_use]
    pub fn waits(&self, cell: usize) -> bool {
        self.waits.get(cell).is_some_and(|waits| *waits)
    }

    /// Takes a bar of a cell, with its sequence and end, its price and volatility and what has fired on it, by strategy; hands on what comes due.
    #[inline]
    pub fn on_bar<'a>(
        &mut self,
        cell: usize,
        bar: &Bar,
        place: (u64, i64),
        (price, sigma): (f64, f64),
        fired: impl Iterator<Item = (Strategy, &'a Candidate)>,
        each: impl FnMut(SignalOutcome),
    ) {
        let Some(trail) = self.trails.get_mut(cell) else { return };
        if trail.left == 0 {
            // Bars before this one were not seen.
            trail.run = 0;
        }
        let Bar { ts, open, high, low, close, .. } = *bar;
        trail.push(TrailBar { ts, open, high, low, close, price, sigma });
        trail.due(bar, place, &self.roster, each);
        for (strategy, candidate) in fired {
            trail.shots[usize::from(trail.at)].add(strategy, candidate.kind, candidate.side);
            trail.left = LONGEST as u8;
        }
        self.waits[cell] = trail.left > 0;
    }

    /// Takes what a strategy outside says of the newest bar of a cell, by its label; false where that is another, or none.
    pub fn add_signal(&mut self, cell: usize, bar_ts: i64, strategy: Strategy, candidate: &Candidate) -> bool {
        let Some(trail) = self.trails.get_mut(cell) else { return false };
        let at = usize::from(trail.at);
        if trail.run == 0 || trail.bars[at].ts != bar_ts {
            return false;
        }
        trail.shots[at].add(strategy, candidate.kind, candidate.side);
        trail.left = LONGEST as u8;
        self.waits[cell] = true;
        true
    }

    /// The trail of a cell.
    #[must_use]
    pub fn get(&self, cell: usize) -> Option<&Trail> {
        self.trails.get(cell)
    }

    /// Goes on from a saved trail.
    pub fn restore(&mut self, cell: usize, trail: Trail) {
        if let (Some(own), Some(waits)) = (self.trails.get_mut(cell), self.waits.get_mut(cell)) {
            *waits = trail.left > 0;
            *own = trail;
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.trails.capacity() * size_of::<Trail>() + self.waits.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SymbolId, TimeframeId};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn bar(i: usize, [open, spread, close]: [f64; 3]) -> Bar {
        Bar {
            ts: i as i64 * 60_000,
            open,
            high: open.max(close) + spread,
            low: open.min(close) - spread,
            close,
            volume: 1.0,
            vwap: close,
            trades: 1,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        }
    }

    fn candidate(side: Side) -> Candidate {
        Candidate { side, ..Candidate::PROBE }
    }

    /// All outcomes, read from all bars.
    fn naive(bars: &[Bar], fired: &[u8]) -> Vec<(i64, Strategy, usize, Option<[f64; 4]>)> {
        let mut all = Vec::new();
        for i in 0..bars.len() {
            for (place, &h) in HORIZONS.iter().enumerate() {
                let Some(own) = i.checked_sub(h) else { continue };
                for strategy in Strategy::ALL.into_iter().filter(|s| fired[own] >> s.index() & 1 != 0) {
                    let dir = side_of(own, strategy).dir();
                    let window = &bars[own + 1..=i];
                    let split = bars[own..=i].windows(2).any(|two| {
                        let ratio = two[1].open / two[0].close;
                        ratio.max(1.0 / ratio) >= 1.4
                    });
                    let e = window[0].open;
                    let highest = window.iter().map(|bar| bar.high).fold(f64::MIN, f64::max) / e - 1.0;
                    let lowest = window.iter().map(|bar| bar.low).fold(f64::MAX, f64::min) / e - 1.0;
                    let (best, worst) = if dir > 0.0 { (highest, lowest) } else { (-lowest, -highest) };
                    let gain = [dir * (bars[i].close / e - 1.0), best, worst, dir * (e / bars[own].vwap - 1.0)];
                    all.push((bars[own].ts, strategy, place, (!split).then_some(gain)));
                }
            }
        }
        all
    }

    fn side_of(bar: usize, strategy: Strategy) -> Side {
        if (bar + strategy.index()).is_multiple_of(2) { Side::Buy } else { Side::Sell }
    }

    proptest! {
        #[test]
        fn outcomes_are_those_of_all_bars_wherever_it_is_saved_and_restored(
            rows in proptest::collection::vec((1.0..3.0f64, 0.0..0.5f64, 1.0..3.0f64, 0u8..4, 0u8..32), 1..120),
            cut in 0usize..120,
        ) {
            let bars: Vec<Bar> = rows.iter().enumerate().map(|(i, row)| bar(i, [row.0, row.1, row.2])).collect();
            // On most bars nothing fires: what lies behind is forgotten meanwhile.
            let fired: Vec<u8> = rows.iter().map(|row| if row.3 == 0 { row.4 } else { 0 }).collect();
            let mut trails = Trails::default();
            trails.add();
            let mut found = Vec::new();
            for (i, bar) in bars.iter().enumerate() {
                if i == cut {
                    let mut image = Vec::new();
                    trails.get(0).unwrap().save(&Roster::default(), &mut image).unwrap();
                    let mut rest = image.as_slice();
                    trails = Trails::default();
                    trails.add();
                    trails.restore(0, Trail::read(&mut rest, &Roster::default()).unwrap());
                    prop_assert!(rest.is_empty());
                }
                let shots: Vec<(Strategy, Candidate)> = Strategy::ALL
                    .into_iter()
                    .filter(|strategy| fired[i] >> strategy.index() & 1 != 0)
                    .map(|strategy| (strategy, candidate(side_of(i, strategy))))
                    .collect();
                if !trails.waits(0) && shots.is_empty() {
                    continue;
                }
                let shots = shots.iter().map(|(strategy, candidate)| (*strategy, candidate));
                trails.on_bar(0, bar, (0, 0), (bar.vwap, f64::NAN), shots, |due| {
                    let gain = due.gain.map(|Gain { ret, mfe, mae, slip }| [ret, mfe, mae, slip]);
                    found.push((due.signal_ts, due.strategy, usize::from(due.horizon), gain));
                });
            }
            let want = naive(&bars, &fired);
            prop_assert_eq!(found.len(), want.len());
            for (found, want) in found.iter().zip(&want) {
                prop_assert_eq!((found.0, found.1, found.2, found.3.is_some()), (want.0, want.1, want.2, want.3.is_some()));
                for (a, b) in found.3.unwrap_or_default().iter().zip(want.3.unwrap_or_default()) {
                    prop_assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{} {}", a, b);
                }
            }
        }
    }
}
