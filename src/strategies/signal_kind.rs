//! The kinds of all strategies, numbered.

use super::list::{KIND_COUNT, KINDS};
use crate::model::saved_as;
use wincode::error::{ReadError, WriteError};

/// What happened, as the strategies' files declare it: a number in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(u8);

const _: () = assert!(KIND_COUNT < 256, "kinds are numbered in a byte");

impl SignalKind {
    /// The kind of the probe.
    pub const PROBE: Self = Self(KIND_COUNT as u8 - 1);

    /// The kind with a number below [`KIND_COUNT`].
    #[inline]
    pub(super) fn numbered(number: usize) -> Self {
        Self(number as u8)
    }

    /// Number of the kinds, that of the probe among them.
    pub const COUNT: usize = KIND_COUNT;

    /// Its number, below [`SignalKind::COUNT`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All kinds, in the order of the strategies; that of the probe is the last.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..KIND_COUNT as u8).map(Self)
    }

    /// The kind with a published name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// Name as published.
    #[inline]
    #[must_use]
    pub const fn name(self) -> &'static str {
        KINDS[self.0 as usize].name
    }

    /// Names of the factors that a signal of this kind carries, in the order of
    /// [`Candidate::factors`](crate::model::Candidate::factors).
    #[inline]
    #[must_use]
    pub const fn factor_names(self) -> &'static [&'static str] {
        KINDS[self.0 as usize].factors
    }
}

impl SignalKind {
    /// As an enum would be written.
    #[allow(clippy::unnecessary_wraps, reason = "others that are saved as something else can fail")]
    fn form(self) -> Result<u32, WriteError> {
        Ok(self.0.into())
    }

    fn of(number: u32) -> Result<Self, ReadError> {
        let known = u8::try_from(number).ok().filter(|&number| usize::from(number) < KIND_COUNT);
        known.map(Self).ok_or(ReadError::InvalidTagEncoding(number as usize))
    }
}

saved_as!(SignalKind, u32, SignalKind::form, SignalKind::of);
