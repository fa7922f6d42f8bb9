//! Several streams of a Redis server as one input: the order of entries, missing entries, and time. Pure.

mod cut;
mod feed_clock;
mod lanes;
mod order;
mod stream;

pub(crate) use cut::CutReply;
pub(crate) use feed_clock::{FeedClock, Reading};
pub(crate) use lanes::{Lanes, Next};
pub use order::{Exception, Order, Place};
pub(crate) use stream::Stream;
pub use stream::{Gap, StreamStart};
