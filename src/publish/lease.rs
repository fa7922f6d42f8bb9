//! One writer per position: a key in Redis that names the engine which may commit, and expires unless it is renewed.
//!
//! Every transaction is preceded by a `WATCH` of the key and a look at it, and renews it where a sixth of it has passed: a
//! holder that was stopped for longer than the lease lasts finds its transaction not run, whatever it had sent before.
//! Each engine that takes the lease counts up an epoch; together with a number per batch it tells any two batches apart.
//! Everything here blocks: it runs at start, and on the thread that connects again.

use super::process::Process;
use crate::redis_io::{Link, LinkError};
use redis::{Cmd, ExistenceCheck, SetExpiry, SetOptions, Value, cmd};
use std::{fmt, time::Duration};

/// The keys of one lease and how long it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSpec {
    /// Key of the lease.
    pub key: String,
    /// Key that counts the epochs.
    pub epoch_key: String,
    /// Time after which a lease that is not renewed is anybody's, ms.
    pub ttl_ms: u64,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its keys.
    pub spec: LeaseSpec,
    /// Number of the engine that holds it: greater than that of any before.
    pub epoch: u64,
    /// What the key holds while the lease is ours.
    pub value: String,
}

/// Who holds a lease, as the key says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    fn field(&self, name: &str) -> &str {
        let mut fields = self.0.split(' ').filter_map(|field| field.split_once('='));
        fields.find(|(key, _)| *key == name).map_or("?", |(_, value)| value)
    }

    /// Whether it is this very process, which may not have heard that it was given the lease.
    #[must_use]
    pub fn is_self(&self) -> bool {
        let process = Process::parse(self.field("machine"), self.field("pid"), self.field("started"));
        process.is_some_and(|process| process == Process::current())
    }

    /// Whether the process runs; `None` where that cannot be seen from here.
    fn is_alive(&self) -> Option<bool> {
        Process::parse(self.field("machine"), self.field("pid"), self.field("started")).and_then(|p| p.is_alive())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [host, pid, since, epoch] = ["host", "pid", "since", "epoch"].map(|name| self.field(name));
        write!(f, "process {pid} on {host} since {since} (epoch {epoch})")
    }
}

/// Why a lease is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The server.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Somebody else has it.
    #[error(
        "another engine of this name is at work: {holder} holds {key}. Two of one name would write everything twice: stop \
         it, give this one another engine.name, or start it with --standby to take over when the other ends"
    )]
    Held {
        /// Who.
        holder: Holder,
        /// The key.
        key: String,
    },
    /// It was ours, and somebody has taken over since.
    #[error("the lease {key} has been lost to {holder}; this engine has committed nothing since and must not go on")]
    Lost {
        /// Who.
        holder: Holder,
        /// The key.
        key: String,
    },
    /// Somebody has committed over our position.
    #[error("the position {key} is at batch {found}, which this engine has not written: another engine took over")]
    Overtaken {
        /// Key of the position.
        key: String,
        /// The batch found there.
        found: String,
    },
}

/// What an attempt to take a lease has come to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Taken(Lease),
    /// Somebody else has it.
    Held {
        /// Who.
        holder: Holder,
        /// Whether its process can be seen to run.
        alive: bool,
        /// When it expires unless it is renewed.
        left: Duration,
    },
}

impl LeaseSpec {
    /// Tries once to take the lease: where it is free, or held by a process of this machine that has ended.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn attempt(&self, link: &mut Link) -> Result<Attempt, LinkError> {
        link.ask::<()>(cmd("WATCH").arg(&self.key))?;
        if let Some(found) = get(link, &self.key)? {
            let holder = Holder(found);
            let alive = holder.is_alive();
            if alive != Some(false) {
                // Negative where the key is gone meanwhile.
                let left: i64 = link.ask(&Cmd::pttl(&self.key))?;
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                return Ok(Attempt::Held { holder, alive: alive == Some(true), left });
            }
        }
        let epoch: u64 = link.ask(cmd("INCR").arg(&self.epoch_key))?;
        let lease = Lease { spec: self.clone(), epoch, value: Process::current().lease_value(epoch) };
        // Only if nobody else has come meanwhile.
        link.ask::<()>(&cmd("MULTI"))?;
        link.ask::<()>(&lease.set(SetOptions::default()))?;
        let set: Value = link.ask(&cmd("EXEC"))?;
        if set == Value::Nil { self.attempt(link) } else { Ok(Attempt::Taken(lease)) }
    }
}

impl Lease {
    /// Makes sure on a new link that the lease is still ours, taking it again where it has expired and nobody has it;
    /// leaves its key watched, so that the next transaction is not run if it changes hands before.
    ///
    /// # Errors
    /// [`LeaseError::Lost`], or a server that is gone or refuses.
    pub fn confirm(&self, link: &mut Link) -> Result<(), LeaseError> {
        let key = &self.spec.key;
        loop {
            match get(link, key)? {
                None => link.ask::<()>(&self.set(SetOptions::default().conditional_set(ExistenceCheck::NX)))?,
                // Should it have become another's meanwhile, that one has a little longer.
                Some(found) if found == self.value => link.ask::<()>(&Cmd::pexpire(key, self.spec.ttl_ms as i64))?,
                Some(found) => return Err(LeaseError::Lost { holder: Holder(found), key: key.clone() }),
            }
            link.ask::<()>(cmd("WATCH").arg(key))?;
            if get(link, key)?.is_some_and(|found| found == self.value) {
                return Ok(());
            }
        }
    }

    /// The command that writes the key, to expire unless it is renewed.
    fn set(&self, options: SetOptions) -> Cmd {
        Cmd::set_options(&self.spec.key, &self.value, options.with_expiration(SetExpiry::PX(self.spec.ttl_ms)))
    }

    /// The name of a batch: no two batches of any engines have the same.
    pub(crate) fn push_batch(&self, out: &mut Vec<u8>, number: u64) {
        crate::text::push_u64(out, self.epoch);
        out.push(b'-');
        crate::text::push_u64(out, number);
    }
}

fn get(link: &mut Link, key: &str) -> Result<Option<String>, LinkError> {
    let found: Option<Vec<u8>> = link.ask(&Cmd::get(key))?;
    Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
