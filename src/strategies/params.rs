//! How a strategy declares its parameters: name, type, default, what is allowed, meaning, names in the existing system.
//!
//! [`params!`] makes a struct of them that is also a [`ParamTable`]: the configuration reads, checks and shows it
//! without naming a parameter again.

/// Longest window of any indicator, bars.
pub const MAX_PERIOD: usize = 4_096;
/// Longest look back over conditions and pivots, bars: they are kept as bits of one word.
pub const MAX_LOOKBACK: usize = 120;
/// Longest look back over swing points, bars.
pub const MAX_SWING_LOOKBACK: usize = 30;

/// What a whole number may be, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

/// What a number may be, both ends included, or the lower end not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number {
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Whether it must be above `min`.
    pub(crate) above: bool,
}

/// What a switch may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switch;

/// A window of an indicator, bars.
pub(super) const fn period(min: usize) -> Whole {
    Whole { min, max: MAX_PERIOD }
}

/// A number of bars that a condition looks back over, or of touches.
pub(super) const fn bars(min: usize) -> Whole {
    Whole { min, max: MAX_LOOKBACK }
}

/// How many of the bars of a look back, with the present one, something must hold on.
pub(super) const SOME_BARS: Whole = Whole { min: 0, max: MAX_LOOKBACK + 1 };
/// Bars of a momentum: below two it is 0.5 by definition.
pub(super) const MOMENTUM_BARS: Whole = bars(2);
/// A share or a confidence.
pub(super) const SHARE: Number = Number { min: 0.0, max: 1.0, above: false };
/// A value of the RSI.
pub(super) const INDEX: Number = Number { min: 0.0, max: 100.0, above: false };
/// A gain or a weight.
pub(super) const NOT_NEGATIVE: Number = Number { min: 0.0, max: f64::MAX, above: false };
/// A divisor.
pub(super) const POSITIVE: Number = Number { min: 0.0, max: f64::MAX, above: true };

/// Sees the parameters of a table one by one.
pub(crate) trait ParamVisitor {
    /// A number of bars or touches.
    fn count(&mut self, name: &'static str, value: &mut usize, allowed: Whole);
    /// Any other number.
    fn real(&mut self, name: &'static str, value: &mut f64, allowed: Number);
    /// A switch.
    fn flag(&mut self, name: &'static str, value: &mut bool);
}

/// The parameters of one strategy.
pub(crate) trait ParamTable {
    /// Shows every parameter to the visitor, in the order of the declaration.
    fn visit(&mut self, visitor: &mut dyn ParamVisitor);
    /// Finds the parameters that each are allowed and together are not.
    fn contradictions(&self) -> Contradictions;
    /// Names in the existing system, each with the name here.
    fn old_names(&self) -> &'static [(&'static str, &'static str)];
}

/// Parameters that do not go together: the key of one of them, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Contradictions(pub(crate) Vec<(&'static str, String)>);

impl Contradictions {
    /// The value of `key` must be less than another.
    pub(super) fn less<T: PartialOrd + std::fmt::Display>(
        &mut self,
        key: &'static str,
        value: T,
        name: &str,
        bound: T,
    ) {
        if value >= bound {
            self.0.push((key, format!("found {value}; allowed: less than {name}, which is {bound}")));
        }
    }

    /// The value of `key` must be at most another.
    pub(super) fn at_most(&mut self, key: &'static str, value: usize, name: &str, bound: usize) {
        if value > bound {
            self.0.push((key, format!("found {value}; allowed: at most {name}, which is {bound}")));
        }
    }

    /// Anything else that must hold.
    pub(super) fn check(&mut self, holds: bool, key: &'static str, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push((key, problem()));
        }
    }
}

/// Type of a parameter.
pub(super) trait Param {
    /// What says which values are allowed.
    type Allowed;
    fn offer(&mut self, name: &'static str, allowed: Self::Allowed, visitor: &mut dyn ParamVisitor);
}

impl Param for usize {
    type Allowed = Whole;
    fn offer(&mut self, name: &'static str, allowed: Whole, visitor: &mut dyn ParamVisitor) {
        visitor.count(name, self, allowed);
    }
}

impl Param for f64 {
    type Allowed = Number;
    fn offer(&mut self, name: &'static str, allowed: Number, visitor: &mut dyn ParamVisitor) {
        visitor.real(name, self, allowed);
    }
}

impl Param for bool {
    type Allowed = Switch;
    fn offer(&mut self, name: &'static str, _: Switch, visitor: &mut dyn ParamVisitor) {
        visitor.flag(name, self);
    }
}

/// Declares the parameters of a strategy, as `Params`:
/// `name: type = default, allowed, old "name in the existing system" …;`. The last part may be left out.
///
/// The strategy checks parameters against each other in an inherent `fn check(&self, &mut Contradictions)`.
macro_rules! params {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$fmeta:meta])* $field:ident : $ty:ty = $default:expr, $allowed:expr $(, old $($old:literal)+)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default),* } }
        }
        impl $crate::strategies::params::ParamTable for $name {
            fn visit(&mut self, visitor: &mut dyn $crate::strategies::params::ParamVisitor) {
                use $crate::strategies::params::Param;
                $(self.$field.offer(stringify!($field), $allowed, visitor);)*
            }
            fn contradictions(&self) -> $crate::strategies::params::Contradictions {
                let mut found = $crate::strategies::params::Contradictions::default();
                self.check(&mut found);
                found
            }
            fn old_names(&self) -> &'static [(&'static str, &'static str)] {
                &[$($($(($old, stringify!($field)),)+)?)*]
            }
        }
    };
}
pub(super) use params;
