//! The arguments of `ingest`.

use super::{
    duration::{Speed, parse_duration, parse_speed},
    file_args::FileArgs,
};
use crate::{feed::timestamp::parse_timestamp, model::Timeframe};
use clap::{Args, Subcommand};
use std::{path::PathBuf, time::Duration};

/// Arguments of `ingest`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct IngestArgs {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<IngestCommand>,
    /// What all ingestions have in common.
    #[command(flatten)]
    pub common: IngestCommon,
    /// These symbols in place of the watchlist: names such as SPY,QQQ, or a number, for the symbols of the made-up market
    #[arg(long, value_name = "LIST|N")]
    pub symbols: Option<String>,
    /// First bring as much history into the streams of input.history as makes every indicator settled: 400 bars of each
    #[arg(long, value_name = "HOW", value_parser = ["settled"])]
    pub warm_up: Option<String>,
    /// Of a made-up market: bars a second in all [default: one a symbol and interval]
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Of a made-up market: begin so long ago, such as 1h, and catch up, with --rate at this rate
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub past: Option<Duration>,
    /// Files of recorded bars
    #[arg(long, short, value_name = "FILE", num_args = 1..)]
    pub input: Vec<PathBuf>,
    /// Of files: `max`, or a multiple of the recorded speed, such as 60x
    #[arg(long, default_value = "1x", value_name = "SPEED", value_parser = parse_speed)]
    pub speed: Speed,
    /// How files are to be read.
    #[command(flatten)]
    pub files: FileArgs,
    /// If another ingestion of this name is running, wait until it ends and take over [default: an error]
    #[arg(long)]
    pub standby: bool,
    /// Stop after this time, such as 30s, 5m or 1h; without it, run until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// End with this process, which has started this one
    #[arg(long, value_name = "PID", hide = true)]
    pub child_of: Option<i32>,
}

/// Other things that `ingest` does.
#[derive(Debug, Subcommand)]
pub enum IngestCommand {
    /// Fetch the history of some symbols into a stream, for the engine to begin with (input.history)
    ///
    /// Goes on where it has ended before: what is there is not fetched again. A stream is filled from old to new, so that an
    /// earlier --from of the same symbol wants another --stream.
    Backfill(BackfillArgs),
}

/// Arguments of `ingest backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The symbols
    #[arg(value_name = "SYMBOL", required = true)]
    pub symbols: Vec<String>,
    /// Where it begins, such as 2026-01-31 or 2026-01-31T14:30:00 (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub from: i64,
    /// Where it ends [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub to: Option<i64>,
    /// The stream that the bars go to [default: that of input.history of this timeframe, or history_TF]
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// What all ingestions have in common.
    #[command(flatten)]
    pub common: IngestCommon,
}

/// What all ingestions have in common.
#[derive(Debug, Args)]
pub struct IngestCommon {
    /// Where the bars come from [default: as configured, ingest.provider]
    #[arg(long, value_name = "NAME", value_parser = known_provider())]
    pub provider: Option<String>,
    /// The Redis server that they go to [default: as configured, redis.url]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Timeframe of the bars; they go to the input streams of this timeframe [default: as configured, 1s]
    #[arg(long, value_name = "TF")]
    pub base: Option<Timeframe>,
    /// Name under which it is kept what has been published [default: as configured, that of the provider]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Configuration file; overrides the built-in one
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key of the configuration, such as --set ingest.form=fields; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// No status line, only errors
    #[arg(long, short)]
    pub quiet: bool,
}

pub(super) fn known_provider() -> clap::builder::PossibleValuesParser {
    let value = |maker: &crate::ingest::Maker| clap::builder::PossibleValue::new(maker.name).help(maker.about);
    crate::ingest::MAKERS.iter().map(value).collect::<Vec<_>>().into()
}

fn parse_moment(text: &str) -> Result<i64, String> {
    let whole = if text.len() == "2026-01-31".len() { format!("{text}T00:00:00") } else { text.to_owned() };
    parse_timestamp(whole.as_bytes())
        .map_err(|_| "write a date or a time in UTC, such as 2026-01-31T14:30:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_or_times() {
        assert_eq!(parse_moment("1970-01-02"), Ok(86_400_000));
        assert_eq!(parse_moment("1970-01-01T00:01:00Z"), Ok(60_000));
        assert!(parse_moment("soon").is_err());
    }
}
