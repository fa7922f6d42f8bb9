//! What the signals are worth: outcomes, and figures made of them.
//!
//! [`Trails`] stand in the workers, beside the cells: they remember the bars behind a signal and say what became of it as
//! soon as that is known. A [`Judge`] stands before the publisher. It takes the outcomes of a group before the group's
//! signals, so that what is published with a signal is what was known before it.
//!
//! Pure state machines. An outcome costs the same however many there have been; memory is taken when a symbol is added, and
//! when more signals wait for their outcome than ever before.

mod account;
mod book;
mod judgement;
mod learner;
mod liquidity;
mod pulse;
mod quality;
mod selection;
mod trail;
mod waiting;

pub use account::Account;
pub use book::{Book, BookKeys, SavedAccounts, SavedLanes};
pub use judgement::{Judge, SavedJudge, Settled};
pub use liquidity::{Liquidities, Liquidity};
pub use pulse::{Pulse, Pulses};
pub use quality::CalibrationQuality;
pub use selection::SelectionLane;
pub use trail::{Trail, Trails};
