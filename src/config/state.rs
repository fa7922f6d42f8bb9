//! State that survives a restart.

use super::{
    rules::{Text, choice, choice_enum, int},
    section::section,
};

choice_enum! {
    /// Where snapshots are kept.
    SnapshotStore {
        /// In a directory of this host.
        Directory = "directory",
        /// In the server of the streams.
        Redis = "redis",
    }
}

section! {
    /// State that survives a restart.
    StateConfig {
        /// Where snapshots are kept.
        store: SnapshotStore = choice(),
        /// Directory of the snapshots; empty for no snapshots.
        dir: String = Text { empty: true },
        /// Time between two snapshots, s.
        snapshot_interval_s: u64 = int(1, 86_400),
        /// Longest snapshot in the server, bytes.
        redis_bytes_max: usize = int(1 << 20, 1 << 30),
    }
}
