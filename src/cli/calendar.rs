//! `calendar`: when a market is open, as the engine has it.

use super::{args::CalendarArgs, session::layers};
use crate::{
    calendar::{Choice, Definition},
    config::Config,
    model::{
        Calendar, Session, Timeframe,
        time::{Iso8601, civil_from_days},
    },
    runtime::Clock,
};
use anyhow::{Result, anyhow, bail};
use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

const DAY_MS: i64 = 86_400_000;

/// The year that it is now.
pub(super) fn this_year() -> i64 {
    civil_from_days(Clock::new().now().wall_ms().div_euclid(DAY_MS)).0
}

/// Prints the sessions of a calendar, or the spans of a timeframe that are made of them, as CSV.
///
/// # Errors
/// There is no such calendar, it cannot be used so, or the output cannot be written.
pub fn calendar(args: &CalendarArgs) -> Result<()> {
    let config = Config::load_offline(&layers(args.config.as_deref(), &args.set)?)?.config;
    if args.name == Calendar::Utc.name() {
        bail!("utc has no sessions: its market never closes");
    }
    let definition = config.calendars.definition(&args.name).map_err(|problem| anyhow!("calendar: {problem}"))?;
    let usual = config.calendars.usual(&args.name);
    let choice = Choice {
        hours: args.session.unwrap_or(usual.hours),
        anchor: args.anchor.unwrap_or(usual.anchor),
        outside: usual.outside,
    };
    let calendar = Calendar::Exchange(Arc::new(definition.sessions(choice)?));
    let dates = (args.from.unwrap_or(i64::MIN), args.to.unwrap_or(i64::MAX));
    if dates.1 < dates.0 {
        bail!("--to is before --from");
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match args.timeframe {
        None => sessions(&definition, choice, &calendar, dates, &mut out)?,
        Some(timeframe) if timeframe.is_long() && timeframe.period().is_none() => {
            bail!("{timeframe} has no bars with an exchange's calendar; allowed: below 1d, and 1d, 1w and 1M")
        }
        Some(timeframe) => spans(timeframe, &calendar, dates, &mut out)?,
    }
    Ok(out.flush()?)
}

fn sessions(
    definition: &Definition,
    choice: Choice,
    calendar: &Calendar,
    (from, to): (i64, i64),
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "date,open,close,local,zone,note")?;
    for &Session { date, open, close } in calendar.sessions() {
        let Some((from_clock, to_clock, usual)) = definition.hours(date, choice.hours) else { continue };
        if !(from..=to).contains(&date) {
            continue;
        }
        let text: String = Iso8601(date * DAY_MS).to_string().chars().take(10).collect();
        let (open, close, zone) = (Iso8601(open), Iso8601(close), definition.zone());
        let note = if usual { "" } else { "other hours" };
        writeln!(out, "{text},{open}Z,{close}Z,{from_clock}-{to_clock},{zone},{note}")?;
    }
    Ok(())
}

/// Walks the sessions from span to span.
fn spans(timeframe: Timeframe, calendar: &Calendar, (from, to): (i64, i64), out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "label,start,end")?;
    let mut last = None;
    for &Session { open, close, .. } in calendar.sessions() {
        let mut at = open;
        while let Some(span) = timeframe.span(at, calendar).filter(|_| at < close) {
            at = span.end;
            if last != Some(span) && (from..=to).contains(&span.label.div_euclid(DAY_MS)) {
                writeln!(out, "{},{},{}", span.label, span.start, span.end)?;
            }
            last = Some(span);
        }
    }
    Ok(())
}
