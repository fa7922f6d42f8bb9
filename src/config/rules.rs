//! Rules for single values.

pub(super) use super::section::Scalar;
use super::{
    node::{Data, Node},
    shape::{Shape, TIMEFRAME},
    url::RedisUrl,
};
use crate::model::{AssetType, Timeframe, TradingStyle};
use crate::redis_io::AddressError;
use std::marker::PhantomData;

/// A boolean.
pub(super) struct Flag;

impl Scalar for Flag {
    type Out = bool;
    fn read(&self, node: &Node) -> Option<bool> {
        if let Data::Flag(flag) = node.data { Some(flag) } else { None }
    }
    fn allowed(&self) -> String {
        "true or false".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Flag
    }
}

/// A whole number in a range.
pub(super) struct Int<T> {
    min: i64,
    max: i64,
    as_type: PhantomData<T>,
}

/// A whole number from `min` to `max`, inclusive.
pub(super) const fn int<T>(min: i64, max: i64) -> Int<T> {
    Int { min, max, as_type: PhantomData }
}

impl<T: TryFrom<i64>> Scalar for Int<T> {
    type Out = T;
    fn read(&self, node: &Node) -> Option<T> {
        let Data::Int(value) = node.data else { return None };
        if (self.min..=self.max).contains(&value) { T::try_from(value).ok() } else { None }
    }
    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }
    fn shape(&self) -> Shape {
        Shape::Whole(self.min, self.max)
    }
}

/// A finite number in a range.
pub(super) struct Real {
    pub min: f64,
    pub max: f64,
    /// Whether it must be above `min`.
    pub above: bool,
}

/// A number from `min` to `max`, inclusive.
pub(super) const fn real(min: f64, max: f64) -> Real {
    Real { min, max, above: false }
}

/// A finite number that is not negative.
pub(super) const fn not_negative() -> Real {
    Real { min: 0.0, max: f64::MAX, above: false }
}

/// A number above 0, up to `max`.
pub(super) const fn above_zero(max: f64) -> Real {
    Real { min: 0.0, max, above: true }
}

impl Scalar for Real {
    type Out = f64;
    fn read(&self, node: &Node) -> Option<f64> {
        let value = match node.data {
            Data::Real(real) => real,
            Data::Int(int) => int as f64,
            _ => return None,
        };
        let low = if self.above { value > self.min } else { value >= self.min };
        (low && value <= self.max).then_some(value)
    }
    fn allowed(&self) -> String {
        match (self.above, self.max == f64::MAX) {
            (true, true) => format!("a number above {}", self.min),
            (true, false) => format!("a number above {}, at most {}", self.min, self.max),
            (false, true) => format!("a number of {} or more", self.min),
            (false, false) => format!("a number from {} to {}", self.min, self.max),
        }
    }
    fn shape(&self) -> Shape {
        Shape::Real { min: self.min, max: self.max, above: self.above }
    }
}

/// A text; `empty` says whether it may be empty.
pub(super) struct Text {
    pub empty: bool,
}

/// A text that is not empty.
pub(super) const fn text() -> Text {
    Text { empty: false }
}

impl Scalar for Text {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Text(text) if self.empty || !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        }
    }
    fn allowed(&self) -> String {
        if self.empty { "a text".to_owned() } else { "a text that is not empty".to_owned() }
    }
    fn shape(&self) -> Shape {
        Shape::Text { empty: self.empty }
    }
}

/// A name with placeholders, such as `calculations:{symbol}_complete`.
pub(super) struct Template(pub &'static [&'static str]);

impl Scalar for Template {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        let Data::Text(text) = &node.data else { return None };
        let mut rest = text.clone();
        for place in self.0 {
            if rest.matches(place).count() != 1 {
                return None;
            }
            rest = rest.replace(place, "");
        }
        (!rest.trim().is_empty() && !rest.contains(['{', '}'])).then(|| text.clone())
    }
    fn allowed(&self) -> String {
        format!("a name that has {} in it, once", self.0.join(" and "))
    }
    fn shape(&self) -> Shape {
        Shape::Text { empty: false }
    }
}

/// A timeframe.
pub(super) struct TimeframeText;

impl Scalar for TimeframeText {
    type Out = Timeframe;
    fn read(&self, node: &Node) -> Option<Timeframe> {
        if let Data::Text(text) = &node.data { text.parse().ok() } else { None }
    }
    fn allowed(&self) -> String {
        "a timeframe: a number and s, m, h, d or w, such as \"5m\", at most 10 years".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Pattern(TIMEFRAME)
    }
}

/// The URL of a Redis server.
pub(super) struct Url;

impl Scalar for Url {
    type Out = RedisUrl;
    fn read(&self, node: &Node) -> Option<RedisUrl> {
        if let Data::Text(text) = &node.data { text.parse().ok() } else { None }
    }
    fn allowed(&self) -> String {
        AddressError::ALLOWED.to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Text { empty: false }
    }
    fn found(&self, node: &Node) -> String {
        match &node.data {
            Data::Text(text) => text.parse::<RedisUrl>().err().map_or("", AddressError::found).to_owned(),
            _ => format!("{}, not shown", node.kind()),
        }
    }
}

/// One of a few names.
pub(crate) trait Named: Copy + 'static {
    /// Names and what they mean.
    const NAMES: &'static [(&'static str, Self)];
    /// Other accepted spellings, which messages do not mention.
    const ALIASES: &'static [(&'static str, Self)] = &[];

    /// What has this name, in any case.
    fn named(text: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .chain(Self::ALIASES)
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|&(_, value)| value)
    }
}

/// One of the names of a type.
pub(super) struct Choice<T>(PhantomData<T>);

/// One of the names of a type.
pub(super) const fn choice<T>() -> Choice<T> {
    Choice(PhantomData)
}

impl<T: Named> Scalar for Choice<T> {
    type Out = T;
    fn read(&self, node: &Node) -> Option<T> {
        if let Data::Text(text) = &node.data { T::named(text) } else { None }
    }
    fn allowed(&self) -> String {
        T::NAMES.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    }
    fn shape(&self) -> Shape {
        Shape::OneOf(T::NAMES.iter().chain(T::ALIASES).map(|(name, _)| (*name).to_owned()).collect())
    }
}

/// Declares an enum by the names of its variants; the first is the default.
macro_rules! choice_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),* }
        impl $name {
            /// Name as configured.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl Default for $name {
            fn default() -> Self {
                [$(Self::$variant),*][0]
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
        impl $crate::config::rules::Named for $name {
            const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),*];
        }
    };
}
pub(super) use choice_enum;

impl Named for TradingStyle {
    const NAMES: &'static [(&'static str, Self)] =
        &[("day", Self::Day), ("swing", Self::Swing), ("position", Self::Position)];
    const ALIASES: &'static [(&'static str, Self)] =
        &[("day_trading", Self::Day), ("swing_trading", Self::Swing), ("position_trading", Self::Position)];
}

impl Named for super::PriceMethod {
    const NAMES: &'static [(&'static str, Self)] =
        &[("ohlc", Self::Ohlc), ("vwap", Self::Vwap), ("typical", Self::Typical)];
}

impl Named for AssetType {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("stock", Self::Stock),
        ("etf", Self::Etf),
        ("crypto", Self::Crypto),
        ("forex", Self::Forex),
        ("future", Self::Future),
        ("option", Self::Option),
        ("index", Self::Index),
        ("commodity", Self::Commodity),
        ("bond", Self::Bond),
    ];
    const ALIASES: &'static [(&'static str, Self)] = &[
        ("equity", Self::Stock),
        ("cryptocurrency", Self::Crypto),
        ("futures", Self::Future),
        ("options", Self::Option),
    ];
}
