//! `[[strategies.custom]]`: strategies that the configuration defines, in the language of [`crate::strategies::custom`].

use super::{
    node::{Data, Node},
    rules::{Flag, Named, Scalar, Text, TimeframeText, choice, real, text},
    section::{List, Optional, Or, Section},
    shape::Shape,
};
use crate::model::{Side, Timeframe};

/// One strategy, or what it is on some timeframes.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomConfig {
    /// Its name, as published.
    pub name: String,
    /// Whether it runs.
    pub enabled: bool,
    /// The side of its signals.
    pub side: Side,
    /// The condition under which it gives one.
    pub when: String,
    /// How sure it is then.
    pub confidence: String,
    /// Confidence below which it gives none, in [0, 1].
    pub min_confidence: f64,
    /// Whether it gives one on every bar on which the condition holds.
    pub every_bar: bool,
    /// The timeframes it runs on; `None` for all.
    pub timeframes: Option<Vec<Timeframe>>,
    /// The symbols it runs on; `None` for all.
    pub symbols: Option<Vec<String>>,
}

impl Named for Side {
    const NAMES: &'static [(&'static str, Self)] = &[("buy", Self::Buy), ("sell", Self::Sell)];
}

/// A formula, which may be a number.
struct Formula;

impl Scalar for Formula {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Real(number) => Some(number.to_string()),
            Data::Int(number) => Some(number.to_string()),
            _ => Text { empty: false }.read(node),
        }
    }
    fn allowed(&self) -> String {
        "a number, or a text with an expression such as \"0.5 + 0.5 * clamp((rsi(14) - 50) / 20)\"".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Either(vec![real(f64::MIN, f64::MAX).shape(), Text { empty: false }.shape()])
    }
}

/// What a strategy may be called.
struct StrategyTitle;

impl Scalar for StrategyTitle {
    type Out = String;
    fn read(&self, node: &Node) -> Option<String> {
        let Data::Text(name) = &node.data else { return None };
        let is_good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 40
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        is_good.then(|| name.clone())
    }
    fn allowed(&self) -> String {
        "a name of lower-case letters, digits and _, at most 40, such as \"dip_in_trend\"".to_owned()
    }
    fn shape(&self) -> Shape {
        Shape::Pattern("^[a-z][a-z0-9_]{0,39}$")
    }
}

impl CustomConfig {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let side = section.get("side", Optional(&choice()));
        if !section.has("side") {
            section.missing("side", "\"buy\" or \"sell\"");
        }
        let own = Self {
            name: section.get("name", StrategyTitle),
            enabled: section.get("enabled", Or(Flag, true)),
            side: side.unwrap_or(Side::Buy),
            when: section.get("when", text()),
            confidence: section.get("confidence", Formula),
            min_confidence: section.get("min_confidence", Or(real(0.0, 1.0), 0.0)),
            every_bar: section.get("every_bar", Or(Flag, false)),
            timeframes: section.has("timeframes").then(|| section.get("timeframes", List(TimeframeText))),
            symbols: section.has("symbols").then(|| section.get("symbols", List(text()))),
        };
        Some(own)
    }

    /// Whether it runs on a timeframe.
    pub(super) fn runs_on(&self, timeframe: Timeframe) -> bool {
        self.enabled && self.timeframes.as_ref().is_none_or(|list| list.contains(&timeframe))
    }
}
