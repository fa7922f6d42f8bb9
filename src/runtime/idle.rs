//! What a thread does if there is no work. Hot: a step is a comparison and an addition.

/// How a thread waits for work: trades latency against CPU time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleStrategy {
    /// Spins and never gives the core away: lowest latency, one core per thread.
    BusySpin,
    /// Spins, then yields to other threads on the core while there is no work.
    Yield {
        /// Number of duty cycles to spin before yielding.
        spins: u32,
    },
    /// Spins, yields, then parks until a ring, a socket, a deadline or the timeout wakes the thread.
    Backoff {
        /// Number of duty cycles to spin.
        spins: u32,
        /// Number of duty cycles to yield after that.
        yields: u32,
        /// Longest park, µs. It delays housekeeping only, not wake-ups.
        park_us: u64,
    },
    /// Sleeps for a fixed time. Nothing can wake the thread, and no sender pays for waking it.
    Sleep {
        /// Length of a sleep, µs.
        sleep_us: u64,
    },
}

impl Default for IdleStrategy {
    /// Backs off: spins for a microsecond or two, yields some times, then parks for at most 10 ms.
    fn default() -> Self {
        Self::Backoff { spins: 100, yields: 10, park_us: 10_000 }
    }
}

/// One step of idling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleStep {
    /// Spin once, with a hint to the core.
    Spin,
    /// Yield to another thread on the core.
    Yield,
    /// Announce the wait, check the inputs once more, and park for at most this time, ns.
    Park(u64),
    /// Sleep for this time, ns.
    Sleep(u64),
}

/// A strategy and its current step.
#[derive(Debug, Clone)]
pub struct Idler {
    strategy: IdleStrategy,
    steps: u32,
}

impl Idler {
    /// An idler at the first step of the strategy.
    #[must_use]
    pub const fn new(strategy: IdleStrategy) -> Self {
        Self { strategy, steps: 0 }
    }

    /// Starts over after work was done.
    #[inline]
    pub fn reset(&mut self) {
        self.steps = 0;
    }

    /// The next step.
    #[inline]
    pub fn step(&mut self) -> IdleStep {
        let done = self.steps;
        self.steps = done.saturating_add(1);
        match self.strategy {
            IdleStrategy::BusySpin => IdleStep::Spin,
            IdleStrategy::Yield { spins } if done < spins => IdleStep::Spin,
            IdleStrategy::Yield { .. } => IdleStep::Yield,
            IdleStrategy::Backoff { spins, .. } if done < spins => IdleStep::Spin,
            IdleStrategy::Backoff { spins, yields, .. } if done - spins < yields => IdleStep::Yield,
            IdleStrategy::Backoff { park_us, .. } => IdleStep::Park(park_us.saturating_mul(1_000)),
            IdleStrategy::Sleep { sleep_us } => IdleStep::Sleep(sleep_us.saturating_mul(1_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_step_by_step_and_starts_over() {
        let mut idler = Idler::new(IdleStrategy::Backoff { spins: 2, yields: 1, park_us: 5 });
        let mut steps = || std::array::from_fn(|_| idler.step());
        assert_eq!(steps(), [IdleStep::Spin, IdleStep::Spin, IdleStep::Yield, IdleStep::Park(5_000)]);
        assert_eq!(steps(), [IdleStep::Park(5_000); 4]);
        idler.reset();
        assert_eq!(idler.step(), IdleStep::Spin);
    }

    #[test]
    fn each_strategy_keeps_to_its_promise() {
        let mut spin = Idler::new(IdleStrategy::BusySpin);
        assert!((0..1_000).all(|_| spin.step() == IdleStep::Spin));
        let mut yields = Idler::new(IdleStrategy::Yield { spins: 0 });
        assert!((0..1_000).all(|_| yields.step() == IdleStep::Yield));
        assert_eq!(Idler::new(IdleStrategy::Sleep { sleep_us: 7 }).step(), IdleStep::Sleep(7_000));
    }
}
