//! Several files as one source, merged by time.
//!
//! Allocates nothing per record: each file keeps one record waiting. Blocks while its files block.

use super::{CsvSource, Line};
use crate::model::Calendar;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

/// Files merged by (start of the bar, order of the files).
///
/// The order within a file never changes: a record that is late in its file is late here, and a refused line comes
/// right after the line before it.
#[derive(Debug)]
pub struct MergedSource {
    sources: Vec<CsvSource>,
    /// Start of the bar and index of the source, for each source with a waiting line.
    waiting: BinaryHeap<Reverse<(i64, usize)>>,
    started: bool,
    /// Whether the top of the heap has been returned.
    given: bool,
}

/// One line of one of the files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MergedLine<'a> {
    /// Index of the file in the order given.
    pub input: usize,
    /// The line.
    pub line: Line<'a>,
}

impl MergedSource {
    /// Merges opened files.
    #[must_use]
    pub fn new(sources: Vec<CsvSource>) -> Self {
        Self { waiting: BinaryHeap::with_capacity(sources.len()), sources, started: false, given: false }
    }

    /// The next line of all files; `None` after the last.
    ///
    /// # Errors
    /// As for [`CsvSource::next`].
    #[inline]
    #[allow(clippy::should_implement_trait)] // a lending iterator cannot implement Iterator
    pub fn next(&mut self) -> io::Result<Option<MergedLine<'_>>> {
        if !self.started {
            self.start()?;
        }
        if self.given {
            self.replace_top()?;
        }
        self.given = true;
        Ok(self.current())
    }

    /// The line that [`next`](Self::next) returned last; `None` after the end of the last file.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Option<MergedLine<'_>> {
        let &Reverse((_, input)) = self.waiting.peek()?;
        self.sources[input].current().map(|line| MergedLine { input, line })
    }

    /// The files, for their progress.
    #[must_use]
    pub fn sources(&self) -> &[CsvSource] {
        &self.sources
    }

    /// Bytes read from all files so far, before decompression.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.sources.iter().map(CsvSource::bytes_read).sum()
    }

    /// Length of all files, bytes, before decompression; `None` if one is a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.sources.iter().map(CsvSource::total_bytes).sum()
    }

    fn start(&mut self) -> io::Result<()> {
        for (input, source) in self.sources.iter_mut().enumerate() {
            if source.advance()? {
                self.waiting.push(Reverse((key(source, i64::MIN), input)));
            }
        }
        self.started = true;
        Ok(())
    }

    /// Advances the source whose line was returned.
    #[inline]
    fn replace_top(&mut self) -> io::Result<()> {
        if let Some(mut top) = self.waiting.peek_mut() {
            let Reverse((previous, input)) = *top;
            let source = &mut self.sources[input];
            if source.advance()? {
                *top = Reverse((key(source, previous), input));
            } else {
                PeekMut::pop(top);
            }
        }
        self.given = false;
        Ok(())
    }
}

/// Sort key of the waiting line: the start of its bar, or that of the line before if it was refused.
#[inline]
fn key(source: &CsvSource, previous: i64) -> i64 {
    match source.current() {
        Some(Line { result: Ok(record), .. }) => record.interval.span(record.ts, Calendar::Utc).start,
        _ => previous,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    /// Writes seconds, -1 for a broken line, as files; returns the merged (input, line, second).
    fn merge(files: &[Vec<i64>]) -> Vec<(usize, u64, Option<i64>)> {
        let dir = tempfile::tempdir().unwrap();
        let open = |(i, seconds): (usize, &Vec<i64>)| {
            let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
            for second in seconds {
                let ts = if *second < 0 {
                    "never".to_owned()
                } else {
                    crate::model::time::Iso8601(second * 1_000).to_string()
                };
                writeln!(text, "{ts},S{i},1,1,1,1,1").unwrap();
            }
            let path = dir.path().join(i.to_string());
            std::fs::write(&path, text).unwrap();
            CsvSource::open(&path, "5s".parse().unwrap()).unwrap()
        };
        let mut merged = MergedSource::new(files.iter().enumerate().map(open).collect());
        let mut found = Vec::new();
        while let Some(MergedLine { input, line }) = merged.next().unwrap() {
            if let Ok(record) = line.result {
                assert_eq!(record.symbol, format!("S{input}").as_bytes());
            }
            found.push((input, line.number, line.result.ok().map(|record| record.ts / 1_000)));
        }
        assert_eq!(merged.next().unwrap(), None);
        assert_eq!(Some(merged.bytes_read()), merged.total_bytes());
        found
    }

    #[test]
    fn interleaves_by_bar_then_by_file() {
        // 11 and 13 belong to the same bar of five seconds: the first file's comes first.
        let found = merge(&[vec![1, 13, 20], vec![6, 11, -1, 21], vec![]]);
        let expected = [
            (0, 2, Some(1)),
            (1, 2, Some(6)),
            (0, 3, Some(13)),
            (1, 3, Some(11)),
            (1, 4, None),
            (0, 4, Some(20)),
            (1, 5, Some(21)),
        ];
        assert_eq!(found, expected);
        assert_eq!(merge(&[]), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sorts_sorted_files_and_loses_nothing(mut files in prop::collection::vec(prop::collection::vec(0i64..200, 0..30), 1..5)) {
            files.iter_mut().for_each(|file| file.sort_unstable());
            let found = merge(&files);
            let mut expected: Vec<_> = files
                .iter()
                .enumerate()
                .flat_map(|(i, file)| file.iter().enumerate().map(move |(n, s)| (i, n as u64 + 2, Some(*s))))
                .collect();
            expected.sort_by_key(|(i, n, s)| (s.map(|s| s / 5), *i, *n));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn keeps_each_files_own_order(files in prop::collection::vec(prop::collection::vec(-1i64..50, 0..30), 1..4)) {
            let found = merge(&files);
            for (i, file) in files.iter().enumerate() {
                let own: Vec<_> = found.iter().filter(|(input, ..)| *input == i).map(|(_, n, s)| (*n, s.unwrap_or(-1))).collect();
                let expected: Vec<_> = file.iter().enumerate().map(|(n, s)| (n as u64 + 2, *s)).collect();
                prop_assert_eq!(own, expected);
            }
        }
    }
}
