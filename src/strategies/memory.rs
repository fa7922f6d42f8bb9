//! What strategies remember of a cell from bar to bar: named words that lie together in the cell's lines.

use crate::lanes::{Line, Vector};

/// Words of a line.
pub(super) const LINE: usize = 8;

/// What a step carries in registers of some memory: the words of a row of cells, by name.
pub(super) trait Memory<V: Vector>: Sized {
    /// What its words are.
    const WORDS: &'static [Word];
    /// Takes its words out of the lines, from word `at` on. `far` are, by word, the older halves
    /// of histories: at the bar before, and at this one.
    fn load(lines: &[[V::F; LINE]], far: &[[u64; 2]], at: usize) -> Self;
    /// Puts them back.
    fn store(&self, lines: &mut [[V::F; LINE]], at: usize);
}

/// Nothing to remember.
impl<V: Vector> Memory<V> for () {
    const WORDS: &'static [Word] = &[];
    #[inline(always)]
    fn load(_: &[[V::F; LINE]], _: &[[u64; 2]], _: usize) -> Self {}
    #[inline(always)]
    fn store(&self, _: &mut [[V::F; LINE]], _: usize) {}
}

/// What a word holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A number, NaN before it is known.
    Number,
    /// A [`History`].
    History,
    /// Bits, none set at first.
    Bits,
}

impl Word {
    /// What it holds before the first bar.
    pub(super) const fn nothing(self) -> f64 {
        match self {
            Self::Number => f64::NAN,
            Self::History | Self::Bits => 0.0,
        }
    }
}

/// The history of a condition: bit k says whether it held k bars ago. 64 bars are at hand; the 64 before them where some
/// look back is longer than that, and zeros elsewhere.
pub(super) struct History<V: Vector> {
    near: V::B,
    far: [u64; 2],
}

impl<V: Vector> History<V> {
    #[inline(always)]
    pub(super) fn new(near: V::B, far: [u64; 2]) -> Self {
        Self { near, far }
    }

    /// The newest 64 bars.
    #[inline(always)]
    pub(super) fn near(&self) -> V::B {
        self.near
    }

    /// Takes what holds at the present bar: once a bar.
    #[inline(always)]
    pub(super) fn push(&mut self, condition: V::M) {
        self.near = V::push(self.near, condition);
        self.far[0] = self.far[1];
    }

    /// The history one bar later, with what has become known of a bar `back` bars ago.
    #[inline(always)]
    pub(super) fn push_at(&mut self, condition: V::M, back: usize) {
        self.near = V::or_if(V::shift(self.near), condition, 1 << back);
        self.far[0] = self.far[1];
    }

    /// On how many of the newest `bars` it held, at most 128: up to the bar before, until the present one is pushed.
    #[inline(always)]
    pub(super) fn count(&self, bars: usize) -> V::B {
        let near = V::count(V::masked(self.near, newest(bars)));
        // Where there is more than one lane, nobody looks back so far.
        if self.far[0] == 0 { near } else { V::sum(near, V::words(self.count_far(bars))) }
    }

    #[cold]
    #[inline(never)]
    fn count_far(&self, bars: usize) -> u64 {
        u64::from((self.far[0] & newest(bars.saturating_sub(64))).count_ones())
    }
}

/// The newest `bars` bits of a word.
#[inline(always)]
pub(super) const fn newest(bars: usize) -> u64 {
    if bars >= 64 { u64::MAX } else { (1 << bars) - 1 }
}

/// Declares what a strategy remembers: a struct of words, each a `number`, a `history` or `bits`, and `At`, the place of
/// each by name.
macro_rules! memory {
    (@type $V:ident number) => { $V::F };
    (@type $V:ident history) => { $crate::strategies::memory::History<$V> };
    (@type $V:ident bits) => { $V::B };
    (@word number) => { $crate::strategies::memory::Word::Number };
    (@word history) => { $crate::strategies::memory::Word::History };
    (@word bits) => { $crate::strategies::memory::Word::Bits };
    (@load $V:ident number $word:expr, $far:expr) => { $word };
    (@load $V:ident history $word:expr, $far:expr) => {
        $crate::strategies::memory::History::new($V::to_bits($word), $far)
    };
    (@load $V:ident bits $word:expr, $far:expr) => { $V::to_bits($word) };
    (@store $V:ident number $value:expr) => { $value };
    (@store $V:ident history $value:expr) => { $V::from_bits($value.near()) };
    (@store $V:ident bits $value:expr) => { $V::from_bits($value) };
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $what:ident),+ $(,)? }) => {
        $(#[$meta])*
        pub(crate) struct $name<V: $crate::lanes::Vector> {
            $($(#[$fmeta])* $field: $crate::strategies::memory::memory!(@type V $what)),+
        }
        /// The places of the words.
        #[allow(non_camel_case_types, dead_code)] // the names are those of the fields
        #[derive(Clone, Copy)]
        enum At { $($field),+ }
        impl<V: $crate::lanes::Vector> $crate::strategies::memory::Memory<V> for $name<V> {
            const WORDS: &'static [$crate::strategies::memory::Word] =
                &[$($crate::strategies::memory::memory!(@word $what)),+];
            #[inline(always)]
            fn load(lines: &[[V::F; $crate::strategies::memory::LINE]], far: &[[u64; 2]], at: usize) -> Self {
                use $crate::strategies::memory::LINE;
                let _ = far; // where there is no history
                Self { $($field: {
                    let k = at + At::$field as usize;
                    $crate::strategies::memory::memory!(@load V $what lines[k / LINE][k % LINE], far[k])
                }),+ }
            }
            #[inline(always)]
            fn store(&self, lines: &mut [[V::F; $crate::strategies::memory::LINE]], at: usize) {
                use $crate::strategies::memory::LINE;
                $({
                    let k = at + At::$field as usize;
                    lines[k / LINE][k % LINE] = $crate::strategies::memory::memory!(@store V $what self.$field);
                })+
            }
        }
    };
}
pub(super) use memory;

/// Lines of words before the first bar.
pub(super) const fn nothing<const LINES: usize, const WORDS: usize>(words: [Word; WORDS]) -> [Line; LINES] {
    let mut lines = [Line::ZERO; LINES];
    let mut k = 0;
    while k < WORDS {
        lines[k / LINE].0[k % LINE] = words[k].nothing();
        k += 1;
    }
    lines
}
