//! The built-in strategies, written in the language of the configuration: the same signals, as far as the language reaches. It
//! has no swing points and no levels: divergences and `sr_breakout` are out of its reach.

use crate::series::Rng;
use std::{collections::BTreeMap, sync::Arc};
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    model::{Bar, Candidate, CustomStrategy, Side, Strategy, SymbolId, Timeframe, TimeframeId},
    strategies::{
        Cell, CellLayout,
        custom::{CustomCell, CustomRule, Program, Programs},
    },
};

const BARS: usize = 40_000;

/// Kind, side, condition and confidence of each; `{…}` stand for what several of them share.
const REWRITTEN: [(&str, Side, &str, &str); 10] = [
    (
        "macd_rsi_bullish",
        Side::Buy,
        "crosses_above({line}, {signal}) and (previous(rsi(14)) <= 30 and rsi(14) > 30 or rsi(14) > 50)",
        "0.25 * {turn} + 0.25 * clamp(1 - (rsi(14) - 30) / 40) + 0.2 * {histogram} + 0.15 * {volume:1.2} + 0.15 * {momentum:5:10}",
    ),
    (
        "macd_rsi_bearish",
        Side::Sell,
        "crosses_below({line}, {signal}) and (previous(rsi(14)) >= 70 and rsi(14) < 70 or rsi(14) < 50)",
        "0.25 * {turn} + 0.25 * clamp((rsi(14) - 30) / 40) + 0.2 * {histogram} + 0.15 * {volume:1.2} + 0.15 * {momentum:5:-10}",
    ),
    (
        "golden_cross",
        Side::Buy,
        "crosses_above({apart}, 0)",
        "0.4 * clamp(abs({apart} - previous({apart})) * 1000 / scale) + 0.3 * {volume:1.2} + 0.3 * count(price > previous(price), 10) / 10",
    ),
    (
        "death_cross",
        Side::Sell,
        "crosses_below({apart}, 0)",
        "0.4 * clamp(abs({apart} - previous({apart})) * 1000 / scale) + 0.3 * {volume:1.2} + 0.3 * count(price < previous(price), 10) / 10",
    ),
    (
        "rsi_uptrend_pullback",
        Side::Buy,
        "count(rsi(21) > 50, 11) >= 7 and previous(rsi(21), 10) >= 0 and rsi(14) >= 40 and rsi(14) <= 50 and rsi(14) > previous(rsi(14))",
        "(clamp(1 - (rsi(14) - 40) / 10) + count(rsi(14) > 50, 11) / 11 + {momentum:5:20} + clamp((rsi(14) - previous(rsi(14))) / 10 + 0.5)) / 4",
    ),
    (
        "rsi_downtrend_rally",
        Side::Sell,
        "count(rsi(21) < 50, 11) >= 7 and previous(rsi(21), 10) >= 0 and rsi(14) >= 50 and rsi(14) <= 60 and rsi(14) < previous(rsi(14))",
        "(clamp((rsi(14) - 50) / 10) + count(rsi(14) < 50, 11) / 11 + {momentum:5:-20} + clamp((previous(rsi(14)) - rsi(14)) / 10 + 0.5)) / 4",
    ),
    (
        "bollinger_bullish_breakout",
        Side::Buy,
        "(price > {upper} or high >= {upper} and price > {middle} and price > previous(price)) and {quiet} and {gate}",
        "0.3 * clamp((price - {upper}) / {upper} * 100 / scale) + 0.2 * clamp(1 - {width} * 5 / scale) + 0.3 * {volume:1.5} + 0.2 * {momentum:3:20}",
    ),
    (
        "bollinger_bearish_breakout",
        Side::Sell,
        "(price < {lower} or low <= {lower} and price < {middle} and price < previous(price)) and {quiet} and {gate}",
        "0.3 * clamp(({lower} - price) / {lower} * 100 / scale) + 0.2 * clamp(1 - {width} * 5 / scale) + 0.3 * {volume:1.5} + 0.2 * {momentum:3:-20}",
    ),
    ("bollinger_bullish_squeeze", Side::Buy, "{squeeze} and count({squeeze}, 2) < 2 and price > {middle}", "0.7"),
    ("bollinger_bearish_squeeze", Side::Sell, "{squeeze} and count({squeeze}, 2) < 2 and price <= {middle}", "0.7"),
];

/// The text with what stands for something written out.
fn written_out(text: &str) -> String {
    const SHARED: [(&str, &str); 12] = [
        (
            "{turn}",
            "clamp(abs(macd_histogram(12, 26, 9) - previous(macd_histogram(12, 26, 9))) / price * 1000 / scale)",
        ),
        ("{histogram}", "clamp(abs(macd_histogram(12, 26, 9)) / price * 1000 / scale)"),
        ("{line}", "macd(12, 26, 9)"),
        ("{signal}", "macd_signal(12, 26, 9)"),
        ("{apart}", "((ema(50) - ema(200)) / ema(200))"),
        (
            "{squeeze}",
            "({width} <= 0.1 * scale and {width} > previous({width}) and previous({width}) > previous({width}, 2))",
        ),
        ("{width}", "(({upper} - {lower}) / {middle})"),
        ("{quiet}", "previous({middle}, 10) > 0 and previous(count({lower} <= price and price <= {upper}, 10)) >= 7"),
        ("{gate}", "(volume_average(20) <= 0 or volume_ratio >= 1.5)"),
        ("{upper}", "bollinger_upper(20, 2)"),
        ("{middle}", "bollinger_middle(20, 2)"),
        ("{lower}", "bollinger_lower(20, 2)"),
    ];
    let mut text = SHARED.iter().fold(text.to_owned(), |text, (name, meaning)| text.replace(name, meaning));
    for threshold in ["1.2", "1.5"] {
        let volume = format!("if(volume_average(20) > 0, min(1, volume_ratio / {threshold}), 1)");
        text = text.replace(&format!("{{volume:{threshold}}}"), &volume);
    }
    for (bars, gain) in [(5, 10), (5, 20), (3, 20)] {
        for sign in ["", "-"] {
            let momentum = format!(
                "clamp({sign}{gain} * (price - previous(price, {bars})) / previous(price, {bars}) / scale + 0.5)"
            );
            text = text.replace(&format!("{{momentum:{bars}:{sign}{gain}}}"), &momentum);
        }
    }
    assert!(!text.contains('{'), "{text}");
    text
}

/// A market that swings, rests and breaks out.
fn market() -> Vec<Bar> {
    let (mut rng, mut price, mut all) = (Rng(7), 100.0f64, Vec::with_capacity(BARS));
    for i in 0..BARS {
        let wild = [0.0004, 0.002, 0.006][i / 150 % 3];
        let drift = [0.3, -0.3, 0.05, -0.05][i / 400 % 4];
        let open = price;
        price *= 1.0 + wild * (rng.normal() + drift);
        let (spread, volume) = (price * wild * rng.unit(), rng.between(10.0, 100.0) * [1.0, 1.0, 4.0][i % 3]);
        all.push(Bar {
            ts: i as i64 * 60_000,
            open,
            high: open.max(price) + spread,
            low: open.min(price) - spread,
            close: price,
            volume,
            vwap: price,
            trades: 1,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        });
    }
    all
}

fn params() -> StrategyParams {
    let mut params = StrategyParams::default();
    params.macd_rsi.divergences = false;
    params
}

#[test]
fn the_built_in_strategies_say_the_same_in_the_language_of_the_configuration() {
    let minute: Timeframe = "1m".parse().unwrap();
    let texts = REWRITTEN.map(|(.., when, confidence)| (written_out(when), written_out(confidence)));
    let rules: Vec<CustomRule<'_>> = REWRITTEN
        .iter()
        .zip(&texts)
        .enumerate()
        .map(|(place, ((kind, side, ..), (when, confidence)))| CustomRule {
            strategy: CustomStrategy::new(place, &format!("own_{kind}"), *side).unwrap(),
            side: *side,
            when,
            confidence,
            min_confidence: if kind.starts_with("rsi") { 0.5 } else { 0.6 },
            every_bar: kind.ends_with("squeeze"),
            symbols: None,
        })
        .collect();
    let program = Arc::new(Program::compile(&rules).unwrap_or_else(|faults| panic!("{faults:#?}")));
    let mut programs = Programs::new(&[program]);
    let (method, scale) = (PriceMethod::Ohlc, minute.price_scale());
    programs.add(CustomCell { timeframe: TimeframeId::new(0), method, scale }, "A");
    let layout = CellLayout::new(params(), false);
    let mut cell = Cell::new(&layout, method, scale, 0);
    let mut agreed: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, bar) in market().iter().enumerate() {
        let (mut built_in, mut own) = (BTreeMap::new(), BTreeMap::new());
        cell.on_bar(&layout, bar, |strategy, candidate| {
            built_in.insert(strategy, candidate);
        });
        programs.on_bars(&[(0, bar)], |_, strategy, candidate| {
            own.insert(strategy.place(), candidate);
        });
        compare(i, &built_in, &own, &mut agreed);
    }
    for (kind, ..) in REWRITTEN {
        assert!(agreed.get(kind).is_some_and(|count| *count >= 20), "{kind}: {agreed:?}");
    }
}

/// Every signal of a kind that is rewritten is among the own ones, and the other way round, but where a strategy had something
/// better to say on that bar.
fn compare(
    i: usize,
    built_in: &BTreeMap<Strategy, Candidate>,
    own: &BTreeMap<usize, Candidate>,
    agreed: &mut BTreeMap<&'static str, usize>,
) {
    for candidate in built_in.values() {
        let Some(place) = REWRITTEN.iter().position(|(kind, ..)| *kind == candidate.kind.name()) else { continue };
        let found = own.get(&place).unwrap_or_else(|| panic!("bar {i}: nothing says {}", REWRITTEN[place].0));
        let off = (found.confidence - candidate.confidence).abs();
        assert!(off < 1e-9, "bar {i}: {} with {}, not {}", REWRITTEN[place].0, found.confidence, candidate.confidence);
        assert_eq!(found.side, candidate.side);
        *agreed.entry(REWRITTEN[place].0).or_default() += 1;
    }
    for (place, candidate) in own {
        let kind = REWRITTEN[*place].0;
        let strategy = match kind.split_once('_').map(|(head, _)| head) {
            Some("macd") => Strategy::MacdRsi,
            Some("rsi") => Strategy::RsiTrend,
            Some("bollinger") => Strategy::BollingerBreakout,
            _ => Strategy::MaCrossover,
        };
        let said = built_in.get(&strategy).unwrap_or_else(|| panic!("bar {i}: {kind} is too much"));
        assert!(said.kind.name() == kind || said.confidence >= candidate.confidence - 1e-9, "bar {i}: {kind}");
    }
}
