//! Recorded bars, given as if they came live.

use crate::{
    feed::{MergedSource, validate_symbol},
    ingest::{
        market::{Event, FeedBar},
        provider::{Commission, CommissionError, Maker, Provider},
    },
    runtime::{AgentError, Now},
};
use std::collections::HashMap;

/// Files of bars.
pub const MAKER: Maker = Maker {
    name: "file",
    about: "recorded bars of --input, at --speed times the pace at which they were recorded",
    invents: false,
    keys: None,
    make,
};

/// Lines that are taken at a time.
const AT_A_TIME: usize = 4_096;

#[derive(Debug)]
struct Recorded {
    lines: MergedSource,
    /// Whether the current line waits for its time.
    held: bool,
    symbols: HashMap<Vec<u8>, usize>,
    /// Whether symbols that are not on the list are left out.
    listed: bool,
    newest: HashMap<String, i64>,
    interval_ms: i64,
    speed: f64,
    /// A recorded time and the moment at which it was given, ns.
    anchor: Option<(i64, u64)>,
    /// End of the newest bar given.
    end_ms: i64,
    next_ns: u64,
    joined: bool,
    refused: u64,
    left_out: u64,
    over: bool,
}

fn make(commission: Commission<'_>) -> Result<Box<dyn Provider>, CommissionError> {
    if commission.past_only {
        return Err(CommissionError("files need not be fetched: name them in input.history".to_owned()));
    }
    let Some(lines) = commission.recorded else {
        return Err(CommissionError("this provider reads files of bars: name them with --input FILE".to_owned()));
    };
    Ok(Box::new(Recorded {
        lines,
        held: false,
        symbols: commission.symbols.iter().enumerate().map(|(i, name)| (name.clone().into_bytes(), i)).collect(),
        listed: !commission.symbols.is_empty(),
        newest: commission.newest.clone(),
        interval_ms: commission.timeframe.interval_ms(),
        speed: commission.speed,
        anchor: None,
        end_ms: i64::MIN,
        next_ns: 0,
        joined: false,
        refused: 0,
        left_out: 0,
        over: false,
    }))
}

/// What becomes of a line.
enum Turn {
    /// It is over and done with.
    Done,
    /// It is not due before this moment, ns.
    Due(u64),
    /// There are no more.
    End,
}

impl Recorded {
    fn line(&mut self, now: Now, events: &mut Vec<Event>) -> Result<Turn, AgentError> {
        let line = if self.held { self.lines.current() } else { self.lines.next()? };
        self.held = false;
        let Some(line) = line else { return Ok(Turn::End) };
        let Ok(record) = line.line.result else {
            self.refused += 1;
            return Ok(Turn::Done);
        };
        let (start_ms, end_ms) = (record.ts, record.ts + self.interval_ms);
        let known = self.symbols.get(record.symbol).copied();
        if known.is_none() && (self.listed || validate_symbol(record.symbol).is_err()) {
            self.left_out += 1;
            return Ok(Turn::Done);
        }
        let name = String::from_utf8_lossy(record.symbol);
        if self.newest.get(name.as_ref()).is_some_and(|&newest| start_ms <= newest) {
            return Ok(Turn::Done);
        }
        if self.speed.is_finite() {
            let (from_ms, from_ns) = *self.anchor.get_or_insert((end_ms, now.ns));
            let due_ns = from_ns + ((end_ms - from_ms).max(0) as f64 * 1e6 / self.speed) as u64;
            if due_ns > now.ns {
                self.held = true;
                // All that ends before is there.
                let passed_ms = from_ms + ((now.ns - from_ns) as f64 / 1e6 * self.speed) as i64;
                self.end_ms = self.end_ms.max(passed_ms.min(end_ms - 1));
                return Ok(Turn::Due(due_ns));
            }
        }
        let symbol = known.unwrap_or_else(|| {
            let index = self.symbols.len();
            self.symbols.insert(record.symbol.to_vec(), index);
            events.push(Event::Named(name.into_owned()));
            events.push(Event::Joined { symbol: index, from_ms: i64::MIN });
            index
        });
        if end_ms > self.end_ms {
            if self.end_ms > i64::MIN {
                events.push(Event::Complete(self.end_ms));
            }
            self.end_ms = end_ms;
        }
        events.push(Event::Bar(FeedBar::of(symbol, &record)));
        Ok(Turn::Done)
    }
}

impl Provider for Recorded {
    fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), AgentError> {
        if !self.joined {
            self.joined = true;
            events.extend((0..self.symbols.len()).map(|symbol| Event::Joined { symbol, from_ms: i64::MIN }));
        }
        for _ in 0..AT_A_TIME {
            match self.line(now, events)? {
                Turn::Done => {}
                Turn::Due(at_ns) => {
                    self.next_ns = at_ns;
                    events.push(Event::Complete(self.end_ms));
                    return Ok(());
                }
                Turn::End => {
                    self.over = true;
                    if self.end_ms > i64::MIN {
                        events.push(Event::Complete(self.end_ms));
                    }
                    let (refused, left) = (self.refused, self.left_out);
                    events.push(Event::Said(format!(
                        "the end of the files; {refused} lines were no bars, {left} of symbols that are not on the list"
                    )));
                    events.push(Event::End);
                    return Ok(());
                }
            }
        }
        self.next_ns = 0;
        Ok(())
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.next_ns)
    }
}
