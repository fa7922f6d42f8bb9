//! One finding of the doctor.

use std::fmt;

/// The judgement on one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// It is as it should be.
    Pass,
    /// It could not be read, or does not apply here.
    Unknown,
    /// It costs latency.
    Warn,
    /// It breaks the configuration, or loses data.
    Fail,
}

impl Judgement {
    /// The printed word.
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

/// Section of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Clocks.
    Time,
    /// The cores of this configuration.
    Cores,
    /// What else runs on these cores.
    Isolation,
    /// Memory pages.
    Memory,
    /// Rights and scheduling policy of the threads.
    Scheduler,
    /// The hiccup test.
    Hiccups,
    /// The Redis server.
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

/// A finding about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Section.
    pub section: Section,
    /// Name of the thing examined.
    pub name: String,
    /// The judgement.
    pub verdict: Judgement,
    /// The state found.
    pub current: String,
    /// The state wanted.
    pub wanted: String,
    /// Why it matters.
    pub why: String,
    /// What to do about it; empty if there is nothing to do.
    pub fix: String,
}

/// An item without a verdict yet.
#[derive(Debug, Clone)]
pub(super) struct Check {
    section: Section,
    name: String,
    wanted: String,
    why: String,
    fix: String,
}

impl Check {
    /// A thing to examine, with the state wanted.
    pub fn new(section: Section, name: &str, wanted: impl Into<String>) -> Self {
        Self { section, name: name.to_owned(), wanted: wanted.into(), why: String::new(), fix: String::new() }
    }

    /// Why it matters.
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// How to reach the state wanted.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The item with this verdict.
    pub fn is(self, verdict: Judgement, current: impl Into<String>) -> Finding {
        let fix = if verdict == Judgement::Pass { String::new() } else { self.fix };
        Finding {
            section: self.section,
            name: self.name,
            verdict,
            current: current.into(),
            wanted: self.wanted,
            why: self.why,
            fix,
        }
    }

    /// The item: passed if the condition holds, else with the other verdict.
    pub fn holds(self, good: bool, otherwise: Judgement, current: impl Into<String>) -> Finding {
        self.is(if good { Judgement::Pass } else { otherwise }, current)
    }

    /// The item as unknown, with the reason.
    pub fn unknown(self, reason: impl Into<String>) -> Finding {
        self.is(Judgement::Unknown, reason)
    }
}
