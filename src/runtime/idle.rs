//! What a thread does when there is nothing to do. Hot: a step is a comparison and an addition.

/// How a thread waits for work: a trade of latency against the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleStrategy {
    /// Never gives the core away: lowest latency, one core per thread.
    BusySpin,
    /// Spins, then yields to other threads of the core for as long as nothing comes.
    Yield {
        /// Duty cycles to spin before yielding.
        spins: u32,
    },
    /// Spins, yields, then parks until it is woken by a ring, a socket, a deadline or the timeout.
    Backoff {
        /// Duty cycles to spin.
        spins: u32,
        /// Duty cycles to yield after that.
        yields: u32,
        /// Longest park, µs; wake-ups do not depend on it, housekeeping does.
        park_us: u64,
    },
    /// Looks every so often: nobody pays for waking it, and nobody can.
    Sleep {
        /// Time between looks, µs.
        sleep_us: u64,
    },
}

impl Default for IdleStrategy {
    /// Backs off: a microsecond or two of spinning, some yields, then parked for at most 10 ms.
    fn default() -> Self {
        Self::Backoff { spins: 100, yields: 10, park_us: 10_000 }
    }
}

/// One step of idling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleStep {
    /// Hint to the core that this is a spin loop.
    Spin,
    /// Let another thread have the core.
    Yield,
    /// Announce, look once more, park for at most so long, ns.
    Park(u64),
    /// Sleep for so long, ns.
    Sleep(u64),
}

/// A strategy and how far it has got.
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

    /// Starts over: there was work.
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
