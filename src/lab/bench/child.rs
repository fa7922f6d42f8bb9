//! A process of ours that outlives neither its guard nor this process.
#![allow(unsafe_code)] // what is done between fork and exec

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

/// A child process, killed when dropped, and by the kernel when the thread that has started it is gone.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    name: &'static str,
}

impl Guarded {
    /// Starts it.
    ///
    /// # Errors
    /// A program that is not there.
    pub fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        // A group of its own: Ctrl-C is for the bench, which ends it.
        die_with_this_thread(command.process_group(0));
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("{} is gone", self.name))
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end and waits; kills it where it does not within `patience`. Whether it ended well.
    ///
    /// # Errors
    /// Where it was gone already.
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

/// Has the kernel kill the process where nobody is left to do it, as after a kill -9.
fn die_with_this_thread(command: &mut Command) {
    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Where the parent is gone already, nobody will be told.
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: two system calls after the fork, which allocate nothing and take no lock.
    unsafe { command.pre_exec(ask) };
}
