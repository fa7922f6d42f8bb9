//! Where a server is and who connects: read from a URL by the `redis` crate, printed without its password.

use super::group::{Seed, ServerGroup};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use std::{fmt, str::FromStr};

/// A server, the account on it and the database: `redis[s]://[user[:password]@]host[:port][/db]`, or
/// `redis+unix:///path?db=n&user=&pass=` (also `unix:///path`); or those of the primary that sentinels know under a name:
/// `redis[s]+sentinel://[user[:password]@]host[:port],…/name[/db]`. Neither `Display` nor `Debug` shows the password.
#[derive(Clone)]
pub struct Address {
    info: ConnectionInfo,
    group: Option<ServerGroup>,
}

/// Why a text is not the address of a server. The text may hold a password and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no `://`.
    NoScheme,
    /// The scheme is not one of Redis.
    Scheme,
    /// The scheme of a group of servers that is not known.
    Group,
    /// Sentinels, the name of their primary, or the nodes of a cluster are missing or wrong.
    Sentinels,
    /// User or password hold characters that end them.
    Account,
    /// Host, port or database are missing or wrong.
    Place,
    /// The path of a unix socket is missing or wrong.
    Path,
    /// A parameter that has no meaning with TCP.
    TcpParameter,
    /// A parameter that has no meaning with a unix socket.
    UnixParameter,
    /// The URL asks for TLS without verification, or for something else behind a `#`.
    Fragment,
    /// The protocol asked for is not RESP2.
    Protocol,
}

impl AddressError {
    /// What an address may look like.
    pub const ALLOWED: &'static str = "redis://[user:password@]host[:port][/database], the same with rediss:// (TLS), \
        redis+sentinel://[user:password@]host[:port],host[:port]/name[/database] for the primary that sentinels know by \
        this name, redis+cluster://[user:password@]host[:port],host[:port] for a cluster, or redis+unix:///path or unix:///path to a socket; special characters of the password as %XX";

    /// What is wrong with the text.
    #[must_use]
    pub const fn found(self) -> &'static str {
        match self {
            Self::NoScheme => "a text without redis:// (not shown)",
            Self::Scheme => "an address of another scheme (not shown)",
            Self::Group => {
                "the address of a group of servers of another kind (not shown; there are +sentinel:// and +cluster://)"
            }
            Self::Sentinels => {
                "an address of sentinels or of a cluster without hosts, or without the name of the primary behind sentinels, or \
                 with more behind a cluster (not shown)"
            }
            Self::Account => "an address with a /, ? or # in user or password (not shown; write %2F, %3F, %23)",
            Self::Place => "an address whose host, port or database is not valid (not shown)",
            Self::Path => "a socket whose path does not begin with a / or whose db is not valid (not shown)",
            Self::TcpParameter => "a parameter behind ? (not shown; the database goes behind the host: redis://host/2)",
            Self::UnixParameter => "an unknown parameter behind ? (not shown; there are db, user, pass and protocol)",
            Self::Fragment => {
                "something behind a # (not shown; a # of the password is written %23; certificates are always \
                 verified: name the CA in redis.tls_ca)"
            }
            Self::Protocol => "a protocol other than resp2, the only one supported (remove it)",
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the URL of a Redis server: found {}; allowed: {}", self.found(), Self::ALLOWED)
    }
}

impl std::error::Error for AddressError {}

/// A cluster has one database.
fn of_cluster(text: &str) -> Option<(ServerGroup, &str)> {
    ServerGroup::cluster(text).map(|group| (group, "0"))
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::NoScheme)?;
        let (plain, tls, unix) = match &*scheme.to_ascii_lowercase() {
            "redis" | "valkey" => ("redis", false, false),
            // The crate reads this scheme only if its own TLS is built in.
            "rediss" | "valkeys" => ("redis", true, false),
            "redis+unix" | "valkey+unix" | "unix" => ("unix", false, true),
            "redis+sentinel" | "valkey+sentinel" => return Self::of_group("redis", rest, ServerGroup::sentinels),
            "rediss+sentinel" | "valkeys+sentinel" => return Self::of_group("rediss", rest, ServerGroup::sentinels),
            "redis+cluster" | "valkey+cluster" => return Self::of_group("redis", rest, of_cluster),
            "rediss+cluster" | "valkeys+cluster" => return Self::of_group("rediss", rest, of_cluster),
            other if other.contains("sentinel") || other.contains("cluster") => return Err(AddressError::Group),
            _ => return Err(AddressError::Scheme),
        };
        if !unix && rest.rsplit_once('@').is_some_and(|(account, _)| account.contains(['/', '?', '#'])) {
            return Err(AddressError::Account);
        }
        let wrong = if unix { AddressError::Path } else { AddressError::Place };
        // The parser drops some of these silently.
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong);
        }
        let url = redis::parse_redis_url(&format!("{plain}://{rest}")).ok_or(wrong)?;
        if url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        for (name, value) in url.query_pairs() {
            match &*name {
                "protocol" if ["2", "resp2"].contains(&&*value) => {}
                "protocol" => return Err(AddressError::Protocol),
                "db" | "user" | "pass" if unix => {}
                _ => return Err(if unix { AddressError::UnixParameter } else { AddressError::TcpParameter }),
            }
        }
        let mut info = url.into_connection_info().map_err(|_| wrong)?;
        let good = match info.addr() {
            ConnectionAddr::Tcp(_, port) => *port > 0,
            ConnectionAddr::Unix(path) => path.file_name().is_some(),
            _ => false,
        };
        if !good || u32::try_from(info.redis_settings().db()).is_err() {
            return Err(wrong);
        }
        if let ConnectionAddr::Tcp(host, port) = info.addr()
            && tls
        {
            let addr = ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None };
            info = info.set_addr(addr);
        }
        Ok(Self { info, group: None })
    }
}

impl Address {
    /// Reads what stands behind the scheme of a group; its servers have this one.
    fn of_group(
        scheme: &str,
        rest: &str,
        read: impl Fn(&str) -> Option<(ServerGroup, &str)>,
    ) -> Result<Self, AddressError> {
        let (account, places) = rest.rsplit_once('@').map_or(("", rest), |(account, places)| (account, places));
        let (group, db) = read(places).ok_or(AddressError::Sentinels)?;
        let at = if account.is_empty() { "" } else { "@" };
        // Its own place is asked for.
        let one: Self = format!("{scheme}://{account}{at}group/{db}").parse()?;
        Ok(Self { group: Some(group), ..one })
    }

    /// The servers that are asked which one it is, if that is not fixed.
    #[must_use]
    pub fn group(&self) -> Option<&ServerGroup> {
        self.group.as_ref()
    }

    /// The same account and database, with or without TLS as here, at another place.
    pub(super) fn at(&self, (host, port): &Seed) -> Self {
        self.over(match self.socket() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host.clone(), *port),
        })
    }

    /// The same without an account, and with the first database.
    pub(super) fn without_account(&self) -> Self {
        Self { info: self.info.clone().set_redis_settings(RedisConnectionInfo::default()), group: None }
    }

    /// The same with the account of another, and with the first database.
    pub(super) fn with_account_of(&self, other: &Self) -> Self {
        Self { info: self.info.clone().set_redis_settings(other.account().clone().set_db(0)), group: None }
    }

    /// The socket of the server; of one that is asked for, of the same kind.
    #[must_use]
    pub fn socket(&self) -> &ConnectionAddr {
        self.info.addr()
    }

    /// Its TCP port; `None` where it is a unix socket, or is asked for.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        if self.group.is_some() {
            return None;
        }
        match self.socket() {
            ConnectionAddr::Tcp(_, port) | ConnectionAddr::TcpTls { port, .. } => Some(*port),
            _ => None,
        }
    }

    /// The account on it and the database.
    #[must_use]
    pub fn account(&self) -> &RedisConnectionInfo {
        self.info.redis_settings()
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        let account = self.account().clone().set_password(password);
        Self { info: self.info.clone().set_redis_settings(account), group: self.group.clone() }
    }

    /// The same account and database over another socket.
    #[must_use]
    pub fn over(&self, socket: ConnectionAddr) -> Self {
        Self { info: self.info.clone().set_addr(socket), group: None }
    }

    /// Whether connections to it speak TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.socket(), ConnectionAddr::TcpTls { .. })
    }

    /// Whether connections to it go over TCP without TLS.
    #[must_use]
    pub fn is_plain_tcp(&self) -> bool {
        matches!(self.socket(), ConnectionAddr::Tcp(..))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.account();
        let account = match (settings.username(), settings.password()) {
            (None, None) => String::new(),
            // Most likely a password whose colon was forgotten.
            (_, None) => "***".to_owned(),
            (user, Some(_)) => format!("{}:***", user.unwrap_or_default()),
        };
        let (scheme, host, port) = match self.socket() {
            ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, port),
            ConnectionAddr::Tcp(host, port) => ("redis", host, port),
            // A socket prints as its path.
            socket => {
                let user = if account.is_empty() { String::new() } else { format!("&user={account}") };
                return write!(f, "redis+unix://{socket}?db={}{user}", settings.db());
            }
        };
        if let Some(group) = &self.group {
            let at = if account.is_empty() { "" } else { "@" };
            let (of, db) = (group.scheme(), settings.db());
            let db = if matches!(group, ServerGroup::Cluster { .. }) { String::new() } else { format!("/{db}") };
            return write!(f, "{scheme}+{of}://{account}{at}{group}{db}");
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let at = if account.is_empty() { "" } else { "@" };
        write!(f, "{scheme}://{account}{at}{host}:{port}/{}", settings.db())
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
            ("valkeys://h/1?protocol=2", "rediss://h:6379/1"),
            ("redis+sentinel://a,b:7000,[::1]:7001/main", "redis+sentinel://a:26379,b:7000,[::1]:7001/main/0"),
            ("redis+cluster://:s%40cret@a,b:7000/", "redis+cluster://:***@a:6379,b:7000"),
            ("rediss+sentinel://me:s%40cret@a/main/3", "rediss+sentinel://me:***@a:26379/main/3"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address.to_string(), printed);
            assert_eq!(format!("{address:?}"), format!("Address({printed})"));
            if url.contains("cret") {
                assert_eq!(address.account().password(), Some("s@cret"));
            }
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_reason_that_keeps_the_password() {
        for (url, error) in [
            ("rediss://h#insecure", AddressError::Fragment),
            ("redis://h/1#2", AddressError::Fragment),
            ("redis://h/?protocol=resp3", AddressError::Protocol),
            ("unix:///run/redis.sock?protocol=3", AddressError::Protocol),
            ("redis://h?db=2", AddressError::TcpParameter),
            ("redis://h/1?protocol=2&db=2", AddressError::TcpParameter),
            ("unix:///run/redis.sock?password=secret", AddressError::UnixParameter),
            ("redis://h\t1", AddressError::Place),
            ("redis://h:0", AddressError::Place),
            ("unix:///", AddressError::Path),
            ("unix://run/redis.sock", AddressError::Path),
            ("unix:///run/redis.sock?db=two", AddressError::Path),
            ("redis://:sec/ret@h", AddressError::Account),
            ("redis+other-cluster://h", AddressError::Group),
            ("redis+cluster://:secret@h/2", AddressError::Sentinels),
            ("redis+cluster://", AddressError::Sentinels),
            ("redis+sentinel://:secret@h", AddressError::Sentinels),
            ("redis+sentinel://:secret@h/", AddressError::Sentinels),
            ("redis+sentinel://:secret@h:0/main", AddressError::Sentinels),
            ("redis+sentinel://:secret@h,/main", AddressError::Sentinels),
            ("redis+sentinel://:secret@h/main/x", AddressError::Place),
            ("redis+sentinel://:secret@h/main?a=b", AddressError::Sentinels),
        ] {
            assert_eq!(url.parse::<Address>().unwrap_err(), error, "{url}");
        }
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
