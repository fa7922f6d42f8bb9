//! Plans for the tests: timeframes, and symbols with the cells they have enabled.

use std::sync::Arc;
use wagehood_engine::{
    config::{
        Asset, CalibrationRules, CellSpec, MaxAge, PerformanceRules, Plan, PriceMethod, Prices, SelectionEffect,
        SelectionRules, StrategyParams, StyleRules,
    },
    model::{AssetType, Calendar, Roster, Timeframe, TimeframeId, TradingStyle},
};

fn rules() -> StyleRules {
    StyleRules { min_composite_confidence: 0.0, min_calibrated_confidence: 0.0, cooldown_bars: 0, budget_ms: 100 }
}

/// An asset whose cells are enabled where the bit of their timeframe is set.
pub fn asset(name: &str, timeframes: &[Timeframe], enabled: u32) -> Asset {
    let cell = |(k, &tf): (usize, &Timeframe)| CellSpec {
        enabled: enabled >> k & 1 == 1,
        style: TradingStyle::of(tf),
        method: PriceMethod::Ohlc,
        price_scale: tf.price_scale(),
        needed: 256,
        buffer_size: 256,
        refresh_ms: 0,
        weight: wagehood_engine::correlate::default_weight(tf),
        params: k,
    };
    Asset {
        symbol: name.to_owned(),
        priority: 1.0,
        asset_type: AssetType::Stock,
        data_provider: String::new(),
        prices: Prices::Positive,
        calendar: Calendar::Utc,
        cells: timeframes.iter().enumerate().map(cell).collect(),
    }
}

/// A plan with a symbol for each set of enabled timeframes.
pub fn plan(timeframes: &[&str], enabled: &[u32]) -> Plan {
    let timeframes: Vec<Timeframe> = timeframes.iter().map(|text| text.parse().unwrap()).collect();
    assert!(timeframes.is_sorted());
    Plan {
        params: vec![StrategyParams::default(); timeframes.len()],
        roster: Roster::default(),
        programs: timeframes.iter().map(|_| Arc::default()).collect(),
        assets: enabled.iter().enumerate().map(|(k, &bits)| asset(&format!("S{k}"), &timeframes, bits)).collect(),
        default_asset: asset("", &timeframes, u32::MAX),
        timeframes,
        open_watchlist: false,
        excluded: Vec::new(),
        bases: vec![TimeframeId::new(0)],
        max_symbols: 16,
        allowed_lateness_ms: 0,
        stall_ms: 10_000,
        max_future_ms: 60_000,
        active_bars: 3,
        alert_confidence: 0.8,
        styles: [rules(); 3],
        max_age: [MaxAge::Auto; 3],
        hold_stale: false,
        max_signals_per_s: [0; 3],
        expected_delays: Vec::new(),
        performance: PerformanceRules { enabled: true, fee_bps: 0.0, full: false, interval_ms: 60_000 },
        letter_quota: 100,
        calibration: CalibrationRules {
            enabled: true,
            horizon: 2,
            rate: 0.03,
            market: Vec::new(),
            priority: false,
            alerts: false,
        },
        windows: vec![20, 240],
        cross_asset: None,
        selection: SelectionRules { effect: SelectionEffect::Mark, min_outcomes: 1_000 },
        probe: false,
    }
}
