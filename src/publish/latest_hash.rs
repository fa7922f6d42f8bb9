//! Latest values as one hash a symbol: all of a symbol's values in one command, which costs the server little more than one of
//! the keys that it stands for.

use super::{
    keys::{push_calculations, push_composite, push_price, push_timeframe},
    latest::Fresh,
    names::OutputNames,
};
use crate::{model::Directory, redis_io::Commands};

/// Appends an `HSET` of what is new of a symbol, and a `PEXPIRE`. Each field is JSON: `complete`, `composite` and `price` as the
/// keys of these values have it behind `JSON:`, and one of the name of each timeframe with something new, such as `5m`.
pub fn hset_latest(commands: &mut Commands, names: &OutputNames, fresh: &Fresh<'_>, directory: &Directory) {
    let values = &fresh.values;
    let symbol = directory.symbol(values.symbol);
    let is_new = |index: usize| fresh.new_rows & 1 << index != 0;
    let new_rows = || values.newest().enumerate().filter(|(index, _)| is_new(*index));
    let rows = || new_rows().filter_map(|(_, (row, forming))| Some((row?, forming)));
    let base = values.base();
    let fields = 1 + rows().count() + usize::from(fresh.vote.is_some()) + usize::from(base.is_some());
    let mut command = commands.command(2 + 2 * fields);
    command.arg("HSET").arg_with(|out| names.latest.push(out, [symbol, ""]));
    command.field_with("complete", |out| push_calculations(out, values, directory));
    for (row, forming) in rows() {
        command.field_with(directory.timeframe_name(row.bar.timeframe), |out| push_timeframe(out, row, forming));
    }
    if let Some((vote, event_ts)) = &fresh.vote {
        command.field_with("composite", |out| push_composite(out, symbol, vote, *event_ts));
    }
    if let Some(base) = base {
        command.field_with("price", |out| push_price(out, &base.bar, directory));
    }
    drop(command);
    let life_ms = 1_000 * names.latest.life_s(values.shortest(directory));
    if life_ms > 0 {
        commands.command(3).arg("PEXPIRE").arg_with(|out| names.latest.push(out, [symbol, ""])).uint(life_ms);
    }
}
