//! Reads lines through one large buffer.
//!
//! Allocates the buffer once and nothing per line; blocks while its reader blocks.

use std::io::{self, Read};
use std::ops::Range;

/// Bytes read at a time; the buffer holds several lines of maximum length.
const BUFFER_LEN: usize = 512 * 1024;
/// Longest line, bytes, without its end.
pub const MAX_LINE_LEN: usize = 64 * 1024;

/// Position of the next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// A line without its end, `\n` or `\r\n`; see [`Lines::bytes`].
    Line(Range<usize>),
    /// A line longer than [`MAX_LINE_LEN`], which was skipped.
    TooLong,
}

/// Splits a reader's bytes into lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// First byte not yet returned.
    start: usize,
    /// End of the bytes read.
    end: usize,
    number: u64,
    ended: bool,
    /// The byte after a line.
    line_end: u8,
    /// Within a line that is too long.
    skipping: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of a text whose beginning, at most the buffer's length, has been read already.
    pub fn with_head(reader: R, head: &[u8], line_end: u8) -> Self {
        let mut buffer: Box<[u8]> = vec![0; BUFFER_LEN].into();
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let end = head.len().min(BUFFER_LEN);
        buffer[..end].copy_from_slice(&head[..end]);
        Self { reader, buffer, start: 0, end, number: 0, ended: false, line_end, skipping: false }
    }

    /// Number of the last line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of the last line; valid until the next call of [`next_span`](Self::next_span).
    #[inline]
    pub fn bytes(&self, span: Range<usize>) -> &[u8] {
        &self.buffer[span]
    }

    /// Goes to the next line; `None` at the end. The last line needs no line end. After an error, such as one that says
    /// that nothing is there yet, it can be asked again.
    #[inline]
    pub fn next_span(&mut self) -> io::Result<Option<Span>> {
        match memchr::memchr(self.line_end, &self.buffer[self.start..self.end]) {
            Some(length) if !self.skipping => Ok(Some(self.take(length, 1))),
            _ => self.read_span(),
        }
    }

    /// Returns `length` bytes and skips the `gap` bytes of line end after them.
    #[inline]
    fn take(&mut self, length: usize, gap: usize) -> Span {
        let span = self.start..self.start + length;
        self.start = span.end + gap;
        self.number += 1;
        let cut = usize::from(self.buffer[span.clone()].last() == Some(&b'\r'));
        if length - cut > MAX_LINE_LEN { Span::TooLong } else { Span::Line(span.start..span.end - cut) }
    }

    /// The same if the buffer does not hold the end of the line.
    #[cold]
    fn read_span(&mut self) -> io::Result<Option<Span>> {
        let mut seen = 0;
        loop {
            if let Some(length) = memchr::memchr(self.line_end, &self.buffer[self.start + seen..self.end]) {
                let span = self.take(seen + length, 1);
                return Ok(Some(if std::mem::take(&mut self.skipping) { Span::TooLong } else { span }));
            }
            seen = self.end - self.start;
            if seen > MAX_LINE_LEN + 1 {
                // Too long already: drop it and look for its end.
                (self.start, self.end, self.skipping, seen) = (0, 0, true, 0);
            }
            if !self.fill()? {
                if !self.skipping && seen == 0 {
                    return Ok(None);
                }
                let span = self.take(seen, 0);
                return Ok(Some(if std::mem::take(&mut self.skipping) { Span::TooLong } else { span }));
            }
        }
    }

    /// Moves the rest to the front and reads more after it; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Returns at most this many bytes per read.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len());
            (&mut self.0).take(count as u64).read(out)
        }
    }

    fn split(bytes: &[u8], step: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::with_head(Trickle(bytes, step), b"", b'\n');
        let mut found = Vec::new();
        while let Some(span) = lines.next_span().unwrap() {
            found.push(match span {
                Span::Line(span) => Some(lines.bytes(span).to_vec()),
                Span::TooLong => None,
            });
            assert_eq!(lines.number(), found.len() as u64);
        }
        assert_eq!(lines.next_span().unwrap(), None);
        found
    }

    fn oracle(bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
        let mut parts: Vec<_> = bytes.split(|&b| b == b'\n').collect();
        if parts.last().is_some_and(|last| last.is_empty()) {
            parts.pop();
        }
        parts
            .iter()
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .map(|line| (line.len() <= MAX_LINE_LEN).then(|| line.to_vec()))
            .collect()
    }

    #[test]
    fn the_limit_is_exact_wherever_the_buffer_ends() {
        for length in
            [MAX_LINE_LEN - 1, MAX_LINE_LEN, MAX_LINE_LEN + 1, MAX_LINE_LEN + 2, 2 * BUFFER_LEN, 3 * BUFFER_LEN + 7]
        {
            for end in ["", "\n", "\r\n", "\nlast", "\r\n\n\nlast\n"] {
                for lead in ["", "first\n"] {
                    let text = format!("{lead}{}{end}", "x".repeat(length));
                    for step in [7_777, BUFFER_LEN, usize::MAX] {
                        assert_eq!(split(text.as_bytes(), step), oracle(text.as_bytes()), "{length} {end:?} {step}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_yet_comes_later() {
        /// Says every other time that nothing is there.
        struct Halting<'a>(Trickle<'a>, bool);
        impl Read for Halting<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(out) }
            }
        }
        let long = "x".repeat(2 * BUFFER_LEN);
        let text = format!("one\n{long}\r{long}\rtwo\rend");
        for (line_end, head) in [(b'\n', ""), (b'\r', ""), (b'\n', "one\n"), (b'\r', "one\nx")] {
            let rest = &text.as_bytes()[head.len()..];
            let mut lines = Lines::with_head(Halting(Trickle(rest, 50_000), false), head.as_bytes(), line_end);
            let mut found = Vec::new();
            loop {
                match lines.next_span() {
                    Ok(Some(Span::Line(span))) => found.push(lines.bytes(span).to_vec()),
                    Ok(Some(Span::TooLong)) => found.push(b"too long".to_vec()),
                    Ok(None) => break,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            let split = text.split(char::from(line_end));
            let expected: Vec<Vec<u8>> = split
                .map(|line| if line.len() > MAX_LINE_LEN { b"too long".to_vec() } else { line.as_bytes().to_vec() })
                .collect();
            assert_eq!(found, expected, "{line_end} {head:?}");
        }
    }

    proptest! {
        #[test]
        fn splits_like_the_standard_library(text in "[ab\r\n]{0,40}", step in 1usize..10) {
            prop_assert_eq!(split(text.as_bytes(), step), oracle(text.as_bytes()));
        }
    }
}
