//! Configuration.
mod plan;
mod strategies;
pub use plan::{Asset, CellSpec, Plan, PriceMethod, StyleRules};
pub use strategies::{
    BollingerParams, CommonParams, MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK, MaCrossoverParams, MacdRsiParams,
    RsiTrendParams, SrParams, StrategyParams,
};
