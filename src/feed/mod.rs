//! The reader's stage: from the bytes of an input to accepted, numbered records.

mod admission;
mod bar_file;
mod clocks;
mod container;
mod csv;
mod decode;
pub mod dialect;
mod external;
mod form;
mod frame;
pub mod json;
mod lines;
pub mod look;
mod merge;
mod mock;
mod newest_bars;
pub mod number;
#[cfg(feature = "parquet")]
mod parquet;
mod record;
mod sorted;
pub mod stamps;
pub mod streams;
pub mod timestamp;
mod utf16;
mod validate;
mod walk;
pub mod zone;

pub use crate::model::Refusal;
pub use admission::{Admission, AdmissionState, Admitted, Arrival, Aside};
pub use bar_file::BarFile;
pub use clocks::Closing;
pub use container::{Bytes, Compression, unpack};
pub use csv::{CsvError, CsvSource, Line, TextInput};
pub use decode::{Entry, Heartbeat, decode_entry};
pub use external::{ExternalSignal, read_factors};
pub use form::EntryForm;
pub use frame::{FRAME_SYMBOL_LEN, FrameError, FrameRecord, FrameView, MAX_FRAME_LEN, MAX_FRAME_RECORDS, encode_frame};
pub use lines::MAX_LINE_LEN;
pub use merge::{MergedLine, MergedSource, OutOfOrder};
pub use mock::{MockConfig, MockError, MockMarket, Part};
pub use newest_bars::SavedNewestBar;
#[cfg(feature = "parquet")]
pub use parquet::ParquetSource;
pub use record::Record;
pub use sorted::{SortedSource, Sorter};
pub use validate::{validate, validate_as, validate_symbol};

/// Path of a file of recorded data; `None`, with a note on stderr, if this machine does not have it.
#[cfg(test)]
#[allow(clippy::print_stderr)]
fn test_data(name: &str) -> Option<std::path::PathBuf> {
    let near = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("WAGEHOOD_DATA").map_or_else(near, std::path::PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent; WAGEHOOD_DATA names the folder of recorded data", path.display());
    None
}

/// A file of bars of this interval, opened.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
fn opened(path: &std::path::Path, base: &str) -> CsvSource {
    try_open(path, &dialect::FileOptions::new(base.parse().unwrap())).unwrap()
}

/// The same with other options.
#[cfg(test)]
fn try_open(path: &std::path::Path, options: &dialect::FileOptions) -> Result<CsvSource, CsvError> {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    let failed = |source| CsvError::Read { path: path.to_owned(), source };
    let content = std::fs::read(path).map_err(failed)?;
    let length = content.len() as u64;
    let read_bytes = Arc::new(AtomicU64::new(0));
    read_bytes.store(length, Ordering::Relaxed);
    let (_, bytes) = unpack(Box::new(std::io::Cursor::new(content))).map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let input = TextInput { path: path.to_owned(), name, bytes, total_bytes: Some(length), read_bytes, live: false };
    CsvSource::new(input, options)
}
