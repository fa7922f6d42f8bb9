//! The complete measuring setup: a server, a load, and the engine or the echo between generator and subscriber.

use super::{
    bars::Form,
    child::Guarded,
    engine_config::EngineSpec,
    host::scheduling_of,
    interrupt::Interrupt,
    phase::{Load, Measured, Phase},
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

/// Longest time the engine may take to finish what it has read.
const PATIENCE: Duration = Duration::from_secs(15);

/// What all phases of a measurement share.
pub struct Rig<'a> {
    /// The program to start as engine and as echo.
    pub exe: &'a Path,
    /// Configuration of the engine.
    pub spec: &'a EngineSpec,
    /// Further settings of the engine, `key=value`.
    pub settings: &'a [String],
    /// Encoding of the bars.
    pub form: Form,
    /// Core of the generator; `None` if it is not pinned.
    pub core: Option<usize>,
    /// Cores to watch for hiccups.
    pub watched: &'a [usize],
    /// The server.
    pub server: &'a RedisServer,
    /// Folder for the files of the engine.
    pub dir: &'a TempDir,
    /// The clock of all latencies.
    pub clock: Clock,
    /// Stops a phase early.
    pub interrupt: &'a Interrupt,
}

impl Rig<'_> {
    /// Measures the echo under a load; `index` makes the names of its streams unique.
    ///
    /// # Errors
    /// The server or the echo is gone.
    pub fn echo(&self, index: usize, schedule: &Schedule) -> Result<Measured> {
        let [input, output] = ["in", "out"].map(|end| format!("{}echo_{index}_{end}", self.spec.prefix));
        let mut command = Command::new(self.exe);
        command.args(["bench", "echo", "--url", self.server.url(), "--from", &input, "--to", &output]);
        let mut child = Guarded::spawn("the echo", command.stdin(Stdio::null()))?;
        let mut load = Load::new(std::slice::from_ref(schedule), self.spec.base, self.form, &self.clock)?;
        let measured = self.phase([&input, &output], Reads::Bars, schedule, &[]).run(&mut load, || {
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

    /// Starts the engine as its own process, for these schedules.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start_engine(&self, schedules: &[Schedule]) -> Result<EngineRun<'_>> {
        let load = Load::new(schedules, self.spec.base, self.form, &self.clock)?;
        let styles = (0..self.spec.symbols).map(|symbol| self.spec.style(symbol)).collect();
        let child = Guarded::spawn("the engine", &mut self.engine_command()?)?;
        Ok(EngineRun { rig: self, child, load, styles })
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
        // The engine's own files go to the rig's folder.
        command.current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(File::create(self.dir.path().join("engine.txt"))?);
        command.stderr(File::create(self.dir.path().join("log"))?);
        Ok(command)
    }

    /// What the engine printed.
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
            base: self.spec.base,
            schedule,
            styles,
            core: self.core,
            watched: self.watched,
            clock: &self.clock,
        }
    }
}

/// An engine under test. It keeps running between phases, and waits for bars.
pub struct EngineRun<'a> {
    rig: &'a Rig<'a>,
    child: Guarded,
    load: Load,
    styles: Vec<TradingStyle>,
}

impl EngineRun<'_> {
    /// Measures the engine under a load, with a stall in the middle if one was asked for.
    ///
    /// # Errors
    /// The server or the engine is gone.
    pub fn measure(&mut self, schedule: &Schedule, stall: Option<Duration>) -> Result<Measured> {
        let Self { rig, child, load, styles } = self;
        let (input, output) = (rig.spec.input(), rig.spec.signals());
        let mut stall = Stall::new(stall, schedule);
        let mut measured = rig.phase([&input, &output], Reads::Signals, schedule, styles).run(load, || {
            rig.interrupt.check()?;
            stall.act(child)?;
            match child.ended() {
                Some(status) => bail!("the engine has ended: {status}: {}", rig.log()),
                None => Ok(()),
            }
        })?;
        // All of its threads still run here.
        measured.scheduling.extend(scheduling_of(child.id()).map(|text| ("engine", text)));
        Ok(measured)
    }

    /// Ends the engine. Then its report is in `engine.txt` and its histograms are in `histograms`.
    ///
    /// # Errors
    /// The engine does not exit cleanly.
    pub fn end(mut self) -> Result<()> {
        if !self.child.stop(PATIENCE)? {
            bail!("the engine did not end well: {}", self.rig.log());
        }
        Ok(())
    }
}
