//! Whether a stream stays the one that is being read: looked at with its backlog. Pure.

use super::trouble::RedisSourceError;
use crate::{
    model::StreamId,
    redis_io::{Another, Remembered, StreamInfo},
};

/// What has been seen of a stream.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Whether its key is gone, although something was read from it.
    gone: bool,
    /// Entries ever added to it at the last look.
    added: u64,
}

/// What has happened to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    /// Its key does not exist any more.
    Gone,
    /// It was made again, with newer entries.
    MadeAgain,
}

impl Watch {
    /// Takes the server's figures on the stream, read up to `last`; `None` where there is no such key.
    ///
    /// # Errors
    /// A stream that was made again with lower ids: its entries would never be read.
    pub fn look(
        &mut self,
        name: &str,
        last: StreamId,
        info: Option<&StreamInfo>,
    ) -> Result<Option<Changed>, RedisSourceError> {
        let Some(info) = info else {
            let new = last != StreamId::default() && !std::mem::replace(&mut self.gone, true);
            return Ok(new.then_some(Changed::Gone));
        };
        let known = Remembered { position: last, ..Remembered::default() };
        if let Some(another @ Another::Lower { .. }) = known.compare(Some(info), true) {
            return Err(RedisSourceError::Another { stream: name.to_owned(), another });
        }
        let added = info.added.unwrap_or(0);
        let again = std::mem::take(&mut self.gone) || added < self.added;
        self.added = added;
        Ok(again.then_some(Changed::MadeAgain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn info(last: u64, added: Option<u64>) -> StreamInfo {
        StreamInfo { added, last: id(last), ..StreamInfo::default() }
    }

    #[test]
    fn a_stream_that_goes_and_comes_again_is_told_of_once_each() {
        let mut watch = Watch::default();
        let mut look = |last, info: Option<StreamInfo>| watch.look("s", id(last), info.as_ref());
        assert!(matches!(look(0, None), Ok(None)), "not there yet");
        assert!(matches!(look(0, Some(info(5, Some(5)))), Ok(None)));
        assert!(matches!(look(5, Some(info(9, Some(9)))), Ok(None)));
        assert!(matches!(look(9, None), Ok(Some(Changed::Gone))));
        assert!(matches!(look(9, None), Ok(None)));
        assert!(matches!(look(9, Some(info(12, Some(2)))), Ok(Some(Changed::MadeAgain))));
        assert!(matches!(look(12, Some(info(14, Some(4)))), Ok(None)));
        assert!(matches!(look(14, Some(info(20, Some(3)))), Ok(Some(Changed::MadeAgain))), "between two looks");
        let error = look(20, Some(info(7, Some(7)))).unwrap_err().to_string();
        assert!(error.contains("read up to 20-0, but its newest entry ever is 7-0"), "{error}");
    }
}
