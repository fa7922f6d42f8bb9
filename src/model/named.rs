//! Enums whose variants have names and places in tables.

/// Declares an enum by its variants and their names: `Variant = "name",`. From the list come the number of variants, all of
/// them in order, the index of each into tables, and its name.
macro_rules! named {
    ($(#[$meta:meta])* $enum:ident { $($(#[$vmeta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[repr(u8)]
        pub enum $enum { $($(#[$vmeta])* $variant),+ }

        impl $enum {
            /// All of them, in the order of the declaration.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];
            /// How many there are.
            pub const COUNT: usize = [$($name),+].len();

            /// Index into tables of them.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// Name as configured, counted and published.
            #[must_use]
            pub const fn name(self) -> &'static str {
                [$($name),+][self as usize]
            }
        }
    };
}
pub(super) use named;
