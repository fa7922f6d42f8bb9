//! A reply that owns its bytes: for administration and tests, where allocation does not matter.

use super::scan::DEPTH_MAX;
use super::token::{Limits, ProtocolError, Token, token};

/// One reply of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedReply {
    /// A simple string such as `OK`.
    Simple(String),
    /// An error, its code first.
    Error(String),
    /// An integer.
    Int(i64),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Nil, of either kind.
    Nil,
    /// An array.
    Array(Vec<OwnedReply>),
}

impl OwnedReply {
    /// Reads one complete reply.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] where the bytes are not a complete reply.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut pos = 0;
        Self::at(bytes, &mut pos, DEPTH_MAX)
    }

    fn at(bytes: &[u8], pos: &mut usize, depth_left: usize) -> Result<Self, ProtocolError> {
        let (element, next) = token(bytes, *pos, &Limits::NONE)?.ok_or(ProtocolError::Shape)?;
        *pos = next;
        Ok(match element {
            Token::Simple(text) => Self::Simple(String::from_utf8_lossy(text).into_owned()),
            Token::Error(text) => Self::Error(String::from_utf8_lossy(text).into_owned()),
            Token::Int(value) => Self::Int(value),
            Token::Bulk(text) => Self::Bulk(text.to_vec()),
            Token::Nil => Self::Nil,
            Token::Array(count) => {
                let depth_left =
                    if count == 0 { depth_left } else { depth_left.checked_sub(1).ok_or(ProtocolError::TooDeep)? };
                Self::Array((0..count).map(|_| Self::at(bytes, pos, depth_left)).collect::<Result<_, _>>()?)
            }
        })
    }

    /// The bytes of a bulk or simple string.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => Some(bytes),
            Self::Simple(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The text of a bulk or simple string that is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The elements of an array; none for anything else.
    #[must_use]
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }
}
