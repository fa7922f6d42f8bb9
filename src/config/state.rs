//! State that survives a restart.

use super::{
    rules::{Text, int},
    section::section,
};

section! {
    /// State that survives a restart.
    StateConfig {
        /// Directory of the snapshots; empty for no snapshots.
        dir: String = Text { empty: true },
        /// Time between two snapshots, s.
        snapshot_interval_s: u64 = int(1, 86_400),
    }
}
