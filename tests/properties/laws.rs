//! Laws that follow from the definition whatever its numbers are.

use crate::{
    cases,
    cells::run_cell,
    plan::plan,
    series::{Recipe, Rng, recipe},
};
use proptest::{prelude::*, test_runner::TestRunner};
use wagehood_engine::{
    aggregate::TimeBarAggregator,
    config::{PriceMethod, StrategyParams},
    model::{Bar, Candidate, Strategy, SymbolId, TimeframeId},
    strategies::{Cell, CellLayout},
};

#[test]
fn what_comes_later_changes_nothing() {
    TestRunner::new(cases(40))
        .run(&(recipe(8), recipe(4), any::<prop::sample::Index>()), |(recipe, other, cut)| {
            let bars = recipe.bars();
            let cut = cut.index(bars.len());
            let (whole, whole_values) = run_cell(&recipe, &bars);
            // Another future: the bars of another series from the cut on.
            let mut changed = bars[..cut].to_vec();
            changed.extend(other.bars());
            let (rows, values) = run_cell(&recipe, &changed);
            prop_assert_eq!(&rows[..cut], &whole[..cut]);
            for (a, b) in values[..cut].iter().zip(&whole_values) {
                prop_assert_eq!(a.map(f64::to_bits), b.map(f64::to_bits));
            }
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}

/// Thresholds are relative and a power of two scales every float exactly, so the signals are the same to the last bit.
#[test]
fn scaling_all_prices_by_a_power_of_two_changes_no_signal() {
    let signals = std::cell::Cell::new(0);
    TestRunner::new(cases(60))
        .run(&(recipe(8), -40..40i32), |(recipe, power)| {
            let factor = 2.0f64.powi(power);
            let bars = recipe.bars();
            let scaled: Vec<Bar> = bars
                .iter()
                .map(|b| Bar {
                    open: b.open * factor,
                    high: b.high * factor,
                    low: b.low * factor,
                    close: b.close * factor,
                    vwap: b.vwap * factor,
                    ..*b
                })
                .collect();
            let (plain, _) = run_cell(&recipe, &bars);
            let (rows, _) = run_cell(&recipe, &scaled);
            prop_assert_eq!(&rows, &plain);
            signals.set(signals.get() + plain.iter().flatten().flatten().count());
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(signals.get() > 1_000, "only {} signals", signals.get());
}

/// Runs symbols through one aggregator and their cells; gives bars and signals by symbol and timeframe.
#[allow(clippy::type_complexity)] // by symbol and timeframe: bars with their signals
fn pipeline(recipe: &Recipe, symbols: usize, records: &[Bar]) -> Vec<Vec<Vec<(Bar, Vec<(Strategy, Candidate)>)>>> {
    const TIMEFRAMES: [&str; 3] = ["1m", "5m", "1h"];
    let plan = plan(&TIMEFRAMES, &vec![u32::MAX; symbols]);
    let layout = CellLayout::new(recipe.strategy_params(), false);
    let cell = |k: usize| Cell::new(&layout, recipe.method, plan.timeframes[k].price_scale(), 0);
    let mut cells: Vec<Vec<Cell>> = (0..symbols).map(|_| (0..TIMEFRAMES.len()).map(cell).collect()).collect();
    let mut out = vec![vec![Vec::new(); TIMEFRAMES.len()]; symbols];
    let mut on_closed = |bar: Bar| {
        let (symbol, timeframe) = (bar.symbol.index(), bar.timeframe.index());
        let mut signals = Vec::new();
        cells[symbol][timeframe].on_bar(&layout, &bar, |strategy, candidate| signals.push((strategy, candidate)));
        out[symbol][timeframe].push((Bar { symbol: SymbolId(0), ..bar }, signals));
    };
    let mut aggregator = TimeBarAggregator::new(&plan);
    for record in records {
        aggregator.on_bar(record, &mut on_closed);
    }
    (0..symbols).for_each(|symbol| aggregator.close(SymbolId(symbol as u16), 0b111, &mut on_closed));
    out
}

#[test]
fn symbols_do_not_see_each_other() {
    TestRunner::new(cases(40))
        .run(&(recipe(10), recipe(10), any::<u64>()), |(mut a, b, seed)| {
            a.timeframe = "1m";
            let mut rng = Rng(seed);
            let mut ragged = |bars: Vec<Bar>, symbol: u16| -> Vec<Bar> {
                let mut ts = 0;
                let mut place = |bar: Bar| {
                    ts += 60_000 * if rng.chance(0.1) { rng.count(1, 90) as i64 } else { 1 };
                    Bar { ts, symbol: SymbolId(symbol), timeframe: TimeframeId::new(0), ..bar }
                };
                bars.into_iter().map(&mut place).collect()
            };
            let (one, two) = (ragged(a.bars(), 0), ragged(b.bars(), 1));
            let mut both: Vec<Bar> = one.iter().chain(&two).copied().collect();
            both.sort_by_key(|bar| bar.ts);
            let alone = |bars: &[Bar]| {
                let bars: Vec<Bar> = bars.iter().map(|bar| Bar { symbol: SymbolId(0), ..*bar }).collect();
                pipeline(&a, 1, &bars)
            };
            let together = pipeline(&a, 2, &both);
            prop_assert_eq!(&together[0], &alone(&one)[0]);
            prop_assert_eq!(&together[1], &alone(&two)[0]);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}

/// What a signal says with the sides exchanged.
fn mirrored(kind: &str) -> String {
    let pairs = [("bullish", "bearish"), ("golden", "death"), ("uptrend_pullback", "downtrend_rally")];
    let other = pairs.iter().find_map(|(one, other)| {
        let forth = kind.contains(one).then(|| kind.replace(one, other));
        forth.or_else(|| kind.contains(other).then(|| kind.replace(other, one)))
    });
    other.unwrap_or_else(|| panic!("{kind} has no opposite"))
}

/// Ratios are by the size of the price, so a market of prices −p gives the signals of p with the sides exchanged.
#[test]
fn below_zero_the_signals_are_the_mirror_image_of_those_above() {
    let (signals, missed) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    TestRunner::new(cases(40))
        .run(&recipe(8), |recipe| {
            let bars = recipe.bars();
            let down: Vec<Bar> = bars
                .iter()
                .map(|b| Bar { open: -b.open, high: -b.low, low: -b.high, close: -b.close, vwap: -b.vwap, ..*b })
                .collect();
            let said = |bars: &[Bar]| -> Vec<(usize, Strategy, String, f64)> {
                // The defaults are alike on both sides.
                let layout = CellLayout::new(StrategyParams::default(), true);
                let mut cell = Cell::new(&layout, PriceMethod::Ohlc, recipe.interval().price_scale(), 0);
                let mut all = Vec::new();
                for (index, bar) in bars.iter().enumerate() {
                    cell.on_bar(&layout, bar, |strategy, found| {
                        if strategy != Strategy::SrBreakout {
                            all.push((index, strategy, found.kind.name().to_owned(), found.confidence));
                        }
                    });
                }
                all
            };
            let (above, below) = (said(&bars), said(&down));
            // An index of 50 that rounding puts on one side or the other, and a price exactly on the middle band, may differ.
            let same = |a: &(usize, Strategy, String, f64)| {
                below.iter().any(|b| (a.0, a.1) == (b.0, b.1) && b.2 == mirrored(&a.2) && (a.3 - b.3).abs() < 1e-6)
            };
            missed.set(missed.get() + above.iter().filter(|a| !same(a)).count() + below.len().abs_diff(above.len()));
            signals.set(signals.get() + above.len());
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(signals.get() > 500, "only {} signals", signals.get());
    assert!(50 * missed.get() <= signals.get(), "{} of {}", missed.get(), signals.get());
}
