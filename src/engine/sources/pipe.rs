//! A pipe that never keeps its reader waiting: a thread of its own waits for the bytes and unpacks them.
//!
//! That thread may wait for ever; it ends with the process.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the thread is off the hot path, and waits for whoever writes"
)]

use crate::feed::{Bytes, unpack};
use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
};
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    time::Duration,
};

/// Bytes handed over at a time, at most.
const PIECE_LEN: usize = 64 * 1024;
/// Pieces that wait, at most.
const PIECES: usize = 16;
/// Time between two looks at whether the wait is to end.
const LOOK: Duration = Duration::from_millis(50);

/// The reading end.
pub(super) struct Pipe {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    given: usize,
    handle: PipeHandle,
    stop: Arc<AtomicBool>,
}

/// What is kept of a pipe whose reading end is given away.
#[derive(Debug, Clone)]
pub(super) struct PipeHandle {
    bell: Arc<OwnedFd>,
    /// Whether a read waits for bytes.
    waits: Arc<AtomicBool>,
}

impl PipeHandle {
    /// From now on a read that finds nothing says so; the descriptor tells when there is more.
    pub fn opened(self) -> Arc<OwnedFd> {
        self.waits.store(false, Ordering::Relaxed);
        self.bell
    }
}

impl Pipe {
    /// Starts the thread that reads. Until the pipe is said to be open, reads wait, but for `stop`.
    ///
    /// # Errors
    /// No thread or descriptor is to be had.
    pub fn new(bytes: Bytes, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let (sender, pieces) = sync_channel(PIECES);
        let own = Arc::clone(&bell);
        std::thread::Builder::new().name("pipe".to_owned()).spawn(move || pump(bytes, &sender, &own))?;
        let handle = PipeHandle { bell, waits: Arc::new(AtomicBool::new(true)) };
        Ok(Self { pieces, piece: Vec::new(), given: 0, handle, stop })
    }

    pub fn handle(&self) -> PipeHandle {
        self.handle.clone()
    }

    /// The next piece; none at the end.
    fn next(&self) -> io::Result<Option<Vec<u8>>> {
        let waits = self.handle.waits.load(Ordering::Relaxed);
        loop {
            match self.pieces.try_recv() {
                Ok(piece) => return piece.map(Some),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) if waits => {}
                Err(TryRecvError::Empty) => {
                    // What came before the bell was silenced is there now; what comes later rings it again.
                    let _ = rustix::io::read(&*self.handle.bell, &mut [0u8; 8]);
                    return match self.pieces.try_recv() {
                        Ok(piece) => piece.map(Some),
                        Err(TryRecvError::Disconnected) => Ok(None),
                        Err(TryRecvError::Empty) => Err(io::ErrorKind::WouldBlock.into()),
                    };
                }
            }
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => return piece.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => {
                    return Err(io::Error::other("stopped before the first bar"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.piece.len() {
            let Some(piece) = self.next()? else { return Ok(0) };
            (self.piece, self.given) = (piece, 0);
        }
        let count = out.len().min(self.piece.len() - self.given);
        out[..count].copy_from_slice(&self.piece[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Reads and hands over until the end, or until nobody takes it.
fn pump(bytes: Bytes, sender: &SyncSender<io::Result<Vec<u8>>>, bell: &OwnedFd) {
    let ring = || {
        // Fails only if the count is at its maximum, that is, it is rung already.
        let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
    };
    let read = |bytes: &mut Bytes| {
        let mut piece = vec![0; PIECE_LEN];
        loop {
            match bytes.read(&mut piece) {
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(piece);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    let mut bytes = match unpack(bytes) {
        Ok((_, bytes)) => bytes,
        Err(error) => {
            let _ = sender.send(Err(error));
            return ring();
        }
    };
    loop {
        let piece = read(&mut bytes);
        // Nothing is the end; an error is told, and then is one.
        let (empty, failed) = (piece.as_ref().is_ok_and(Vec::is_empty), piece.is_err());
        if empty || sender.send(piece).is_err() || failed {
            break;
        }
        ring();
    }
    ring();
}
