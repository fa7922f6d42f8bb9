use super::*;

/// Numbers that show how an operation rounds, and those that are special.
fn numbers(seed: u64) -> [f64; LANES] {
    let mut state = seed | 1;
    std::array::from_fn(|k| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (state >> 40) % 12 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::NAN,
            3 => f64::INFINITY,
            4 => k as f64,
            _ => f64::from_bits(state >> 2 | 0x3f << 56) * if state & 1 == 0 { 1.0 } else { -1e-3 },
        }
    })
}

struct Holder {
    line: Line,
    window: [f64; WINDOW],
}

/// What every operation gives, as bits; a NaN is a NaN, whatever its bits.
fn everything<V: Vector>(a: [f64; LANES], b: [f64; LANES], lines: &[[f64; 8]; LANES]) -> Vec<u64> {
    let mut out = Vec::new();
    let (x, y) = (V::load(&a), V::load(&b));
    let number = |out: &mut Vec<u64>, value: V::F| {
        let mut to = [0.0; LANES];
        V::store(value, &mut to);
        out.extend(to.map(|x| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }));
    };
    for value in [V::add(x, y), V::sub(x, y), V::mul(x, y), V::div(x, y), V::sqrt(x), V::splat(2.5)] {
        number(&mut out, value);
    }
    let conditions = [V::lt(x, y), V::le(x, y), V::eq(x, y), V::gt(x, y), V::ge(x, y), V::always(true)];
    for bits in [0u8, 1, 0x5a, 0xfe, 0xff] {
        let condition = V::where_set(bits);
        out.push(u64::from(V::lanes(condition)));
        out.extend([V::some(condition), V::every(condition)].map(u64::from));
        let mut to = b;
        V::store_where(condition, x, &mut to);
        out.extend(to.map(|x| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }));
    }
    for condition in conditions {
        number(&mut out, V::pick(condition, x, y));
        let bits = V::to_bits(x);
        let more = [
            V::and(condition, conditions[0]),
            V::or(condition, conditions[0]),
            V::not(condition),
            V::has(bits, 0x11),
            V::any(bits, 0x11),
            V::at_least(V::masked(bits, 0xff), 100),
            V::at_least(V::count(V::masked(bits, 0xffff_ffff)), 16),
        ];
        out.extend(more.map(|m| u64::from(V::lanes(m))));
        out.extend([V::some(condition), V::every(condition)].map(u64::from));
        for words in [
            V::or_if(bits, condition, 0x5),
            V::push(bits, condition),
            V::one_more_or_one(bits, condition),
            V::sum(V::count(bits), V::words(3)),
            V::without(bits, V::to_bits(V::load(&b))),
            V::shift(bits),
        ] {
            let mut to = [0; LANES];
            V::store_words(words, &mut to);
            out.extend(to);
        }
    }
    let mut held: Vec<Holder> = lines
        .iter()
        .map(|line| Holder { line: Line(*line), window: std::array::from_fn(|k| line[k % 8] + k as f64) })
        .collect();
    let mut cells: Vec<&mut Holder> = held.iter_mut().collect();
    let mut rows = V::rows(&cells, |cell| &cell.line);
    rows.iter().for_each(|row| number(&mut out, *row));
    for n in [1, 3, 4, 7, 20, 21, WINDOW] {
        number(&mut out, V::squares(&cells, |cell| &cell.window, n, V::splat(1.75)));
    }
    rows.reverse();
    V::put_rows(&mut cells, rows, |cell| &mut cell.line);
    out.extend(held.iter().flat_map(|cell| cell.line.0.map(f64::to_bits)));
    out
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn avx2(a: [f64; LANES], b: [f64; LANES], lines: &[[f64; 8]; LANES]) -> Vec<u64> {
    everything::<Avx2>(a, b, lines)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn avx512(a: [f64; LANES], b: [f64; LANES], lines: &[[f64; 8]; LANES]) -> Vec<u64> {
    everything::<Avx512>(a, b, lines)
}

#[test]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // functions for some processors
fn every_operation_gives_the_same_bits_on_all_processors() {
    for seed in 0..200 {
        let (a, b) = (numbers(seed), numbers(seed * 31 + 7));
        // Lines are compared as they lie in memory: a NaN keeps its bits.
        let lines = std::array::from_fn(|k| numbers(seed * 8 + k as u64));
        let want = everything::<Eight>(a, b, &lines);
        if Isa::Avx2.is_here() {
            // SAFETY: it is here.
            assert_eq!(unsafe { avx2(a, b, &lines) }, want);
        }
        if Isa::Avx512.is_here() {
            // SAFETY: it is here.
            assert_eq!(unsafe { avx512(a, b, &lines) }, want);
        }
    }
}

#[test]
fn one_lane_is_a_lane_of_eight() {
    for seed in 0..200 {
        let (a, b) = (numbers(seed), numbers(seed * 31 + 7));
        let eight = [Eight::add(a, b), Eight::sub(a, b), Eight::mul(a, b), Eight::div(a, b), Eight::sqrt(a)];
        for k in 0..LANES {
            let one = [One::add(a[k], b[k]), One::sub(a[k], b[k]), One::mul(a[k], b[k]), One::div(a[k], b[k])];
            for (one, eight) in one.into_iter().chain([One::sqrt(a[k])]).zip(eight) {
                assert!(one.to_bits() == eight[k].to_bits() || (one.is_nan() && eight[k].is_nan()));
            }
            assert_eq!(One::lanes(One::lt(a[k], b[k])), Eight::lanes(Eight::lt(a, b)) >> k & 1);
            let bits = (One::to_bits(a[k]), Eight::to_bits(a));
            assert_eq!(One::push(bits.0, One::le(a[k], b[k])), Eight::push(bits.1, Eight::le(a, b))[k]);
            assert_eq!(One::at_least(One::count(bits.0), 20), Eight::at_least(Eight::count(bits.1), 20)[k] != 0);
        }
    }
}
