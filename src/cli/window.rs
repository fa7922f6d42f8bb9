//! `window`: statistics of the last bars of a cell of a running engine.

use super::{
    asked::{address_of, token},
    watch_args::WindowArgs,
};
use crate::{ops::get, telemetry::Table};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::{io::Write, time::Duration};

/// How long an engine that runs may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks a running engine for the statistics of so many bars of a cell, and prints them.
///
/// # Errors
/// A configuration that does not hold, an engine that is not there, a cell that it does not have.
pub fn window(args: &WindowArgs) -> Result<()> {
    let (address, file) = address_of(&args.running, &args.engine)?;
    let (symbol, timeframe, bars) = (escaped(&args.symbol), escaped(&args.timeframe), args.bars);
    let path = format!("/window?symbol={symbol}&timeframe={timeframe}&bars={bars}");
    let text = get(&address, token(&file)?.as_deref(), &path, ANSWER)?;
    let answer: Value =
        serde_json::from_str(&text).with_context(|| format!("what answers at {address} is no engine"))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        return Ok(writeln!(out, "{answer:#}")?);
    }
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    let (seen, kept) = (number("seen"), number("kept"));
    if answer["ready"] != true {
        writeln!(out, "not ready: {kept} of {bars} bars are kept so far")?;
    }
    let title = format!("{} {}, the last {bars} of {seen} bars", args.symbol, args.timeframe);
    let mut table = Table::new(&title, &["statistic", "value"]);
    let known = answer["statistics"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    known.for_each(|(name, value)| table.row([name.clone(), value.to_string()]));
    Ok(writeln!(out, "{}", table.to_string().trim_end())?)
}

/// A text as it stands in the query of an address.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let one = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
