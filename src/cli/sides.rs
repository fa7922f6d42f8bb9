//! What two systems say of the same bars, held against each other. Pure.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A bar: its symbol and start, Unix ms.
pub type BarOf = (String, i64);

/// What one side says of a bar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// Numbers by name; those of a group as `macd.histogram`.
    pub indicators: BTreeMap<String, f64>,
    /// By strategy: the level, `none` where there is none.
    pub levels: BTreeMap<String, String>,
}

impl Said {
    /// Reads a map of results: of one timeframe, or of several with the old ones beside them.
    pub fn read(results: &Value) -> Self {
        let flat = results.get("legacy_indicators").unwrap_or(results);
        let mut said = Self::default();
        for (name, value) in flat.as_object().into_iter().flatten() {
            match value {
                Value::Number(number) => said.number(name.clone(), number.as_f64()),
                Value::Object(group) if !BESIDE.contains(&name.as_str()) => {
                    for (part, value) in group {
                        said.number(format!("{name}.{part}"), value.as_f64());
                    }
                }
                _ => {}
            }
        }
        let levels = results.get("legacy_signals").or_else(|| results.get("signals"));
        for (strategy, level) in levels.and_then(Value::as_object).into_iter().flatten() {
            let level = level.get("signal").and_then(Value::as_str).unwrap_or("none");
            said.levels.insert(strategy.clone(), level.to_owned());
        }
        said
    }

    fn number(&mut self, name: String, value: Option<f64>) {
        if let Some(value) = value {
            self.indicators.insert(name, value);
        }
    }
}

/// Groups of the results that hold no indicators.
const BESIDE: [&str; 6] =
    ["signals", "timeframes", "readiness", "symbol_config", "timeframe_results", "composite_signal"];

/// The bars of one side, as they are seen one after the other.
#[derive(Debug, Default)]
pub struct SeenBars {
    /// By symbol: the bar at hand, and what was said of it last.
    at_hand: BTreeMap<String, (i64, Said)>,
    /// By symbol: what was said of the bar before.
    before: BTreeMap<String, Said>,
    bars: BTreeMap<BarOf, Said>,
    /// Bars whose results are those of the bar before: they were not calculated.
    still: BTreeSet<BarOf>,
}

impl SeenBars {
    /// Takes a look at a symbol.
    pub fn look(&mut self, symbol: &str, start: i64, said: Said) {
        match self.at_hand.get_mut(symbol) {
            Some((own, last)) if *own == start => *last = said,
            _ => {
                self.finish(symbol);
                self.at_hand.insert(symbol.to_owned(), (start, said));
            }
        }
    }

    /// Ends the bar at hand: what was said of it last is what is said of it.
    fn finish(&mut self, symbol: &str) {
        let Some((start, said)) = self.at_hand.remove(symbol) else { return };
        let bar = (symbol.to_owned(), start);
        if self.before.insert(symbol.to_owned(), said.clone()).is_some_and(|before| before == said) {
            self.still.insert(bar.clone());
        }
        self.bars.insert(bar, said);
    }

    /// Ends all bars.
    pub fn end(&mut self) {
        let symbols: Vec<String> = self.at_hand.keys().cloned().collect();
        symbols.iter().for_each(|symbol| self.finish(symbol));
    }

    /// By symbol: the first and the last bar.
    fn ends(&self) -> BTreeMap<&str, (i64, i64)> {
        let mut ends: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (symbol, start) in self.bars.keys() {
            ends.entry(symbol).and_modify(|(_, last)| *last = *start).or_insert((*start, *start));
        }
        ends
    }
}

/// How one indicator differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Values that both sides have.
    pub both: usize,
    /// Values that only one side has: the old one, the new one.
    pub lone: [usize; 2],
    /// Largest difference, as a share of the larger of the two, and where it is.
    pub largest: f64,
    pub at: Option<BarOf>,
}

/// How one level differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    pub same: usize,
    pub different: usize,
    /// The first that differs: the bar, and what each side says.
    pub first: Option<(BarOf, [String; 2])>,
}

/// How signals differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalsApart {
    pub both: usize,
    /// Signals of one side alone: the old one, the new one.
    pub lone: [Vec<String>; 2],
    /// Largest difference of a confidence.
    pub largest: f64,
}

/// How two sides differ.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Bars that both sides have calculated.
    pub bars: usize,
    pub indicators: BTreeMap<String, Difference>,
    pub levels: BTreeMap<String, Levels>,
    pub signals: SignalsApart,
    /// Bars that one side skipped while the other did not: the old one, the new one.
    pub skipped: [Vec<BarOf>; 2],
}

/// The difference of two numbers as a share of the larger.
fn apart(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (a - b).abs() / a.abs().max(b.abs()) }
}

impl Comparison {
    /// Holds two sides against each other; signals by id with their confidences.
    pub fn of(old: &SeenBars, new: &SeenBars, signals: [&BTreeMap<String, f64>; 2]) -> Self {
        let mut found = Self { signals: signals_apart(signals), ..Self::default() };
        let sides = [old, new];
        let ends = sides.map(SeenBars::ends);
        // What comes before one side has begun, or behind its end, was not skipped.
        let within = |(symbol, start): &BarOf| {
            ends.iter()
                .all(|ends| ends.get(symbol.as_str()).is_some_and(|(first, last)| (first..=last).contains(&start)))
        };
        let calculated = |side: &SeenBars, bar: &BarOf| side.bars.contains_key(bar) && !side.still.contains(bar);
        let all: BTreeSet<&BarOf> = old.bars.keys().chain(new.bars.keys()).filter(|bar| within(bar)).collect();
        for bar in all {
            match sides.map(|side| calculated(side, bar)) {
                [true, true] => found.add(bar, [&old.bars[bar], &new.bars[bar]]),
                [false, true] => found.skipped[0].push(bar.clone()),
                [true, false] => found.skipped[1].push(bar.clone()),
                // Nothing has changed, says either side.
                [false, false] => {
                    if let (Some(old), Some(new)) = (old.bars.get(bar), new.bars.get(bar)) {
                        found.add(bar, [old, new]);
                    }
                }
            }
        }
        found
    }

    fn add(&mut self, bar: &BarOf, [old, new]: [&Said; 2]) {
        self.bars += 1;
        for name in old.indicators.keys().chain(new.indicators.keys()).collect::<BTreeSet<_>>() {
            let difference = self.indicators.entry(name.clone()).or_default();
            match (old.indicators.get(name), new.indicators.get(name)) {
                (Some(&a), Some(&b)) => {
                    difference.both += 1;
                    if apart(a, b) > difference.largest {
                        (difference.largest, difference.at) = (apart(a, b), Some(bar.clone()));
                    }
                }
                (Some(_), None) => difference.lone[0] += 1,
                _ => difference.lone[1] += 1,
            }
        }
        for name in old.levels.keys().chain(new.levels.keys()).collect::<BTreeSet<_>>() {
            let levels = self.levels.entry(name.clone()).or_default();
            let says = [old, new].map(|side| side.levels.get(name).map_or("nothing", String::as_str));
            if says[0] == says[1] {
                levels.same += 1;
            } else {
                levels.different += 1;
                levels.first.get_or_insert_with(|| (bar.clone(), says.map(str::to_owned)));
            }
        }
    }

    /// Whether there is nothing that the tolerance does not cover, and anything at all was compared.
    pub fn is_good(&self, tolerance: f64) -> bool {
        let alike = |difference: &Difference| difference.lone == [0; 2] && difference.largest <= tolerance;
        self.bars > 0
            && self.indicators.values().all(alike)
            && self.levels.values().all(|levels| levels.different == 0)
            && self.skipped.iter().all(Vec::is_empty)
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let place = |(symbol, start): &BarOf| json!({ "symbol": symbol, "bar_ts": start });
        let indicators = self.indicators.iter().map(|(name, own)| {
            let at = own.at.as_ref().map(place);
            let said = json!({ "both": own.both, "old_only": own.lone[0], "new_only": own.lone[1],
                "max_relative_difference": own.largest, "at": at });
            (name.clone(), said)
        });
        let levels = self.levels.iter().map(|(name, own)| {
            let first = own.first.as_ref().map(|(bar, [old, new])| json!({ "at": place(bar), "old": old, "new": new }));
            (name.clone(), json!({ "same": own.same, "different": own.different, "first": first }))
        });
        let signals = &self.signals;
        json!({
            "bars": self.bars,
            "indicators": indicators.collect::<serde_json::Map<_, _>>(),
            "levels": levels.collect::<serde_json::Map<_, _>>(),
            "signals": { "both": signals.both, "old_only": signals.lone[0], "new_only": signals.lone[1],
                "max_confidence_difference": signals.largest },
            "skipped": { "old": self.skipped[0].iter().map(place).collect::<Vec<_>>(),
                "new": self.skipped[1].iter().map(place).collect::<Vec<_>>() },
        })
    }
}

fn signals_apart([old, new]: [&BTreeMap<String, f64>; 2]) -> SignalsApart {
    let mut apart = SignalsApart::default();
    for (id, a) in old {
        match new.get(id) {
            Some(b) => {
                apart.both += 1;
                apart.largest = apart.largest.max((a - b).abs());
            }
            None => apart.lone[0].push(id.clone()),
        }
    }
    apart.lone[1] = new.keys().filter(|id| !old.contains_key(*id)).cloned().collect();
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sma: f64, level: Option<&str>) -> Said {
        let signals = json!({ "rsi_trend_strategy": { "signal": level, "confidence": 0.5 } });
        Said::read(
            &json!({ "sma_50": sma, "macd": { "histogram": sma / 2.0 }, "signals": signals, "timeframes": { "1m": 1 } }),
        )
    }

    fn seen(bars: &[(i64, f64, Option<&str>)]) -> SeenBars {
        let mut seen = SeenBars::default();
        for &(start, sma, level) in bars {
            // The price is there first, what is calculated comes a little later.
            seen.look("SPY", start, said(0.0, None));
            seen.look("SPY", start, said(sma, level));
        }
        seen.end();
        seen
    }

    #[test]
    fn what_differs_is_found_where_it_is() {
        let old = seen(&[(0, 10.0, None), (1, 11.0, Some("buy")), (2, 12.0, None), (3, 13.0, None), (4, 13.0, None)]);
        let new = seen(&[(1, 11.0, Some("buy")), (2, 12.6, Some("sell")), (4, 14.0, None), (5, 9.0, None)]);
        let signals =
            |all: &[(&str, f64)]| all.iter().map(|(id, c)| ((*id).to_owned(), *c)).collect::<BTreeMap<_, _>>();
        let (a, b) = (signals(&[("x", 0.5), ("y", 0.5)]), signals(&[("y", 0.75), ("z", 0.5)]));
        let found = Comparison::of(&old, &new, [&a, &b]);
        assert_eq!(found.bars, 2, "{found:?}");
        let sma = &found.indicators["sma_50"];
        assert_eq!((sma.both, sma.at.clone()), (2, Some(("SPY".to_owned(), 2))));
        assert!((sma.largest - 0.6 / 12.6).abs() < 1e-12 && found.indicators.contains_key("macd.histogram"), "{sma:?}");
        assert_eq!(found.indicators.len(), 2, "{found:?}");
        let levels = &found.levels["rsi_trend_strategy"];
        assert_eq!((levels.same, levels.different), (1, 1));
        assert_eq!(levels.first, Some((("SPY".to_owned(), 2), ["none".to_owned(), "sell".to_owned()])));
        // The old side shows the bar at 4, with the results of the one before; the new one has none at 3.
        assert_eq!(found.skipped, [vec![("SPY".to_owned(), 4)], vec![("SPY".to_owned(), 3)]]);
        let SignalsApart { both, lone, largest } = &found.signals;
        assert_eq!((*both, lone, *largest), (1, &[vec!["x".to_owned()], vec!["z".to_owned()]], 0.25));
        assert!(!found.is_good(1.0) && Comparison::of(&old, &old, [&a, &a]).is_good(0.0));
        assert!(!Comparison::default().is_good(1.0), "nothing was compared");
    }

    #[test]
    fn results_of_several_timeframes_are_read_by_the_old_names_in_them() {
        let results = json!({ "timeframe_results": {}, "legacy_indicators": { "sma_50": 2.0, "macd": { "macd_line": 1.0 } },
            "legacy_signals": { "rsi_trend_strategy": { "signal": "buy" } }, "timestamp": "2025-07-07T13:49:00" });
        let said = Said::read(&results);
        assert_eq!(said.indicators.keys().collect::<Vec<_>>(), ["macd.macd_line", "sma_50"]);
        assert_eq!(said.levels["rsi_trend_strategy"], "buy");
    }
}
