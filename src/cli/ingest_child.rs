//! The ingestion as a child of `run`: started again where it fails, ended with the engine.

use super::{args::RunArgs, note::note, secrets};
use crate::config::{Config, Feed, Holds, Layer, Override, StreamClock, StreamConfig};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Time between two looks at the child.
const LOOK: Duration = Duration::from_millis(50);
/// Pauses before it is started again.
const PAUSES: [u64; 5] = [1, 2, 5, 10, 30];
/// One that has lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(60);

/// What `--feed` asks for.
pub fn over(provider: &str, layers: &mut Vec<Layer>) {
    layers.push(Layer::Override(Override::new("input.feed", Feed::Ingest.name())));
    layers.push(Layer::Override(Override::new("ingest.provider", provider)));
}

/// The child and the thread that looks after it. Dropping it ends both.
#[derive(Debug)]
pub struct IngestChild {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The configuration of an engine whose streams such a child fills: they have heartbeats.
pub fn with_heartbeats(config: &Config) -> Config {
    let mut config = config.clone();
    if config.input.feed == Feed::Ingest {
        let written = |stream: &&mut StreamConfig| {
            stream.holds == Holds::Bars && Some(stream.timeframe) == config.ingest.timeframe
        };
        config.input.streams.iter_mut().filter(written).for_each(|stream| stream.clock = StreamClock::Heartbeat);
    }
    config
}

/// Whether the configuration lets the ingestion start, if the feed is one.
///
/// # Errors
/// Why it does not.
pub fn allowed(config: &Config) -> Result<()> {
    if config.input.feed != Feed::Ingest {
        return Ok(());
    }
    if config.ingest.provider.is_empty() {
        bail!("input.feed is \"ingest\": from which provider? set ingest.provider, or write --feed PROVIDER");
    }
    if config.engine.sandbox {
        bail!(
            "engine.sandbox lets the engine start no other program: run `wagehood-engine ingest` beside it, with input.feed = \"redis\""
        );
    }
    Ok(())
}

/// Starts the ingestion, if the feed is one.
///
/// # Errors
/// It cannot be started.
pub fn start(args: &RunArgs, config: &Config) -> Result<Option<IngestChild>> {
    if config.input.feed != Feed::Ingest {
        return Ok(None);
    }
    allowed(config)?;
    let mut first = command(args, config)?;
    let child = spawn(&mut first)?;
    let (stop, quiet) = (Arc::new(AtomicBool::new(false)), args.common.quiet);
    let (shared, patience) = (Arc::clone(&stop), Duration::from_secs(config.engine.shutdown_s));
    let thread = std::thread::Builder::new().name("ingest".to_owned());
    let thread = thread.spawn(move || look_after(child, first, &shared, patience, quiet))?;
    Ok(Some(IngestChild { stop, thread: Some(thread) }))
}

/// The command of the child: as this one was called, without a password on its line.
fn command(args: &RunArgs, config: &Config) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path")?);
    command.args(["ingest", "--provider", &config.ingest.provider, "--child-of", &std::process::id().to_string()]);
    if let Some(file) = &args.config {
        command.arg("--config").arg(file);
    }
    args.common.set.iter().for_each(|set| _ = command.args(["--set", set]));
    if let Some(symbols) = &args.symbols {
        command.args(["--symbols", symbols]);
    }
    if args.common.quiet {
        command.arg("--quiet");
    }
    let address = secrets::address(&config.redis)?;
    if let Some(password) = address.account().password() {
        command.env(secrets::VARIABLE, password);
    }
    if args.redis.is_some() {
        // Told without its password, which is in the environment.
        command.arg("--redis").arg(without_password(&address.to_string()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

/// An address as it is printed, as one that can be read again.
fn without_password(printed: &str) -> String {
    printed.replace(":***", "").replace("://@", "://").trim_end_matches("&user=").to_owned()
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().context("cannot start the ingestion")
}

fn look_after(child: Child, mut command: Command, stop: &AtomicBool, patience: Duration, quiet: bool) {
    let (mut child, mut failed, mut since) = (Some(child), 0, Instant::now());
    let mut again = None;
    while !stop.load(Ordering::Relaxed) {
        if let Some(running) = &mut child
            && let Ok(Some(status)) = running.try_wait()
        {
            child = None;
            if status.success() {
                return;
            }
            failed = if since.elapsed() > GOOD { 0 } else { failed + 1 };
            let pause = PAUSES[failed.min(PAUSES.len() - 1)];
            if !quiet {
                note(&format!("warning: the ingestion has ended ({status}): starting it again in {pause} s"));
            }
            again = Some(Instant::now() + Duration::from_secs(pause));
        }
        if again.is_some_and(|at| Instant::now() >= at) {
            (again, since) = (None, Instant::now());
            match spawn(&mut command) {
                Ok(started) => child = Some(started),
                Err(error) => {
                    note(&format!("warning: {error:#}"));
                    again = Some(Instant::now() + Duration::from_secs(PAUSES[PAUSES.len() - 1]));
                }
            }
        }
        std::thread::sleep(LOOK);
    }
    if let Some(child) = &mut child {
        end(child, patience);
    }
}

/// Ends it as an operator does, or at last as the kernel does.
fn end(child: &mut Child, patience: Duration) {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        std::thread::sleep(LOOK / 5);
    }
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for IngestChild {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_io::Address;

    #[test]
    fn the_child_is_told_the_address_without_its_password() {
        for url in [
            "redis://:pw@h:1/2",
            "rediss://u:pw@h:1/0",
            "redis://h:1/0",
            "redis+unix:///s?db=1&pass=pw",
            "unix:///s?user=u&pass=pw",
        ] {
            let address: Address = url.parse().unwrap();
            let told = without_password(&address.to_string());
            let read: Address = told.parse().unwrap_or_else(|error| panic!("{url}: {told}: {error}"));
            assert!(!told.contains("pw"), "{told}");
            let read = if address.account().password().is_some() { read.with_password("pw") } else { read };
            assert_eq!(read.to_string(), address.to_string(), "{url}: {told}");
        }
    }
}
