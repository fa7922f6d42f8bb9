//! Splits a line into its fields.
//!
//! Runs once per record; allocates nothing.

use crate::feed::Refusal;
use std::ops::Range;

/// Finds the fields of a line, hands each with its column to `put`, and returns their number. Those before the first quote of
/// a line are handed over twice.
///
/// A field in quotes, which may have blanks around them, may contain separators. A doubled quote is allowed only where
/// `ignored` says that the column is of no interest.
///
/// # Errors
/// [`Refusal::BadText`] for quotes that are none.
#[inline]
pub fn split(
    line: &[u8],
    separator: u8,
    ignored: impl Fn(usize) -> bool,
    mut put: impl FnMut(usize, Range<usize>),
) -> Result<usize, Refusal> {
    let mut start = 0;
    let mut count = 0;
    for at in memchr::memchr2_iter(separator, b'"', line) {
        if line[at] == b'"' {
            return split_quoted(line, separator, &ignored, &mut put);
        }
        put(count, start..at);
        start = at + 1;
        count += 1;
    }
    put(count, start..line.len());
    Ok(count + 1)
}

/// The same for a line with quotes.
#[inline(never)]
fn split_quoted(
    line: &[u8],
    separator: u8,
    ignored: &dyn Fn(usize) -> bool,
    put: &mut dyn FnMut(usize, Range<usize>),
) -> Result<usize, Refusal> {
    let mut at = 0;
    let mut count = 0;
    loop {
        let blanks = |from: usize| {
            line[from.min(line.len())..].iter().take_while(|b| b.is_ascii_whitespace() && **b != separator).count()
        };
        let opens = at + blanks(at);
        let (field, after) = if line.get(opens) == Some(&b'"') {
            let (field, after) = quoted(line, opens, ignored(count))?;
            (field, after + blanks(after))
        } else {
            let end = memchr::memchr(separator, &line[at..]).map_or(line.len(), |length| at + length);
            (at..end, end)
        };
        put(count, field);
        count += 1;
        match line.get(after) {
            None => return Ok(count),
            Some(&byte) if byte == separator => at = after + 1,
            Some(_) => return Err(Refusal::BadText),
        }
    }
}

/// The text within the quotes that open at `at`, and the position after them.
fn quoted(line: &[u8], at: usize, ignored: bool) -> Result<(Range<usize>, usize), Refusal> {
    let mut end = at + 1;
    loop {
        end += memchr::memchr(b'"', &line[end..]).ok_or(Refusal::BadText)?;
        if line.get(end + 1) != Some(&b'"') {
            return Ok((at + 1..end, end + 1));
        }
        if !ignored {
            return Err(Refusal::BadText);
        }
        end += 2;
    }
}

/// The fields of a line, for a look at it.
pub(super) fn fields(line: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut found = Vec::new();
    // A line with quotes hands over the fields before them twice.
    let put = |at: usize, range| {
        found.truncate(at);
        found.push(range);
    };
    match split(line, separator, |_| true, put) {
        Ok(_) => found.into_iter().map(|range| &line[range]).collect(),
        Err(_) => Vec::new(),
    }
}

/// The text of a line that stands in quotes as a whole, though it has several fields.
#[must_use]
pub fn within_quotes(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_in_quotes_leaves_those_before_it_where_they_are() {
        let found = fields(b"2025-07-08,\"A,B\", \"x\" ,619.5", b',');
        assert_eq!(found, [&b"2025-07-08"[..], b"A,B", b"x", b"619.5"]);
    }
}
