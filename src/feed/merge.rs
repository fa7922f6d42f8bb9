//! Several files as one source, merged by time.
//!
//! Allocates nothing per record: each file keeps one record waiting. Blocks while its files block.

use super::{BarFile, CsvSource, Line, SortedSource};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

/// A file that was taken to be in the order of time has a record that is older than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("input {input} goes back in time at line {line}")]
pub struct OutOfOrder {
    /// Index of the file in the order given.
    pub input: usize,
    /// Number of the line.
    pub line: u64,
}

/// One source of lines.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a few per replay
enum Part {
    /// A file, read as it is.
    File {
        input: usize,
        source: BarFile,
        /// Start of the newest bar.
        newest: i64,
    },
    /// Files that have been sorted.
    Sorted(SortedSource),
}

/// Files merged by (start of the bar, order of the files).
///
/// The order within a file never changes: a record that is late in its file is late here, or an error where order is
/// watched; a refused line comes right after the line before it.
#[derive(Debug)]
pub struct MergedSource {
    parts: Vec<Part>,
    /// Start of the bar, index of the file and of the part, for each part with a waiting line.
    waiting: BinaryHeap<Reverse<(i64, usize, usize)>>,
    /// Parts that have been started.
    started: usize,
    /// Whether the top of the heap has been returned.
    given: bool,
    /// Whether a file that goes back in time is an error.
    watched: bool,
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
        Self::of(sources.into_iter().map(BarFile::from).enumerate().collect(), None)
    }

    /// Merges opened files, given with their indices, and others that have been sorted.
    #[must_use]
    pub fn of(sources: Vec<(usize, BarFile)>, sorted: Option<SortedSource>) -> Self {
        let files = sources.into_iter().map(|(input, source)| Part::File { input, source, newest: i64::MIN });
        let parts: Vec<Part> = files.chain(sorted.map(Part::Sorted)).collect();
        let waiting = BinaryHeap::with_capacity(parts.len());
        Self { parts, waiting, started: 0, given: false, watched: false }
    }

    /// Makes it an error, [`OutOfOrder`], that a file goes back in time.
    #[must_use]
    pub fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// The next line of all files; `None` after the last.
    ///
    /// # Errors
    /// As for [`CsvSource::next`]; [`OutOfOrder`] where order is watched.
    #[inline]
    #[allow(clippy::should_implement_trait)] // a lending iterator cannot implement Iterator
    pub fn next(&mut self) -> io::Result<Option<MergedLine<'_>>> {
        while self.started < self.parts.len() {
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
        let &Reverse((_, _, part)) = self.waiting.peek()?;
        match &self.parts[part] {
            Part::File { input, source, .. } => source.current().map(|line| MergedLine { input: *input, line }),
            Part::Sorted(source) => source.current().map(|(input, line)| MergedLine { input, line }),
        }
    }

    fn files(&self) -> impl Iterator<Item = &BarFile> {
        self.parts.iter().filter_map(|part| match part {
            Part::File { source, .. } => Some(source),
            Part::Sorted(_) => None,
        })
    }

    /// Bytes read so far from the files that were not sorted, before decompression.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.files().map(BarFile::bytes_read).sum()
    }

    /// Length of these files, bytes, before decompression; `None` if one is a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.files().map(BarFile::total_bytes).sum()
    }

    #[cold]
    fn start(&mut self) -> io::Result<()> {
        let part = self.started;
        if let Some((start, input)) = self.parts[part].advance(false)? {
            self.waiting.push(Reverse((start, input, part)));
        }
        self.started += 1;
        Ok(())
    }

    /// Advances the part whose line was returned.
    #[inline]
    fn replace_top(&mut self) -> io::Result<()> {
        if let Some(mut top) = self.waiting.peek_mut() {
            let Reverse((_, _, part)) = *top;
            match self.parts[part].advance(self.watched)? {
                Some((start, input)) => *top = Reverse((start, input, part)),
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        self.given = false;
        Ok(())
    }
}

impl Part {
    /// Goes to its next line; start of the bar and index of the file, or none at the end.
    #[inline]
    fn advance(&mut self, watched: bool) -> io::Result<Option<(i64, usize)>> {
        match self {
            Self::File { input, source, newest } => {
                if !source.advance()? {
                    return Ok(None);
                }
                // Of a refused line that of the line before.
                let start = start_of(source).unwrap_or(*newest);
                if watched && start < *newest {
                    let line = source.current().map_or(0, |line| line.number);
                    return Err(io::Error::other(OutOfOrder { input: *input, line }));
                }
                *newest = start;
                Ok(Some((start, *input)))
            }
            Self::Sorted(source) => Ok(if source.advance()? { source.place() } else { None }),
        }
    }
}

/// Start of the bar of the waiting line, which is its place among others; none if it was refused.
#[inline]
pub(super) fn start_of(source: &BarFile) -> Option<i64> {
    match source.current() {
        Some(Line { result: Ok(record), .. }) => Some(record.interval.utc_span(record.ts).start),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
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
            crate::feed::opened(&path, "5s")
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

    #[test]
    fn going_back_is_noticed_where_it_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("back");
        fs_write(&path, &[10, 12, 11, 14, 9]);
        let files = || vec![crate::feed::opened(&path, "5s")];
        let mut merged = MergedSource::new(files()).watched();
        let error = loop {
            match merged.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it was not noticed"),
                Err(error) => break error,
            }
        };
        // 11 belongs to the bar of 12; 9 does not.
        let found = error.get_ref().and_then(|error| error.downcast_ref::<OutOfOrder>());
        assert_eq!(found, Some(&OutOfOrder { input: 0, line: 6 }));
        let mut merged = MergedSource::new(files());
        let lines = std::iter::from_fn(|| merged.next().unwrap().map(|line| line.line.number)).count();
        assert_eq!(lines, 5);
    }

    fn fs_write(path: &std::path::Path, seconds: &[i64]) {
        let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
        for second in seconds {
            writeln!(text, "{},S,1,1,1,1,1", crate::model::time::Iso8601(second * 1_000)).unwrap();
        }
        std::fs::write(path, text).unwrap();
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
