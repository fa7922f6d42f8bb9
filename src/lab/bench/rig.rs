//! What is measured, put together: a server, a load, and the engine or the bare echo between its ends.

use super::{
    bars::Form,
    child::Guarded,
    engine_config::EngineSpec,
    host::scheduling_of,
    interrupt::Interrupt,
    phase::{Measured, Phase},
    schedule::Schedule,
    server::RedisServer,
    stall::Stall,
    subscriber::Reads,
    tempdir::TempDir,
};
use crate::{model::TradingStyle, runtime::Clock};
use anyhow::{Result, bail};
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// How long an engine may take to finish what it has read.
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything that the stretches of a measurement have in common.
pub struct Rig<'a> {
    /// The program that is started as engine and as echo.
    pub exe: &'a Path,
    /// What the engine is told.
    pub spec: &'a EngineSpec,
    /// Further settings of the engine, `key=value`.
    pub settings: &'a [String],
    /// How bars travel.
    pub form: Form,
    /// Core of the generator.
    pub core: Option<usize>,
    /// Cores that are watched for hiccups.
    pub watched: &'a [usize],
    /// The server.
    pub server: &'a RedisServer,
    /// Folder for the engine's files.
    pub dir: &'a TempDir,
    /// The clock of all latencies.
    pub clock: Clock,
    /// Ends a stretch early.
    pub interrupt: &'a Interrupt,
}

impl Rig<'_> {
    /// The bare echo under a load; `name` tells its streams from those of other stretches.
    ///
    /// # Errors
    /// A server or an echo that is gone.
    pub fn echo(&self, name: &str, schedule: &Schedule) -> Result<Measured> {
        let [input, output] = ["in", "out"].map(|end| format!("{}echo_{name}_{end}", self.spec.prefix));
        let mut command = Command::new(self.exe);
        command.args(["bench", "echo", "--url", self.server.url(), "--from", &input, "--to", &output]);
        let mut child = Guarded::spawn("the echo", command.stdin(Stdio::null()))?;
        let measured = self.phase([&input, &output], Reads::Bars, schedule, &[]).run(|| {
            self.interrupt.check()?;
            match child.ended() {
                Some(status) => bail!("the echo has ended: {status}"),
                None => Ok(()),
            }
        });
        if measured.is_ok() {
            child.stop(Duration::from_secs(2))?;
        }
        drop(child);
        let cleaned = self.server.clean(&[input, output]);
        let measured = measured?;
        cleaned?;
        Ok(measured)
    }

    /// The engine under a load, as a process of its own; with a stall in the middle, if one is wanted. Its report is in
    /// `engine.txt` then, its histograms in `histograms`.
    ///
    /// # Errors
    /// A server or an engine that is gone, or does not end well.
    pub fn engine(&self, schedule: &Schedule, stall: Option<Duration>) -> Result<Measured> {
        let mut child = Guarded::spawn("the engine", &mut self.engine_command()?)?;
        let styles: Vec<TradingStyle> = (0..self.spec.symbols).map(|symbol| self.spec.style(symbol)).collect();
        let (input, output) = (self.spec.input(), self.spec.signals());
        let mut stall = Stall::new(stall, schedule);
        let mut measured = self.phase([&input, &output], Reads::Signals, schedule, &styles).run(|| {
            self.interrupt.check()?;
            stall.act(&child)?;
            match child.ended() {
                Some(status) => bail!("the engine has ended: {status}: {}", self.log()),
                None => Ok(()),
            }
        })?;
        // All of its threads are at work still.
        measured.scheduling.extend(scheduling_of(child.id()).map(|text| ("engine", text)));
        if !child.stop(PATIENCE)? {
            bail!("the engine did not end well: {}", self.log());
        }
        Ok(measured)
    }

    fn engine_command(&self) -> Result<Command> {
        let config = self.dir.path().join("engine.toml");
        self.spec.write(&config)?;
        let mut command = Command::new(self.exe);
        command.arg("run").arg("--config").arg(&config).args(["--redis", self.server.url()]);
        command.arg("--histograms").arg(self.dir.path().join("histograms"));
        command.args(["--set", "telemetry.status_interval_ms=0", "--set", "telemetry.report_interval_s=0"]);
        for setting in self.settings {
            command.arg("--set").arg(setting);
        }
        // What it keeps on disk, it keeps there.
        command.current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(File::create(self.dir.path().join("engine.txt"))?);
        command.stderr(File::create(self.dir.path().join("log"))?);
        Ok(command)
    }

    /// What the engine said.
    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default().trim().to_owned()
    }

    fn phase<'b>(
        &'b self,
        [input, output]: [&'b str; 2],
        reads: Reads,
        schedule: &'b Schedule,
        styles: &'b [TradingStyle],
    ) -> Phase<'b> {
        Phase {
            server: self.server,
            input,
            output,
            reads,
            form: self.form,
            base: self.spec.base,
            schedule,
            styles,
            core: self.core,
            watched: self.watched,
            clock: &self.clock,
        }
    }
}
