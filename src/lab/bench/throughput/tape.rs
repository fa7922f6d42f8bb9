//! An endless supply of bars at low cost: a stretch of a mock market, played forwards and backwards in turn.

use crate::{
    feed::{FrameRecord, MAX_FRAME_RECORDS, Record, encode_frame},
    lab::bench::bars::{Form, market, push_legacy},
    model::Timeframe,
    redis_io::Command,
};
use anyhow::{Context, Result, ensure};

/// Number of records in the stretch: few enough for memory, and many enough that the indicators see varied input.
const RECORDS: usize = 1 << 18;

/// Makes the entries of a load.
#[derive(Debug)]
pub struct Tape {
    symbols: usize,
    base: Timeframe,
    form: Form,
    /// Number of bars in a frame.
    frame: usize,
    /// Maximum length of the stream, entries.
    maxlen: u64,
    /// Records by round and symbol.
    records: Vec<FrameRecord>,
    rounds: usize,
    first_ms: i64,
    /// Number of bars given out.
    next: usize,
    batch: Vec<FrameRecord>,
    bytes: Vec<u8>,
}

impl Tape {
    /// A tape of `symbols` symbols whose first bars start at `first_ms`, Unix ms, with `frame` bars in a frame.
    ///
    /// # Errors
    /// There is no symbol, or a frame would hold no bar or too many.
    pub fn new(symbols: usize, base: Timeframe, first_ms: i64, form: Form, frame: usize, maxlen: u64) -> Result<Self> {
        ensure!(symbols > 0, "at least one symbol is needed");
        ensure!((1..=MAX_FRAME_RECORDS).contains(&frame), "a frame holds 1 to {MAX_FRAME_RECORDS} bars, not {frame}");
        let first_ms = base.utc_span(first_ms).start;
        let mut market = market(symbols, base, first_ms)?;
        let rounds = (RECORDS / symbols).clamp(16, 8_192);
        let mut records = Vec::with_capacity(rounds * symbols);
        for _ in 0..rounds * symbols {
            let record = market.due(i64::MAX / 2_000_000).context("the mock market has no bar")?;
            records.push(FrameRecord::new(&record).context("the symbol is too long for a frame")?);
        }
        let (batch, bytes) = (Vec::with_capacity(frame), Vec::new());
        Ok(Self { symbols, base, form, frame, maxlen, records, rounds, first_ms, next: 0, batch, bytes })
    }

    /// The next bar. Backwards, open and close change places.
    #[inline]
    fn record(&mut self) -> FrameRecord {
        let (round, symbol) = (self.next / self.symbols, self.next % self.symbols);
        self.next += 1;
        let place = round % (2 * self.rounds);
        let back = place >= self.rounds;
        let place = if back { 2 * self.rounds - 1 - place } else { place };
        let mut record = self.records[place * self.symbols + symbol];
        if back {
            std::mem::swap(&mut record.open, &mut record.close);
        }
        record.ts = self.first_ms + round as i64 * self.base.interval_ms();
        record
    }

    /// Appends the command that adds the next entry to a stream.
    ///
    /// # Errors
    /// The frame cannot be encoded.
    #[inline]
    pub fn push(&mut self, stream: &str, out: &mut Vec<u8>) -> Result<()> {
        if self.form == Form::Legacy {
            let FrameRecord { symbol, ts, open, high, low, close, volume, vwap, trades, .. } = self.record();
            let length = symbol.iter().position(|&byte| byte == 0).unwrap_or(symbol.len());
            let (symbol, interval) = (&symbol[..length], self.base);
            let record = Record { symbol, ts, interval, open, high, low, close, volume, vwap, trades, ingest_ns: 0 };
            push_legacy(&record, self.base, stream, out);
            return Ok(());
        }
        self.batch.clear();
        for _ in 0..self.frame {
            let record = self.record();
            self.batch.push(record);
        }
        self.bytes.clear();
        encode_frame(self.base, 0, &self.batch, &mut self.bytes)?;
        let mut command = Command::new(out, 8);
        command.arg("XADD").arg(stream).arg("MAXLEN").arg("~").uint(self.maxlen).arg("*").field("frame", &self.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_where_the_prices_turn_round() {
        let base: Timeframe = "1s".parse().unwrap();
        let symbols = RECORDS / 16;
        let mut tape = Tape::new(symbols, base, 1_760_000_000_000, Form::Compact, 64, 10).unwrap();
        let mut last: Option<FrameRecord> = None;
        for index in 0..40 * symbols {
            let record = tape.record();
            assert!(record.low <= record.open.min(record.close) && record.high >= record.open.max(record.close));
            if index % symbols == 0 {
                if let Some(last) = last {
                    assert_eq!(record.ts, last.ts + 1_000);
                    assert!((record.open / last.close - 1.0).abs() < 0.05, "{last:?} {record:?}");
                }
                last = Some(record);
            }
        }
    }
}
