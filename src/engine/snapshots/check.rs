//! Whether a snapshot can be taken over, tried before anything depends on it. Allocates and throws away.

use crate::{
    aggregate::TimeBarAggregator,
    config::Plan,
    correlate::Correlator,
    feed::{
        Admission,
        streams::{Order, Place},
    },
    model::SymbolId,
    publish::Latest,
    state::{Part, ReaderState, Snapshot, StateError, take},
    strategies::{Cell, CellLayout},
};

/// Takes a snapshot apart as an engine of this plan would, with published indicators or without; gives the place in the
/// order of the input at which it was taken.
///
/// # Errors
/// One that does not fit.
pub fn check_snapshot(plan: &Plan, publish: bool, snapshot: &Snapshot) -> Result<Place, StateError> {
    let mut bytes = snapshot.part(Part::Reader)?;
    let _: ReaderState = take(&mut bytes)?;
    Admission::new(plan).restore(bytes)?;

    let mut bytes = snapshot.part(Part::Aggregator)?;
    let _: u64 = take(&mut bytes)?;
    TimeBarAggregator::new(plan).restore(&mut bytes)?;

    let layouts: Vec<CellLayout> = plan.params.iter().map(|params| CellLayout::new(params.clone(), publish)).collect();
    let mut correlator = Correlator::new(plan);
    let mut latest = Latest::new(&plan.timeframes, plan.active_bars);
    for (index, asset) in plan.assets.iter().enumerate() {
        let symbol = SymbolId(index as u16);
        for (timeframe, spec) in asset.cells.iter().enumerate().filter(|(_, spec)| spec.enabled) {
            let mut bytes = snapshot.part(Part::Cell(symbol.0, timeframe as u8))?;
            let _: u32 = take(&mut bytes)?;
            let layout = &layouts[timeframe];
            Cell::new(layout, spec.method, spec.price_scale, spec.buffer_size).read_state(layout, bytes)?;
        }
        latest.add_symbol(asset);
        let mut bytes = snapshot.part(Part::Symbol(symbol.0))?;
        correlator.restore(symbol, &mut bytes)?;
        latest.restore(symbol, &mut bytes)?;
    }

    let mut bytes = snapshot.part(Part::Publisher)?;
    let (_, order): (u64, Order) = take(&mut bytes)?;
    Ok(order.newest())
}
