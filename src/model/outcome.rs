//! What became of a signal.

use super::{Crossed, HeldBack, Side, SignalKind, Strategy, SymbolId, TimeframeId};

/// The horizons at which a signal is looked at: closed bars of its cell after its own.
pub const HORIZONS: [usize; 3] = [1, 3, 10];

/// The place of the longest horizon: what is published with a signal, selects its lane and tells its quality is of this one.
pub const LONGEST_HORIZON: usize = HORIZONS.len() - 1;

/// What a signal would have brought, from the open of the next bar to the close of the last one of the horizon. Shares: 0.01
/// is one per cent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// The return, above 0 where the price went the signal's way.
    pub ret: f64,
    /// The best that it was on the way.
    pub mfe: f64,
    /// The worst that it was on the way.
    pub mae: f64,
    /// What was lost between the price of the signal and the next open; above 0 where the price ran away.
    pub slip: f64,
}

/// What became of one signal at one horizon. It is known in the group of the last bar of the horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalOutcome {
    /// Sequence of the record that closed the last bar.
    pub seq: u64,
    /// End of the last bar, Unix ms.
    pub event_ts: i64,
    /// Start of the signal's own bar, Unix ms.
    pub signal_ts: i64,
    /// Symbol of the signal.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Its strategy.
    pub strategy: Strategy,
    /// Its kind.
    pub kind: SignalKind,
    /// Its side.
    pub side: Side,
    /// Place of the horizon in [`HORIZONS`].
    pub horizon: u8,
    /// Volatility of a bar as of the signal's, a share; NaN where nobody asked for it.
    pub sigma: f64,
    /// What it brought; `None` where a jump in the window looks like a split.
    pub gain: Option<Gain>,
}

/// What is known of signals like one, when it is published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Outcomes so far of its symbol, timeframe and strategy, at the longest horizon; `None` where nobody counts.
    pub n: Option<u32>,
    /// How many of them were won.
    pub wins: u32,
    /// The probability that it wins; `None` where nobody tells.
    pub calibrated: Option<f64>,
    /// Outcomes of its symbol that this was learned from.
    pub learned: u32,
    /// Whether its lane is on, and its cell liquid; `None` where nobody selects.
    pub selected: Option<(bool, bool)>,
    /// Why it is to be held back.
    pub hold: Option<HeldBack>,
    /// What the other symbols say of it; `None` where nobody asks, or its symbol or all others are not ready.
    pub crossed: Option<Crossed>,
}

/// Outcomes from which on a calibrated confidence can be relied on.
pub const CALIBRATED_FROM: u32 = 200;

impl Judged {
    /// Nobody counts.
    pub const NOTHING: Self =
        Self { n: None, wins: 0, calibrated: None, learned: 0, selected: None, hold: None, crossed: None };

    /// The calibrated confidence, where it can be relied on.
    #[inline]
    #[must_use]
    pub fn relied_on(&self) -> Option<f64> {
        self.calibrated.filter(|_| self.learned >= CALIBRATED_FROM)
    }

    /// The share that was won; `None` of none.
    #[must_use]
    pub fn win_rate(&self) -> Option<f64> {
        self.n.filter(|&n| n > 0).map(|n| f64::from(self.wins) / f64::from(n))
    }
}
