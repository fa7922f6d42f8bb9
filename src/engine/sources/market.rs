//! The mock market: first its history at full speed, then bars in real time.

use super::Polled;
use crate::{
    engine::{Intake, Origin},
    feed::MockMarket,
    model::SourceId,
    runtime::Now,
};

/// The source of the mock market.
#[derive(Debug)]
pub struct MarketSource {
    market: MockMarket,
    /// Whether the history is not over yet.
    warming: bool,
    /// Records given.
    given: u64,
    /// When the next bar is due, monotonic ns; known after a poll that found none due.
    next_ns: Option<u64>,
}

impl MarketSource {
    /// A source on this market, with or without its history.
    #[must_use]
    pub fn new(market: MockMarket, history: bool) -> Self {
        Self { market, warming: history, given: 0, next_ns: None }
    }

    /// Hands the next bar to the intake, if it is due. History only warms the cells; nothing of it is published.
    #[inline]
    pub fn poll(&mut self, now: Now, intake: &mut Intake) -> Polled {
        self.next_ns = None;
        if self.warming {
            if let Some(record) = self.market.next_history() {
                self.given += 1;
                let source = SourceId::line(0, self.given);
                let origin = Origin {
                    source,
                    number: 0,
                    journaled: false,
                    wall_ms: None,
                    offset: (0, false),
                    arrival_ns: 0,
                    replayed: true,
                };
                intake.record(Ok(record), &origin, Vec::new);
                intake.entry_done(&origin);
                return Polled::Entry;
            }
            self.warming = false;
        }
        let wall_ms = now.wall_ms();
        let Some(record) = self.market.due(wall_ms) else {
            let wait_ms = (self.market.next_due_ms() - wall_ms).max(0).unsigned_abs();
            self.next_ns = Some(now.ns + wait_ms.max(1) * 1_000_000);
            return Polled::Nothing;
        };
        self.given += 1;
        let source = SourceId::line(0, self.given);
        let origin = Origin {
            source,
            number: 0,
            journaled: false,
            wall_ms: None,
            offset: (0, false),
            arrival_ns: now.ns,
            replayed: false,
        };
        intake.record(Ok(record), &origin, Vec::new);
        intake.entry_done(&origin);
        Polled::Entry
    }

    /// When the next bar is due, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        Some(self.next_ns.unwrap_or(0))
    }
}
