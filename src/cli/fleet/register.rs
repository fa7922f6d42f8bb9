//! The members and the assignment in the server. Blocks.
//!
//! All keys are in one slot: a key for each member, which expires unless it is renewed; the set of their names; the lease of the
//! one that leads; the assignment, which is changed only where it is still what was read.

use super::{
    super::redis::Server,
    assignment::{Assignment, Wish},
    card::Card,
};
use crate::{
    publish::{Attempt, Holder, Lease, LeaseError, LeaseSpec},
    redis_io::Link,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, SetExpiry, SetOptions, Value, cmd};
use std::time::Duration;

/// How often a change is tried that others come before.
const ATTEMPTS: usize = 20;

/// Another process has the name of this member.
#[derive(Debug, thiserror::Error)]
#[error("{holder} is the member {name:?} already: give this process another partitions.member, or stop the other one")]
pub(in crate::cli) struct NameTaken {
    name: String,
    holder: Holder,
}

/// A connection to what members and assignment are kept in.
pub(in crate::cli) struct Register {
    link: Link,
    key: String,
    count: usize,
    ttl_ms: u64,
}

/// What was found.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Found {
    /// The members that live, in the order of their names.
    pub cards: Vec<Card>,
    /// The assignment: that of nobody where there is none yet.
    pub assignment: Assignment,
}

impl Register {
    /// Connects.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn connect(server: &Server<'_>, role: &str) -> Result<Self> {
        let config = server.config;
        let key = config.output.keys.members_key(&config.engine.name);
        let link = server.connect_for(role, &key)?;
        let partitions = &config.partitions;
        Ok(Self { link, key, count: partitions.count, ttl_ms: partitions.member_ttl_ms })
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.key)
    }

    fn card_key(&self, name: &str) -> String {
        self.key(&format!("member:{name}"))
    }

    /// What there is.
    ///
    /// # Errors
    /// The server is gone or refuses, or holds something else under the keys.
    pub fn found(&mut self) -> Result<Found> {
        Ok(Found { cards: self.cards()?, assignment: self.assignment()? })
    }

    fn cards(&mut self) -> Result<Vec<Card>> {
        let mut names: Vec<String> = self.link.ask(&Cmd::smembers(self.key("members")))?;
        names.sort();
        let mut cards = Vec::new();
        for name in names {
            let text: Option<String> = self.link.ask(&Cmd::get(self.card_key(&name)))?;
            let card = text.and_then(|text| serde_json::from_str::<Card>(&text).ok());
            // One of this machine whose process has ended need not be waited for.
            match card.filter(|card| card.name == name && Holder::named(&card.process).is_alive() != Some(false)) {
                Some(card) => cards.push(card),
                None => self.link.ask::<()>(&Cmd::srem(self.key("members"), &name))?,
            }
        }
        Ok(cards)
    }

    fn assignment(&mut self) -> Result<Assignment> {
        let key = self.key("assignment");
        let text: Option<String> = self.link.ask(&Cmd::get(&key))?;
        let Some(text) = text else { return Ok(Assignment::none(self.count)) };
        Assignment::parse(&text, self.count).with_context(|| {
            format!(
                "{key} holds no assignment of {} partitions that this version knows; delete it where all members are of this version: \
                 the one that leads writes another",
                self.count
            )
        })
    }

    /// Writes what a member says of itself; not where a process that cannot be seen from here has its name, for so long unless
    /// it renews it.
    ///
    /// # Errors
    /// [`NameTaken`] by a process that runs; the server is gone or refuses.
    pub fn renew(&mut self, card: &Card) -> Result<Option<(Duration, NameTaken)>> {
        let key = self.card_key(&card.name);
        let other: Option<String> = self.link.ask(&Cmd::get(&key))?;
        let other = other.and_then(|text| serde_json::from_str::<Card>(&text).ok());
        if let Some(other) = other.filter(|other| other.life != card.life) {
            let holder = Holder::named(&other.process);
            let alive = holder.is_alive();
            let taken = NameTaken { name: card.name.clone(), holder };
            match alive {
                Some(false) => {}
                Some(true) => return Err(taken.into()),
                None => {
                    let left: i64 = self.link.ask(&Cmd::pttl(&key))?;
                    return Ok(Some((Duration::from_millis(u64::try_from(left).unwrap_or(0)), taken)));
                }
            }
        }
        let options = SetOptions::default().with_expiration(SetExpiry::PX(self.ttl_ms));
        self.link.ask::<()>(&Cmd::set_options(&key, serde_json::to_string(card)?, options))?;
        self.link.ask::<()>(&Cmd::sadd(self.key("members"), &card.name))?;
        Ok(None)
    }

    /// Strikes a member out that has ended.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn leave(&mut self, card: &Card) -> Result<()> {
        self.link.ask::<()>(&Cmd::del(self.card_key(&card.name)))?;
        Ok(self.link.ask::<()>(&Cmd::srem(self.key("members"), &card.name))?)
    }

    /// The lease of whoever leads.
    fn leadership(&self) -> LeaseSpec {
        let key = self.key("leader");
        LeaseSpec {
            epoch_key: format!("{key}:epoch"),
            committed_key: format!("{key}:committed"),
            position_key: format!("{key}:position"),
            key,
            ttl_ms: self.ttl_ms,
        }
    }

    /// Takes or keeps the lead; whether it is ours.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn lead(&mut self, lease: &mut Option<Lease>) -> Result<bool> {
        if let Some(own) = lease
            && let Err(error) = own.confirm(&mut self.link)
        {
            *lease = None;
            if let LeaseError::Link(error) = error {
                return Err(error.into());
            }
        }
        if lease.is_none()
            && let Attempt::Taken(taken) = self.leadership().attempt(&mut self.link)?
        {
            *lease = Some(taken);
        }
        // Both leave its key watched.
        self.link.ask::<()>(&cmd("UNWATCH"))?;
        Ok(lease.is_some())
    }

    /// Gives the lead up.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn resign(&mut self, lease: &Lease) -> Result<()> {
        if lease.confirm(&mut self.link).is_ok() {
            let timeout = self.link.reply_timeout();
            lease.give_up(&mut self.link, timeout)?;
        }
        Ok(())
    }

    /// Changes the assignment as a wish says: what was found, and the new one where it is another. Where `lease` is given, only
    /// while it is held.
    ///
    /// # Errors
    /// A wish that cannot be fulfilled; the server is gone or refuses.
    pub fn change(&mut self, wish: Wish<'_>, lease: Option<&Lease>) -> Result<(Found, Option<Assignment>)> {
        for _ in 0..ATTEMPTS {
            self.link.ask::<()>(cmd("WATCH").arg(self.key("assignment")))?;
            if let Some(lease) = lease {
                lease.confirm(&mut self.link)?;
            }
            let found = self.found()?;
            let Some(next) = found.assignment.next(&found.cards, wish)? else {
                self.link.ask::<()>(&cmd("UNWATCH"))?;
                return Ok((found, None));
            };
            self.link.ask::<()>(&cmd("MULTI"))?;
            self.link.ask::<()>(&Cmd::set(self.key("assignment"), next.text()))?;
            if self.link.ask::<Value>(&cmd("EXEC"))? != Value::Nil {
                return Ok((found, Some(next)));
            }
        }
        bail!("the assignment {} changes all the time: try again", self.key("assignment"))
    }
}
