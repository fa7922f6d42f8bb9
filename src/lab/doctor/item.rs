//! One line of the doctor.

use std::fmt;

/// What is to be thought of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Could not be read, or does not apply here.
    Unknown,
    /// Costs latency.
    Warn,
    /// Breaks the configuration, or loses data.
    Fail,
}

impl Verdict {
    /// As it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Unknown => "UNKNOWN",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Clocks.
    Time,
    /// The cores of this configuration.
    Cores,
    /// Who else runs on them.
    Isolation,
    /// Pages.
    Memory,
    /// Rights and policy of the threads.
    Scheduler,
    /// The hiccup test.
    Hiccups,
    /// The server.
    Redis,
    /// The state directory.
    State,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Time => "time",
            Self::Cores => "cores",
            Self::Isolation => "isolation",
            Self::Memory => "memory",
            Self::Scheduler => "scheduler",
            Self::Hiccups => "hiccups",
            Self::Redis => "redis",
            Self::State => "state directory",
        })
    }
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is about.
    pub section: Section,
    /// Name of the thing.
    pub name: String,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// How it is.
    pub current: String,
    /// How it should be.
    pub wanted: String,
    /// Why that matters.
    pub why: String,
    /// What to do about it; empty where nothing is to be done.
    pub fix: String,
}

/// An item whose verdict is still open.
#[derive(Debug, Clone)]
pub(super) struct Check {
    section: Section,
    name: String,
    wanted: String,
    why: String,
    fix: String,
}

impl Check {
    /// Something to be looked at, and how it should be.
    pub fn new(section: Section, name: &str, wanted: impl Into<String>) -> Self {
        Self { section, name: name.to_owned(), wanted: wanted.into(), why: String::new(), fix: String::new() }
    }

    /// Why it matters.
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// How to get there.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The item, with its verdict.
    pub fn is(self, verdict: Verdict, current: impl Into<String>) -> Item {
        let fix = if verdict == Verdict::Pass { String::new() } else { self.fix };
        Item {
            section: self.section,
            name: self.name,
            verdict,
            current: current.into(),
            wanted: self.wanted,
            why: self.why,
            fix,
        }
    }

    /// The item: passed where this holds, else the other verdict.
    pub fn holds(self, good: bool, otherwise: Verdict, current: impl Into<String>) -> Item {
        self.is(if good { Verdict::Pass } else { otherwise }, current)
    }

    /// The item that could not be looked at, and what was in the way.
    pub fn unknown(self, reason: impl Into<String>) -> Item {
        self.is(Verdict::Unknown, reason)
    }
}
