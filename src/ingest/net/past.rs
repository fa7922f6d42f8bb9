//! Fetches the past: page by page, at the pace that the exchange allows, until it is there or given up.

use super::{
    breaker::Breaker,
    dial::pause_s,
    rest::{Answer, AskOutcome, Rest},
    words::{ExchangeWords, PastSpan},
};
use crate::{
    ingest::{
        market::{Event, PastWanted},
        trades::TradeBars,
    },
    runtime::Now,
};
use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, TryRecvError},
};

/// Time between two looks at a request that is under way, ns.
const LOOK_NS: u64 = 5_000_000;
/// Pause before a page is asked for again, ns.
const AGAIN_NS: u64 = 1_000_000_000;

/// Times of the fetching.
#[derive(Debug, Clone, Copy)]
pub struct FetchTimes {
    /// How long after the end of a span it is asked for, ms: by then the exchange has its last bars.
    pub settle_ms: i64,
    /// After which a span is given up, ns.
    pub give_up_ns: u64,
    /// Shortest time between two requests, ns.
    pub gap_ns: u64,
}

#[derive(Debug)]
struct Span {
    span: PastSpan,
    page: Option<String>,
    /// Makes bars of its trades.
    trades: Option<TradeBars>,
    /// When it was wanted, and since when it is asked for in vain, ns; `None` while it waits for its turn.
    wanted_ns: u64,
    since_ns: Option<u64>,
    not_before_ns: u64,
}

/// What is to be fetched, and the request under way.
#[derive(Debug)]
pub struct PastFetcher {
    rest: Rest,
    patience: FetchTimes,
    breaker: Breaker,
    queue: VecDeque<Span>,
    under_way: Option<(Span, Receiver<AskOutcome>)>,
    /// Interval of the bars that are made of trades, ms.
    of_trades_ms: Option<i64>,
    next_ns: u64,
    /// Until when the exchange has answered, or wants to be left alone, ns.
    well_ns: u64,
}

impl PastFetcher {
    /// Nothing yet.
    pub fn new(rest: Rest, patience: FetchTimes, breaker: Breaker, of_trades_ms: Option<i64>) -> Self {
        Self { rest, patience, breaker, queue: VecDeque::new(), under_way: None, of_trades_ms, next_ns: 0, well_ns: 0 }
    }

    /// Forgets everything that was asked for.
    pub fn clear(&mut self) {
        self.queue.clear();
        // Its answer finds nobody.
        self.under_way = None;
    }

    /// Asks for a span of one symbol; those with the same end go together, as many as the exchange takes.
    pub fn want(&mut self, wanted: PastWanted, at_once: usize, now: Now) {
        let fits = |span: &&mut Span| {
            span.page.is_none() && span.span.to_ms == wanted.to_ms && span.span.symbols.len() < at_once
        };
        if let Some(Span { span, .. }) = self.queue.iter_mut().find(fits) {
            span.symbols.push(wanted.symbol);
            span.from_ms = span.from_ms.min(wanted.from_ms);
            return;
        }
        let span = PastSpan { symbols: vec![wanted.symbol], from_ms: wanted.from_ms, to_ms: wanted.to_ms };
        let wait_ms = (wanted.to_ms + self.patience.settle_ms - now.wall_ms()).max(0).unsigned_abs();
        let trades = self.of_trades_ms.map(TradeBars::new);
        let not_before_ns = now.ns + wait_ms * 1_000_000;
        self.queue.push_back(Span { span, page: None, trades, wanted_ns: now.ns, since_ns: None, not_before_ns });
    }

    /// Moves it on.
    pub fn poll(&mut self, dialect: &dyn ExchangeWords, now: Now, events: &mut Vec<Event>) {
        if let Some((span, outcome)) = self.under_way.take() {
            match outcome.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.under_way = Some((span, outcome));
                    return;
                }
                Ok(outcome) => self.done(span, outcome, dialect, now, events),
                Err(TryRecvError::Disconnected) => {
                    self.done(span, Err("the request was lost".to_owned()), dialect, now, events);
                }
            }
        }
        self.give_up(now, events);
        if let Some(span) = self.take_due(now) {
            let request = dialect.past(&span.span, span.page.as_deref());
            self.next_ns = now.ns + self.patience.gap_ns;
            self.under_way = Some((span, self.rest.ask(request)));
        }
    }

    /// The span that is to be asked for now.
    fn take_due(&mut self, now: Now) -> Option<Span> {
        if now.ns < self.next_ns {
            return None;
        }
        let due = self.queue.iter().position(|span| span.not_before_ns <= now.ns);
        let index = due.filter(|_| self.breaker.allows(now.ns))?;
        let mut span = self.queue.remove(index)?;
        span.since_ns.get_or_insert(now.ns);
        Some(span)
    }

    /// Gives up what has been asked for in vain for too long. What waits for its turn is not over while others have theirs.
    fn give_up(&mut self, now: Now, events: &mut Vec<Event>) {
        let since_ns = |span: &Span| span.since_ns.unwrap_or(span.wanted_ns.max(self.well_ns));
        let over = |span: &Span| now.ns.saturating_sub(since_ns(span)) > self.patience.give_up_ns;
        while let Some(index) = self.queue.iter().position(over) {
            if let Some(Span { span, .. }) = self.queue.remove(index) {
                unfilled(&span, &format!("given up after {} s", self.patience.give_up_ns / 1_000_000_000), events);
            }
        }
    }

    fn done(
        &mut self,
        mut span: Span,
        outcome: AskOutcome,
        dialect: &dyn ExchangeWords,
        now: Now,
        events: &mut Vec<Event>,
    ) {
        let failed = match outcome {
            Ok(answer) if answer.status == 429 || answer.status == 418 => {
                return self.held(span, &answer, now, events);
            }
            Ok(answer) if answer.status == 200 => match dialect.page(&span.span, &answer) {
                Ok(page) if page.next.is_some() && page.next == span.page => {
                    "the answer leads to itself as the next page".to_owned()
                }
                Ok(page) => {
                    if self.breaker.succeeded() {
                        events.push(Event::Said("the history answers again".to_owned()));
                    }
                    self.well_ns = self.well_ns.max(now.ns);
                    self.mind_limit(&answer, now);
                    let mut bars = page.bars;
                    if let Some(trades) = &mut span.trades {
                        page.trades.iter().for_each(|trade| trades.take(trade, &mut bars));
                        if page.next.is_none() {
                            trades.close_up_to(span.span.to_ms, &mut bars);
                        }
                    }
                    events.extend(bars.into_iter().map(Event::Past));
                    match page.next {
                        None => events.extend(span.span.symbols.iter().map(|symbol| Event::Filled(*symbol))),
                        Some(next) => {
                            // Each page is news: the time begins again.
                            (span.page, span.since_ns, span.not_before_ns) = (Some(next), None, now.ns);
                            self.queue.push_front(span);
                        }
                    }
                    return;
                }
                Err(why) => why,
            },
            Ok(answer) if (400..500).contains(&answer.status) && answer.status != 408 => {
                // The exchange is there and refuses: asking again changes nothing.
                self.breaker.succeeded();
                self.well_ns = self.well_ns.max(now.ns);
                return unfilled(&span.span, &answer.words(), events);
            }
            Ok(answer) => answer.words(),
            Err(why) => why,
        };
        if self.breaker.failed(now.ns) {
            let pause_s = self.breaker.next_ns().saturating_sub(now.ns) as f64 / 1e9;
            events
                .push(Event::Warned(format!("the history does not answer ({failed}): trying again in {pause_s:.1} s")));
        }
        span.not_before_ns = now.ns + AGAIN_NS;
        self.queue.push_front(span);
    }

    /// The exchange wants fewer requests.
    fn held(&mut self, span: Span, answer: &Answer, now: Now, events: &mut Vec<Event>) {
        let reset_s = answer.reset_s.map(|at| at as f64 - now.wall_ms() as f64 / 1e3);
        let wait_s = pause_s(answer.retry_after_s.or(reset_s));
        self.breaker.hold(now.ns + (wait_s * 1e9) as u64);
        let what = if answer.status == 418 { "has banned this address" } else { "wants fewer requests" };
        events.push(Event::Said(format!("the history {what}: going on in {wait_s:.1} s")));
        self.queue.push_front(span);
        // It is no span's fault.
        self.well_ns = self.well_ns.max(now.ns + (wait_s * 1e9) as u64);
        self.queue.iter_mut().for_each(|span| span.since_ns = None);
    }

    fn mind_limit(&mut self, answer: &Answer, now: Now) {
        if let (Some(0), Some(reset_s)) = (answer.remaining, answer.reset_s) {
            let reset_ms = reset_s.saturating_mul(1_000);
            let wait_ms = reset_ms.saturating_sub(now.wall_ms()).clamp(0, 600_000).unsigned_abs();
            self.breaker.hold(now.ns + wait_ms * 1_000_000);
            self.well_ns = self.well_ns.max(now.ns + wait_ms * 1_000_000);
        }
    }

    /// The breaker of its requests.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// What is left to fetch, for a line.
    pub fn waiting(&self) -> String {
        let spans = self.queue.len() + usize::from(self.under_way.is_some());
        if spans == 0 { " complete".to_owned() } else { format!(" of {spans} spans to fetch") }
    }

    /// When it wants to be polled, ns.
    pub fn deadline_ns(&self, now_ns: u64) -> u64 {
        if self.under_way.is_some() {
            return now_ns + LOOK_NS;
        }
        let due = self.queue.iter().map(|span| span.not_before_ns).min();
        due.map_or(u64::MAX, |due_ns| due_ns.max(self.next_ns).max(self.breaker.next_ns()))
    }
}

fn unfilled(span: &PastSpan, why: &str, events: &mut Vec<Event>) {
    events.extend(span.symbols.iter().map(|symbol| Event::Unfilled(*symbol, why.to_owned())));
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
