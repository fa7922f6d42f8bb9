//! How a strategy declares its kinds of signals.

/// What a kind of signal is called, and what its factors are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KindSpec {
    pub(super) name: &'static str,
    pub(super) factors: &'static [&'static str],
}

/// The kinds of one strategy.
pub(crate) trait Kinds: Copy {
    /// All of them, by index.
    const ALL: &'static [KindSpec];
    /// Its index among those of the strategy.
    fn index(self) -> usize;
}

/// Declares the kinds of signals that a strategy gives: `Kind = "published name", [names of factors];`.
macro_rules! kinds {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal, $factors:expr;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }
        impl $crate::strategies::kinds::Kinds for $name {
            const ALL: &'static [$crate::strategies::kinds::KindSpec] =
                &[$($crate::strategies::kinds::KindSpec { name: $text, factors: &$factors }),+];
            fn index(self) -> usize { self as usize }
        }
    };
}
pub(super) use kinds;
