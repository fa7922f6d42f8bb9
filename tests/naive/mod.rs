//! The definition read a second time: slow, stateless, and written from the text alone.
//!
//! Every value is computed from the whole series, so that a mistake in the engine's running state has no counterpart
//! here. Values that are not ready are `None`. One file per topic.
#![allow(dead_code)] // every test program uses its own part

pub mod aggregate;
pub mod correlate;
pub mod doubt;
pub mod indicators;
pub mod strategies;
