//! The state of a cell as bytes: what a snapshot holds of it. Little-endian words of 64 bits, every value to the bit.

use thiserror::Error;

/// Why bytes are not the state of such a cell.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BadImage {
    /// Words are missing.
    #[error("the image of a cell ends too early")]
    TooShort,
    /// Words are left over.
    #[error("the image of a cell has {0} bytes too many")]
    TooLong(usize),
    /// It is that of a cell with other indicators, or with a history too short for this one.
    #[error(
        "the image is of a cell with {what}: {found}, not {wanted}; restore it with the parameters it was made with"
    )]
    Other {
        /// What differs.
        what: &'static str,
        /// What the image has.
        found: u64,
        /// What the cell has.
        wanted: u64,
    },
}

/// Appends words to an image.
#[derive(Debug)]
pub(crate) struct ImageWriter<'a>(pub(crate) &'a mut Vec<u8>);

impl ImageWriter<'_> {
    pub(crate) fn word(&mut self, word: u64) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    pub(crate) fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|&word| self.word(word));
    }

    pub(crate) fn reals(&mut self, values: &[f64]) {
        values.iter().for_each(|value| self.word(value.to_bits()));
    }
}

/// Takes the words of an image in the order in which they were written.
#[derive(Debug)]
pub(crate) struct ImageReader<'a>(pub(crate) &'a [u8]);

impl ImageReader<'_> {
    pub(crate) fn word(&mut self) -> Result<u64, BadImage> {
        let (word, rest) = self.0.split_first_chunk().ok_or(BadImage::TooShort)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*word))
    }

    /// A word that must be `wanted`.
    pub(crate) fn expect(&mut self, what: &'static str, wanted: u64) -> Result<(), BadImage> {
        let found = self.word()?;
        if found == wanted { Ok(()) } else { Err(BadImage::Other { what, found, wanted }) }
    }

    pub(crate) fn real(&mut self) -> Result<f64, BadImage> {
        self.word().map(f64::from_bits)
    }

    pub(crate) fn reals<const N: usize>(&mut self) -> Result<[f64; N], BadImage> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.real()?;
        }
        Ok(values)
    }

    /// Fails if bytes are left.
    pub(crate) fn end(&self) -> Result<(), BadImage> {
        if self.0.is_empty() { Ok(()) } else { Err(BadImage::TooLong(self.0.len())) }
    }
}
