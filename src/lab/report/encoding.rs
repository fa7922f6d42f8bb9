//! Encoded histograms of HdrHistogram: V0, V1 and V2, plain or deflated.
//!
//! The library reads V2. V0 and V1, of logs from before 2016, are a header and one big-endian integer per slot.

use anyhow::{Result, anyhow, bail};
use flate2::read::ZlibDecoder;
use hdrhistogram::{Histogram, serialization::Deserializer};
use std::io::Read;

/// First four bytes of each encoding, without the bits that say how wide an integer is.
const V0: u32 = 0x1c84_9308;
const V0_DEFLATED: u32 = 0x1c84_9309;
const V1: u32 = 0x1c84_9301;
const V1_DEFLATED: u32 = 0x1c84_9302;
const V2: u32 = 0x1c84_9303;
const V2_DEFLATED: u32 = 0x1c84_9304;
const WIDTH_BITS: u32 = 0xf0;
/// What a histogram may inflate to, bytes: a corrupt length asks for no more.
const INFLATED_MAX: u64 = 64 << 20;

/// Decodes a histogram.
///
/// # Errors
/// The bytes are no histogram, or of an encoding that cannot be read; the error says which.
pub(super) fn decode(bytes: &[u8]) -> Result<Histogram<u64>> {
    match Reader(bytes).u32()? & !WIDTH_BITS {
        V2 | V2_DEFLATED => Deserializer::new().deserialize(&mut &bytes[..]).map_err(|error| anyhow!("{error}")),
        V0_DEFLATED | V1_DEFLATED => {
            let mut plain = Vec::new();
            let deflated = bytes.get(8..).unwrap_or_default();
            ZlibDecoder::new(deflated).take(INFLATED_MAX).read_to_end(&mut plain)?;
            slots(&plain)
        }
        V0 | V1 => slots(bytes),
        other => bail!("the encoding {other:#x} is not known: V0, V1 and V2 of HdrHistogram are"),
    }
}

/// Bytes that are read from their front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((first, rest)) = self.0.split_first_chunk::<N>() else { bail!("it is cut off") };
        self.0 = rest;
        Ok(*first)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    /// An integer of so many bytes.
    fn count(&mut self, width: u32) -> Result<i64> {
        Ok(match width {
            2 => i64::from(i16::from_be_bytes(self.take()?)),
            4 => i64::from(i32::from_be_bytes(self.take()?)),
            8 => i64::from_be_bytes(self.take()?),
            other => bail!("counts of {other} bytes are not known"),
        })
    }
}

/// A plain V0 or V1: a header, then how many values each slot has.
fn slots(bytes: &[u8]) -> Result<Histogram<u64>> {
    let mut reader = Reader(bytes);
    let cookie = reader.u32()?;
    let is_first = cookie & !WIDTH_BITS == V0;
    if !is_first && cookie & !WIDTH_BITS != V1 {
        bail!("inside, the encoding {cookie:#x} is not known");
    }
    let width = (cookie & WIDTH_BITS) >> 4 & 0xe;
    let mut length = None;
    if !is_first {
        length = Some(reader.u32()? as usize);
        if reader.u32()? != 0 {
            bail!("its slots are shifted, which is not understood");
        }
    }
    let (digits, lowest, highest) = (reader.u32()?, reader.u64()?, reader.u64()?);
    let last = reader.u64()?;
    if !is_first && f64::from_bits(last) != 1.0 {
        bail!("its values are not whole numbers");
    }
    let digits = u8::try_from(digits).unwrap_or(u8::MAX);
    let lowest = lowest.max(1);
    let mut histogram = Histogram::new_with_bounds(lowest, highest, digits).map_err(|error| anyhow!("{error}"))?;
    // V0 does not say how long it is.
    let length = length.unwrap_or(reader.0.len());
    let Some(end) = reader.0.len().checked_sub(length) else { bail!("it is cut off") };
    let mut slot = 0;
    while reader.0.len() > end {
        let count = u64::try_from(reader.count(width)?).map_err(|_| anyhow!("a count is negative"))?;
        if count > 0 {
            let value = value_of(slot, lowest, digits).filter(|value| *value <= histogram.high());
            let Some(value) = value else { bail!("slot {slot} is beyond {highest}") };
            histogram.record_n(value, count).map_err(|error| anyhow!("{error}"))?;
        }
        slot += 1;
    }
    Ok(histogram)
}

/// The lowest value of a slot: as many slots of the unit as keep the digits, then half as many for each doubling.
fn value_of(slot: u64, lowest: u64, digits: u8) -> Option<u64> {
    let half = (2 * 10_u64.pow(u32::from(digits))).next_power_of_two() / 2;
    let doublings = (slot / half).saturating_sub(1);
    let within = slot - half * doublings;
    let shift = u32::try_from(doublings).ok()? + lowest.ilog2();
    within.checked_mul(1_u64.checked_shl(shift)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::ZlibEncoder};
    use proptest::{collection::vec, prelude::*};
    use std::io::Write as _;

    /// The slots of a histogram, counted by the library, as V0 or V1 writes them.
    fn encode(histogram: &Histogram<u64>, version: u32, width: u32, deflate: bool) -> Vec<u8> {
        let mut payload = Vec::new();
        for slot in histogram.iter_all() {
            let count = slot.count_at_value().to_be_bytes();
            payload.extend_from_slice(&count[8 - width as usize..]);
        }
        let mut plain = ((if version == 0 { V0 } else { V1 }) | width << 4).to_be_bytes().to_vec();
        if version == 1 {
            plain.extend((payload.len() as u32).to_be_bytes());
            plain.extend(0_u32.to_be_bytes());
        }
        plain.extend(u32::from(histogram.sigfig()).to_be_bytes());
        plain.extend([histogram.low(), histogram.high()].map(u64::to_be_bytes).concat());
        plain.extend(if version == 0 { histogram.len().to_be_bytes() } else { 1_f64.to_bits().to_be_bytes() });
        plain.extend(payload);
        if !deflate {
            return plain;
        }
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&plain).unwrap();
        let deflated = deflated.finish().unwrap();
        let cookie = (if version == 0 { V0_DEFLATED } else { V1_DEFLATED }) | width << 4;
        [&cookie.to_be_bytes()[..], &(deflated.len() as u32).to_be_bytes(), &deflated].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn old_encodings_read_back_the_same(
            values in vec((0_u32..34, any::<u64>()), 0..60),
            digits in 1_u8..4,
            lowest in prop::sample::select(vec![1_u64, 1_000, 1_024]),
            width in prop::sample::select(vec![2_u32, 4, 8]),
            version in 0_u32..2,
            deflate: bool,
        ) {
            let mut histogram = Histogram::<u64>::new_with_bounds(lowest, 1 << 36, digits).unwrap();
            for (bits, value) in values {
                histogram.record_n(value & ((1 << bits) - 1), 1 + value % 9).unwrap();
            }
            let read = decode(&encode(&histogram, version, width, deflate)).unwrap();
            prop_assert_eq!(read.len(), histogram.len());
            // A slot tells no more than itself: the least value in it is not kept.
            let slots = |of: &Histogram<u64>| {
                of.iter_recorded().map(|slot| (slot.value_iterated_to(), slot.count_at_value())).collect::<Vec<_>>()
            };
            prop_assert_eq!(slots(&read), slots(&histogram));
        }

        #[test]
        fn bytes_that_are_no_histogram_are_refused(bytes in vec(any::<u8>(), 0..80), cookie in 0_usize..7, nibble in 0_u32..16) {
            let known = [V0, V0_DEFLATED, V1, V1_DEFLATED, V2, V2_DEFLATED, 0x1c84_0000];
            let bytes = [&(known[cookie] | nibble << 4).to_be_bytes()[..], &bytes].concat();
            // It returns, without a panic and without gigabytes.
            let _ = decode(&bytes);
            prop_assert!(cookie < 6 || decode(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 1 << 20, 2).unwrap();
        histogram.record(77_777).unwrap();
        let bytes = encode(&histogram, 0, 4, false);
        assert!(decode(&bytes[..30]).unwrap_err().to_string().contains("cut off"));
        assert!(decode(&bytes[..bytes.len() - 1]).unwrap_err().to_string().contains("cut off"));
        assert!(decode(b"abcd").unwrap_err().to_string().contains("is not known"));
    }
}
