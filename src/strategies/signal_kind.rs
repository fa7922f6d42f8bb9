//! The kinds of all strategies, numbered.

use super::list::{KIND_COUNT, KINDS};
use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

/// What happened, as the strategies' files declare it: a number in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(u8);

const _: () = assert!(KIND_COUNT < 256, "kinds are numbered in a byte");

impl SignalKind {
    /// That of the probe.
    pub const PROBE: Self = Self(KIND_COUNT as u8 - 1);

    /// The kind of a number below [`KIND_COUNT`].
    #[inline]
    pub(super) fn numbered(number: usize) -> Self {
        Self(number as u8)
    }

    /// All kinds, in the order of the strategies; that of the probe is the last.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..KIND_COUNT as u8).map(Self)
    }

    /// The kind of a published name.
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

// As an enum would be written.
impl Encode for SignalKind {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        u32::from(self.0).encode(encoder)
    }
}

impl<Context> Decode<Context> for SignalKind {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let number = u32::decode(decoder)?;
        u8::try_from(number)
            .ok()
            .filter(|&number| usize::from(number) < KIND_COUNT)
            .map(Self)
            .ok_or(DecodeError::OtherString(format!("there is no kind of signal {number}")))
    }
}

bincode::impl_borrow_decode!(SignalKind);
