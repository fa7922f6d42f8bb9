//! `[telemetry]`: reports, the listener for monitoring, and when the engine is healthy.

use super::{
    checker::Checks,
    rules::{Flag, Text, choice, choice_enum, int, real},
    section::{nested, section},
};
use std::net::SocketAddr;

choice_enum! {
    /// How lines of the log are written.
    LogFormat {
        /// As who reads them wants it.
        Auto = "auto",
        /// The text alone.
        Plain = "plain",
        /// With time, level, target, code and ids.
        Text = "text",
        /// An object a line.
        Json = "json",
    }
}

choice_enum! {
    /// How bad a line of the log is; those that are not worse than what is asked for are not written.
    #[derive(PartialOrd, Ord)]
    LogLevel {
        /// The engine ends, or something is lost.
        Error = "error",
        /// Somebody should look.
        Warn = "warn",
        /// What happens.
        Info = "info",
        /// Every published signal.
        Debug = "debug",
    }
}

impl LogLevel {
    /// The priority that the journal knows it by.
    #[must_use]
    pub const fn priority(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warn => 4,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }
}

choice_enum! {
    /// What an interim report has in it.
    ReportLength {
        /// What has happened since the one before, in ten lines.
        Brief = "brief",
        /// Every table, since the start.
        Full = "full",
    }
}

section! {
    /// Reports, metrics, health.
    TelemetryConfig {
        /// Time between two reports, s; 0 for only the last.
        report_interval_s: u64 = int(0, 86_400),
        /// What these reports have in them.
        report: ReportLength = choice(),
        /// Time between two status lines on a terminal, ms, and sixty times that elsewhere; 0 for none.
        status_interval_ms: u64 = int(0, 3_600_000),
        /// Directory for the histograms of the run, written at its end; empty for none.
        histograms_dir: String = Text { empty: true },
        /// How lines of the log are written.
        log_format: LogFormat = choice(),
        /// Which of them are.
        log_level: LogLevel = choice(),
        /// Address and port of the listener for monitoring; empty for none.
        listen: String = Text { empty: true },
        /// File with the token that requests must show; empty for none.
        token_file: String = Text { empty: true },
        /// Maximum number of connections to the listener.
        connections_max: usize = int(4, 4_096),
        /// Whether health goes to Redis.
        health_to_redis: bool = Flag,
        /// When the engine is healthy.
        health: HealthConfig = nested(),
    }
}

section! {
    /// The thresholds of health.
    HealthConfig {
        /// Time over which rates, shares and latencies are taken, s.
        window_s: u64 = int(5, 3_600),
        /// For how long a component must be worse before it is said to be, s.
        worse_after_s: u64 = int(0, 3_600),
        /// For how long it must be better before it is said to be, s.
        better_after_s: u64 = int(0, 3_600),
        /// 99th percentile of a style's latency at which it is degraded, budgets.
        latency_degraded: f64 = real(0.0, 1e6),
        /// The same for failing.
        latency_failing: f64 = real(0.0, 1e6),
        /// Resident memory at which it is degraded, share of the memory that the process may have.
        memory_degraded: f64 = real(0.0, 1.0),
        /// The same for failing.
        memory_failing: f64 = real(0.0, 1.0),
        /// Age of the next entry of a stream at which it is degraded, ms.
        lag_degraded_ms: u64 = int(0, 86_400_000),
        /// The same for failing.
        lag_failing_ms: u64 = int(0, 86_400_000),
        /// For how long a connection may be lost before it is failing, ms.
        down_failing_ms: u64 = int(0, 86_400_000),
        /// Time without a duty cycle of an agent at which it is degraded, ms.
        stall_degraded_ms: u64 = int(0, 86_400_000),
        /// The same for failing.
        stall_failing_ms: u64 = int(0, 86_400_000),
        /// Share of the time for which an agent waits for the next stage, at which it is degraded.
        blocked_degraded: f64 = real(0.0, 1.0),
        /// Share of the records that are refused, at which it is degraded.
        refused_degraded: f64 = real(0.0, 1.0),
        /// The same for failing.
        refused_failing: f64 = real(0.0, 1.0),
        /// Time without a record at which it is degraded, s; 0 for never.
        silence_degraded_s: u64 = int(0, 604_800),
    }
}

impl TelemetryConfig {
    /// The address to listen on; `None` where there is to be no listener.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

/// Checks what depends on several values.
pub(super) fn check(config: &TelemetryConfig, checks: &mut Checks<'_>) {
    let at = |key| ["telemetry", key];
    checks.require(config.listen.is_empty() || config.address().is_some(), &at("listen"), || {
        format!(
            "found {:?}; allowed: address and port, such as \"127.0.0.1:9464\" or \"[::1]:9464\", or \"\"",
            config.listen
        )
    });
    let open = config.address().is_some_and(|address| !address.ip().is_loopback());
    checks.require(!open || !config.token_file.is_empty(), &at("token_file"), || {
        "is missing, but telemetry.listen is not a loopback address: anybody on the network could read the signals; write a \
         token into a file and name it here, or listen on 127.0.0.1"
            .into()
    });
    let health = &config.health;
    let pairs = [
        ("latency_failing", health.latency_degraded, health.latency_failing),
        ("memory_failing", health.memory_degraded, health.memory_failing),
        ("lag_failing_ms", health.lag_degraded_ms as f64, health.lag_failing_ms as f64),
        ("stall_failing_ms", health.stall_degraded_ms as f64, health.stall_failing_ms as f64),
        ("refused_failing", health.refused_degraded, health.refused_failing),
    ];
    for (key, degraded, failing) in pairs {
        checks.require(degraded <= failing, &["telemetry", "health", key], || {
            format!("found {failing}; allowed: at least {}, which is {degraded}", key.replace("failing", "degraded"))
        });
    }
}
