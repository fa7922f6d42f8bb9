//! The parts of the reply of `XINFO STREAM` that say how much of a stream is left. [`StreamInfo::parse`] allocates
//! nothing: the reader looks at its streams while it reads them.

use super::link::Link;
use super::link_error::LinkError;
use super::scan::Scanner;
use super::token::{Limits, ProtocolError, Token, token};
use crate::model::StreamId;
use redis::Cmd;

/// How much of a stream there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamInfo {
    /// Entries it holds.
    pub length: u64,
    /// Entries that were ever added; a server before 7.0 does not say.
    pub added: Option<u64>,
    /// Its oldest entry; after the newest if it holds none.
    pub first: StreamId,
    /// The newest that was ever added.
    pub last: StreamId,
    /// The newest that was ever deleted one by one.
    pub max_deleted: StreamId,
}

impl StreamInfo {
    /// Asks for a stream; blocks.
    ///
    /// # Errors
    ///
    /// Those of [`Link::ask`]; an absent stream is one of them.
    pub fn ask(link: &mut Link, stream: &str) -> Result<Self, LinkError> {
        link.ask_raw(&Cmd::xinfo_stream(stream), |reply| Self::parse(reply)?.ok_or(ProtocolError::Shape))
    }

    /// Reads a complete reply; `None` for an error, such as that there is no such stream.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the reply is not one of `XINFO STREAM`.
    pub fn parse(reply: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let element = |pos| token(reply, pos, &Limits::NONE)?.ok_or(ProtocolError::Shape);
        let (Token::Array(elements), mut pos) = element(0)? else { return Ok(None) };
        let mut info = Self::default();
        let mut first = None;
        for _ in 0..elements / 2 {
            let (Token::Bulk(name), value) = element(pos)? else { return Err(ProtocolError::Shape) };
            let rest = reply.get(value..).unwrap_or_default();
            let len = Scanner::new(Limits::NONE).scan(rest)?.complete().ok_or(ProtocolError::Shape)?;
            pos = value + len;
            let (found, next) = element(value)?;
            let id = if let Token::Bulk(text) = found { StreamId::parse(text) } else { None };
            let number = if let Token::Int(number) = found { Some(number.unsigned_abs()) } else { None };
            match name {
                b"length" => info.length = number.unwrap_or(0),
                b"entries-added" => info.added = number,
                b"last-generated-id" => info.last = id.unwrap_or_default(),
                b"max-deleted-entry-id" => info.max_deleted = id.unwrap_or_default(),
                b"first-entry" => {
                    if let Token::Array(2) = found
                        && let (Token::Bulk(text), _) = element(next)?
                    {
                        first = StreamId::parse(text);
                    }
                }
                _ => {}
            }
        }
        info.first = first.unwrap_or(StreamId { ms: info.last.ms, seq: info.last.seq.saturating_add(1) });
        Ok(Some(info))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Server;
    use super::*;
    use ::redis::Commands as _;

    #[test]
    fn it_says_what_is_left() {
        let server = Server::start(&[]);
        let (mut oracle, mut link) = (server.oracle(), server.link());
        for i in 1..=5 {
            let _: String = oracle.xadd("s", format!("{i}-1"), &[("f", "v")]).unwrap();
        }
        let _: u64 = oracle.xtrim("s", redis::streams::StreamMaxlen::Equals(2)).unwrap();
        let mut info = |name: &str| StreamInfo::ask(&mut link, name);
        let id = |ms, seq| StreamId { ms, seq };
        let found = info("s").unwrap();
        assert_eq!((found.length, found.added, found.first, found.last), (2, Some(5), id(4, 1), id(5, 1)));
        let _: u64 = oracle.xdel("s", &["4-1", "5-1"]).unwrap();
        let found = info("s").unwrap();
        assert_eq!((found.length, found.first, found.max_deleted), (0, id(5, 2), id(5, 1)));
        let absent = info("absent").unwrap_err().to_string();
        assert!(absent.contains("XINFO STREAM: ERR no such key"), "{absent}");
        assert_eq!(StreamInfo::parse(b"-ERR no such key\r\n"), Ok(None));
    }
}
