//! Sentinels: which server is the primary now, and word of it when another one is. Asking blocks; a thread of its own
//! listens, one for each group of sentinels that links were made through.
//!
//! Of the sentinels that answer, the word of the one with the newest configuration counts, and a majority of those that the
//! address names is asked, where so many answer: one that was cut off, or has just started, may know an old primary.
#![allow(
    clippy::disallowed_types,
    reason = "taken when a link is made and when a sentinel speaks, both of which block anyhow"
)]

use super::group::{Seed, ServerGroup};
use super::link::{Link, LinkOptions};
use super::link_error::LinkError;
use super::server_error::ServerErrorKind;
use super::url::Address;
use redis::{FromRedisValue, Value, cmd};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// The channel on which sentinels say that another server is the primary.
const SWITCH: &str = "+switch-master";
/// Pause before another sentinel is listened to, where one was lost.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time without a word after which a sentinel is asked whether the primary is still the same.
const QUIET: Duration = Duration::from_secs(5);

/// What is known of a group.
#[derive(Debug, Default)]
struct Known {
    /// How often another server has become the primary: a link that was made before the last time is not used again.
    switches: Arc<AtomicU64>,
    /// Where the primary was last.
    primary: Mutex<Option<Seed>>,
}

impl Known {
    /// Takes where the primary is; the number of switches up to then.
    fn learn(&self, place: &Seed) -> u64 {
        let mut primary = self.primary.lock().unwrap_or_else(PoisonError::into_inner);
        if primary.as_ref().is_some_and(|before| before != place) {
            self.switches.fetch_add(1, Ordering::Relaxed);
        }
        *primary = Some(place.clone());
        self.switches.load(Ordering::Relaxed)
    }
}

/// The groups that are listened to, by address.
static LISTENED: LazyLock<Mutex<HashMap<String, Arc<Known>>>> = LazyLock::new(Mutex::default);

/// Connects to the primary that sentinels name, and makes sure that it is one.
///
/// # Errors
/// No sentinel answers or knows the primary; it is not there, refuses, or is a replica meanwhile.
pub(super) fn connect(address: &Address, options: &LinkOptions) -> Result<Link, LinkError> {
    let Some(ServerGroup::Sentinel { seeds, primary }) = address.group() else { return Link::open(address, options) };
    let known = listen(address, options);
    let found = find(address, options, seeds, primary)?;
    let seen = known.learn(&found);
    let mut link = Link::open(&address.at(&found), options)?;
    let role: Vec<Value> = link.ask(&cmd("ROLE"))?;
    let role = role.into_iter().next().and_then(|word| String::from_redis_value(word).ok()).unwrap_or_default();
    if role != "master" {
        let text = format!("READONLY {primary} is a {role} there, as of now");
        let (address, what) = (link.address().to_owned(), "ROLE".to_owned());
        return Err(LinkError::Server { address, what, kind: ServerErrorKind::ReadOnly, text });
    }
    link.leave_after(Arc::clone(&known.switches), seen);
    Ok(link)
}

/// Where the sentinels say that the primary is.
fn find(address: &Address, options: &LinkOptions, seeds: &[Seed], primary: &str) -> Result<Seed, LinkError> {
    let (mut newest, mut answers, mut failed) = (None::<(u64, Seed)>, 0, None);
    for seed in seeds {
        match ask(address, options, seed, primary) {
            Ok((epoch, place)) => {
                answers += 1;
                if newest.as_ref().is_none_or(|(before, _)| epoch > *before) {
                    newest = Some((epoch, place));
                }
                if 2 * answers > seeds.len() {
                    break;
                }
            }
            Err(error) => failed = Some(error),
        }
    }
    let none = || {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no sentinel to ask");
        LinkError::Connect { address: address.to_string(), source }
    };
    newest.map(|(_, place)| place).ok_or_else(|| failed.unwrap_or_else(none))
}

/// What one sentinel says: the epoch of its configuration, and where the primary is.
fn ask(address: &Address, options: &LinkOptions, seed: &Seed, primary: &str) -> Result<(u64, Seed), LinkError> {
    let mut link = to_sentinel(address, options, seed)?;
    let fields: HashMap<String, String> = match link.ask(cmd("SENTINEL").arg("MASTER").arg(primary)) {
        Err(LinkError::Server { address, kind: ServerErrorKind::Command, text, .. }) => {
            let text = format!("{text} ({primary}): check the name behind the sentinels in redis.url");
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, text);
            return Err(LinkError::Connect { address, source });
        }
        other => other?,
    };
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let epoch = field("config-epoch").parse().unwrap_or(0);
    match field("port").parse() {
        Ok(port) if !field("ip").is_empty() => Ok((epoch, (field("ip").to_owned(), port))),
        _ => Err(LinkError::Server {
            address: link.address().to_owned(),
            what: "SENTINEL MASTER".to_owned(),
            kind: ServerErrorKind::InTransit,
            text: format!("the sentinel does not say where {primary} is"),
        }),
    }
}

/// A link to a sentinel: with the account of the primary where it wants one.
fn to_sentinel(address: &Address, options: &LinkOptions, seed: &Seed) -> Result<Link, LinkError> {
    let bare = address.at(seed).without_account();
    match Link::open(&bare, options) {
        Err(LinkError::Server { kind: ServerErrorKind::NoAuth, .. }) => {
            Link::open(&bare.with_account_of(address), options)
        }
        other => other,
    }
}

/// What is known of a group, which is listened to from now on.
fn listen(address: &Address, options: &LinkOptions) -> Arc<Known> {
    let mut listened = LISTENED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = listened.entry(address.to_string()).or_insert_with(|| {
        let known = Arc::new(Known::default());
        let (shared, address, options) = (Arc::clone(&known), address.clone(), options.clone());
        // Without the thread links are left when they break.
        let thread = std::thread::Builder::new().name("sentinels".to_owned());
        let _ = thread.spawn(move || hear(&address, &options, &shared));
        known
    });
    Arc::clone(known)
}

/// Listens for as long as the process lives.
fn hear(address: &Address, options: &LinkOptions, known: &Known) {
    let Some(ServerGroup::Sentinel { seeds, primary }) = address.group() else { return };
    for seed in seeds.iter().cycle() {
        // It is asked again by whoever needs it; here the next one may know more.
        let _ = hear_one(address, options, (seed, seeds, primary), known);
        std::thread::sleep(PAUSE);
    }
}

/// Listens to one sentinel until it is lost.
fn hear_one(
    address: &Address,
    options: &LinkOptions,
    (seed, seeds, primary): (&Seed, &[Seed], &str),
    known: &Known,
) -> Result<(), LinkError> {
    let mut link = to_sentinel(address, options, seed)?;
    let _: Value = link.ask(cmd("SUBSCRIBE").arg(SWITCH))?;
    loop {
        // What was said before it was listened to is asked for, now and then.
        known.learn(&find(address, options, seeds, primary)?);
        while let Some(word) = link.hear(QUIET)? {
            let words: Vec<String> = FromRedisValue::from_redis_value(word).unwrap_or_default();
            let said = words.get(2).map(String::as_str).unwrap_or_default();
            if said.split(' ').next() == Some(primary) {
                break;
            }
        }
    }
}
