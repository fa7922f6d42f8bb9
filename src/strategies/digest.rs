//! What the numbers of a cell depend on, as one number.

use super::{Number, ParamVisitor, StrategyParams, TABLES, Whole};
use crate::model::PriceMethod;

/// Raised when the same parameters give other numbers than before, or a cell remembers something else.
const VERSION: u64 = 1;

/// A digest of everything that a cell's numbers depend on besides its bars: every parameter of every strategy by name, the
/// price that is read, the price scale, and whether published indicators are computed. Cells with the same digest go on
/// from each other's state; where it differs they must not. It is the same on every machine.
#[must_use]
pub fn cell_digest(params: &StrategyParams, method: PriceMethod, price_scale: f64, publish: bool) -> u64 {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    let mut params = params.clone();
    for &(section, pick) in TABLES {
        digest.text(section);
        pick(&mut params).visit(&mut digest);
    }
    let method = match method {
        PriceMethod::Ohlc => 0,
        PriceMethod::Vwap => 1,
        PriceMethod::Typical => 2,
    };
    [method, price_scale.to_bits(), u64::from(publish), VERSION].into_iter().for_each(|word| digest.word(word));
    digest.0
}

/// FNV-1a, 64 bits.
struct Digest(u64);

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn word(&mut self, word: u64) {
        self.bytes(&word.to_le_bytes());
    }

    /// A name, and an end that no name has.
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }
}

impl ParamVisitor for Digest {
    fn count(&mut self, name: &'static str, value: &mut usize, _: Whole) {
        self.text(name);
        self.word(*value as u64);
    }
    fn real(&mut self, name: &'static str, value: &mut f64, _: Number) {
        self.text(name);
        self.word(value.to_bits());
    }
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        self.text(name);
        self.word(u64::from(*value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes the parameter of a number.
    struct Change {
        at: usize,
        seen: usize,
    }

    impl Change {
        fn is_it(&mut self) -> bool {
            self.seen += 1;
            self.seen - 1 == self.at
        }
    }

    impl ParamVisitor for Change {
        fn count(&mut self, _: &'static str, value: &mut usize, _: Whole) {
            *value += usize::from(self.is_it());
        }
        fn real(&mut self, _: &'static str, value: &mut f64, _: Number) {
            *value += f64::from(u8::from(self.is_it()));
        }
        fn flag(&mut self, _: &'static str, value: &mut bool) {
            *value ^= self.is_it();
        }
    }

    #[test]
    fn every_parameter_counts() {
        let digest = |params: &StrategyParams| cell_digest(params, PriceMethod::Ohlc, 1.0, false);
        let mut seen = vec![digest(&StrategyParams::default())];
        assert_eq!(digest(&StrategyParams::default()), seen[0]);
        for at in 0.. {
            let (mut params, mut change) = (StrategyParams::default(), Change { at, seen: 0 });
            TABLES.iter().for_each(|(_, pick)| pick(&mut params).visit(&mut change));
            if at == change.seen {
                break;
            }
            seen.push(digest(&params));
        }
        let params = StrategyParams::default();
        seen.push(cell_digest(&params, PriceMethod::Vwap, 1.0, false));
        seen.push(cell_digest(&params, PriceMethod::Ohlc, 0.5, false));
        seen.push(cell_digest(&params, PriceMethod::Ohlc, 1.0, true));
        let count = seen.len();
        assert!(count > 80, "{count}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
