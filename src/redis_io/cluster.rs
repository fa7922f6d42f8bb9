//! Clusters: which node has the slot of a key. Blocks.
//!
//! A link goes to the node that has the slot of its partition, where everything is that the partition's engine reads and
//! commits. Where the slot moves, the node answers with an error and has done nothing: a transaction is refused whole, and the
//! link is made anew, to where the slot is.
//!
//! While a slot is on its way, key by key, its owner refuses (`ASK`) commands on keys that are not with it any more. The node
//! that is given the slot serves them, and takes a key that is not with it yet for one that does not exist. So it is asked
//! only once the owner has no key of the slot left, which cannot change: the owner makes none for the other node's sake. Up
//! to then a link goes to the owner, which refuses what it has not got, and whoever is refused tries again.

use super::group::Seed;
use super::link::{Link, LinkOptions};
use super::link_error::LinkError;
use super::server_error::ServerErrorKind;
use super::slot::slot;
use super::url::Address;
use redis::{Cmd, FromRedisValue, Value, cmd};
use std::io;

/// Connects to the node that has the slot of the options' key, or all keys of it.
///
/// # Errors
/// No node answers, none has the slot, or the one that has it is not there.
pub(super) fn connect(address: &Address, options: &LinkOptions, seeds: &[Seed]) -> Result<Link, LinkError> {
    let slot = options.key.as_ref().map_or(0, |key| slot(key.as_bytes()));
    let mut failed = None;
    for seed in seeds {
        let tried = Link::open(&address.at(seed), options).and_then(|mut link| {
            let place = owner(&mut link, slot, seed)?;
            // The node that was asked may be the one.
            let link = if place == *seed { link } else { Link::open(&address.at(&place), options)? };
            follow(link, &place, slot, address, options)
        });
        match tried {
            Ok(link) => return Ok(link),
            Err(error) if !error.is_transient() => return Err(error),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no node to ask");
        LinkError::Connect { address: address.to_string(), source }
    }))
}

/// The node that has a slot, as another node has it.
fn owner(link: &mut Link, slot: u16, seed: &Seed) -> Result<Seed, LinkError> {
    let ranges: Vec<Value> = link.ask(cmd("CLUSTER").arg("SLOTS"))?;
    let found = ranges.into_iter().filter_map(range).find(|(first, last, _)| (*first..=*last).contains(&slot));
    match found {
        // A node that has not met others knows no address of its own.
        Some((_, _, (host, port))) if host.is_empty() => Ok((seed.0.clone(), port)),
        Some((_, _, place)) => Ok(place),
        None => Err(LinkError::Server {
            address: link.address().to_owned(),
            what: "CLUSTER SLOTS".to_owned(),
            kind: ServerErrorKind::ClusterDown,
            text: format!("CLUSTERDOWN no node has slot {slot}"),
        }),
    }
}

/// The link to the owner of the slot, or one to the node that it is being moved to where all of its keys are.
fn follow(
    mut link: Link,
    owner: &Seed,
    slot: u16,
    address: &Address,
    options: &LinkOptions,
) -> Result<Link, LinkError> {
    let Some(key) = &options.key else { return Ok(link) };
    let to = match link.ask::<String>(&Cmd::key_type(key)) {
        Err(LinkError::Server { kind: ServerErrorKind::Asked, text, .. }) => redirected(&text, owner),
        other => return other.map(|_| link),
    };
    let left: Result<u64, _> = link.ask(cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot));
    let Some(to) = to.filter(|_| matches!(left, Ok(0))) else { return waits(left.map(|_| ()), link) };
    let mut other = Link::open(&address.at(&to), options)?;
    let may = other.ask::<()>(&cmd("ASKING"));
    if may.is_err() {
        return waits(may, link);
    }
    other.asks();
    other.ask::<()>(&Cmd::key_type(key)).map(|()| other)
}

/// The link to the owner, which will say that the slot is on its way; also where the account may not follow it.
fn waits(result: Result<(), LinkError>, owner: Link) -> Result<Link, LinkError> {
    match result {
        Ok(()) | Err(LinkError::Server { kind: ServerErrorKind::NoPerm, .. }) => Ok(owner),
        Err(error) => Err(error),
    }
}

/// The node that an error sends to: `ASK slot host:port`, without a host where it is that of the node that says so.
pub(super) fn redirected(text: &str, from: &Seed) -> Option<Seed> {
    let (host, port) = text.split(' ').nth(2)?.rsplit_once(':')?;
    let host = if host.is_empty() { &from.0 } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}

/// First and last slot of a range, and the node that has it; the replicas behind it do not count.
pub(super) fn range(value: Value) -> Option<(u16, u16, Seed)> {
    let mut parts = Vec::from_redis_value(value).ok()?.into_iter();
    let (first, last) = (u16::from_redis_value(parts.next()?).ok()?, u16::from_redis_value(parts.next()?).ok()?);
    let mut node = Vec::<Value>::from_redis_value(parts.next()?).ok()?.into_iter();
    let host = Option::<String>::from_redis_value(node.next()?).ok()?.unwrap_or_default();
    Some((first, last, (host, u16::from_redis_value(node.next()?).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_name_a_node() {
        let from = ("10.0.0.1".to_owned(), 7_000);
        let to = |text| redirected(text, &from);
        assert_eq!(to("ASK 3999 127.0.0.1:6381"), Some(("127.0.0.1".to_owned(), 6_381)));
        assert_eq!(to("ASK 3999 ::1:6381"), Some(("::1".to_owned(), 6_381)));
        assert_eq!(to("ASK 3999 :6381"), Some(("10.0.0.1".to_owned(), 6_381)));
        assert_eq!(to("ASK 3999"), None);
        assert_eq!(to("ASK 3999 host"), None);
    }

    #[test]
    fn ranges_name_their_first_node() {
        let text = b"*4\r\n:5461\r\n:10922\r\n*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n*0\r\n*2\r\n$9\r\n127.0.0.1\r\n:7004\r\n";
        let found = range(redis::parse_redis_value(text).unwrap());
        assert_eq!(found, Some((5_461, 10_922, ("127.0.0.1".to_owned(), 7_001))));
        let unnamed = b"*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:7000\r\n";
        assert_eq!(range(redis::parse_redis_value(unnamed).unwrap()), Some((0, 16_383, (String::new(), 7_000))));
        assert_eq!(range(Value::Int(1)), None);
    }
}
