//! Bytes in, records out.

mod record;
mod refusal;

pub use record::Record;
pub use refusal::Refusal;
