//! The kinds of all strategies, numbered.

use super::{
    CustomStrategy, Strategy,
    list::{KIND_COUNT, KINDS, first_kind},
};
use crate::model::saved_as;
use wincode::error::{ReadError, WriteError};

/// What happened: a number in the order of the strategies' files, or the custom strategy that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(u16);

/// Set in those of custom strategies, whose bits the others are.
const CUSTOM: u16 = 1 << 15;
/// As which the kind of a custom strategy is saved: which it is says its strategy.
const SAVED_CUSTOM: u32 = 0x100;

const _: () = assert!(KIND_COUNT < SAVED_CUSTOM as usize, "kinds are numbered in a byte");

impl SignalKind {
    /// The kind of the probe.
    pub const PROBE: Self = Self(KIND_COUNT as u16 - 1);

    /// The kind with a number below [`KIND_COUNT`].
    #[inline]
    pub(super) fn numbered(number: usize) -> Self {
        Self(number as u16)
    }

    /// The kind of a custom strategy, its only one.
    #[inline]
    #[must_use]
    pub const fn of(custom: CustomStrategy) -> Self {
        Self(CUSTOM | custom.bits())
    }

    /// Number of the kinds of the built-in strategies, that of the probe among them.
    pub const COUNT: usize = KIND_COUNT;

    /// Its number: of the built-in strategies, that of the probe, then those of the configuration.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        if self.0 & CUSTOM == 0 {
            self.0 as usize
        } else {
            KIND_COUNT + CustomStrategy::of_bits(self.0 & !CUSTOM).place()
        }
    }

    /// The kinds of the built-in strategies, in their order; that of the probe is the last.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..KIND_COUNT as u16).map(Self)
    }

    /// The kind of a built-in strategy with a published name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// The strategy whose kind it is; `None` of the probe's.
    #[must_use]
    pub fn strategy(self) -> Option<Strategy> {
        if self.0 & CUSTOM != 0 {
            return Some(Strategy::Custom(CustomStrategy::of_bits(self.0 & !CUSTOM)));
        }
        let of = |strategy: &Strategy| first_kind(*strategy) <= self.index();
        Strategy::ALL.into_iter().rev().find(of).filter(|_| self != Self::PROBE)
    }

    /// Name as published.
    #[inline]
    #[must_use]
    pub fn name(self) -> &'static str {
        match KINDS.get(usize::from(self.0)) {
            Some(spec) => spec.name,
            None => CustomStrategy::of_bits(self.0 & !CUSTOM).kind_name(),
        }
    }

    /// Names of the factors that a signal of this kind carries, in the order of
    /// [`Candidate::factors`](crate::model::Candidate::factors).
    #[inline]
    #[must_use]
    pub fn factor_names(self) -> &'static [&'static str] {
        match KINDS.get(usize::from(self.0)) {
            Some(spec) => spec.factors,
            None => CustomStrategy::of_bits(self.0 & !CUSTOM).factor_names(),
        }
    }

    /// As it was saved with a signal of this strategy: a custom strategy has one kind.
    #[inline]
    #[must_use]
    pub fn saved_with(self, strategy: Strategy) -> Self {
        match strategy {
            Strategy::Custom(custom) => Self::of(custom),
            _ => self,
        }
    }
}

impl SignalKind {
    /// As an enum would be written.
    #[allow(clippy::unnecessary_wraps, reason = "others that are saved as something else can fail")]
    fn form(self) -> Result<u32, WriteError> {
        Ok(if self.0 & CUSTOM == 0 { self.0.into() } else { SAVED_CUSTOM })
    }

    fn of_form(number: u32) -> Result<Self, ReadError> {
        match u16::try_from(number) {
            _ if number == SAVED_CUSTOM => Ok(Self::of(CustomStrategy::UNKNOWN)),
            Ok(built_in) if usize::from(built_in) < KIND_COUNT => Ok(Self(built_in)),
            _ => Err(ReadError::InvalidTagEncoding(number as usize)),
        }
    }
}

saved_as!(SignalKind, u32, SignalKind::form, SignalKind::of_form);
