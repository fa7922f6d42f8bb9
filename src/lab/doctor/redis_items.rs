//! Judges the answers of a server.

use super::{
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
    redis::{RedisProbe, RoundTrip},
};
use crate::telemetry::{human_bytes, human_ns};

/// Oldest server version that the engine is tested with: major and minor.
const VERSION_MIN: (u32, u32) = (6, 2);
/// Oldest version that says what its disk has; Valkey says that it is a newer one.
const ON_DISK_VERSION_MIN: (u32, u32) = (7, 2);
/// Round-trip time from which on the item warns, ns.
const SOCKET_NS_MAX: u64 = 200_000;
const TCP_NS_MAX: u64 = 300_000;

/// The items about the server.
pub(super) fn items(probe: Option<&RedisProbe>, plan: &CpuPlan) -> Vec<Finding> {
    let Some(probe) = probe else {
        let check = check("server", "examined")
            .fix("doctor --redis URL examines one; so does a configuration with input.feed = \"redis\"");
        return vec![check.unknown("this configuration uses none")];
    };
    let server = check("server", "answers").why("bars come from it and signals go to it");
    if let Some(failure) = &probe.failure {
        return vec![server.fix("start it, or correct redis.url").is(Judgement::Fail, failure.clone())];
    }
    let mut items = vec![
        server.is(Judgement::Pass, probe.address.clone()),
        version(probe),
        trip("round trip, socket", &probe.socket, SOCKET_NS_MAX),
        trip("round trip, TCP", &probe.tcp, TCP_NS_MAX),
        eviction(probe),
        persistence(probe),
        fork(probe, plan),
        buffers(probe),
    ];
    items.extend(probe.on_disk.then(|| on_disk(probe)));
    items.extend(probe.clocks.iter().flat_map(super::redis_clocks::ServerClocks::items));
    items.extend(probe.streams.iter().map(super::redis_streams::StreamProbe::item));
    items
}

fn check(name: &str, wanted: impl Into<String>) -> Check {
    Check::new(Section::Redis, name, wanted)
}

fn version(probe: &RedisProbe) -> Finding {
    let check = check("version", format!("≥ {}.{}", VERSION_MIN.0, VERSION_MIN.1))
        .why("older servers lack commands that the engine uses on streams")
        .fix("install a newer server");
    let Some(text) = probe.figure("redis_version") else { return check.unknown("INFO is refused or has no version") };
    match numbers(&text) {
        Some(version) => check.holds(version >= VERSION_MIN, Judgement::Fail, text),
        None => check.unknown(format!("{text:?} is not understood")),
    }
}

/// Major and minor number of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn trip(name: &str, trip: &RoundTrip, p99_ns_max: u64) -> Finding {
    let check =
        check(name, format!("p99 ≤ {}", human_ns(p99_ns_max))).why("each bar and each signal takes this path once");
    match trip {
        RoundTrip::Measured { address, p50_ns, p99_ns } => check
            .fix("give the server a core of its own, not one of the agents'; on one machine use its unix socket")
            .holds(
                *p99_ns <= p99_ns_max,
                Judgement::Warn,
                format!("p50 {}, p99 {}, {address}", human_ns(*p50_ns), human_ns(*p99_ns)),
            ),
        RoundTrip::Off => check
            .fix("not needed if you use the other one; `unixsocket /run/redis/redis.sock` and `port 6379` turn them on")
            .unknown("the server does not listen there"),
        RoundTrip::Unknown(reason) => check.unknown(reason.clone()),
    }
}

fn eviction(probe: &RedisProbe) -> Finding {
    let check = check("maxmemory-policy", "noeviction")
        .why("a full server evicts whole keys: a stream would disappear with all its unread entries")
        .fix("CONFIG SET maxmemory-policy noeviction, and in redis.conf");
    let either = |name: &str, figure: &str| probe.setting(name).map(str::to_owned).or_else(|| probe.figure(figure));
    let (Some(policy), Some(bytes)) =
        (either("maxmemory-policy", "maxmemory_policy"), either("maxmemory", "maxmemory"))
    else {
        return check.unknown("neither CONFIG nor INFO tell");
    };
    let limit = match bytes.parse::<u64>() {
        Ok(0) => "no maxmemory yet".to_owned(),
        Ok(bytes) => format!("maxmemory {}", human_bytes(bytes)),
        Err(_) => format!("maxmemory {bytes}"),
    };
    let current = format!("{policy}, {limit}");
    // The volatile policies evict keys that have a lifetime, so a stream with one is at risk.
    let lifetimes: Vec<Option<bool>> = probe.streams.iter().map(|stream| stream.expires).collect();
    match policy.as_str() {
        "noeviction" => check.is(Judgement::Pass, current),
        text if !text.starts_with("volatile-") => check.is(Judgement::Fail, current),
        _ if lifetimes.contains(&Some(true)) => {
            check.is(Judgement::Fail, format!("{current}, and an input stream has a lifetime"))
        }
        _ if lifetimes.contains(&None) => check.unknown(format!("{current}; the streams' lifetimes are not known")),
        _ => check.is(Judgement::Pass, format!("{current}; the streams have no lifetime")),
    }
}

fn persistence(probe: &RedisProbe) -> Finding {
    let check = check("persistence", "appendonly yes, appendfsync always")
        .why("it decides what a crash loses, and whether every write waits for the disk")
        .fix("CONFIG SET appendonly yes, CONFIG SET appendfsync always, CONFIG REWRITE; where the disk is too slow for that, everysec, and up to a second of input and output is lost with the host");
    let (Some(append), Some(sync), Some(save)) =
        (probe.setting("appendonly"), probe.setting("appendfsync"), probe.setting("save"))
    else {
        return check.unknown("CONFIG GET is refused");
    };
    let broken = probe.figure("aof_last_write_status").is_some_and(|status| status != "ok")
        || probe.figure("rdb_last_bgsave_status").is_some_and(|status| status != "ok");
    let forks = if save.is_empty() { "no snapshots".to_owned() } else { format!("snapshots by \"{save}\"") };
    let current =
        if append == "yes" { format!("appendonly, {sync}; {forks}") } else { format!("no appendonly; {forks}") };
    match (append, sync) {
        _ if broken => check.is(Judgement::Fail, format!("{current}; the last write to the disk failed")),
        ("yes", "always") => check.is(Judgement::Pass, format!("{current}; every write waits for the disk")),
        ("yes", "everysec") => check
            .is(Judgement::Warn, format!("{current}: a crash of the host loses up to a second of input and output")),
        ("yes", _) => check.is(Judgement::Warn, format!("{current}: the system decides what a crash loses")),
        _ if save.is_empty() => check.is(Judgement::Warn, format!("{current}: a restart loses everything")),
        _ => check.is(Judgement::Warn, format!("{current}: a crash loses all since the last")),
    }
}

/// Whether the server can say what its disk has, and how long that takes.
fn on_disk(probe: &RedisProbe) -> Finding {
    let check = check("redis.on_disk", "Redis ≥ 7.2 or Valkey, appendonly yes, appendfsync always")
        .why("no batch counts as written before the server says that its disk has it")
        .fix("CONFIG SET appendonly yes, CONFIG SET appendfsync always, CONFIG REWRITE; with an older server redis.on_disk = false");
    let (Some(append), Some(sync)) = (probe.setting("appendonly"), probe.setting("appendfsync")) else {
        return check.unknown("CONFIG GET is refused");
    };
    let version = probe.figure("redis_version").unwrap_or_default();
    match (append, sync) {
        _ if numbers(&version).is_none_or(|version| version < ON_DISK_VERSION_MIN) => {
            check.is(Judgement::Fail, format!("version {version}: the server does not know WAITAOF"))
        }
        ("yes", "always") => check.is(Judgement::Pass, "appendonly, always"),
        ("yes", "everysec") => {
            check.is(Judgement::Warn, "appendonly, everysec: signals come up to a second and more late")
        }
        ("yes", _) => {
            check.is(Judgement::Fail, format!("appendonly, {sync}: it is never known that the disk has a batch"))
        }
        _ => check.is(Judgement::Fail, "no appendonly: the server refuses to say"),
    }
}

fn fork(probe: &RedisProbe, plan: &CpuPlan) -> Finding {
    let check = check("last fork", "≤ 10 ms")
        .why("the server answers no client while it copies its page tables for a snapshot or a rewrite")
        .fix("a smaller data set (MAXLEN), no snapshots by `save`, huge pages off, a host without nested paging");
    let Some(us) = probe.figure("latest_fork_usec").and_then(|text| text.parse::<u64>().ok()) else {
        return check.unknown("INFO does not tell");
    };
    let ns = us * 1_000;
    match us {
        0 => check.is(Judgement::Pass, "never forked"),
        _ if ns >= plan.budget_ns => check.is(Judgement::Fail, human_ns(ns)),
        _ => check.holds(ns <= 10_000_000, Judgement::Warn, human_ns(ns)),
    }
}

fn buffers(probe: &RedisProbe) -> Finding {
    let wanted = probe.reply_bytes_max as u64;
    let check = check("output buffers", format!("normal: 0, or ≥ {}", human_bytes(wanted)))
        .why("the server disconnects a reader whose replies exceed the limit, in the middle of a burst")
        .fix("CONFIG SET client-output-buffer-limit \"normal 0 0 0\"");
    let Some(limits) = probe.setting("client-output-buffer-limit") else {
        return check.unknown("CONFIG GET is refused");
    };
    let words: Vec<&str> = limits.split_whitespace().collect();
    let normal = words.chunks_exact(4).find(|class| class[0] == "normal");
    let Some([hard, soft, seconds]) = normal.and_then(|class| {
        let numbers: Vec<u64> = class[1..].iter().filter_map(|text| text.parse().ok()).collect();
        <[u64; 3]>::try_from(numbers).ok()
    }) else {
        return check.unknown(format!("{limits:?} is not understood"));
    };
    let enough = |limit: u64| limit == 0 || limit >= wanted;
    let name = |limit: u64| if limit == 0 { "no limit".to_owned() } else { human_bytes(limit) };
    let current = match (hard, soft) {
        (0, 0) => "normal: no limit".to_owned(),
        _ => format!("normal: hard {}, soft {} for {seconds} s", name(hard), name(soft)),
    };
    check.holds(enough(hard) && enough(soft), Judgement::Warn, current)
}
