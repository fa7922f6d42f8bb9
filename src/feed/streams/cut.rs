//! A reply that is too large to be received: which entries have arrived, and where it was cut off. Pure.

use crate::model::StreamId;
use crate::redis_io::{XreadCursor, XreadItem};

/// The received part of a reply that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutReply {
    /// Number of complete entries.
    pub complete: u64,
    /// The entry that was cut off, by stream and id; `None` if its id has not arrived.
    pub entry: Option<(usize, StreamId)>,
    /// Whether it is the first entry of its stream in the reply.
    pub first: bool,
    /// Bytes of it received.
    pub bytes: usize,
}

impl CutReply {
    /// Scans the bytes received so far; `find` returns the index of the stream with a name.
    pub fn new(received: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> Self {
        let (mut cursor, mut stream) = (XreadCursor::default(), None);
        let (mut complete, mut before) = (0, 0u64);
        let mut at = cursor;
        while let Ok(Some(item)) = cursor.next(received) {
            match item {
                XreadItem::Stream(name) => (stream, before) = (find(name), 0),
                XreadItem::Entry(_) => (complete, before) = (complete + 1, before + 1),
                XreadItem::Error(_) => break,
            }
            at = cursor;
        }
        let entry = stream.zip(at.peek_id(received).ok()).filter(|_| at.entries_left() > 0);
        Self { complete, entry, first: before == 0, bytes: received.len() - at.pos() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_was_cut_off_is_known_by_its_id() {
        let entry = |id: &str| format!("*2\r\n${}\r\n{id}\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", id.len());
        let stream = |name: &str, ids: &[&str]| {
            let entries: String = ids.iter().map(|id| entry(id)).collect();
            format!("*2\r\n${}\r\n{name}\r\n*{}\r\n{entries}", name.len(), ids.len())
        };
        let find = |name: &[u8]| [b"x", b"y"].iter().position(|known| *known == name);
        let reply = format!("*2\r\n{}{}", stream("x", &["1-0", "2-0"]), stream("y", &["3-0", "4-0"]));
        let id = |ms| StreamId { ms, seq: 0 };
        let cut = |text: &str, behind: usize| {
            let at = reply.find(text).unwrap() + behind;
            CutReply::new(&reply.as_bytes()[..at], find)
        };
        let second = cut("2-0", 9);
        assert_eq!((second.complete, second.entry, second.first), (1, Some((0, id(2))), false));
        let third = cut("3-0", 9);
        assert_eq!((third.complete, third.entry, third.first), (2, Some((1, id(3))), true));
        assert!(third.bytes >= 9 && third.bytes < 24, "{}", third.bytes);
        // Cut off before its id.
        assert_eq!(cut("4-0", 1).entry, None);
        assert_eq!(CutReply::new(b"", find).entry, None);
    }
}
