//! A process that is stopped from outside shows the stop in its hiccup meter.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use wagehood_engine::{
    lab::{HiccupMeter, HiccupMode},
    runtime::Clock,
};

const CHILD: &str = "HICCUP_TEST_CHILD";
const STOPPED: Duration = Duration::from_millis(100);

/// Not a test: the work of the stopped process.
#[test]
fn child_measures() {
    let Ok(mode) = std::env::var(CHILD) else { return };
    let mode = if mode == "spin" { HiccupMode::Spin } else { HiccupMode::Sleep };
    let meter = HiccupMeter::start(None, mode, &Clock::new()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    println!("\nready");
    std::thread::sleep(Duration::from_millis(400));
    let hiccups = meter.stop().unwrap();
    let late = hiccups.lateness.count_between(STOPPED.as_nanos() as u64 / 2, u64::MAX / 2);
    println!("\nresult {} {late} {}", hiccups.max_ns, hiccups.lateness.len());
}

#[test]
fn a_stop_of_100_ms_is_in_the_maximum_and_in_the_percentiles() {
    for (name, mode) in [("spin", HiccupMode::Spin), ("sleep", HiccupMode::Sleep)] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["hiccup::child_measures", "--exact", "--nocapture"])
            .env(CHILD, name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let begin = Instant::now();
        std::thread::sleep(STOPPED);
        let stopped_ns = begin.elapsed().as_nanos() as u64;
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        let result = lines.find(|line| line.starts_with("result")).unwrap();
        assert!(child.wait().unwrap().success());
        let numbers: Vec<u64> = result.split(' ').skip(1).map(|text| text.parse().unwrap()).collect();
        let [max_ns, late, all] = numbers[..] else { panic!("{result}") };
        // The signal takes effect with a delay.
        let slack_ns = 2 * mode.interval_ns() + 10_000_000;
        assert!(max_ns + slack_ns > stopped_ns, "{name}: stopped {stopped_ns} ns, {result}");
        // Half of the missed appointments were late by more than half of the stop.
        let expected = stopped_ns / 2 / mode.interval_ns();
        assert!(late * 10 > expected * 8 && late * 3 < all * 2, "{name}: {expected} expected, {result}");
    }
}
