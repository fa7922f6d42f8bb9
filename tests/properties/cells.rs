//! Every published indicator and every signal of a cell, bar by bar, against the naive ones.

use crate::{
    cases,
    naive::{
        indicators as ind,
        strategies::{Expected, Market},
    },
    series::{Params, Recipe, Rng, Shape, Stretch, Volume, price_series, recipe},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::{cell::RefCell, collections::BTreeMap};
use wagehood_engine::{
    config::PriceMethod,
    lanes::Isa,
    model::{Bar, Candidate, INDICATOR_NAMES, Strategy},
    strategies::{Cell, CellLayout},
};

/// What a run of comparisons has seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Bars times strategies.
    looks: u64,
    /// Of these, where the engine differs and rounding may decide.
    exempt: u64,
    /// Signals that agreed, by kind.
    kinds: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn exempt_share(&self) -> f64 {
        self.exempt as f64 / self.looks.max(1) as f64
    }
}

type Row = [Option<Candidate>; Strategy::COUNT];

/// The engine's signals by bar and strategy, with the published indicators.
pub fn run_cell(recipe: &Recipe, bars: &[Bar]) -> (Vec<Row>, Vec<[f64; 15]>) {
    let layout = CellLayout::new(recipe.strategy_params(), true);
    let mut cell = Cell::new(&layout, recipe.method, recipe.interval().price_scale(), 0);
    let (mut rows, mut indicators) = (Vec::new(), Vec::new());
    for bar in bars {
        let mut row: Row = [None; Strategy::COUNT];
        let mut order = Vec::new();
        cell.on_bar(&layout, bar, |strategy, candidate| {
            row[strategy.index()] = Some(candidate);
            order.push(strategy);
        });
        assert!(order.is_sorted(), "signals of one bar come in the order of the strategies, one each: {order:?}");
        assert_eq!(order.len(), row.iter().flatten().count());
        rows.push(row);
        indicators.push(cell.published(&layout).values());
    }
    (rows, indicators)
}

/// The published indicators at bar `i` with the size that the rounding of each is relative to.
fn naive_indicators(p: &[f64], volume: &[f64], i: usize) -> [(Option<f64>, f64); 15] {
    let macd = ind::macd(p, 12, 26, 9, i);
    let bands = ind::bollinger(p, 20, 2.0, i);
    let size = p[i.saturating_sub(20)..=i].iter().copied().fold(0.0, f64::max);
    let plain = |x: Option<f64>| (x, 0.0);
    [
        (macd.map(|m| m.line), size),
        (macd.map(|m| m.signal), size),
        (macd.map(|m| m.hist), size),
        plain(ind::rsi(p, 14, i)),
        plain(ind::rsi(p, 21, i)),
        plain(ind::ema(p, 50, i)),
        plain(ind::ema(p, 200, i)),
        (bands.map(|b| b.upper), size),
        (bands.map(|b| b.middle), 0.0),
        (bands.map(|b| b.lower), size),
        plain(ind::sma(volume, 20, i)),
        plain(ind::sma(p, 50, i)),
        plain(ind::sma(p, 200, i)),
        plain(ind::ema(p, 12, i)),
        plain(ind::ema(p, 26, i)),
    ]
}

fn close(got: f64, want: f64, size: f64) -> bool {
    (got - want).abs() <= 1e-9 * want.abs() + 1e-13 * size
}

fn same(got: &Candidate, want: &Expected) -> bool {
    let names = got.kind.factor_names();
    // A squeeze's factor is a bare width; the others are shares, and small ones are differences magnified by their gain.
    let size = if got.kind.name().ends_with("squeeze") { 0.1 } else { 1e3 };
    got.kind.name() == want.kind
        && got.side.name() == want.side
        && close(got.confidence, want.confidence, 1e3)
        && names.len() == want.factors.len()
        && names
            .iter()
            .zip(got.factors)
            .zip(&want.factors)
            .all(|((name, value), (want_name, want_value))| name == want_name && close(value, *want_value, size))
        && got.factors[names.len()..].iter().all(|&f| f == 0.0)
}

fn compare(recipe: &Recipe, tally: &mut Tally) -> Result<(), TestCaseError> {
    let bars = recipe.bars();
    let (rows, indicators) = run_cell(recipe, &bars);
    let p = price_series(&bars, recipe.method);
    let column = |f: fn(&Bar) -> f64| bars.iter().map(f).collect::<Vec<f64>>();
    let volume = column(|b| b.volume);

    for (i, got) in indicators.iter().enumerate() {
        for ((name, &got), (want, size)) in INDICATOR_NAMES.iter().zip(got).zip(naive_indicators(&p, &volume, i)) {
            match want {
                None => prop_assert!(got.is_nan(), "{name} at bar {i} is ready too early: {got}"),
                Some(want) => prop_assert!(close(got, want, size), "{name} at bar {i}: {got}, not {want}"),
            }
        }
    }

    let params = recipe.strategy_params();
    let market = Market::new(&params, recipe.scale(), p, column(|b| b.high), column(|b| b.low), volume);
    for (i, row) in rows.iter().enumerate() {
        for (k, (want, in_doubt)) in market.signals(i).into_iter().enumerate() {
            tally.looks += 1;
            let agree = match (&row[k], &want) {
                (None, None) => true,
                (Some(got), Some(want)) => same(got, want),
                _ => false,
            };
            if agree {
                if let Some(want) = want {
                    *tally.kinds.entry(want.kind).or_default() += 1;
                }
            } else if in_doubt {
                tally.exempt += 1;
            } else {
                let strategy = Strategy::ALL[k].name();
                prop_assert!(false, "{strategy} at bar {i}: {:?}, not {want:?}", row[k]);
            }
        }
    }
    Ok(())
}

#[test]
fn indicators_and_signals_are_those_of_the_definition() {
    let tally = RefCell::new(Tally::default());
    TestRunner::new(cases(600))
        .run(&recipe(12), |recipe| compare(&recipe, &mut tally.borrow_mut()))
        .unwrap_or_else(|e| panic!("{e}"));
    let tally = tally.into_inner();
    eprintln!("{tally:?}, exempt share {:.2e}", tally.exempt_share());
    assert!(tally.exempt_share() < 1e-3, "rounding excuses too much: {tally:?}");
}

/// What the processor at hand makes of a bar, against what every processor makes of it: to the last bit.
#[test]
fn all_instruction_sets_agree_bit_for_bit() {
    TestRunner::new(cases(200))
        .run(&recipe(8), |recipe| {
            let layout = CellLayout::new(recipe.strategy_params(), true);
            let portable = layout.clone().with(Isa::Portable);
            let scale = recipe.interval().price_scale();
            let mut cells = [&layout, &portable].map(|layout| Cell::new(layout, recipe.method, scale, 0));
            for bar in recipe.bars() {
                let mut found = [Vec::new(), Vec::new()];
                for ((cell, layout), found) in cells.iter_mut().zip([&layout, &portable]).zip(&mut found) {
                    cell.on_bar(layout, &bar, |_, c| {
                        found.push((c.kind, c.confidence.to_bits(), c.factors.map(f64::to_bits)));
                    });
                }
                prop_assert_eq!(&found[0], &found[1]);
                let [one, other] =
                    [&cells[0], &cells[1]].map(|cell| cell.published(&layout).values().map(f64::to_bits));
                prop_assert_eq!(one, other);
            }
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}

/// Series that are known to make everything happen, the same on every run.
fn varied_recipe(seed: u64) -> Recipe {
    let mut rng = Rng(seed);
    let stretches = (0..24)
        .map(|_| {
            let shape = match rng.count(0, 6) {
                0 | 1 => Shape::Walk(rng.between(-0.5, 0.5)),
                2 => Shape::Range,
                3 => Shape::Wave(rng.count(10, 60)),
                4 => Shape::Breath,
                5 => Shape::Step(rng.between(0.8, 1.25)),
                _ => Shape::Walk(0.0),
            };
            let volume = if rng.chance(0.7) { Volume::Bursts } else { Volume::Random };
            Stretch { shape, volume, bars: rng.count(10, 80), volatility: rng.between(0.1, 1.5) }
        })
        .collect();
    Recipe {
        seed,
        magnitude: 100.0,
        tick: [0.0, 1e-4, 1e-3][rng.count(0, 2)],
        timeframe: ["1s", "1m", "1h", "1d"][rng.count(0, 3)],
        method: [PriceMethod::Ohlc, PriceMethod::Vwap, PriceMethod::Typical][rng.count(0, 2)],
        params: Params::Default,
        stretches,
    }
}

#[test]
fn the_generated_series_make_every_kind_of_signal() {
    const KINDS: usize = 16;
    let mut tally = Tally::default();
    for seed in 0..40 {
        compare(&varied_recipe(seed), &mut tally).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    eprintln!("{tally:?}, exempt share {:.2e}", tally.exempt_share());
    assert_eq!(tally.kinds.len(), KINDS, "{:?}", tally.kinds);
    assert!(tally.kinds.values().all(|&n| n >= 5), "{:?}", tally.kinds);
    assert!(tally.exempt_share() < 1e-3, "{tally:?}");
}

/// Where averages, indices and their thresholds are equal to the last bit, rounding excuses nothing.
#[test]
fn what_is_exactly_equal_counts_as_the_definition_says() {
    let mut tally = Tally::default();
    for (seed, timeframe) in (0..8).flat_map(|seed| ["1s", "1h", "1d"].map(|tf| (seed, tf))) {
        for flat in [30, 60, 199, 200, 201, 260] {
            for volume in [Volume::Zero, Volume::Steady] {
                let stretch = |shape, bars| Stretch { shape, volume, bars, volatility: 1.0 };
                let rise = if seed % 2 == 0 { 1.25 } else { 0.75 };
                let recipe = Recipe {
                    seed,
                    magnitude: 128.0,
                    tick: 1.0 / 1024.0,
                    timeframe,
                    method: PriceMethod::Ohlc,
                    params: Params::Default,
                    stretches: vec![stretch(Shape::Flat, flat), stretch(Shape::Step(rise), 4)],
                };
                compare(&recipe, &mut tally).unwrap_or_else(|e| panic!("{recipe:?}: {e}"));
            }
        }
    }
    eprintln!("{tally:?}");
    assert_eq!(tally.exempt, 0, "{tally:?}");
    for kind in ["golden_cross", "death_cross", "macd_rsi_bullish", "macd_rsi_bearish"] {
        assert!(tally.kinds.get(kind).is_some_and(|&n| n > 0), "{kind}: {tally:?}");
    }
}
