//! A market that is made up: seeded, and the same again after a restart.

use crate::{
    feed::{MockConfig, MockMarket},
    ingest::{
        market::{Event, FeedBar},
        provider::{Commission, CommissionError, Maker, Provider},
    },
    runtime::{AgentError, Now},
};
use std::collections::HashMap;

/// The made-up market.
pub const MAKER: Maker =
    Maker { name: "mock", about: "a made-up market; needs no account and no network", invents: true, keys: None, make };

/// Bars that are made up again at a restart, at most: beyond it, another market begins.
const AGAIN_MAX: i64 = 50_000_000;
/// Bars that are given at a time.
const AT_A_TIME: usize = 4_096;

#[derive(Debug)]
struct Mock {
    market: MockMarket,
    symbols: HashMap<Vec<u8>, usize>,
    /// By symbol: the start of its newest bar that need not be given again, Unix ms.
    newest: Vec<i64>,
    interval_ms: i64,
    /// One of so many bars of a symbol is given.
    period: i64,
    /// Where the market begins, Unix ms.
    begin_ms: i64,
    seed: u64,
    /// Its time runs ahead of this one until it has caught up: where, when, and how many times as fast.
    hurry: Option<(i64, u64, f64)>,
    joined: bool,
    next_ns: u64,
    dropped: Option<String>,
}

fn make(commission: Commission<'_>) -> Result<Box<dyn Provider>, CommissionError> {
    if commission.past_only {
        return Err(CommissionError("a made-up market has no past to fetch; --past makes one up".to_owned()));
    }
    let interval_ms = commission.timeframe.interval_ms();
    let natural = commission.symbols.len() as f64 * 1_000.0 / interval_ms as f64;
    let rate = commission.rate.unwrap_or(if commission.past.is_some() { f64::INFINITY } else { natural });
    if rate <= 0.0 || rate.is_nan() {
        return Err(CommissionError("--rate: write a number of bars a second above 0".to_owned()));
    }
    if rate > natural * 1.001 && commission.past.is_none() {
        return Err(CommissionError(format!(
            "--rate {rate}: {} symbols have {natural} bars of {} a second, and stamps do not run ahead of the clock: take more \
             symbols, or begin in the past with --past 1h",
            commission.symbols.len(),
            commission.timeframe
        )));
    }
    let (seed, burst_every_s) = commission.made_up;
    let now_ms = commission.now.wall_ms();
    let past_ms = commission.past.map_or(0, |past| i64::try_from(past.as_millis()).unwrap_or(i64::MAX));
    let (mut begin_ms, mut dropped) = (now_ms.saturating_sub(past_ms).div_euclid(interval_ms) * interval_ms, None);
    if let Some(before) = commission.memory.and_then(|memory| begun(memory, seed)) {
        if (now_ms - before) / interval_ms * commission.symbols.len() as i64 <= AGAIN_MAX {
            begin_ms = before;
        } else {
            dropped = Some("the made-up market is so old that another one begins here".to_owned());
        }
    }
    let market = MockMarket::new(&MockConfig {
        seed,
        symbols: commission.symbols.to_vec(),
        timeframes: vec![commission.timeframe],
        now_ms: begin_ms,
        burst_every_s: u32::try_from(burst_every_s).unwrap_or(u32::MAX),
    })
    .map_err(|error| CommissionError(error.to_string()))?;
    let newest: Vec<i64> =
        commission.symbols.iter().map(|name| commission.newest.get(name).copied().unwrap_or(i64::MIN)).collect();
    let at_ms = newest.iter().copied().max().filter(|&at| at > i64::MIN).map_or(begin_ms, |at| at + interval_ms);
    // What a stop has left out is made up for at once, unless the rate says otherwise.
    let hurry = (commission.past.is_some() && rate.is_finite()).then_some((at_ms, commission.now.ns, rate / natural));
    Ok(Box::new(Mock {
        market,
        symbols: commission.symbols.iter().enumerate().map(|(i, name)| (name.clone().into_bytes(), i)).collect(),
        newest,
        interval_ms,
        period: if rate < natural { (natural / rate).round().max(1.0) as i64 } else { 1 },
        begin_ms,
        seed,
        hurry,
        joined: false,
        next_ns: 0,
        dropped,
    }))
}

/// Where a market of this seed has begun, as it was remembered.
fn begun(memory: &str, seed: u64) -> Option<i64> {
    let (before, begin) = memory.split_once(' ')?;
    (before.parse() == Ok(seed)).then(|| begin.parse().ok())?
}

impl Mock {
    /// The time of the market: never ahead of the clock.
    fn time_ms(&mut self, now: Now) -> i64 {
        let wall_ms = now.wall_ms();
        let Some((at_ms, since_ns, times)) = self.hurry else { return wall_ms };
        let passed_ms = now.ns.saturating_sub(since_ns) as f64 / 1e6 * times;
        let time_ms = at_ms.saturating_add(passed_ms as i64);
        if time_ms >= wall_ms {
            self.hurry = None;
        }
        time_ms.min(wall_ms)
    }
}

impl Provider for Mock {
    fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), AgentError> {
        if !self.joined {
            self.joined = true;
            events.extend((0..self.newest.len()).map(|symbol| Event::Joined { symbol, from_ms: i64::MIN }));
            events.extend(self.dropped.take().map(Event::Warned));
        }
        let time_ms = self.time_ms(now);
        let (mut complete_ms, last) = (None, self.newest.len() - 1);
        // What is only made up again takes a moment, and gives nothing.
        let most = events.len() + AT_A_TIME;
        while events.len() < most
            && let Some(record) = self.market.due(time_ms)
        {
            let Some(&symbol) = self.symbols.get(record.symbol) else { continue };
            if symbol == last {
                complete_ms = Some(record.ts + self.interval_ms);
            }
            let given = (record.ts / self.interval_ms + symbol as i64) % self.period == 0;
            if given && record.ts > self.newest[symbol] {
                events.push(Event::Bar(FeedBar::of(symbol, &record)));
            }
        }
        events.extend(complete_ms.map(Event::Complete));
        let wait_ms = (self.market.next_due_ms() - time_ms).max(0) as f64 / self.hurry.map_or(1.0, |(.., times)| times);
        self.next_ns = now.ns + (wait_ms * 1e6) as u64;
        Ok(())
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.next_ns)
    }

    fn memory(&self) -> Option<String> {
        Some(format!("{} {}", self.seed, self.begin_ms))
    }
}
