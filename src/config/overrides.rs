//! Parameters of strategies that one symbol has for itself.

use super::{
    aliases,
    node::{Data, Node, Table},
    origin::Origin,
    params::declare_old_names,
    rules::{Flag, Real, Scalar, int},
    section::{Field, Optional, Section},
    shape::{Declared, Shape},
};
use crate::strategies::{Number, ParamVisitor, StrategyParams, TABLES, Whole};

/// A value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Count(usize),
    Real(f64),
    Flag(bool),
}

/// Parameters of one symbol, over those of every timeframe.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overrides(Vec<(&'static str, &'static str, Value)>);

/// The name of a strategy, here or in the existing system.
pub(super) struct StrategyName;

impl Scalar for StrategyName {
    type Out = &'static str;
    fn read(&self, node: &Node) -> Option<&'static str> {
        let Data::Text(name) = &node.data else { return None };
        aliases::strategy(name).filter(|&name| name != "common")
    }
    fn allowed(&self) -> String {
        let names: Vec<&str> = TABLES.iter().map(|(name, _)| *name).filter(|name| *name != "common").collect();
        format!("one of {}", names.join(", "))
    }
    fn shape(&self) -> Shape {
        let names = TABLES.iter().map(|(name, _)| *name).filter(|name| *name != "common");
        Shape::OneOf(names.flat_map(|name| [name.to_owned(), aliases::old_name(name)]).collect())
    }
}

/// Reads the overrides of a symbol.
pub(super) struct OverridesField;

impl Overrides {
    /// How they are read.
    pub(super) const FIELD: OverridesField = OverridesField;

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts them over parameters.
    pub(super) fn apply(&self, params: &mut StrategyParams) {
        for &(name, pick) in TABLES {
            let own: Vec<(&str, Value)> = self.0.iter().filter(|o| o.0 == name).map(|o| (o.1, o.2)).collect();
            if !own.is_empty() {
                pick(params).visit(&mut Apply(own));
            }
        }
    }

    /// What of the parameters with these over them does not go together, and did without them: strategy, key, problem.
    pub(super) fn contradictions(&self, base: &StrategyParams) -> Vec<(&'static str, &'static str, String)> {
        let (mut before, mut after) = (base.clone(), base.clone());
        self.apply(&mut after);
        let mut found = Vec::new();
        for &(name, pick) in TABLES {
            let known = pick(&mut before).contradictions().0;
            for (key, problem) in pick(&mut after).contradictions().0 {
                if !known.iter().any(|(k, _)| *k == key) {
                    found.push((name, key, problem));
                }
            }
        }
        found
    }
}

impl Field for OverridesField {
    type Out = Overrides;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Overrides {
        let mut overrides = Overrides::default();
        section.declare(key, || Declared::Shape(Shape::Table, "a table of strategies, each of parameters".to_owned()));
        let empty = Node::new(Data::Table(Table::new()), Origin::Program);
        let node = section.node(key).unwrap_or(&empty);
        let mut section = section.below(key, node);
        for &(name, pick) in TABLES.iter().filter(|(name, _)| *name != "common") {
            section.declare(name, || Declared::Shape(Shape::Table, "a table of parameters".to_owned()));
            section.declare(&aliases::old_name(name), || Declared::OldName(name.to_owned()));
            let Some(node) = section.node(name) else { continue };
            let mut inner = section.below(name, node);
            let mut values = Vec::new();
            pick(&mut StrategyParams::default()).visit(&mut Collect { section: &mut inner, values: &mut values });
            declare_old_names(pick, &mut inner);
            inner.finish();
            overrides.0.extend(values.into_iter().map(|(param, value)| (name, param, value)));
        }
        section.finish();
        overrides
    }
}

/// Collects the parameters that are there.
struct Collect<'r, 't, 'f> {
    section: &'r mut Section<'t, 'f>,
    values: &'r mut Vec<(&'static str, Value)>,
}

impl ParamVisitor for Collect<'_, '_, '_> {
    fn count(&mut self, name: &'static str, _: &mut usize, Whole { min, max }: Whole) {
        let value = self.section.get(name, Optional(&int::<usize>(min as i64, max as i64)));
        self.values.extend(value.map(|value| (name, Value::Count(value))));
    }
    fn real(&mut self, name: &'static str, _: &mut f64, Number { min, max, above }: Number) {
        let value = self.section.get(name, Optional(&Real { min, max, above }));
        self.values.extend(value.map(|value| (name, Value::Real(value))));
    }
    fn flag(&mut self, name: &'static str, _: &mut bool) {
        let value = self.section.get(name, Optional(&Flag));
        self.values.extend(value.map(|value| (name, Value::Flag(value))));
    }
}

/// Puts values over parameters.
struct Apply<'a>(Vec<(&'a str, Value)>);

impl Apply<'_> {
    fn of(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }
}

impl ParamVisitor for Apply<'_> {
    fn count(&mut self, name: &'static str, value: &mut usize, _: Whole) {
        if let Some(Value::Count(own)) = self.of(name) {
            *value = own;
        }
    }
    fn real(&mut self, name: &'static str, value: &mut f64, _: Number) {
        if let Some(Value::Real(own)) = self.of(name) {
            *value = own;
        }
    }
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        if let Some(Value::Flag(own)) = self.of(name) {
            *value = own;
        }
    }
}
