//! The five strategies as functions of the whole series up to bar `i`.
//!
//! `s` is the side's direction: +1 buy, −1 sell. A mirror image is the same inequality with both sides times `s`.

use super::{
    doubt::Doubt,
    indicators::{self, Bands, Macd},
};
use wagehood_engine::config::StrategyParams;

/// What the definition says of one bar and strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub kind: &'static str,
    pub side: &'static str,
    pub confidence: f64,
    pub factors: Vec<(&'static str, f64)>,
}

/// The series of one cell with the indicators that its strategies read, one value per bar.
#[derive(Debug)]
pub struct Market {
    params: StrategyParams,
    scale: f64,
    p: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    volume: Vec<f64>,
    volume_average: Vec<Option<f64>>,
    macd: Vec<Option<Macd>>,
    line: Vec<Option<f64>>,
    macd_rsi: Vec<Option<f64>>,
    ma_distance: Vec<Option<f64>>,
    trend_rsi: Vec<Option<f64>>,
    trend_rsi_slow: Vec<Option<f64>>,
    bands: Vec<Option<Bands>>,
}

fn clamp(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

const SIDES: [f64; 2] = [1.0, -1.0];

fn side_name(s: f64) -> &'static str {
    if s > 0.0 { "buy" } else { "sell" }
}

fn pick(s: f64, buy: &'static str, sell: &'static str) -> &'static str {
    if s > 0.0 { buy } else { sell }
}

/// Of the candidates that are sure enough the surest, of equals the first. Two that are equal to the last bit were made
/// of the same numbers in the same way, which rounding does not part.
fn best(candidates: Vec<Expected>, min_confidence: f64, doubt: &Doubt) -> Option<Expected> {
    let mut found: Option<Expected> = None;
    for c in candidates {
        if doubt.at_least(c.confidence, min_confidence, 1.0)
            && found
                .as_ref()
                .is_none_or(|f| c.confidence != f.confidence && doubt.above(c.confidence, f.confidence, 1.0))
        {
            found = Some(c);
        }
    }
    found
}

/// Whether a condition is true at `i` and was not at `i − 1`.
fn rises(i: usize, condition: impl Fn(usize) -> bool) -> bool {
    condition(i) && !(i > 0 && condition(i - 1))
}

impl Market {
    pub fn new(
        params: &StrategyParams,
        scale: f64,
        p: Vec<f64>,
        high: Vec<f64>,
        low: Vec<f64>,
        volume: Vec<f64>,
    ) -> Self {
        fn each<T>(n: usize, f: impl Fn(usize) -> T) -> Vec<T> {
            (0..n).map(f).collect()
        }
        let (n, x) = (p.len(), params.clone());
        let (m, c, r, b) = (&x.macd_rsi, &x.ma_crossover, &x.rsi_trend, &x.bollinger_breakout);
        let macd = each(n, |i| indicators::macd(&p, m.macd_fast, m.macd_slow, m.macd_signal, i));
        Self {
            scale,
            volume_average: each(n, |i| indicators::sma(&volume, x.common.volume_period, i)),
            line: macd.iter().map(|v| v.map(|v| v.line)).collect(),
            macd,
            macd_rsi: each(n, |i| indicators::rsi(&p, m.rsi_period, i)),
            ma_distance: each(n, |i| {
                let (fast, slow) = (indicators::ema(&p, c.fast_period, i)?, indicators::ema(&p, c.slow_period, i)?);
                Some((fast - slow) / slow)
            }),
            trend_rsi: each(n, |i| indicators::rsi(&p, r.rsi_period, i)),
            trend_rsi_slow: each(n, |i| indicators::rsi(&p, r.trend_rsi_period, i)),
            bands: each(n, |i| indicators::bollinger(&p, b.period, b.std_dev, i)),
            params: x,
            p,
            high,
            low,
            volume,
        }
    }

    /// What each strategy says at bar `i`, in the definition's order, and whether rounding could have decided it.
    pub fn signals(&self, i: usize) -> [(Option<Expected>, bool); 5] {
        let look = |enabled: bool, strategy: &dyn Fn(&Self, usize, &Doubt) -> Option<Expected>| {
            let doubt = Doubt::default();
            let found = if enabled { strategy(self, i, &doubt) } else { None };
            (found, doubt.any())
        };
        let x = &self.params;
        [
            look(x.macd_rsi.enabled, &Self::macd_rsi),
            look(x.ma_crossover.enabled, &Self::ma_crossover),
            look(x.rsi_trend.enabled, &Self::rsi_trend),
            look(x.bollinger_breakout.enabled, &Self::bollinger_breakout),
            look(x.sr_breakout.enabled, &Self::sr_breakout),
        ]
    }

    fn volume_ratio(&self, confirmation: bool, i: usize) -> Option<f64> {
        let average = self.volume_average[i]?;
        (confirmation && average > 0.0).then(|| self.volume[i] / average)
    }

    fn volume_factor(&self, confirmation: bool, threshold: f64, i: usize) -> f64 {
        self.volume_ratio(confirmation, i).map_or(1.0, |r| (r / threshold).min(1.0))
    }

    fn volume_gate(&self, confirmation: bool, threshold: f64, i: usize, doubt: &Doubt) -> bool {
        self.volume_ratio(confirmation, i).is_none_or(|r| doubt.at_least(r, threshold, 0.0))
    }

    fn momentum(&self, n: usize, k: f64, s: f64, i: usize) -> f64 {
        let m = n.min(i);
        if m < 2 {
            return 0.5;
        }
        let then = self.p[i - m];
        clamp(s * k * (self.p[i] - then) / then / self.scale + 0.5)
    }

    fn is_swing(&self, j: i64, s: f64) -> bool {
        let Ok(j) = usize::try_from(j) else { return false };
        j >= 1 && s * self.p[j] < s * self.p[j - 1] && s * self.p[j] < s * self.p[j + 1]
    }

    /// Swing divergence at bar `i`; each track comes with the size its rounding is relative to.
    fn swing_divergence(&self, i: usize, s: f64, tracks: &[(&[Option<f64>], f64)], doubt: &Doubt) -> bool {
        let common = &self.params.common;
        let now = i as i64;
        if i < common.swing_min_index || !self.is_swing(now - 1, s) {
            return false;
        }
        let window = (now - common.swing_lookback as i64)..=(now - 2);
        let Some(j) = window.rev().find(|&j| self.is_swing(j, s)) else { return false };
        let j = j as usize;
        s * self.p[i - 1] < s * self.p[j]
            && tracks.iter().all(|(track, size)| match (track[j], track[i - 1]) {
                (Some(then), Some(now)) => doubt.above(s * now, s * then, *size),
                _ => false,
            })
    }

    fn macd_rsi(&self, i: usize, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.macd_rsi;
        let mut found = Vec::new();
        for s in SIDES {
            if let Some(candidate) = self.macd_crossing(i, s, doubt) {
                found.push(candidate);
            }
        }
        for s in SIDES.into_iter().filter(|_| x.divergences) {
            if self.swing_divergence(i, s, &[(&self.line, self.p[i]), (&self.macd_rsi, 100.0)], doubt) {
                let volume = self.volume_factor(x.volume_confirmation, x.volume_threshold, i);
                found.push(Expected {
                    kind: pick(s, "macd_rsi_bullish_divergence", "macd_rsi_bearish_divergence"),
                    side: side_name(s),
                    confidence: x.divergence_confidence * volume,
                    factors: vec![("volume", volume)],
                });
            }
        }
        best(found, x.min_confidence, doubt)
    }

    fn macd_crossing(&self, i: usize, s: f64, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.macd_rsi;
        let (was, now) = (self.macd[i.checked_sub(1)?]?, self.macd[i]?);
        let size = self.p[i].max(self.p[i - 1]);
        let crosses =
            doubt.at_least(s * was.signal, s * was.line, size) && doubt.above(s * now.line, s * now.signal, size);
        let rsi = self.macd_rsi[i]?;
        let extreme = if s > 0.0 { x.rsi_oversold } else { x.rsi_overbought };
        let leaves_extreme = self.macd_rsi[i - 1].is_some_and(|before| {
            doubt.at_least(s * extreme, s * before, 100.0) && doubt.above(s * rsi, s * extreme, 100.0)
        });
        if !crosses || !(leaves_extreme || doubt.above(s * rsi, s * x.rsi_midline, 100.0)) {
            return None;
        }
        let position = (rsi - x.rsi_oversold) / (x.rsi_overbought - x.rsi_oversold);
        let velocity = clamp((now.hist - was.hist).abs() / self.p[i] * x.velocity_gain / self.scale);
        let position = clamp(if s > 0.0 { 1.0 - position } else { position });
        let histogram = clamp(now.hist.abs() / self.p[i] * x.velocity_gain / self.scale);
        let volume = self.volume_factor(x.volume_confirmation, x.volume_threshold, i);
        let momentum = self.momentum(x.momentum_bars, x.momentum_gain, s, i);
        Some(Expected {
            kind: pick(s, "macd_rsi_bullish", "macd_rsi_bearish"),
            side: side_name(s),
            confidence: x.weight_cross_velocity * velocity
                + x.weight_rsi_position * position
                + x.weight_histogram * histogram
                + x.weight_volume * volume
                + x.weight_momentum * momentum,
            factors: vec![
                ("cross_velocity", velocity),
                ("rsi_position", position),
                ("histogram", histogram),
                ("volume", volume),
                ("momentum", momentum),
            ],
        })
    }

    fn ma_crossover(&self, i: usize, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.ma_crossover;
        let (was, now) = (self.ma_distance[i.checked_sub(1)?]?, self.ma_distance[i]?);
        let mut found = Vec::new();
        for s in SIDES {
            if !(doubt.at_least(0.0, s * was, 1.0) && doubt.above(s * now, 0.0, 1.0)) {
                continue;
            }
            let velocity = clamp((now - was).abs() * x.velocity_gain / self.scale);
            let volume = self.volume_factor(x.volume_confirmation, x.volume_threshold, i);
            let moves = self.p[..=i].windows(2).rev().take(x.trend_bars);
            let with = moves.filter(|w| s * w[1] > s * w[0]).count();
            let trend = with as f64 / x.trend_bars as f64;
            found.push(Expected {
                kind: pick(s, "golden_cross", "death_cross"),
                side: side_name(s),
                confidence: x.weight_cross_velocity * velocity
                    + x.weight_volume * volume
                    + x.weight_trend_strength * trend,
                factors: vec![("cross_velocity", velocity), ("volume", volume), ("trend_strength", trend)],
            });
        }
        best(found, x.min_confidence, doubt)
    }

    /// Pullback within an uptrend (s = +1) or rally within a downtrend.
    fn with_the_trend(&self, i: usize, s: f64, doubt: &Doubt) -> bool {
        let x = &self.params.rsi_trend;
        let Some(first) = i.checked_sub(x.trend_bars) else { return false };
        let Some(trend) = self.trend_rsi_slow[first..=i].iter().copied().collect::<Option<Vec<f64>>>() else {
            return false;
        };
        let in_trend = trend.iter().filter(|&&r| doubt.above(s * r, s * x.midline, 100.0)).count() >= x.trend_min_bars;
        let (Some(now), Some(was)) = (self.trend_rsi[i], i.checked_sub(1).and_then(|k| self.trend_rsi[k])) else {
            return false;
        };
        let (low, high) = if s > 0.0 { (x.pullback_low, x.pullback_high) } else { (x.rally_low, x.rally_high) };
        in_trend
            && doubt.at_least(now, low, 100.0)
            && doubt.at_least(high, now, 100.0)
            && doubt.above(s * now, s * was, 100.0)
    }

    fn rsi_trend(&self, i: usize, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.rsi_trend;
        let mut found = Vec::new();
        for s in SIDES {
            if rises(i, |k| self.with_the_trend(k, s, doubt)) {
                let (now, was) = (self.trend_rsi[i]?, self.trend_rsi[i - 1]?);
                let position = if s > 0.0 {
                    1.0 - (now - x.pullback_low) / (x.pullback_high - x.pullback_low)
                } else {
                    (now - x.rally_low) / (x.rally_high - x.rally_low)
                };
                let bars = &self.trend_rsi[i - x.trend_bars..=i];
                let on_side = bars.iter().flatten().filter(|&&r| doubt.above(s * r, s * x.midline, 100.0)).count();
                let position = clamp(position);
                let strength = on_side as f64 / bars.len() as f64;
                let price_momentum = self.momentum(x.momentum_bars, x.momentum_gain, s, i);
                let rsi_momentum = clamp(s * (now - was) / x.rsi_momentum_range + 0.5);
                found.push(Expected {
                    kind: pick(s, "rsi_uptrend_pullback", "rsi_downtrend_rally"),
                    side: side_name(s),
                    confidence: (position + strength + price_momentum + rsi_momentum) / 4.0,
                    factors: vec![
                        ("rsi_position", position),
                        ("trend_strength", strength),
                        ("price_momentum", price_momentum),
                        ("rsi_momentum", rsi_momentum),
                    ],
                });
            }
        }
        for s in SIDES.into_iter().filter(|_| x.divergences) {
            if rises(i, |k| self.swing_divergence(k, s, &[(&self.trend_rsi, 100.0)], doubt)) {
                found.push(Expected {
                    kind: pick(s, "rsi_bullish_divergence", "rsi_bearish_divergence"),
                    side: side_name(s),
                    confidence: x.divergence_confidence,
                    factors: vec![],
                });
            }
        }
        best(found, x.min_confidence, doubt)
    }

    fn width(&self, i: usize) -> Option<f64> {
        self.bands[i].map(|b| (b.upper - b.lower) / b.middle)
    }

    fn breaks_out(&self, i: usize, s: f64, doubt: &Doubt) -> bool {
        let x = &self.params.bollinger_breakout;
        let Some(first) = i.checked_sub(x.consolidation_bars) else { return false };
        let Some(bands) = self.bands[first..=i].iter().copied().collect::<Option<Vec<Bands>>>() else { return false };
        let (earlier, now) = (&bands[..x.consolidation_bars], &bands[x.consolidation_bars]);
        let within = earlier
            .iter()
            .zip(&self.p[first..i])
            .filter(|(b, p)| doubt.at_least(**p, b.lower, 0.0) && doubt.at_least(b.upper, **p, 0.0))
            .count();
        let (band, reach) = if s > 0.0 { (now.upper, self.high[i]) } else { (now.lower, self.low[i]) };
        let p = self.p[i];
        let closes_beyond = doubt.above(s * p, s * band, now.middle);
        let touches = doubt.at_least(s * reach, s * band, now.middle)
            && doubt.above(s * p, s * now.middle, 0.0)
            && i > 0
            && s * p > s * self.p[i - 1];
        (closes_beyond || touches)
            && within >= x.consolidation_min_bars
            && self.volume_gate(x.volume_confirmation, x.volume_threshold, i, doubt)
    }

    fn squeezed(&self, i: usize, doubt: &Doubt) -> bool {
        let x = &self.params.bollinger_breakout;
        let Some(oldest) = i.checked_sub(2) else { return false };
        let (Some(a), Some(b), Some(c)) = (self.width(oldest), self.width(i - 1), self.width(i)) else { return false };
        // A width is the difference of two bands, known to within the rounding of 1.
        let size = 1e-2;
        doubt.at_least(x.squeeze_threshold * self.scale, c, size) && doubt.above(c, b, size) && doubt.above(b, a, size)
    }

    fn bollinger_breakout(&self, i: usize, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.bollinger_breakout;
        let now = self.bands[i]?;
        let width = self.width(i)?;
        let mut found = Vec::new();
        for s in SIDES {
            if rises(i, |k| self.breaks_out(k, s, doubt)) {
                let band = if s > 0.0 { now.upper } else { now.lower };
                let strength = clamp(s * (self.p[i] - band) / band * x.breakout_gain / self.scale);
                let narrow = clamp(1.0 - width * x.band_width_gain / self.scale);
                let volume = self.volume_factor(x.volume_confirmation, x.volume_threshold, i);
                let momentum = self.momentum(x.momentum_bars, x.momentum_gain, s, i);
                found.push(Expected {
                    kind: pick(s, "bollinger_bullish_breakout", "bollinger_bearish_breakout"),
                    side: side_name(s),
                    confidence: x.weight_breakout_strength * strength
                        + x.weight_band_width * narrow
                        + x.weight_volume * volume
                        + x.weight_momentum * momentum,
                    factors: vec![
                        ("breakout_strength", strength),
                        ("band_width", narrow),
                        ("volume", volume),
                        ("momentum", momentum),
                    ],
                });
            }
        }
        if rises(i, |k| self.squeezed(k, doubt)) {
            let s = if doubt.above(self.p[i], now.middle, 0.0) { 1.0 } else { -1.0 };
            found.push(Expected {
                kind: pick(s, "bollinger_bullish_squeeze", "bollinger_bearish_squeeze"),
                side: side_name(s),
                confidence: x.squeeze_confidence,
                factors: vec![("band_width", width)],
            });
        }
        best(found, x.min_confidence, doubt)
    }

    /// The levels known before bar `i`: each as its touches, lowest price first.
    fn levels(&self, i: usize, s: f64, doubt: &Doubt) -> Vec<Vec<(f64, usize)>> {
        let x = &self.params.sr_breakout;
        let reach = if s > 0.0 { &self.high } else { &self.low };
        let is_pivot =
            |j: usize| [j - 2, j - 1, j + 1, j + 2].into_iter().all(|neighbour| s * reach[neighbour] < s * reach[j]);
        let mut pivots: Vec<(f64, usize)> =
            (2..i).filter(|&j| j + x.lookback >= i && j + 2 < i && is_pivot(j)).map(|j| (reach[j], j)).collect();
        pivots.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let mut groups: Vec<Vec<(f64, usize)>> = Vec::new();
        for pivot in pivots {
            match groups.last_mut() {
                Some(group)
                    if doubt.at_least(
                        x.tolerance * self.scale * pivot.0,
                        pivot.0 - group[group.len() - 1].0,
                        1e-2 * pivot.0,
                    ) =>
                {
                    group.push(pivot);
                }
                _ => groups.push(vec![pivot]),
            }
        }
        groups.retain(|group| group.len() >= x.min_touches);
        groups
    }

    fn level_strength(&self, touches: &[(f64, usize)], i: usize, s: f64) -> f64 {
        let x = &self.params.sr_breakout;
        let bars: Vec<usize> = touches.iter().map(|t| t.1).collect();
        let span = (bars.iter().max().unwrap() - bars.iter().min().unwrap()) as f64;
        let old_enough: Vec<usize> = bars.into_iter().filter(|j| j + x.hold_bars < i).collect();
        let held = old_enough.iter().filter(|&&j| s * self.p[j + x.hold_bars] < s * self.p[j]).count();
        let hold = if old_enough.is_empty() { 0.0 } else { held as f64 / old_enough.len() as f64 };
        let strength = touches.len() as f64 / x.strength_touches * x.strength_weight_touches
            + (span / x.strength_span).min(1.0) * x.strength_weight_span
            + hold * x.strength_weight_hold;
        strength.min(1.0)
    }

    fn sr_breakout(&self, i: usize, doubt: &Doubt) -> Option<Expected> {
        let x = &self.params.sr_breakout;
        if i < x.consolidation_bars || i == 0 || !self.volume_gate(x.volume_confirmation, x.volume_threshold, i, doubt)
        {
            return None;
        }
        let (was, p) = (self.p[i - 1], self.p[i]);
        let mut found: Vec<(Expected, usize, f64)> = Vec::new();
        for s in SIDES {
            for touches in self.levels(i, s, doubt) {
                let lowest = touches[0].0;
                let offsets: f64 = touches.iter().map(|t| t.0 - lowest).sum();
                let level = lowest + offsets / touches.len() as f64;
                let crosses = doubt.at_least(s * level, s * was, 0.0) && doubt.above(s * p, s * level, 0.0);
                let tolerance = x.tolerance * self.scale * level;
                let near = self.p[i - x.consolidation_bars..i]
                    .iter()
                    .filter(|&&c| doubt.at_least(tolerance, (c - level).abs(), 1e-2 * level))
                    .count();
                if !crosses || near < x.consolidation_min_bars {
                    continue;
                }
                let strength = self.level_strength(&touches, i, s);
                let breakout = clamp(s * (p - level) / level * x.breakout_gain / self.scale);
                let volume = self.volume_factor(x.volume_confirmation, x.volume_threshold, i);
                let count = (touches.len() as f64 / x.full_touches).min(1.0);
                let expected = Expected {
                    kind: pick(s, "resistance_breakout", "support_breakout"),
                    side: side_name(s),
                    confidence: x.weight_level_strength * strength
                        + x.weight_breakout_strength * breakout
                        + x.weight_volume * volume
                        + x.weight_touch_count * count,
                    factors: vec![
                        ("level_strength", strength),
                        ("breakout_strength", breakout),
                        ("volume", volume),
                        ("touch_count", count),
                    ],
                };
                found.push((expected, touches.len(), level));
            }
        }
        // More touches first, then the lower price: of equally sure ones the first is taken.
        found.sort_by(|a, b| b.1.cmp(&a.1).then(a.2.partial_cmp(&b.2).unwrap()));
        best(found.into_iter().map(|f| f.0).collect(), x.min_confidence, doubt)
    }
}
