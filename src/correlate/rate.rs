//! How many signals a style may publish in a second, and which come first. Hot where it is asked for; allocates only for more
//! signals at a time than ever before.

use crate::model::{Composite, HeldBack, TradingStyle};
use wincode::{SchemaRead, SchemaWrite};

/// Styles.
const STYLES: usize = TradingStyle::ALL.len();

/// How much of a second has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct RateState {
    /// The second of the wall.
    second: i64,
    /// By style: signals published in it.
    used: [u32; STYLES],
}

/// The limits of the styles, with what has been used of them.
#[derive(Debug, Clone)]
pub(super) struct RateLimits {
    /// By style: signals a second; 0 for as many as there are.
    max: [u32; STYLES],
    state: RateState,
    /// Numbers of the signals at hand, in the order in which they are decided.
    order: Vec<u32>,
}

impl RateLimits {
    /// These limits; `None` where there are none.
    pub fn new(max: [u32; STYLES]) -> Option<Self> {
        let state = RateState { second: i64::MIN, used: [0; STYLES] };
        max.iter().any(|&max| max > 0).then(|| Self { max, state, order: Vec::with_capacity(64) })
    }

    /// What has been used.
    pub const fn state(&self) -> RateState {
        self.state
    }

    /// Goes on from there.
    pub fn restore(&mut self, state: RateState) {
        self.state = state;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.order.capacity() * size_of::<u32>()
    }

    /// Decides on the signals that the log gives at one place, at this wall, Unix ms: of styles that have a limit by priority,
    /// equal ones in the order of publication, of others in that order. `admit` is given the number of each signal with what
    /// is left for it, which is used up where it says so.
    pub fn decide(
        &mut self,
        wall_ms: i64,
        signals: &[Composite],
        mut admit: impl FnMut(usize, Result<(), HeldBack>) -> bool,
    ) {
        let second = wall_ms.div_euclid(1_000);
        if second > self.state.second {
            self.state = RateState { second, used: [0; STYLES] };
        }
        let Self { max, state, order } = self;
        order.clear();
        order.extend(0..signals.len() as u32);
        let rank = |&number: &u32| {
            let Composite { style, priority, .. } = signals[number as usize];
            if max[style.index()] > 0 { priority } else { f64::INFINITY }
        };
        order.sort_unstable_by(|a, b| rank(b).total_cmp(&rank(a)).then(a.cmp(b)));
        for &number in order.iter() {
            let style = signals[number as usize].style.index();
            let is_free = max[style] == 0 || state.used[style] < max[style];
            let left = if is_free { Ok(()) } else { Err(HeldBack::RateLimited) };
            if admit(number as usize, left) {
                state.used[style] = state.used[style].saturating_add(1);
            }
        }
    }
}
