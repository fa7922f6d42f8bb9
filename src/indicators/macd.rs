//! MACD(fast, slow, signal): the difference of two averages, its own average, and the difference of these.
//!
//! `line = EMA(fast) − EMA(slow)`, `signal = EMA(signal) of line`, `histogram = line − signal`. As in TA-Lib the fast
//! average is seeded where the slow one is, with the mean of the `fast` values that end there, and all three become
//! ready together at `slow + signal − 2`. O(1) a bar.

use super::{
    BadImage, ImageReader, ImageWriter,
    ema::{Ema, EmaSpec},
};

/// State and last values of a MACD.
#[derive(Debug, Clone, Copy)]
pub struct Macd {
    pub(super) fast: Ema,
    pub(super) slow: Ema,
    signal_ema: Ema,
    /// `EMA(fast) − EMA(slow)`, NaN before all three are ready.
    pub line: f64,
    /// `EMA(signal)` of the line, NaN before all three are ready.
    pub signal: f64,
    /// `line − signal`, NaN before all three are ready.
    pub histogram: f64,
}

/// Parameters of a [`Macd`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdSpec {
    pub(super) fast: EmaSpec,
    pub(super) slow: EmaSpec,
    pub(super) signal: EmaSpec,
    pub(super) ready: u64,
}

impl MacdSpec {
    /// A MACD of these lengths in bars; `fast <= slow`.
    #[must_use]
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        Self {
            fast: EmaSpec::new(slow.saturating_sub(fast), fast),
            slow: EmaSpec::new(0, slow),
            signal: EmaSpec::new(slow - 1, signal),
            ready: (slow + signal - 2) as u64,
        }
    }
}

impl Default for Macd {
    fn default() -> Self {
        Self {
            fast: Ema::default(),
            slow: Ema::default(),
            signal_ema: Ema::default(),
            line: f64::NAN,
            signal: f64::NAN,
            histogram: f64::NAN,
        }
    }
}

impl Macd {
    /// Takes the price of bar `i`.
    #[inline]
    pub fn on_price(&mut self, spec: &MacdSpec, i: u64, price: f64) {
        let line = self.fast.on_value(&spec.fast, i, price) - self.slow.on_value(&spec.slow, i, price);
        let signal = self.signal_ema.on_value(&spec.signal, i, line);
        if i >= spec.ready {
            self.line = line;
            self.signal = signal;
            self.histogram = line - signal;
        }
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        [&self.fast, &self.slow, &self.signal_ema].into_iter().for_each(|ema| ema.write_state(out));
        out.reals(&[self.line, self.signal, self.histogram]);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let (fast, slow, signal_ema) = (Ema::read_state(image)?, Ema::read_state(image)?, Ema::read_state(image)?);
        let [line, signal, histogram] = image.reals()?;
        Ok(Self { fast, slow, signal_ema, line, signal, histogram })
    }
}
