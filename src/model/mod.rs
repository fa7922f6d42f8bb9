//! Plain data that crosses threads: bars, identities, timeframes, signals, messages, time.
//!
//! All of it knows nothing of threads, rings or I/O; what crosses a ring is `Copy` and of fixed size.

mod bar;
mod calendar;
mod composite;
mod crossing;
mod directory;
mod drift;
mod external;
mod figures;
mod frame;
mod held_back;
mod ids;
mod message;
mod named;
mod outcome;
mod price;
mod random;
mod readiness;
mod refusal;
mod row;
mod saved;
mod sessions;
mod side;
mod signal;
mod source_id;
mod stamp;
mod statistics;
mod style;
mod switches;
pub mod time;
mod timeframe;
mod zone_name;

pub use bar::Bar;
pub use calendar::Calendar;
pub use composite::{Completeness, Composite, Composites, Peer, Weighed};
pub use crossing::{Crossed, Crossing};
pub use directory::Directory;
pub use drift::{Drift, SURROUNDINGS, Surroundings, change};
pub use external::{External, Forming};
pub use figures::{CONFIDENCE_BINS, LaneCounts, ScoreFigures, SignalFigures};
pub use frame::FrameHeader;
pub use held_back::HeldBack;
pub use ids::{MAX_SYMBOL_LEN, MAX_SYMBOLS, MAX_TIMEFRAMES, SymbolId, TimeframeId, is_symbol};
pub use message::{BarMessage, Control, Head, Settling, Turn, WorkerMessage};
pub use outcome::{CALIBRATED_FROM, Gain, HORIZONS, Judged, LONGEST_HORIZON, SignalOutcome};
pub use price::PriceMethod;
pub use random::splitmix64;
pub use readiness::Readiness;
pub use refusal::Refusal;
pub use row::{INDICATOR_NAMES, IndicatorRow, Indicators};
pub(crate) use saved::saved_as;
pub use sessions::{Known, Rules, Session, Sessions};
pub use side::{Factors, MAX_FACTORS, Side};
pub use signal::{Candidate, Signal};
pub use source_id::{SourceId, StreamId, StreamIdError};
pub use stamp::{Stamp, StampedAt};
pub use statistics::{CELL_STATISTICS, Statistics, WINDOW_STATISTICS, WindowStatistics};
pub use style::{AssetType, TradingStyle};
pub use switches::{LiquiditySwitch, SelectionSwitch};
pub(crate) use timeframe::WEEK_MS;
pub use timeframe::{Period, Span, Timeframe, TimeframeError};
pub use zone_name::time_zone;

// What strategies and kinds are called comes from their declaration.
pub use crate::strategies::{CustomStrategy, Roster, SignalKind, Strategy};
