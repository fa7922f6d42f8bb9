//! Judges a run: whether its rate was held, and whether it meets its budgets.

use super::{
    phase::Measured,
    schedule::{Schedule, Shape},
    track::{INTERVAL_NS, Track},
};
use crate::telemetry::human_ns;
use anyhow::Result;

/// Maximum lateness of 99 % of the bars, ns: beyond it, the figures would be those of the generator.
const LAG_P99_MAX_NS: u64 = 10_000_000;
/// Maximum lateness of the last bar, ns.
const OVERRUN_MAX_NS: u64 = 200_000_000;
/// Maximum median latency of a second, ns: beyond it, a queue passes from second to second.
const QUEUE_P50_MAX_NS: u64 = 50_000_000;

/// Whether a step was held: the bars were sent on time, and no queue was left at its end.
///
/// # Errors
/// The histograms cannot be added up.
pub fn held(schedule: &Schedule, measured: &Measured, step: usize) -> Result<bool> {
    let [from, to] = step_ns(schedule, step);
    let last = to.saturating_sub(2 * INTERVAL_NS).max(from);
    let broke = measured.broke_at.is_some_and(|broke| step >= broke);
    let patience = schedule.patience_ns(step).unwrap_or(QUEUE_P50_MAX_NS);
    let queue = |seen: &Track| seen.at_between(last, to, 0.5);
    let queue_ns = measured.seen.steps.get(step).map(queue).transpose()?.unwrap_or(0);
    Ok(!broke && lag_p99_ns(schedule, measured, step)? <= LAG_P99_MAX_NS && queue_ns <= patience)
}

/// Lateness of 99 % of the bars of a step, ns.
///
/// # Errors
/// As for [`held`].
pub fn lag_p99_ns(schedule: &Schedule, measured: &Measured, step: usize) -> Result<u64> {
    let [from, to] = step_ns(schedule, step);
    measured.sent.lag.at_between(from, to, 0.99)
}

/// Start and end of a step, ns from the end of the warm-up.
pub fn step_ns(schedule: &Schedule, step: usize) -> [u64; 2] {
    [step, step + 1].map(|step| schedule.step_from_ns(step) - schedule.measured_from_ns())
}

/// The reasons why the rate was not held; empty if it was.
///
/// # Errors
/// As for [`held`].
pub fn faults(shape: Shape, schedule: &Schedule, measured: &Measured) -> Result<Vec<String>> {
    // A ramp always ends with a step that is not held; that is its result.
    if shape == Shape::Ramp {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    let lag = measured.sent.lag.at(0.99);
    if lag > LAG_P99_MAX_NS {
        faults.push(format!("the generator was late: p99 {}, at most {}", human_ns(lag), human_ns(LAG_P99_MAX_NS)));
    }
    if measured.sent.overrun_ns > OVERRUN_MAX_NS {
        faults.push(format!("the last bar was sent {} late", human_ns(measured.sent.overrun_ns)));
    }
    if measured.broke_at.is_some() {
        faults.push(format!("the backlog grew; ended after {} of {} bars", measured.sent.bars, schedule.bars()));
    }
    if measured.broke_at.is_none() && lag <= LAG_P99_MAX_NS && !held(schedule, measured, 0)? {
        faults.push("signals were queueing up at the end".to_owned());
    }
    if measured.lost > 0 {
        faults.push(format!("{} bars gave no signal", measured.lost));
    }
    if measured.repeated > 0 {
        faults.push(format!("{} signals came more than once", measured.repeated));
    }
    Ok(faults)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::{generator::Sent, subscriber::Seen},
        *,
    };
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    /// A run of ten symbols and 100 bars per second, each sent and seen this late in each second of each step.
    pub fn measured(schedule: &Schedule, late: impl Fn(u64) -> [u64; 2]) -> Measured {
        let mut sent = Sent { lag: Track::new().unwrap(), bars: schedule.bars(), overrun_ns: 0, scheduling: None };
        let mut seen = Seen::new(schedule.steps().len()).unwrap();
        for number in schedule.warm_rounds() * schedule.symbols()..schedule.bars() {
            let at_ns = schedule.due_of(number) - schedule.measured_from_ns();
            let [lag_ns, latency_ns] = late(at_ns / INTERVAL_NS);
            sent.lag.record(at_ns, lag_ns).unwrap();
            let step = schedule.step_of(number / schedule.symbols()).unwrap();
            seen.steps[step].record(at_ns, latency_ns).unwrap();
        }
        Measured {
            sent,
            seen,
            lost: 0,
            repeated: 0,
            backlog: 0,
            broke_at: None,
            start_unix_ns: 0,
            hiccups: Vec::new(),
            scheduling: Default::default(),
        }
    }

    fn schedule(shape: Shape, seconds: u64) -> Schedule {
        Schedule::new(shape, 10, 10.0, Duration::from_secs(1), Duration::from_secs(seconds))
    }

    #[test]
    fn a_run_that_could_not_hold_its_rate_says_why() {
        let schedule = schedule(Shape::Steady, 4);
        let faults = |measured: &Measured| faults(Shape::Steady, &schedule, measured).unwrap();
        assert_eq!(faults(&measured(&schedule, |_| [MS, 2 * MS])), Vec::<String>::new());
        let late = faults(&measured(&schedule, |second| [if second == 2 { 20 * MS } else { MS }, 2 * MS]));
        assert!(late.len() == 1 && late[0].contains("the generator was late: p99 20"), "{late:?}");
        let queueing = faults(&measured(&schedule, |second| [MS, if second < 2 { 2 * MS } else { 200 * MS }]));
        assert_eq!(queueing, ["signals were queueing up at the end"]);
        let lossy = Measured { lost: 3, repeated: 1, ..measured(&schedule, |_| [MS, MS]) };
        assert_eq!(faults(&lossy), ["3 bars gave no signal", "1 signals came more than once"]);
        let broke = Measured { broke_at: Some(0), ..measured(&schedule, |_| [MS, MS]) };
        assert!(faults(&broke)[0].contains("the backlog grew"));
    }

    #[test]
    fn a_burst_may_take_until_the_next_one() {
        let schedule = schedule(Shape::Burst, 4);
        let faults = |late: u64| faults(Shape::Burst, &schedule, &measured(&schedule, |_| [MS, late])).unwrap();
        assert_eq!(faults(90 * MS), Vec::<String>::new());
        assert_eq!(faults(110 * MS), ["signals were queueing up at the end"]);
    }

    #[test]
    fn a_step_of_a_ramp_is_held_as_long_as_no_queue_is_left_at_its_end() {
        let schedule = schedule(Shape::Ramp, 24);
        // Steps of three seconds: a hiccup in the second step is over at its end; the queue of the fourth is not.
        let run = measured(&schedule, |second| match second {
            3 => [MS, 300 * MS],
            10.. => [MS, 80 * MS],
            _ => [MS, MS],
        });
        let held: Vec<bool> = (0..5).map(|step| held(&schedule, &run, step).unwrap()).collect();
        assert_eq!(held, [true, true, true, false, false]);
        assert!(faults(Shape::Ramp, &schedule, &run).unwrap().is_empty(), "where it breaks is what a ramp is for");
    }
}
