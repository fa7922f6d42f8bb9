//! What strategies remember of a cell from bar to bar: named words that lie together in the cell's lines.

use crate::lanes::{Line, Vector};

/// Words of a line.
pub(super) const LINE: usize = 8;

/// A strategy's memory during a step: the words of a row of cells, by name.
pub(super) trait Memory<V: Vector>: Sized {
    /// What its words are.
    const WORDS: &'static [Word];
    /// Reads its words from the lines, from word `at` on. `far` holds the older halves of histories by word: at the
    /// previous bar, and at this one.
    fn load(lines: &[[V::F; LINE]], far: &[[u64; 2]], at: usize) -> Self;
    /// Writes them back.
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

/// The history of a condition: bit k says whether it held k bars ago. It has 64 bars, and 64 older ones if some strategy
/// looks back so far, else zeros.
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

    /// Adds whether the condition holds at this bar; call it once per bar.
    #[inline(always)]
    pub(super) fn push(&mut self, condition: V::M) {
        self.near = V::push(self.near, condition);
        self.far[0] = self.far[1];
    }

    /// Moves the history on by one bar and adds what is now known about the bar `back` bars ago.
    #[inline(always)]
    pub(super) fn push_at(&mut self, condition: V::M, back: usize) {
        self.near = V::or_if(V::shift(self.near), condition, 1 << back);
        self.far[0] = self.far[1];
    }

    /// On how many of the newest `bars`, at most 128, it held: up to the previous bar, until this one is pushed.
    #[inline(always)]
    pub(super) fn count(&self, bars: usize) -> V::B {
        let near = V::count(V::masked(self.near, newest(bars)));
        // With more than one lane, nothing looks back so far.
        if self.far[0] == 0 { near } else { V::sum(near, V::words(count_far(self.far[0], bars))) }
    }
}

/// On how many of the newest `bars` a condition held, of those that lie in the older half of its history. Takes the word
/// by value: a pointer would keep the whole memory out of registers.
#[cold]
#[inline(never)]
fn count_far(far: u64, bars: usize) -> u64 {
    u64::from((far & newest(bars.saturating_sub(64))).count_ones())
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
