//! Programs against a plain reading of the same expressions, from all bars and with nothing remembered.

use super::{
    ops::Code,
    syntax::{Binary, Part, What, parse},
    *,
};
use crate::{
    indicators::LEAST,
    lanes::Isa,
    model::{Bar, CustomStrategy, PriceMethod, Side, SymbolId, TimeframeId},
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest},
};
use std::sync::Arc;

const NAN: f64 = f64::NAN;
const SCALE: f64 = 0.25;

fn bar(i: usize, [open, close, up, down, volume]: [f64; 5]) -> Bar {
    let (high, low) = (open.max(close) + up, open.min(close) - down);
    Bar {
        ts: i as i64 * 60_000,
        open,
        high,
        low,
        close,
        volume,
        vwap: (high + low) / 2.0,
        trades: 1,
        symbol: SymbolId(0),
        seq_delta: 0,
        timeframe: TimeframeId::new(0),
    }
}

/// A number for every bar.
fn numbers(part: &Part, bars: &[Bar]) -> Vec<f64> {
    let of = |part: &Part| numbers(part, bars);
    let each = |f: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..bars.len()).map(f).collect() };
    match &part.what {
        What::Number(number) => vec![*number; bars.len()],
        What::Name(name) => field(name, bars),
        What::Negated(inner) => of(inner).into_iter().map(|x| 0.0 - x).collect(),
        What::Both(binary, a, b) => {
            let (a, b) = (of(a), of(b));
            each(&|i| match binary {
                Binary::Plus => a[i] + b[i],
                Binary::Minus => a[i] - b[i],
                Binary::Times => a[i] * b[i],
                Binary::Over if b[i] == 0.0 => NAN,
                Binary::Over => a[i] / b[i],
                _ => panic!("no number"),
            })
        }
        What::Call(name, _, given) => call(name, given, bars),
        What::Not(_) => panic!("no number"),
    }
}

fn field(name: &str, bars: &[Bar]) -> Vec<f64> {
    let of = |bar: &Bar| match name {
        "price" | "close" => bar.close,
        "open" => bar.open,
        "high" => bar.high,
        "low" => bar.low,
        "volume" => bar.volume,
        "vwap" => bar.vwap,
        "scale" => SCALE,
        _ => NAN,
    };
    if name == "volume_ratio" { ratio(bars, 20) } else { bars.iter().map(of).collect() }
}

fn ratio(bars: &[Bar], n: usize) -> Vec<f64> {
    let volume = field("volume", bars);
    let divided = |(v, mean): (&f64, f64)| if mean == 0.0 { NAN } else { v / mean };
    volume.iter().zip(mean(&volume, n)).map(divided).collect()
}

/// Of every window of n values that are all defined.
fn windows(x: &[f64], n: usize, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |i: usize| {
        let window = x.get((i + 1).checked_sub(n)?..=i)?;
        window.iter().all(|x| x.is_finite()).then(|| of(window))
    };
    (0..x.len()).map(|i| at(i).unwrap_or(NAN)).collect()
}

fn mean(x: &[f64], n: usize) -> Vec<f64> {
    windows(x, n, |window| if window.iter().all(|x| *x == window[0]) { window[0] } else { sum(window) / n as f64 })
}

/// The sum, with the rounding errors of the additions added at its end.
fn sum(x: &[f64]) -> f64 {
    let (sum, error) = x.iter().fold((0.0, 0.0), |(sum, error), x| {
        let next = sum + x;
        let back = next - sum;
        (next, error + ((sum - (next - back)) + (x - back)))
    });
    sum + error
}

fn deviation(x: &[f64], n: usize) -> Vec<f64> {
    let means = mean(x, n);
    let mut out = windows(x, n, |_| 0.0);
    for (i, out) in out.iter_mut().enumerate().filter(|(_, out)| !out.is_nan()) {
        let mut sums = [0.0; 4];
        (0..n).for_each(|back| sums[back % 4] += (x[i - back] - means[i]) * (x[i - back] - means[i]));
        *out = (((sums[0] + sums[1]) + (sums[2] + sums[3])) / n as f64).sqrt();
    }
    out
}

fn ema(x: &[f64], from: usize, n: usize) -> Vec<f64> {
    let mut known = Vec::new();
    let mut value = NAN;
    let next = |&x: &f64| {
        if !x.is_finite() {
            return NAN;
        }
        known.push(x);
        if known.len() == from + n {
            value = known[from..].iter().sum::<f64>() / n as f64;
        } else if known.len() > from + n {
            let off = x - value;
            value += 2.0 / (n as f64 + 1.0) * if off.abs() < LEAST { 0.0 } else { off };
        }
        value
    };
    x.iter().map(next).collect()
}

/// The last of Wilder's averages of these.
fn wilder(x: &[f64], n: usize) -> f64 {
    let first = x[..n].iter().sum::<f64>() / n as f64;
    let least = if n > 1 { LEAST } else { 0.0 };
    x[n..].iter().fold(first, |average, x| ((average * (n as f64 - 1.0) + x) / n as f64).max(average.min(least)))
}

fn rsi(x: &[f64], n: usize) -> Vec<f64> {
    let mut known: Vec<f64> = Vec::new();
    let mut value = NAN;
    let next = |&x: &f64| {
        if !x.is_finite() {
            return NAN;
        }
        known.push(x);
        let moves: Vec<f64> = known.windows(2).map(|two| two[1] - two[0]).collect();
        if moves.len() >= n && (moves.len() == n || moves[moves.len() - 1] != 0.0) {
            let of = |side: f64| wilder(&moves.iter().map(|m| (m * side).max(0.0)).collect::<Vec<_>>(), n);
            let (gain, loss) = (of(1.0), of(-1.0));
            value = if gain + loss > 0.0 { 100.0 * gain / (gain + loss) } else { 50.0 };
        }
        value
    };
    x.iter().map(next).collect()
}

fn call(name: &str, given: &[Part], bars: &[Bar]) -> Vec<f64> {
    let of = |k: usize| numbers(&given[k], bars);
    let n = |k: usize| match given[k].what {
        What::Number(n) => n as usize,
        _ => panic!("no number of bars"),
    };
    let (last, price) = (given.len() - 1, field("price", bars));
    let source = if given.len() == 2 && matches!(given[1].what, What::Number(_)) { Some(0) } else { None };
    let x = || source.map_or_else(|| price.clone(), of);
    let most = |window: &[f64]| window.iter().copied().fold(f64::MIN, f64::max);
    let least = |window: &[f64]| window.iter().copied().fold(f64::MAX, f64::min);
    let pairs = |a: &[f64], b: &[f64], f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| if a.is_nan() || b.is_nan() { NAN } else { f(*a, *b) }).collect()
    };
    let folded = |f: &dyn Fn(f64, f64) -> f64| (1..given.len()).fold(of(0), |all, k| pairs(&all, &of(k), f));
    match name {
        "sma" => mean(&x(), n(last)),
        "ema" => ema(&x(), 0, n(last)),
        "rsi" => rsi(&x(), n(last)),
        "stddev" => deviation(&x(), n(last)),
        "highest" => windows(&x(), n(last), most),
        "lowest" => windows(&x(), n(last), least),
        "previous" => {
            let (x, back) = (of(0), if given.len() == 2 { n(1) } else { 1 });
            let tame = |x: f64| if x.is_finite() { x } else { NAN };
            (0..x.len()).map(|i| i.checked_sub(back).map_or(NAN, |i| tame(x[i]))).collect()
        }
        "count" => {
            let held: Vec<f64> = holds(&given[0], bars, true).iter().map(|&held| f64::from(u8::from(held))).collect();
            windows(&held, n(1), |window| window.iter().sum())
        }
        "if" => {
            let (held, a, b) = (holds(&given[0], bars, true), of(1), of(2));
            (0..bars.len()).map(|i| if held[i] { a[i] } else { b[i] }).collect()
        }
        "macd" | "macd_signal" | "macd_histogram" => {
            let difference = pairs(&ema(&price, n(1) - n(0), n(0)), &ema(&price, 0, n(1)), &|a, b| a - b);
            let signal = ema(&difference, 0, n(2));
            let line = pairs(&difference, &signal, &|line, _| line);
            match name {
                "macd" => line,
                "macd_signal" => signal,
                _ => pairs(&line, &signal, &|a, b| a - b),
            }
        }
        "bollinger_upper" | "bollinger_middle" | "bollinger_lower" => {
            let What::Number(k) = given[1].what else { panic!("no number") };
            let side = ["bollinger_lower", "bollinger_middle", "bollinger_upper"].iter().position(|n| *n == name);
            let side = side.unwrap() as f64 - 1.0;
            let off = deviation(&price, n(0));
            pairs(&mean(&price, n(0)), &off, &|mean, off| {
                if side < 0.0 { mean - k * off } else { mean + side * (k * off) }
            })
        }
        "atr" => {
            let ranges: Vec<f64> = bars
                .windows(2)
                .map(|two| {
                    let (bar, close) = (&two[1], two[0].close);
                    (bar.high - bar.low).max((bar.high - close).abs()).max((bar.low - close).abs())
                })
                .collect();
            (0..bars.len()).map(|i| if i < n(0) { NAN } else { wilder(&ranges[..i], n(0)) }).collect()
        }
        "stochastic_k" => {
            let (high, low) = (windows(&field("high", bars), n(0), most), windows(&field("low", bars), n(0), least));
            let of = |i: usize| {
                let (above, range) = (bars[i].close - low[i], high[i] - low[i]);
                if range == 0.0 { 50.0 } else { 100.0 * above / range }
            };
            (0..bars.len()).map(of).collect()
        }
        "stochastic_d" => mean(&call("stochastic_k", &given[..1], bars), n(1)),
        "donchian_upper" => windows(&field("high", bars), n(0), most),
        "donchian_lower" => windows(&field("low", bars), n(0), least),
        "donchian_middle" => {
            let of = |name| call(name, given, bars);
            pairs(&of("donchian_upper"), &of("donchian_lower"), &|a, b| (a + b) / 2.0)
        }
        "volume_average" => mean(&field("volume", bars), n(0)),
        "volume_ratio" => ratio(bars, n(0)),
        "abs" => of(0).into_iter().map(f64::abs).collect(),
        "min" => folded(&f64::min),
        "max" => folded(&f64::max),
        "clamp" if given.len() == 1 => {
            of(0).into_iter().map(|x| if x.is_nan() { x } else { x.clamp(0.0, 1.0) }).collect()
        }
        "clamp" => pairs(&pairs(&of(0), &of(1), &f64::max), &of(2), &f64::min),
        _ => panic!("{name}"),
    }
}

/// Whether a condition holds, or its opposite, which is never so of something undefined.
fn holds(part: &Part, bars: &[Bar], wanted: bool) -> Vec<bool> {
    let of = |part: &Part| holds(part, bars, wanted);
    let compare = |a: &[f64], b: &[f64], f: &dyn Fn(f64, f64) -> bool| -> Vec<bool> {
        a.iter().zip(b).map(|(a, b)| !a.is_nan() && !b.is_nan() && f(*a, *b) == wanted).collect()
    };
    let join = |a: Vec<bool>, b: Vec<bool>, both: bool| -> Vec<bool> {
        a.into_iter().zip(b).map(|(a, b)| if both == wanted { a && b } else { a || b }).collect()
    };
    let before = |x: &[f64]| -> Vec<f64> { std::iter::once(NAN).chain(x.iter().copied()).take(x.len()).collect() };
    let tame = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| if x.is_finite() { x } else { NAN }).collect() };
    match &part.what {
        What::Not(inner) => holds(inner, bars, !wanted),
        What::Both(Binary::And, a, b) => join(of(a), of(b), true),
        What::Both(Binary::Or, a, b) => join(of(a), of(b), false),
        What::Both(binary, a, b) => compare(&numbers(a, bars), &numbers(b, bars), &|a, b| match binary {
            Binary::Less => a < b,
            Binary::LessOrEqual => a <= b,
            Binary::More => a > b,
            Binary::MoreOrEqual => a >= b,
            Binary::Equal => a == b,
            _ => a != b,
        }),
        What::Call(name, _, given) if name.starts_with("crosses") => {
            let (a, b) = (numbers(&given[0], bars), numbers(&given[1], bars));
            let (a, b) = if name == "crosses_above" { (a, b) } else { (b, a) };
            let past = compare(&before(&tame(a.clone())), &before(&tame(b.clone())), &|a, b| a <= b);
            join(past, compare(&a, &b, &|a, b| a > b), true)
        }
        What::Call(name, _, given) => {
            let (x, n) = match given.as_slice() {
                [x, n] => (tame(numbers(x, bars)), n),
                _ => (field("price", bars), &given[0]),
            };
            let What::Number(n) = n.what else { panic!("no number of bars") };
            let side = if name == "rising" { 1.0 } else { -1.0 };
            let all = windows(&x, n as usize + 1, |window| {
                f64::from(u8::from(window.windows(2).all(|two| (two[1] - two[0]) * side > 0.0)))
            });
            compare(&all, &vec![0.5; all.len()], &|a, b| a > b)
        }
        _ => panic!("no condition"),
    }
}

fn strategy(place: usize) -> CustomStrategy {
    CustomStrategy::new(place, &format!("tried_{place}"), Side::Buy).unwrap()
}

fn rule<'a>(place: usize, when: &'a str, confidence: &'a str) -> CustomRule<'a> {
    let (side, min_confidence, every_bar) = (Side::Buy, 0.0, true);
    CustomRule { strategy: strategy(place), side, when, confidence, min_confidence, every_bar, symbols: None }
}

fn programs(program: &Arc<Program>, cells: usize, isa: Isa) -> Programs {
    let mut programs = Programs::new(std::slice::from_ref(program)).with(isa);
    for _ in 0..cells {
        let cell = CustomCell { timeframe: TimeframeId::new(0), method: PriceMethod::Ohlc, scale: SCALE };
        programs.add(cell, "A");
    }
    programs
}

/// Numbers of the language, not too deep.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => (0..8usize).prop_map(|k| {
            ["price", "open", "high", "low", "close", "volume", "vwap", "scale"][k].to_owned()
        }),
        1 => (-8..9i32).prop_map(|n| format!("{}", f64::from(n) / 4.0)),
        3 => (0..6usize, 1..7u32).prop_map(|(k, n)| {
            format!("{}({n})", ["sma", "ema", "rsi", "atr", "highest", "stochastic_k"][k])
        }),
        2 => (0..3usize, 1..5u32, 0..4u32, 1..5u32).prop_map(|(k, fast, more, signal)| {
            format!("{}({fast}, {}, {signal})", ["macd", "macd_signal", "macd_histogram"][k], fast + more)
        }),
        2 => (0..7usize, 1..6u32, 1..4u32).prop_map(|(k, n, m)| match k {
            0 => format!("bollinger_upper({n}, {m})"),
            1 => format!("bollinger_lower({n}, {m}.5)"),
            2 => format!("stochastic_d({n}, {m})"),
            3 => format!("donchian_upper({n})"),
            4 => format!("donchian_middle({n})"),
            5 => format!("volume_ratio({n})"),
            _ => format!("volume_average({n})"),
        }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), 0..4usize).prop_map(|((a, b), k)| format!("({a} {} {b})", ["+", "-", "*", "/"][k])),
            (inner.clone(), 0..7usize, 1..6u32).prop_map(|(x, k, n)| {
                let name = ["sma", "ema", "rsi", "stddev", "highest", "lowest", "previous"][k];
                format!("{name}({x}, {n})")
            }),
            (two.clone(), 0..2usize).prop_map(|((a, b), k)| format!("{}({a}, {b})", ["min", "max"][k])),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("if({a} < {b}, {c}, -abs({a}))")),
            (two, 1..6u32).prop_map(|((a, b), n)| format!("count({a} >= {b}, {n})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let pair = || (number(), number());
    let leaf = prop_oneof![
        (pair(), 0..6usize).prop_map(|((a, b), k)| format!("{a} {} {b}", ["<", "<=", ">", ">=", "==", "!="][k])),
        (pair(), 0..2usize).prop_map(|((a, b), k)| format!("{}({a}, {b})", ["crosses_above", "crosses_below"][k])),
        (number(), 0..2usize, 1..4u32).prop_map(|(x, k, n)| format!("{}({x}, {n})", ["rising", "falling"][k])),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| format!("not ({c})")),
            (inner.clone(), inner, 0..2usize).prop_map(|(a, b, k)| format!("({a}) {} ({b})", ["and", "or"][k])),
        ]
    })
}

/// Bars whose prices are quarters and often equal, so that sums are exact and ties come.
fn market() -> impl Strategy<Value = Vec<Bar>> {
    let quarter = |most: i32| (0..=most).prop_map(|n| f64::from(n) / 4.0);
    let rows = (quarter(12), quarter(12), quarter(3), quarter(3), prop_oneof![quarter(40), Just(0.0)]);
    vec(rows, 1..60).prop_map(|rows| {
        let bar = |(i, (open, close, up, down, volume))| bar(i, [100.0 + open, 100.0 + close, up, down, volume]);
        rows.into_iter().enumerate().map(bar).collect()
    })
}

/// Eleven cells that have their bars in turn, not all at once, each from another place of the market on.
fn turns(bars: usize, seed: u64) -> Vec<Vec<(u32, usize)>> {
    let (mut state, mut next, mut turns) = (seed | 1, [0usize; 11], Vec::new());
    while next.iter().enumerate().any(|(cell, next)| *next + cell / 3 < bars) {
        let mut turn = Vec::new();
        for (cell, next) in next.iter_mut().enumerate() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if *next + cell / 3 < bars && (state >> 60 != 0 || seed.is_multiple_of(2)) {
                turn.push((cell as u32, *next + cell / 3));
                *next += 1;
            }
        }
        turns.push(turn);
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_program_says_what_a_plain_reading_says(
        when in condition(), confidence in number(), bars in market(), seed in 0..u64::MAX, cut in 0..60usize,
    ) {
        // What is the same on every bar is refused.
        let rules = [rule(0, &when, "1"), rule(1, "price > 0", &confidence)];
        let Ok(program) = Program::compile(&rules) else { return Ok(()) };
        let program = Arc::new(program);
        let (when_part, confidence_part) = (parse(&when).unwrap(), parse(&confidence).unwrap());
        // By where a cell begins: what it should say.
        let wants: Vec<(Vec<bool>, Vec<f64>)> = (0..4.min(bars.len()))
            .map(|from| (holds(&when_part, &bars[from..], true), numbers(&confidence_part, &bars[from..])))
            .collect();
        for isa in Isa::all() {
            let mut all = programs(&program, 11, isa);
            for (turn, cells) in turns(bars.len(), seed).iter().enumerate() {
                if turn == cut {
                    all = saved_and_restored(&all, &program, 11, isa);
                }
                for batch in cells.chunks(8) {
                    let given: Vec<(u32, &Bar)> = batch.iter().map(|(cell, at)| (*cell, &bars[*at])).collect();
                    let mut said = vec![false; batch.len()];
                    all.on_bars(&given, |k, strategy, _| said[k] |= strategy.place() == 0);
                    for (k, (cell, at)) in batch.iter().enumerate() {
                        let from = *cell as usize / 3;
                        let (truths, values) = &wants[from];
                        let (want, value) = (truths[at - from], values[at - from]);
                        // Registers are those of the block that came last.
                        let is_there = batch.last().is_some_and(|(last, _)| last / 8 == cell / 8);
                        let raw = if is_there { all.raw(*cell, 1) } else { value };
                        let same = raw.to_bits() == value.to_bits() || raw == value || raw.is_nan() && value.is_nan();
                        prop_assert!(same, "{:?} bar {}: {} = {}, not {}", isa, at - from, confidence, raw, value);
                        prop_assert_eq!(said[k], want, "{:?} bar {}: {}", isa, at - from, when);
                    }
                }
            }
        }
    }
}

fn saved_and_restored(all: &Programs, program: &Arc<Program>, cells: usize, isa: Isa) -> Programs {
    let mut again = programs(program, cells, isa);
    for cell in 0..cells as u32 {
        let mut image = Vec::new();
        all.write_state(cell, &mut image);
        let mut rest = image.as_slice();
        let state = CustomState::read(program, &mut rest).unwrap();
        assert!(rest.is_empty());
        again.restore(cell, &state);
        let mut second = Vec::new();
        again.write_state(cell, &mut second);
        assert_eq!(image, second);
        assert!(CustomState::read(program, &mut &image[..image.len() - 1]).is_err());
        assert!(CustomState::read(&Program::default(), &mut image.as_slice()).is_err());
    }
    again
}

#[test]
fn the_short_way_of_what_has_settled_gives_the_same_bits() {
    let when = "crosses_above(ema(3), ema(5)) and rsi(4) < 60 and volume_ratio(3) > 0.5 and price > sma(6) and atr(4) > 0 \
                and macd(3, 5, 2) > macd_signal(3, 5, 2) and rising(2) and falling(high, 1) and highest(4) > lowest(3) \
                and count(close > open, 3) > 0 and ema(volume_ratio(2), 3) > sma(volume_ratio(2), 2)";
    let program = Arc::new(Program::compile(&[rule(0, when, "1")]).unwrap());
    let mut state = 9u64;
    let mut quarters = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % most) as f64 / 4.0
    };
    // Some volumes are 0 for so long that the ratio is undefined.
    let mut bar_of = |i: usize| {
        let volume = if i % 40 > 36 { 0.0 } else { quarters(40) / 1.1 };
        bar(i, [100.0 + quarters(12), 100.0 + quarters(12) / 1.3, quarters(3), quarters(3), volume])
    };
    let bars: Vec<Bar> = (0..120).map(&mut bar_of).collect();
    for isa in Isa::all() {
        // What is restored has not settled: after every bar, it goes the long way for ever.
        let (mut short, mut long) = (programs(&program, 8, isa), programs(&program, 8, isa));
        let mut settled = [false; 2];
        for (i, bar) in bars.iter().enumerate() {
            let given: Vec<(u32, &Bar)> = (0..8).map(|cell| (cell, bar)).collect();
            // Now and then one cell has no bar.
            let given = &given[usize::from(i > 60 && i % 9 == 8)..];
            let mut said = [Vec::new(), Vec::new()];
            short.on_bars(given, |k, _, _| said[0].push(k));
            long.on_bars(given, |k, _, _| said[1].push(k));
            assert_eq!(said[0], said[1], "{isa:?} bar {i}");
            for cell in 0..8 {
                let [mut of_short, mut of_long] = [Vec::new(), Vec::new()];
                short.write_state(cell, &mut of_short);
                long.write_state(cell, &mut of_long);
                assert_eq!(of_short, of_long, "{isa:?} bar {i} cell {cell}");
            }
            let all = short.settled().iter().all(|cells| *cells == u8::MAX);
            settled = [settled[0] | all, settled[1] | settled[0] & !all];
            long = saved_and_restored(&long, &program, 8, isa);
            assert!(long.settled().iter().all(|cells| *cells == 0));
        }
        assert_eq!(settled, [true; 2], "all settle, and what becomes undefined does so no longer");
    }
}

#[test]
fn what_comes_together_is_one_step() {
    let codes = |when: &str| -> Vec<Code> {
        Program::compile(&[rule(0, when, "1")]).unwrap().ops.every_bar.iter().map(|op| op.code).collect()
    };
    assert_eq!(codes("price > 1 and high < 2"), [Code::Less, Code::LessAnd]);
    assert_eq!(codes("atr(3) > 1"), [Code::Last, Code::TrueRange, Code::Wilder, Code::Less]);
    assert!(codes("macd(3, 5, 2) > 0").contains(&Code::WhereKnown));
    // A truth that two read is made by itself, and so is a range of which something else reads a part.
    assert!(codes("price > 1 and high < 2 and (price > 1 or high < 3)").contains(&Code::And));
    assert!(!codes("atr(3) > high - low").contains(&Code::TrueRange));
}

#[test]
fn what_two_strategies_read_is_computed_once() {
    let one = Program::compile(&[rule(0, "ema(20) > ema(50)", "0.5")]).unwrap();
    let two = Program::compile(&[
        rule(0, "ema(20) > ema(50)", "0.5"),
        rule(1, "ema(50) < ema(20) and ema(price, 20) > 0", "clamp(ema(50) - ema(20))"),
    ])
    .unwrap();
    let averages = |program: &Program| {
        program.steps.iter().filter(|step| matches!(step.node, super::graph::Node::Ema(..))).count()
    };
    assert_eq!((averages(&one), averages(&two)), (2, 2));
    assert_eq!((one.initial.len(), one.initial.len()), (two.initial.len(), 6));
    assert_eq!((one.defined_after(), one.settling_bars()), (50, 174));
    let chained = Program::compile(&[rule(0, "ema(rsi(14), 9) > previous(sma(volume, 10), 5)", "1")]).unwrap();
    assert_eq!(chained.defined_after(), 23);
    assert_ne!(one.identity(), two.identity());
    // Its windows lie behind each other, each once.
    let windows = Program::compile(&[rule(0, "sma(20) > sma(30) and highest(25) > previous(price, 3)", "1")]).unwrap();
    let kept = windows.steps.iter().filter(|step| matches!(step.node, super::graph::Node::Keep(_)));
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_signal_comes_on_the_first_bar_on_which_the_condition_holds() {
    let level = CustomRule { every_bar: false, min_confidence: 0.5, ..rule(0, "price > 1", "price / 4") };
    let program = Arc::new(Program::compile(&[level, rule(1, "price > 1", "price / (price - 3)")]).unwrap());
    let mut all = programs(&program, 1, Isa::best());
    let mut said = Vec::new();
    for (i, price) in [3.0, 3.0, 0.0, 8.0, 1.0, 1.5, 3.0].into_iter().enumerate() {
        let bar = bar(i, [price, price, 0.0, 0.0, 1.0]);
        all.on_bars(&[(0, &bar)], |_, strategy, candidate| said.push((i, strategy.place(), candidate.confidence)));
    }
    // The first is quiet while its condition goes on, and where it is not sure enough; the second has no confidence at 3.
    assert_eq!(said, [(0, 0, 0.75), (3, 0, 1.0), (3, 1, 1.0), (5, 1, 0.0)]);
    assert_eq!(all.undefined(), 3);
}

#[test]
fn a_strategy_says_nothing_of_symbols_that_it_does_not_run_on() {
    let symbols = ["B".to_owned()];
    let limited = CustomRule { symbols: Some(&symbols), ..rule(0, "price > 1", "1") };
    let program = Arc::new(Program::compile(&[limited, rule(1, "price > 1", "1")]).unwrap());
    let mut all = Programs::new(&[Arc::default(), program]);
    let cell = CustomCell { timeframe: TimeframeId::new(1), method: PriceMethod::Vwap, scale: 1.0 };
    all.add(CustomCell { timeframe: TimeframeId::new(0), ..cell }, "B");
    ["A", "B", "C"].iter().for_each(|symbol| all.add(cell, symbol));
    let bars: Vec<Bar> = (0..4).map(|i| bar(i, [2.0; 5])).collect();
    let given: Vec<(u32, &Bar)> = (0..4).zip(&bars).collect();
    let mut said = Vec::new();
    all.on_bars(&given, |k, strategy, _| said.push((k, strategy.place())));
    said.sort_unstable();
    assert_eq!(said, [(1, 1), (2, 0), (2, 1), (3, 1)]);
}

#[test]
fn a_fault_says_where_and_what_would_mend_it() {
    for (when, confidence, part, at, problem) in [
        ("rsii(14) < 60", "1", RulePart::When, 0..4, "did you mean `rsi`?"),
        ("pirce < 60", "1", RulePart::When, 0..5, "did you mean `price`?"),
        ("rsi < 60", "1", RulePart::When, 0..3, "write rsi(n) or rsi(x, n)"),
        ("price(3) < 60", "1", RulePart::When, 0..5, "takes no brackets"),
        ("sma(0) < 60", "1", RulePart::When, 4..5, "a whole number of bars from 1 to 4096"),
        ("sma(volume) < 60", "1", RulePart::When, 4..10, "a whole number of bars"),
        ("price > 1 and rsi(14)", "1", RulePart::When, 14..21, "is a number, and a condition is wanted"),
        ("price > 1", "0.5 + (price > 2)", RulePart::Confidence, 6..17, "is a condition, and a number is wanted"),
        ("rising(3) > 1", "1", RulePart::When, 0..9, "is a condition"),
        ("macd(26, 12, 9) > 1", "1", RulePart::When, 5..11, "fast at most slow"),
        ("1 < 2", "1", RulePart::When, 0..5, "always holds"),
        ("clamp(price, 1) > 0", "1", RulePart::When, 0..5, "found 2 values"),
        ("bollinger_upper(20, price) > 0", "1", RulePart::When, 20..25, "a number above 0"),
        ("frobnicate(3) > 0", "1", RulePart::When, 0..10, "known are price, open"),
    ] {
        let faults = Program::compile(&[rule(0, "price > 0", "1"), rule(1, when, confidence)]).unwrap_err();
        let (number, of, fault) = &faults[0];
        assert_eq!((*number, *of, fault.at.clone()), (1, part, at), "{when}: {fault:?}");
        assert!(fault.problem.contains(problem), "{when}: {fault:?}");
    }
}
