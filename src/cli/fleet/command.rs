//! `partitions move`, `drain` and `rebalance`: a change of the assignment by hand. Blocks.

use super::{
    super::{
        host::Host,
        partition_args::{ChangeArgs, PartitionsCommand},
        redis::{Server, over},
        session::layers,
    },
    assignment::{Assignment, Wish},
    card::{Card, Stage},
    register::{Found, Register},
};
use crate::{
    config::{Config, Loaded},
    runtime::Clock,
};
use anyhow::{Result, bail};
use std::{
    io::Write,
    thread::sleep,
    time::{Duration, Instant},
};

/// Time between two looks whether a change has been carried out.
const LOOK: Duration = Duration::from_millis(50);

/// Changes the assignment as a command says.
///
/// # Errors
/// A configuration that does not hold, a change that cannot be made, a server that is gone or refuses, a change that has not
/// been carried out in the time given for it.
pub(in crate::cli) fn change_partitions(command: &PartitionsCommand, out: &mut impl Write) -> Result<()> {
    let (wish, args) = match command {
        PartitionsCommand::Move { partition, to, change } => (Wish::Move(*partition, to), change),
        PartitionsCommand::Drain { member, change } => (Wish::Drain(member), change),
        PartitionsCommand::Rebalance { change } => (Wish::Rebalance, change),
        PartitionsCommand::Show(_) => return Ok(()),
    };
    let mut layers = layers(args.engine.config.as_deref(), &args.engine.set)?;
    over(args.redis.as_ref(), &mut layers);
    let Loaded { config, .. } = Config::load_offline(&layers)?;
    let host = Host::new(Clock::new());
    let server = Server::on(&host, &config)?;
    let mut register = Register::connect(&server, "partitions")?;
    let (found, next) = asked(&mut register, wish, args)?;
    let moves = next.as_ref().map_or_else(Vec::new, |next| moves(&found.assignment, next));
    let after = next.as_ref().unwrap_or(&found.assignment);
    for (partition, from, to) in &moves {
        let (goes, placed) = (if args.dry_run { "would go" } else { "goes" }, after.placed.contains_key(partition));
        let stays = if placed { ", and stays there until a rebalance, or until that one has gone" } else { "" };
        writeln!(out, "partition {partition} {goes} from {from} to {to}{stays}")?;
    }
    if moves.is_empty() {
        let what = if next.is_some() { "no partition moves" } else { "nothing changes" };
        writeln!(out, "{what}: {}", standing(wish))?;
    }
    match args.wait.filter(|_| !args.dry_run) {
        Some(wait) => until_done(&mut register, wish, concerned(wish, &found, after), wait, out),
        None => Ok(()),
    }
}

/// The change that is asked for, made unless it is only looked at.
fn asked(register: &mut Register, wish: Wish<'_>, args: &ChangeArgs) -> Result<(Found, Option<Assignment>)> {
    let found = register.found()?;
    if found.cards.is_empty() {
        bail!(
            "nobody shares these partitions: no engine with partitions.own = \"auto\" runs on this server, under this engine.name and \
             with this number of partitions"
        );
    }
    if args.dry_run {
        let next = found.assignment.next(&found.cards, wish)?;
        return Ok((found, next));
    }
    register.change(wish, None)
}

/// What holds already where a wish changes nothing.
fn standing(wish: Wish<'_>) -> String {
    match wish {
        Wish::Move(partition, to) => format!("partition {partition} is placed with {to}"),
        Wish::Drain(name) => format!("{name} is drained, and takes no partitions until it is started again"),
        Wish::Rebalance | Wish::Follow { .. } => "the loads are as even as whole partitions allow".to_owned(),
    }
}

/// Partition, former and new owner of everything that moves.
fn moves(before: &Assignment, after: &Assignment) -> Vec<(usize, String, String)> {
    let name = |owner: &Option<String>| owner.clone().unwrap_or_else(|| "nobody".to_owned());
    let both = before.owners.iter().zip(&after.owners).enumerate();
    both.filter(|(_, (from, to))| from != to).map(|(partition, (from, to))| (partition, name(from), name(to))).collect()
}

/// The partitions that a wish is about, with whom they are to be: what moves, and what has moved by an earlier one of the same.
fn concerned(wish: Wish<'_>, found: &Found, after: &Assignment) -> Vec<(usize, String)> {
    let has = |name: &str, partition| {
        found.cards.iter().any(|card| card.name == name && card.partitions.contains_key(&partition))
    };
    let is = |partition: &usize| match wish {
        Wish::Move(moved, _) => *partition == moved,
        Wish::Drain(name) => found.assignment.owners[*partition].as_deref() == Some(name) || has(name, *partition),
        Wish::Rebalance | Wish::Follow { .. } => true,
    };
    let all = (0..after.owners.len()).filter(is);
    all.filter_map(|partition| Some((partition, after.owners[partition].clone()?))).collect()
}

/// Waits until the owners hold what they are to have, and one that is drained has nothing; says what has arrived meanwhile.
fn until_done(
    register: &mut Register,
    wish: Wish<'_>,
    mut open: Vec<(usize, String)>,
    wait: Duration,
    out: &mut impl Write,
) -> Result<()> {
    let begun = Instant::now();
    let mut looked = false;
    loop {
        let cards = register.found()?.cards;
        let owns = |one: &(usize, String)| cards.iter().any(|card| card.name == one.1 && card.is(Stage::Owns, one.0));
        for (partition, to) in open.iter().filter(|one| looked && owns(one)) {
            writeln!(out, "partition {partition} is with {to} after {:.1} s", begun.elapsed().as_secs_f64())?;
        }
        looked = true;
        open.retain(|one| !owns(one));
        let Some((partition, to)) = open.first() else {
            let has = |card: &Card| wish == Wish::Drain(&card.name) && !card.partitions.is_empty();
            if !cards.iter().any(has) || begun.elapsed() >= wait {
                return Ok(());
            }
            sleep(LOOK);
            continue;
        };
        if begun.elapsed() >= wait {
            bail!(
                "after {} s partition {partition} is not with {to} yet: {}; its owner goes on until then",
                wait.as_secs(),
                how_far(&cards, *partition, to)
            );
        }
        sleep(LOOK);
    }
}

/// How far a member is with a partition, for people.
fn how_far(cards: &[Card], partition: usize, name: &str) -> String {
    let Some(card) = cards.iter().find(|card| card.name == name) else { return format!("{name} has gone") };
    match card.partitions.get(&partition) {
        Some(seat) => match &seat.why {
            Some(why) => format!("its engine there has failed: {why}"),
            None => format!("there it is {}", seat.stage.name()),
        },
        None => "that one has not begun with it".to_owned(),
    }
}
