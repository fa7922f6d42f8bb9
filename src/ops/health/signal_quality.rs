//! Whether the confidence of signals means what it says: skill against the base rate, and calibration error, of judged signals.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::config::HealthConfig;

/// Outcomes below which nothing is said.
const OUTCOMES_MIN: u64 = 1_000;
/// Skill above which it is well: the calibrated confidence is no worse than the base rate.
const SKILL_MIN: f64 = -0.005;
/// Expected calibration error below which it is well.
const ECE_MAX: f64 = 0.05;

pub(super) fn check(figures: &HealthFigures, _: &HealthConfig) -> HealthFinding {
    let Some(quality) = figures.quality else {
        return HealthFinding::unknown("there is no calibrated confidence to judge yet");
    };
    let mut found = HealthFinding::ok("the calibrated confidence says what happens");
    found.show("outcomes", quality.outcomes as f64);
    if quality.outcomes < OUTCOMES_MIN {
        let more = format!("{} signals have an outcome; {OUTCOMES_MIN} are needed", quality.outcomes);
        return HealthFinding { state: HealthState::Unknown, why: more, ..found };
    }
    found.show("skill", quality.skill);
    let state = found.judge("calibration_error", quality.calibration_error, ECE_MAX, None);
    // A NaN is not well.
    let unknown = quality.skill.is_nan() || quality.calibration_error.is_nan();
    if state > HealthState::Ok || quality.skill <= SKILL_MIN || unknown {
        found.worse(
            HealthState::Degraded,
            format!("skill {:.4}, calibration error {:.3}", quality.skill, quality.calibration_error),
            "the market has changed, or parameters do not fit it: look at the performance by strategy and timeframe, and \
             switch off what has no skill",
        );
    }
    found
}
