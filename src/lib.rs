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
//! The stages are pure state machines. They know no threads, rings or clocks; [`engine`] puts them on threads, with the
//! agents, runners, idle strategies, rings and wake-ups of [`runtime`]. [`engine::Topology`] is the table of who talks to
//! whom. [`model`] is the plain data that the stages exchange, [`config`] what the user asked for, [`telemetry`] the
//! counters, histograms and reports, [`redis_io`] the protocol of the server, [`state`] what survives a restart, [`cli`]
//! the commands, and [`lab`] what examines the host and measures the engine from outside.
//!
//! A stage may use `model`, `config`, the encoding of `state`, and no other stage; `publish` also uses the command encoder
//! of `redis_io`. `tests/tidy` holds this table, with its exceptions by name.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | record | one bar as an input gives it, before it is checked |
//! | entry | one item of a Redis stream; holds one record, or a frame of them |
//! | frame | the compact binary form of many records |
//! | bar | open, high, low, close, volume and vwap of one symbol over one span |
//! | base bar | a bar that came in as a record; bars of longer timeframes are made of base bars |
//! | timeframe | the interval of a bar, such as `5m` or `1M` |
//! | span | where one bar begins and ends; [`model::Timeframe::span`] alone knows |
//! | calendar | the rule by which moments belong to spans |
//! | asset | a symbol with its configuration; the assets are the watchlist |
//! | cell | one symbol on one timeframe: its indicators and strategies |
//! | reading | the indicator values that the strategies read at one bar |
//! | candidate | what a strategy found on a bar, with its confidence |
//! | signal | a candidate with symbol, timeframe and bar: what is published |
//! | kind | what happened, in the words of a strategy, such as `golden_cross` |
//! | factor | one named part of a confidence |
//! | group | the signals of one symbol whose bars have the same end |
//! | peer | an active signal of the same symbol on another timeframe; it supports or opposes |
//! | composite confidence | a signal's confidence, weighed with its peers |
//! | held back | not published, by a filter; it still counts as a peer |
//! | trading style | day, swing or position: which latency budget and which filters apply |
//! | sequence | the number of an accepted record or clock event; fixes the order of everything behind it |
//! | event time | the newest end of a bar that any record has shown |
//! | lateness | how long after its end a bar stays open for records that come late |
//! | clock event | an input that the engine makes itself: event time moves on without a record |
//! | refusal | a record that was not accepted, with its reason |
//! | dead letter | a refused record, kept in a stream of its own |
//! | position | how far the input has been read; committed with the output made from it |
//! | journal | what a second reading needs and the input does not hold |
//! | lease | the right to write; one process has it |
//! | snapshot | the state of everything at one place of the input |
//! | agent | one stage at work: takes messages, returns a count of work done |
//! | duty cycle | one turn of an agent |
//! | spill | holds the messages of one work item that found the ring full |
//! | park | to wait in the kernel until a ring, a socket or a deadline wakes the thread |
//! | lanes, rows | eight cells computed side by side; state of eight cells laid out value by value |
//!
//! # Decisions, and what each costs
//!
//! **The output is a function of the input.** The reader numbers every accepted record. The publisher merges the workers'
//! messages back into the order of these numbers and, within one, of the bars' ends, then of the symbols. The same input
//! gives the same bytes with one worker or eight, on one thread or ten, with rings of two slots or a million. *Cost:* the
//! publisher waits until every worker has reported that it is past a sequence; the aggregator tells them once per duty
//! cycle.
//!
//! **Time is in the input.** Bars close by event time. What the wall clock adds, that a symbol went quiet, becomes a
//! numbered clock event. *Cost:* a quiet symbol's bar closes `allowed_lateness_ms` after its end.
//!
//! **Signals are grouped by the end of their bars**, however the bars were closed. So a symbol's signals say the same
//! alone and in company. *Cost:* the aggregator sorts what closes by time.
//!
//! **Full is a value.** A message that finds a ring full waits in a spill, and the agent takes no further work until the
//! spill is empty. A slow publisher so stops the workers, the workers the aggregator, the aggregator the reader, and the
//! records wait in Redis. Nothing is dropped, and no agent waits in the middle of a work item, so that all of them can
//! share one thread. *Cost:* a spill per ring.
//!
//! **One writer for everything.** A ring has one sender and one receiver, a counter one writer, a cell one worker. The hot
//! path has no lock and no read-modify-write. *Cost:* symbols are dealt to workers once and not balanced.
//!
//! **Nothing is allocated while it runs.** Exceptions: a symbol that is first seen in a replay, a refused record, a batch
//! or reply larger than any before, and the buffers of the first snapshots. Indicators are updated in place, once per bar
//! however many strategies read them. NaN stands for "not ready": a condition that reads it is false without a branch.
//!
//! **Cells are computed side by side.** A worker takes what waits in its ring together and computes the bars of different
//! cells of one timeframe eight at a time ([`lanes`]), with the widest vectors of the processor. The messages leave in the
//! order of the bars. The state of one cell lies together, so that a lone bar touches few cache lines; it is transposed
//! when eight are loaded. Eight neighbours that keep coming together move into rows, where nothing is transposed, until
//! some of them keep coming alone. Cells with published indicators stay out of rows. Nothing is fused or reassociated:
//! every number of lanes, both layouts and every instruction set give the same bits. *Cost:* formulas are written with the
//! operations of a trait, `add(a, b)` instead of `a + b`.
//!
//! **Threads wait for what they need.** An idle thread spins, yields, then parks in one `poll(2)` over the wake-up of its
//! rings and the sockets of its agents. On few cores it parks at once. Where all agents share a thread, the reader asks
//! for more only when the server has taken the signals, because Redis and the reader of a signal may need this very core.
//! Reporting and saving run on nice threads. *Cost:* a wake-up of 5–20 µs after a pause; `busy-spin` pays a core instead.
//!
//! **Output and position are one transaction.** A batch's entries, the latest values and the position of the input they
//! were made from go into one `MULTI`/`EXEC`. A lease, checked in the same transaction, keeps a second engine out. Clock
//! events and entries that came out of order are journalled there, so that a second reading takes the same order. *Cost:*
//! one `HSET` per batch.
//!
//! **State is saved while it changes.** A snapshot is a barrier that the reader puts between two entries. It follows the
//! messages down the rings, and each agent saves its state as of the barrier, cell by cell, before the next change of that
//! cell or when it is idle. A thread of its own writes the file and names it once the output before the barrier is
//! acknowledged. A start goes on from the newest [`state::Snapshot`] and reads the input behind it, silently up to the
//! committed position. Records are keyed by the names of symbol and timeframe, each with a hash of what its numbers depend
//! on: a change of the configuration costs only the cells that it concerns their state, and these are rebuilt from the
//! history of the streams. *Cost:* a test per bar, and the bytes of a cell per snapshot.
//!
//! # Add a strategy
//!
//! One file and its name in the list: see [Add a strategy](strategies#add-a-strategy).
//!
//! # Failure
//!
//! A thread of its own dials a lost server again; everything waits meanwhile. An agent that fails or panics raises a token
//! that stops all threads, and the process ends with the reason and a non-zero exit code. What was committed stays
//! committed; what was not is read again at the next start. Bad records change nothing: they are counted by reason,
//! sampled into the log, and written to the dead-letter stream.

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
