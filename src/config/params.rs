//! `[strategies]`: the parameters of the strategies, their ranges, and what differs by timeframe.

use super::{
    MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK, StrategyParams,
    node::{Data, Node, Table},
    origin::Origin,
    rules::{Flag, Real, Scalar, above_zero, int, not_negative, real},
    section::{FromSection, Optional, Section},
    strategies::{ParamTable, ParamVisitor},
    timeframes::each_timeframe,
};
use crate::model::Timeframe;
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

/// A section of the strategies, by name.
type Pick = fn(&mut StrategyParams) -> &mut dyn ParamTable;

/// Sections of the strategies.
pub(super) const TABLES: [(&str, Pick); 6] = [
    ("common", |p| &mut p.common),
    ("macd_rsi", |p| &mut p.macd_rsi),
    ("ma_crossover", |p| &mut p.ma_crossover),
    ("rsi_trend", |p| &mut p.rsi_trend),
    ("bollinger_breakout", |p| &mut p.bollinger_breakout),
    ("sr_breakout", |p| &mut p.sr_breakout),
];

/// Names of the parameters of a section.
pub(super) fn param_names(pick: Pick) -> Vec<&'static str> {
    struct Names(Vec<&'static str>);
    impl ParamVisitor for Names {
        fn count(&mut self, name: &'static str, _: &mut usize) {
            self.0.push(name);
        }
        fn real(&mut self, name: &'static str, _: &mut f64) {
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
        for (name, pick) in TABLES {
            let node = section.node(name).unwrap_or(&empty);
            nodes.push((name, pick, node));
            let mut inner = section.below(name, node);
            pick(&mut config.default).visit(&mut Reader { section: &mut inner, required: true });
            inner.node("timeframes");
            for (key, problem) in contradictions(name, &config.default) {
                inner.fault(key, problem);
            }
            inner.finish();
        }
        for (name, pick, node) in nodes {
            let Some(table) = node.table().and_then(|table| table.get("timeframes")) else { continue };
            let known = contradictions(name, &config.default);
            let mut inner = section.below(&format!("{name}.timeframes"), table);
            each_timeframe(&mut inner, |timeframe, inner| {
                let params = config.timeframes.entry(timeframe).or_insert_with(|| config.default.clone());
                pick(params).visit(&mut Reader { section: inner, required: false });
                for (key, problem) in contradictions(name, params) {
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
    fn count(&mut self, name: &'static str, value: &mut usize) {
        let (min, max) = count_range(name);
        self.read(name, &int::<usize>(min as i64, max as i64), value);
    }
    fn real(&mut self, name: &'static str, value: &mut f64) {
        self.read(name, &real_range(name), value);
    }
    fn flag(&mut self, name: &'static str, value: &mut bool) {
        self.read(name, &Flag, value);
    }
}

/// Smallest and largest value of a whole-number parameter; names mean the same in all strategies.
fn count_range(name: &str) -> (usize, usize) {
    match name {
        // One bar has no slow average, no gain to average and no deviation.
        "macd_fast" | "macd_slow" | "slow_period" | "rsi_period" | "trend_rsi_period" | "period" => (2, MAX_PERIOD),
        "macd_signal" | "fast_period" | "volume_period" => (1, MAX_PERIOD),
        "swing_min_index" => (3, MAX_PERIOD),
        "swing_lookback" => (2, MAX_SWING_LOOKBACK),
        // Below two bars the momentum is 0.5 by definition.
        "momentum_bars" => (2, MAX_LOOKBACK),
        // A pivot needs two bars on either side, all before the present one.
        "lookback" => (5, MAX_LOOKBACK),
        "consolidation_min_bars" | "trend_min_bars" => (0, MAX_LOOKBACK + 1),
        _ => (1, MAX_LOOKBACK),
    }
}

/// What a parameter that is a number may be.
fn real_range(name: &str) -> Real {
    match name {
        "rsi_oversold" | "rsi_overbought" | "rsi_midline" | "midline" | "pullback_low" | "pullback_high"
        | "rally_low" | "rally_high" => real(0.0, 100.0),
        "std_dev" => above_zero(100.0),
        "tolerance" => real(0.0, 1.0),
        // Divisors.
        "volume_threshold" | "rsi_momentum_range" | "strength_touches" | "strength_span" | "full_touches" => {
            above_zero(f64::MAX)
        }
        _ if name.ends_with("_confidence") => real(0.0, 1.0),
        _ => not_negative(),
    }
}

/// Parameters of a section that each are allowed and together are not.
fn contradictions(section: &str, params: &StrategyParams) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut check = |good: bool, key: &'static str, problem: String| {
        if !good {
            found.push((key, problem));
        }
    };
    match section {
        "common" => {
            let p = &params.common;
            let least = p.swing_lookback + 1;
            let text = format!("found {}; allowed: more than swing_lookback, so {least} or more", p.swing_min_index);
            check(p.swing_min_index >= least, "swing_min_index", text);
        }
        "macd_rsi" => {
            let p = &params.macd_rsi;
            check(p.macd_fast < p.macd_slow, "macd_fast", less(p.macd_fast, "macd_slow", p.macd_slow));
            let text = less(p.rsi_oversold, "rsi_overbought", p.rsi_overbought);
            check(p.rsi_oversold < p.rsi_overbought, "rsi_oversold", text);
        }
        "ma_crossover" => {
            let p = &params.ma_crossover;
            check(p.fast_period < p.slow_period, "fast_period", less(p.fast_period, "slow_period", p.slow_period));
        }
        "rsi_trend" => {
            let p = &params.rsi_trend;
            let most = p.trend_bars + 1;
            let text = format!("found {}; allowed: at most trend_bars + 1, so {most}", p.trend_min_bars);
            check(p.trend_min_bars <= most, "trend_min_bars", text);
            check(
                p.pullback_low < p.pullback_high,
                "pullback_low",
                less(p.pullback_low, "pullback_high", p.pullback_high),
            );
            check(p.rally_low < p.rally_high, "rally_low", less(p.rally_low, "rally_high", p.rally_high));
        }
        "bollinger_breakout" => {
            let p = &params.bollinger_breakout;
            let good = p.consolidation_min_bars <= p.consolidation_bars;
            check(good, "consolidation_min_bars", at_most(p.consolidation_min_bars, p.consolidation_bars));
        }
        _ => {
            let p = &params.sr_breakout;
            let good = p.consolidation_min_bars <= p.consolidation_bars;
            check(good, "consolidation_min_bars", at_most(p.consolidation_min_bars, p.consolidation_bars));
            check(p.hold_bars < p.lookback, "hold_bars", less(p.hold_bars, "lookback", p.lookback));
        }
    }
    found
}

fn less(value: impl std::fmt::Display, name: &str, bound: impl std::fmt::Display) -> String {
    format!("found {value}; allowed: less than {name}, which is {bound}")
}

fn at_most(value: usize, bound: usize) -> String {
    format!("found {value}; allowed: at most consolidation_bars, which is {bound}")
}
