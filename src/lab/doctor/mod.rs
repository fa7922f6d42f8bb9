//! Examines a host for a given configuration. Changes nothing and needs no rights.
//!
//! Each section is a function from its inputs to [`Finding`]s. What cannot be read is [`Judgement::Unknown`] and never
//! passes. The system is read through a [`Sysfs`](super::Sysfs), so that tests can try every rule on made-up machines.

mod activity;
mod cores;
mod cpu_plan;
mod hiccups;
mod host;
mod irqs;
mod isolation;
mod item;
mod memory;
mod redis;
mod redis_clocks;
mod redis_items;
mod redis_streams;
#[cfg(test)]
mod redis_tests;
mod render;
mod rights;
mod scheduler;
mod state_dir;
#[cfg(test)]
mod tests;
mod time;
mod timex;

pub use activity::Activity;
pub use cpu_plan::CpuPlan;
pub use hiccups::HiccupTest;
pub use host::{ExaminedHost, Probes};
pub use item::{Finding, Judgement, Section};
pub use redis::{RedisProbe, RedisQuestions, RoundTrip};
pub use redis_clocks::{NewestEntry, ServerClocks};
pub use redis_streams::{StreamProbe, StreamState};
pub use render::{Style, render, to_json};
pub use state_dir::state_directory;
pub use time::ClockProbe;
pub use timex::{KernelClock, kernel_clock};
