//! Bars in, indicator values out.
//!
//! Every indicator is a small state machine over one cell (one symbol on one timeframe). It is fed once per closed bar,
//! allocates nothing, and gives NaN while it is not ready, so that a condition that reads it is false. Conventions are
//! TA-Lib's; what each file implements is named in its first lines. A cell that has got all its windows full goes on in
//! `core`, the packed form of the same formulas.

mod bollinger;
mod core;
mod ema;
mod history;
mod image;
mod layout;
mod lists;
mod macd;
mod mean;
mod prefetch;
mod published;
mod reading;
mod recent;
mod rows;
mod rsi;
mod scalar;
mod set;
mod side_by_side;
mod values;
mod words;

/// Where averages that decay towards zero while a price stands still stop: long before they are subnormal numbers, which
/// processors compute slowly.
pub(crate) const LEAST: f64 = 1e-200;

pub use bollinger::{Bollinger, BollingerSpec};
pub use core::RecentPrices;
pub(crate) use core::{Arrival, Change, CoreRows};
pub use ema::{Ema, EmaSpec};
pub use history::History;
pub use image::BadImage;
pub(crate) use image::{ImageReader, ImageWriter};
pub(crate) use layout::Places;
pub use layout::{IndicatorLayout, Needs, StrategySlots};
pub use macd::{Macd, MacdSpec};
pub use mean::RollingMean;
pub(crate) use prefetch::{prefetch, prefetch_all};
pub use published::PublishedSlots;
pub use reading::Reading;
pub use recent::Recent;
pub use rows::IndicatorRows;
pub use rsi::Rsi;
pub(crate) use set::HasIndicators;
pub use set::IndicatorSet;
pub use side_by_side::{EightBars, update_eight, update_rows};
