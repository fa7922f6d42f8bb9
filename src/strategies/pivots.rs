//! Prices of the newest tops and bottoms of a cell, kept close by: what levels are made of.
//!
//! They change on few bars, and so are not among the words that every bar loads and stores.

use crate::{
    indicators::{BadImage, History, ImageReader, ImageWriter, prefetch_all},
    lanes::{Line, Vector},
};

/// Pivots on either side whose prices are kept: of a walk, more than these lie within the look back once in a hundred
/// bars.
pub(super) const RECENT: usize = 8;
/// Pivots on either side in the image of a cell.
const IN_IMAGE: usize = 16;

/// Prices of the newest pivots of a cell, the newest first; NaN where there was none yet.
#[derive(Debug, Clone)]
pub(super) struct Pivots {
    /// Tops, then bottoms.
    pub(super) sides: [Line; 2],
}

/// The pivots of the cells of a step, wherever they lie.
pub(crate) trait PivotRows<V: Vector> {
    /// Puts the price of a top, or of a bottom, before the others, where there is a new one.
    fn push_pivots(&mut self, bottoms: bool, new: V::M, price: V::F);
    /// The newest bottoms where the condition holds, else the newest tops.
    fn pivots(&self, bottoms: V::M) -> [V::F; RECENT];
}

impl Pivots {
    /// None yet.
    pub(super) const NONE: Self = Self { sides: [Line::NAN; 2] };

    /// The newest tops, or bottoms.
    #[inline(always)]
    pub(super) fn of(&self, bottoms: bool) -> &Line {
        &self.sides[usize::from(bottoms)]
    }

    /// Prefetches them.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        prefetch_all(self);
    }

    /// Puts the price of a top, or of a bottom, before the others; the oldest is forgotten.
    #[inline(always)]
    pub(super) fn push(&mut self, bottom: bool, price: f64) {
        let Line(prices) = &mut self.sides[usize::from(bottom)];
        let [a, b, c, d, e, f, g, _] = *prices;
        *prices = [price, a, b, c, d, e, f, g];
    }

    /// Appends the prices of more pivots than are kept: those of the others that count are found in the history.
    /// `bits` tell where they are, of tops and of bottoms.
    pub(super) fn write_state(&self, history: &History, bits: [u128; 2], out: &mut ImageWriter<'_>) {
        for (k, (kept, bits)) in self.sides.iter().zip(bits).enumerate() {
            let mut prices = [f64::NAN; IN_IMAGE];
            prices[..RECENT].copy_from_slice(&kept.0);
            let known = (0..128).filter(|back| bits >> back & 1 != 0);
            for (price, back) in prices.iter_mut().zip(known).skip(RECENT) {
                *price = if k == 0 { history.high(back) } else { history.low(back) };
            }
            out.reals(&prices);
        }
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut pivots = Self::NONE;
        for kept in &mut pivots.sides {
            let prices: [f64; IN_IMAGE] = image.reals()?;
            kept.0.copy_from_slice(&prices[..RECENT]);
        }
        Ok(pivots)
    }
}
