//! Values by name: a list of names from which structs, counts, columns and copies are made.

/// Declares the values that are known of a bar, each with the name of its column: a struct of them for whatever holds a
/// value, one of a cell or one of each of eight.
macro_rules! values {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident = $column:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        #[repr(C)]
        pub struct $name<F = f64> { $($(#[$fmeta])* pub $field: F),+ }

        impl $name {
            /// Names of the values as columns, in their order.
            pub const COLUMNS: [&'static str; [$($column),+].len()] = [$($column),+];

            /// The values in the order of [`COLUMNS`](Self::COLUMNS).
            #[must_use]
            pub const fn values(&self) -> [f64; Self::COLUMNS.len()] {
                [$(self.$field),+]
            }
        }

        impl<F: Copy> $name<F> {
            /// The values of each cell, in memory. No closure, which would be compiled for every processor.
            #[inline(always)]
            pub(crate) fn stored<V: $crate::lanes::Vector<F = F>>(&self) -> $name<[f64; $crate::lanes::LANES]> {
                $name { $($field: $crate::indicators::values::stored::<V>(self.$field)),+ }
            }
        }

        impl $name<[f64; $crate::lanes::LANES]> {
            /// The values of cell `k`.
            #[inline(always)]
            #[must_use]
            pub fn lane(&self, k: usize) -> $name {
                $name { $($field: self.$field[k]),+ }
            }
        }
    };
}
pub(super) use values;

use crate::lanes::{LANES, Vector};

/// The values of a row, in memory.
#[inline(always)]
pub(crate) fn stored<V: Vector>(row: V::F) -> [f64; LANES] {
    let mut to = [0.0; LANES];
    V::store(row, &mut to);
    to
}
