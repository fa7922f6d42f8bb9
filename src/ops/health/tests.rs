//! Each component in each of its states, and what is said over time.

#![allow(clippy::unwrap_used)]

use super::{COMPONENTS, Component, Health, HealthChange, HealthFigures, HealthState, HealthState::*};
use crate::{
    config::{Config, HealthConfig},
    model::Refusal,
    ops::figures::{AgentFigures, Quality, StreamFigures, StyleFigures},
};

fn config() -> HealthConfig {
    HealthConfig { silence_degraded_s: 60, ..Config::default().telemetry.health }
}

fn check(name: &str, figures: &HealthFigures) -> HealthState {
    let Component { check, .. } = COMPONENTS.iter().find(|component| component.name == name).unwrap();
    let finding = check(figures, &config());
    assert!(!finding.why.is_empty());
    assert_eq!(finding.remedy.is_empty(), finding.state <= Unknown, "{finding:?}");
    let json = finding.to_json();
    assert_eq!(json["status"], finding.state.name());
    finding.state
}

/// An engine with which all is well.
fn well() -> HealthFigures {
    HealthFigures {
        draining: false,
        styles: vec![StyleFigures { name: "day".to_owned(), budget_ns: 1_000, count: 9, p99_ns: 10 }],
        rss_bytes: 10,
        memory_limit_bytes: Some(100),
        streams: vec![StreamFigures { name: "in".to_owned(), ..Default::default() }],
        links: vec![("reader".to_owned(), None)],
        agents: vec![AgentFigures { name: "reader".to_owned(), ..Default::default() }],
        records: 1_000,
        refused: Vec::new(),
        stale: 0,
        silence_s: 0.0,
        quality: Some(Quality { outcomes: 5_000, skill: 0.01, calibration_error: 0.02 }),
    }
}

#[test]
fn calculation_lag_has_all_its_states() {
    let with = |count, p99_ns| {
        let styles = vec![StyleFigures { name: "day".to_owned(), budget_ns: 1_000, count, p99_ns }];
        check("calculation_lag", &HealthFigures { styles, ..well() })
    };
    assert_eq!([with(0, 0), with(5, 999), with(5, 1_000), with(5, 10_000)], [Unknown, Ok, Degraded, Failing]);
}

#[test]
fn memory_usage_has_all_its_states() {
    let with = |rss_bytes, memory_limit_bytes| {
        check("memory_usage", &HealthFigures { rss_bytes, memory_limit_bytes, ..well() })
    };
    let all = [with(1, None), with(10, Some(100)), with(80, Some(100)), with(95, Some(100))];
    assert_eq!(all, [Unknown, Ok, Degraded, Failing]);
}

#[test]
fn redis_streams_has_all_its_states() {
    let of = |streams, links| check("redis_streams", &HealthFigures { streams, links, ..well() });
    let lag = |lag_ms| vec![StreamFigures { name: "in".to_owned(), lag_ms, ..Default::default() }];
    let link = |down_ms| vec![("reader".to_owned(), down_ms)];
    assert_eq!(of(Vec::new(), Vec::new()), Unknown);
    let by_lag = [0, 5_000, 60_000].map(|ms| of(lag(ms), link(None)));
    assert_eq!(by_lag, [Ok, Degraded, Failing]);
    assert_eq!([of(lag(0), link(Some(1))), of(lag(0), link(Some(10_000)))], [Degraded, Failing]);
    let trimmed = vec![StreamFigures { name: "in".to_owned(), trimmed: 1, ..Default::default() }];
    assert_eq!(of(trimmed, link(None)), Failing);
}

#[test]
fn worker_status_has_all_its_states() {
    let with = |silent_ms, blocked_share, draining| {
        let agents = vec![AgentFigures { name: "worker 0".to_owned(), silent_ms, blocked_share }];
        check("worker_status", &HealthFigures { agents, draining, ..well() })
    };
    assert_eq!(check("worker_status", &HealthFigures { agents: Vec::new(), ..well() }), Unknown);
    assert_eq!([with(0, 0.0, false), with(0, 0.5, false)], [Ok, Degraded]);
    assert_eq!([with(2_000, 0.0, false), with(10_000, 0.0, false)], [Degraded, Failing]);
    assert_eq!(with(10_000, 0.0, true), Ok, "one that is done stands still");
}

#[test]
fn signal_quality_has_all_its_states() {
    let of = |quality| check("signal_quality", &HealthFigures { quality, ..well() });
    let with = |outcomes, skill, calibration_error| of(Some(Quality { outcomes, skill, calibration_error }));
    assert_eq!([of(None), with(999, 0.1, 0.0), with(1_000, 0.1, 0.0)], [Unknown, Unknown, Ok]);
    assert_eq!([with(1_000, -0.005, 0.0), with(1_000, 0.1, 0.05)], [Degraded, Degraded]);
    assert_eq!([with(1_000, f64::NAN, 0.0), with(1_000, 0.1, f64::NAN)], [Degraded, Degraded]);
}

#[test]
fn input_records_has_all_its_states() {
    let with = |records, refused, silence_s| {
        let refused = if refused > 0 { vec![(Refusal::Late, refused)] } else { Vec::new() };
        check("input_records", &HealthFigures { records, refused, silence_s, ..well() })
    };
    let all = [with(1_000, 9, 0.0), with(1_000, 10, 0.0), with(1_000, 500, 0.0), with(0, 0, 60.0)];
    assert_eq!(all, [Ok, Degraded, Failing, Degraded]);
    let patient = HealthConfig { silence_degraded_s: 0, ..config() };
    let silent = HealthFigures { records: 0, ..well() };
    let component = COMPONENTS.iter().find(|component| component.name == "input_records").unwrap();
    assert_eq!((component.check)(&silent, &patient).state, Unknown);
}

#[test]
fn a_feed_that_is_always_late_is_told_with_the_line_to_write() {
    let with = |stale, delay_ms| {
        let stream = |name: &str, delay_ms| StreamFigures { name: name.to_owned(), delay_ms, ..Default::default() };
        HealthFigures { streams: vec![stream("quick", 20), stream("slow", delay_ms)], stale, ..well() }
    };
    // A late record makes nothing worse, nor does a stale signal of a feed whose ids are no times.
    let all = [with(0, 900_000), with(7, 0), with(7, 900_000)].map(|figures| check("input_records", &figures));
    assert_eq!(all, [Ok, Ok, Degraded]);
    let said = super::input_records::check(&with(7, 900_000), &config());
    assert!(said.why.contains("7 signals were stale") && said.why.contains("slow"), "{}", said.why);
    assert!(said.remedy.contains("expected_delay = \"17m\" in the [[input.streams]] of slow"), "{}", said.remedy);
}

#[test]
fn the_engine_is_as_its_worst_component() {
    let mut health = Health::new(config(), 0);
    assert_eq!(health.overall(), Unknown);
    health.look(&well(), 0, 0);
    assert_eq!(health.overall(), Ok);
    assert_eq!(health.to_json()["status"], "ok");
    let bad = HealthFigures { rss_bytes: 99, links: vec![("reader".to_owned(), Some(1))], ..well() };
    (0..60).for_each(|s| drop(health.look(&bad, s * 1_000, 0)));
    let of = |name| health.components().find(|(component, _)| *component == name).unwrap().1;
    assert_eq!([of("memory_usage"), of("redis_streams"), of("worker_status")], [Failing, Degraded, Ok]);
    assert_eq!(health.overall(), Failing);
}

#[test]
fn a_state_must_last_before_it_is_said() {
    let mut health = Health::new(config(), 0);
    let (good, bad) = (well(), HealthFigures { links: vec![("reader".to_owned(), Some(1))], ..well() });
    let worst = HealthFigures { links: vec![("reader".to_owned(), Some(60_000))], ..well() };
    let mut now = 0;
    let mut changes = |figures: &HealthFigures, seconds: u64| {
        let mut all: Vec<(u64, HealthState, HealthState)> = Vec::new();
        for after in 0..seconds {
            let found = health.look(figures, now * 1_000, now as i64 * 1_000);
            let of = |change: &HealthChange| change.component == "redis_streams";
            all.extend(found.into_iter().filter(of).map(|change| (after, change.from, change.to)));
            now += 1;
        }
        all
    };
    assert_eq!(changes(&good, 10), [(0, Unknown, Ok)]);
    // A flap shorter than the patience is never told of, however often.
    for _ in 0..10 {
        assert_eq!(changes(&bad, 3), []);
        assert_eq!(changes(&good, 1), []);
    }
    assert_eq!(changes(&bad, 5), [(3, Ok, Degraded)]);
    assert_eq!(changes(&good, 15), []);
    assert_eq!(changes(&bad, 1), []);
    assert_eq!(changes(&good, 20), [(15, Degraded, Ok)]);
    // What gets still worse meanwhile does not begin to wait again.
    assert_eq!(changes(&bad, 2), []);
    assert_eq!(changes(&worst, 3), [(1, Ok, Failing)]);
}
