//! wagehood-engine: market bars in, trading signals out, over several timeframes at once, with a known latency.
//!
//! # The pipeline
//!
//! ```text
//!  Redis streams ┐                64-byte bars            64-byte bars            signals, rows
//!  CSV files     ├─▶ reader ═════════════════▶ aggregator ═══════════▶ worker 0 ══════════════▶ publisher ─▶ Redis
//!  mock market   ┘     ║                           ╠═════════════════▶ worker 1 ══════════════▶    ▲      └▶ files
//!                      ║                           ╚═════════════════▶ worker 2 ══════════════▶    ║
//!                      ╚═══════════ marks: how far the input has been read; refused records ═══════╝
//!
//!  ══▶ a lock-free ring with one sender and one receiver      beside them: counters and histograms ─▶ the main thread
//! ```
//!
//! | stage | pure logic | agent | owns |
//! |---|---|---|---|
//! | reader | [`feed`] | [`engine::ReaderAgent`] | the symbol table, order and time of the records, their numbers |
//! | aggregator | [`aggregate`] | [`engine::AggregatorAgent`] | the open bars of all symbols and timeframes |
//! | strategy workers | [`indicators`], [`strategies`] | [`engine::WorkerAgent`] | the cells (symbol × timeframe) of their trading styles |
//! | publisher | [`correlate`], [`publish`] | [`engine::PublisherAgent`] | the order of publication, active signals, the batch |
//!
//! The stages are state machines that know nothing of threads, rings or clocks; [`engine`] puts them on threads, with
//! what [`runtime`] gives: agents, runners, idle strategies, rings, wake-ups. [`model`] is the plain data that they
//! exchange, [`config`] what the user said, [`telemetry`] what the reports are made of, [`redis_io`] the protocol of
//! the server, [`state`] what survives a restart, [`cli`] the commands, [`lab`] what looks at the host and measures all
//! this from outside. Stages see `model`, `config` and the encoding of `state` only.
//!
//! # Decisions, and what each costs
//!
//! **The output is a function of the input.** The reader numbers every accepted record; the workers' messages are
//! merged back into the order of these numbers and, within one, of the symbols. The same input so gives the same bytes
//! with one worker or eight, on one thread or ten, with rings of two slots or a million. *Cost:* the publisher waits
//! until every worker has said that it is past a sequence; the aggregator tells them once per duty cycle.
//!
//! **Time is in the input.** Bars close by event time, never by the wall clock alone: what the wall clock has to say
//! (a symbol that went quiet) becomes a numbered clock event. *Cost:* a quiet symbol's bar closes `allowed_lateness_ms`
//! after its end.
//!
//! **Full is a value.** A message that finds a ring full waits in a spill that holds one work item's messages, and the
//! agent takes no further item until it is empty. A slow publisher so stops the workers, these the aggregator, that the
//! reader, and the records wait in Redis. Nothing is dropped, and no agent ever waits in the middle of an item, so that
//! all of them can share one thread. *Cost:* a spill per ring.
//!
//! **One writer for everything.** A ring has one sender and one receiver, a counter one writer, a cell one worker.
//! There is no lock and no read-modify-write on the hot path. *Cost:* symbols are dealt to workers once, not balanced.
//!
//! **Nothing is allocated while it runs**, but for a symbol that is seen for the first time in a replay, a refused
//! record, a batch larger than any before, and the buffers of the first snapshots. Indicators are updated in place, and
//! computed once per bar however many strategies read them. NaN stands for "not ready": a condition that reads it is
//! false, without a branch of its own.
//!
//! **Cells are computed side by side.** What waits in a worker's ring is taken together, and the bars of different cells
//! of one timeframe are computed eight at a time ([`lanes`]), with the widest vectors the processor has; the messages
//! leave in the order of the bars. A cell's state lies together, so that a lone bar costs few cache lines, and is
//! transposed when eight are loaded. That of eight neighbours who come together again and again is moved into rows, word
//! by word, where nothing need be transposed, until one or two of them come without the others again and again; not so
//! where published indicators are computed as well, which are not among the packed ones. Nothing is fused or
//! reassociated: every number of lanes, either layout and every set of instructions give the same bits. *Cost:* the
//! formulas are written in operations of a trait, `add(a, b)` instead of `a + b`.
//!
//! **Threads wait for what they need.** An idle thread spins, yields, then parks in one `poll(2)` over its rings' wake-up
//! and its agents' sockets. On few cores, where all agents share a thread, it parks at once, and the reader asks for more
//! only when the server has taken the signals: whatever runs meanwhile may hold up those who wait for them. What reports
//! and what saves is a nice thread. *Cost:* one wake-up, some 5–20 µs, after a pause; `busy-spin` pays a core instead.
//!
//! **Output and position are one transaction.** A batch's entries, the latest values and the position of the input
//! they were made from go into one `MULTI`/`EXEC`. A lease, checked in the same transaction, keeps a second engine out;
//! what the clock said and entries that came out of order are journalled there, so that a second reading takes the same
//! order. *Cost:* one `HSET` per batch.
//!
//! **State is saved while it changes.** A snapshot is a barrier that the reader puts between two entries: it follows
//! the messages down the rings, and each agent saves its state as of the barrier, cell by cell, each before the next
//! message that changes it or when there is nothing else to do. A thread of its own writes the file, which gets its name
//! once the output before the barrier is acknowledged. A start goes on from the newest [`state::Snapshot`] and reads the
//! input behind it, silently up to the committed position. *Cost:* a test per bar, and a cell's bytes per snapshot.
//!
//! # Add a strategy
//!
//! One file and its name in the list: see [Add a strategy](strategies#add-a-strategy).
//!
//! # Failure
//!
//! A lost server is dialled again by a thread of its own, and everything waits meanwhile. An agent that fails or panics
//! raises a token that stops all threads; the process ends with its reason and a non-zero exit code. What had been
//! committed is committed, what had not is read again at the next start. Bad records change nothing: they are counted by
//! reason, sampled into the log, and written to the dead-letter stream.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod aggregate;
#[allow(clippy::disallowed_methods, reason = "commands wait for people and servers, in real time")]
pub mod cli;
pub mod config;
pub mod correlate;
pub mod engine;
pub mod feed;
pub mod indicators;
#[allow(clippy::disallowed_methods, reason = "it measures from outside, in real time")]
pub mod lab;
pub mod lanes;
pub mod model;
pub mod publish;
#[allow(clippy::disallowed_methods, reason = "requests that are waited for have a deadline; the hot ones never wait")]
pub mod redis_io;
pub mod runtime;
pub mod state;
pub mod strategies;
pub mod telemetry;
pub mod text;
