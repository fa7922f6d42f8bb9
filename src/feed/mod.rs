//! The reader's stage: from the bytes of an input to accepted, numbered records.

mod admission;
mod csv;
mod decode;
mod frame;
mod lines;
mod merge;
mod mock;
pub mod number;
mod record;
pub mod streams;
pub mod timestamp;
mod validate;
mod walk;

pub use crate::model::Refusal;
pub use admission::{Admission, AdmissionState};
pub use csv::{CsvError, CsvSource, Line};
pub use decode::{Entry, decode_entry};
pub use frame::{FRAME_SYMBOL_LEN, FrameError, FrameRecord, FrameView, MAX_FRAME_LEN, MAX_FRAME_RECORDS, encode_frame};
pub use lines::MAX_LINE_LEN;
pub use merge::{MergedLine, MergedSource};
pub use mock::{MockConfig, MockError, MockMarket, Part};
pub use record::Record;
pub use validate::{validate, validate_price, validate_symbol};

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
