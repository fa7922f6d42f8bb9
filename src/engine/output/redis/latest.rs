//! The keys of latest values: which of them go with which batch.

use super::{Compatible, RedisOutput};
use crate::{
    config::{Compat, LatestFormat},
    model::Directory,
    publish::{
        CompatView, Latest, hset_latest, set_calculations, set_composite_signal, set_latest_price, set_statistics,
        set_symbol_latest, set_timeframe_indicators,
    },
};

/// Symbols whose latest values go in one batch: some 0.5 ms of the server's time.
const LATEST_TOGETHER: usize = 64;

/// The same where they go beside the batches, at leisure.
const APART_TOGETHER: usize = 1_024;
/// Time before those are written again that could not be, ns.
const AGAIN_NS: u64 = 1_000_000_000;

impl RedisOutput {
    /// Appends the next latest values: of so few symbols that a signal which comes meanwhile hardly waits.
    pub(super) fn write_some_latest(&mut self, now_ns: u64, directory: &Directory) {
        if self.apart.is_some() {
            self.latest_waits_ns = None;
            let count = self.latest_apart(now_ns);
            return self.write_latest(count, directory);
        }
        if self.latest_left == 0 {
            self.latest_left = self.latest.waiting();
            self.latest_due_ns = now_ns + self.options.latest_interval_ns;
        }
        let count = self.latest_left.min(LATEST_TOGETHER);
        self.latest_left -= count;
        self.latest_waits_ns = None;
        self.write_latest(count, directory);
    }

    /// Symbols whose latest values may go now, beside the batch that is about to be written: none while others are on their way.
    fn latest_apart(&mut self, now_ns: u64) -> usize {
        let Some(apart) = &mut self.apart else { return 0 };
        let failed = apart.take_back(&self.counters);
        let has_room = apart.has_room() && !failed;
        if failed {
            self.latest.again();
        }
        let pause_ns = if failed { AGAIN_NS } else { 0 };
        self.latest_due_ns = now_ns + self.options.latest_interval_ns.max(pause_ns);
        if has_room { self.latest.waiting().min(APART_TOGETHER) } else { 0 }
    }

    /// Appends the latest values of so many symbols that have something new.
    pub(super) fn write_latest(&mut self, count: usize, directory: &Directory) {
        let (sink, apart, names) = (&mut self.sink, &mut self.apart, &self.options.names);
        let Compatible { to, rules, symbols } = &self.options.compat;
        let as_hash = self.options.latest_values == Some(LatestFormat::Hash);
        let view = CompatView { rules: *rules, directory };
        // An opinion lives on as long as the symbol has bars.
        let again_ms = 1_000 * i64::try_from(names.composite_signals.ttl_s() / 3).unwrap_or(i64::MAX / 1_000);
        self.latest.flush(count, again_ms, |fresh| {
            let values = &fresh.values;
            let commands = match apart {
                Some(apart) => apart.values(),
                None => sink.batch(),
            };
            for index in (0..values.rows.len()).filter(|index| fresh.new_rows & 1 << index != 0) {
                let windows = Latest::windows(fresh.statistics, index, values.rows.len());
                set_statistics(commands, names, windows, directory);
            }
            match to {
                Compat::Current => return view.set_current(commands, names, values),
                Compat::Multi => {
                    if let Some(config) = symbols.get(values.symbol.index()) {
                        view.set_multi(commands, names, values, config, (fresh.new_rows, fresh.opinion.as_ref()));
                    }
                    return;
                }
                Compat::Off if as_hash => return hset_latest(commands, names, fresh, directory),
                Compat::Later => set_symbol_latest(commands, names, values, directory),
                Compat::Off => {}
            }
            set_calculations(commands, names, values, directory);
            for (index, (row, forming)) in values.newest().enumerate() {
                if let Some(row) = row.filter(|_| fresh.new_rows & 1 << index != 0) {
                    set_timeframe_indicators(commands, names, (row, forming), directory);
                }
            }
            if let Some((vote, event_ts)) = &fresh.vote {
                set_composite_signal(commands, names, values, vote, *event_ts, directory);
            }
            if let Some(base) = values.base() {
                set_latest_price(commands, names, &base.bar, directory);
            }
        });
    }
}
