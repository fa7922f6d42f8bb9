//! Operations: metrics, health, status and events of a running engine over HTTP, on one nice thread beside the pipeline.
//!
//! The thread reads counters, which costs the pipeline nothing, and takes bars and signals from the publisher's tap. What it
//! makes of them it makes once a second, or when somebody asks. A client that is slow is cut: nothing here is waited for, and
//! everything has a bound.
//!
//! A new counter shows up in `/metrics` by itself; another metric is a row of the table in `metrics`; a component of health is a
//! file and a row of the table in `health`; a route is a row of the table in `routes`.

mod board;
mod client;
mod connection;
mod events;
mod exposition;
mod figures;
pub mod health;
mod market;
mod metrics;
mod recording;
mod relay;
mod request;
mod routes;
mod server;
mod status;
mod view;
mod window;

pub use board::{Board, Latencies, LatencyFigures, Remark, RunPhase};
pub use client::{ClientError, get};
pub use recording::Recording;
pub use relay::Relay;
pub use request::{HttpRequest, RequestError, parse};
pub use server::{Operations, OperationsError, OperationsOptions};
