//! Composites and verdicts on random signals of many timeframes and symbols.

use crate::{
    cases,
    naive::correlate::{Correlation, Expected},
    plan::plan,
    series::Rng,
};
use proptest::{prelude::*, strategy::Strategy as _, test_runner::TestRunner};
use std::cell::RefCell;
use wagehood_engine::{
    config::{MaxAge, Plan, StyleRules},
    correlate::{Correlator, HeldBack, Verdict, default_weight},
    model::{
        Candidate, Composite, Peer, Side, Signal, SignalKind, SourceId, Span, Strategy, SymbolId, Timeframe,
        TimeframeId, TradingStyle, Weighed,
    },
};

const TIMEFRAMES: [&str; 8] = ["1s", "1m", "5m", "30m", "1h", "1d", "1w", "1M"];

#[derive(Debug, Clone)]
struct Market {
    seed: u64,
    groups: usize,
    /// By symbol: which timeframes are enabled.
    symbols: Vec<u32>,
    active_bars: i64,
    cooldown_bars: u64,
    min_confidence: f64,
    default_weights: bool,
    hold_stale: bool,
}

fn market() -> impl proptest::strategy::Strategy<Value = Market> {
    (
        any::<u64>(),
        1..150usize,
        prop::collection::vec(prop_oneof![2 => Just(u32::MAX), 1 => any::<u32>()], 1..4),
        0..5i64,
        prop_oneof![Just(0u64), 1..6u64],
        prop_oneof![Just(0.0), 0.2..0.8f64],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(seed, groups, symbols, active_bars, cooldown_bars, min_confidence, default_weights, hold_stale)| Market {
                seed,
                groups,
                // A symbol has at least one timeframe.
                symbols: symbols.into_iter().map(|bits| bits | 2).collect(),
                active_bars,
                cooldown_bars,
                min_confidence,
                default_weights,
                hold_stale,
            },
        )
}

impl Market {
    fn plan(&self, rng: &mut Rng) -> Plan {
        let mut plan = plan(&TIMEFRAMES, &self.symbols);
        plan.active_bars = self.active_bars;
        plan.hold_stale = self.hold_stale;
        plan.max_age = [MaxAge::Auto, MaxAge::Fixed(50_000), MaxAge::Off];
        for (k, style) in plan.styles.iter_mut().enumerate() {
            *style = StyleRules {
                min_composite_confidence: if k == 1 { 0.0 } else { self.min_confidence },
                min_calibrated_confidence: 0.0,
                cooldown_bars: self.cooldown_bars * k as u64,
                budget_ms: 100,
            };
        }
        for asset in &mut plan.assets {
            asset.priority = rng.between(0.0, 5.0);
            for cell in &mut asset.cells {
                if !self.default_weights {
                    cell.weight = rng.between(0.0, 3.0);
                }
                if rng.chance(0.2) {
                    cell.style = TradingStyle::ALL[rng.count(0, 2)];
                }
            }
        }
        plan
    }

    /// Groups of signals in order of their sequence: those of bars that end together.
    fn groups(&self, plan: &Plan, rng: &mut Rng) -> Vec<Vec<Signal>> {
        let start = 1_514_764_800_000i64;
        let mut event_ts = start;
        // By symbol and timeframe: the start of the newest bar that has been used.
        let mut used = vec![[i64::MIN; TIMEFRAMES.len()]; plan.assets.len()];
        let mut groups = Vec::new();
        for seq in 0..self.groups as u64 {
            event_ts += match rng.count(0, 9) {
                0 => rng.between(0.0, 5.0 * 86_400_000.0) as i64,
                1 | 2 => rng.between(0.0, 7_200_000.0) as i64,
                3..=6 => rng.between(0.0, 300_000.0) as i64,
                _ => rng.count(0, 5_000) as i64,
            };
            if rng.chance(0.8) {
                // Where bars end, and with them what is active.
                let timeframe = plan.timeframes[rng.count(0, TIMEFRAMES.len() - 1)];
                event_ts = timeframe.utc_span(event_ts).end;
            }
            let symbol = rng.count(0, plan.assets.len() - 1);
            let mut group = Vec::new();
            for (k, timeframe) in plan.timeframes.iter().enumerate() {
                let Span { label: bar_ts, end, .. } = timeframe.utc_span(event_ts - 1);
                let new = end == event_ts && bar_ts > used[symbol][k];
                if !new || !plan.assets[symbol].cells[k].enabled || rng.chance(0.3) {
                    continue;
                }
                used[symbol][k] = bar_ts;
                for strategy in Strategy::ALL {
                    if rng.chance(0.4) {
                        let side = if rng.chance(0.5) { Side::Buy } else { Side::Sell };
                        let bar_index = ((bar_ts - start) / timeframe.interval_ms() + 20_000_000) as u64;
                        group.push(signal(seq, event_ts, symbol, k, strategy, bar_ts, bar_index, side, rng));
                    }
                }
            }
            for k in (1..group.len()).rev() {
                group.swap(k, rng.count(0, k));
            }
            groups.push(group);
        }
        groups
    }
}

#[allow(clippy::too_many_arguments)] // a signal has as many parts
fn signal(
    seq: u64,
    event_ts: i64,
    symbol: usize,
    timeframe: usize,
    strategy: Strategy,
    bar_ts: i64,
    bar_index: u64,
    side: Side,
    rng: &mut Rng,
) -> Signal {
    let confidence = [0.0, 0.5, 0.7, 1.0, rng.unit(), rng.unit()][rng.count(0, 5)];
    let kind = SignalKind::named(if side == Side::Buy { "golden_cross" } else { "death_cross" }).unwrap();
    Signal {
        seq,
        event_ts,
        arrival_ns: 0,
        source: SourceId::default(),
        bar_ts,
        bar_index,
        price: 1.0,
        symbol: SymbolId(symbol as u16),
        timeframe: TimeframeId::new(timeframe),
        strategy,
        candidate: Candidate { kind, side, confidence, factors: [0.0; 5] },
        settled: true,
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12
}

/// The same peers, strongest first; equally strong ones in any order.
fn same_peers(got: &[Peer], want: &[Signal], weight: impl Fn(TimeframeId) -> f64) -> bool {
    let as_peer = |s: &Signal| Peer {
        timeframe: s.timeframe,
        strategy: s.strategy,
        kind: s.candidate.kind,
        confidence: s.candidate.confidence,
        bar_ts: s.bar_ts,
    };
    let strengths: Vec<f64> = got.iter().map(|p| weight(p.timeframe) * p.confidence).collect();
    got.len() == want.len()
        && want.iter().map(as_peer).all(|p| got.contains(&p))
        && strengths.windows(2).all(|w| w[0] >= w[1])
}

fn check(plan: &Plan, weighed: &Weighed<'_>, held: Option<HeldBack>, want: &Expected) -> Result<(), TestCaseError> {
    let (got, signal) = (weighed.composite, &want.signal);
    let asset = &plan.assets[signal.symbol.index()];
    let weight = |timeframe: TimeframeId| asset.cells[timeframe.index()].weight;
    prop_assert_eq!(&got.signal, signal, "order of publication");
    prop_assert_eq!(got.style, asset.cells[signal.timeframe.index()].style);
    prop_assert!(near(got.composite_confidence, want.composite_confidence), "{got:?}, not {want:?}");
    prop_assert!((0.0..=1.0).contains(&got.composite_confidence));
    prop_assert_eq!(got.correlation_strength, want.correlation_strength);
    prop_assert!((0.0..=1.0).contains(&got.correlation_strength));
    prop_assert!(near(got.priority, want.priority));
    prop_assert!(same_peers(weighed.supporting, &want.supporting, weight), "{:?}, not {want:?}", weighed.supporting);
    prop_assert!(same_peers(weighed.opposing, &want.opposing, weight), "{:?}, not {want:?}", weighed.opposing);
    prop_assert_eq!(weighed.stale, want.stale);
    match held {
        None => {
            let is_held = want.below_minimum || want.cooling_down || (want.stale && plan.hold_stale);
            prop_assert!(!is_held, "published: {want:?}");
        }
        Some(HeldBack::LowConfidence) => prop_assert!(want.below_minimum, "held back: {want:?}"),
        Some(HeldBack::LowCalibrated | HeldBack::Unselected | HeldBack::Illiquid) => {
            prop_assert!(false, "held back without a judge: {want:?}")
        }
        Some(HeldBack::Cooldown) => prop_assert!(want.cooling_down, "held back: {want:?}"),
        Some(HeldBack::Stale) => prop_assert!(want.stale && plan.hold_stale, "held back: {want:?}"),
        Some(HeldBack::RateLimited) => prop_assert!(false, "held back without a limit"),
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Tally {
    published: u64,
    low_confidence: u64,
    cooldown: u64,
    stale: u64,
    held_stale: u64,
    supported: u64,
    opposed: u64,
}

fn compare(market: &Market, tally: &mut Tally) -> Result<(), TestCaseError> {
    let mut rng = Rng(market.seed);
    let plan = market.plan(&mut rng);
    let mut correlator = Correlator::new(&plan);
    let mut naive = Correlation::default();
    for mut group in market.groups(&plan, &mut rng) {
        // A bar may be known before it ends, on a clock that is behind.
        let late_ms = if rng.chance(0.5) { rng.count(0, 400_000) as i64 - 10_000 } else { 0 };
        let ends = group.first().map_or(0, |signal| signal.event_ts);
        let as_of = if rng.chance(0.1) { i64::MIN } else { ends + late_ms };
        correlator.set_as_of(as_of);
        let want = naive.on_group(&plan, &group, as_of);
        let mut place = 0;
        let mut outcome = Ok(());
        correlator.on_group(&mut group, |verdict| {
            let (weighed, held) = match verdict {
                Verdict::Publish(weighed) => (weighed, None),
                Verdict::Hold(weighed, reason) => (weighed, Some(reason)),
            };
            match held {
                None => tally.published += 1,
                Some(HeldBack::LowConfidence) => tally.low_confidence += 1,
                Some(HeldBack::LowCalibrated | HeldBack::Unselected | HeldBack::Illiquid) => {
                    panic!("held back without a judge")
                }
                Some(HeldBack::Cooldown) => tally.cooldown += 1,
                Some(HeldBack::Stale) => tally.held_stale += 1,
                Some(HeldBack::RateLimited) => panic!("held back without a limit"),
            }
            tally.stale += u64::from(weighed.stale);
            tally.supported += u64::from(!weighed.supporting.is_empty());
            tally.opposed += u64::from(!weighed.opposing.is_empty());
            if outcome.is_ok() {
                outcome = check(&plan, &weighed, held, &want[place]);
            }
            place += 1;
        });
        outcome?;
        prop_assert_eq!(place, want.len());
    }
    Ok(())
}

#[test]
fn composites_and_verdicts_are_those_of_the_definition() {
    let tally = RefCell::new(Tally::default());
    TestRunner::new(cases(150))
        .run(&market(), |market| compare(&market, &mut tally.borrow_mut()))
        .unwrap_or_else(|e| panic!("{e}"));
    let t = tally.into_inner();
    eprintln!("{t:?}");
    assert!(
        [t.published, t.low_confidence, t.cooldown, t.stale, t.held_stale, t.supported, t.opposed]
            .into_iter()
            .all(|n| n > 100),
        "{t:?}"
    );
}

/// A signal that all other filters have let pass, with its place in the order of publication.
type Passed = (usize, Composite);

/// What the definition publishes of the signals of one place, and why not the rest; `published` are all before, each with the
/// second of its wall.
fn decide(plan: &Plan, second: i64, place: &[Passed], published: &mut Vec<(i64, Composite)>) -> Vec<Option<HeldBack>> {
    let limit = |composite: &Composite| plan.max_signals_per_s[composite.style.index()];
    let mut left: Vec<&Passed> = place.iter().collect();
    let mut verdicts = vec![None; place.len()];
    while !left.is_empty() {
        // Styles without a limit have all that they want, and so their own order.
        let first_free = left.iter().position(|(_, composite)| limit(composite) == 0);
        let next = first_free.unwrap_or_else(|| {
            (0..left.len()).fold(0, |best, k| if left[k].1.priority > left[best].1.priority { k } else { best })
        });
        let (number, composite) = left.remove(next);
        let (signal, cooldown) = (&composite.signal, plan.styles[composite.style.index()].cooldown_bars);
        let lane = |s: &Signal| (s.symbol, s.timeframe, s.strategy, s.candidate.side);
        let cools = published.iter().any(|(_, before)| {
            lane(&before.signal) == lane(signal)
                && (signal.bar_index == before.signal.bar_index
                    || cooldown > 0 && signal.bar_index <= before.signal.bar_index + cooldown)
        });
        let used = published.iter().filter(|(at, before)| *at == second && before.style == composite.style).count();
        verdicts[*number] = match limit(composite) {
            _ if cools => Some(HeldBack::Cooldown),
            max if max > 0 && used >= max as usize => Some(HeldBack::RateLimited),
            _ => {
                published.push((second, *composite));
                None
            }
        };
    }
    verdicts
}

/// Places of several groups each, whose signals are decided on together.
fn limited(market: &Market, limits: [u32; 3], tally: &mut [u64; 3]) -> Result<(), TestCaseError> {
    let mut rng = Rng(market.seed);
    let plan = Plan { max_signals_per_s: limits, ..market.plan(&mut rng) };
    let mut correlator = Correlator::new(&plan);
    let (mut place, mut published, mut verdicts): (Vec<Passed>, Vec<_>, Vec<_>) = (Vec::new(), Vec::new(), Vec::new());
    let mut wall_ms = 1_514_764_800_000;
    for mut group in market.groups(&plan, &mut rng) {
        correlator.on_group(&mut group, |verdict| match verdict {
            Verdict::Publish(weighed) => place.push((place.len(), *weighed.composite)),
            Verdict::Hold(_, HeldBack::Cooldown | HeldBack::RateLimited) => panic!("decided too early"),
            Verdict::Hold(..) => {}
        });
        if rng.chance(0.3) {
            let composites: Vec<Composite> = place.iter().map(|(_, composite)| *composite).collect();
            // In another life half of the time: what is left of a second is saved.
            if rng.chance(0.5) {
                let rate = correlator.rate();
                let mut next = Correlator::new(&plan);
                rate.into_iter().for_each(|rate| next.restore_rate(rate));
                prop_assert_eq!(next.rate(), rate);
            }
            correlator.rank(wall_ms, &composites, &mut verdicts);
            let wanted = decide(&plan, wall_ms.div_euclid(1_000), &place, &mut published);
            prop_assert_eq!(&verdicts, &wanted);
            for verdict in &verdicts {
                tally[verdict.map_or(0, |reason| 1 + usize::from(reason == HeldBack::RateLimited))] += 1;
            }
            place.clear();
            wall_ms += [0, 1, 400, 1_000, 60_000][rng.count(0, 4)];
        }
    }
    let most = limits.iter().zip(TradingStyle::ALL).filter(|(max, _)| **max > 0);
    for (max, style) in most {
        let mut seconds: Vec<i64> = published.iter().filter(|(_, c)| c.style == style).map(|(at, _)| *at).collect();
        seconds.sort_unstable();
        prop_assert!(seconds.chunk_by(|a, b| a == b).all(|second| second.len() <= *max as usize));
    }
    Ok(())
}

#[test]
fn a_limit_publishes_by_priority_and_holds_back_the_rest() {
    let tally = RefCell::new([0; 3]);
    let limits =
        prop::array::uniform3(prop_oneof![1 => Just(0u32), 2 => 1..6u32]).prop_filter("none", |l| l != &[0; 3]);
    TestRunner::new(cases(150))
        .run(&(market(), limits), |(market, limits)| limited(&market, limits, &mut tally.borrow_mut()))
        .unwrap_or_else(|e| panic!("{e}"));
    let tally = tally.into_inner();
    assert!(tally.iter().all(|&n| n > 100), "published, cooling down, over the limit: {tally:?}");
}

#[test]
fn default_weights_are_the_definitions_and_interpolate_in_the_logarithm() {
    let weight = |text: &str| default_weight(text.parse::<Timeframe>().unwrap());
    for (text, want) in [("1s", 0.2), ("1m", 0.4), ("5m", 0.6), ("1h", 0.8), ("1d", 1.0), ("1w", 1.0), ("30d", 1.0)] {
        assert_eq!(weight(text), want, "{text}");
    }
    let between = |text: &str, (x0, y0): (f64, f64), (x1, y1): (f64, f64), seconds: f64| {
        let share = (seconds.ln() - x0.ln()) / (x1.ln() - x0.ln());
        assert!(near(weight(text), y0 + share * (y1 - y0)), "{text}");
    };
    between("5s", (1.0, 0.2), (60.0, 0.4), 5.0);
    between("2m", (60.0, 0.4), (300.0, 0.6), 120.0);
    between("15m", (300.0, 0.6), (3_600.0, 0.8), 900.0);
    between("4h", (3_600.0, 0.8), (86_400.0, 1.0), 14_400.0);
}
