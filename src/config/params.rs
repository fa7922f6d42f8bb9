//! `[strategies]`: the parameters of the strategies, as they declare them, and what differs by timeframe.

use super::{
    node::{Data, Node, Table},
    origin::Origin,
    rules::{Flag, Real, Scalar, int},
    section::{FromSection, Optional, Section},
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
}

impl StrategiesConfig {
    /// The parameters of a timeframe.
    #[must_use]
    pub fn of(&self, timeframe: Timeframe) -> &StrategyParams {
        self.timeframes.get(&timeframe).unwrap_or(&self.default)
    }
}

/// Names of the parameters of a section.
pub(super) fn param_names(pick: Pick) -> Vec<&'static str> {
    struct Names(Vec<&'static str>);
    impl ParamVisitor for Names {
        fn count(&mut self, name: &'static str, _: &mut usize, _: Whole) {
            self.0.push(name);
        }
        fn real(&mut self, name: &'static str, _: &mut f64, _: Number) {
            self.0.push(name);
        }
        fn flag(&mut self, name: &'static str, _: &mut bool) {
            self.0.push(name);
        }
    }
    let mut names = Names(Vec::new());
    pick(&mut StrategyParams::default()).visit(&mut names);
    names.0
}

impl FromSection for StrategiesConfig {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let mut config = Self::default();
        let empty = Node::new(Data::Table(Table::new()), Origin::Program);
        let mut nodes = Vec::new();
        for &(name, pick) in TABLES {
            let node = section.node(name).unwrap_or(&empty);
            nodes.push((name, pick, node));
            let mut inner = section.below(name, node);
            pick(&mut config.default).visit(&mut Reader { section: &mut inner, required: true });
            inner.node("timeframes");
            for (key, problem) in pick(&mut config.default).contradictions().0 {
                inner.fault(key, problem);
            }
            inner.finish();
        }
        for (name, pick, node) in nodes {
            let Some(table) = node.table().and_then(|table| table.get("timeframes")) else { continue };
            let known = pick(&mut config.default).contradictions().0;
            let mut inner = section.below(&format!("{name}.timeframes"), table);
            each_timeframe(&mut inner, |timeframe, inner| {
                let params = config.timeframes.entry(timeframe).or_insert_with(|| config.default.clone());
                pick(params).visit(&mut Reader { section: inner, required: false });
                for (key, problem) in pick(params).contradictions().0 {
                    if !known.iter().any(|(k, _)| *k == key) {
                        inner.fault(key, problem);
                    }
                }
            });
        }
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
