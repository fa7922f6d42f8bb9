//! What is kept of all outcomes of one key at one horizon: sums, from which every figure is made. Hot.

use crate::{
    model::{CONFIDENCE_BINS, Gain, ScoreFigures, SignalFigures},
    state::{StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// Two-sided quantile of the normal distribution for 95 %.
const Z: f64 = 1.959_963_984_540_054;
/// Probabilities are kept so far from 0 and 1 for the log loss.
const CERTAIN: f64 = 1e-6;
/// Outcomes after which half of the weight is gone.
const HALF_LIFE: f64 = 1_000.0;
/// Buckets of an octave of returns, the smallest return that has one, bps, and the number of the last on each side.
const PER_OCTAVE: f64 = 8.0;
const SMALLEST: f64 = 0.01;
const LAST: usize = 200;
const BUCKETS: usize = 2 * LAST + 1;

/// What is left of a weight after one outcome.
pub(super) fn decay() -> f64 {
    0.5f64.powf(1.0 / HALF_LIFE)
}

/// A confidence, held against what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    p: f64,
    brier: f64,
    log_loss: f64,
    bin: usize,
}

impl Said {
    /// A probability, and whether the signal won.
    pub(super) fn new(p: f64, won: bool) -> Self {
        let kept = p.clamp(CERTAIN, 1.0 - CERTAIN);
        Self {
            p,
            brier: (p - f64::from(u8::from(won))).powi(2),
            log_loss: -(if won { kept } else { 1.0 - kept }).ln(),
            bin: ((p * CONFIDENCE_BINS as f64) as usize).min(CONFIDENCE_BINS - 1),
        }
    }
}

/// An outcome in the form that all accounts take it in: made once for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    /// The return, bps.
    pub ret: f64,
    /// Whether it was won, and whether nothing came of it.
    pub won: bool,
    drawn: bool,
    mfe: f64,
    mae: f64,
    slip: f64,
    bucket: usize,
    /// Of the composite and of the calibrated confidence.
    said: [Option<Said>; 2],
    /// Number of the block that its last bar ends in.
    block: i64,
}

impl Entry {
    /// An outcome of a signal with these confidences.
    pub(super) fn new(gain: &Gain, confidences: [Option<f64>; 2], block: i64) -> Self {
        let (ret, won) = (gain.ret * 1e4, gain.ret > 0.0);
        Self {
            ret,
            won,
            drawn: gain.ret == 0.0,
            mfe: gain.mfe * 1e4,
            mae: gain.mae * 1e4,
            slip: gain.slip * 1e4,
            bucket: bucket(ret),
            said: confidences.map(|p| p.map(|p| Said::new(p, won))),
            block,
        }
    }
}

/// The bucket of a return, bps: [`LAST`] is that of 0.
fn bucket(bps: f64) -> usize {
    let size = bps.abs();
    if size < SMALLEST {
        return LAST;
    }
    let k = (1.0 + (PER_OCTAVE * (size / SMALLEST).log2()).floor()).min(LAST as f64) as usize;
    if bps > 0.0 { LAST + k } else { LAST - k }
}

/// What a bucket stands for, bps.
fn middle(bucket: usize) -> f64 {
    let k = bucket as f64 - LAST as f64;
    if k == 0.0 { 0.0 } else { (SMALLEST * ((k.abs() - 0.5) / PER_OCTAVE).exp2()).copysign(k) }
}

/// Sums about a confidence.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
struct Score {
    n: u64,
    brier: f64,
    /// Brier score of the share that had been won before each.
    base: f64,
    log_loss: f64,
    bins: [(u64, f64, u64); CONFIDENCE_BINS],
}

impl Score {
    #[inline]
    fn add(&mut self, said: &Said, won: bool, base: f64) {
        self.n += 1;
        self.brier += said.brier;
        self.base += base;
        self.log_loss += said.log_loss;
        let (n, p, wins) = &mut self.bins[said.bin];
        (*n, *p, *wins) = (*n + 1, *p + said.p, *wins + u64::from(won));
    }

    fn figures(&self) -> Option<ScoreFigures> {
        let n = self.n as f64;
        let apart: f64 = self.bins.iter().map(|(_, p, wins)| (p - *wins as f64).abs()).sum();
        (self.n > 0).then(|| ScoreFigures {
            brier: self.brier / n,
            skill: (self.base != 0.0).then(|| 1.0 - self.brier / self.base),
            log_loss: self.log_loss / n,
            ece: apart / n,
            bins: self.bins,
        })
    }
}

/// No honest count comes near this: one below it can be counted on.
const COUNT_MAX: u64 = 1 << 60;

/// Sums over blocks: of squared returns, returns times counts, squared counts, squared wins, wins times counts, and blocks.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
struct Blocks {
    /// Number of the newest block; `i64::MIN` of none.
    newest: i64,
    n: u64,
    ret: f64,
    wins: u64,
    sums: [f64; 6],
}

impl Default for Blocks {
    fn default() -> Self {
        Self { newest: i64::MIN, n: 0, ret: 0.0, wins: 0, sums: [0.0; 6] }
    }
}

impl Blocks {
    #[inline]
    fn add(&mut self, entry: &Entry) {
        if entry.block > self.newest {
            self.flush();
            self.newest = entry.block;
        }
        self.n += 1;
        self.ret += entry.ret;
        self.wins += u64::from(entry.won);
    }

    #[cold]
    fn flush(&mut self) {
        if self.n > 0 {
            let (n, wins, ret) = (self.n as f64, self.wins as f64, self.ret);
            let of_block = [ret * ret, ret * n, n * n, wins * wins, wins * n, 1.0];
            self.sums.iter_mut().zip(of_block).for_each(|(sum, value)| *sum += value);
        }
        (self.n, self.ret, self.wins) = (0, 0.0, 0);
    }
}

/// The sums of an account but its histogram.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
struct Sums {
    n: u64,
    void: u64,
    wins: u64,
    draws: u64,
    mean: f64,
    m2: f64,
    gains: f64,
    losses: f64,
    mfe: f64,
    mae: f64,
    slip: f64,
    /// Exponentially weighted: count, wins, returns.
    recent: [f64; 3],
    base: f64,
    blocks: Blocks,
    scores: [Score; 2],
}

impl Sums {
    /// Whether its counts are ones that counting can have made.
    fn is_sound(&self) -> bool {
        let Self { n, void, wins, draws, blocks, scores, .. } = self;
        let of_score =
            |score: &Score| score.n <= *n && score.bins.iter().all(|(n, _, wins)| *n <= score.n && wins <= n);
        *n < COUNT_MAX
            && *void < COUNT_MAX
            && wins.checked_add(*draws).is_some_and(|known| known <= *n)
            && blocks.n <= *n
            && blocks.wins <= blocks.n
            && scores.iter().all(of_score)
    }
}

/// All that is kept of one key at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    sums: Sums,
    histogram: [u32; BUCKETS],
}

impl Account {
    /// No outcomes.
    pub(super) const fn new() -> Self {
        let blocks = Blocks { newest: i64::MIN, n: 0, ret: 0.0, wins: 0, sums: [0.0; 6] };
        let score = Score { n: 0, brier: 0.0, base: 0.0, log_loss: 0.0, bins: [(0, 0.0, 0); CONFIDENCE_BINS] };
        let sums = Sums {
            n: 0,
            void: 0,
            wins: 0,
            draws: 0,
            mean: 0.0,
            m2: 0.0,
            gains: 0.0,
            losses: 0.0,
            mfe: 0.0,
            mae: 0.0,
            slip: 0.0,
            recent: [0.0; 3],
            base: 0.0,
            blocks,
            scores: [score; 2],
        };
        Self { sums, histogram: [0; BUCKETS] }
    }

    /// Takes an outcome; `None` of one that is void.
    #[inline]
    pub(super) fn add(&mut self, entry: Option<&Entry>, decay: f64) {
        let sums = &mut self.sums;
        let Some(entry) = entry else {
            sums.void += 1;
            return;
        };
        let won = f64::from(u8::from(entry.won));
        let before = (sums.wins as f64 + 1.0) / (sums.n as f64 + 2.0);
        let base = (before - won) * (before - won);
        sums.base += base;
        for (score, said) in sums.scores.iter_mut().zip(&entry.said) {
            if let Some(said) = said {
                score.add(said, entry.won, base);
            }
        }
        sums.n += 1;
        sums.wins += u64::from(entry.won);
        sums.draws += u64::from(entry.drawn);
        let apart = entry.ret - sums.mean;
        sums.mean += apart / sums.n as f64;
        sums.m2 += apart * (entry.ret - sums.mean);
        sums.gains += entry.ret.max(0.0);
        sums.losses += (-entry.ret).max(0.0);
        sums.mfe += entry.mfe;
        sums.mae += entry.mae;
        sums.slip += entry.slip;
        let recent = [1.0, won, entry.ret];
        sums.recent.iter_mut().zip(recent).for_each(|(sum, value)| *sum = decay * *sum + value);
        sums.blocks.add(entry);
        self.histogram[entry.bucket] = self.histogram[entry.bucket].saturating_add(1);
    }

    /// Outcomes that are not void.
    #[inline]
    #[must_use]
    pub fn n(&self) -> u64 {
        self.sums.n
    }

    /// Outcomes that were left out.
    #[must_use]
    pub fn void(&self) -> u64 {
        self.sums.void
    }

    /// The bucket at which half of the outcomes are reached.
    fn median(&self) -> f64 {
        let mut seen = 0;
        let found = self.histogram.iter().position(|count| {
            seen += u64::from(*count);
            *count > 0 && 2 * seen >= self.sums.n
        });
        found.map_or(0.0, middle)
    }

    /// The figures, with these fees a side, bps; `None` where there is no outcome.
    #[must_use]
    pub fn figures(&self, fee_bps: f64) -> Option<SignalFigures> {
        let Sums { n: count, void, wins, draws, mean, m2, gains, losses, recent, base, mut blocks, .. } = self.sums;
        if count == 0 {
            return None;
        }
        blocks.flush();
        let [rr, rn, nn, ww, wn, blocks] = blocks.sums;
        let (n, lost) = (count as f64, count - wins - draws);
        let p = wins as f64 / n;
        let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let few = if blocks > 1.0 { (blocks / (blocks - 1.0)).sqrt() } else { f64::NAN };
        let clustered =
            |xx: f64, xn: f64, mean: f64| few * (xx - 2.0 * mean * xn + mean * mean * nn).max(0.0).sqrt() / n;
        let mean_of = |sum: f64, count: u64| if count > 0 { sum / count as f64 } else { 0.0 };
        let (gain, loss) = (mean_of(gains, wins), mean_of(losses, lost));
        let [composite, calibrated] = self.sums.scores.map(|score| score.figures());
        Some(SignalFigures {
            n: count,
            void,
            wins,
            draws,
            win_rate: p,
            wilson: [centre - half, centre + half],
            win_rate_se: clustered(ww, wn, p),
            mean_bps: mean,
            net_mean_bps: mean - 2.0 * fee_bps,
            sd_bps: if count > 1 { (m2 / (n - 1.0)).sqrt() } else { 0.0 },
            mean_se_bps: clustered(rr, rn, mean),
            blocks,
            median_bps: self.median(),
            profit_factor: (losses != 0.0).then(|| gains / losses),
            payoff: (loss != 0.0).then(|| gain / loss),
            mfe_bps: self.sums.mfe / n,
            mae_bps: self.sums.mae / n,
            slip_bps: self.sums.slip / n,
            recent: [recent[0], recent[1] / recent[0], recent[2] / recent[0]],
            brier_base: base / n,
            composite,
            calibrated,
        })
    }

    /// Appends the state.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &self.sums)?;
        put(out, &(self.histogram.iter().filter(|&&count| count > 0).count() as u64))?;
        for (bucket, count) in self.histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
            put(out, &(bucket as u16, count))?;
        }
        Ok(())
    }

    /// Takes off the front what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The bytes do not decode to an account.
    pub fn read(bytes: &mut &[u8]) -> Result<Self, StateError> {
        let sums: Sums = take(bytes)?;
        let buckets: Vec<(u16, u32)> = take(bytes)?;
        let mut histogram = [0; BUCKETS];
        for (bucket, count) in buckets {
            *histogram.get_mut(usize::from(bucket)).ok_or(StateError::Shape("a histogram of returns"))? = count;
        }
        if !sums.is_sound() {
            return Err(StateError::Shape("an account"));
        }
        Ok(Self { sums, histogram })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn a_bucket_is_within_half_of_its_width_of_what_lies_in_it() {
        for k in 0..3_000 {
            let bps = 0.01 * 1.005f64.powi(k);
            for signed in [bps, -bps] {
                let stands_for = middle(bucket(signed));
                assert!((stands_for / signed).ln().abs() <= 2f64.ln() / 16.0 + 1e-12 || bps > 0.01 * 2f64.powi(24));
            }
        }
        assert_eq!((middle(bucket(0.0)), middle(bucket(-0.009))), (0.0, 0.0));
        assert_eq!([bucket(1e300), bucket(-1e300)], [2 * LAST, 0]);
    }

    proptest! {
        #[test]
        fn figures_are_those_of_all_outcomes(
            rows in proptest::collection::vec((-0.2..0.2f64, 0.0..1.0f64, 0i64..2), 2..200),
            fee in 0.0..10.0f64,
        ) {
            let mut account = Account::new();
            let mut block = 0;
            let mut blocks: Vec<(f64, f64)> = vec![(0.0, 0.0)];
            for &(ret, p, later) in &rows {
                block += later;
                if later > 0 && blocks.last() != Some(&(0.0, 0.0)) {
                    blocks.push((0.0, 0.0));
                }
                let last = blocks.last_mut().unwrap();
                *last = (last.0 + ret * 1e4, last.1 + 1.0);
                let gain = Gain { ret, mfe: ret.abs(), mae: -ret.abs(), slip: 0.0 };
                account.add(Some(&Entry::new(&gain, [Some(p), None], block)), decay());
            }
            account.add(None, decay());
            let mut image = Vec::new();
            account.save(&mut image).unwrap();
            prop_assert_eq!(&Account::read(&mut image.as_slice()).unwrap(), &account);
            let found = account.figures(fee).unwrap();
            let n = rows.len() as f64;
            let mean = rows.iter().map(|row| row.0 * 1e4).sum::<f64>() / n;
            let sd = (rows.iter().map(|row| (row.0 * 1e4 - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
            prop_assert!(near(found.mean_bps, mean) && near(found.sd_bps, sd));
            prop_assert!(near(found.net_mean_bps, mean - 2.0 * fee));
            prop_assert_eq!((found.n, found.void, found.calibrated), (rows.len() as u64, 1, None));
            // The error of a mean whose blocks are drawn as a whole.
            let b = blocks.len() as f64;
            let spread: f64 = blocks.iter().map(|(r, n)| (r - mean * n).powi(2)).sum();
            let se = (b / (b - 1.0) * spread).sqrt() / n;
            let known = if blocks.len() > 1 { near(found.mean_se_bps, se) } else { found.mean_se_bps.is_nan() };
            prop_assert!(known, "{} {}", found.mean_se_bps, se);
        }
    }
}
