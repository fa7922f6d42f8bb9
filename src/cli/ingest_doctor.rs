//! `doctor --provider`: the way to a provider, step by step, without Redis.

use super::{args::DoctorArgs, ingest, ingest_args::IngestCommon, secrets, symbols};
use crate::{
    ingest::{Commission, Event},
    model::time::Iso8601,
    runtime::{Clock, Parker},
};
use anyhow::{Context as _, Result};
use std::{
    collections::HashMap,
    io::{self, Write as _},
    time::{Duration, Instant},
};

/// What is found out, in this order.
#[derive(Debug, Default)]
struct Steps {
    connected: Option<Duration>,
    /// Symbols that are subscribed.
    joined: usize,
    subscribed: Option<Duration>,
    first_bar: Option<(Duration, String)>,
    /// How far the first bar was behind the clock of this host, ms.
    behind_ms: i64,
    said: Vec<String>,
    failed: Option<String>,
}

/// Examines the way to a provider; returns whether nothing failed.
///
/// # Errors
/// The configuration is invalid, or the output cannot be written.
pub fn examine(args: &DoctorArgs, provider: &str) -> Result<bool> {
    let common = IngestCommon {
        provider: Some(provider.to_owned()),
        redis: None,
        base: None,
        name: None,
        config: args.config.clone(),
        set: args.set.clone(),
        quiet: true,
    };
    let (config, maker) = ingest::prepared(&common, |layers| symbols::over(args.symbols.as_deref(), layers))?;
    let timeframe = config.ingest.timeframe.context(ingest::NO_TIMEFRAME)?;
    let symbols = ingest::watched(&config, maker);
    let clock = Clock::new();
    let settings = config.ingest.of(maker.name);
    let made = secrets::of_provider(maker, settings).and_then(|keys| {
        let commission = Commission {
            symbols: &symbols,
            timeframe,
            past_only: false,
            config: &config.ingest,
            keys,
            settings,
            newest: &HashMap::new(),
            memory: None,
            now: clock.now(),
            made_up: (config.mock.seed, config.mock.burst_every_s),
            rate: None,
            past: None,
            recorded: None,
            speed: 1.0,
        };
        Ok((maker.make)(commission)?)
    });
    let mut steps = Steps::default();
    match made {
        Err(error) => steps.failed = Some(format!("{error:#}")),
        Ok(mut provider) => {
            let (parker, started) = (Parker::new()?, Instant::now());
            let mut events = Vec::new();
            while started.elapsed() < Duration::from_secs(args.seconds) && steps.first_bar.is_none() {
                let now = clock.now();
                if let Err(error) = provider.poll(now, &mut events) {
                    steps.failed = Some(error.to_string());
                    break;
                }
                events.drain(..).for_each(|event| steps.take(event, &symbols, started.elapsed(), now.wall_ms()));
                let mut interests = parker.interests();
                provider.interests(&mut interests);
                let until_ns = provider.deadline_ns().unwrap_or(u64::MAX).saturating_sub(now.ns);
                parker.sleep(&mut interests, until_ns.min(50_000_000));
            }
        }
    }
    steps.print(symbols.len())?;
    Ok(steps.failed.is_none() && steps.subscribed.is_some())
}

impl Steps {
    fn take(&mut self, event: Event, symbols: &[String], after: Duration, wall_ms: i64) {
        match event {
            Event::Said(line) if line == "connected" => self.connected = Some(after),
            Event::Said(line) | Event::Warned(line) => self.said.push(line),
            Event::Joined { .. } => {
                // A provider without connections has nothing to connect.
                self.connected.get_or_insert(after);
                self.joined += 1;
                if self.joined >= symbols.len() {
                    self.subscribed.get_or_insert(after);
                }
            }
            Event::Bar(bar) if self.first_bar.is_none() => {
                self.behind_ms = wall_ms - bar.start_ms;
                let name = symbols.get(bar.symbol).map_or("?", String::as_str);
                self.first_bar = Some((after, format!("{name} {} close {}", Iso8601(bar.start_ms), bar.close)));
            }
            _ => {}
        }
    }

    fn print(&self, symbols: usize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let mut line = |verdict: &str, what: &str, found: String| writeln!(out, "{verdict:<7} {what:<13} {found}");
        let after = |after: &Duration| format!("after {:.2} s", after.as_secs_f64());
        match (&self.connected, &self.failed) {
            (Some(at), _) => line("PASS", "name, TLS", format!("connected {}", after(at)))?,
            (None, _) => line("FAIL", "name, TLS", "no connection".to_owned())?,
        }
        match (&self.subscribed, &self.failed) {
            (_, Some(why)) => line("FAIL", "login", why.clone())?,
            (Some(at), None) => line("PASS", "subscription", format!("{symbols} symbols {}", after(at)))?,
            (None, None) => line("FAIL", "subscription", format!("{} of {symbols} symbols", self.joined))?,
        }
        match &self.first_bar {
            Some((at, bar)) => {
                line("PASS", "first bar", format!("{bar}, {}", after(at)))?;
                let late = self.behind_ms < 0;
                let verdict = if late { "FAIL" } else { "PASS" };
                line(verdict, "clock", format!("the bar began {} ms before this host's time", self.behind_ms))?;
            }
            None => line("WARN", "first bar", "none came: is the market open? --seconds waits longer".to_owned())?,
        }
        self.said.iter().try_for_each(|said| line("", "said", said.clone()))
    }
}
