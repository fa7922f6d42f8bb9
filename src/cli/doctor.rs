//! `doctor`: whether this host does what a configuration needs.

use super::{
    args::DoctorArgs,
    session::{layers, note},
};
use crate::{
    config::{Config, Feed},
    lab::{
        Sysfs,
        doctor::{
            Activity, ClockProbe, CpuPlan, HiccupTest, Host, Item, Probes, RedisProbe, RedisQuestions, Style, Verdict,
            render, to_json,
        },
    },
    redis_io::Address,
    runtime::Clock,
};
use anyhow::{Context, Result};
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// Examines this host; whether nothing failed.
///
/// # Errors
/// A configuration that does not hold, an output that cannot be written.
pub fn doctor(args: &DoctorArgs) -> Result<bool> {
    let layers = layers(args.config.as_deref(), &args.set)?;
    let config = Config::load_offline(&layers)?.config;
    let questions = questions(&config, args.redis.as_deref())?;
    let on_redis = args.redis.is_some() || config.input.feed == Feed::Redis;
    let sys = Sysfs::default();
    let clock = Clock::new();
    let plan = CpuPlan::new(&config, Host::allowed(&sys));
    if io::stderr().is_terminal() {
        note(&format!("testing cores {} for {} s …", plan.used, args.seconds));
    }
    let before = Activity::read(&sys);
    let hiccups = HiccupTest::run(&plan, Duration::from_secs(args.seconds), &clock);
    let probes = Probes {
        clock: ClockProbe::measure(&clock),
        before,
        after: Activity::read(&sys),
        hiccups,
        redis: questions.map(|questions| RedisProbe::ask(&questions, &clock)),
        state_dir: (on_redis && !config.state.dir.is_empty()).then(|| config.state.dir.clone().into()),
    };
    let items = Host { sys: &sys, plan: &plan }.examine(&probes);
    match print(&items, args.json) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(items.iter().all(|item| item.verdict != Verdict::Fail))
}

/// What to ask of the server, where there is one to be asked.
fn questions(config: &Config, url: Option<&str>) -> Result<Option<RedisQuestions>> {
    let url = match url {
        None if config.input.feed != Feed::Redis => return Ok(None),
        None => config.redis.url.expose(),
        Some(url) => url,
    };
    let address: Address = url.parse().context("the address of the server")?;
    Ok(Some(RedisQuestions {
        tls: super::redis::tls(config, &address)?,
        address,
        position_key: config.output.keys.position_key(&config.engine.name),
        streams: config.input.streams.iter().map(|stream| stream.name.clone()).collect(),
        connect_timeout: Duration::from_millis(config.redis.connect_timeout_ms),
        timeout: Duration::from_millis(config.redis.timeout_ms),
        reply_bytes_max: config.limits.read_buffer_max_bytes,
    }))
}

fn print(items: &[Item], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &to_json(items))?;
        return writeln!(out);
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = Style { colour: out.is_terminal() && !plain, ..Style::default() };
    render(items, style, &mut out)
}
