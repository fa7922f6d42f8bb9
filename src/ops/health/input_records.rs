//! Whether records come, and are such that they can be used.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::{
    config::HealthConfig,
    telemetry::{exact_count, human_count, human_ns},
};

pub(super) fn check(figures: &HealthFigures, config: &HealthConfig) -> HealthFinding {
    let refused: u64 = figures.refused.iter().map(|(_, count)| count).sum();
    if figures.records == 0 && config.silence_degraded_s == 0 {
        return HealthFinding::unknown("no record has come lately");
    }
    let mut found = HealthFinding::ok(format!("{} records lately", human_count(figures.records)));
    found.show("records", figures.records as f64);
    if config.silence_degraded_s > 0 {
        let state = found.judge("silence_s", figures.silence_s, config.silence_degraded_s as f64, None);
        if state > HealthState::Ok {
            found.worse(
                state,
                format!("no record for {:.0} s", figures.silence_s),
                "look at whoever writes the input streams; XINFO STREAM shows their last entry",
            );
        }
    }
    if figures.records > 0 {
        let share = refused as f64 / figures.records as f64;
        let state = found.judge("refused_share", share, config.refused_degraded, Some(config.refused_failing));
        let most = figures.refused.iter().max_by_key(|(_, count)| *count);
        if let (true, Some((reason, count))) = (state > HealthState::Ok, most) {
            let text = format!(
                "{} of {} records refused, most of them as {} ({})",
                exact_count(refused),
                exact_count(figures.records),
                reason.name(),
                exact_count(*count)
            );
            found.worse(state, text, reason.advice());
        }
    }
    late(figures, &mut found);
    found
}

/// A record that comes so long after its bar is late, ms.
const LATE_MS: u64 = 1_000;

/// A feed that is always late makes every signal stale, until the configuration says that it is.
fn late(figures: &HealthFigures, found: &mut HealthFinding) {
    figures.streams.iter().for_each(|stream| found.show(format!("{}_delay_ms", stream.name), stream.delay_ms as f64));
    let latest = figures.streams.iter().max_by_key(|stream| stream.delay_ms);
    let Some(latest) = latest.filter(|stream| figures.stale > 0 && stream.delay_ms >= LATE_MS) else { return };
    let delay = human_ns(latest.delay_ms.saturating_mul(1_000_000));
    found.worse(
        HealthState::Degraded,
        format!(
            "{} signals were stale: the last record of {} came {delay} after the end of its bar",
            exact_count(figures.stale),
            latest.name
        ),
        format!(
            "if it is always so late, write expected_delay = \"{}\" in the [[input.streams]] of {}",
            span_over(latest.delay_ms),
            latest.name
        ),
    );
}

/// A time that such delays stay below: more by a tenth, in a unit that people would choose.
fn span_over(delay_ms: u64) -> String {
    let ms = delay_ms.saturating_add(delay_ms / 10);
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)];
    let unit = units.into_iter().find(|(_, unit_ms)| ms >= 2 * unit_ms);
    let (name, unit_ms) = unit.unwrap_or(("s", 1_000));
    format!("{}{name}", ms.div_ceil(unit_ms).max(1))
}

#[cfg(test)]
mod tests {
    use super::span_over;

    #[test]
    fn a_delay_is_said_as_people_would() {
        let all = [1, 3_000, 100_000, 900_000, 7_200_000, 31_536_000_000].map(span_over);
        assert_eq!(all, ["1s", "4s", "110s", "17m", "3h", "402d"].map(str::to_owned));
    }
}
