//! One file per command.

pub mod args;
pub mod config;
mod doctor;
mod duration;
mod lab;
pub mod lab_args;
mod lease;
mod note;
mod notify;
mod patience;
mod place;
mod rebuild;
mod recorded;
mod redis;
mod replay;
mod run;
mod session;
mod state;
mod throughput;

pub use config::config_command;
pub use doctor::doctor;
pub use lab::{bench_echo, bench_latency, report};
pub use recorded::NothingAccepted;
pub use replay::replay;
pub use run::run;
pub use throughput::bench_throughput;
