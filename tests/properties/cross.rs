//! The correlation across assets against a matrix that is made afresh of all returns, and signals that are looked for in the list
//! of all signals ever given.

use crate::{cases, plan::plan, series::Rng};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::RefCell;
use wagehood_engine::{
    aggregate::{Closes, SavedCloses},
    config::{CrossRules, Plan},
    cross::{CrossAssets, SavedCross},
    model::{
        Calendar, Candidate, Crossing, Side, Signal, SignalKind, SourceId, Strategy, SymbolId, Timeframe, TimeframeId,
    },
};

const TIMEFRAMES: [&str; 3] = ["1m", "5m", "1h"];
const START: i64 = 1_514_764_800_000;

/// A bar as it came: after how many intervals had been taken, its end and its close.
type Came = (usize, i64, f64);

/// Everything that was ever said.
#[derive(Default)]
struct History {
    /// By symbol.
    bars: Vec<Vec<Came>>,
    /// Ends of the intervals.
    intervals: Vec<i64>,
    signals: Vec<Signal>,
}

/// What the definition makes of it now.
struct Naive {
    covariance: Vec<Vec<f64>>,
    ready: Vec<bool>,
    left_out: Vec<bool>,
}

impl History {
    fn naive(&self) -> Naive {
        let (lambda, count) = (0.5f64.powf(1.0 / 960.0), self.intervals.len());
        let symbols = self.bars.len();
        let (mut returns, mut entered, mut left_out) = (vec![vec![0.0; count]; symbols], vec![0; symbols], Vec::new());
        for (s, bars) in self.bars.iter().enumerate() {
            let (mut before, mut without) = (0, 0);
            for (k, to) in returns[s].iter_mut().enumerate() {
                // The number of bars that the interval knows.
                let knows = |(came, end, _): &&Came| *came <= k && *end <= self.intervals[k];
                let now = before + bars[before..].iter().take_while(knows).count();
                without = if now > before { 0 } else { without + 1 };
                if before > 0 {
                    *to = (bars[now - 1].2 / bars[before - 1].2 - 1.0).clamp(-0.05, 0.05);
                    entered[s] += usize::from(without < 96);
                }
                before = now;
            }
            left_out.push(before > 0 && without >= 96);
        }
        let sum = |a: usize, b: usize| {
            let each = |k: usize| (1.0 - lambda) * lambda.powi((count - 1 - k) as i32) * returns[a][k] * returns[b][k];
            (0..count).map(each).sum::<f64>()
        };
        let covariance: Vec<Vec<f64>> = (0..symbols).map(|a| (0..symbols).map(|b| sum(a, b)).collect()).collect();
        let ready = (0..symbols).map(|s| entered[s] >= 96 && !left_out[s] && covariance[s][s] > 0.0).collect();
        Naive { covariance, ready, left_out }
    }
}

impl Naive {
    fn market(&self, s: usize) -> Option<f64> {
        let others: Vec<usize> = (0..self.ready.len()).filter(|&o| o != s && self.ready[o]).collect();
        if !self.ready[s] || others.is_empty() {
            return None;
        }
        let c = &self.covariance;
        let with: f64 = others.iter().map(|&o| c[s][o]).sum();
        let among: f64 = others.iter().flat_map(|&a| others.iter().map(move |&b| c[a][b])).sum();
        (among > 0.0).then(|| (with / (c[s][s] * among).sqrt()).clamp(-1.0, 1.0))
    }

    fn correlation(&self, a: usize, b: usize) -> Option<f64> {
        let c = &self.covariance;
        let known = self.ready[a] && self.ready[b];
        known.then(|| if a == b { 1.0 } else { (c[a][b] / (c[a][a] * c[b][b]).sqrt()).clamp(-1.0, 1.0) })
    }
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9,
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// The same state in another life, from what it saves.
fn reborn(plan: &Plan, assets: &CrossAssets, history: &History) -> CrossAssets {
    let timeframe = plan.cross_asset.unwrap().timeframe;
    let names: Vec<&str> = plan.assets.iter().map(|asset| asset.symbol.as_str()).collect();
    let find = |name: &str| names.iter().position(|known| *known == name).map(|at| SymbolId(at as u16));
    let mut head = Vec::new();
    assets.save(|symbol| names[symbol.index()], &mut head).unwrap();
    let mut saved = SavedCross::read(&mut &head[..], timeframe).unwrap().expect("of this timeframe");
    assert!(SavedCross::read(&mut &head[..], "7m".parse().unwrap()).unwrap().is_none());
    for (symbol, name) in names.iter().enumerate().take(assets.matrix().symbols()) {
        assert_eq!(saved.symbols()[0], *name);
        let mut row = Vec::new();
        assets.save_row(symbol, &mut row).unwrap();
        saved.read_row(&mut &row[..]).unwrap();
    }
    let mut next = CrossAssets::new(plan).unwrap();
    next.restore(&saved, find);
    history.signals.iter().for_each(|signal| next.enter(signal, expires(plan, signal)));
    next
}

fn expires(plan: &Plan, signal: &Signal) -> i64 {
    plan.timeframes[signal.timeframe.index()].later(signal.event_ts, plan.active_bars, &Calendar::Utc)
}

/// What was reached.
#[derive(Debug, Default)]
struct Tally {
    known: usize,
    unknown: usize,
    left_out: usize,
    concentrated: usize,
    jumps: usize,
}

fn signals(rng: &mut Rng, plan: &Plan, wall: i64, symbol: usize) -> Vec<Signal> {
    let timeframe = TimeframeId::new(rng.count(0, TIMEFRAMES.len() - 1));
    let span = plan.timeframes[timeframe.index()].utc_span(wall);
    let one = |(k, rng): (usize, &mut Rng)| -> Signal {
        let side = if rng.chance(0.8) { Side::Buy } else { Side::Sell };
        let kind = SignalKind::named(if side == Side::Buy { "golden_cross" } else { "death_cross" }).unwrap();
        let confidence = if rng.chance(0.05) { 0.0 } else { rng.unit() };
        Signal {
            seq: 1,
            event_ts: span.end,
            arrival_ns: 0,
            source: SourceId::default(),
            bar_ts: span.start,
            bar_index: 0,
            price: 1.0,
            symbol: SymbolId(symbol as u16),
            timeframe,
            strategy: Strategy::ALL[k],
            candidate: Candidate { kind, side, confidence, factors: [0.0; 5] },
            settled: true,
        }
    };
    let mut group = Vec::new();
    for k in 0..Strategy::COUNT {
        if rng.chance(0.5) {
            group.push(one((k, rng)));
        }
    }
    group
}

fn check_signal(
    (assets, naive, plan): (&CrossAssets, &Naive, &Plan),
    history: &History,
    signal: &Signal,
    tally: &mut Tally,
) -> Result<(), TestCaseError> {
    let said = assets.judge(signal);
    let market = naive.market(signal.symbol.index());
    prop_assert!(near(said.map(|said| said.market_correlation), market), "{said:?}, not {market:?}");
    let Some(said) = said else { return Ok(()) };
    let lane = |s: &Signal| (s.symbol, s.timeframe, s.strategy);
    let alike = history.signals.iter().enumerate().filter(|(k, s)| {
        let newest = history.signals[k + 1..].iter().all(|later| lane(later) != lane(s));
        let same = s.timeframe == signal.timeframe && s.candidate.side == signal.candidate.side;
        newest && same && signal.event_ts < expires(plan, s)
    });
    let pairs: Vec<(f64, f64)> =
        alike.map(|(_, s)| (s.candidate.confidence, naive.market(s.symbol.index()).unwrap_or(0.0))).collect();
    let (w, own): (f64, f64) =
        (pairs.iter().map(|p| p.0).sum(), pairs.iter().map(|(w, r)| w * w * (1.0 - r * r)).sum());
    let shared: f64 = pairs.iter().map(|(w, r)| w * r).sum();
    let worth = (w > 0.0).then(|| w * w / (own + shared * shared));
    prop_assert_eq!(said.signals as usize, pairs.len());
    prop_assert!(near(said.independent_signals, worth), "{said:?}, not {worth:?}");
    prop_assert_eq!(said.is_concentrated(), pairs.len() > 5 && worth.is_some_and(|worth| worth < 1.5));
    tally.concentrated += usize::from(said.is_concentrated());
    Ok(())
}

fn check_matrix(assets: &CrossAssets, naive: &Naive, tally: &mut Tally) -> Result<(), TestCaseError> {
    let matrix = assets.matrix();
    for a in 0..naive.ready.len() {
        prop_assert_eq!(matrix.presence(a).is_left_out(), naive.left_out[a]);
        prop_assert!(near(matrix.market(a), naive.market(a)), "{a}: {:?}, not {:?}", matrix.market(a), naive.market(a));
        tally.left_out += usize::from(naive.left_out[a]);
        for b in 0..naive.ready.len() {
            let (found, wanted) = (matrix.correlation(a, b), naive.correlation(a, b));
            prop_assert!(near(found, wanted), "{a}, {b}: {found:?}, not {wanted:?}");
            tally.known += usize::from(wanted.is_some());
            tally.unknown += usize::from(wanted.is_none());
        }
    }
    Ok(())
}

/// Prices with a common move, and moves of their own.
struct Prices {
    all: Vec<f64>,
    scale: Vec<f64>,
}

impl Prices {
    fn new(rng: &mut Rng, symbols: usize) -> Self {
        let scale = (0..symbols).map(|_| [1e-6, 1e-3, 1e-2, 0.0, 0.2][rng.count(0, 4)]).collect();
        Self { all: vec![100.0; symbols], scale }
    }

    fn next(&mut self, rng: &mut Rng, symbol: usize, common: f64) -> f64 {
        let own = rng.between(-1.0, 1.0);
        self.all[symbol] *= 1.0 + self.scale[symbol] * (0.7 * common + 0.3 * own) * 0.5;
        self.all[symbol]
    }
}

fn compare(seed: u64, symbols: usize, timeframe: &str, tally: &mut Tally) -> Result<(), TestCaseError> {
    let mut rng = Rng(seed);
    let timeframe: Timeframe = timeframe.parse().unwrap();
    let rules = CrossRules { timeframe, max_symbols: 16 };
    let plan = Plan { cross_asset: Some(rules), ..plan(&TIMEFRAMES, &vec![u32::MAX; symbols]) };
    let (mut assets, mut closes) = (CrossAssets::new(&plan).unwrap(), Closes::new(timeframe));
    (0..symbols).for_each(|_| closes.add_symbol());
    let mut history = History { bars: vec![Vec::new(); symbols], ..History::default() };
    let mut prices = Prices::new(&mut rng, symbols);
    let (mut wall, mut due, interval) = (START, None, timeframe.interval_ms());
    let later = |end, bars| timeframe.later(end, bars, &Calendar::Utc);
    for step in 0..700 {
        wall += match rng.count(0, 99) {
            0 => (rng.between(20.0, 130.0) * interval as f64) as i64,
            n => n as i64 * interval / 100 + 1,
        };
        // Before the bars of this moment.
        let first = *due.get_or_insert(timeframe.utc_span(wall - 1).end);
        let mut next = first;
        while later(next, 2) <= wall {
            history.intervals.push(next);
            next = later(next, 1);
        }
        due = Some(next);
        let mut crossings: Vec<Crossing> = Vec::new();
        closes.take(step, first, next, |crossing| crossings.push(crossing));
        if next > first {
            tally.jumps += usize::from(crossings.iter().any(|crossing| matches!(crossing, Crossing::Rest { .. })));
            // One by one or together is the same.
            let mut seen = 0;
            let mut each = |_: &CrossAssets| seen += 1;
            let one_by_one = rng.chance(0.5);
            assets.take(&crossings, if one_by_one { Some(&mut each) } else { None });
            prop_assert!(!one_by_one || later(first, seen) == next);
            prop_assert_eq!((assets.taken() as usize, later(assets.end(), 1)), (history.intervals.len(), next));
        } else {
            prop_assert_eq!(&crossings, &[]);
        }
        if rng.chance(0.02) {
            assets = reborn(&plan, &assets, &history);
            closes = reborn_closes(&plan, &closes);
        }
        let common = rng.between(-1.0, 1.0);
        for symbol in 0..symbols {
            // The first comes alone at first, and one of them rests for long.
            if rng.chance(0.3) || (step < 40 && symbol > 0) || (symbol == 1 && (300..520).contains(&step)) {
                continue;
            }
            let late = if rng.chance(0.1) { rng.count(0, 5) as i64 * interval } else { 0 };
            let after = history.bars[symbol].last().map_or(i64::MIN, |bar| bar.1);
            let end = (wall - late).max(after + 1);
            let close = prices.next(&mut rng, symbol, common);
            history.bars[symbol].push((history.intervals.len(), end, close));
            closes.base(SymbolId(symbol as u16), TimeframeId::new(0), end, close);
        }
        if step % 50 == 49 || step > 690 {
            let naive = history.naive();
            check_matrix(&assets, &naive, tally)?;
            for symbol in 0..symbols {
                let group = signals(&mut rng, &plan, wall, symbol);
                group.iter().for_each(|signal| assets.enter(signal, expires(&plan, signal)));
                history.signals.extend(&group);
                for signal in &group {
                    check_signal((&assets, &naive, &plan), &history, signal, tally)?;
                }
            }
        }
    }
    Ok(())
}

fn reborn_closes(plan: &Plan, closes: &Closes) -> Closes {
    let timeframe = plan.cross_asset.unwrap().timeframe;
    let names: Vec<String> = plan.timeframes.iter().map(ToString::to_string).collect();
    let symbols: Vec<&str> = plan.assets.iter().map(|asset| asset.symbol.as_str()).collect();
    let mut bytes = Vec::new();
    closes.save(names.iter().map(String::as_str), |symbol| symbols[symbol.index()], &mut bytes).unwrap();
    let saved = SavedCloses::read(&mut &bytes[..], timeframe).unwrap().expect("of this timeframe");
    let mut next = Closes::new(timeframe);
    symbols.iter().for_each(|_| next.add_symbol());
    let find = |all: &[String], name: &str| all.iter().position(|known| known == name);
    let symbols: Vec<String> = symbols.iter().map(|name| (*name).to_owned()).collect();
    next.restore(&saved, |name| find(&symbols, name), |name| find(&names, name));
    next
}

#[test]
fn the_matrix_and_what_it_says_of_signals_are_those_of_the_definition() {
    let tally = RefCell::new(Tally::default());
    let case = (any::<u64>(), 1..7usize, prop_oneof![Just("15m"), Just("1h"), Just("1d"), Just("1M")]);
    TestRunner::new(cases(12))
        .run(&case, |(seed, symbols, timeframe)| compare(seed, symbols, timeframe, &mut tally.borrow_mut()))
        .unwrap_or_else(|error| panic!("{error}"));
    let tally = tally.into_inner();
    eprintln!("{tally:?}");
    assert!(tally.known > 500 && tally.unknown > 500 && tally.left_out > 5 && tally.jumps > 50, "{tally:?}");
}

/// Symbols that move as one: the definition says in figures what they are worth.
#[test]
fn many_signals_of_one_mind_are_one_bet() {
    let rules = CrossRules { timeframe: "15m".parse().unwrap(), max_symbols: 16 };
    let plan = Plan { cross_asset: Some(rules), ..plan(&TIMEFRAMES, &[u32::MAX; 8]) };
    let mut assets = CrossAssets::new(&plan).unwrap();
    let mut price = 100.0;
    for k in 0..100 {
        price *= if k % 2 == 0 { 1.01 } else { 0.98 };
        let close =
            |symbol: u16| Crossing::Close { seq: k, symbol: SymbolId(symbol), close: price * f64::from(symbol + 1) };
        let mut crossings: Vec<Crossing> = (0..8).map(close).collect();
        crossings.push(Crossing::End { seq: k, end: START + k as i64 * 900_000 });
        assets.take(&crossings, None);
    }
    let mut rng = Rng(1);
    let mut group = Vec::new();
    for symbol in 0..8 {
        let mut signal = loop {
            let mut all = signals(&mut rng, &plan, START, symbol);
            if let Some(signal) = all.pop() {
                break signal;
            }
        };
        (signal.timeframe, signal.strategy, signal.event_ts) = (TimeframeId::new(0), Strategy::MacdRsi, START + 60_000);
        (signal.candidate.side, signal.candidate.confidence) = (Side::Buy, 0.8);
        assets.enter(&signal, expires(&plan, &signal));
        group.push(signal);
    }
    for signal in &group {
        let said = assets.judge(signal).unwrap();
        assert!((said.market_correlation - 1.0).abs() < 1e-9 && said.signals == 8, "{said:?}");
        assert!((said.independent_signals.unwrap() - 1.0).abs() < 1e-6 && said.is_concentrated(), "{said:?}");
    }
    // Those on the other side, and the probe, have nothing to do with it.
    let other = Signal { candidate: Candidate { side: Side::Sell, ..group[0].candidate }, ..group[0] };
    assets.enter(&other, expires(&plan, &other));
    assert_eq!(assets.judge(&group[1]).unwrap().signals, 7);
    assert_eq!(assets.judge(&Signal { strategy: Strategy::Probe, ..group[1] }), None);
}
