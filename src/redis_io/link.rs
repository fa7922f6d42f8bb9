//! A connection to a server: non-blocking, polled by the agent that owns it, buffers reused.
//!
//! Connecting and [`Link::ask`] block, up to their timeouts; nothing else does.

use super::inbox::Inbox;
use super::link_error::LinkError;
use super::scan::Scanner;
use super::socket::Socket;
use super::tls::Tls;
use super::token::{Limits, ProtocolError};
use super::url::Address;
use super::wire::Network;
use redis::cmd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a link is made, and its bounds.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Name under which the server lists the connection.
    pub name: String,
    /// Longest wait for the connection, per address of the host, and again for the TLS handshake.
    pub connect_timeout: Duration,
    /// Longest wait for each reply to [`Link::ask`], and while logging in.
    pub reply_timeout: Duration,
    /// What TLS connections are made with; without it none can be made.
    pub tls: Option<Tls>,
    /// One of the keys that it is for, which are in one slot where the server is a cluster.
    pub key: Option<String>,
    /// The network of the connection, if it is not the system's.
    pub network: Option<Network>,
    /// Bound of the receive buffer, bytes: no reply can be larger.
    pub receive_bytes_max: usize,
    /// Bounds within a reply.
    pub limits: Limits,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            name: "wagehood-engine".to_owned(),
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(5),
            tls: None,
            key: None,
            network: None,
            receive_bytes_max: 80 << 20,
            limits: Limits::default(),
        }
    }
}

/// `ASKING`, whose reply is left out, so that replies are counted alike on all links.
pub(super) const ASKING: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*1\r\n$6\r\nASKING\r\n";

/// A connection to a server, logged in.
#[derive(Debug)]
pub struct Link {
    address: String,
    socket: Socket,
    inbox: Inbox,
    scanner: Scanner,
    outbox: Vec<u8>,
    written: usize,
    reply_timeout: Duration,
    /// What goes before a command on a key.
    prelude: &'static [u8],
    /// Whether a transaction is being put together by [`Link::ask`].
    pub(super) in_transaction: bool,
    /// What counts the switches of its primary, where sentinels named it, and the count when they did.
    switches: Option<(Arc<AtomicU64>, u64)>,
}

impl Link {
    /// Connects to the one server of an address, logs in, selects the database, and makes the link non-blocking.
    ///
    /// # Errors
    ///
    /// [`LinkError`] names the address, the step and what to do about it.
    pub(super) fn open(address: &Address, options: &LinkOptions) -> Result<Self, LinkError> {
        let (network, tls) = (options.network.as_ref(), options.tls.as_ref());
        let socket = Socket::connect(address.socket(), network, tls, options.connect_timeout)
            .map_err(|source| LinkError::Connect { address: address.to_string(), source })?;
        let mut link = Self {
            address: address.to_string(),
            socket,
            inbox: Inbox::new(options.receive_bytes_max),
            scanner: Scanner::new(options.limits),
            outbox: Vec::with_capacity(1 << 12),
            written: 0,
            reply_timeout: options.reply_timeout,
            prelude: b"",
            in_transaction: false,
            switches: None,
        };
        link.log_in(address, options).map_err(|error| hung_up(error, address))?;
        Ok(link)
    }

    fn log_in(&mut self, address: &Address, options: &LinkOptions) -> Result<(), LinkError> {
        let account = address.account();
        if account.username().is_some() || account.password().is_some() {
            let password = account.password().unwrap_or_default();
            self.ask::<()>(cmd("AUTH").arg(account.username()).arg(password))?;
        }
        if account.db() != 0 {
            self.ask::<()>(cmd("SELECT").arg(account.db()))?;
        }
        let name: String = options.name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        self.ask::<()>(cmd("CLIENT").arg("SETNAME").arg(name))?;
        // Refused while the server loads its data, unlike everything before.
        self.ask::<()>(&cmd("PING"))
    }

    /// Asks from now on for keys of a slot that its node is still being given. Not for keys that may be on the node that gives
    /// it: they would seem to be nowhere.
    pub(super) fn asks(&mut self) {
        self.prelude = ASKING;
    }

    /// What goes before each command on a key, and before `MULTI` for those of a transaction: nothing, but on a node of a cluster
    /// that is still being given the slot. It has no reply of its own.
    #[inline]
    #[must_use]
    pub fn prelude(&self) -> &'static [u8] {
        self.prelude
    }

    /// Fails from now on where the count is another than this: then its server is not the primary any more.
    pub(super) fn leave_after(&mut self, switches: Arc<AtomicU64>, seen: u64) {
        self.switches = Some((switches, seen));
    }

    /// Whether another server has become the primary.
    #[inline]
    fn left(&self) -> io::Result<()> {
        match &self.switches {
            Some((switches, seen)) if switches.load(Ordering::Relaxed) != *seen => Err(switched()),
            _ => Ok(()),
        }
    }

    /// Longest wait for a reply to [`Link::ask`].
    pub fn reply_timeout(&self) -> Duration {
        self.reply_timeout
    }

    /// The address as it is printed, without its password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads what has arrived, with a single read; returns the number of bytes, 0 if there is nothing.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the server has closed the connection, [`io::ErrorKind::InvalidData`]
    /// if a reply outgrows the receive buffer, and the socket's own errors. The link cannot be used again.
    #[inline]
    pub fn fill(&mut self) -> io::Result<usize> {
        self.left()?;
        match self.socket.read(self.inbox.room()?) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Ok(len) => {
                self.inbox.filled(len);
                Ok(len)
            }
            Err(error) if later(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The bytes received and not consumed yet.
    #[inline]
    #[must_use]
    pub fn received(&self) -> &[u8] {
        self.inbox.received()
    }

    /// Length of the reply that [`Link::received`] begins with, once it is complete.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the bytes are not a reply; the link cannot be used again.
    #[inline]
    pub fn reply(&mut self) -> Result<Option<usize>, ProtocolError> {
        Ok(self.scanner.scan(self.inbox.received())?.complete())
    }

    /// Where the last entry begins in the reply that [`Link::reply`] has just found, if it is a reply to `XREAD`.
    #[inline]
    #[must_use]
    pub fn last_entry(&self) -> usize {
        self.scanner.last_entry()
    }

    /// Discards the first bytes received: the reply that [`Link::reply`] found.
    #[inline]
    pub fn consume(&mut self, len: usize) {
        self.inbox.consume(len);
    }

    /// The send buffer: commands are appended here and sent by [`Link::write_pending`].
    #[inline]
    pub fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Sends as much of the send buffer as the socket takes; true once all of it is sent.
    ///
    /// # Errors
    ///
    /// The socket's own; the link cannot be used again.
    #[inline]
    pub fn write_pending(&mut self) -> io::Result<bool> {
        self.left()?;
        while self.written < self.outbox.len() {
            match self.socket.write(&self.outbox[self.written..]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                Ok(len) => self.written += len,
                Err(error) if later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.outbox.clear();
        self.written = 0;
        Ok(true)
    }

    /// Sends as many of the caller's bytes as the socket takes; returns the number sent, 0 if it takes none now. The
    /// next call must begin with what was not taken.
    ///
    /// # Errors
    ///
    /// The socket's own; the link cannot be used again.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left()?;
        match self.socket.write(bytes) {
            Err(error) if later(&error) => Ok(0),
            result => result,
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cold]
fn switched() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the sentinels say that another server is the primary now")
}

/// A TLS server silently closes a connection that does not speak TLS.
fn hung_up(error: LinkError, address: &Address) -> LinkError {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error {
        LinkError::Io { address: text, what, source }
            if !address.is_tls()
                && ["AUTH", "SELECT", "CLIENT SETNAME"].contains(&&*what)
                && matches!(source.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) =>
        {
            let why = "the server hung up before it had answered; where it speaks TLS, write rediss://";
            LinkError::Io { address: text, what, source: io::Error::new(io::ErrorKind::ConnectionAborted, why) }
        }
        error => error,
    }
}

/// Whether a socket's error only says that it is not ready.
fn later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::super::{server_error::ServerErrorKind, testing::Server};
    use super::*;
    use redis::Cmd;

    const SECOND: Duration = Duration::from_secs(1);

    fn connect(url: &str) -> Result<Link, LinkError> {
        Link::connect(&url.parse().unwrap(), &LinkOptions { reply_timeout: SECOND, ..LinkOptions::default() })
    }

    #[test]
    fn it_logs_in_selects_and_introduces_itself() {
        let server = Server::start(&["--requirepass", "s3cret"]);
        let mut link = connect(&server.url("?db=3&pass=s3cret")).unwrap();
        let info: String = link.ask(cmd("CLIENT").arg("LIST")).unwrap();
        assert!(info.contains("name=wagehood-engine") && info.contains("db=3"), "{info}");
    }

    #[test]
    fn refusals_say_what_to_do_and_not_the_password() {
        let server =
            Server::start(&["--requirepass", "s3cret", "--user", "reader", "on", ">pw", "~*", "+auth", "+client"]);
        for (url, kind, words) in [
            (server.url(""), ServerErrorKind::NoAuth, "wants a password"),
            (server.url("?pass=wr0ng"), ServerErrorKind::WrongPass, "check user and password"),
            (server.url("?user=reader&pass=wr0ng"), ServerErrorKind::WrongPass, "check user and password"),
            (server.url("?user=reader&pass=pw"), ServerErrorKind::NoPerm, "lacks a permission"),
        ] {
            let error = connect(&url).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, LinkError::Server { kind: k, .. } if k == kind), "{text}");
            assert!(text.contains(words) && !text.contains("wr0ng"), "{text}");
        }
        let absent = connect("redis+unix:///nowhere/redis.sock").unwrap_err().to_string();
        assert!(
            absent.starts_with("cannot connect to redis+unix:///nowhere/redis.sock?db=0: No such file"),
            "{absent}"
        );
        let refused = connect("redis://127.0.0.1:1").unwrap_err().to_string();
        assert!(refused.contains("refused"), "{refused}");
    }

    #[test]
    fn a_server_that_stalls_or_dies_is_noticed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let options = LinkOptions { reply_timeout: Duration::from_millis(20), ..LinkOptions::default() };
        let error = Link::connect(&url.parse().unwrap(), &options).unwrap_err().to_string();
        assert!(error.contains("did not answer in time"), "{error}");
        let mut server = Server::start(&[]);
        let mut link = server.link();
        assert_eq!(link.fill().unwrap(), 0);
        server.kill();
        assert_eq!(link.fill().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_full_server_is_worth_waiting_for() {
        let server = Server::start(&["--maxclients", "1", "--requirepass", "pw"]);
        let url = server.url("?pass=pw");
        let _only = loop {
            // The one that saw the server come up has to leave first.
            if let Ok(link) = connect(&url) {
                break link;
            }
        };
        let error = connect(&url).unwrap_err();
        assert!(matches!(error, LinkError::Server { kind: ServerErrorKind::Full, .. }), "{error}");
        assert!(error.is_transient() && error.to_string().contains("maxclients"), "{error}");
    }

    #[test]
    fn tcp_sockets_send_at_once() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let _server = Server::start(&["--port", &port.to_string()]);
        let mut link = connect(&format!("redis://127.0.0.1:{port}/1")).unwrap();
        assert!(rustix::net::sockopt::tcp_nodelay(&link).unwrap());
        assert_eq!(link.ask::<String>(&cmd("PING")).unwrap(), "PONG");
    }

    #[test]
    fn large_values_go_both_ways_in_pieces() {
        let server = Server::start(&[]);
        let mut link = server.link();
        let value: Vec<u8> = (0..10_000_000u32).map(|i| (i % 251) as u8).collect();
        link.ask::<()>(&Cmd::set("k", &value)).unwrap();
        assert!(link.ask::<Vec<u8>>(&Cmd::get("k")).unwrap() == value);
    }
}
