//! How good the calibrated confidence is of late, over all signals.

use super::account::{Entry, decay};
use crate::model::CONFIDENCE_BINS;
use crate::state::{StateError, put, take};
use wincode::{SchemaRead, SchemaWrite};

/// Sums about the calibrated confidence of all signals at the longest horizon.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
pub struct CalibrationQuality {
    n: u64,
    wins: u64,
    /// Exponentially weighted: Brier score, and that of the share that had been won before.
    brier: f64,
    base: f64,
    weight: f64,
    /// By bin: sum of the confidences less the wins.
    apart: [f64; CONFIDENCE_BINS],
}

impl CalibrationQuality {
    /// Takes the outcome of a signal with this calibrated confidence.
    pub(super) fn add(&mut self, p: f64, entry: &Entry) {
        let won = f64::from(u8::from(entry.won));
        let rate = (self.wins as f64 + 1.0) / (self.n as f64 + 2.0);
        let decay = decay();
        self.brier = decay * self.brier + (p - won) * (p - won);
        self.base = decay * self.base + (rate - won) * (rate - won);
        self.weight = decay * self.weight + 1.0;
        let bin = ((p * CONFIDENCE_BINS as f64) as usize).min(CONFIDENCE_BINS - 1);
        self.apart[bin] += p - won;
        self.n += 1;
        self.wins += u64::from(entry.won);
    }

    /// Outcomes so far.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.n
    }

    /// Brier score of late, that of the share that had been won before, and the expected calibration error over all; NaN
    /// without an outcome.
    #[must_use]
    pub fn scores(&self) -> [f64; 3] {
        let apart: f64 = self.apart.iter().map(|apart| apart.abs()).sum();
        [self.brier / self.weight, self.base / self.weight, apart / self.n as f64]
    }

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
    /// The bytes do not decode to these sums.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let quality: Self = take(bytes)?;
        let sound = quality.n < 1 << 60 && quality.wins <= quality.n;
        if sound { Ok(quality) } else { Err(StateError::Shape("the quality of the calibrated confidence")) }
    }
}
