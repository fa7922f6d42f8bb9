//! The providers: each in a file of its own, which alone knows its name.

mod alpaca;
mod binance;
mod mock;
mod recorded;

use super::provider::Maker;

/// All of them.
pub const MAKERS: [Maker; 4] = [alpaca::MAKER, binance::MAKER, mock::MAKER, recorded::MAKER];
