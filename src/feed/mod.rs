//! Bytes in, records out.

mod admission;
mod record;
mod refusal;

pub use admission::Admission;
pub use record::Record;
pub use refusal::Refusal;
