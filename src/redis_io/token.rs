//! One element of a RESP2 reply, read in place: no allocation, no copy, no state.

use memchr::memchr;

/// Limits on what a server may send; a reply beyond them is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest bulk string, bytes.
    pub bulk_bytes_max: usize,
    /// Longest array, elements.
    pub elements_max: usize,
    /// Longest line of a simple string or an error, bytes.
    pub line_bytes_max: usize,
}

impl Limits {
    /// No limits: for replies that a [`Scanner`](super::Scanner) with limits has found complete.
    pub const NONE: Self = Self { bulk_bytes_max: usize::MAX, elements_max: usize::MAX, line_bytes_max: usize::MAX };
}

impl Default for Limits {
    fn default() -> Self {
        Self { bulk_bytes_max: 64 << 20, elements_max: 1 << 20, line_bytes_max: 64 << 10 }
    }
}

/// Why bytes are not a RESP2 reply within the limits; the connection cannot be used further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The first byte of an element is not a type of RESP2.
    #[error("byte {0:#04x} where the type of a reply is expected; is this a Redis server speaking RESP2?")]
    UnknownType(u8),
    /// A length or an integer is not a number.
    #[error("a length or integer of a reply is not a number")]
    BadNumber,
    /// An element does not end in CR LF.
    #[error("an element of a reply does not end in CR LF")]
    BadEnd,
    /// A bulk string, array or line is longer than the limits allow.
    #[error("an element of a reply is {0} long, more than the limit")]
    TooLong(usize),
    /// Arrays are nested deeper than any command nests them.
    #[error("arrays of a reply are nested too deep")]
    TooDeep,
    /// A reply has another shape than the command's.
    #[error("a reply does not have the shape of its command")]
    Shape,
}

/// One element of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A simple string such as `OK`.
    Simple(&'a [u8]),
    /// An error, its code first.
    Error(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A bulk string.
    Bulk(&'a [u8]),
    /// Nil, of either kind.
    Nil,
    /// An array with this number of elements, which follow.
    Array(usize),
}

/// Reads the element at `pos`: the element and where the next begins, or `None` if bytes are missing.
///
/// # Errors
///
/// [`ProtocolError`] if the bytes cannot become an element, whatever follows.
#[inline]
pub fn token<'a>(buf: &'a [u8], pos: usize, limits: &Limits) -> Result<Option<(Token<'a>, usize)>, ProtocolError> {
    let Some(&kind) = buf.get(pos) else { return Ok(None) };
    match kind {
        b'$' => bulk(buf, pos, limits),
        b'*' => {
            let Some((count, next)) = number(buf, pos + 1)? else { return Ok(None) };
            match usize::try_from(count) {
                Ok(count) if count <= limits.elements_max => Ok(Some((Token::Array(count), next))),
                Ok(count) => Err(ProtocolError::TooLong(count)),
                Err(_) if count == -1 => Ok(Some((Token::Nil, next))),
                Err(_) => Err(ProtocolError::BadNumber),
            }
        }
        b':' => Ok(number(buf, pos + 1)?.map(|(value, next)| (Token::Int(value), next))),
        b'+' => Ok(line(buf, pos + 1, limits)?.map(|(text, next)| (Token::Simple(text), next))),
        b'-' => Ok(line(buf, pos + 1, limits)?.map(|(text, next)| (Token::Error(text), next))),
        other => Err(ProtocolError::UnknownType(other)),
    }
}

#[inline]
fn bulk<'a>(buf: &'a [u8], pos: usize, limits: &Limits) -> Result<Option<(Token<'a>, usize)>, ProtocolError> {
    let Some((len, start)) = number(buf, pos + 1)? else { return Ok(None) };
    let len = match usize::try_from(len) {
        Ok(len) if len <= limits.bulk_bytes_max => len,
        Ok(len) => return Err(ProtocolError::TooLong(len)),
        Err(_) if len == -1 => return Ok(Some((Token::Nil, start))),
        Err(_) => return Err(ProtocolError::BadNumber),
    };
    let end = start.saturating_add(len);
    match (buf.get(start..end), buf.get(end..end.saturating_add(2))) {
        (Some(text), Some(b"\r\n")) => Ok(Some((Token::Bulk(text), end + 2))),
        (Some(_), Some(_)) => Err(ProtocolError::BadEnd),
        (Some(_), None) if buf.get(end).is_some_and(|&byte| byte != b'\r') => Err(ProtocolError::BadEnd),
        _ => Ok(None),
    }
}

/// Where the text of a complete bulk string begins and ends, if its length has one or two digits, as in nearly every
/// element of a stream's reply. `None` for anything else, which is left to [`token`].
#[inline(always)]
pub(super) fn short_bulk(buf: &[u8], pos: usize) -> Option<(usize, usize)> {
    let rest = buf.get(pos..)?;
    let (start, len) = match *rest.first_chunk::<5>()? {
        [b'$', ones @ b'0'..=b'9', b'\r', b'\n', _] => (4, usize::from(ones - b'0')),
        [b'$', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n'] => {
            (5, usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))
        }
        _ => return None,
    };
    let end = start + len;
    if *rest.get(end..)?.first_chunk::<2>()? == *b"\r\n" { Some((pos + start, pos + end)) } else { None }
}

/// A decimal number up to CR LF, and where the next line begins.
#[inline(always)]
fn number(buf: &[u8], pos: usize) -> Result<Option<(i64, usize)>, ProtocolError> {
    // A length of one or two digits: nearly every element of a stream's reply.
    match buf.get(pos..pos + 4) {
        Some(&[ones @ b'0'..=b'9', b'\r', b'\n', _]) => Ok(Some((i64::from(ones - b'0'), pos + 3))),
        Some(&[tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n']) => {
            Ok(Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), pos + 4)))
        }
        _ => any_number(buf, pos),
    }
}

/// A number of any length and sign.
#[inline(never)]
fn any_number(buf: &[u8], pos: usize) -> Result<Option<(i64, usize)>, ProtocolError> {
    let negative = buf.get(pos) == Some(&b'-');
    let first = pos + usize::from(negative);
    let mut at = first;
    let mut value: i64 = 0;
    loop {
        let Some(&byte) = buf.get(at) else { return Ok(None) };
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at - first > 20 {
            break; // no number is longer, whatever zeros it begins with
        }
        let shifted = value.checked_mul(10);
        let digit = i64::from(digit);
        // Negative numbers are summed below zero: the least one has no positive counterpart.
        let summed = shifted.and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        value = summed.ok_or(ProtocolError::BadNumber)?;
        at += 1;
    }
    if at == first || buf[at] != b'\r' {
        return Err(ProtocolError::BadNumber);
    }
    match buf.get(at + 1) {
        Some(b'\n') => Ok(Some((value, at + 2))),
        Some(_) => Err(ProtocolError::BadEnd),
        None => Ok(None),
    }
}

fn line<'a>(buf: &'a [u8], pos: usize, limits: &Limits) -> Result<Option<(&'a [u8], usize)>, ProtocolError> {
    let rest = buf.get(pos..).unwrap_or_default();
    let Some(len) = memchr(b'\r', rest).or((rest.len() > limits.line_bytes_max).then_some(rest.len())) else {
        return Ok(None);
    };
    if len > limits.line_bytes_max {
        return Err(ProtocolError::TooLong(len));
    }
    match rest.get(len + 1) {
        Some(b'\n') => Ok(Some((&rest[..len], pos + len + 2))),
        Some(_) => Err(ProtocolError::BadEnd),
        None => Ok(None),
    }
}
