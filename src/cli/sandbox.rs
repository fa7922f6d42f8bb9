//! What the process may not do from here on, where `engine.sandbox` asks for it: write outside of the directories that it
//! writes to, connect to other ports than those of its server, start programs, look into other processes, change the
//! system. Everything else is as before. Blocks for moments.
//!
//! Two means of Linux, both for the threads that are made later too: Landlock (files and ports) and a seccomp filter
//! (system calls). The filter lists what is refused rather than what is allowed: the kernel knows of the other calls that
//! it need not ask, so that each costs some 50 ns more.

use crate::config::{Config, SnapshotStore};
use anyhow::{Context, Result, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What Landlock is asked for: ports are known from its fourth version on, Linux 6.7.
const KNOWN: ABI = ABI::V4;
/// Names are looked up over TCP where an answer is too long for UDP.
const DNS_PORT: u16 = 53;
/// What an engine never calls: programs, other processes, the system.
const REFUSED: [libc::c_long; 34] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_setuid,
    libc::SYS_setgid,
];

/// Shuts the process in, where the configuration asks for it. `writes` are the directories of what else it writes. Call it
/// before there are other threads.
///
/// # Errors
/// A kernel that has not both means; a directory that cannot be made.
pub fn enter(config: &Config, port: Option<u16>, writes: &[PathBuf]) -> Result<()> {
    if !config.engine.sandbox {
        return Ok(());
    }
    let mut dirs = writes.to_vec();
    let state = Path::new(&config.state.dir);
    if config.input.feed.is_redis() && config.state.store == SnapshotStore::Directory && state != Path::new("") {
        fs::create_dir_all(state).with_context(|| format!("the state directory {}", state.display()))?;
        dirs.push(state.to_owned());
    }
    restrict(&dirs, port).context("engine.sandbox")?;
    refuse().context("engine.sandbox: the seccomp filter")
}

/// Whether the kernel has what the configuration asks for.
///
/// # Errors
/// A kernel without it.
pub fn available(config: &Config) -> Result<()> {
    if config.engine.sandbox { ruleset().map(drop).context("engine.sandbox") } else { Ok(()) }
}

/// The port of the server, where one is read.
pub fn port(config: &Config) -> Option<u16> {
    config.redis.url.address().ok().filter(|_| config.input.feed.is_redis())?.port()
}

/// Rules about files and ports, without any yet.
fn ruleset() -> Result<RulesetCreated> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::ConnectTcp)?
        .create()
        .context("this kernel has no Landlock, or one from before Linux 6.7; set engine.sandbox = false")
}

/// Files are read everywhere and written below these directories; connections go to these ports.
fn restrict(dirs: &[PathBuf], port: Option<u16>) -> Result<()> {
    let ports = port.into_iter().chain([DNS_PORT]).map(|port| Ok(NetPort::new(port, AccessNet::ConnectTcp)));
    let reads = AccessFs::from_read(KNOWN) & !AccessFs::Execute;
    let status = ruleset()?
        .add_rules(path_beneath_rules(["/"], reads))?
        .add_rules(path_beneath_rules(dirs, reads | AccessFs::from_write(KNOWN)))?
        .add_rules(ports.map(|rule: Result<_, landlock::RulesetError>| rule))?
        .restrict_self()?;
    if status.ruleset != RulesetStatus::FullyEnforced {
        bail!("this kernel enforces only a part of the rules; set engine.sandbox = false");
    }
    Ok(())
}

/// Refuses the system calls, with "operation not permitted".
fn refuse() -> Result<()> {
    let rules: BTreeMap<i64, Vec<_>> = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}
