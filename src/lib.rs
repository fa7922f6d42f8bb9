//! wagehood-engine: market bars in, trading signals out, over several timeframes at once, with a known latency.
//!
//! # The pipeline
//!
//! ```text
//!  Redis streams ┐                64-byte bars            64-byte bars            signals, rows
//!  files of bars ├─▶ reader ═════════════════▶ aggregator ═══════════▶ worker 0 ══════════════▶ publisher ─▶ Redis
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
//! | strategy workers | [`indicators`], [`strategies`], [`judge`] | [`engine::WorkerAgent`] | the cells (symbol × timeframe) of their trading styles, the trails behind their signals |
//! | publisher | [`correlate`], [`cross`], [`judge`], [`publish`] | [`engine::PublisherAgent`] | the order of publication, active signals, what they were worth, what symbols have in common, the batch |
//!
//! The stages are pure state machines. They know no threads, rings or clocks; [`engine`] puts them on threads, with the
//! agents, runners, idle strategies, rings and wake-ups of [`runtime`]. [`engine::Topology`] is the table of who talks to
//! whom. [`model`] is the plain data that the stages exchange, [`config`] what the user asked for, [`telemetry`] the
//! counters, histograms and reports, [`calendar`] the sessions of exchanges, [`redis_io`] the protocol of the server,
//! [`state`] what survives a restart, [`ingest`] market data that comes in by itself (a process beside the engine, which shares
//! its sink), [`ops`] what a running engine says of itself over HTTP, [`cli`] the commands, and [`lab`] what examines the host
//! and measures the engine from
//! outside.
//!
//! A stage may use `model`, `config`, the encoding of `state`, and no other stage; `publish` also uses the command encoder
//! of `redis_io`. `tests/tidy` holds this table, with its exceptions by name.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | record | one bar as an input gives it, before it is checked |
//! | dialect | how the lines of one file are to be read; decided once, by a look at its beginning |
//! | stamp | a record's time as it was written; with the zone of its input it becomes a moment |
//! | entry | one item of a Redis stream; holds one record, or a frame of them |
//! | form | how the entries of one stream are written: names of fields, JSON, the zone of stamps and what they name |
//! | forming | of a bar that is not over yet: a record of it is held until a later one replaces it, or the bar is over |
//! | track | one symbol with its records of one interval: an order, a clock and a lag of its own |
//! | frame | the compact binary form of many records |
//! | bar | open, high, low, close, volume and vwap of one symbol over one span |
//! | base bar | a bar that came in as a record; bars of longer timeframes are made of base bars |
//! | timeframe | the interval of a bar, such as `5m` or `1M` |
//! | span | where one bar begins and ends; [`model::Timeframe::span`] alone knows |
//! | calendar | the rule by which moments belong to spans |
//! | session | the time from an exchange's open to its close; a day of its calendar |
//! | label | the time by which a bar is published: 00:00Z of its date for days, weeks and months of sessions, else its start |
//! | asset | a symbol with its configuration; the assets are the watchlist |
//! | cell | one symbol on one timeframe: its indicators and strategies |
//! | reading | the indicator values that the strategies read at one bar |
//! | custom strategy | one that the configuration defines, in a language of its own: [`strategies::custom`] |
//! | candidate | what a strategy found on a bar, with its confidence |
//! | signal | a candidate with symbol, timeframe and bar: what is published |
//! | window | the last bars of a cell, read as one; its statistics are computed where something reads them |
//! | kind | what happened, in the words of a strategy, such as `golden_cross` |
//! | factor | one named part of a confidence |
//! | outside | of a strategy: it runs in another program, and its signals come in with the input |
//! | group | the signals of one symbol whose bars have the same end |
//! | peer | an active signal of the same symbol on another timeframe; it supports or opposes |
//! | composite confidence | a signal's confidence, weighed with its peers |
//! | held back | not published, by a filter; it still counts as a peer |
//! | place | where in the log signals are decided on together, if a style may publish only so many a second: an entry, a clock event, the lines of files with one time |
//! | outcome | what became of a signal, one, three or ten bars after it |
//! | selection | which lanes are on, by their outcomes; a lane is a symbol, timeframe and strategy |
//! | liquidity | whether the bars of a cell come as its calendar has them |
//! | calibrated confidence | the probability that a signal wins, learned from the outcomes before it |
//! | market | the symbols whose mean return the calibrated confidence of all others looks at |
//! | matrix | the correlations of the returns of all symbols with each other |
//! | market correlation | how a symbol moves with the mean of the others |
//! | independent signals | how many signals that have nothing in common those of one timeframe and side are worth |
//! | concentrated | of a signal: many like it are active, and are worth hardly more than one |
//! | trail | the bars behind the signals of a cell, from which outcomes are read |
//! | account | the sums over all outcomes of one key, from which its figures are made |
//! | trading style | day, swing or position: which latency budget and which filters apply |
//! | sequence | the number of an accepted record or clock event; fixes the order of everything behind it |
//! | wall | the time in the id of an entry, less its offset; in a replay of files the newest end of a bar that any record has shown |
//! | lag | how far the records of a symbol are behind the wall; its clock runs behind by as much |
//! | moment | where in the wall something is taken: an entry at its wall, a closing by the clock before the entries of its ms |
//! | offset | how far the ids of a stream are ahead of the time: its server's clock has stepped, or a writer makes them up |
//! | lateness | how long after its end, on its symbol's clock, a bar stays open for records that come late |
//! | clock event | the closings by the clock of one moment: an input that follows from the entries |
//! | heartbeat | an entry in which the writer of a stream says up to when it has written everything |
//! | refusal | a record that was not accepted, with its reason |
//! | dead letter | a refused record, kept in a stream of its own |
//! | history | bars of the past, which warm the cells before the streams are read; nothing of them is published |
//! | stale | of a signal: its bar had ended long before the entry came that closed it |
//! | defined, settled | of a cell: every indicator has a value; more history would change none by more than a thousandth |
//! | position | how far the input has been read; committed with the output made from it |
//! | journal | what a second reading needs and the input does not hold |
//! | lease | the right to write; one process has it |
//! | member | a process that shares the partitions with others, under a name that expires unless it is renewed |
//! | assignment | which member is to own which partition; each has a generation, and the lease of the partition decides |
//! | heir | who is to own a partition that another still owns; it is warm when it has computed what is committed |
//! | snapshot | the state of everything at one place of the input |
//! | agent | one stage at work: takes messages, returns a count of work done |
//! | duty cycle | one turn of an agent |
//! | credit | how many messages may be in flight in a ring |
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
//! **Time is in the input.** Every symbol has a clock: the time in the ids of the entries, less the lag that its records
//! show. A bar that misses its last record closes by that clock, at a moment that follows from the ids alone: once its
//! deadline is past and its stream goes on, or, while the stream is silent, `stall_ms` later. So a second reading closes the
//! same bars at the same places, whenever it reads; a feed that is late by a second or a year loses nothing; and what one
//! symbol does closes nothing of another. Live, a closing is made when the server's time is past its moment and everything
//! up to then has been read. *Cost:* a quiet symbol's bar closes `allowed_lateness_ms` and its lag after its end; the reader
//! knows the ends of the open bars as well as the aggregator.
//!
//! **A record is taken when its bar is over.** One that comes earlier is held in the reader, replaced by later ones of its bar,
//! and taken with a record of a later bar, or at a moment as a closing is: both follow from the input, and what is held is in
//! the snapshot. *Cost:* a bar whose last record comes before its end waits for the next, or for the allowed lateness.
//!
//! **Calendars are tables of numbers.** An exchange's sessions come from a table by local time and are expanded once, at the
//! start, to pairs of moments; so are its weeks and months. A moment finds its session through a table of days in at most
//! three comparisons, and everything behind it compares numbers. *Cost:* half a megabyte per calendar and use, and a table
//! that ends: after its last year the engine does not start.
//!
//! **A file is understood before it is replayed.** A look at its beginning decides its dialect, and whether it is by time. A
//! file that is by time is read once, in a stream; others are sorted first, in memory and beyond a bound on the disk. Where
//! disorder shows only further on, the replay starts over; where it cannot, because its output is out of its hands, the file
//! is read to its end before. *Cost:* a second start for such files, a second reading for such outputs.
//!
//! **Signals are grouped by the end of their bars**, however the bars were closed. So a symbol's signals say the same
//! alone and in company. *Cost:* the aggregator sorts what closes by time.
//!
//! **Full is a value.** A message that finds a ring full waits in a spill, and the agent takes no further work until the
//! spill is empty. A slow publisher so stops the workers, the workers the aggregator, the aggregator the reader, and the
//! records wait in Redis. Nothing is dropped, and no agent waits in the middle of a work item, so that all of them can
//! share one thread. *Cost:* a spill per ring.
//!
//! **Sizes of buffers follow the work, and no output depends on them.** The credit of a ring doubles while its sender is
//! blocked and halves while most of it is not used; a batch takes more entries while full ones are quick and fewer where one is
//! slow or refused; a read asks for more while reads come back full. Histories beyond what windows need are halved where memory
//! is short ([`config::LimitsConfig`]). Rings are allocated once, for the most. *Cost:* a subtraction a message, a few
//! comparisons a duty cycle, and that sizes are in the counters, not in the configuration.
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
//! **Custom strategies are data.** What the configuration says of them is compiled at the start, a flat program for each
//! timeframe, in which every value is computed once. It runs behind the built-in strategies, on eight cells whose memory always lies
//! in rows, so that reading a step costs an eighth; what comes together often is one step, and one whose first bars have gone
//! by takes a shorter way to the same bits. What a name is stands in a table of the process, and a place in the roster of the
//! plan, by which all tables are as long as there are strategies. *Cost:* a lone cell pays for eight, and a name is kept for as long as the
//! process runs.
//!
//! **Threads wait for what they need.** An idle thread spins, yields, then parks in one `poll(2)` over the wake-up of its
//! rings and the sockets of its agents. On few cores it parks at once. Where all agents share a thread, the reader asks
//! for more only when the server has taken the signals, because Redis and the reader of a signal may need this very core.
//! Reporting and saving run on nice threads. *Cost:* a wake-up of 5–20 µs after a pause; `busy-spin` pays a core instead.
//!
//! **Output and position are one transaction.** A batch's entries, the latest values and the position of the input they
//! were made from go into one `MULTI`/`EXEC`. A lease, checked in the same transaction, keeps a second engine out. Entries
//! that came out of order, and offsets, are journalled there, so that a second reading takes the same order. *Cost:*
//! one `HSET` per batch.
//!
//! **Outcomes are read where the bars are, and counted where the order is.** A worker remembers the bars behind a signal while
//! the signal waits, and sends each outcome in the group of the bar that makes it known. The publisher takes the outcomes of
//! a group before the group's signals, in the order of publication, so that sums, and what is published with a signal, are
//! the same whatever the workers. Accounts are saved one by one, as cells are. The calibrated confidence learns from an outcome
//! there, and is told by the worker what surrounds a signal, by the aggregator how far symbol and market have drifted: the
//! sums travel before the bars, and only before those whose worker cannot add them up alone. *Cost:* 0.8 KB a cell and 3
//! messages a signal.
//!
//! **What symbols have in common is worked out behind everything else.** The reader says when the wall has passed an interval,
//! before the record that moved it; the aggregator, who sees every base bar in order, tells the closes, and the first worker
//! passes them on. The publisher takes them before the signals of that sequence, and changes nothing by them but the fields that
//! are named as depending on the company. *Cost:* where it is on, a comparison a record, a store a base bar, and a multiplication
//! and an addition for every pair of symbols in every interval.
//!
//! **Partitions are assigned, and owned by their leases.** Members say in keys that expire what they have and how much comes in; one
//! of them, by a lease of its own, writes who is to own what ([`cli::assign`]). Each starts an engine for what it is given, as a
//! standby, and ends the engine of what it is not given once the heir says that it is warm. Nothing of this is in a transaction: where an
//! assignment is wrong, two engines wait for one lease. *Cost:* a handful of small requests per member every half second at most,
//! and a second computation of a partition while it changes hands.
//!
//! **State is saved while it changes.** A snapshot is a barrier that the reader puts between two entries. It follows the
//! messages down the rings, and each agent saves its state as of the barrier, cell by cell, before the next change of that
//! cell or when it is idle. A thread of its own writes the file and names it once the output before the barrier is
//! acknowledged. A start goes on from the newest [`state::Snapshot`] and reads the input behind it, silently up to the
//! committed position. Records are keyed by the names of symbol and timeframe, each with a hash of what its numbers depend
//! on: a change of the configuration costs only the cells that it concerns their state, and these are rebuilt from the
//! history of the streams. *Cost:* a test per bar, and the bytes of a cell per snapshot.
//!
//! **What a strategy outside says is an input.** Its entries have a place in the order of the streams and a sequence, like
//! records. The reader knows which bar of each cell has closed last, and takes a signal of that bar alone, once a strategy; the
//! cell's worker gives it price and trail, and from there on it is a signal like any other. *Cost:* a signal that comes after
//! the next bar is refused.
//!
//! **History is read by engines of their own**, one input after the other, before the streams: each goes on from the state of
//! the one before, publishes nothing, and leaves its state in memory. The clocks of its symbols stand still until the first
//! record of a stream. How far each was read is kept with the position. *Cost:* the state is saved and taken over once per input.
//!
//! **A change of the configuration is a start in the same process.** A thread that may wait compares the documents and checks
//! them whole. One that holds ends the reading where it is: everything that was read is committed and saved, the change gets a
//! number and is committed with that position, and the engine goes on from its own snapshot with the new configuration.
//! So a change has a place in the input, and only the cells that it concerns are rebuilt. *Cost:* all symbols wait while the
//! last batch is acknowledged and new cells are rebuilt; the records wait in Redis meanwhile.
//!
//! # Add a strategy
//!
//! One file and its name in the list: see [Add a strategy](strategies#add-a-strategy). Or no line of Rust: a table in the
//! configuration, see [`strategies::custom`].
//!
//! # Failure
//!
//! A thread of its own dials a lost server again; everything waits meanwhile. An agent that fails or panics raises a token
//! that stops all threads, and the process ends with the reason and a non-zero exit code. What was committed stays
//! committed; what was not is read again at the next start. Bad records change nothing: they are counted by reason,
//! sampled into the log, and written to the dead-letter stream. A start that finds streams or position otherwise than it left
//! them refuses, with an exit code of its own.
//!
//! [`promises`] lists what is promised, by which test, and what is not.
//!
//! `tests/simulation` holds all of this against a simulation: [`engine::Steps`] drives the agents of several engines one
//! duty cycle at a time, on one thread, in an order that a seed decides, against a server, a network and a clock that are
//! simulated too ([`cli::Host`], [`redis_io::Network`]). Faults strike at any step. What is in the output streams at the end
//! must be, entry by entry, what an engine that nothing disturbs makes of the same input. `make simulate SEED=n SEEDS=1` shows
//! the run of a seed again.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod aggregate;
pub mod calendar;
#[allow(clippy::disallowed_methods, reason = "commands wait for people and servers, in real time")]
pub mod cli;
pub mod config;
pub mod correlate;
pub mod cross;
pub mod engine;
pub mod feed;
pub mod indicators;
#[allow(
    clippy::disallowed_methods,
    reason = "the threads that dial and ask wait for exchanges, with deadlines in real time"
)]
pub mod ingest;
pub mod judge;
#[allow(clippy::disallowed_methods, reason = "it measures from outside, in real time")]
pub mod lab;
pub mod lanes;
pub mod model;
#[allow(clippy::disallowed_methods, reason = "it serves people and their tools, in real time, beside the pipeline")]
pub mod ops;
pub mod publish;
#[allow(clippy::disallowed_methods, reason = "requests that are waited for have a deadline; the hot ones never wait")]
pub mod redis_io;
pub mod runtime;
pub mod state;
pub mod strategies;
pub mod telemetry;
pub mod text;
#[doc = include_str!("promises.md")]
pub mod promises {}
