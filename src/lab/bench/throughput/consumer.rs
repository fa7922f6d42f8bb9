//! The consumer under test: the engine, in its own process, or the bare loop, in a thread.

use super::{bare::bare, producer::Flow};
use crate::{
    lab::bench::{child::Guarded, engine_config::EngineSpec, server::RedisServer, tempdir::TempDir},
    publish::{EntryFields, SignalFrame},
    redis_io::{Link, LinkError, StreamInfo},
};
use anyhow::{Result, bail};
use redis::Cmd;
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Frames of signals that are looked at.
const FRAMES: usize = 50;

/// Longest time the engine may take to finish what it has read.
const PATIENCE: Duration = Duration::from_secs(20);

/// A consumer of the stream.
pub trait Consumer {
    /// Number of entries done, as far as is known now.
    ///
    /// # Errors
    /// The consumer has ended.
    fn done(&mut self) -> Result<u64>;
    /// Number of signals written so far.
    ///
    /// # Errors
    /// The server is gone.
    fn signals(&mut self) -> Result<u64> {
        Ok(0)
    }
    /// The process or thread whose CPU time is counted.
    fn place(&self) -> (Option<u32>, Option<u64>);
    /// Stops the consumer.
    ///
    /// # Errors
    /// The consumer does not end cleanly.
    fn end(&mut self) -> Result<()>;
}

/// The engine.
pub struct EngineConsumer<'a> {
    child: Guarded,
    link: Link,
    dir: &'a TempDir,
    key: String,
    field: String,
    signals: String,
}

impl<'a> EngineConsumer<'a> {
    /// Starts an engine.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(
        exe: &Path,
        spec: &EngineSpec,
        settings: &[String],
        server: &RedisServer,
        dir: &'a TempDir,
    ) -> Result<Self> {
        let config = dir.path().join("engine.toml");
        spec.write(&config)?;
        let mut command = Command::new(exe);
        command.arg("run").arg("--config").arg(&config).args(["--redis", server.url()]);
        command.args(["--set", "telemetry.status_interval_ms=0", "--set", "telemetry.report_interval_s=0"]);
        for setting in settings {
            command.arg("--set").arg(setting);
        }
        // The engine's own files go to the rig's folder.
        command.current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(File::create(dir.path().join("engine.txt"))?);
        command.stderr(File::create(dir.path().join("log"))?);
        Ok(Self {
            child: Guarded::spawn("the engine", &mut command)?,
            link: server.connect("position")?,
            dir,
            signals: spec.signals(),
            key: format!("{}wagehood:engine:position:bench", spec.prefix),
            field: format!("{}{}", crate::engine::ENTRIES, spec.input()),
        })
    }

    /// Signals that an entry holds: one, or in frames what the newest hold on average.
    fn signals_an_entry(&mut self) -> Result<f64> {
        let newest: Vec<(String, EntryFields)> =
            self.link.ask(&Cmd::xrevrange_count(&self.signals, "+", "-", FRAMES))?;
        let mut counts = Vec::new();
        for (_, fields) in &newest {
            let Some((_, frame)) = fields.iter().find(|(name, _)| name == b"frame") else { return Ok(1.0) };
            counts.push(SignalFrame::parse(frame)?.len() as f64);
        }
        Ok(counts.iter().sum::<f64>() / counts.len().max(1) as f64)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default().trim().to_owned()
    }
}

impl Consumer for EngineConsumer<'_> {
    fn done(&mut self) -> Result<u64> {
        if let Some(status) = self.child.ended() {
            bail!("the engine has ended: {status}: {}", self.log());
        }
        let text: Option<String> = self.link.ask(&Cmd::hget(&self.key, &self.field))?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    fn signals(&mut self) -> Result<u64> {
        match StreamInfo::ask(&mut self.link, &self.signals) {
            Ok(info) => Ok((info.added.unwrap_or(0) as f64 * self.signals_an_entry()?) as u64),
            // A stream that does not exist holds no signals.
            Err(LinkError::Server { .. }) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn place(&self) -> (Option<u32>, Option<u64>) {
        (Some(self.child.id()), None)
    }

    fn end(&mut self) -> Result<()> {
        if !self.child.stop(PATIENCE)? {
            bail!("the engine did not end well: {}", self.log());
        }
        Ok(())
    }
}

/// The bare loop.
pub struct Bare {
    thread: Option<JoinHandle<Result<()>>>,
    flow: Arc<Flow>,
    stop: Arc<AtomicBool>,
}

impl Bare {
    /// Starts a bare loop on a stream.
    ///
    /// # Errors
    /// The server is absent.
    pub fn start(server: &RedisServer, stream: &str, count: u64) -> Result<Self> {
        let (flow, stop) = (Arc::new(Flow::default()), Arc::new(AtomicBool::new(false)));
        let (link, stream) = (server.connect("bare")?, stream.to_owned());
        let (shared, ended) = (Arc::clone(&flow), Arc::clone(&stop));
        let thread = std::thread::spawn(move || bare(link, &stream, count, &shared, &ended));
        Ok(Self { thread: Some(thread), flow, stop })
    }
}

impl Consumer for Bare {
    fn done(&mut self) -> Result<u64> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            self.end()?;
            bail!("the bare loop has ended");
        }
        Ok(self.flow.done.load(Ordering::Acquire))
    }

    fn place(&self) -> (Option<u32>, Option<u64>) {
        (None, Some(self.flow.thread.load(Ordering::Acquire)))
    }

    fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => bail!("the bare loop panicked"),
            Some(Ok(result)) => result,
            None => Ok(()),
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
