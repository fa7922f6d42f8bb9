//! The bars that a bench sends: those of a mock market, in the order of the schedule, and their encoding.

use crate::{
    feed::{FrameRecord, MAX_FRAME_RECORDS, MockConfig, MockMarket, Record, encode_frame},
    model::Timeframe,
    model::time::push_iso8601,
    redis_io::Command,
};
use anyhow::{Context, Result};

/// How bars travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One stream entry of flat fields for each bar, as the existing ingestion writes them.
    #[default]
    Legacy,
    /// Compact frames; each holds the bars that are due at the same time.
    Compact,
}

/// Maximum length of the input stream, entries: more than any backlog of a run that has not failed.
const MAXLEN: u64 = 1_000_000;

/// Name of the symbol with this index.
pub fn symbol_name(index: usize) -> String {
    format!("B{index:05}")
}

/// Index of the symbol with this name; `None` if the name is not one of ours.
#[inline]
pub fn symbol_index(name: &[u8]) -> Option<usize> {
    let digits = name.strip_prefix(b"B")?;
    digits.iter().try_fold(0_usize, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then(|| sum * 10 + usize::from(digit))
    })
}

/// The market that supplies the load, with `symbols` symbols; their first bars start at `first_ms`, Unix ms.
///
/// # Errors
/// The market refuses the symbols or the timeframe; a well-formed call never causes this.
pub fn market(symbols: usize, base: Timeframe, first_ms: i64) -> Result<MockMarket> {
    Ok(MockMarket::new(&MockConfig {
        seed: 1,
        symbols: (0..symbols).map(symbol_name).collect(),
        timeframes: vec![base],
        now_ms: first_ms,
        burst_every_s: 0,
    })?)
}

/// Encodes the bars of a run, one after another.
pub struct Bars {
    market: MockMarket,
    base: Timeframe,
    form: Form,
    frame: Vec<FrameRecord>,
    bytes: Vec<u8>,
}

impl Bars {
    /// The bars of `symbols` symbols, the first of which start at `first_ms`, Unix ms.
    ///
    /// # Errors
    /// The market refuses the symbols or the timeframe; a well-formed call never causes this.
    pub fn new(symbols: usize, base: Timeframe, first_ms: i64, form: Form) -> Result<Self> {
        let market = market(symbols, base, first_ms)?;
        Ok(Self { market, base, form, frame: Vec::with_capacity(MAX_FRAME_RECORDS), bytes: Vec::new() })
    }

    /// Appends the commands that send the next `count` bars to `stream`, and returns the number of commands.
    ///
    /// # Errors
    /// A frame cannot be encoded.
    pub fn push(&mut self, count: usize, stream: &str, out: &mut Vec<u8>) -> Result<usize> {
        let mut left = count;
        let mut commands = 0;
        while left > 0 {
            let taken = if self.form == Form::Legacy { 1 } else { left.min(MAX_FRAME_RECORDS) };
            if self.form == Form::Legacy {
                let record = self.market.due(i64::MAX / 2_000_000).context("the mock market has no bar")?;
                push_legacy(&record, self.base, stream, out);
            } else {
                self.push_frame(taken, stream, out)?;
            }
            left -= taken;
            commands += 1;
        }
        Ok(commands)
    }

    fn push_frame(&mut self, count: usize, stream: &str, out: &mut Vec<u8>) -> Result<()> {
        self.frame.clear();
        for _ in 0..count {
            let record = self.market.due(i64::MAX / 2_000_000).context("the mock market has no bar")?;
            self.frame.push(FrameRecord::new(&record).context("the symbol is too long for a frame")?);
        }
        self.bytes.clear();
        encode_frame(self.base, 0, &self.frame, &mut self.bytes)?;
        let mut command = Command::new(out, 8);
        command.arg("XADD").arg(stream).arg("MAXLEN").arg("~").uint(MAXLEN).arg("*").field("frame", &self.bytes);
        Ok(())
    }
}

/// One bar in the format of the existing ingestion.
pub fn push_legacy(record: &Record<'_>, base: Timeframe, stream: &str, out: &mut Vec<u8>) {
    let mut command = Command::new(out, 6 + 2 * 11);
    command.arg("XADD").arg(stream).arg("MAXLEN").arg("~").uint(MAXLEN).arg("*");
    command.field_with("event_id", |out| {
        out.extend_from_slice(record.symbol);
        out.push(b'_');
        crate::text::push_i64(out, record.ts);
    });
    command.field("symbol", record.symbol).field_with("timestamp", |out| push_iso8601(out, record.ts));
    command.field_float("price", record.close).field_float("volume", record.volume);
    command.field_float("open", record.open).field_float("high", record.high);
    command.field_float("low", record.low).field_float("close", record.close);
    command.field("source", "bench").field("metadata", format!("{{\"timeframe\": \"{base}\"}}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for index in [0, 7, 99_999, 123_456] {
            assert_eq!(symbol_index(symbol_name(index).as_bytes()), Some(index));
        }
        assert_eq!((symbol_index(b"SPY"), symbol_index(b"B1x")), (None, None));
    }

    #[test]
    fn a_burst_is_one_frame_or_an_entry_a_bar() {
        let base: Timeframe = "1s".parse().unwrap();
        for (form, commands) in [(Form::Legacy, 1_500), (Form::Compact, 2)] {
            let mut out = Vec::new();
            let mut bars = Bars::new(1_500, base, 1_760_000_000_000, form).unwrap();
            assert_eq!(bars.push(1_500, "in", &mut out).unwrap(), commands);
            let xadds = out.windows(6).filter(|window| window == b"XADD\r\n").count();
            assert_eq!(xadds, commands);
        }
    }
}
