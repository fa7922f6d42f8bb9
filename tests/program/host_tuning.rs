//! `perf/host/tune.sh` against a made-up machine: what it would change, what it changes, and that it restores
//! everything.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

const FILES: [(&str, &str); 14] = [
    ("sys/kernel/mm/transparent_hugepage/enabled", "always\n"),
    ("proc/sys/vm/swappiness", "60\n"),
    ("proc/sys/kernel/numa_balancing", "0\n"),
    ("proc/sys/kernel/sched_rt_runtime_us", "950000\n"),
    ("sys/devices/system/cpu/online", "0-39\n"),
    ("sys/devices/system/cpu/isolated", "\n"),
    ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n"),
    ("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/latency", "2\n"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/disable", "0\n"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state2/latency", "133\n"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state2/disable", "0\n"),
    ("proc/irq/default_smp_affinity", "ff,ffffffff\n"),
    ("sys/devices/virtual/workqueue/cpumask", "ff,ffffffff\n"),
];
const IRQS: [(&str, &str); 2] = [("proc/irq/40/smp_affinity_list", "0-39\n"), ("proc/irq/41/smp_affinity_list", "1\n")];

fn machine() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in FILES.iter().chain(&IRQS) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("perf/host/tune.sh")
}

fn tune(root: &Path, words: &str) -> String {
    let output = Command::new(script()).args(words.split(' ')).env("ROOT", root).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Every file below a directory, with its text.
fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(tree(&entry.path()));
        } else {
            files.insert(entry.path(), fs::read_to_string(entry.path()).unwrap());
        }
    }
    files
}

#[test]
fn a_dry_run_prints_all_changes_and_makes_none() {
    let machine = machine();
    let before = tree(machine.path());
    let text = tune(machine.path(), "apply --cores 2-6 --dry-run");
    for line in [
        "/sys/kernel/mm/transparent_hugepage/enabled: always → madvise",
        "/proc/sys/vm/swappiness: 60 → 1",
        "/proc/sys/kernel/sched_rt_runtime_us: 950000 → -1",
        "/cpu2/cpufreq/scaling_governor: powersave → performance",
        "/cpu2/cpuidle/state2/disable: 0 → 1",
        "/proc/irq/default_smp_affinity: ff,ffffffff → ff,ffffff83",
        "/proc/irq/40/smp_affinity_list: 0-39 → 0-1,7-39",
        "/workqueue/cpumask: ff,ffffffff → ff,ffffff83",
        "isolcpus=2-6 nohz_full=2-6 rcu_nocbs=2-6",
        "8 would change",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    for absent in ["numa_balancing", "cpu3", "state1", "irq/41"] {
        assert!(!text.contains(absent), "{absent} is as wanted\n{text}");
    }
    tune(machine.path(), "show --cores 2-6");
    assert_eq!(tree(machine.path()), before);
}

#[test]
fn changes_are_restored_exactly_even_if_applied_twice() {
    let machine = machine();
    let before = tree(machine.path());
    let text = tune(machine.path(), "apply --cores 2-6");
    assert!(text.contains("8 changed, saved in "), "{text}");
    let read = |path: &str| fs::read_to_string(machine.path().join(path)).unwrap();
    assert_eq!(read("proc/irq/40/smp_affinity_list"), "0-1,7-39\n");
    assert_eq!(read("sys/devices/system/cpu/cpu2/cpuidle/state2/disable"), "1\n");
    assert!(tune(machine.path(), "apply --cores 2-6").contains("0 changed"));
    fs::write(machine.path().join("proc/sys/vm/swappiness"), "10\n").unwrap();
    let text = tune(machine.path(), "revert");
    assert!(text.contains("swappiness: 10 → 60  (somebody has changed it since from 1)"), "{text}");
    assert_eq!(tree(machine.path()), before);
    assert!(tune(machine.path(), "revert").contains("nothing to revert"));
}

#[test]
fn without_root_it_refuses_with_a_message() {
    let bin = tempfile::tempdir().unwrap();
    let id = bin.path().join("id");
    fs::write(&id, "#!/bin/sh\necho 1000\n").unwrap();
    fs::set_permissions(&id, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let run = |words: &[&str]| -> Output {
        Command::new(script()).args(words).env_remove("ROOT").env("PATH", &path).output().unwrap()
    };
    for command in ["apply", "revert"] {
        let output = run(&[command]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("needs root"), "{error}");
    }
    assert_eq!(run(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn malformed_lists_and_taking_all_cores_are_refused() {
    let machine = machine();
    for cores in ["2..6", "0-39", "-1"] {
        let output =
            Command::new(script()).args(["show", "--cores", cores]).env("ROOT", machine.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{cores}");
    }
}
