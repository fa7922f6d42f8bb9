//! Switches of the selection, as lines of JSON and as entries of a stream.

use super::{
    fields::{FieldCount, Fields},
    json::Object,
    names::OutputNames,
};
use crate::{
    model::{Directory, LiquiditySwitch, SelectionSwitch},
    redis_io::Commands,
};

/// What switches: a lane or a cell.
#[derive(Debug, Clone, Copy)]
pub enum Switched<'a> {
    /// A lane.
    Lane(&'a SelectionSwitch),
    /// A cell.
    Cell(&'a LiquiditySwitch),
}

fn switch_fields(fields: &mut impl Fields, switched: Switched<'_>, directory: &Directory) {
    let (what, event_ts, symbol, timeframe) = match switched {
        Switched::Lane(switch) => ("lane", switch.event_ts, switch.symbol, switch.timeframe),
        Switched::Cell(switch) => ("liquidity", switch.event_ts, switch.symbol, switch.timeframe),
    };
    fields.name("what", what);
    fields.int("end", event_ts);
    fields.text("symbol", directory.symbol(symbol));
    fields.text("timeframe", directory.timeframe_name(timeframe));
    let is = |out: &mut Vec<u8>, value: bool| out.extend_from_slice(if value { b"true" } else { b"false" });
    match switched {
        Switched::Lane(switch) => {
            fields.name("strategy", switch.strategy.name());
            fields.json("on", |out| is(out, switch.on));
            fields.float("mean", switch.mean);
            fields.int("k", switch.outcomes.into());
        }
        Switched::Cell(switch) => {
            fields.json("liquid", |out| is(out, switch.liquid));
            fields.float("f", switch.share);
        }
    }
}

/// Appends a switch as one line of JSON, its line feed included.
pub fn switch_json_line(out: &mut Vec<u8>, switched: Switched<'_>, directory: &Directory) {
    let mut object = Object::open(out);
    switch_fields(&mut object, switched, directory);
    object.close();
    out.push(b'\n');
}

/// Appends an `XADD` of a switch.
pub fn xadd_switch(commands: &mut Commands, names: &mut OutputNames, switched: Switched<'_>, directory: &Directory) {
    let mut count = FieldCount::default();
    switch_fields(&mut count, switched, directory);
    let mut command = names.selection.xadd(commands, count.0);
    switch_fields(&mut command, switched, directory);
}
