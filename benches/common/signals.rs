//! Signals as strategies give them.

use super::tape::Rng;
use wagehood_engine::model::{
    Candidate, Side, Signal, SignalKind, SourceId, Strategy, StreamId, SymbolId, TimeframeId,
};

/// Signal `n` of a stream over `symbols` symbols and `timeframes` timeframes.
pub fn signal(n: u64, symbols: u64, timeframes: u64, rng: &mut Rng) -> Signal {
    let (kind, side) =
        if rng.bits() & 1 == 0 { ("macd_rsi_bullish", Side::Buy) } else { ("macd_rsi_bearish", Side::Sell) };
    Signal {
        seq: n + 1,
        event_ts: n as i64 * 60_000 + 60_000,
        arrival_ns: n,
        source: SourceId { id: StreamId { ms: 1_751_985_060_123 + n, seq: 4 }, input: 0 },
        bar_ts: n as i64 * 60_000,
        bar_index: n,
        price: (4_886.0 * (1.0 + rng.unit())).round() / 100.0,
        symbol: SymbolId((n % symbols) as u16),
        timeframe: TimeframeId::new((rng.bits() % timeframes) as usize),
        strategy: Strategy::ALL[(rng.bits() % 5) as usize],
        candidate: Candidate {
            kind: SignalKind::named(kind).unwrap(),
            side,
            confidence: rng.unit(),
            factors: std::array::from_fn(|_| rng.unit()),
        },
        settled: true,
    }
}
