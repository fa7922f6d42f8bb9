use super::*;
use crate::{
    config::{PriceMethod, StrategyParams},
    indicators::{BadImage, IndicatorSet},
    model::{Bar, SymbolId, TimeframeId},
};

/// A walk in ticks, with stretches that stand still and bursts of volume.
fn bars(seed: u64, count: usize) -> Vec<Bar> {
    let (mut state, mut price) = (seed | 1, 100.0_f64);
    let mut unit = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let tick = |x: f64| (x * 100.0).round() / 100.0;
    (0..count)
        .map(|n| {
            let open = price;
            if n % 300 > 40 {
                price = tick(price * (1.0 + 0.01 * (unit() - 0.5)));
            }
            let (high, low) = (tick(open.max(price) + 0.3 * unit()), tick(open.min(price) - 0.3 * unit()));
            let volume = if n % 400 < 30 { 0.0 } else { 1e3 * unit().powi(3) };
            let (symbol, timeframe) = (SymbolId(0), TimeframeId::new(0));
            let vwap = (high + low + price) / 3.0;
            Bar { ts: 0, open, high, low, close: price, volume, vwap, trades: 0, symbol, seq_delta: 0, timeframe }
        })
        .collect()
}

/// What a cell says to these bars, to the bit.
fn said(cell: &mut Cell, layout: &CellLayout, bars: &[Bar]) -> Vec<(usize, &'static str, u64, [u64; 5])> {
    let mut found = Vec::new();
    for (n, bar) in bars.iter().enumerate() {
        cell.on_bar(layout, bar, |_, c| {
            found.push((n, c.kind.name(), c.confidence.to_bits(), c.factors.map(f64::to_bits)));
        });
    }
    found
}

fn cell(layout: &CellLayout, buffer: usize) -> Cell {
    Cell::new(layout, PriceMethod::Ohlc, 0.05, buffer)
}

fn image(cell: &Cell, layout: &CellLayout) -> Vec<u8> {
    let mut image = Vec::new();
    cell.write_state(layout, &mut image);
    image
}

#[test]
fn a_restored_cell_goes_on_bit_for_bit() {
    let mut signals = 0;
    let mut other = StrategyParams::default();
    (other.macd_rsi.rsi_period, other.bollinger_breakout.period) = (9, 73);
    for (params, publish) in [(StrategyParams::default(), false), (StrategyParams::default(), true), (other, true)] {
        let layout = CellLayout::new(params, publish);
        for (seed, cut) in
            [0, 1, 2, 5, 19, 20, 21, 34, 100, 199, 200, 201, 255, 256, 257, 300, 777, 1_500].iter().enumerate()
        {
            let bars = bars(seed as u64 * 977 + 5, 2_000);
            let (before, after) = bars.split_at(*cut);
            let mut whole = cell(&layout, 64);
            said(&mut whole, &layout, before);
            // A longer and a shorter history, fresh or used: what was there before is gone.
            for (buffer, used) in [(64, 0), (1_024, 0), (0, 350)] {
                let mut restored = cell(&layout, buffer);
                said(&mut restored, &layout, &bars[..used]);
                restored.read_state(&layout, &image(&whole, &layout)).unwrap();
                assert_eq!(restored.bars(), *cut as u64);
                let (mut one, mut two) = (whole.clone(), restored);
                let want = said(&mut one, &layout, after);
                assert_eq!(said(&mut two, &layout, after), want, "cut at {cut}");
                signals += want.len();
                let bits = |cell: &Cell| cell.published(&layout).values().map(f64::to_bits);
                assert_eq!(bits(&one), bits(&two), "cut at {cut}");
                if buffer == 64 {
                    assert_eq!(image(&one, &layout), image(&two, &layout));
                }
            }
        }
    }
    assert!(signals > 10_000, "{signals}");
}

#[test]
fn a_bad_image_says_why_and_changes_nothing() {
    let layout = CellLayout::new(StrategyParams::default(), true);
    let mut whole = cell(&layout, 64);
    said(&mut whole, &layout, &bars(3, 500));
    let good = image(&whole, &layout);
    let mut target = cell(&layout, 64);
    said(&mut target, &layout, &bars(4, 90));
    let before = image(&target, &layout);
    assert_eq!(target.read_state(&layout, &good[..good.len() - 1]), Err(BadImage::TooShort));
    assert_eq!(target.read_state(&layout, &[&good[..], &[0; 8]].concat()), Err(BadImage::TooLong(8)));
    let few = CellLayout::new(StrategyParams::default(), false);
    let mut lean = cell(&few, 64);
    said(&mut lean, &few, &bars(3, 100));
    assert!(matches!(target.read_state(&layout, &image(&lean, &few)), Err(BadImage::Other { .. })));
    let mut long = StrategyParams::default();
    long.bollinger_breakout.period = 1_000;
    let long = CellLayout::new(long, true);
    let wanted = BadImage::Other { what: "bars of history", found: 256, wanted: 500 };
    assert_eq!(cell(&long, 64).read_state(&long, &good), Err(wanted));
    assert_eq!(image(&target, &layout), before);
}

#[test]
fn a_look_for_broken_levels_beforehand_loses_none() {
    let mut levels = 0;
    for (tolerance, min_touches, lookback) in
        [(0.02, 2, 50), (0.02, 1, 20), (0.05, 3, 62), (0.2, 2, 30), (0.45, 4, 60), (0.9, 2, 63), (0.001, 2, 63)]
    {
        let mut params = StrategyParams::default();
        let p = &mut params.sr_breakout;
        (p.tolerance, p.min_touches, p.lookback, p.min_confidence) = (tolerance, min_touches, lookback, 0.0);
        (p.consolidation_min_bars, p.volume_confirmation) = (1, false);
        let looks = CellLayout::new(params, false);
        assert!(!looks.long);
        let mut weighs_all = looks.clone();
        weighs_all.long = true;
        for seed in 0..4 {
            let bars = bars(seed * 7919 + 3, 3_000);
            let found = said(&mut cell(&looks, 256), &looks, &bars);
            assert_eq!(found, said(&mut cell(&weighs_all, 256), &weighs_all, &bars), "{tolerance} {min_touches}");
            levels +=
                found.iter().filter(|signal| ["resistance_breakout", "support_breakout"].contains(&signal.1)).count();
        }
    }
    assert!(levels > 1_000, "{levels}");
}

#[test]
fn what_is_forming_is_what_the_bar_would_give_and_changes_nothing() {
    let mut params = StrategyParams::default();
    params.macd_rsi.rsi_period = 9;
    let layout = CellLayout::new(params, true);
    let mut scratch = IndicatorSet::new(&layout.indicators);
    let mut own = cell(&layout, 0);
    let mut compared = 0;
    for bar in bars(5, 700) {
        let before = image(&own, &layout);
        let (price, forming) = own.forming(&layout, &bar, &mut scratch);
        assert_eq!(image(&own, &layout), before, "the cell stays as it was");
        own.on_bar(&layout, &bar, |_, _| {});
        let bits = |all: &[f64]| all.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!((price, bits(&forming.values())), (own.price(), bits(&own.published(&layout).values())));
        compared += usize::from(forming.sma_200.is_finite());
    }
    assert!(compared > 400, "{compared}");
}
