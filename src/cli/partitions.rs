//! `partitions`: which symbols are where, and who owns them. Blocks.

use super::{
    fleet::{Card, Found, Register, Stage, change_partitions},
    host::Host,
    part::listed,
    partition_args::{PartitionsArgs, PartitionsCommand},
    partition_map::agreed,
    redis::{Server, over},
    session::layers,
};
use crate::{
    config::{Config, Loaded, PartitionMap},
    model::StreamId,
    publish::Holder,
    redis_io::{Link, LinkError, ServerErrorKind, StreamInfo, slot},
    runtime::Clock,
    telemetry::{Table, exact_count},
};
use anyhow::Result;
use redis::Cmd;
use serde_json::{Value, json};
use std::io::Write;

/// Runs a command about partitions.
///
/// # Errors
/// A configuration that does not hold, a server that is not there or refuses, an output that cannot be written.
pub fn partitions(command: &PartitionsCommand) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match command {
        PartitionsCommand::Show(args) => show(args, &mut out),
        command => change_partitions(command, &mut out),
    }
}

/// What there is to say of a partition.
struct Shown {
    partition: usize,
    tag: String,
    slot: u16,
    symbols: Vec<String>,
    owner: Option<String>,
    /// By input stream: its name, what is known of it, and up to where it is read.
    streams: Vec<(String, Option<StreamInfo>, Option<StreamId>)>,
}

fn show(args: &PartitionsArgs, out: &mut impl Write) -> Result<()> {
    let mut layers = layers(args.engine.config.as_deref(), &args.engine.set)?;
    over(args.redis.as_ref(), &mut layers);
    let Loaded { config, .. } = Config::load_offline(&layers)?;
    let host = Host::new(Clock::new());
    let server = Server::on(&host, &config)?;
    let map = agreed(&server, &config)?;
    let mut all = Vec::new();
    for partition in 0..map.count {
        all.push(look(&host, &config, &map, partition)?);
    }
    let found = Register::connect(&server, "partitions")?.found()?;
    if args.json {
        let partitions: Vec<Value> = all.iter().map(to_json).collect();
        let told = json!({
            "version": map.version,
            "count": map.count,
            "overrides": map.overrides,
            "partitions": partitions,
            "assignment": found.assignment.generation,
            "members": members(&found),
        });
        writeln!(out, "{told:#}")?;
        return Ok(());
    }
    let title = format!("{} partitions, version {} of their map", map.count, map.version);
    let mut table = Table::new(&title, &["partition", "tag", "slot", "symbols", "entries", "read up to", "owner"]);
    for Shown { partition, tag, slot, symbols, owner, streams } in &all {
        for (index, (_, info, read)) in streams.iter().enumerate() {
            let entries = info.map_or("–".to_owned(), |info| exact_count(info.length));
            let read = read.map_or("–".to_owned(), |id| id.to_string());
            let own = [partition.to_string(), tag.clone(), slot.to_string(), symbols.len().to_string()];
            let own = if index == 0 { own } else { <[String; 4]>::default() };
            let owner = owner.as_deref().filter(|_| index == 0).unwrap_or(if index == 0 { "nobody" } else { "" });
            table.row(own.into_iter().chain([entries, read, owner.to_owned()]));
        }
    }
    write!(out, "{table}")?;
    let shared = member_table(&found);
    if !shared.is_empty() {
        write!(out, "{shared}")?;
    }
    Ok(())
}

/// The members that share the partitions, for programs.
fn members(found: &Found) -> Vec<Value> {
    let Found { cards, assignment } = found;
    let member = |card: &Card| {
        json!({
            "name": card.name,
            "process": Holder::named(&card.process).to_string(),
            "version": card.version,
            "assigned": assignment.of(&card.name),
            "drained": assignment.is_drained(card),
            "leaving": card.leaving,
            "partitions": card.partitions,
        })
    };
    cards.iter().map(member).collect()
}

/// The same for people.
fn member_table(found: &Found) -> Table {
    let Found { cards, assignment } = found;
    let title = format!("{} members that share them, assignment {}", cards.len(), assignment.generation);
    let mut table = Table::new(&title, &["member", "is to own", "owns", "others", "bars/s", "version", "process"]);
    for card in cards {
        let others = [Stage::Warming, Stage::Warm, Stage::Ending, Stage::Failed].map(|stage| (stage, card.with(stage)));
        let others = others.iter().filter(|(_, partitions)| !partitions.is_empty());
        let others = others.map(|(stage, partitions)| format!("{} {}", stage.name(), listed(partitions)));
        let state = [(card.leaving, "leaving"), (assignment.is_drained(card), "drained")];
        let state = state.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned());
        let others: Vec<String> = state.chain(others).collect();
        table.row([
            card.name.clone(),
            listed(&assignment.of(&card.name)),
            listed(&card.with(Stage::Owns)),
            others.join("; "),
            exact_count(card.rate().round() as u64),
            card.version.clone(),
            Holder::named(&card.process).to_string(),
        ]);
    }
    table
}

/// Asks for one partition.
fn look(host: &Host, config: &Config, map: &PartitionMap, partition: usize) -> Result<Shown> {
    let own = config.of_partition(partition, map);
    let server = Server::on(host, &own)?;
    let mut link = server.connect("partitions")?;
    let lease = server.lease();
    let owner = lease.holder(&mut link)?.map(|holder| holder.to_string());
    let mut streams = Vec::new();
    for stream in &own.input.streams {
        let read: Option<String> = link.ask(&Cmd::hget(&lease.position_key, &stream.name))?;
        let read = read.and_then(|text| StreamId::parse(text.as_bytes()));
        streams.push((stream.name.clone(), info(&mut link, &stream.name)?, read));
    }
    let symbols = own.assets().into_iter().map(|asset| asset.symbol).collect();
    let tag = map.tags().swap_remove(partition);
    Ok(Shown { partition, slot: slot(lease.key.as_bytes()), tag, symbols, owner, streams })
}

/// What is known of a stream, if it is there.
fn info(link: &mut Link, stream: &str) -> Result<Option<StreamInfo>> {
    match StreamInfo::ask(link, stream) {
        Ok(info) => Ok(Some(info)),
        Err(LinkError::Server { kind: ServerErrorKind::Command, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn to_json(shown: &Shown) -> Value {
    let Shown { partition, tag, slot, symbols, owner, streams } = shown;
    let streams = streams.iter().map(|(name, info, read)| {
        json!({
            "stream": name,
            "entries": info.map(|info| info.length),
            "newest": info.map(|info| info.last.to_string()),
            "read": read.map(|id| id.to_string()),
        })
    });
    let streams: Vec<Value> = streams.collect();
    json!({ "partition": partition, "tag": tag, "slot": slot, "symbols": symbols, "owner": owner, "streams": streams })
}
