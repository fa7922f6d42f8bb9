//! One writer per position: a key in Redis that names the engine which may commit, and expires unless it is renewed.
//!
//! Before every transaction the holder sends a `WATCH` of the key and checks it; once a sixth of the lease has passed,
//! the transaction renews it. If a holder was stopped for longer than the lease lasts, its transaction does not run.
//! Each engine that takes the lease increments an epoch, which together with a number per batch identifies every batch.
//! Everything here blocks: it runs at start, and on the thread that reconnects.

use super::process::Process;
use crate::redis_io::{Link, LinkError, ServerErrorKind};
use redis::{Cmd, ExistenceCheck, SetExpiry, SetOptions, Value, cmd};
use std::{fmt, time::Duration};

/// Characters that are shown of what a lease says of its holder.
const SHOWN_MAX: usize = 80;

/// The keys of one lease and how long it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSpec {
    /// Key of the lease.
    pub key: String,
    /// Key that counts the epochs.
    pub epoch_key: String,
    /// Key that says which batch was committed about last, should the position be lost.
    pub committed_key: String,
    /// Key of the position, a hash whose field `batch` names the last batch.
    pub position_key: String,
    /// Time after which anyone may take a lease that is not renewed, ms.
    pub ttl_ms: u64,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its keys.
    pub spec: LeaseSpec,
    /// Number of the engine that holds it: greater than that of any before.
    pub epoch: u64,
    /// The value of the key while this engine holds the lease.
    pub value: String,
    /// What the count of epochs said, where it was behind what had been committed: it was lost.
    pub lost_epoch: Option<u64>,
}

/// The holder of a lease, as named by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    /// Whoever this text names, as [`own`](Self::own) gives it.
    #[must_use]
    pub fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What names this process.
    #[must_use]
    pub fn own() -> String {
        Process::current().lease_value(0)
    }

    fn field(&self, name: &str) -> &str {
        let mut fields = self.0.split(' ').filter_map(|field| field.split_once('='));
        fields.find(|(key, _)| *key == name).map_or("?", |(_, value)| value)
    }

    /// Whether it is this process, which may have missed the answer that gave it the lease.
    #[must_use]
    pub fn is_self(&self) -> bool {
        let process = Process::parse(self.field("machine"), self.field("pid"), self.field("started"));
        process.is_some_and(|process| process == Process::current())
    }

    /// Whether the process runs; `None` if that cannot be checked from here.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        Process::parse(self.field("machine"), self.field("pid"), self.field("started")).and_then(|p| p.is_alive())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever may write the key may write anything into it: no line and no escape sequence of theirs gets into a
        // log.
        let shown = |name| self.field(name).chars().take(SHOWN_MAX).collect::<String>().escape_debug().to_string();
        let [host, pid, since, epoch] = ["host", "pid", "since", "epoch"].map(shown);
        write!(f, "process {pid} on {host} since {since} (epoch {epoch})")
    }
}

/// Why this engine does not hold the lease.
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
    /// This engine held it, and another has taken it since.
    #[error("the lease {key} has been lost to {holder}; this engine has committed nothing since and must not go on")]
    Lost {
        /// Who.
        holder: Holder,
        /// The key.
        key: String,
    },
    /// Somebody has committed over our position.
    #[error(
        "the position {key} is at batch {found}, which this engine has not committed last: another engine took over, or the \
         server has gone back to an older state of its data"
    )]
    Overtaken {
        /// Key of the position.
        key: String,
        /// The batch found there.
        found: String,
    },
    /// Our position is gone, and with it perhaps everything else.
    #[error(
        "the position {key} has vanished: it was deleted, or the server has lost its data. Nothing is committed over it; the \
         next start says what else is gone"
    )]
    Vanished {
        /// Key of the position.
        key: String,
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
        let counted: u64 = link.ask(cmd("INCR").arg(&self.epoch_key))?;
        // Batches are told apart by their epochs: one that has been used must not come again.
        let used = self.used_epoch(link)?;
        let epoch = if counted > used {
            counted
        } else {
            link.ask(cmd("INCRBY").arg(&self.epoch_key).arg(used + 1 - counted))?
        };
        let lost_epoch = (epoch != counted).then_some(counted - 1);
        let lease = Lease { spec: self.clone(), epoch, value: Process::current().lease_value(epoch), lost_epoch };
        // Only if no other engine has taken it in the meantime.
        link.ask::<()>(&cmd("MULTI"))?;
        link.ask::<()>(&lease.set(SetOptions::default()))?;
        let set: Value = link.ask(&cmd("EXEC"))?;
        if set == Value::Nil { self.attempt(link) } else { Ok(Attempt::Taken(lease)) }
    }

    /// Who holds the lease, if anybody does.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn holder(&self, link: &mut Link) -> Result<Option<Holder>, LinkError> {
        Ok(get(link, &self.key)?.map(Holder))
    }

    /// The greatest epoch that a committed batch is named after; 0 where there is none.
    fn used_epoch(&self, link: &mut Link) -> Result<u64, LinkError> {
        let mut used = 0;
        for command in [Cmd::hget(&self.position_key, "batch"), Cmd::get(&self.committed_key)] {
            let batch: Option<Vec<u8>> = match link.ask(&command) {
                // A key of another type is named by whoever is going to use it.
                Err(LinkError::Server { kind: ServerErrorKind::WrongType, .. }) => None,
                other => other?,
            };
            let epoch = batch.and_then(|name| std::str::from_utf8(&name).ok()?.split('-').next()?.parse().ok());
            used = used.max(epoch.unwrap_or(0));
        }
        Ok(used)
    }
}

impl Lease {
    /// Checks on a new link that this engine still holds the lease, and takes it again if it has expired and is free;
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

    /// Gives the lease up, so that whoever is next need not wait until it expires. Its key must be watched, as
    /// [`confirm`](Self::confirm) and every batch leave it: then what is deleted is ours. Blocks, for each of three commands
    /// at most so long.
    ///
    /// # Errors
    /// A server that is gone or refuses: then the lease expires by itself.
    pub fn give_up(&self, link: &mut Link, timeout: Duration) -> Result<(), LinkError> {
        let commands = [cmd("MULTI"), Cmd::del(&self.spec.key), cmd("EXEC")];
        commands.iter().try_for_each(|command| link.ask_within(command, timeout))
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
