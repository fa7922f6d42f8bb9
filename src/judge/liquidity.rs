//! Whether the bars of a cell come as the calendar has them: who trades on a cell that misses most of its bars trades
//! yesterday's price. Hot.

use crate::state::{StateError, is_sound_time, put, take};
use wincode::{SchemaRead, SchemaWrite};

/// Weight of the newest bar.
const ALPHA: f64 = 2.0 / 201.0;
/// Below and above which share of its bars a cell becomes illiquid, and liquid again.
const ILLIQUID_BELOW: f64 = 0.4;
const LIQUID_ABOVE: f64 = 0.6;

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Liquidity {
    /// Exponentially weighted share of the spans that had a bar.
    share: f64,
    liquid: bool,
    /// End of the newest bar, Unix ms; `i64::MIN` before the first.
    end: i64,
}

impl Liquidity {
    const NEW: Self = Self { share: 1.0, liquid: true, end: i64::MIN };

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
    /// The bytes do not decode to this state.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let liquidity: Self = take(bytes)?;
        let sound = is_sound_time(liquidity.end) && (0.0..=1.0).contains(&liquidity.share);
        if sound { Ok(liquidity) } else { Err(StateError::Shape("the liquidity of a cell")) }
    }
}

/// The liquidity of a worker's cells, by their numbers.
#[derive(Debug, Default)]
pub struct Liquidities(Vec<Liquidity>);

impl Liquidities {
    /// Adds the next cell. Allocates.
    pub fn add(&mut self) {
        self.0.push(Liquidity::NEW);
    }

    /// Takes a bar of a cell, from one moment to another; `missing` counts the spans between two moments. Gives the share of
    /// its bars where the cell has become liquid, or has ceased to be.
    #[inline]
    pub fn on_bar(
        &mut self,
        cell: usize,
        (start, end): (i64, i64),
        missing: impl FnOnce(i64, i64) -> i64,
    ) -> Option<(bool, f64)> {
        let own = self.0.get_mut(cell)?;
        let before = std::mem::replace(&mut own.end, end);
        if before == i64::MIN {
            return None;
        }
        let missing = if start == before { 0 } else { missing(before, start).max(0) };
        own.share += ALPHA * (1.0 / (1 + missing) as f64 - own.share);
        let liquid = if own.liquid { own.share >= ILLIQUID_BELOW } else { own.share > LIQUID_ABOVE };
        let was = std::mem::replace(&mut own.liquid, liquid);
        (was != liquid).then_some((liquid, own.share))
    }

    /// The liquidity of a cell.
    #[must_use]
    pub fn get(&self, cell: usize) -> Option<&Liquidity> {
        self.0.get(cell)
    }

    /// Goes on from a saved one.
    pub fn restore(&mut self, cell: usize, liquidity: Liquidity) {
        if let Some(own) = self.0.get_mut(cell) {
            *own = liquidity;
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Liquidity>()
    }
}
