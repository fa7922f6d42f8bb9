//! Values to bytes and back: fixed widths, little-endian, bit for bit, as bincode writes them.

use wincode::{
    SchemaRead, SchemaWrite,
    config::Configuration,
    error::{ReadError, WriteError},
};

/// No list may ask for more memory than this, bytes.
const BYTES_MAX: usize = 1 << 25;

/// How values are written: that of bincode's first version.
pub type Format = Configuration<true, BYTES_MAX>;

/// Why state could not be written or taken back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A value cannot be written.
    #[error("the state cannot be encoded")]
    Encode(#[from] WriteError),
    /// The bytes do not decode to such a value.
    #[error("the state cannot be decoded")]
    Decode(#[from] ReadError),
    /// The bytes are not the state of such a cell.
    #[error(transparent)]
    Cell(#[from] crate::indicators::BadImage),
    /// A value that this version never writes.
    #[error("the state of {0} holds a value that this version never writes")]
    Shape(&'static str),
    /// A record has the layout of another version.
    #[error("it has records of another version of the engine")]
    Version,
}

/// Whether a time, Unix ms, is `i64::MIN` (none) or far enough from the limits that adding intervals cannot overflow.
#[must_use]
pub fn is_sound_time(ms: i64) -> bool {
    ms == i64::MIN || ms.unsigned_abs() < 1 << 60
}

/// Appends a value. Allocates only if `out` has to grow.
///
/// # Errors
/// [`StateError::Encode`], which no value of this program causes.
#[inline]
pub fn put<T: SchemaWrite<Format, Src = T>>(out: &mut Vec<u8>, value: &T) -> Result<(), StateError> {
    T::write(out, value)?;
    Ok(())
}

/// Reads a value from the front of the bytes; its texts borrow from them.
///
/// # Errors
/// [`StateError::Decode`] if the bytes are not a value of this type.
#[inline]
pub fn take<'de, T: SchemaRead<'de, Format, Dst = T>>(bytes: &mut &'de [u8]) -> Result<T, StateError> {
    Ok(T::get(bytes)?)
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
        // A length that would exhaust the memory.
        let bomb = u64::MAX.to_le_bytes();
        assert!(take::<Vec<f64>>(&mut bomb.as_slice()).is_err());
    }
}
