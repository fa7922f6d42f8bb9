//! Market data that comes in by itself: a process beside the engine that fills the input streams.
//!
//! ```text
//!  a provider ──events──▶ desk ──items──▶ outbox ──one transaction a batch──▶ Redis
//!             ◀──wanted──
//! ```
//!
//! A [`Provider`] is polled and gives [`Event`]s. The [`Desk`] knows of each symbol what has been published, and gives out
//! every bar once and in order. The [`Outbox`] puts bars, heartbeats and corrections into transactions together with the
//! newest bar of each symbol, under a lease: killed at any moment, the next process goes on behind what is committed. One
//! thread does it all, and never blocks; [`Service`] waits in one `poll(2)`.
//!
//! # Add a provider
//!
//! A provider is one file in `src/ingest/providers`, which alone knows its name, and a line in `providers/mod.rs`. The file has a
//! [`Maker`]: its name, a line about it, the variables that hold its keys, and `make`, which takes a [`Commission`] (symbols, interval,
//! settings, keys) and gives a [`Provider`].
//!
//! An exchange with a WebSocket and a history over HTTPS needs no more than its words: a type that implements `ExchangeWords`
//! (`net/words.rs`) says how the exchange is to be treated (`rules`: addresses, whether it greets and wants a login, limits, how old a
//! connection may get, whether every interval has a bar), what its messages mean (`hear`), how symbols are subscribed
//! (`subscribe`), how the past is asked for (`past`) and what the answer says (`page`). All of that is pure: texts in, values out, and
//! tested so. `configured` puts the user's settings over the rules, `connected` makes the provider: dialling, pauses, breakers, pings,
//! make before break, backfill and merge are the same for all exchanges.
//!
//! Of trades (`Heard::Trade`) bars are made where `rules.of_trades` says so; what a trade counts for, `conditions.rs` knows for US
//! stocks. Anything else (a file, a market that is made up) implements [`Provider`] itself: `providers/mock.rs` is the shortest.

mod commit_times;
mod conditions;
mod desk;
mod line;
mod market;
mod net;
mod outbox;
mod outgoing;
mod provider;
mod providers;
mod route;
mod service;
mod trades;

use conditions::counts as sale_counts;

pub use commit_times::CommitSummary;
pub use desk::{Desk, PublishedBefore};
pub use line::HoldTimes;
pub use market::{Event, FeedBar, PastWanted};
pub use outbox::{EXCEPT, HEARTBEAT, MEMORY, NEWEST, Outbox, OutboxOptions, beat_of};
pub use outgoing::{DeskCounts, Outgoing};
pub use provider::{Commission, CommissionError, Maker, Provider};
pub use providers::MAKERS;
pub use route::Route;
pub use service::Service;
