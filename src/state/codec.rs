//! Values to bytes and back: bincode with fixed widths, little-endian, bit for bit.

use bincode::{
    BorrowDecode, Decode, Encode,
    config::{Configuration, Fixint, Limit, LittleEndian},
};

/// No length of a list may ask for more than this, bytes.
const BYTES_MAX: usize = 1 << 26;

const FORMAT: Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>> =
    bincode::config::legacy().with_limit::<BYTES_MAX>();

/// Why state could not be written or taken back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A value cannot be written.
    #[error("the state cannot be encoded")]
    Encode(#[from] bincode::error::EncodeError),
    /// The bytes are no such value.
    #[error("the state cannot be decoded")]
    Decode(#[from] bincode::error::DecodeError),
    /// The bytes are not the state of such a cell.
    #[error(transparent)]
    Cell(#[from] crate::indicators::BadImage),
    /// The value is none that a snapshot of this version can hold.
    #[error("the state of {0} is none that this version writes")]
    Shape(&'static str),
    /// A record's layout is that of another version.
    #[error("it has records of another version of the engine")]
    Version,
}

/// Whether a time, Unix ms, is one that arithmetic with intervals cannot overflow, or that of nothing, `i64::MIN`.
#[must_use]
pub fn is_sound_time(ms: i64) -> bool {
    ms == i64::MIN || ms.unsigned_abs() < 1 << 60
}

/// Appends a value. Allocates where `out` has to grow.
///
/// # Errors
/// [`StateError::Encode`], which no value of this program causes.
#[inline]
pub fn put<T: Encode>(out: &mut Vec<u8>, value: &T) -> Result<(), StateError> {
    bincode::encode_into_std_write(value, out, FORMAT)?;
    Ok(())
}

/// Takes a value off the front.
///
/// # Errors
/// [`StateError::Decode`] where the bytes are none of this type.
#[inline]
pub fn take<T: Decode<()>>(bytes: &mut &[u8]) -> Result<T, StateError> {
    let (value, len) = bincode::decode_from_slice(bytes, FORMAT)?;
    *bytes = &bytes[len..];
    Ok(value)
}

/// Takes a value off the front that borrows its texts from the bytes.
///
/// # Errors
/// [`StateError::Decode`] where the bytes are none of this type.
pub fn take_borrowed<'de, T: BorrowDecode<'de, ()>>(bytes: &mut &'de [u8]) -> Result<T, StateError> {
    let (value, len) = bincode::borrow_decode_from_slice(bytes, FORMAT)?;
    *bytes = &bytes[len..];
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_bit_for_bit_and_nonsense_does_not() {
        let mut out = Vec::new();
        let nan = f64::from_bits(0x7ff8_dead_beef_0001);
        put(&mut out, &(7u16, nan, vec![-0.0, 5e-324])).unwrap();
        put(&mut out, &Some(-1i64)).unwrap();
        let mut rest = out.as_slice();
        let (n, x, list): (u16, f64, Vec<f64>) = take(&mut rest).unwrap();
        assert_eq!((n, x.to_bits(), list[0].to_bits(), list[1]), (7, nan.to_bits(), 1 << 63, 5e-324));
        assert_eq!(take::<Option<i64>>(&mut rest).unwrap(), Some(-1));
        assert!(rest.is_empty());
        assert!(take::<u8>(&mut rest).is_err());
        // A length that would fill the memory.
        let bomb = u64::MAX.to_le_bytes();
        assert!(take::<Vec<f64>>(&mut bomb.as_slice()).is_err());
    }
}
