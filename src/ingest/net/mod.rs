//! Exchanges over the network: what all of them have in common. What one of them says stands in its own file.

mod breaker;
mod dial;
mod feed;
mod line;
mod open;
mod past;
mod pauses;
mod rest;
mod session;
mod voices;
mod words;

pub use open::{configured, connected};
pub use rest::{Answer, PastRequest};
pub use words::{ExchangeRules, ExchangeWords, FeedTrade, Heard, Page, PastSpan, TradeCounts};
