//! The laboratory: measures and examines how this host affects latency. It runs beside trading only if you ask for it.
//!
//! [`HiccupMeter`] tells the host's stalls from the engine's. [`doctor`] examines the other settings that matter: it
//! reads the system through a [`Sysfs`], changes nothing and needs no rights. [`mod@bench`] measures the whole path
//! under a load of its own, and [`report`] shows the results.

pub mod bench;
mod cpus;
pub mod doctor;
mod hiccup;
pub mod report;
mod sched_policy;
mod sysfs;

pub use cpus::Cpus;
pub use hiccup::{HiccupError, HiccupMeter, HiccupMode, Hiccups};
pub use sysfs::Sysfs;
