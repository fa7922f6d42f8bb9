//! Plain data that crosses threads: bars, identities, timeframes, signals, messages, time.
//!
//! All of it knows nothing of threads, rings or I/O; what crosses a ring is `Copy` and of fixed size.

mod bar;
mod calendar;
mod composite;
mod directory;
mod held_back;
mod ids;
mod message;
mod price;
mod refusal;
mod row;
mod side;
mod signal;
mod source_id;
mod style;
pub mod time;
mod timeframe;

pub use bar::Bar;
pub use calendar::Calendar;
pub use composite::{Composite, Composites, Peer, Weighed};
pub use directory::Directory;
pub use held_back::HeldBack;
pub use ids::{MAX_SYMBOL_LEN, MAX_SYMBOLS, MAX_TIMEFRAMES, SymbolId, TimeframeId};
pub use message::{BarMessage, Control, Head, WorkerMessage};
pub use price::PriceMethod;
pub use refusal::Refusal;
pub use row::{INDICATOR_NAMES, IndicatorRow, Indicators};
pub use side::{Factors, MAX_FACTORS, Side};
pub use signal::{Candidate, Signal};
pub use source_id::{SourceId, StreamId, StreamIdError};
pub use style::{AssetType, TradingStyle};
pub(crate) use timeframe::WEEK_MS;
pub use timeframe::{Span, Timeframe, TimeframeError};

// What strategies and kinds are called comes from their declaration.
pub use crate::strategies::{SignalKind, Strategy};
