//! Where a value of the configuration came from.

use std::{fmt, sync::Arc};

/// Where a value came from; ordered as the layers override each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The embedded `config/default.toml`.
    Default {
        /// Line in it, from 1.
        line: usize,
    },
    /// A file.
    File {
        /// Its name as given.
        name: Arc<str>,
        /// Line in it, from 1; 0 if the fault concerns the whole file.
        line: usize,
    },
    /// A document in Redis.
    Redis {
        /// Its key.
        key: Arc<str>,
    },
    /// The command line.
    CommandLine,
    /// No layer: the program itself asked for it, such as the plan of a replay.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { .. } => f.write_str("default"),
            Self::File { name, line: 0 } => write!(f, "{}", name.escape_debug()),
            Self::File { name, line } => write!(f, "{}:{line}", name.escape_debug()),
            Self::Redis { key } => write!(f, "redis {}", key.escape_debug()),
            Self::CommandLine => f.write_str("command line"),
            Self::Program => f.write_str("request"),
        }
    }
}
