//! `[[strategies.external]]`: strategies outside, whose signals come in with the input.

use super::{
    aliases,
    rules::{Flag, text},
    section::{List, Or, Section},
};
use crate::model::MAX_FACTORS;

/// A strategy outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalStrategy {
    /// Its name, as its signals have it.
    pub name: String,
    /// Whether its signals are taken.
    pub enabled: bool,
    /// Names of the factors that its signals may have, in the order in which they are published.
    pub factors: Vec<String>,
}

/// Longest name of a strategy or a factor, bytes.
const LONGEST: usize = 40;
/// Names that mean something else where a strategy's stands.
const TAKEN: [&str; 4] = ["common", "custom", "external", "probe"];

impl ExternalStrategy {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let strategy = Self {
            name: section.get("name", text()),
            enabled: section.get("enabled", Or(Flag, true)),
            factors: if section.has("factors") { section.get("factors", List(text())) } else { Vec::new() },
        };
        let wrong = |name: &str| {
            format!("found {name:?}; allowed: letters a to z, digits and _, a letter first, at most {LONGEST} bytes")
        };
        if !strategy.name.is_empty() && !is_name(&strategy.name) {
            section.fault("name", wrong(&strategy.name));
        }
        if aliases::strategy(&strategy.name).is_some() || TAKEN.contains(&strategy.name.as_str()) {
            section.fault("name", format!("{:?} is a name of the engine's own; allowed: another", strategy.name));
        }
        for (k, factor) in strategy.factors.iter().enumerate() {
            if !is_name(factor) {
                section.fault("factors", wrong(factor));
            }
            if strategy.factors[..k].contains(factor) {
                section.fault("factors", format!("{factor:?} is there twice"));
            }
        }
        if strategy.factors.len() > MAX_FACTORS {
            let count = strategy.factors.len();
            section.fault("factors", format!("has {count}; allowed: at most {MAX_FACTORS}"));
        }
        Some(strategy)
    }

    /// Tells of names that are there twice.
    pub(super) fn check(all: &[Self], section: &mut Section<'_, '_>) {
        for (k, strategy) in all.iter().enumerate() {
            if let Some(first) = all[..k].iter().position(|other| other.name == strategy.name) {
                let text = format!("[{k}] is named {:?}, as [{first}] is; allowed: a name of its own", strategy.name);
                section.fault("external", text);
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= LONGEST && name.bytes().all(known) && name.starts_with(|first: char| first.is_ascii_lowercase())
}
