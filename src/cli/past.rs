//! What is committed of the input, up to a place.

use crate::{
    config::StreamClock,
    feed::streams::{Exception, StreamStart},
};
use std::collections::BTreeMap;

/// What was read of each input of history, by its name.
pub type ReadHistory = BTreeMap<String, String>;

/// The input up to a place.
pub struct Past {
    /// By stream: its beginning, and the last entry up to there.
    pub starts: Vec<StreamStart>,
    /// What a second reading cannot derive up to there.
    pub journal: Vec<Exception>,
    /// The moment of the place, Unix ms.
    pub moment: i64,
    /// By stream: how time passes on it.
    pub times: Vec<StreamClock>,
    /// What was read of history before.
    pub history: ReadHistory,
}
