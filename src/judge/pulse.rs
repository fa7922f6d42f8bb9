//! Volatility and moves of a cell, bar by bar: what the calibrated confidence and the selection are told. Hot.

use crate::{
    model::{Bar, Drift, SURROUNDINGS, change},
    state::{StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// Bars over which moves are measured.
const MOVES: [usize; 3] = [1, 5, 20];
/// Bars remembered: the newest and those of the longest move.
const BARS: usize = MOVES[MOVES.len() - 1] + 1;
/// Least variance of a bar.
const FLOOR: f64 = 1e-12;
/// Moves count up to so many times the volatility.
const MOST: f64 = 3.0;

/// Where the sums of returns stood at a bar.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Place {
    own: f64,
    market: f64,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Pulse {
    /// Close of the last bar; NaN before the first.
    close: f64,
    /// Exponentially weighted variances of a bar, over 20 and 400.
    short: f64,
    long: f64,
    /// Symbols of the market other than its own that had been seen.
    others: u32,
    /// Place of the newest bar, and how many there are.
    at: u8,
    count: u8,
    places: [Place; BARS],
}

impl Pulse {
    /// Before the first bar.
    const NONE: Self = Self {
        close: f64::NAN,
        short: 0.0,
        long: 0.0,
        others: 0,
        at: 0,
        count: 0,
        places: [Place { own: 0.0, market: 0.0 }; BARS],
    };

    /// Takes a closed bar, with the sums as of its last base bar; without them it is a base bar itself, of a symbol without a
    /// market.
    #[inline]
    fn on_bar(&mut self, bar: &Bar, drift: Option<Drift>) {
        let newest = self.places[usize::from(self.at)].own;
        let ret = change(self.close, bar.close);
        let (square, first) = (ret * ret, self.count == 0);
        if !first {
            self.short += 2.0 / 21.0 * (square - self.short);
            self.long += 2.0 / 401.0 * (square - self.long);
        }
        self.close = bar.close;
        let drift = drift.unwrap_or(Drift { own: newest + ret, market: 0.0, others: 0 });
        self.others = drift.others;
        self.at = ((usize::from(self.at) + 1) % BARS) as u8;
        self.places[usize::from(self.at)] = Place { own: drift.own, market: drift.market };
        self.count = (self.count + 1).min(BARS as u8);
    }

    /// Measures its places by other sums, which are ahead of those before by so much, of the symbol and of the market.
    pub fn measure_by(&mut self, [own, market]: [f64; 2]) {
        for place in &mut self.places {
            *place = Place { own: place.own + own, market: place.market + market };
        }
    }

    /// Measures its places by sums that begin at the newest bar.
    pub fn measure_from_here(&mut self) {
        let Place { own, market } = self.places[usize::from(self.at)];
        self.measure_by([-own, -market]);
    }

    /// Volatility of a bar, a share.
    #[inline]
    fn sigma(&self) -> f64 {
        self.short.max(FLOOR).sqrt()
    }

    /// What the calibrated confidence is told of the newest bar, as if to buy.
    #[inline]
    fn surroundings(&self, in_market: bool) -> [f64; SURROUNDINGS] {
        let (short, long) = (self.sigma(), self.long.max(FLOOR).sqrt());
        let mut values = [0.0; SURROUNDINGS];
        values[0] = 2.0 * (short - long) / (short + long);
        let now = self.places[usize::from(self.at)];
        for (k, bars) in MOVES.into_iter().enumerate() {
            let back = bars.min(usize::from(self.count.max(1)) - 1);
            let then = self.places[(usize::from(self.at) + BARS - back) % BARS];
            let scaled = |moved: f64| (moved / (short * (bars as f64).sqrt())).clamp(-MOST, MOST) / 2.0;
            let own = now.own - then.own;
            values[1 + k] = scaled(own);
            if self.others > 0 {
                let member = if in_market { own } else { 0.0 };
                values[4 + k] = scaled((now.market - then.market - member) / f64::from(self.others));
            }
        }
        values
    }
}

/// The pulses of a worker's cells, by their numbers.
#[derive(Debug, Default)]
pub struct Pulses {
    pulses: Vec<Pulse>,
    /// By cell: whether its symbol is of the market.
    in_market: Vec<bool>,
}

impl Pulses {
    /// Adds the next cell, of a symbol that is of the market or not. Allocates.
    pub fn add(&mut self, in_market: bool) {
        self.pulses.push(Pulse::NONE);
        self.in_market.push(in_market);
    }

    /// Takes a closed bar of a cell; gives the volatility of a bar as of it.
    #[inline]
    pub fn on_bar(&mut self, cell: usize, bar: &Bar, drift: Option<Drift>) -> f64 {
        let Some(pulse) = self.pulses.get_mut(cell) else { return f64::NAN };
        pulse.on_bar(bar, drift);
        pulse.sigma()
    }

    /// What the calibrated confidence is told of the newest bar of a cell, as if to buy.
    #[inline]
    #[must_use]
    pub fn surroundings(&self, cell: usize) -> [f64; SURROUNDINGS] {
        let in_market = self.in_market.get(cell).is_some_and(|in_market| *in_market);
        self.pulses.get(cell).map_or([0.0; SURROUNDINGS], |pulse| pulse.surroundings(in_market))
    }

    /// The pulse of a cell.
    #[must_use]
    pub fn get(&self, cell: usize) -> Option<&Pulse> {
        self.pulses.get(cell)
    }

    /// Goes on from a saved pulse.
    pub fn restore(&mut self, cell: usize, pulse: Pulse) {
        if let Some(own) = self.pulses.get_mut(cell) {
            *own = pulse;
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pulses.capacity() * size_of::<Pulse>() + self.in_market.capacity()
    }
}

impl Pulse {
    /// Appends the state.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, self)
    }

    /// Takes off the front what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The bytes do not decode to a pulse.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let pulse: Self = take(bytes)?;
        let sound = usize::from(pulse.at) < BARS && usize::from(pulse.count) <= BARS;
        if sound { Ok(pulse) } else { Err(StateError::Shape("the pulse of a cell")) }
    }
}
