//! Servers of which one at a time is the one to connect to: what of an address names them. Pure.

use std::fmt;

/// A place where a server listens: host and port.
pub type Seed = (String, u16);

/// Servers that know which server is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerGroup {
    /// Sentinels, and the name under which they know a primary.
    Sentinel {
        /// Where they listen.
        seeds: Vec<Seed>,
        /// The name of the primary.
        primary: String,
    },
    /// Nodes of a cluster; the one that has a slot is the one for its keys.
    Cluster {
        /// Where they listen.
        seeds: Vec<Seed>,
    },
}

/// Ports where none is written.
const SENTINEL_PORT: u16 = 26_379;
const NODE_PORT: u16 = 6_379;

impl ServerGroup {
    /// What stands between scheme and end of an address, but for the account: `host[:port],…/primary[/database]`; gives the
    /// database too, as it is written.
    pub(super) fn sentinels(text: &str) -> Option<(Self, &str)> {
        let (hosts, path) = text.split_once('/')?;
        let (primary, db) = path.split_once('/').unwrap_or((path, "0"));
        let named = !primary.is_empty() && primary.chars().all(|c| c.is_ascii_graphic() && !"/?#%".contains(c));
        let seeds: Option<Vec<Seed>> = hosts.split(',').map(|place| seed(place, SENTINEL_PORT)).collect();
        Some((Self::Sentinel { seeds: seeds.filter(|_| named)?, primary: primary.to_owned() }, db))
    }

    /// What stands between scheme and end of an address, but for the account: `host[:port],…`.
    pub(super) fn cluster(text: &str) -> Option<Self> {
        let places = text.strip_suffix('/').unwrap_or(text);
        let seeds: Option<Vec<Seed>> = places.split(',').map(|place| seed(place, NODE_PORT)).collect();
        seeds.map(|seeds| Self::Cluster { seeds })
    }

    /// What stands in the scheme of its address.
    pub(super) const fn scheme(&self) -> &'static str {
        match self {
            Self::Sentinel { .. } => "sentinel",
            Self::Cluster { .. } => "cluster",
        }
    }
}

/// `host`, `host:port` or `[address]:port`.
fn seed(text: &str, port: u16) -> Option<Seed> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|&port| port > 0)?,
        None if rest.is_empty() => port,
        None => return None,
    };
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"/?#@%".contains(c));
    plain.then(|| (host.to_owned(), port))
}

impl fmt::Display for ServerGroup {
    /// The servers and the name, as they are written in an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Sentinel { seeds, .. } | Self::Cluster { seeds }) = self;
        for (index, (host, port)) in seeds.iter().enumerate() {
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            write!(f, "{}{host}:{port}", if index > 0 { "," } else { "" })?;
        }
        match self {
            Self::Sentinel { primary, .. } => write!(f, "/{primary}"),
            Self::Cluster { .. } => Ok(()),
        }
    }
}
