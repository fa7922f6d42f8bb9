//! A child process that ends with its guard, or with this process.
#![allow(unsafe_code)] // between fork and exec: two system calls

use anyhow::{Context, Result};
use rustix::{
    io::Errno,
    process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal},
};
use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

/// A child process. Dropping this kills it; the kernel kills it when the thread that started it ends.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    name: &'static str,
}

impl Guarded {
    /// Starts the process.
    ///
    /// # Errors
    /// The program does not exist or cannot be run.
    pub fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        // In a process group of its own: Ctrl-C reaches the bench alone, which then ends the child.
        die_with_this_thread(command.process_group(0));
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// The process has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("{} is gone", self.name))
    }

    /// Whether the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends SIGTERM and waits; kills the process if it does not end within `patience`. Whether it exited with 0.
    ///
    /// # Errors
    /// The process had ended before the call.
    pub fn stop(&mut self, patience: Duration) -> Result<bool> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.ended() {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the kernel to kill the process when its parent dies, for example by `kill -9`.
fn die_with_this_thread(command: &mut Command) {
    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // If the parent has died already, the kernel sends no signal any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: two system calls after the fork, which neither allocate nor take a lock.
    unsafe { command.pre_exec(ask) };
}
