//! The laboratory: what this host does to latency, measured and examined. Nothing here runs beside trading unless asked.
//!
//! [`HiccupMeter`] tells the host's stalls from the engine's. [`doctor`] looks at everything else that a tuner would:
//! it reads the system through a [`Sysfs`], changes nothing and needs no rights. [`mod@bench`] measures the whole path under
//! a load of its own, [`report`] is what its results look like.

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
