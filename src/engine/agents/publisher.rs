//! The publisher's agent: the workers' signals in, merged, correlated, filtered; batches out.

mod batch;
mod crossing;
mod judging;
mod limit;
mod parts;
mod place;
mod saving;
mod wiring;

pub use batch::BatchRules;
pub use wiring::PublisherWiring;

use crate::{
    config::Plan,
    correlate::{Correlator, Verdict},
    cross::CrossAssets,
    engine::{
        Blocked, Memory, Restored, Saver,
        notes::{Committing, LetterBytes, Mark, Note},
        output::{Group, Output, RedisOutput, Written},
    },
    model::{Composite, Composites, Judged, SymbolId, WorkerMessage},
    publish::Merge,
    runtime::{Agent, AgentError, Clock, Halt, Inlet, Interests, Now, Work},
    state::StateError,
    telemetry::{FlushCause, Latency, PublisherCounters, Recorder, Stage},
};
use batch::{Asked, Batch};
use crossbeam_utils::CachePadded;
use crossing::CrossWork;
use judging::Judging;
use parts::Parts;
use place::Place;
use saving::Saving;
use std::sync::Arc;

/// Drives [`Merge`], [`Correlator`] and [`Output`]. Allocates when a symbol appears for the first time.
#[derive(Debug)]
pub struct PublisherAgent {
    plan: Arc<Plan>,
    merge: Merge,
    correlator: Correlator,
    output: Output,
    inlets: Vec<Inlet<WorkerMessage>>,
    notes: Option<Inlet<Note>>,
    letters: LetterBytes,
    counters: Arc<CachePadded<PublisherCounters>>,
    recorder: Recorder,
    clock: Clock,
    /// Messages taken from each worker in a duty cycle.
    messages: usize,
    batch: Batch,
    /// Since when a full batch waits for the one on its way.
    blocked: Blocked,
    /// The group in hand.
    parts: Parts,
    /// What the signals are worth, where that is followed.
    judging: Option<Judging>,
    /// What symbols have in common, where that is asked.
    crossed: Option<CrossWork>,
    composites: Composites,
    /// What waits to be decided on together, where styles may publish only so many signals.
    place: Option<Place>,
    /// Symbols that the correlator and the output know.
    symbols: usize,
    memory: Arc<Memory>,
    committing: Committing,
    done: Halt,
    saving: Option<Saving>,
}

impl PublisherAgent {
    /// A publisher behind these workers.
    #[must_use]
    pub fn new(wiring: PublisherWiring) -> Self {
        let PublisherWiring { plan, output, rules, ledger, .. } = wiring;
        let cells = plan.assets.len().max(16) * plan.timeframes.len();
        let crossings = plan.cross_asset.map_or(0, |_| 2 * plan.assets.len().max(16));
        let group = plan.timeframes.len() * plan.roster.count() * 2;
        let mut agent = Self {
            merge: Merge::new(wiring.inlets.len(), 4 * rules.messages + 2 * cells + crossings),
            correlator: Correlator::new(&plan),
            inlets: wiring.inlets,
            notes: wiring.notes,
            letters: wiring.letters,
            counters: wiring.counters,
            recorder: wiring.recorder,
            clock: wiring.clock,
            messages: rules.messages,
            batch: Batch::new(rules, group),
            blocked: Blocked::default(),
            parts: Parts::new(&plan),
            crossed: CrossAssets::new(&plan).map(CrossWork::new),
            judging: plan.performance.enabled.then(|| Judging::new(&plan, ledger)),
            composites: Composites::with_capacity(group.max(64)),
            place: plan.has_signal_limits().then(Place::new),
            symbols: 0,
            memory: wiring.memory,
            committing: wiring.committing,
            done: wiring.done,
            saving: None,
            output,
            plan,
        };
        if let Some(redis) = &mut agent.output.redis {
            agent.plan.assets.iter().for_each(|_| redis.latest.add_symbol());
        }
        agent.symbols = agent.plan.assets.len();
        agent.tell_memory();
        agent
    }

    /// Saves its state where a snapshot's barrier comes by.
    pub fn snapshots(&mut self, saver: Saver) {
        self.saving = Some(Saving::new(saver));
    }

    /// Takes its part of the state that the engine goes on from.
    pub fn restore(&mut self, restored: &mut Restored) {
        self.merge.resume(restored.publisher.seq);
        if let Some(rate) = restored.rate {
            self.correlator.restore_rate(rate);
        }
        if let Some(judging) = &mut self.judging {
            judging.restore(restored);
        }
        for (index, (signals, latest)) in restored.symbols.iter().enumerate() {
            let symbol = SymbolId(index as u16);
            self.correlator.restore(symbol, signals);
            if let Some(redis) = &mut self.output.redis {
                redis.latest.restore(symbol, latest, |signal| self.correlator.expires(signal));
            }
        }
        self.restore_cross(restored);
        if let Some(redis) = &mut self.output.redis {
            redis.order = restored.publisher.order;
            redis.latest.restored(&restored.readiness, restored.is_history);
        }
    }

    fn tell_memory(&self) {
        self.memory.merge.set(self.merge.bytes() as u64);
        self.memory.correlator.set(self.correlator.bytes() as u64);
        let latest = self.output.redis.as_ref().map_or(0, |redis| redis.latest.bytes());
        self.memory.output.set(latest as u64);
        self.memory.cross.set(self.crossed.as_ref().map_or(0, CrossWork::bytes) as u64);
        self.memory.judge.set(self.judging.as_ref().map_or(0, Judging::bytes) as u64);
    }

    /// Makes room for the symbols that the reader has let in since the last.
    #[cold]
    fn add_symbols(&mut self, symbol: SymbolId) {
        while self.symbols <= symbol.index() {
            let asset = self.plan.asset(SymbolId(self.symbols as u16));
            self.correlator.add_symbol(asset);
            self.judging.iter_mut().for_each(Judging::add_symbol);
            self.crossed.iter_mut().for_each(|crossed| crossed.assets.add_symbol());
            if let Some(redis) = &mut self.output.redis {
                redis.latest.add_symbol();
            }
            self.symbols += 1;
        }
        self.tell_memory();
    }

    fn receive(&mut self) -> usize {
        let mut count = 0;
        for (worker, inlet) in self.inlets.iter_mut().enumerate() {
            count += inlet.drain(self.messages, |message| self.merge.push(worker, message));
        }
        count
    }

    /// Whether the batch takes more.
    #[inline]
    fn has_room(&self) -> bool {
        self.batch.has_room(&self.output.standing())
    }

    /// Publishes what is complete, up to a full batch.
    fn process(&mut self, now: Now) -> Result<usize, StateError> {
        let mut count = 0;
        while self.has_room() {
            let complete = self.merge.complete();
            let Some(notes) = &mut self.notes else {
                // No position to keep: a batch may end after any group.
                while self.has_room() && self.next_group(complete, false, now)? {
                    count += 1;
                }
                break;
            };
            match notes.peek() {
                Some(Note::Mark(mark)) if mark.seq <= complete => {
                    let mark = *mark;
                    self.correlator.set_as_of(mark.as_of);
                    while self.next_group(mark.seq, mark.replayed, now)? {
                        count += 1;
                    }
                    if self.place.is_some() {
                        self.decide(mark.moment, mark.replayed, now);
                    }
                    self.mark(&mark, now);
                }
                Some(Note::DeadLetter(letter)) if letter.seq <= complete => self.dead_letter(now),
                Some(Note::Gap { seq, .. }) if *seq <= complete => self.gap(now),
                Some(Note::Snapshot { seq, number }) if *seq <= complete => {
                    let (seq, number) = (*seq, *number);
                    notes.pop();
                    self.snapshot(seq, number)?;
                }
                _ => break,
            }
            count += 1;
        }
        Ok(count)
    }

    fn mark(&mut self, mark: &Mark, now: Now) {
        if let Some(redis) = &mut self.output.redis {
            redis.mark(mark);
        }
        self.batch.set_in_entry(false);
        self.note_time(now);
        if let Some(notes) = &mut self.notes {
            notes.pop();
        }
    }

    #[cold]
    fn dead_letter(&mut self, now: Now) {
        if let Some(Note::DeadLetter(letter)) = self.notes.as_mut().and_then(Inlet::pop) {
            self.letters.written(letter.bytes());
            if let Some(redis) = &mut self.output.redis {
                redis.dead_letter(&letter);
            }
            self.batch.set_in_entry(true);
            self.counters.dead_letters.bump();
            self.note_time(now);
        }
    }

    #[cold]
    fn gap(&mut self, now: Now) {
        if let Some(Note::Gap { gap, .. }) = self.notes.as_mut().and_then(Inlet::pop) {
            if let Some(redis) = &mut self.output.redis {
                redis.gap(&gap);
            }
            self.note_time(now);
        }
    }

    /// Publishes the next group up to a sequence; false where there is none.
    #[inline]
    fn next_group(&mut self, limit: u64, replayed: bool, now: Now) -> Result<bool, StateError> {
        self.parts.clear();
        let parts = &mut self.parts;
        let Some(seq) = self.merge.next_group(limit, |item| parts.take(item)) else { return Ok(false) };
        let Some((symbol, event_ts)) = self.parts.head() else {
            self.cross(replayed)?;
            self.settle()?;
            return Ok(true);
        };
        if symbol.index() >= self.symbols {
            self.add_symbols(symbol);
        }
        self.save_before_change(symbol)?;
        // The queues were emptied one after the other: which worker has which timeframe must not show.
        self.parts.sort();
        if let Some(judging) = &mut self.judging {
            let saving = self.saving.as_mut();
            judging.settle(&self.parts, saving, (!replayed).then_some((&mut self.output, &self.counters)))?;
        }
        self.weigh(replayed, now);
        self.settle()?;
        if let Some(place) = self.place.as_mut().filter(|_| self.parts.is_published()) {
            place.push((symbol, seq, event_ts), &self.parts);
        } else if self.parts.is_published() {
            let Parts { rows, statistics, .. } = &self.parts;
            let (signals, published_ms) = (&self.composites, now.wall_ms());
            self.output.group(&Group { symbol, seq, event_ts, rows, statistics, signals, replayed, published_ms });
            self.batch.group_done(now);
        }
        self.output.forming(&self.parts.forming);
        if let Some(judging) = self.judging.as_mut().filter(|_| !replayed) {
            judging.publish(event_ts, &mut self.output);
        }
        if self.crossed.is_some() && !replayed {
            self.write_rows(false);
        }
        self.note_time(now);
        Ok(true)
    }

    /// Tells the correlator which cells can be relied on from this group on, and which cannot.
    #[inline]
    fn settle(&mut self) -> Result<(), StateError> {
        for place in 0..self.parts.settling.len() {
            let cell = self.parts.settling[place];
            if cell.symbol.index() >= self.symbols {
                self.add_symbols(cell.symbol);
            }
            self.save_before_change(cell.symbol)?;
            self.correlator.settle(&cell);
        }
        Ok(())
    }

    /// Weighs the group's signals: those that are published become its composites.
    #[inline]
    fn weigh(&mut self, replayed: bool, now: Now) {
        self.composites.clear();
        let (output, batch) = (&self.output, &mut self.batch);
        // Signals that are decided on together wait, with those of the groups before.
        let waits = self.place.is_some();
        let composites = self.place.as_mut().map_or(&mut self.composites, |place| &mut place.signals);
        let (counters, recorder, judging) = (&self.counters, &mut self.recorder, &mut self.judging);
        if let Some(crossed) = &mut self.crossed {
            for signal in &self.parts.signals {
                crossed.assets.enter(signal, self.correlator.expires(signal));
            }
        }
        let crossed = self.crossed.as_ref();
        let judge = |composite: &Composite, weights| {
            let judged = judging.as_mut().map_or(Judged::NOTHING, |judging| judging.judge(composite, weights));
            Judged { crossed: crossed.and_then(|crossed| crossed.assets.judge(&composite.signal)), ..judged }
        };
        self.correlator.on_group_judged(&mut self.parts.signals, judge, |verdict| match verdict {
            Verdict::Publish(weighed) => {
                composites.push(&weighed);
                if !replayed && !waits {
                    batch.published(&weighed, output.is_alert(&weighed), counters, recorder, now);
                }
            }
            Verdict::Hold(_, reason) => {
                if !replayed {
                    counters.held_back[reason.index()].bump();
                }
            }
        });
    }

    /// Remembers since when there is something to write.
    #[inline]
    fn note_time(&mut self, now: Now) {
        self.batch.note_time(&self.output.standing(), now);
    }

    /// What is asked of the batch.
    #[inline]
    fn asked(&self, ended: bool) -> Asked {
        let mut at = self.output.standing();
        at.dirty |= ended && self.output.redis.is_some() && self.judging.as_ref().is_some_and(Judging::has_news);
        Asked { at, quiet: self.merge.is_empty(), ended }
    }

    fn flush(&mut self, cause: FlushCause, now: Now) -> Result<(), AgentError> {
        self.counters.batches.bump();
        self.counters.flushes[cause as usize].bump();
        let (urgent, last) = (self.batch.send(cause == FlushCause::Full, now), cause == FlushCause::Halt);
        if let Some(judging) = &mut self.judging {
            judging.flush(now.ns, last, &mut self.output);
        }
        if last {
            self.write_rows(true);
        }
        if let Some(saving) = &mut self.saving {
            saving.flushed += 1;
        }
        if self.output.flush(now.ns, urgent, last)? == Written::All {
            self.acknowledged();
        }
        // What may wait for the next batch must not wait for ever.
        self.note_time(now);
        Ok(())
    }

    fn acknowledged(&mut self) {
        let ns = self.clock.ns();
        self.batch.adapt(ns, &self.counters);
        let (sent_ns, signals) = self.batch.acknowledged();
        self.recorder.since(Latency::Stage(Stage::Publish), ns, sent_ns);
        for signal in signals {
            self.recorder.since(Latency::Style(signal.style), ns, signal.arrival_ns);
        }
        self.counters.bytes.set(self.output.written_bytes());
        if let Some(saving) = &mut self.saving {
            saving.acknowledged = saving.flushed;
            saving.end_if_done();
        }
    }
}

impl Agent for PublisherAgent {
    fn name(&self) -> &str {
        "publisher"
    }

    #[inline]
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        self.recorder.hand_over();
        let mut count = 0;
        if self.output.standing().in_flight && self.output.poll()? == Written::All {
            self.acknowledged();
            count += 1;
        }
        // A full batch behind one in flight stops the reading of the rings, and so everything before.
        let room = self.has_room();
        self.blocked.is(!room && self.output.standing().in_flight, now, &self.counters.blocked_ns);
        if room {
            count += self.receive();
            count += self.process(now)?;
        }
        let ended = self.merge.is_finished() && self.notes.as_mut().is_none_or(Inlet::is_finished);
        if let Some(cause) = self.batch.flush_cause(&self.asked(ended), now) {
            self.flush(cause, now)?;
            count += 1;
        }
        let at = self.output.standing();
        self.committing.set(at.in_flight);
        count += self.go_on_saving(ended)?;
        let saved = self.saving.as_mut().is_none_or(|saving| saving.saver.flush() && !saving.is_on());
        if ended && saved && !at.in_flight && !self.batch.has_something(&at) {
            return Ok(Work::Done);
        }
        Ok(Work::of(count))
    }

    fn deadline_ns(&self) -> Option<u64> {
        let output_ns = self.output.redis.as_ref().and_then(RedisOutput::deadline_ns);
        let asked = self.asked(false);
        let batch_ns = self.batch.deadline_ns(&asked).filter(|_| !asked.at.in_flight);
        batch_ns.into_iter().chain(output_ns).min()
    }

    fn is_blocked(&self) -> bool {
        self.blocked.is_on()
    }

    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if let Some(redis) = &self.output.redis {
            redis.interests(set);
        }
    }

    fn on_close(&mut self) -> Result<(), AgentError> {
        self.counters.bytes.set(self.output.written_bytes());
        if let Some(judging) = self.judging.take() {
            judging.close();
        }
        let finished = self.output.finish();
        self.done.raise();
        finished
    }
}
