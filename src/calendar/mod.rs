//! The calendars of exchanges: tables of sessions, and how they become the spans that [`model`](crate::model) compares.
//!
//! Everything here runs once, at the start: it allocates, and asks the tables of time zones that are compiled in.

mod choice;
mod definition;
mod error;
mod expand;
mod table;

pub use choice::{Anchor, Choice, Hours, Outside};
pub use definition::{BUILT_IN, Definition};
pub use error::CalendarError;
pub use table::{Clock, Extended};
