//! `[strategies]`: the parameters of the strategies, as they declare them, and what differs by timeframe.

use super::{
    aliases,
    custom::CustomConfig,
    external::ExternalStrategy,
    node::{Data, Node, Table},
    origin::Origin,
    rules::{Flag, Real, Scalar, TimeframeText, int},
    section::{FromSection, List, Optional, Section, Tables},
    shape::{Declared, Shape},
    timeframes::each_timeframe,
};
use crate::{
    model::Timeframe,
    strategies::{Number, ParamVisitor, Pick, StrategyParams, TABLES, Whole},
};
use std::collections::BTreeMap;

/// The parameters of the strategies.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StrategiesConfig {
    /// Of timeframes that do not say otherwise.
    pub default: StrategyParams,
    /// Of timeframes that do, complete.
    pub timeframes: BTreeMap<Timeframe, StrategyParams>,
    /// By strategy: the timeframes it runs on, where it does not run on all.
    pub supported: BTreeMap<&'static str, Vec<Timeframe>>,
    /// Those that the configuration defines.
    pub custom: Vec<CustomConfig>,
    /// Strategies outside, in the order of publication, behind all others.
    pub external: Vec<ExternalStrategy>,
}

impl StrategiesConfig {
    /// The parameters of a timeframe.
    #[must_use]
    pub fn of(&self, timeframe: Timeframe) -> StrategyParams {
        let mut params = self.timeframes.get(&timeframe).unwrap_or(&self.default).clone();
        switch_off(&mut params, |name| self.supported.get(name).is_some_and(|list| !list.contains(&timeframe)));
        params
    }
}

/// Switches strategies off by name.
pub(super) fn switch_off(params: &mut StrategyParams, is_off: impl Fn(&str) -> bool) {
    for &(name, pick) in TABLES.iter().filter(|(name, _)| is_off(name)) {
        debug_assert_ne!(name, "common", "what all share cannot be switched off");
        pick(params).visit(&mut SwitchOff);
    }
}

struct SwitchOff;

impl ParamVisitor for SwitchOff {
    fn count(&mut self, _: &'static str, _: &mut usize, _: Whole) {}
    fn real(&mut self, _: &'static str, _: &mut f64, _: Number) {}
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        if name == "enabled" {
            *value = false;
        }
    }
}

/// Collects the parameters of a section.
#[derive(Default)]
struct Collector {
    names: Vec<&'static str>,
    values: Table,
}

impl Collector {
    fn of(pick: Pick) -> Self {
        let mut found = Self::default();
        pick(&mut StrategyParams::default()).visit(&mut found);
        found
    }

    fn add(&mut self, name: &'static str, data: Data) {
        let mut node = Node::new(data, Origin::Program);
        node.rank = self.names.len() as u64;
        self.names.push(name);
        self.values.insert(name.to_owned(), node);
    }
}

impl ParamVisitor for Collector {
    fn count(&mut self, name: &'static str, value: &mut usize, _: Whole) {
        self.add(name, Data::Int(*value as i64));
    }
    fn real(&mut self, name: &'static str, value: &mut f64, _: Number) {
        self.add(name, Data::Real(*value));
    }
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        self.add(name, Data::Flag(*value));
    }
}

/// Names of the parameters of a section.
pub(super) fn param_names(pick: Pick) -> Vec<&'static str> {
    Collector::of(pick).names
}

/// Adds the sections of the strategies that the tree has not got, with their defaults: so that a strategy runs before
/// the manual has a section for it.
pub(super) fn declare(tree: &mut Node) {
    let Some(strategies) = tree.table_mut().and_then(|root| root.get_mut("strategies")).and_then(Node::table_mut)
    else {
        return;
    };
    for &(name, pick) in TABLES {
        let section = || Node::new(Data::Table(Collector::of(pick).values), Origin::Program);
        strategies.entry(name.to_owned()).or_insert_with(section);
    }
}

/// Declares the names that parameters have in the existing system.
pub(super) fn declare_old_names(pick: Pick, section: &mut Section<'_, '_>) {
    for &(old, here) in pick(&mut StrategyParams::default()).old_names() {
        section.declare(old, || Declared::OldName(here.to_owned()));
    }
}

impl FromSection for StrategiesConfig {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let mut config = Self::default();
        let empty = Node::new(Data::Table(Table::new()), Origin::Program);
        let mut nodes = Vec::new();
        for &(name, pick) in TABLES {
            section.declare(name, || Declared::Shape(Shape::Table, "a table of parameters".to_owned()));
            section.declare(&aliases::old_name(name), || Declared::OldName(name.to_owned()));
            let node = section.node(name).unwrap_or(&empty);
            nodes.push((name, pick, node));
            let mut inner = section.below(name, node);
            pick(&mut config.default).visit(&mut Reader { section: &mut inner, required: true });
            declare_old_names(pick, &mut inner);
            inner.declare("timeframes", || Declared::Shape(Shape::Table, "tables by timeframe".to_owned()));
            inner.node("timeframes");
            if name != "common" && inner.has("supported_timeframes") {
                config.supported.insert(name, inner.get("supported_timeframes", List(TimeframeText)));
            }
            for (key, problem) in pick(&mut config.default).contradictions().0 {
                inner.fault(key, problem);
            }
            inner.finish();
        }
        config.custom = section.get("custom", Tables(CustomConfig::read));
        for (name, pick, node) in nodes {
            let Some(table) = node.table().and_then(|table| table.get("timeframes")) else { continue };
            let known = pick(&mut config.default).contradictions().0;
            let mut inner = section.below(&format!("{name}.timeframes"), table);
            each_timeframe(&mut inner, |timeframe, inner| {
                let params = config.timeframes.entry(timeframe).or_insert_with(|| config.default.clone());
                pick(params).visit(&mut Reader { section: inner, required: false });
                declare_old_names(pick, inner);
                for (key, problem) in pick(params).contradictions().0 {
                    if !known.iter().any(|(k, _)| *k == key) {
                        inner.fault(key, problem);
                    }
                }
            });
        }
        config.external = section.get("external", Tables(ExternalStrategy::read));
        ExternalStrategy::check(&config.external, section);
        config
    }
}

/// Reads parameters out of a section into what they were before.
struct Reader<'r, 't, 'f> {
    section: &'r mut Section<'t, 'f>,
    /// Whether a parameter must be there.
    required: bool,
}

impl Reader<'_, '_, '_> {
    fn read<S: Scalar>(&mut self, name: &'static str, rule: &S, value: &mut S::Out) {
        let had = self.section.has(name);
        if let Some(read) = self.section.get(name, Optional(rule)) {
            *value = read;
        } else if self.required && !had {
            self.section.missing(name, &rule.allowed());
        }
    }
}

impl ParamVisitor for Reader<'_, '_, '_> {
    fn count(&mut self, name: &'static str, value: &mut usize, Whole { min, max }: Whole) {
        self.read(name, &int::<usize>(min as i64, max as i64), value);
    }
    fn real(&mut self, name: &'static str, value: &mut f64, Number { min, max, above }: Number) {
        self.read(name, &Real { min, max, above }, value);
    }
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        self.read(name, &Flag, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULT_TOML;

    /// What a visitor sees of a parameter: its name, its default, and the range as the manual would say it.
    type Seen = (&'static str, toml::Value, Option<(String, String)>);

    #[derive(Default)]
    struct Declared(Vec<Seen>);

    impl ParamVisitor for Declared {
        fn count(&mut self, name: &'static str, value: &mut usize, allowed: Whole) {
            let range = (allowed.min.to_string(), allowed.max.to_string());
            self.0.push((name, toml::Value::Integer(*value as i64), Some(range)));
        }
        fn real(&mut self, name: &'static str, value: &mut f64, allowed: Number) {
            let range = (allowed.min.to_string(), allowed.max.to_string());
            self.0.push((name, toml::Value::Float(*value), Some(range)));
        }
        fn flag(&mut self, name: &'static str, value: &mut bool) {
            self.0.push((name, toml::Value::Boolean(*value), None));
        }
    }

    /// Ranges in the manual that end in the name of another parameter, not in a number.
    fn range_in(comment: &str) -> Option<(&str, &str)> {
        let words: Vec<&str> = comment.split([' ', ',', ':', ';']).filter(|word| !word.is_empty()).collect();
        let is_number = |word: &str| word.parse::<f64>().is_ok();
        let ranges = words.windows(3).filter(|w| w[1] == "to" && is_number(w[0]) && is_number(w[2]));
        ranges.map(|w| (w[0], w[2])).next()
    }

    #[test]
    fn the_manual_says_what_the_strategies_declare() {
        let mut ranges = 0;
        for &(name, pick) in TABLES.iter().filter(|(name, _)| *name != "added") {
            let mut declared = Declared::default();
            pick(&mut StrategyParams::default()).visit(&mut declared);
            let head = format!("\n[strategies.{name}]\n");
            let at = DEFAULT_TOML.find(&head).unwrap_or_else(|| panic!("the manual has no section{head}"));
            let section = DEFAULT_TOML[at + head.len()..].split("\n[").next().unwrap();
            let lines =
                section.lines().filter_map(|line| line.split_once(" = ")).filter(|(key, _)| !key.starts_with('#'));
            let mut declared = declared.0.into_iter();
            for (key, rest) in lines {
                let (param, default, range) = declared.next().unwrap_or_else(|| panic!("{name}.{key} is not declared"));
                assert_eq!(key, param, "the parameters of {name} come in the order of their declaration");
                let value = toml::from_str::<toml::Table>(&format!("v = {rest}")).unwrap().remove("v").unwrap();
                assert_eq!(value, default, "{name}.{key}");
                let comment = rest.split_once('#').map_or("", |(_, comment)| comment);
                if let Some((low, high)) = range_in(comment) {
                    let (min, max) = range.unwrap_or_else(|| panic!("{name}.{key} has no range"));
                    assert_eq!((low, high), (min.as_str(), max.as_str()), "{name}.{key}");
                    ranges += 1;
                }
            }
            assert_eq!(declared.next(), None, "the manual leaves a parameter of {name} out");
        }
        assert!(ranges > 25, "{ranges}");
    }

    #[test]
    fn a_strategy_without_a_section_in_the_manual_has_its_defaults() {
        let mut tree = Node::new(Data::Table(Table::new()), Origin::Program);
        tree.put(&["strategies", "common", "volume_period"], Node::new(Data::Int(7), Origin::Program));
        declare(&mut tree);
        let strategies = tree.table().unwrap()["strategies"].table().unwrap();
        assert_eq!(strategies.len(), TABLES.len());
        assert_eq!(strategies["common"].table().unwrap().len(), 1, "what is there stays as it is");
        assert_eq!(strategies["macd_rsi"].table().unwrap()["macd_fast"].data, Data::Int(12));
    }
}
