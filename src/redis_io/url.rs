//! Where a server is and who connects: read from a URL at start, printed without its password.

use redis::{ConnectionAddr, IntoConnectionInfo};
use std::{fmt, path::PathBuf, str::FromStr};

/// The socket of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP socket.
    Tcp {
        /// Name or address of the host.
        host: String,
        /// Port, 6379 where the URL has none.
        port: u16,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// A unix socket.
    Unix {
        /// Path of the socket.
        path: PathBuf,
    },
}

/// A server, the account on it and the database: `redis[s]://[user[:password]@]host[:port][/db]`, or
/// `redis+unix:///path?db=n&user=&pass=` (also `unix:///path`). Neither `Display` nor `Debug` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// The socket.
    pub endpoint: Endpoint,
    /// The account; the default one where absent.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// Number of the database.
    pub db: u32,
}

/// Why a text is not the address of a server. The text may hold a password and is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The URL asks for TLS without verification, or for something else behind a `#`.
    #[error(
        "nothing may stand behind a # in a rediss:// URL (a # of the password is written %23); certificates are \
             always verified: name the CA in redis.tls_ca"
    )]
    Fragment,
    /// The protocol asked for is not RESP2.
    #[error("only protocol=resp2 is supported; remove the protocol from the URL")]
    Resp3,
    /// Anything else.
    #[error(
        "not the URL of a Redis server ({0}); write redis://[user[:password]@]host[:port][/db], the same with rediss:// for \
         TLS, or redis+unix:///path, and special characters of the password as %XX"
    )]
    Url(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The crate knows TLS only with its own TLS built in.
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let tls = ["rediss", "valkeys"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
        if tls && rest.contains('#') {
            return Err(AddressError::Fragment);
        }
        let plain = if tls { format!("redis://{rest}") } else { text.to_owned() };
        let info = plain.as_str().into_connection_info().map_err(|e| AddressError::Url(reason(&e)))?;
        let account = info.redis_settings();
        if account.protocol() != redis::ProtocolVersion::RESP2 {
            return Err(AddressError::Resp3);
        }
        let endpoint = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Endpoint::Tcp { host: host.clone(), port: *port, tls },
            ConnectionAddr::Unix(path) => Endpoint::Unix { path: path.clone() },
            _ => return Err(AddressError::Url("this kind of socket is not supported".into())),
        };
        Ok(Self {
            endpoint,
            user: account.username().map(str::to_owned),
            password: account.password().map(str::to_owned),
            db: u32::try_from(account.db()).map_err(|_| AddressError::Url("the database is a number from 0".into()))?,
        })
    }
}

/// What the parser says is wrong, without the parts of the URL that it may repeat.
fn reason(error: &redis::RedisError) -> String {
    let text = error.to_string();
    text.split(" - ").next().unwrap_or_default().to_owned()
}

impl Address {
    /// Whether connections to it speak TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { tls: true, .. })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = match (&self.user, &self.password) {
            (None, None) => String::new(),
            // Most likely the password of somebody who has forgotten the colon.
            (_, None) => "***".to_owned(),
            (user, Some(_)) => user.clone().unwrap_or_default() + ":***",
        };
        match &self.endpoint {
            Endpoint::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let at = if account.is_empty() { "" } else { "@" };
                write!(f, "{scheme}://{account}{at}{host}:{port}/{}", self.db)
            }
            Endpoint::Unix { path } => {
                write!(f, "redis+unix://{}?db={}", path.display(), self.db)?;
                if account.is_empty() { Ok(()) } else { write!(f, "&user={account}") }
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_every_form_are_read_and_printed_without_the_password() {
        for (url, printed) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://hunter2@localhost", "redis://***@localhost:6379/0"),
            ("redis://10.1.2.3:7000/3", "redis://10.1.2.3:7000/3"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("rediss://h", "rediss://h:6379/0"),
            ("REDISS://me:s%40cret@[::1]:7000/2", "rediss://me:***@[::1]:7000/2"),
            ("redis://:s%40cret@h", "redis://:***@h:6379/0"),
            ("redis://me:s%40cret@h/2", "redis://me:***@h:6379/2"),
            (
                "redis+unix:///run/redis.sock?db=4&user=me&pass=s%40cret",
                "redis+unix:///run/redis.sock?db=4&user=me:***",
            ),
            ("unix:///run/redis.sock", "redis+unix:///run/redis.sock?db=0"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address.to_string(), printed);
            assert_eq!(format!("{address:?}"), format!("Address({printed})"));
            if url.contains("cret") {
                assert_eq!(address.password.as_deref(), Some("s@cret"));
            }
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_reason_that_keeps_the_password() {
        assert_eq!("rediss://h#insecure".parse::<Address>(), Err(AddressError::Fragment));
        assert_eq!("redis://h/?protocol=resp3".parse::<Address>(), Err(AddressError::Resp3));
        for url in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis://:se#cret@h",
            "rediss://:secret/x@h",
            "secret",
            "redis://:secret@h/x",
            "redis://:secret@h/-1",
            "redis://:secret@h:99999",
        ] {
            let error = url.parse::<Address>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
