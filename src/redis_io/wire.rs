//! A connection that is not one of the system's sockets: bytes in order both ways, non-blocking.

use std::{fmt, io, os::fd::AsFd, sync::Arc};

/// What stands between a link and its server where that is no plain socket: TLS, or a network of the caller's.
///
/// A link asks for its file descriptor only when it is about to wait for it.
pub trait Wire: AsFd + fmt::Debug + Send {
    /// Reads what has come, as of a non-blocking socket: 0 at its end, [`io::ErrorKind::WouldBlock`] where nothing has.
    ///
    /// # Errors
    /// Those of the connection.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize>;

    /// Takes bytes, as a non-blocking socket does. A write that was not taken may have to be repeated with the same
    /// bytes.
    ///
    /// # Errors
    /// Those of the connection.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

type Connect = dyn Fn() -> io::Result<Box<dyn Wire>> + Send + Sync;

/// A network of the caller's in place of the system's: every link over it reaches the one server that there is.
#[derive(Clone)]
pub struct Network(Arc<Connect>);

impl Network {
    /// A network whose connections `connect` makes.
    #[must_use]
    pub fn new(connect: impl Fn() -> io::Result<Box<dyn Wire>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(connect))
    }

    pub(super) fn connect(&self) -> io::Result<Box<dyn Wire>> {
        (self.0)()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}
