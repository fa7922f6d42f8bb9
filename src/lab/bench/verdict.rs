//! Whether a run is worth its numbers, and whether they are good enough.

use super::{
    phase::Measured,
    schedule::{Schedule, Shape},
    track::{INTERVAL_NS, Track},
};
use crate::telemetry::human_ns;

/// How late 99 % of the bars may be sent, ns: beyond it, the generator is measured and not the engine.
const LAG_P99_MAX_NS: u64 = 10_000_000;
/// How late the last bar may be sent, ns.
const OVERRUN_MAX_NS: u64 = 200_000_000;
/// Half of the bars of a second may wait so long, ns: beyond it, there is a queue that the next second inherits.
const QUEUE_P50_MAX_NS: u64 = 50_000_000;

/// Whether a step was held: sent when it was due, and no queue at its end.
pub fn held(schedule: &Schedule, measured: &Measured, step: usize) -> bool {
    let [from, to] = step_ns(schedule, step);
    let last = to.saturating_sub(2 * INTERVAL_NS).max(from);
    let broke = measured.broke_at.is_some_and(|broke| step >= broke);
    let queued = |seen: &Track| seen.at_between(last, to, 0.5) > QUEUE_P50_MAX_NS;
    !broke
        && lag_p99_ns(schedule, measured, step) <= LAG_P99_MAX_NS
        && !measured.seen.steps.get(step).is_some_and(queued)
}

/// How late 99 % of a step's bars were sent, ns.
pub fn lag_p99_ns(schedule: &Schedule, measured: &Measured, step: usize) -> u64 {
    let [from, to] = step_ns(schedule, step);
    measured.sent.lag.at_between(from, to, 0.99)
}

/// Start and end of a step, ns from the end of the warm-up.
pub fn step_ns(schedule: &Schedule, step: usize) -> [u64; 2] {
    [step, step + 1].map(|step| schedule.step_from_ns(step) - schedule.measured_from_ns())
}

/// Why the rate was not held; nothing where it was.
pub fn faults(shape: Shape, schedule: &Schedule, measured: &Measured) -> Vec<String> {
    // A ramp is driven until it breaks: what it shows is where.
    if shape == Shape::Ramp {
        return Vec::new();
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
    if measured.broke_at.is_none() && lag <= LAG_P99_MAX_NS && !held(schedule, measured, 0) {
        faults.push("signals were queueing up at the end".to_owned());
    }
    if measured.lost > 0 {
        faults.push(format!("{} bars gave no signal", measured.lost));
    }
    if measured.repeated > 0 {
        faults.push(format!("{} signals came more than once", measured.repeated));
    }
    faults
}
