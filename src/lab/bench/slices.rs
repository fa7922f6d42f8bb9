//! A measurement in slices: engine and echo in turns, so that both see the same host.

use super::{
    options::LatencyOptions,
    phase::Measured,
    rig::Rig,
    schedule::{Schedule, Shape},
    track::{INTERVAL_NS, Track},
    verdict,
};
use crate::lab::report::{EchoInfo, SliceInfo};
use anyhow::{Context, Result};
use std::time::Duration;

/// Minimum length of a slice.
const SLICE_MIN: Duration = Duration::from_secs(2);
/// Longest warm-up of a slice after the first: the engine is warm by then.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

/// The schedules of the engine's slices. Each takes whole seconds of the measured time, as far as they divide it.
///
/// There is one slice if no echo is measured, and for a ramp, which runs until the rate is not held.
pub fn schedules(options: &LatencyOptions) -> Vec<Schedule> {
    let alone = options.shape == Shape::Ramp || !options.echo || options.embedded;
    let most = if alone { 1 } else { usize::from(options.slices) };
    let count = most.min((options.duration.as_secs() / SLICE_MIN.as_secs()).max(1) as usize).max(1);
    let schedule = |index: usize| {
        let [from, to] = [index, index + 1].map(|n| options.duration.as_secs() as usize * n / count);
        let duration = if count == 1 { options.duration } else { Duration::from_secs((to - from) as u64) };
        let warm_up = if index == 0 { options.warm_up } else { options.warm_up.min(WARM_UP_MAX) };
        Schedule::new(options.shape, options.symbols, options.rate, warm_up, duration)
    };
    (0..count).map(schedule).collect()
}

/// The load of the echo before and after each of `slices` slices: that of the engine, for half of its time in total.
fn echo_schedule(options: &LatencyOptions, slices: usize) -> Schedule {
    let shape = if options.shape == Shape::Ramp { Shape::Steady } else { options.shape };
    let duration = (options.duration / 2 / (slices as u32 + 1)).max(SLICE_MIN);
    Schedule::new(shape, options.symbols, options.rate, options.warm_up.min(WARM_UP_MAX), duration)
}

/// How long a bench will take, at least and at most: a ramp ends where its rate is not held.
pub fn length(options: &LatencyOptions) -> [Duration; 2] {
    let schedules = schedules(options);
    let whole = |schedule: &Schedule| Duration::from_nanos(schedule.end_ns());
    let echoes = match options.echo && !options.embedded {
        true => whole(&echo_schedule(options, schedules.len())) * (schedules.len() as u32 + 1),
        false => Duration::ZERO,
    };
    let most: Duration = schedules.iter().map(whole).sum();
    let ramp = schedules.first().filter(|_| options.shape == Shape::Ramp);
    let least = ramp.map(|ramp| Duration::from_nanos(ramp.step_from_ns(1)));
    [least.unwrap_or(most) + echoes, most + echoes]
}

/// Runs echo, engine, echo, engine, …, echo. The engine keeps running and waits for bars while the echo has its turn.
///
/// # Errors
/// The server, the echo or the engine is gone.
pub fn measure(
    options: &LatencyOptions,
    rig: &Rig<'_>,
    schedules: &[Schedule],
    note: &mut dyn FnMut(&str),
) -> Result<Sliced> {
    let count = schedules.len();
    let echo_schedule = echo_schedule(options, count);
    let echo = |index: usize, note: &mut dyn FnMut(&str)| -> Result<Option<Track>> {
        if !options.echo {
            return Ok(None);
        }
        note(&format!("echo, {} of {}", index + 1, count + 1));
        Ok(Some(rig.echo(index, &echo_schedule)?.seen.all()?))
    };
    let (mut parts, mut echoes) = (Vec::new(), Vec::new());
    echoes.extend(echo(0, note)?);
    let mut engine = rig.start_engine(schedules)?;
    for (index, schedule) in schedules.iter().enumerate() {
        note(&if count == 1 { "engine".to_owned() } else { format!("engine, {} of {count}", index + 1) });
        let part = engine.measure(schedule, options.stall.filter(|_| index == count / 2))?;
        let broke = part.broke_at.is_some();
        parts.push(part);
        if index + 1 == count || broke {
            break;
        }
        echoes.extend(echo(index + 1, note)?);
    }
    // Ended before the last echo, so that its report covers only what was measured.
    engine.end()?;
    echoes.extend(echo(parts.len(), note)?);
    Sliced::new(options.shape, schedules, parts, &echoes)
}

/// Results of all slices together.
#[derive(Debug)]
pub struct Sliced {
    /// The slices of the engine, appended to each other.
    pub measured: Measured,
    /// All turns of the echo; `None` if it was not measured.
    pub echo: Option<Track>,
    /// Why the rate was not held; empty if it was.
    pub faults: Vec<String>,
    /// Each slice, if there are several.
    pub slices: Vec<SliceInfo>,
}

impl Sliced {
    /// Appends the engine's slices to each other. `echoes` holds the turns before each and after the last, or is empty.
    ///
    /// # Errors
    /// The histograms cannot be added up.
    fn new(shape: Shape, schedules: &[Schedule], parts: Vec<Measured>, echoes: &[Track]) -> Result<Self> {
        let several = schedules.len() > 1;
        let (mut faults, mut slices, mut from_ns) = (Vec::new(), Vec::new(), 0);
        let mut merged: Option<Measured> = None;
        for (index, (part, schedule)) in parts.into_iter().zip(schedules).enumerate() {
            let of = |fault| if several { format!("slice {}: {fault}", index + 1) } else { fault };
            faults.extend(verdict::faults(shape, schedule, &part)?.into_iter().map(of));
            if several {
                let engine = part.seen.all()?;
                let beside = joined(echoes.iter().skip(index).take(2))?.filter(|echo| !echo.total.is_empty());
                slices.push(SliceInfo {
                    from_s: from_ns as f64 / 1e9,
                    p50_ns: engine.at(0.5),
                    p99_ns: engine.at(0.99),
                    echo: beside.map(|beside| ratio(&engine, &beside)),
                });
            }
            match &mut merged {
                None => merged = Some(part),
                Some(all) => all.append(&part, from_ns)?,
            }
            // Round up to whole seconds, so that the next slice starts on a second of its own.
            from_ns += (schedule.end_ns() - schedule.measured_from_ns()).div_ceil(INTERVAL_NS) * INTERVAL_NS;
        }
        let measured = merged.context("nothing was measured")?;
        Ok(Self { measured, echo: joined(echoes.iter())?, faults, slices })
    }
}

/// Appends tracks to each other; `None` if there are none.
fn joined<'a>(mut tracks: impl Iterator<Item = &'a Track>) -> Result<Option<Track>> {
    let Some(mut all) = tracks.next().cloned() else { return Ok(None) };
    tracks.try_for_each(|track| all.append(track))?;
    Ok(Some(all))
}

/// Ratios of the engine's latencies to the echo's.
pub fn ratio(engine: &Track, echo: &Track) -> EchoInfo {
    let ratio = |quantile| engine.at(quantile) as f64 / echo.at(quantile).max(1) as f64;
    EchoInfo { ratio_p50: ratio(0.5), ratio_p99: ratio(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(latency_ns: u64, count: u64) -> Track {
        let mut track = Track::new().unwrap();
        (0..10 * count).for_each(|n| track.record(n * INTERVAL_NS / 10, latency_ns).unwrap());
        track
    }

    fn part(schedule: &Schedule, latency_ns: u64) -> Measured {
        let count = (schedule.end_ns() - schedule.measured_from_ns()) / INTERVAL_NS;
        let mut measured = verdict::tests::measured(schedule, |_| [1_000, latency_ns]);
        measured.seen.styles[0] = seconds(latency_ns, count);
        measured
    }

    #[test]
    fn each_slice_has_the_echoes_on_both_sides_beside_it() {
        let second = Duration::from_secs(1);
        let schedules = [3, 2].map(|count| Schedule::new(Shape::Steady, 1, 10.0, second, second * count));
        let parts = schedules.iter().zip([400_000, 900_000]).map(|(schedule, ns)| part(schedule, ns)).collect();
        let echoes = [100_000, 200_000, 300_000].map(|ns| seconds(ns, 2));
        let sliced = Sliced::new(Shape::Steady, &schedules, parts, &echoes).unwrap();
        let ratios: Vec<f64> = sliced.slices.iter().map(|slice| slice.echo.unwrap().ratio_p99.round()).collect();
        assert_eq!(ratios, [2.0, 3.0], "400 of 200 µs, 900 of 300");
        assert_eq!(sliced.slices.iter().map(|slice| slice.from_s).collect::<Vec<_>>(), [0.0, 3.0]);
        let day = &sliced.measured.seen.styles[0];
        assert_eq!((day.total.len(), day.intervals.len(), sliced.echo.unwrap().total.len()), (50, 5, 60));
        assert!(day.intervals[2].max() < 500_000 && day.intervals[3].min() > 800_000, "one behind the other");
        assert_eq!(sliced.faults, Vec::<String>::new());
    }

    #[test]
    fn a_slice_that_was_not_held_is_named() {
        let second = Duration::from_secs(1);
        let schedules = [2, 2].map(|count| Schedule::new(Shape::Steady, 1, 10.0, second, second * count));
        let mut parts: Vec<Measured> = schedules.iter().map(|schedule| part(schedule, 1_000)).collect();
        parts[1].lost = 3;
        let sliced = Sliced::new(Shape::Steady, &schedules, parts, &[]).unwrap();
        assert_eq!(sliced.faults, ["slice 2: 3 bars gave no signal"]);
        assert!(sliced.echo.is_none() && sliced.slices[0].echo.is_none());
    }
}
