//! The strategies outside, by their names.

use crate::{config::Plan, model::Strategy};
use rustc_hash::FxHashMap;

/// The strategies outside that the configuration declares.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// By name: the place among them.
    pub places: FxHashMap<Box<[u8]>, usize>,
    /// By place.
    pub strategies: Vec<Strategy>,
}

impl Outside {
    pub fn new(plan: &Plan) -> Self {
        let strategies: Vec<Strategy> = plan.roster.iter().filter(|strategy| strategy.is_outside()).collect();
        let places = strategies.iter().enumerate().map(|(place, strategy)| (strategy.name().as_bytes().into(), place));
        Self { places: places.collect(), strategies }
    }

    pub fn is_empty(&self) -> bool {
        self.strategies.is_empty()
    }
}
