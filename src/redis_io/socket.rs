//! The kinds of socket: connected blocking with a timeout, non-blocking from then on.

use super::tls::Tls;
use super::tls_socket::TlsSocket;
use super::wire::{Network, Wire};
use redis::ConnectionAddr;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TLS, or a connection of a network of the caller's.
    Wire(Box<dyn Wire>),
}

impl Socket {
    pub(super) fn connect(
        address: &ConnectionAddr,
        network: Option<&Network>,
        tls: Option<&Tls>,
        timeout: Duration,
    ) -> io::Result<Self> {
        if let Some(network) = network {
            return network.connect().map(Self::Wire);
        }
        Ok(match address {
            ConnectionAddr::Tcp(host, port) => Self::Tcp(connect_tcp(host, *port, timeout)?),
            ConnectionAddr::TcpTls { host, port, .. } => {
                let stream = connect_tcp(host, *port, timeout)?;
                Self::Wire(Box::new(TlsSocket::connect(stream, host, tls, timeout)?))
            }
            ConnectionAddr::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Self::Unix(stream)
            }
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
        })
    }

    #[inline]
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Unix(stream) => stream.read(room),
            Self::Wire(wire) => wire.read(room),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            Self::Wire(wire) => wire.write(bytes),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Wire(wire) => wire.as_fd(),
        }
    }
}

/// A TLS connection to a server that need not be one of Redis: non-blocking from then on. Blocks, up to the timeout for each
/// address of the host and again for the handshake.
///
/// # Errors
/// The system's, or a [`TlsError`](super::TlsError) within one.
pub fn connect_tls(host: &str, port: u16, tls: &Tls, timeout: Duration) -> io::Result<Box<dyn Wire>> {
    let stream = connect_tcp(host, port, timeout)?;
    Ok(Box::new(TlsSocket::connect(stream, host, Some(tls), timeout)?))
}

/// Connects to the first address of the host that answers; non-blocking from then on.
fn connect_tcp(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                rustix::net::sockopt::set_socket_keepalive(&stream, true)?; // a host that vanished answers no FIN
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
