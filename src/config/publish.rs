//! `[publish]`: what of old news is published, and how.

use super::{
    node::{Data, Node},
    rules::{Flag, Scalar},
    section::{nested, section},
    shape::Shape,
};
use crate::model::{Timeframe, TradingStyle};
use std::fmt;

/// Added to the intervals of [`MaxAge::Auto`], ms: of a short timeframe a feed is late by more than a bar.
const GRACE_MS: i64 = 60_000;
/// Longest time that you may configure: 10 years, ms.
const LONGEST_MS: i64 = 315_360_000_000;
/// What a length of time may be written as.
const UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// From which age on a signal is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxAge {
    /// Two intervals of its timeframe and a minute.
    #[default]
    Auto,
    /// Never.
    Off,
    /// This one, ms.
    Fixed(i64),
}

impl MaxAge {
    /// The age for signals of a timeframe, ms.
    #[must_use]
    pub fn ms(self, timeframe: Timeframe) -> i64 {
        match self {
            Self::Auto => timeframe.interval_ms().saturating_mul(2).saturating_add(GRACE_MS),
            Self::Off => i64::MAX,
            Self::Fixed(ms) => ms,
        }
    }
}

impl fmt::Display for MaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Fixed(ms) => write!(f, "{ms}ms"),
        }
    }
}

/// A length of time, as a regular expression.
const TIME_SPAN: &str = "^ *[0-9]+ *(ms|s|m|h|d) *$";

/// A length of time with its unit, such as `15m`, or 0; ms.
pub(super) struct TimeSpan;

impl Scalar for TimeSpan {
    type Out = i64;
    fn read(&self, node: &Node) -> Option<i64> {
        let text = match &node.data {
            Data::Int(0) => return Some(0),
            Data::Text(text) => text.trim(),
            _ => return None,
        };
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == text[digits..].trim_start())?;
        let ms = text[..digits].parse::<i64>().ok()?.checked_mul(*factor)?;
        (ms <= LONGEST_MS).then_some(ms)
    }
    fn allowed(&self) -> String {
        "a whole number and ms, s, m, h or d, such as \"15m\", at most 10 years; or 0".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Either(vec![Shape::Pattern(TIME_SPAN), Shape::Whole(0, 0)])
    }
}

/// An age, `auto` or `off`.
struct Age;

impl Scalar for Age {
    type Out = MaxAge;
    fn read(&self, node: &Node) -> Option<MaxAge> {
        match &node.data {
            Data::Text(text) if text == "auto" => Some(MaxAge::Auto),
            Data::Text(text) if text == "off" => Some(MaxAge::Off),
            _ => TimeSpan.read(node).map(MaxAge::Fixed),
        }
    }
    fn allowed(&self) -> String {
        format!("\"auto\", \"off\", or {}", TimeSpan.allowed())
    }
    fn shape(&self) -> Shape {
        Shape::Either(vec![Shape::OneOf(["auto", "off"].map(str::to_owned).to_vec()), TimeSpan.shape()])
    }
}

section! {
    /// What of old news is published, and how.
    PublishConfig {
        /// From which age on a signal is stale.
        max_age: MaxAges = nested(),
        /// Whether stale signals are held back.
        hold_stale: bool = Flag,
    }
}

section! {
    /// From which age on a signal is stale, by trading style.
    MaxAges {
        /// Within the day.
        day: MaxAge = Age,
        /// Days.
        swing: MaxAge = Age,
        /// Weeks and longer.
        position: MaxAge = Age,
    }
}

impl MaxAges {
    /// The ages by [`TradingStyle::index`].
    #[must_use]
    pub const fn table(&self) -> [MaxAge; TradingStyle::ALL.len()] {
        [self.day, self.swing, self.position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Layer};

    fn load(text: &str) -> Result<Config, String> {
        let layer = Layer::File { name: "my.toml".to_owned(), bytes: text.as_bytes().to_vec() };
        Config::load(&[layer]).map(|loaded| loaded.config).map_err(|faults| faults.to_string())
    }

    #[test]
    fn ages_are_lengths_of_time_or_words() {
        let ages = |text: &str| load(&format!("[publish.max_age]\n{text}")).unwrap().publish.max_age;
        assert_eq!(ages("").table(), [MaxAge::Auto; 3]);
        let ages = ages("day = \"90s\"\nswing = \"off\"\nposition = \"3 d\"");
        assert_eq!(ages.table(), [MaxAge::Fixed(90_000), MaxAge::Off, MaxAge::Fixed(3 * 86_400_000)]);
        let timeframe = |text: &str| text.parse::<Timeframe>().unwrap();
        assert_eq!(MaxAge::Auto.ms(timeframe("5m")), 660_000);
        assert_eq!(MaxAge::Off.ms(timeframe("1s")), i64::MAX);
        for bad in
            ["\"soon\"", "90", "\"-1s\"", "\"1.5m\"", "\"11000d\"", "\"99999999999999999999s\"", "true", "\"ms\""]
        {
            let said = load(&format!("[publish.max_age]\nday = {bad}")).unwrap_err();
            assert!(said.contains("publish.max_age.day") && said.contains("\"15m\""), "{bad}: {said}");
        }
    }
}
