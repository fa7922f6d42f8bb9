//! The calculation events: what of a group makes one, and how it is written.

use super::{CalculationEvents, Compatible, RedisOutput};
use crate::{
    config::{Compat, EventsFormat},
    engine::output::Group,
    publish::{
        CompatView, Labels, SymbolResults, Vote, xadd_calculation_event, xadd_calculation_event_json, xadd_compat_event,
    },
};

impl RedisOutput {
    /// Writes the event of a group, where it makes one.
    #[inline]
    pub(super) fn event(&mut self, group: &Group<'_>, vote: Option<Vote>, labels: Labels<'_>) {
        let Group { symbol, seq, event_ts, .. } = *group;
        let signals = group.signals.as_slice();
        let wanted = match self.options.calculation_events {
            CalculationEvents::Off => false,
            CalculationEvents::Signals => !signals.is_empty(),
            CalculationEvents::Bars => !group.rows.is_empty() || !signals.is_empty(),
        };
        if !wanted {
            return;
        }
        let results = SymbolResults { symbol, seq, event_ts, rows: self.latest.rows(symbol), signals, vote };
        let Compatible { to, rules, symbols } = &self.options.compat;
        let config = symbols.get(symbol.index()).filter(|_| *to == Compat::Multi);
        let (batch, names) = (self.sink.batch(), &mut self.options.names);
        match (to, self.options.calculation_events_format) {
            (Compat::Current | Compat::Multi, _) => {
                let view = CompatView { rules: *rules, directory: labels.directory };
                xadd_compat_event(batch, names, &results, config, view);
            }
            (_, EventsFormat::Fields) => xadd_calculation_event(batch, names, &results, labels.directory),
            (_, EventsFormat::Json) => xadd_calculation_event_json(batch, names, &results, labels.directory),
        }
    }
}
