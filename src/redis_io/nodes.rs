//! Commands on keys of any slots: each to the node of a cluster that has its key, over links of its own. Blocks.
//!
//! Every command may be sent again, and none depends on one with another key.

use super::cluster::{range, redirected};
use super::command::Commands;
use super::group::{Seed, ServerGroup};
use super::link::{ASKING, Link, LinkOptions};
use super::link_error::LinkError;
use super::server_error::ServerErrorKind;
use super::slot::slot;
use super::token::{Limits, Token, token};
use super::url::Address;
use redis::{Value, cmd};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

/// How often a command is sent, if nodes refuse it or are gone.
const ATTEMPTS: u32 = 5;
/// Pause before the second time; it doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// What has become of commands.
#[derive(Debug, Default)]
pub struct Scattered {
    /// Commands that were run.
    pub written: u64,
    /// Commands that were not, or of which nobody knows.
    pub failed: u64,
    /// Why the last of these was not.
    pub why: Option<String>,
}

/// The nodes of a cluster, and links to those that were needed.
#[derive(Debug)]
pub struct Nodes {
    address: Address,
    options: LinkOptions,
    /// First and last slot, and who has them; of nothing where nobody was asked.
    ranges: Vec<(u16, u16, Seed)>,
    links: HashMap<Seed, Link>,
}

/// A command that is not done.
#[derive(Debug)]
struct Part {
    bytes: Range<usize>,
    slot: u16,
    /// The node that is to be asked once, because its slot is being moved there.
    asked: Option<Seed>,
}

impl Nodes {
    /// The nodes of the cluster at an address.
    #[must_use]
    pub fn new(address: Address, options: LinkOptions) -> Self {
        Self { address, options, ranges: Vec::new(), links: HashMap::new() }
    }

    /// Sends each command to the node that has its key, those of a key in their order; again where that may help, for as long
    /// as it is `allowed`.
    pub fn write(&mut self, commands: &Commands, mut allowed: impl FnMut() -> bool) -> Scattered {
        let (mut left, mut done) = (parts(commands.bytes()), Scattered::default());
        for attempt in 0..ATTEMPTS {
            if left.is_empty() {
                return done;
            }
            if attempt > 0 {
                std::thread::sleep(PAUSE * 2u32.pow(attempt - 1));
            }
            if attempt > 0 || self.ranges.is_empty() {
                self.learn(&mut done);
            }
            let mut by_node = BTreeMap::<Seed, Vec<Part>>::new();
            let mut later = Vec::new();
            for mut part in left {
                match part.asked.take().map(|to| (to, true)).or_else(|| Some((self.owner(part.slot)?, false))) {
                    Some((node, asks)) => {
                        part.asked = asks.then(|| node.clone());
                        by_node.entry(node).or_default().push(part);
                    }
                    None => later.push(part),
                }
            }
            for (node, parts) in by_node {
                if !allowed() {
                    done.why = Some("they were too late: another may write them by now".to_owned());
                    later.extend(parts);
                    continue;
                }
                self.exchange(&node, parts, commands.bytes(), (&mut done, &mut later));
            }
            left = later;
            if !allowed() {
                break;
            }
        }
        done.failed += left.len() as u64;
        done
    }

    /// Sends commands to a node; those that are to be sent again are added to `later`.
    fn exchange(
        &mut self,
        node: &Seed,
        mut parts: Vec<Part>,
        all: &[u8],
        (done, later): (&mut Scattered, &mut Vec<Part>),
    ) {
        let mut bytes = Vec::new();
        for part in &mut parts {
            if part.asked.take().is_some() {
                bytes.extend_from_slice(ASKING);
            }
            bytes.extend_from_slice(&all[part.bytes.clone()]);
        }
        let answers = self.link(node).and_then(|link| link.ask_all(&bytes, parts.len()));
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                self.links.remove(node);
                done.why = Some(error.to_string());
                later.extend(parts);
                return;
            }
        };
        for (mut part, answer) in parts.into_iter().zip(answers) {
            let Some(text) = answer else {
                done.written += 1;
                continue;
            };
            let kind = ServerErrorKind::of(text.as_bytes());
            if kind == ServerErrorKind::Asked {
                part.asked = redirected(&text, node);
            }
            done.why = Some(format!("{}:{}: {text}{}", node.0, node.1, kind.advice()));
            if kind.is_transient() { later.push(part) } else { done.failed += 1 }
        }
    }

    fn link(&mut self, node: &Seed) -> Result<&mut Link, LinkError> {
        if !self.links.contains_key(node) {
            let link = Link::open(&self.address.at(node), &self.options)?;
            self.links.insert(node.clone(), link);
        }
        let source = std::io::Error::from(std::io::ErrorKind::NotConnected);
        let absent = || LinkError::Connect { address: self.address.to_string(), source };
        self.links.get_mut(node).ok_or_else(absent)
    }

    fn owner(&self, slot: u16) -> Option<Seed> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(.., node)| node.clone())
    }

    /// Asks who has which slots.
    fn learn(&mut self, done: &mut Scattered) {
        let Some(ServerGroup::Cluster { seeds }) = self.address.group().cloned() else { return };
        for seed in seeds {
            let asked = self.link(&seed).and_then(|link| link.ask::<Vec<Value>>(cmd("CLUSTER").arg("SLOTS")));
            match asked {
                Ok(ranges) => {
                    let named = |(first, last, (host, port)): (u16, u16, Seed)| {
                        (first, last, (if host.is_empty() { seed.0.clone() } else { host }, port))
                    };
                    self.ranges = ranges.into_iter().filter_map(range).map(named).collect();
                    return;
                }
                Err(error) => {
                    self.links.remove(&seed);
                    done.why = Some(error.to_string());
                }
            }
        }
    }
}

/// The commands, with the slots of their keys: the first argument.
fn parts(bytes: &[u8]) -> Vec<Part> {
    let (mut all, mut start) = (Vec::new(), 0);
    while let Ok(Some((Token::Array(count), mut next))) = token(bytes, start, &Limits::NONE) {
        let mut key: &[u8] = b"";
        for index in 0..count {
            let Ok(Some((Token::Bulk(arg), after))) = token(bytes, next, &Limits::NONE) else { return all };
            if index == 1 {
                key = arg;
            }
            next = after;
        }
        all.push(Part { bytes: start..next, slot: slot(key), asked: None });
        start = next;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart_with_their_slots() {
        let mut commands = Commands::default();
        commands.command(3).arg("SET").arg("foo").arg([0u8, 13, 10]);
        commands.command(3).arg("PEXPIRE").arg("{foo}.bar").uint(5);
        commands.command(1).arg("PING");
        let found = parts(commands.bytes());
        assert_eq!(found.iter().map(|part| part.slot).collect::<Vec<_>>(), [12_182, 12_182, 0]);
        let joined: Vec<u8> = found.iter().flat_map(|part| commands.bytes()[part.bytes.clone()].to_vec()).collect();
        assert_eq!(joined, commands.bytes());
        assert_eq!(parts(&commands.bytes()[..12]).len(), 0);
    }

    #[test]
    fn what_no_node_takes_is_counted_with_the_reason() {
        let address = "redis+cluster://127.0.0.1:1".parse().unwrap();
        let mut nodes = Nodes::new(address, LinkOptions::default());
        let mut commands = Commands::default();
        commands.command(3).arg("SET").arg("a").arg("1");
        let done = nodes.write(&commands, || true);
        assert_eq!((done.written, done.failed), (0, 1));
        assert!(done.why.is_some_and(|why| why.contains("cannot connect to")));
        let late = nodes.write(&commands, || false);
        assert_eq!((late.written, late.failed), (0, 1));
    }
}
