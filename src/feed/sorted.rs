//! Brings the records of files into the order of time: in memory, and beyond a bound in runs on the disk.
//!
//! Allocates and blocks: runs before the first record of a replay is taken.

use super::{Line, Record, Refusal};
use crate::model::Timeframe;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a row as it is kept.
const ROW_LEN: usize = 96;
/// Rows of a run that are read at a time.
const ROWS_READ: usize = 1_024;
/// Text kept of refused lines, to show the first of them, bytes.
const TEXT_MAX: usize = 1 << 20;
/// Instead of a record: the line was refused.
const REFUSED: u32 = u32::MAX;

/// Where a line belongs: start of its bar, input, line.
type Key = (i64, u32, u64);

/// A line without its text. Of a refused one `symbol` is [`REFUSED`], `trades` the reason and `ts` the place of its text.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    key: Key,
    ts: i64,
    values: [f64; 6],
    trades: u32,
    symbol: u32,
}

impl Row {
    fn encode(&self, out: &mut Vec<u8>) {
        let (start, input, line) = self.key;
        for word in [start.cast_unsigned(), line, self.ts.cast_unsigned(), u64::from(input)] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for value in self.values {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&self.trades.to_le_bytes());
        out.extend_from_slice(&self.symbol.to_le_bytes());
        // Padding to a length that is easy to reckon with.
        out.extend_from_slice(&[0; 8]);
    }

    fn decode(bytes: &[u8; ROW_LEN]) -> Self {
        let word = |at: usize| bytes[8 * at..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
        let last = word(10);
        Self {
            key: (word(0).cast_signed(), word(3) as u32, word(1)),
            ts: word(2).cast_signed(),
            values: std::array::from_fn(|k| f64::from_bits(word(4 + k))),
            trades: last as u32,
            symbol: (last >> 32) as u32,
        }
    }
}

/// A sorted part, on the disk.
#[derive(Debug)]
struct Run {
    /// Rows from here to `end` are still to be read from the file.
    next: u64,
    end: u64,
    rows: Vec<Row>,
    given: usize,
}

impl Run {
    /// Its next row.
    fn next(&mut self, file: &File) -> io::Result<Option<Row>> {
        if self.given == self.rows.len() {
            let count = (self.end - self.next).min(ROWS_READ as u64) as usize;
            let mut bytes = vec![0; count * ROW_LEN];
            file.read_exact_at(&mut bytes, self.next * ROW_LEN as u64)?;
            self.rows.clear();
            self.rows.extend(bytes.as_chunks::<ROW_LEN>().0.iter().map(Row::decode));
            self.next += count as u64;
            self.given = 0;
        }
        let row = self.rows.get(self.given).copied();
        self.given += 1;
        Ok(row)
    }
}

/// Takes the lines of files in any order.
#[derive(Debug)]
pub struct Sorter {
    rows: Vec<Row>,
    rows_max: usize,
    symbols: Vec<Box<[u8]>>,
    ids: FxHashMap<Box<[u8]>, u32>,
    text: Vec<u8>,
    /// Places in `text`.
    texts: Vec<(usize, usize)>,
    file: Option<File>,
    runs: Vec<Run>,
    written: u64,
}

impl Sorter {
    /// A sorter that keeps so many bytes of records in memory.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            rows_max: (bytes_max / ROW_LEN).max(1_024),
            symbols: Vec::new(),
            ids: FxHashMap::default(),
            text: Vec::new(),
            texts: Vec::new(),
            file: None,
            runs: Vec::new(),
            written: 0,
        }
    }

    /// Takes a line of an input, which belongs to the bar that starts at `start`: a refused line to that of the line before.
    ///
    /// # Errors
    /// There is no room on the disk.
    pub fn take(&mut self, input: usize, start: i64, line: &Line<'_>) -> io::Result<()> {
        let key = (start, input as u32, line.number);
        let row = match line.result {
            Ok(record) => Row {
                key,
                ts: record.ts,
                values: [record.open, record.high, record.low, record.close, record.volume, record.vwap],
                trades: record.trades,
                symbol: self.symbol(record.symbol),
            },
            Err(refusal) => {
                let from = self.text.len();
                if from + line.text.len() <= TEXT_MAX {
                    self.text.extend_from_slice(line.text);
                    self.texts.push((from, self.text.len()));
                }
                let kept = self.text.len() > from;
                let place = if kept { self.texts.len() as i64 - 1 } else { -1 };
                Row { key, ts: place, values: [0.0; 6], trades: refusal.index() as u32, symbol: REFUSED }
            }
        };
        self.rows.push(row);
        if self.rows.len() >= self.rows_max { self.spill() } else { Ok(()) }
    }

    fn symbol(&mut self, name: &[u8]) -> u32 {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.symbols.len() as u32;
        self.symbols.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }

    /// Writes what is in memory as a run.
    #[cold]
    fn spill(&mut self) -> io::Result<()> {
        self.rows.sort_unstable_by_key(|row| row.key);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(unnamed_file()?),
        };
        let mut bytes = Vec::with_capacity(ROWS_READ * ROW_LEN);
        let first = self.written;
        for rows in self.rows.chunks(ROWS_READ) {
            bytes.clear();
            rows.iter().for_each(|row| row.encode(&mut bytes));
            file.write_all_at(&bytes, self.written * ROW_LEN as u64)?;
            self.written += rows.len() as u64;
        }
        self.runs.push(Run { next: first, end: self.written, rows: Vec::new(), given: 0 });
        self.rows.clear();
        Ok(())
    }

    /// The lines in order.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn finish(mut self, base: Timeframe) -> io::Result<SortedSource> {
        self.rows.sort_unstable_by_key(|row| row.key);
        let mut heads = BinaryHeap::new();
        let mut runs = self.runs;
        // What is left in memory is a run that has been read.
        runs.push(Run { next: 0, end: 0, rows: self.rows, given: 0 });
        let mut first = vec![None; runs.len()];
        for (k, run) in runs.iter_mut().enumerate() {
            first[k] = match &self.file {
                Some(file) => run.next(file)?,
                None => run.rows.first().copied().inspect(|_| run.given = 1),
            };
            if let Some(row) = first[k] {
                heads.push(Reverse((row.key, k)));
            }
        }
        Ok(SortedSource {
            runs,
            waiting: first,
            heads,
            file: self.file,
            symbols: self.symbols,
            text: self.text,
            texts: self.texts,
            base,
            current: None,
        })
    }
}

/// A file without a name, which is gone when it is closed.
fn unnamed_file() -> io::Result<File> {
    let folder = std::env::temp_dir();
    let mut number = 0u64;
    loop {
        let path = folder.join(format!("wagehood-engine-sort-{}-{number}", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => {
                let why = format!("{}, where records are sorted: {error}", path.display());
                return Err(io::Error::new(error.kind(), why));
            }
        }
    }
}

/// Lines of several files in the order of time; of those of one time by file, then by line.
#[derive(Debug)]
pub struct SortedSource {
    runs: Vec<Run>,
    /// By run, its row that is next.
    waiting: Vec<Option<Row>>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    file: Option<File>,
    symbols: Vec<Box<[u8]>>,
    text: Vec<u8>,
    texts: Vec<(usize, usize)>,
    base: Timeframe,
    current: Option<Row>,
}

impl SortedSource {
    /// Goes to the next line; false at the end.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn advance(&mut self) -> io::Result<bool> {
        let Some(Reverse((_, run))) = self.heads.pop() else {
            self.current = None;
            return Ok(false);
        };
        self.current = self.waiting[run].take();
        let own = &mut self.runs[run];
        let next = match &self.file {
            Some(file) if own.given < own.rows.len() || own.next < own.end => own.next(file)?,
            _ => own.rows.get(own.given).copied().inspect(|_| own.given += 1),
        };
        if let Some(row) = next {
            self.heads.push(Reverse((row.key, run)));
        }
        self.waiting[run] = next;
        Ok(true)
    }

    /// Start of the bar and input of the line that [`advance`](Self::advance) went to.
    #[must_use]
    pub fn place(&self) -> Option<(i64, usize)> {
        self.current.map(|row| (row.key.0, row.key.1 as usize))
    }

    /// The line that [`advance`](Self::advance) went to, with its input.
    #[must_use]
    pub fn current(&self) -> Option<(usize, Line<'_>)> {
        let row = self.current.as_ref()?;
        let (_, input, number) = row.key;
        let (text, result) = if row.symbol == REFUSED {
            let place = usize::try_from(row.ts).ok().and_then(|place| self.texts.get(place));
            let text = place.map_or(&b""[..], |&(from, to)| &self.text[from..to]);
            (text, Err(Refusal::ALL[row.trades as usize % Refusal::COUNT]))
        } else {
            let [open, high, low, close, volume, vwap] = row.values;
            let record = Record {
                symbol: self.symbols.get(row.symbol as usize).map_or(&b""[..], |symbol| symbol),
                ts: row.ts,
                interval: self.base,
                open,
                high,
                low,
                close,
                volume,
                vwap,
                trades: row.trades,
                ingest_ns: 0,
            };
            (&b""[..], Ok(record))
        };
        Some((input as usize, Line { number, text, result }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn minute() -> Timeframe {
        "1m".parse().unwrap()
    }

    fn record(symbol: &[u8], ts: i64) -> Record<'_> {
        let price = ts as f64 + 1.0;
        Record {
            symbol,
            ts,
            interval: minute(),
            open: price,
            high: price + 0.5,
            low: price,
            close: price,
            volume: -0.0,
            vwap: f64::NAN,
            trades: ts as u32,
            ingest_ns: 0,
        }
    }

    type Bits = Result<(Vec<u8>, i64, [u64; 6], u32), Refusal>;

    fn bits(line: &Line<'_>) -> (u64, Vec<u8>, Bits) {
        let result = line.result.map(|r| {
            let values = [r.open, r.high, r.low, r.close, r.volume, r.vwap].map(f64::to_bits);
            (r.symbol.to_vec(), r.ts, values, r.trades)
        });
        (line.number, line.text.to_vec(), result)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// In memory or on the disk: a stable sort by time.
        #[test]
        fn lines_come_in_order_and_unchanged(
            lines in prop::collection::vec((0usize..3, 0i64..50, any::<bool>()), 0..6_000), bytes_max in prop::sample::select(vec![0usize, 200_000, 1 << 30])
        ) {
            let mut sorter = Sorter::new(bytes_max);
            let mut expected = Vec::new();
            for (k, &(input, ts, good)) in lines.iter().enumerate() {
                let symbol = [b"A", b"B", b"C"][input];
                let (number, text) = (k as u64 + 1, k.to_string().into_bytes());
                let line = if good {
                    Line { number, text: b"", result: Ok(record(symbol, ts)) }
                } else {
                    Line { number, text: &text, result: Err(Refusal::NotFinite) }
                };
                sorter.take(input, ts, &line).unwrap();
                expected.push(((ts, input, number), bits(&line)));
            }
            expected.sort_by_key(|(key, _)| *key);
            let mut sorted = sorter.finish(minute()).unwrap();
            let mut found = Vec::new();
            while sorted.advance().unwrap() {
                let (input, line) = sorted.current().unwrap();
                prop_assert_eq!(sorted.place().unwrap().1, input);
                found.push(((sorted.place().unwrap().0, input, line.number), bits(&line)));
            }
            prop_assert_eq!(found, expected);
            prop_assert!(sorted.current().is_none());
        }
    }
}
