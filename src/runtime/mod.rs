//! Agents, runners, idle strategies, rings, clocks, affinity: threads that do not know what they carry.
//!
//! An [`Agent`] is a state machine with a duty cycle. A [`Seat`] is the place of one thread, which drives one agent or
//! several in an [`AgentGroup`]. Agents talk through rings, from [`Outlet`] to [`Inlet`], which wake the thread at the
//! other end if it is parked. A [`Halt`] stops all threads and keeps the first failure.

mod affinity;
mod agent;
mod background;
mod clock;
mod composite;
mod doorbell;
mod halt;
mod host_time;
mod idle;
mod ring;
mod runner;
mod sync;
mod waker;

pub use affinity::{PinError, available_cores, current_core, current_mask, pin_current_thread};
pub use agent::{Agent, AgentError, AgentFailure, FailureKind, ReaderGone, Work};
pub use background::background;
pub use clock::{Clock, MockHandle, Now};
pub use composite::AgentGroup;
pub use halt::Halt;
pub use host_time::HostTime;
pub use idle::{IdleStep, IdleStrategy, Idler};
pub use ring::{Inlet, Outlet, ring};
pub use runner::{Placement, Seat, ThreadHandle};
pub use waker::{Interests, Parker, Waker};
