//! The provider behind an exchange: connects, subscribes, listens, fetches the past, and starts over when it must.

use super::{
    breaker::Breaker,
    dial::{DialTarget, Refused, dial},
    line::{FeedLine, Open},
    past::PastFetcher,
    pauses::Pauses,
    session::{Manners, WebSession},
    voices::{Silence, Voices},
    words::{ExchangeRules, ExchangeWords, Heard},
};
use crate::{
    ingest::{
        market::{Event, FeedBar, PastWanted},
        provider::Provider,
        trades::{Retraded, TradeBars},
    },
    runtime::{AgentError, Interests, Now},
};
use std::{collections::HashMap, sync::mpsc::TryRecvError};

/// Time between two looks at a dial that is under way, ns.
const LOOK_NS: u64 = 5_000_000;
/// A connection that lasted so long was a good one, ns.
const GOOD_NS: u64 = 60_000_000_000;
/// Times that what was left out of a subscription is asked for again.
const ASKED_MAX: u32 = 3;
/// Odd messages that are told of.
const ODD_TOLD: u64 = 3;
/// A bar or a trade that is so much later than this machine's time is none, ms: whatever came after it would count as late.
const AHEAD_MS: i64 = 60_000;

/// What a feed consists of and how long it waits.
#[derive(Debug)]
pub struct FeedParts {
    /// The words of the exchange.
    pub dialect: Box<dyn ExchangeWords>,
    /// Whether it is to connect: where only the past is wanted, it need not.
    pub live: bool,
    /// Names of the symbols.
    pub names: Vec<String>,
    /// Interval of the bars, ms.
    pub interval_ms: i64,
    /// How long after its end a bar may come, ms.
    pub grace_ms: i64,
    /// Longest wait for an answer, ns.
    pub answer_ns: u64,
    /// Time after which a symbol counts as silent, ns.
    pub silent_ns: u64,
    /// Where to connect.
    pub target: DialTarget,
    /// Times of a session.
    pub manners: Manners,
    /// Pauses between connections.
    pub pauses: Pauses,
    /// The breaker of the dials.
    pub breaker: Breaker,
    /// What fetches the past.
    pub past: PastFetcher,
}

/// An exchange as a provider.
#[derive(Debug)]
pub struct ExchangeFeed {
    dialect: Box<dyn ExchangeWords>,
    names: Vec<String>,
    target: DialTarget,
    manners: Manners,
    interval_ms: i64,
    grace_ms: i64,
    answer_ns: u64,
    current: FeedLine,
    /// The one that is to replace it.
    next: Option<FeedLine>,
    pauses: Pauses,
    breaker: Breaker,
    past: PastFetcher,
    voices: Voices,
    number: u64,
    /// Wall time up to which everything that the exchange had said has been heard, Unix ms.
    heard_ms: i64,
    odd: u64,
    heard: Vec<Heard>,
    /// Makes bars of trades, where the exchange has none of this interval.
    trades: Option<TradeBars>,
    made: Vec<FeedBar>,
    now_ns: u64,
    wanted: Vec<PastWanted>,
}

impl ExchangeFeed {
    /// A feed that is not connected yet.
    pub fn new(parts: FeedParts) -> Self {
        let FeedParts {
            dialect,
            live,
            names,
            interval_ms,
            grace_ms,
            answer_ns,
            silent_ns,
            target,
            manners,
            pauses,
            breaker,
            past,
        } = parts;
        let trades = dialect.rules().of_trades.then(|| TradeBars::new(interval_ms));
        Self {
            voices: Voices::new(names.len(), silent_ns),
            dialect,
            names,
            target,
            manners,
            interval_ms,
            grace_ms,
            answer_ns,
            current: FeedLine::Down(if live { 0 } else { u64::MAX }),
            next: None,
            pauses,
            breaker,
            past,
            number: 0,
            heard_ms: i64::MIN,
            odd: 0,
            heard: Vec::new(),
            trades,
            made: Vec::new(),
            now_ns: 0,
            wanted: Vec::new(),
        }
    }

    fn rules(&self) -> &ExchangeRules {
        self.dialect.rules()
    }

    /// Moves a connection on, be it the current one or the next.
    fn step(
        &mut self,
        line: FeedLine,
        is_next: bool,
        now: Now,
        events: &mut Vec<Event>,
    ) -> Result<FeedLine, AgentError> {
        match line {
            FeedLine::Down(until_ns) => {
                if now.ns < until_ns.max(self.breaker.next_ns()) || !self.breaker.allows(now.ns) {
                    return Ok(FeedLine::Down(until_ns));
                }
                Ok(FeedLine::Dialing(dial(&self.target)))
            }
            FeedLine::Dialing(outcome) => match outcome.try_recv() {
                Err(TryRecvError::Empty) => Ok(FeedLine::Dialing(outcome)),
                Err(TryRecvError::Disconnected) => {
                    self.failed(&Refused::Now("no thread to dial with".to_owned()), now, events)
                }
                Ok(Err(refused)) => self.failed(&refused, now, events),
                Ok(Ok(socket)) => {
                    self.breaker.succeeded();
                    if !is_next {
                        events.push(Event::Said("connected".to_owned()));
                    }
                    Ok(FeedLine::Up(Box::new(Open {
                        session: WebSession::new(socket, self.manners, now.ns),
                        ready: !self.rules().greets,
                        asked: HashMap::new(),
                        asked_ns: now.ns,
                        again: 0,
                        subscribed: vec![false; self.names.len()],
                        ask_again_ns: None,
                        leaving: false,
                    })))
                }
            },
            FeedLine::Up(open) => self.listen(open, is_next, now, events),
        }
    }

    fn failed(&mut self, refused: &Refused, now: Now, events: &mut Vec<Event>) -> Result<FeedLine, AgentError> {
        let text = match refused {
            Refused::ForGood(text) => return Err(text.clone().into()),
            Refused::Later(text, seconds) => {
                self.breaker.hold(now.ns + (seconds * 1e9) as u64);
                events.push(Event::Said(format!("{text}: connecting again in {seconds:.1} s")));
                return Ok(FeedLine::Down(now.ns));
            }
            Refused::Now(text) => text,
        };
        let pause_ns = self.pauses.next_ns();
        if self.breaker.failed(now.ns) {
            let pause_s = self.breaker.next_ns().saturating_sub(now.ns) as f64 / 1e9;
            events.push(Event::Warned(format!("cannot connect ({text}): trying again in {pause_s:.1} s")));
        } else {
            events.push(Event::Said(format!("cannot connect ({text}): trying again")));
        }
        Ok(FeedLine::Down(now.ns + pause_ns))
    }

    fn listen(
        &mut self,
        mut open: Box<Open>,
        is_next: bool,
        now: Now,
        events: &mut Vec<Event>,
    ) -> Result<FeedLine, AgentError> {
        let mut heard = std::mem::take(&mut self.heard);
        let looked = open.session.poll(now.ns, |text| self.dialect.hear(text, &mut heard));
        let mut over = None;
        let latest_ms = now.wall_ms() + AHEAD_MS;
        for one in heard.drain(..) {
            let one = if one.moment_ms().is_some_and(|at_ms| at_ms > latest_ms) { Heard::Odd } else { one };
            if let Err(why) = self.take(one, &mut open, now, events) {
                over.get_or_insert(why);
            }
        }
        self.heard = heard;
        if let Some(why) = over {
            return Err(why.into());
        }
        let late = open.ask_again_ns.is_none()
            && (!open.ready || !open.asked.is_empty())
            && now.ns.saturating_sub(open.asked_ns) > self.answer_ns;
        let lost = match looked {
            Err(why) => Some(why),
            Ok(_) if late => Some(format!("no answer for {:.1} s", self.answer_ns as f64 / 1e9)),
            Ok(looked) => {
                // Until it replaces the other, it does not bring all that there is.
                if looked.drained && looked.heard && !is_next {
                    self.heard_ms = self.heard_ms.max(now.wall_ms());
                }
                None
            }
        };
        if let Some(why) = lost {
            if now.ns.saturating_sub(open.session.opened_ns()) > GOOD_NS {
                self.pauses.reset();
            }
            events.push(Event::Said(format!("disconnected: {why}")));
            return Ok(FeedLine::Down(now.ns + self.pauses.next_ns()));
        }
        if open.ask_again_ns.is_some_and(|at_ns| now.ns >= at_ns) {
            open.ask_again_ns = None;
            open.asked_ns = now.ns;
            self.dialect.ask_again().into_iter().for_each(|text| open.session.say(text));
        }
        self.subscribe(&mut open, now, events);
        Ok(FeedLine::Up(open))
    }

    /// Asks for what is not subscribed yet.
    fn subscribe(&mut self, open: &mut Open, now: Now, events: &mut Vec<Event>) {
        if !open.ready || !open.asked.is_empty() {
            return;
        }
        let missing = |k: &usize| !open.subscribed[*k] && !self.voices.is_absent(*k);
        let missing: Vec<usize> = (0..self.names.len()).filter(missing).collect();
        if missing.is_empty() {
            return;
        }
        if open.again >= ASKED_MAX {
            for symbol in missing {
                self.voices.leave_out(symbol);
                events.push(Event::Warned(format!(
                    "{}: the exchange leaves it out of the subscription",
                    self.names[symbol]
                )));
            }
            return;
        }
        open.again += 1;
        open.asked_ns = now.ns;
        let chunk = self.rules().symbols_per_message.max(1);
        for symbols in missing.chunks(chunk) {
            self.number += 1;
            open.session.say(self.dialect.subscribe(self.number, symbols));
            open.asked.insert(self.number, symbols.to_vec());
        }
    }

    /// Takes what was heard.
    ///
    /// # Errors
    /// It is over for good.
    fn take(&mut self, heard: Heard, open: &mut Open, now: Now, events: &mut Vec<Event>) -> Result<(), String> {
        match heard {
            Heard::Say(text) => open.session.say(text),
            Heard::Ready => (open.ready, open.asked_ns) = (true, now.ns),
            Heard::Granted(number) => {
                let symbols = open.asked.remove(&number).unwrap_or_default();
                self.joined(&symbols, open, now, events);
            }
            Heard::Subscribed(symbols) => {
                // What was asked for last is answered with all there is.
                self.joined(&symbols, open, now, events);
                let first = open.asked.keys().min().copied();
                first.map(|first| open.asked.remove(&first));
            }
            Heard::Bar(bar, trades) => {
                if self.voices.heard(bar.symbol, trades, now.ns) {
                    // Trades are missing between two bars, and with them perhaps bars.
                    events.push(Event::Joined { symbol: bar.symbol, from_ms: bar.start_ms });
                }
                events.push(Event::Bar(bar));
            }
            Heard::Corrected(bar) => events.push(Event::Corrected(bar)),
            Heard::Trade(trade) => {
                let number = self.rules().numbered.then_some(trade.id);
                let Some(trades) = self.trades.as_mut().filter(|_| !self.voices.knows(trade.symbol, number)) else {
                    return Ok(());
                };
                if self.voices.heard(trade.symbol, number.map(|id| (id, id)), now.ns) {
                    // The bar that it belongs to is not whole.
                    let from_ms = (trade.at_ms.div_euclid(self.interval_ms) + 1) * self.interval_ms;
                    trades.whole_from(trade.symbol, from_ms);
                    events.push(Event::Joined { symbol: trade.symbol, from_ms });
                }
                trades.take(&trade, &mut self.made);
                events.extend(self.made.drain(..).map(Event::Bar));
            }
            Heard::Retraded(symbol, id, new) => {
                match self.trades.as_mut().map(|trades| trades.correct(symbol, id, new)) {
                    Some(Retraded::Bar(bar)) => events.push(Event::Corrected(bar)),
                    Some(Retraded::NoBar(start_ms)) => events.push(Event::Cancelled { symbol, start_ms }),
                    Some(Retraded::Nothing) | None => {}
                }
            }
            Heard::Noted(text) => events.push(Event::Said(text)),
            Heard::Nothing => {}
            Heard::Leaving => open.leaving = true,
            Heard::Again(text) => {
                let pause_ns = self.pauses.next_ns();
                events.push(Event::Said(format!("{text}: asking again in {:.1} s", pause_ns as f64 / 1e9)));
                open.ask_again_ns = Some(now.ns + pause_ns);
            }
            Heard::Over(text) => return Err(text),
            Heard::Odd => {
                self.odd += 1;
                if self.odd <= ODD_TOLD {
                    let what = "a message that is not understood, or is of a time to come, was left out";
                    events.push(Event::Warned(what.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Symbols are subscribed on a connection.
    fn joined(&mut self, symbols: &[usize], open: &mut Open, now: Now, events: &mut Vec<Event>) {
        // One bar more than seems needed: the clocks differ.
        let begun_ms = now.wall_ms() - self.rules().delay_ms + self.grace_ms;
        let from_ms = begun_ms.div_euclid(self.interval_ms) * self.interval_ms + self.interval_ms;
        for &symbol in symbols {
            if open.subscribed.get_mut(symbol).is_none_or(|known| std::mem::replace(known, true)) {
                continue;
            }
            open.again = 0;
            if self.voices.join(symbol, now.ns) {
                if let Some(trades) = &mut self.trades {
                    trades.whole_from(symbol, from_ms);
                }
                events.push(Event::Joined { symbol, from_ms });
            }
        }
    }

    /// The current connection is gone: the next one takes its place, in whatever stage it is.
    fn part(&mut self, events: &mut Vec<Event>) {
        self.past.clear();
        self.wanted.clear();
        self.voices.part();
        events.push(Event::Parted);
        if let Some(next) = self.next.take() {
            self.current = next;
            if let FeedLine::Up(open) = &mut self.current {
                // What it has subscribed already is asked for once more, so that it is known from when on it comes.
                open.subscribed.iter_mut().for_each(|subscribed| *subscribed = false);
            }
        }
    }

    /// Replaces a connection that is about to end by another, without a gap.
    fn replace(&mut self, now: Now, events: &mut Vec<Event>) {
        let FeedLine::Up(open) = &self.current else { return };
        let age_ms = now.ns.saturating_sub(open.session.opened_ns()) / 1_000_000;
        let old = self.rules().age_max_ms > 0 && age_ms >= self.rules().age_max_ms;
        if self.next.is_none() && (open.leaving || old) && self.rules().overlap {
            events.push(Event::Said("making another connection before this one ends".to_owned()));
            self.next = Some(FeedLine::Down(now.ns));
        }
        let whole = match &self.next {
            Some(FeedLine::Up(next)) => next.subscribed.iter().zip(&open.subscribed).all(|(next, now)| *next || !*now),
            _ => false,
        };
        if whole && let Some(next) = self.next.take() {
            if let FeedLine::Up(old) = std::mem::replace(&mut self.current, next) {
                old.session.close();
            }
            events.push(Event::Said("the other connection has taken over".to_owned()));
        }
    }

    /// Subscribes symbols again that are silent while others speak, and tells of those that stay so.
    fn nudge(&mut self, now: Now, events: &mut Vec<Event>) {
        let FeedLine::Up(open) = &mut self.current else { return };
        if !open.asked.is_empty() {
            return;
        }
        let Silence { again, still } = self.voices.silence(now.ns);
        let names = &self.names;
        events.extend(still.iter().map(|k| Event::Warned(format!("{}: silent while others speak", names[*k]))));
        if !again.is_empty() {
            events.push(Event::Said(format!("{} silent symbols are subscribed again", again.len())));
            self.number += 1;
            open.asked_ns = now.ns;
            open.session.say(self.dialect.subscribe(self.number, &again));
            open.asked.insert(self.number, again);
        }
    }
}

impl Provider for ExchangeFeed {
    fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), AgentError> {
        self.now_ns = now.ns;
        let was_up = matches!(self.current, FeedLine::Up(_));
        let line = std::mem::replace(&mut self.current, FeedLine::Down(0));
        self.current = self.step(line, false, now, events)?;
        if was_up && !matches!(self.current, FeedLine::Up(_)) {
            self.part(events);
        }
        if let Some(next) = self.next.take() {
            self.next = Some(self.step(next, true, now, events)?);
        }
        self.replace(now, events);
        self.nudge(now, events);
        for wanted in std::mem::take(&mut self.wanted) {
            self.past.want(wanted, self.dialect.rules().past_symbols, now);
        }
        self.past.poll(self.dialect.as_ref(), now, events);
        if matches!(self.current, FeedLine::Up(_)) && self.heard_ms > i64::MIN {
            let end_ms = self.heard_ms - self.grace_ms - self.rules().delay_ms;
            if let Some(trades) = &mut self.trades {
                trades.close_up_to(end_ms, &mut self.made);
                events.extend(self.made.drain(..).map(Event::Bar));
                events.push(Event::Trades { late: trades.late(), unknown: trades.unknown() });
            }
            events.push(Event::Complete(end_ms));
        }
        Ok(())
    }

    fn want(&mut self, wanted: PastWanted) {
        self.wanted.push(wanted);
    }

    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        for line in [Some(&self.current), self.next.as_ref()].into_iter().flatten() {
            if let FeedLine::Up(open) = line {
                open.session.interests(set);
            }
        }
    }

    fn is_dense(&self) -> bool {
        self.rules().dense
    }

    fn state(&self) -> String {
        let of = |breaker: &Breaker| match breaker.trips() {
            0 => String::new(),
            trips => format!(", breaker opened {trips} times"),
        };
        let line = match &self.current {
            FeedLine::Up(_) => "connected".to_owned(),
            FeedLine::Dialing(_) => "connecting".to_owned(),
            // A backfill.
            FeedLine::Down(u64::MAX) => "the past alone".to_owned(),
            FeedLine::Down(until_ns) => {
                let next_ns = (*until_ns).max(self.breaker.next_ns());
                format!("disconnected, next try in {:.1} s", next_ns.saturating_sub(self.now_ns) as f64 / 1e9)
            }
        };
        let odd = if self.odd > 0 { format!("; {} messages left out", self.odd) } else { String::new() };
        format!("{line}{}; history{}{}{odd}", of(&self.breaker), of(self.past.breaker()), self.past.waiting())
    }

    fn deadline_ns(&self) -> Option<u64> {
        let of = |line: &FeedLine| match line {
            FeedLine::Down(until_ns) => (*until_ns).max(self.breaker.next_ns()),
            FeedLine::Dialing(_) => self.now_ns + LOOK_NS,
            FeedLine::Up(open) => open.session.deadline_ns().min(open.ask_again_ns.unwrap_or(u64::MAX)),
        };
        let next_ns = self.next.as_ref().map_or(u64::MAX, of);
        let past_ns = if self.wanted.is_empty() { self.past.deadline_ns(self.now_ns) } else { 0 };
        Some(of(&self.current).min(next_ns).min(past_ns))
    }
}
