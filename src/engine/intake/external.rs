//! Signals of strategies outside on their way into the pipeline: their names become ids, and each is accepted or refused as a
//! record is. Allocates for a refused one alone.

use super::{Intake, Origin};
use crate::{
    engine::RawFields,
    feed::{ExternalSignal, Refusal, SavedNewestBar, read_factors},
    model::{Control, External, Factors, Head, MAX_FACTORS, SignalKind, Strategy, SymbolId, Timeframe},
    state::{StateError, put},
};

impl Intake {
    /// Takes the signal of a strategy outside, or the reason why it could not be decoded. `raw` gives its original fields if
    /// it is refused.
    #[cold]
    pub fn signal(
        &mut self,
        decoded: Result<ExternalSignal<'_>, Refusal>,
        origin: &Origin,
        raw: impl FnOnce() -> RawFields,
    ) {
        self.counters.records_in.bump();
        self.counters.external_in.bump();
        if let Err(reason) = decoded.and_then(|signal| self.accept_signal(&signal, origin)) {
            if self.is_only_counted(reason, origin) {
                self.counters.refused[reason.index()].bump();
            } else {
                self.refuse(reason, origin, raw());
            }
        }
    }

    fn accept_signal(&mut self, signal: &ExternalSignal<'_>, origin: &Origin) -> Result<(), Refusal> {
        let place = *self.outside.places.get(signal.strategy).ok_or(Refusal::UnknownStrategy)?;
        let strategy = self.outside.strategies[place];
        let symbol = *self.symbols.get(signal.symbol).ok_or(Refusal::UnknownSymbol)?;
        let name = std::str::from_utf8(signal.timeframe).map_err(|_| Refusal::BadText)?;
        let interval: Timeframe = name.parse().map_err(|_| Refusal::WrongTimeframe)?;
        let timeframe = self.plan.timeframe_id(interval).ok_or(Refusal::WrongTimeframe)?;
        let factors = factors_of(strategy, signal.factors)?;
        let ExternalSignal { bar_ts, confidence, side, .. } = *signal;
        self.admission.admit_signal(symbol, timeframe, bar_ts, place)?;
        self.counters.external_taken.bump();
        let head = Head { seq: self.admission.seq(), arrival_ns: origin.arrival_ns, source: origin.source };
        self.intervals.pass(&mut self.bars, head.seq, self.admission.moment());
        self.bars.head(&head);
        self.bars.control(Control::Numbers(factors));
        self.bars.control(Control::External(External { bar_ts, confidence, symbol, timeframe, strategy, side }));
        Ok(())
    }

    /// Appends what is known of the newest bars, where strategies outside are heard.
    pub(super) fn save_outside<'a>(
        &'a self,
        symbol: impl Fn(SymbolId) -> &'a str,
        out: &mut Vec<u8>,
    ) -> Result<(), StateError> {
        if self.outside.is_empty() {
            return Ok(());
        }
        let name = |place: usize| self.outside.strategies.get(place).map_or("", |strategy| strategy.name());
        put(out, &self.admission.save_bars(symbol, name))
    }

    /// Goes on from that.
    pub(super) fn restore_outside(&mut self, saved: &[SavedNewestBar]) {
        let Self { admission, symbols, outside, .. } = self;
        admission.restore_bars(
            saved,
            |name| symbols.get(name.as_bytes()).copied(),
            |name| outside.places.get(name.as_bytes()).copied(),
        );
    }
}

/// The factors of a signal in the order of its kind; one that is not named is 0.
fn factors_of(strategy: Strategy, text: &[u8]) -> Result<Factors, Refusal> {
    let mut factors = [0.0; MAX_FACTORS];
    let names = match strategy {
        Strategy::Custom(custom) => SignalKind::of(custom).factor_names(),
        _ => &[],
    };
    read_factors(text, |name, value| {
        let place = names.iter().position(|own| own.as_bytes() == name).and_then(|place| factors.get_mut(place));
        place.map(|own| *own = value).is_some()
    })?;
    Ok(factors)
}
