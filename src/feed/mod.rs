//! Bytes in, records out.

pub mod number;
mod record;
mod refusal;
pub mod timestamp;
mod validate;

pub use record::Record;
pub use refusal::Refusal;
pub use validate::{MAX_SYMBOL_LEN, validate, validate_price, validate_symbol};
