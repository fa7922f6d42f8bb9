//! The ring's spill and wake-up and the parker, as they are in `src/runtime`, compiled against loom.
//!
//! `ring.rs` and `waker.rs` are the engine's own files. What they stand on is replaced: atomics and fences by loom's, the
//! eventfd by a flag under loom's mutex, the queue between the threads by one that publishes its positions with the same
//! orderings as `rtrb`. A wait has no timeout here, so that a wake-up that is lost is a deadlock, which loom reports with
//! the interleaving that led to it. `make models` runs them.

#[path = "../../../src/telemetry/counter.rs"]
mod counter;

pub mod runtime {
    //! The runtime's two files, and what stands in for the rest.

    pub mod doorbell;
    #[path = "../../../../src/runtime/ring.rs"]
    pub mod ring;
    pub mod sync;
    #[path = "../../../../src/runtime/waker.rs"]
    pub mod waker;
}

pub mod telemetry {
    //! The counters that a ring keeps; loom need not know of them.

    pub use super::counter::{Counter, Readout};

    /// Both ends of one ring.
    #[derive(Debug, Default)]
    pub struct RingCounters {
        pub capacity: usize,
        pub outlet: OutletCounters,
        pub inlet: InletCounters,
    }

    #[derive(Debug, Default)]
    pub struct OutletCounters {
        pub sent: Counter,
        pub blocked: Counter,
        pub overflowed: Counter,
        pub credit: Counter,
        pub credit_raised: Counter,
        pub credit_lowered: Counter,
    }

    #[derive(Debug, Default)]
    pub struct InletCounters {
        pub received: Counter,
        pub waiting_max: Counter,
        pub waiting_lately_max: Counter,
    }
}
