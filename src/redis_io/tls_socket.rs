//! TLS over a non-blocking socket: rustls as a state machine between the link's buffers and the socket.
//!
//! A read returns what is already decrypted before it looks at the socket again, so a caller that reads until nothing
//! comes may wait for the socket without missing anything. A write that the socket does not take completely counts as
//! not taken and must be repeated with the same bytes, as in OpenSSL: what is already encrypted is not encrypted again.

use super::tls::Tls;
use super::tls_error::TlsError;
use super::wire::Wire;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ClientConnection, pki_types::ServerName};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most that is encrypted at once, bytes: one record.
const WRITE_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct TlsSocket {
    stream: TcpStream,
    session: ClientConnection,
    /// Bytes of the last write that are encrypted but not wholly sent.
    owed: usize,
}

impl TlsSocket {
    /// The handshake over a non-blocking socket; blocks, up to the timeout.
    pub(super) fn connect(stream: TcpStream, host: &str, tls: Option<&Tls>, timeout: Duration) -> io::Result<Self> {
        let Some(Tls(config)) = tls else { return Err(TlsError::unprepared().into_io()) };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::host(host).into_io())?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(|e| TlsError::new(&e).into_io())?;
        let mut socket = Self { stream, session, owed: 0 };
        let deadline = Instant::now() + timeout;
        while socket.session.is_handshaking() {
            let flushed = socket.flush()?;
            if !socket.session.is_handshaking() {
                break;
            }
            match socket.receive() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if later(&error) => {
                    wait(
                        &socket.stream,
                        if flushed { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT },
                        deadline,
                    )?;
                }
                Err(error) => return Err(error),
            }
        }
        socket.flush()?;
        Ok(socket)
    }

    /// Reads records from the socket, with a single read; returns the number of bytes.
    fn receive(&mut self) -> io::Result<usize> {
        let len = self.session.read_tls(&mut self.stream)?;
        if let Err(error) = self.session.process_new_packets() {
            // The alert that says why; whether it gets through no longer matters.
            let _ = self.flush();
            return Err(TlsError::new(&error).into_io());
        }
        Ok(len)
    }

    /// Sends what is encrypted; whether all of it is sent.
    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Why the server closed the connection, if it said so: in TLS 1.3 it checks a client certificate after our side of
    /// the handshake is done.
    #[cold]
    fn last_words(&mut self) -> Option<io::Error> {
        loop {
            match self.receive() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error).filter(|error| error.get_ref().is_some()),
            }
        }
    }
}

impl Wire for TlsSocket {
    /// Like a plain socket: 0 at its end, [`io::ErrorKind::WouldBlock`] if nothing is there.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Err(error) if later(&error) => {}
                result => return result,
            }
            if self.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // A key update needs an answer; if the socket does not take it, the next write sends it.
            if self.session.wants_write() && self.owed == 0 {
                self.flush()?;
            }
        }
    }

    /// Like a plain socket, except that a write that was not taken must be repeated with the same bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.owed == 0 {
            if !self.flush()? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.owed = self.session.writer().write(&bytes[..bytes.len().min(WRITE_BYTES_MAX)])?;
        }
        match self.flush() {
            Ok(true) => Ok(std::mem::take(&mut self.owed)),
            Ok(false) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(self.last_words().unwrap_or(error)),
        }
    }
}

impl AsFd for TlsSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn wait(stream: &TcpStream, flags: PollFlags, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(TlsError::silent().into_io());
    }
    let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    match poll(&mut [PollFd::new(stream, flags)], Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Command, Link, LinkOptions, TlsFiles, testing::Server};
    use super::*;
    use redis::Cmd;
    use rustix::process::{Signal, kill_process};

    const SECOND: Duration = Duration::from_secs(1);

    /// A server that speaks TLS, and a link to it.
    fn start(dir: &std::path::Path) -> (Server, Link) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
        let server = Server::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            cert,
            "--tls-key-file",
            key,
            "--tls-auth-clients",
            "no",
            "--tls-ca-cert-file",
            cert,
        ]);
        let tls = Tls::load(TlsFiles { ca: Some(std::path::Path::new(cert)), client: None }).unwrap();
        let address: Address = format!("rediss://localhost:{port}").parse().unwrap();
        let link = Link::connect(&address, &LinkOptions { tls: Some(tls), ..LinkOptions::default() }).unwrap();
        (server, link)
    }

    #[test]
    fn large_values_go_both_ways_and_many_replies_come_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (_server, mut link) = start(dir.path());
        let value: Vec<u8> = (0..10_000_000u32).map(|i| (i % 251) as u8).collect();
        let set: String = link.ask_within(&Cmd::set("k", &value), 10 * SECOND).unwrap();
        assert_eq!(set, "OK");
        assert!(link.ask_within::<Vec<u8>>(&Cmd::get("k"), 10 * SECOND).unwrap() == value);
        // Replies that share a record: whoever reads until nothing comes has all of them, and may wait for the socket.
        for i in 0..1_000 {
            Command::new(link.outbox(), 2).arg("ECHO").arg(i.to_string());
        }
        let (mut answers, deadline) = (0, Instant::now() + 10 * SECOND);
        while answers < 1_000 {
            assert!(Instant::now() < deadline, "{answers} answers");
            link.write_pending().unwrap();
            while link.fill().unwrap() > 0 {}
            while let Some(len) = link.reply().unwrap() {
                let found = redis::parse_redis_value(&link.received()[..len]).unwrap();
                assert_eq!(found, redis::Value::BulkString(answers.to_string().into_bytes()));
                link.consume(len);
                answers += 1;
            }
            if answers < 1_000 {
                let left = Timespec { tv_sec: 10, tv_nsec: 0 };
                poll(&mut [PollFd::new(&link, PollFlags::IN)], Some(&left)).unwrap();
            }
        }
    }

    #[test]
    fn what_a_full_socket_does_not_take_is_sent_once() {
        let dir = tempfile::tempdir().unwrap();
        let (server, mut link) = start(dir.path());
        let value: Vec<u8> = (0..30_000_000u32).map(|i| (i % 253) as u8).collect();
        let mut bytes = Vec::new();
        Command::new(&mut bytes, 3).arg("SET").arg("k").arg(&value);
        kill_process(server.pid(), Signal::STOP).unwrap();
        let (mut written, mut refused) = (0, 0);
        while refused < 100 {
            let len = link.write(&bytes[written..]).unwrap();
            written += len;
            refused += u32::from(len == 0);
        }
        assert!(written < bytes.len(), "the socket took all of it");
        kill_process(server.pid(), Signal::CONT).unwrap();
        let deadline = Instant::now() + 20 * SECOND;
        while written < bytes.len() {
            assert!(Instant::now() < deadline, "{written} bytes");
            written += link.write(&bytes[written..]).unwrap();
        }
        while link.reply().unwrap().is_none() {
            assert!(Instant::now() < deadline, "no answer");
            link.fill().unwrap();
        }
        assert_eq!(link.received(), b"+OK\r\n");
        link.consume(5);
        assert!(link.ask_within::<Vec<u8>>(&Cmd::get("k"), 20 * SECOND).unwrap() == value);
    }
}
