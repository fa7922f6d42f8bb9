//! `doctor`: whether this host does what a configuration needs.

use super::{args::DoctorArgs, ingest_doctor, note::note, part::only, redis::Server, session::layers};
use crate::{
    config::{Config, Layer, Override},
    feed::EntryForm,
    lab::{
        Sysfs,
        doctor::{
            Activity, ClockProbe, CpuPlan, ExaminedHost, Finding, HiccupTest, Judgement, Probes, RedisProbe,
            RedisQuestions, Style, render, to_json,
        },
    },
    runtime::Clock,
};
use anyhow::Result;
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// Examines this host; returns whether nothing failed.
///
/// # Errors
/// The configuration is invalid, or the output cannot be written.
pub fn doctor(args: &DoctorArgs) -> Result<bool> {
    if let Some(provider) = &args.provider {
        return ingest_doctor::examine(args, provider);
    }
    let mut layers = layers(args.config.as_deref(), &args.set)?;
    if let Some(url) = &args.redis {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
    }
    let config = only(load(layers)?)?;
    let on_redis = args.redis.is_some() || config.input.feed.is_redis();
    let questions = if on_redis { Some(questions(&config)?) } else { None };
    let sys = Sysfs::default();
    let clock = Clock::new();
    let plan = CpuPlan::new(&config, ExaminedHost::allowed(&sys));
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
    let items = ExaminedHost { sys: &sys, plan: &plan }.examine(&probes);
    match print(&items, args.json) {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(items.iter().all(|item| item.verdict != Judgement::Fail))
}

/// The configuration, with the documents of the server if it is set to use them and the server has them.
fn load(mut layers: Vec<Layer>) -> Result<Config> {
    let config = Config::load_offline(&layers)?.config;
    if !config.input.feed.is_redis() || !config.redis.config_from_redis {
        return Ok(config);
    }
    let server = Server::new(&config)?;
    match server.connect("doctor").and_then(|mut link| server.documents(&mut link)) {
        Ok(documents) => {
            layers.extend(documents);
            Ok(Config::load(&layers)?.config)
        }
        Err(error) => {
            note(&format!("note: examined without the documents of the configuration in Redis: {error}"));
            Ok(config)
        }
    }
}

/// What to ask of the server.
fn questions(config: &Config) -> Result<RedisQuestions> {
    let address = super::secrets::address(&config.redis)?;
    Ok(RedisQuestions {
        tls: super::redis::tls(config, &address)?,
        address,
        position_key: config.output.keys.position_key(&config.engine.name),
        streams: config
            .input
            .streams
            .iter()
            .map(|stream| (stream.name.clone(), EntryForm::of(stream, config.prices())))
            .collect(),
        connect_timeout: Duration::from_millis(config.redis.connect_timeout_ms),
        timeout: Duration::from_millis(config.redis.timeout_ms),
        reply_bytes_max: config.limits.read_buffer_max_bytes,
        on_disk: config.redis.on_disk,
    })
}

fn print(items: &[Finding], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &to_json(items))?;
        return writeln!(out);
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = Style { colour: out.is_terminal() && !plain, ..Style::default() };
    render(items, style, &mut out)
}
