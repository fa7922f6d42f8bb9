//! The intended send time of each bar. Pure, and fixed before the first bar is sent.

use std::time::Duration;

/// Distribution of the load over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The symbols of a round are spread evenly over its time.
    Steady,
    /// All symbols of a round are due at the same instant, as in real markets.
    Burst,
    /// Steady, at a rate that doubles with every step until the engine cannot hold it.
    Ramp,
}

impl Shape {
    /// Name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Burst => "burst",
            Self::Ramp => "ramp",
        }
    }
}

/// Number of steps of a ramp.
const RAMP_STEPS: u32 = 8;

/// A stretch of constant rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Index of its first round.
    pub first_round: usize,
    /// Bars per second and symbol.
    pub rate: f64,
}

/// The schedule of a run. Every symbol has one bar in each round.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    symbols: usize,
    spread: bool,
    /// Start of each round and end of the last, ns from the start.
    starts: Vec<u64>,
    steps: Vec<Step>,
    warm_rounds: usize,
}

impl Schedule {
    /// A schedule of a `warm_up` that is not measured and a `duration`, at `rate` bars per second and symbol.
    #[must_use]
    pub fn new(shape: Shape, symbols: usize, rate: f64, warm_up: Duration, duration: Duration) -> Self {
        let rounds = |time: Duration, rate: f64| ((time.as_secs_f64() * rate).round() as usize).max(1);
        let warm_rounds = if warm_up.is_zero() { 0 } else { rounds(warm_up, rate) };
        let mut schedule =
            Self { symbols, spread: shape != Shape::Burst, starts: vec![0], steps: Vec::new(), warm_rounds };
        schedule.extend(warm_rounds, rate);
        let count = if shape == Shape::Ramp { RAMP_STEPS } else { 1 };
        for step in 0..count {
            let rate = rate * f64::from(1_u32 << step);
            schedule.steps.push(Step { first_round: schedule.rounds(), rate });
            schedule.extend(rounds(duration / count, rate), rate);
        }
        schedule
    }

    fn extend(&mut self, rounds: usize, rate: f64) {
        let first = self.starts.last().copied().unwrap_or(0);
        // Computed from the start of the step each time, so that rounding errors do not accumulate.
        self.starts.extend((1..=rounds).map(|round| first + (round as f64 * 1e9 / rate) as u64));
    }

    /// Number of rounds, with those of the warm-up.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.starts.len() - 1
    }

    /// How long a bar may wait before it delays later bars, ns; in a burst, the time to the next round.
    #[must_use]
    pub fn patience_ns(&self, step: usize) -> Option<u64> {
        let step = self.steps.get(step).filter(|_| !self.spread)?;
        Some(self.starts[step.first_round + 1] - self.starts[step.first_round])
    }

    /// Number of bars.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.rounds() * self.symbols
    }

    /// Number of symbols.
    #[must_use]
    pub const fn symbols(&self) -> usize {
        self.symbols
    }

    /// Number of rounds of the warm-up, which are not measured.
    #[must_use]
    pub const fn warm_rounds(&self) -> usize {
        self.warm_rounds
    }

    /// The steps, without the warm-up.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step of a round; `None` in the warm-up.
    #[must_use]
    pub fn step_of(&self, round: usize) -> Option<usize> {
        self.steps.partition_point(|step| step.first_round <= round).checked_sub(1)
    }

    /// Intended send time of the bar of a symbol, ns from the start.
    #[inline]
    #[must_use]
    pub fn due_ns(&self, round: usize, symbol: usize) -> u64 {
        let start = self.starts[round];
        let length = if self.spread { self.starts[round + 1] - start } else { 0 };
        start + length * symbol as u64 / self.symbols as u64
    }

    /// Intended send time of the bar with this number, counted through all rounds, ns from the start.
    #[inline]
    #[must_use]
    pub fn due_of(&self, number: usize) -> u64 {
        self.due_ns(number / self.symbols, number % self.symbols)
    }

    /// Start of the measured part, ns from the start.
    #[must_use]
    pub fn measured_from_ns(&self) -> u64 {
        self.starts[self.warm_rounds]
    }

    /// Start of a step, ns from the start; for the index after the last step, the end.
    #[must_use]
    pub fn step_from_ns(&self, step: usize) -> u64 {
        self.steps.get(step).map_or_else(|| self.end_ns(), |step| self.starts[step.first_round])
    }

    /// End of the schedule, ns from the start.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        self.starts[self.rounds()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn steady_spreads_and_burst_does_not() {
        let steady = Schedule::new(Shape::Steady, 4, 2.0, SECOND, 2 * SECOND);
        assert_eq!((steady.rounds(), steady.warm_rounds(), steady.bars()), (6, 2, 24));
        let due: Vec<u64> = (0..6).map(|number| steady.due_of(number) / 1_000_000).collect();
        assert_eq!(due, [0, 125, 250, 375, 500, 625]);
        assert_eq!((steady.measured_from_ns(), steady.end_ns()), (1_000_000_000, 3_000_000_000));
        let burst = Schedule::new(Shape::Burst, 4, 1.0, Duration::ZERO, 2 * SECOND);
        assert_eq!((0..8).map(|n| burst.due_of(n) / 1_000_000_000).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn a_ramp_doubles_and_its_steps_take_the_same_time() {
        let ramp = Schedule::new(Shape::Ramp, 1, 10.0, SECOND, 8 * SECOND);
        let rates: Vec<f64> = ramp.steps().iter().map(|step| step.rate).collect();
        assert_eq!(rates, [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1_280.0]);
        assert_eq!(ramp.end_ns(), 9_000_000_000);
        assert_eq!(
            (ramp.step_of(9), ramp.step_of(10), ramp.step_of(19), ramp.step_of(20)),
            (None, Some(0), Some(0), Some(1))
        );
    }

    #[test]
    fn rounding_does_not_add_up() {
        let schedule = Schedule::new(Shape::Steady, 3, 7.0, Duration::ZERO, 100 * SECOND);
        assert!(schedule.end_ns().abs_diff(100_000_000_000) <= 1);
        assert!((1..schedule.bars()).all(|n| schedule.due_of(n) > schedule.due_of(n - 1)));
    }
}
