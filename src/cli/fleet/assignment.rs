//! The assignment as it stands in the server, and how one follows from the one before. Pure.

use super::{
    assign::{Evening, Shares, assign},
    card::{Card, Stage},
};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of what is written.
const FORM: u32 = 1;
/// What a partition of average load weighs; its bars count for most of it, and that it is there for the rest.
const WEIGHT: f64 = 1_000.0;
const WEIGHT_OF_NONE: f64 = 100.0;
/// Average load up to which bars count for less, bars a second: where there is next to nothing to do, partitions are what is
/// shared.
const LIGHT: f64 = 1_000.0;

/// Who is to own which partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Assignment {
    form: u32,
    /// Each change makes it greater.
    pub generation: u64,
    /// By partition: the name of its owner.
    pub owners: Vec<Option<String>>,
    /// The partitions that a person has placed, with whom.
    pub placed: BTreeMap<usize, String>,
    /// The members that take no partitions, with the life of each.
    pub drained: BTreeMap<String, String>,
    /// Whom it was made for, with the life of each.
    members: BTreeMap<String, String>,
    /// By partition: bars a second when it was made.
    rates: Vec<f64>,
}

/// Why there is to be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Wish<'a> {
    /// Members may have come or gone. `even` says whether it is time to look at the loads too.
    Follow {
        /// Look at the loads.
        even: bool,
    },
    /// This partition goes to this member.
    Move(usize, &'a str),
    /// This member gives everything away and takes nothing.
    Drain(&'a str),
    /// Loads are evened out; what was placed by hand may move too.
    Rebalance,
}

impl Assignment {
    /// Before the first: nobody owns anything.
    pub(super) fn none(count: usize) -> Self {
        Self {
            form: FORM,
            generation: 0,
            owners: vec![None; count],
            placed: BTreeMap::new(),
            drained: BTreeMap::new(),
            members: BTreeMap::new(),
            rates: vec![0.0; count],
        }
    }

    /// One that was written; `None` where it is none of this form and number of partitions.
    pub(super) fn parse(text: &str, count: usize) -> Option<Self> {
        let found: Self = serde_json::from_str(text).ok()?;
        (found.form == FORM && found.owners.len() == count && found.rates.len() == count).then_some(found)
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The partitions of a member.
    pub(in crate::cli) fn of(&self, member: &str) -> Vec<usize> {
        (0..self.owners.len()).filter(|&partition| self.owners[partition].as_deref() == Some(member)).collect()
    }

    /// Whether a member has been drained in this life.
    pub(in crate::cli) fn is_drained(&self, card: &Card) -> bool {
        self.drained.get(&card.name) == Some(&card.life)
    }

    /// Whether any partition is to be owned by one of these.
    pub(super) fn is_of_any(&self, cards: &[Card]) -> bool {
        cards.iter().any(|card| self.owners.iter().flatten().any(|owner| *owner == card.name))
    }

    /// The assignment after this one for these members, who are in the order of their names; `None` where nothing changes, or
    /// there is nobody: whoever asks has been away for longer than members live, and the owners may be back before others come.
    ///
    /// # Errors
    /// A wish that cannot be fulfilled, and why.
    pub(super) fn next(&self, cards: &[Card], wish: Wish<'_>) -> Result<Option<Self>> {
        if cards.is_empty() {
            return Ok(None);
        }
        let mut next = self.clone();
        let lives: BTreeMap<String, String> = cards.iter().map(|card| (card.name.clone(), card.life.clone())).collect();
        next.drained.retain(|name, life| lives.get(name) == Some(life));
        next.members.clone_from(&lives);
        next.learn(cards);
        match wish {
            Wish::Follow { .. } => {}
            Wish::Move(partition, to) => next.place(cards, partition, to)?,
            Wish::Drain(name) => next.drain(cards, name)?,
            Wish::Rebalance => next.placed.clear(),
        }
        let takes: Vec<bool> = cards.iter().map(|card| !card.leaving && !next.is_drained(card)).collect();
        let known = |name: &String| cards.iter().position(|card| card.name == *name);
        next.placed.retain(|_, name| known(name).is_some_and(|member| takes[member]));
        let previous: Vec<Option<usize>> = self.owners.iter().map(|owner| known(owner.as_ref()?)).collect();
        let placed: Vec<Option<usize>> =
            (0..self.owners.len()).map(|partition| known(next.placed.get(&partition)?)).collect();
        let others = self.members != lives;
        let evening = match wish {
            Wish::Rebalance => Evening::Fully,
            Wish::Follow { even } if even || others => Evening::Worthwhile,
            _ => Evening::Not,
        };
        let shares = Shares { takes: &takes, weights: &next.weights(), previous: &previous, placed: &placed, evening };
        let owners = assign(&shares);
        for (partition, owner) in next.owners.iter_mut().enumerate() {
            *owner = owners.get(partition).map(|&member| cards[member].name.clone());
        }
        next.generation += 1;
        let same = (&next.owners, &next.placed, &next.drained, &next.members)
            == (&self.owners, &self.placed, &self.drained, &self.members);
        Ok((!same).then_some(next))
    }

    /// Takes the loads that the owners report.
    fn learn(&mut self, cards: &[Card]) {
        for card in cards {
            for (&partition, seat) in card.partitions.iter().filter(|(_, seat)| seat.stage == Stage::Owns) {
                if let Some(rate) = self.rates.get_mut(partition).filter(|_| seat.rate.is_finite()) {
                    *rate = seat.rate.max(0.0);
                }
            }
        }
    }

    /// What the partitions weigh.
    fn weights(&self) -> Vec<u64> {
        let mean = (self.rates.iter().sum::<f64>() / self.rates.len().max(1) as f64).max(LIGHT);
        self.rates.iter().map(|&rate| (WEIGHT_OF_NONE + WEIGHT * rate / mean).round() as u64).collect()
    }

    fn place(&mut self, cards: &[Card], partition: usize, to: &str) -> Result<()> {
        let count = self.owners.len();
        if partition >= count {
            bail!("there is no partition {partition}: there are {count}, counted from 0");
        }
        let card = member(cards, to)?;
        if card.leaving || self.is_drained(card) {
            let why = if card.leaving { "is ending" } else { "is drained until it is started again" };
            bail!("{to} {why}, and takes no partitions: name another member");
        }
        self.placed.insert(partition, to.to_owned());
        Ok(())
    }

    fn drain(&mut self, cards: &[Card], name: &str) -> Result<()> {
        let card = member(cards, name)?;
        let takes = |other: &&Card| other.name != name && !other.leaving && !self.is_drained(other);
        if !cards.iter().any(|other| takes(&other)) {
            bail!(
                "no other member takes partitions, and nobody would own those of {name}: start another one first, or stop this one as it is"
            );
        }
        self.drained.insert(card.name.clone(), card.life.clone());
        Ok(())
    }
}

/// The member of a name.
///
/// # Errors
/// There is none; names those that there are.
pub(super) fn member<'a>(cards: &'a [Card], name: &str) -> Result<&'a Card> {
    let Some(card) = cards.iter().find(|card| card.name == name) else {
        let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
        bail!("no member is named {name:?}; there are: {}", names.join(", "));
    };
    Ok(card)
}
