//! The receive buffer of a link: grows up to a bound while a reply arrives, and is reused.

use std::io;

/// Room that is made before a read, bytes.
const READ_BYTES_MIN: usize = 16 << 10;
const START_BYTES: usize = 64 << 10;

/// Bytes received and not consumed yet.
#[derive(Debug)]
pub(super) struct Inbox {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    bytes_max: usize,
}

impl Inbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.max(READ_BYTES_MIN);
        Self { buf: vec![0; START_BYTES.min(bytes_max)], start: 0, end: 0, bytes_max }
    }

    #[inline]
    pub(super) fn received(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        self.start = self.end.min(self.start.saturating_add(len));
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Where the next bytes go; an error if one reply fills the buffer and it is at its bound.
    #[inline]
    pub(super) fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.buf.len() - self.end < READ_BYTES_MIN {
            self.make_room();
        }
        let room = &mut self.buf[self.end..];
        if room.is_empty() {
            let why = "a reply is larger than the receive buffer may become; raise its bound or ask for fewer entries";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(room)
    }

    #[inline]
    pub(super) fn filled(&mut self, len: usize) {
        self.end += len;
    }

    #[cold]
    fn make_room(&mut self) {
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buf.len() - self.end < READ_BYTES_MIN {
            self.buf.resize((self.buf.len() * 2).min(self.bytes_max), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_its_bound_and_no_further() {
        let mut inbox = Inbox::new(100_000);
        let mut received = 0;
        loop {
            match inbox.room() {
                Ok(room) => {
                    let len = room.len().min(1_000);
                    room[..len].fill(b'x');
                    inbox.filled(len);
                    received += len;
                }
                Err(error) => break assert_eq!(error.kind(), io::ErrorKind::InvalidData),
            }
        }
        assert_eq!((received, inbox.received().len()), (100_000, 100_000));
        inbox.consume(99_999);
        assert!(inbox.room().is_ok_and(|room| room.len() == 99_999));
        assert_eq!(inbox.received(), b"x");
        inbox.consume(usize::MAX);
        assert_eq!(inbox.received(), b"");
    }
}
