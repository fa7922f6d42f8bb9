//! A file of bars, in whichever form it is.

#[cfg(feature = "parquet")]
use super::ParquetSource;
use super::dialect::Dialect;
use super::stamps::Stamps;
use super::{CsvSource, Line};
use crate::model::Timeframe;
use std::io;

/// A source of bars from one file.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one per file
pub enum BarFile {
    /// A text with one bar a line.
    Text(CsvSource),
    /// A Parquet file.
    #[cfg(feature = "parquet")]
    Parquet(ParquetSource),
}

/// Asks whichever it is.
macro_rules! ask {
    ($file:expr, $source:ident => $asked:expr) => {
        match $file {
            BarFile::Text($source) => $asked,
            #[cfg(feature = "parquet")]
            BarFile::Parquet($source) => $asked,
        }
    };
}

impl BarFile {
    /// The next line with values; `None` at the end.
    ///
    /// # Errors
    /// As for [`CsvSource::next`].
    #[inline]
    #[allow(clippy::should_implement_trait)] // a lending iterator cannot implement Iterator
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    /// Goes to the next line, which [`current`](Self::current) returns; false at the end.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    #[inline]
    pub fn advance(&mut self) -> io::Result<bool> {
        ask!(self, source => source.advance())
    }

    /// The line that [`advance`](Self::advance) went to.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Option<Line<'_>> {
        ask!(self, source => source.current())
    }

    /// How its lines are read.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        ask!(self, source => source.dialect())
    }

    /// How its stamps are read, and which forms of them have been seen.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        ask!(self, source => source.stamps())
    }

    /// Says that its records come newest first.
    pub fn set_backwards(&mut self) {
        ask!(self, source => source.set_backwards());
    }

    /// The interval of the bars.
    #[must_use]
    pub fn base(&self) -> Timeframe {
        ask!(self, source => source.base())
    }

    /// Bytes read from the file so far, before decompression.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        ask!(self, source => source.bytes_read())
    }

    /// Length of the file, bytes, before decompression; `None` for a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        ask!(self, source => source.total_bytes())
    }
}

impl From<CsvSource> for BarFile {
    fn from(source: CsvSource) -> Self {
        Self::Text(source)
    }
}
