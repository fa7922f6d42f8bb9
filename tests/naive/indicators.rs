//! Indicators at one bar, each computed from bar 0 (or from its window).

/// Sum that carries the rounding errors along (Neumaier): right to the last bit or two whatever cancels.
pub fn sum(xs: &[f64]) -> f64 {
    let (mut total, mut lost) = (0.0f64, 0.0f64);
    for &x in xs {
        let next = total + x;
        lost += if total.abs() >= x.abs() { (total - next) + x } else { (x - next) + total };
        total = next;
    }
    total + lost
}

fn all_equal(xs: &[f64]) -> bool {
    xs.iter().all(|&x| x == xs[0])
}

/// Mean of a window; exactly the value where all are equal.
pub fn mean(xs: &[f64]) -> f64 {
    if all_equal(xs) { xs[0] } else { sum(xs) / xs.len() as f64 }
}

/// The last `n` values up to bar `i`.
pub fn window(xs: &[f64], n: usize, i: usize) -> Option<&[f64]> {
    (i + 1 >= n).then(|| &xs[i + 1 - n..=i])
}

pub fn sma(xs: &[f64], n: usize, i: usize) -> Option<f64> {
    window(xs, n, i).map(mean)
}

/// EMA(n) at bar `i` whose seed is the mean of the `n` values that end at bar `seed`.
fn ema_seeded_at(xs: &[f64], n: usize, seed: usize, i: usize) -> Option<f64> {
    if i < seed {
        return None;
    }
    let first = xs[seed + 1 - n..=seed].iter().sum::<f64>() / n as f64;
    let alpha = 2.0 / (n as f64 + 1.0);
    Some(xs[seed + 1..=i].iter().fold(first, |e, p| e + alpha * (p - e)))
}

pub fn ema(xs: &[f64], n: usize, i: usize) -> Option<f64> {
    ema_seeded_at(xs, n, n - 1, i)
}

#[derive(Debug, Clone, Copy)]
pub struct Macd {
    pub line: f64,
    pub signal: f64,
    pub hist: f64,
}

/// MACD(f, s, g) at bar `i`.
pub fn macd(xs: &[f64], f: usize, s: usize, g: usize, i: usize) -> Option<Macd> {
    if i < s + g - 2 {
        return None;
    }
    let mut fast = ema_seeded_at(xs, f, s - 1, s - 1)?;
    let mut slow = ema(xs, s, s - 1)?;
    let mut lines = vec![fast - slow];
    for p in &xs[s..=i] {
        fast += 2.0 / (f as f64 + 1.0) * (p - fast);
        slow += 2.0 / (s as f64 + 1.0) * (p - slow);
        lines.push(fast - slow);
    }
    let line = lines[lines.len() - 1];
    let signal = ema(&lines, g, lines.len() - 1)?;
    Some(Macd { line, signal, hist: line - signal })
}

/// RSI(n) at bar `i`, by Wilder; where the price stands still, that of the bar before.
pub fn rsi(xs: &[f64], n: usize, i: usize) -> Option<f64> {
    if i < n {
        return None;
    }
    let i = (n + 1..=i).rev().find(|&j| xs[j] != xs[j - 1]).unwrap_or(n);
    let moves: Vec<f64> = xs[..=i].windows(2).map(|w| w[1] - w[0]).collect();
    let wilder = |side: &dyn Fn(f64) -> f64| {
        let first = moves[..n].iter().map(|&m| side(m)).sum::<f64>() / n as f64;
        moves[n..].iter().fold(first, |avg, &m| (avg * (n as f64 - 1.0) + side(m)) / n as f64)
    };
    let gain = wilder(&|m| m.max(0.0));
    let loss = wilder(&|m| (-m).max(0.0));
    Some(if gain + loss == 0.0 { 50.0 } else { 100.0 * gain / (gain + loss) })
}

#[derive(Debug, Clone, Copy)]
pub struct Bands {
    pub upper: f64,
    pub middle: f64,
    pub lower: f64,
    pub deviation: f64,
}

/// Bollinger(n, k) at bar `i`, in two passes.
pub fn bollinger(xs: &[f64], n: usize, k: f64, i: usize) -> Option<Bands> {
    let w = window(xs, n, i)?;
    let middle = mean(w);
    let squares: Vec<f64> = w.iter().map(|x| (x - middle).powi(2)).collect();
    let deviation = if all_equal(w) { 0.0 } else { (sum(&squares) / n as f64).sqrt() };
    Some(Bands { upper: middle + k * deviation, middle, lower: middle - k * deviation, deviation })
}
