//! The reply of `XREAD`, read in place: entries borrow from the receive buffer, nothing is allocated or copied.

use super::command::Command;
use super::token::{Limits, ProtocolError, Token, short_bulk, token};
use crate::model::StreamId;

/// What the reply of an `XREAD` consists of, in order.
#[derive(Debug, Clone)]
pub enum XreadItem<'a> {
    /// The entries that follow are of the stream of this name.
    Stream(&'a [u8]),
    /// An entry of the stream last named.
    Entry(Entry<'a>),
    /// The server answered with this error instead.
    Error(&'a [u8]),
}

/// An entry of a stream.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its identity.
    pub id: StreamId,
    /// Its fields, in the order they were written; a name may occur twice.
    pub fields: FieldIter<'a>,
}

/// The position in one reply: offsets, so that an agent can stop when its ring is full and continue later.
#[derive(Debug, Clone, Copy, Default)]
pub struct XreadCursor {
    pos: usize,
    started: bool,
    streams_left: usize,
    entries_left: usize,
}

impl XreadCursor {
    /// Reads the next item of `reply`, the same complete reply in every call; `None` at its end, and for a nil reply,
    /// the server's answer when nothing arrived within `BLOCK`.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the reply is not complete or not one of `XREAD`; the rest cannot be read.
    #[inline]
    pub fn next<'a>(&mut self, reply: &'a [u8]) -> Result<Option<XreadItem<'a>>, ProtocolError> {
        if self.entries_left > 0 {
            self.entries_left -= 1;
            return Ok(Some(XreadItem::Entry(self.entry(reply)?)));
        }
        if !self.started {
            self.started = true;
            match self.token(reply)? {
                Token::Nil => {}
                Token::Array(streams) => self.streams_left = streams,
                Token::Error(text) => return Ok(Some(XreadItem::Error(text))),
                _ => return Err(ProtocolError::Shape),
            }
        }
        if self.streams_left == 0 {
            return Ok(None);
        }
        self.streams_left -= 1;
        match (self.token(reply)?, self.token(reply)?, self.token(reply)?) {
            (Token::Array(2), Token::Bulk(name), Token::Array(entries)) => {
                self.entries_left = entries;
                Ok(Some(XreadItem::Stream(name)))
            }
            _ => Err(ProtocolError::Shape),
        }
    }

    /// Opens the entry that follows: its fields are looked at only as they are asked for, and the cursor has to be moved
    /// behind them with [`XreadCursor::pass`] before it is used again.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if no entry follows.
    #[inline]
    pub fn open<'a>(&mut self, reply: &'a [u8]) -> Result<Entry<'a>, ProtocolError> {
        self.entries_left = self.entries_left.checked_sub(1).ok_or(ProtocolError::Shape)?;
        let (id, values) = self.entry_head(reply)?;
        Ok(Entry { id, fields: FieldIter { rest: &reply[self.pos..], left: values / 2 } })
    }

    /// Moves behind the fields of an opened entry, whose iterator has come this far; returns where they end.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if they are not fields.
    #[inline]
    pub fn pass(&mut self, reply: &[u8], mut fields: FieldIter<'_>) -> Result<usize, ProtocolError> {
        while fields.left > 0 && fields.next().is_some() {}
        if fields.left > 0 {
            return Err(ProtocolError::Shape);
        }
        self.pos = reply.len() - fields.rest.len();
        Ok(self.pos)
    }

    /// Entries that follow in the stream last named.
    #[inline]
    #[must_use]
    pub fn entries_left(&self) -> usize {
        self.entries_left
    }

    /// The id of the entry that follows, without reading it.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if no entry follows.
    #[inline]
    pub fn peek_id(mut self, reply: &[u8]) -> Result<StreamId, ProtocolError> {
        match (self.token(reply)?, self.token(reply)?) {
            (Token::Array(2), Token::Bulk(id)) => StreamId::parse(id).ok_or(ProtocolError::Shape),
            _ => Err(ProtocolError::Shape),
        }
    }

    /// A cursor before the entry that begins at this offset, for [`XreadCursor::peek_id`].
    #[inline]
    #[must_use]
    pub fn before_entry(pos: usize) -> Self {
        Self { pos, ..Self::default() }
    }

    /// Offset in the reply at which the next item begins.
    #[must_use]
    pub fn pos(&self) -> usize {
        self.pos
    }

    #[inline]
    fn entry<'a>(&mut self, reply: &'a [u8]) -> Result<Entry<'a>, ProtocolError> {
        let (id, values) = self.entry_head(reply)?;
        let start = self.pos;
        for _ in 0..values {
            let Token::Bulk(_) = self.token(reply)? else { return Err(ProtocolError::Shape) };
        }
        Ok(Entry { id, fields: FieldIter { rest: &reply[start..self.pos], left: values / 2 } })
    }

    /// The id of an entry, and how many names and values follow.
    #[inline]
    fn entry_head(&mut self, reply: &[u8]) -> Result<(StreamId, usize), ProtocolError> {
        let (Token::Array(2), Token::Bulk(id)) = (self.token(reply)?, self.token(reply)?) else {
            return Err(ProtocolError::Shape);
        };
        let id = StreamId::parse(id).ok_or(ProtocolError::Shape)?;
        let values = match self.token(reply)? {
            Token::Array(values) if values % 2 == 0 => values,
            Token::Nil => 0, // deleted while a group still owed it
            _ => return Err(ProtocolError::Shape),
        };
        Ok((id, values))
    }

    #[inline]
    fn token<'a>(&mut self, reply: &'a [u8]) -> Result<Token<'a>, ProtocolError> {
        let (element, next) = token(reply, self.pos, &Limits::NONE)?.ok_or(ProtocolError::Shape)?;
        self.pos = next;
        Ok(element)
    }
}

/// Names and values of an entry's fields, borrowed from the receive buffer.
#[derive(Debug, Clone, Default)]
pub struct FieldIter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> FieldIter<'a> {
    /// Length of the fields that are left as they were received, bytes; of an opened entry, with all that is behind it.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rest.len()
    }

    /// The next name or value; `None` for anything but a bulk string.
    #[inline]
    fn bulk(&mut self) -> Option<&'a [u8]> {
        if let Some((start, end)) = short_bulk(self.rest, 0) {
            let value = &self.rest[start..end];
            self.rest = &self.rest[end + 2..];
            return Some(value);
        }
        match token(self.rest, 0, &Limits::NONE) {
            Ok(Some((Token::Bulk(value), next))) => {
                self.rest = &self.rest[next..];
                Some(value)
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for FieldIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left.checked_sub(1)?;
        let field = (self.bulk()?, self.bulk()?);
        self.left = left;
        Some(field)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for FieldIter<'_> {}

/// Appends `XREAD COUNT count [BLOCK block_ms] STREAMS name… id…`: the entries after those ids.
///
/// `block_ms` of `None` answers at once; 0 would block without an end and leave nothing to notice a lost server by.
pub fn encode_xread<'a>(
    out: &mut Vec<u8>,
    count: u64,
    block_ms: Option<u64>,
    streams: impl ExactSizeIterator<Item = (&'a [u8], StreamId)> + Clone,
) {
    let mut command = Command::new(out, 4 + if block_ms.is_some() { 2 } else { 0 } + 2 * streams.len());
    command.arg("XREAD").arg("COUNT").uint(count);
    if let Some(block_ms) = block_ms {
        command.arg("BLOCK").uint(block_ms);
    }
    command.arg("STREAMS");
    for (name, _) in streams.clone() {
        command.arg(name);
    }
    for (_, id) in streams {
        command.arg_with(|out| id.push(out));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Link;
    use super::super::testing::Server;
    use super::*;
    use proptest::prelude::*;
    use redis::streams::StreamReadReply;
    use std::time::Duration;

    type Read = Vec<(String, Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>)>;

    fn read(reply: &[u8]) -> Result<Read, ProtocolError> {
        let (mut cursor, mut all) = (XreadCursor::default(), Read::new());
        while let Some(item) = cursor.next(reply)? {
            match item {
                XreadItem::Stream(name) => all.push((String::from_utf8_lossy(name).into_owned(), Vec::new())),
                XreadItem::Entry(entry) => {
                    assert_eq!(entry.fields.len(), entry.fields.clone().count());
                    let fields = entry.fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                    all.last_mut().unwrap().1.push((entry.id.to_string(), fields));
                }
                XreadItem::Error(_) => return Err(ProtocolError::Shape),
            }
        }
        Ok(all)
    }

    /// Sends a command and returns the bytes of its reply, polling as an agent does.
    fn exchange(link: &mut Link, encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        encode(link.outbox());
        loop {
            link.write_pending().unwrap();
            link.fill().unwrap();
            if let Some(len) = link.reply().unwrap() {
                let reply = link.received()[..len].to_vec();
                link.consume(len);
                return reply;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    #[test]
    fn entries_are_those_that_the_redis_crate_reads() {
        let server = Server::start(&[]);
        let mut link = server.link();
        for i in 0..500usize {
            let stream = if i % 3 == 0 { "b" } else { "a" };
            let big = vec![(i % 256) as u8; if i == 250 { 3_000_000 } else { i }];
            link.ask::<()>(redis::cmd("XADD").arg(stream).arg("*").arg("i").arg(i).arg("").arg(&big)).unwrap();
        }
        let streams = [(&b"a"[..], StreamId::default()), (b"b", StreamId::default()), (b"none", StreamId::default())];
        let ours =
            read(&exchange(&mut link, |out| encode_xread(out, 1_000, Some(100), streams.iter().copied()))).unwrap();
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1_000).arg("STREAMS").arg(&["a", "b", "none", "0", "0", "0"]);
        let theirs: StreamReadReply = command.query(&mut server.oracle()).unwrap();
        assert_eq!(ours.iter().map(|(_, entries)| entries.len()).sum::<usize>(), 500);
        assert_eq!(ours.len(), theirs.keys.len());
        for ((name, entries), key) in ours.iter().zip(&theirs.keys) {
            assert_eq!(name, &key.key);
            assert_eq!(entries.len(), key.ids.len());
            for ((id, fields), other) in entries.iter().zip(&key.ids) {
                assert_eq!(id, &other.id);
                assert_eq!(fields.len(), other.map.len());
                for (name, value) in fields {
                    assert_eq!(other.map[std::str::from_utf8(name).unwrap()], redis::Value::BulkString(value.clone()));
                }
            }
        }
        let last = ours[0].1.last().unwrap().0.parse().unwrap();
        let nothing = exchange(&mut link, |out| encode_xread(out, 10, Some(1), [(&b"a"[..], last)].into_iter()));
        assert_eq!(redis::parse_redis_value(&nothing), Ok(redis::Value::Nil));
        assert_eq!(read(&nothing), Ok(Read::new()));
    }

    #[test]
    fn errors_and_replies_of_other_commands_are_told() {
        let item = XreadCursor::default().next(b"-WRONGTYPE no\r\n").unwrap();
        assert!(matches!(item, Some(XreadItem::Error(b"WRONGTYPE no"))));
        for reply in [&b"+OK\r\n"[..], b"*1\r\n:1\r\n", b"*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$1\r\nx\r\n*0\r\n", b""] {
            assert_eq!(read(reply), Err(ProtocolError::Shape), "{}", reply.escape_ascii());
        }
        let odd = b"*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\nx\r\n";
        assert_eq!(read(odd), Err(ProtocolError::Shape));
        let deleted = b"*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n";
        assert_eq!(read(deleted), Ok(vec![("a".into(), vec![("1-1".into(), vec![])])]));
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(noise in prop::collection::vec(
            prop_oneof![4 => prop::sample::select(b"$*:+-0123459\r\n".to_vec()), 1 => any::<u8>()], 0..80)) {
            let _ = read(&noise);
            let mut fields = FieldIter { rest: &noise, left: 3 };
            while fields.next().is_some() {}
        }

        #[test]
        fn a_mutilated_reply_does_no_harm(at: prop::sample::Index, byte: u8) {
            let mut reply = b"*1\r\n*2\r\n$1\r\na\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nx\r\n$2\r\nyz\r\n*2\r\n$3\r\n1-2\r\n*0\r\n".to_vec();
            let at = at.index(reply.len());
            reply[at] = byte;
            let _ = read(&reply);
        }
    }
}
