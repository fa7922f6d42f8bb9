//! Made-up machines: tuned, untuned, and a container that shows nothing.

use super::{
    Activity, ClockProbe, CpuPlan, ExaminedHost, Finding, Judgement, KernelClock, Probes, Style, render, to_json,
};
use crate::{
    config::{Config, Layer},
    lab::Sysfs,
};
use std::fs;
use tempfile::TempDir;

/// A tree of system files.
struct Machine(TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, text)| machine.put(path, text));
        machine
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn sys(&self) -> Sysfs {
        Sysfs::at(self.0.path())
    }

    fn examine(&self, config: &Config, probes: &Probes) -> Vec<Finding> {
        let sys = self.sys();
        let plan = CpuPlan::new(config, ExaminedHost::allowed(&sys));
        ExaminedHost { sys: &sys, plan: &plan }.examine(probes)
    }

    fn probes(&self) -> Probes {
        let reading = Activity::read(&self.sys());
        Probes { before: reading.clone(), after: reading, ..Probes::default() }
    }
}

/// The cores of `config/low-latency.toml`: 2 to 6, spinning.
fn low_latency() -> Config {
    let bytes = include_bytes!("../../../config/low-latency.toml").to_vec();
    Config::load_offline(&[Layer::File { name: "low-latency.toml".to_owned(), bytes }]).unwrap().config
}

fn find<'a>(items: &'a [Finding], name: &str) -> &'a Finding {
    items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("no item {name}"))
}

#[track_caller]
fn expect(items: &[Finding], name: &str, verdict: Judgement, current: &str) {
    let item = find(items, name);
    assert_eq!((item.verdict, item.current.as_str()), (verdict, current), "{name}");
}

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units\n\
    Max locked memory         unlimited            unlimited            bytes\n\
    Max realtime priority     50                   50\n";

fn tuned() -> Machine {
    let machine = Machine::new(&[
        ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm\n"),
        ("/proc/self/status", "Name:\tdoctor\nCpus_allowed_list:\t0-7\nCapEff:\t0000000000000000\n"),
        (
            "/proc/self/stat",
            "7 (doctor) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 2 0 0 0 0",
        ),
        ("/proc/self/limits", LIMITS),
        ("/proc/self/cgroup", "0::/system.slice/wagehood-engine.service\n"),
        ("/sys/fs/cgroup/system.slice/wagehood-engine.service/cpu.max", "max 100000\n"),
        ("/sys/devices/system/cpu/online", "0-7\n"),
        ("/sys/devices/system/cpu/possible", "0-7\n"),
        ("/sys/devices/system/cpu/isolated", "2-7\n"),
        ("/sys/devices/system/cpu/nohz_full", "2-7\n"),
        ("/sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n"),
        ("/proc/cmdline", "quiet isolcpus=2-7 nohz_full=2-7 rcu_nocbs=2-N\n"),
        (
            "/proc/interrupts",
            "      CPU0 CPU1 CPU2 CPU3 CPU4 CPU5 CPU6 CPU7\n 40: 9 9 0 0 0 0 0 0 PCI-MSI 1-edge nvme0q1\nLOC: 9 9 1 1 1 1 1 1 Local timer\n",
        ),
        ("/proc/irq/40/smp_affinity_list", "0-1\n"),
        ("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"),
        ("/proc/2/status", "Cpus_allowed_list:\t0-1\n"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("/proc/swaps", "Filename Type Size Used Priority\n"),
        ("/sys/devices/system/node/node0/cpulist", "0-7\n"),
        ("/proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
        (
            "/proc/stat",
            "cpu 9 9\ncpu2 10 0 0 990 0 0 0 0 0 0\ncpu3 10 0 0 990 0 0 0 0 0 0\ncpu4 10 0 0 990 0 0 0 0 0 0\ncpu5 10 0 0 990 0 0 0 0 0 0\ncpu6 10 0 0 990 0 0 0 1 0 0\n",
        ),
    ]);
    for core in 0..8 {
        machine.put(
            &format!("/proc/{}/stat", 30 + core),
            &format!("{} (migration/{core}) S 2 0 0 0 -1 69238848 0 0", 30 + core),
        );
        machine.put(&format!("/proc/{}/status", 30 + core), &format!("Cpus_allowed_list:\t{core}\n"));
        machine.put(&format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"), &format!("{core}\n"));
        machine.put(&format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"), "performance\n");
    }
    machine
}

fn probed(machine: &Machine) -> Probes {
    let kernel = Some(KernelClock { synchronised: true, max_error_us: 9_000, estimated_error_us: 40 });
    Probes { clock: ClockProbe { read_ns: Some(21.0), system_read_ns: Some(30.0), kernel }, ..machine.probes() }
}

#[test]
fn a_tuned_machine_passes_in_everything_that_files_tell() {
    let machine = tuned();
    let items = machine.examine(&low_latency(), &probed(&machine));
    let others: Vec<&Finding> = items.iter().filter(|item| item.verdict != Judgement::Pass).collect();
    let names: Vec<&str> = others.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["hiccups", "server", "state directory"], "{others:#?}");
    assert!(others.iter().all(|item| item.verdict == Judgement::Unknown), "what was not measured is unknown");
    expect(&items, "exist", Judgement::Pass, "pinned: 2-6");
    expect(&items, "kernel threads", Judgement::Pass, "5 bound");
    expect(&items, "steal", Judgement::Pass, "0.02% since boot");
    assert!(items.iter().all(|item| item.verdict != Judgement::Pass || item.fix.is_empty()));
}

#[test]
fn each_thing_that_is_wrong_is_found() {
    let machine = tuned();
    for (path, text) in [
        ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
        ("/proc/self/status", "Cpus_allowed_list:\t0-5\nCapEff:\t0000000000000000\n"),
        ("/proc/self/limits", "Max locked memory         8388608 8388608 bytes\nMax realtime priority     0 0\n"),
        (
            "/proc/self/stat",
            "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 25 5 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 2 0 0 0 0",
        ),
        ("/sys/fs/cgroup/system.slice/cpu.max", "150000 100000"),
        ("/sys/devices/system/cpu/online", "0-4"),
        ("/sys/devices/system/cpu/isolated", "2-4"),
        ("/sys/devices/system/cpu/nohz_full", "(null)"),
        ("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3"),
        ("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3"),
        ("/sys/devices/system/cpu/cpu4/cpufreq/scaling_governor", "powersave"),
        ("/proc/cmdline", "quiet rcu_nocbs=2"),
        ("/proc/irq/40/smp_affinity_list", "0-7"),
        ("/proc/40/stat", "40 (kworker/u8:1) S 2 0 0 0 -1 69238880 0 0"),
        ("/proc/40/status", "Cpus_allowed_list:\t0-7"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
        ("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 8388604 0 -2"),
        ("/proc/sys/vm/swappiness", "60"),
        ("/sys/devices/system/node/node0/cpulist", "0-3"),
        ("/sys/devices/system/node/node1/cpulist", "4-7"),
        ("/proc/sys/kernel/sched_rt_runtime_us", "950000"),
        ("/proc/sys/kernel/sched_rt_period_us", "1000000"),
    ] {
        machine.put(path, text);
    }
    let mut probes = probed(&machine);
    probes.clock.read_ns = Some(900.0);
    probes.clock.kernel = Some(KernelClock { synchronised: false, max_error_us: 16_000_000, estimated_error_us: 0 });
    let items = machine.examine(&low_latency(), &probes);
    let (warn, fail) = (Judgement::Warn, Judgement::Fail);
    expect(&items, "clock source", fail, "hpet");
    expect(&items, "clock read", fail, "900 ns, system clock 30 ns");
    expect(&items, "synchronised", warn, "no");
    expect(&items, "exist", fail, "5-6 not online (online: 0-4)");
    expect(&items, "allowed", fail, "6 outside the mask 0-5");
    expect(&items, "SMT siblings", warn, "agents on both threads of one core: 2-3");
    expect(&items, "cgroup quota", fail, "1.50 cores for 5 threads, in /system.slice");
    expect(&items, "governor", warn, "powersave on 4");
    expect(&items, "isolcpus", warn, "2-4; not 5-6");
    expect(&items, "nohz_full", warn, "none");
    expect(&items, "rcu_nocbs", warn, "2; not 3-6");
    expect(&items, "IRQs", warn, "1 of 1 go there; 0 came during the test");
    expect(&items, "kernel threads", warn, "1 may come (such as kworker/u8:1), 5 bound");
    expect(&items, "huge pages", warn, "always");
    expect(&items, "swap", warn, "1 swap areas, swappiness 60");
    expect(&items, "NUMA", warn, "2-3 on node0, 4-6 on node1");
    expect(&items, "memlock limit", warn, "8.00 MiB");
    expect(&items, "RT limit", warn, "0");
    expect(&items, "RT throttling", warn, "950000 of each 1000000 µs");
    expect(&items, "policy", warn, "other, nice 5");
    assert!(
        items
            .iter()
            .all(|item| item.verdict == Judgement::Pass || item.verdict == Judgement::Unknown || !item.fix.is_empty())
    );
}

#[test]
fn nothing_passes_that_cannot_be_read() {
    let nothing = Machine::new(&[]);
    for config in [Config::default(), low_latency()] {
        let items = nothing.examine(&config, &nothing.probes());
        for item in &items {
            // These items depend on the configuration alone.
            let told = ["shared", "C-states"].contains(&item.name.as_str()) && config.engine.pin;
            assert!(item.verdict == Judgement::Unknown || told, "{item:?}");
        }
    }
}

#[test]
fn an_ordinary_container_is_told_what_is_not_to_be_seen_from_inside() {
    let machine = Machine::new(&[
        ("/proc/self/status", "Cpus_allowed_list:\t0-3\n"),
        ("/proc/self/cgroup", "0::/\n"),
        ("/sys/fs/cgroup/cpu.max", "200000 100000\n"),
        ("/proc/1/stat", "1 (sh) S 0 1 1 0 -1 4194560 0 0"),
        ("/proc/interrupts", "      CPU0 CPU1 CPU2 CPU3\n 40: 9 9 0 0 PCI-MSI 1-edge nvme0q1\n"),
        ("/sys/devices/system/cpu/cpuidle/current_driver", "haltpoll"),
        ("/sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "1"),
        ("/sys/devices/system/cpu/online", "0-3"),
    ]);
    let items = machine.examine(&Config::default(), &machine.probes());
    expect(&items, "cgroup quota", Judgement::Warn, "2.00 cores for 1 threads, in /");
    expect(
        &items,
        "kernel threads",
        Judgement::Unknown,
        "no kernel thread of 0-3 is to be seen from here: a container",
    );
    expect(&items, "IRQs", Judgement::Unknown, "the masks of 1 of 1 cannot be read; none came during the test");
    expect(&items, "shared", Judgement::Warn, "1 thread not pinned to any core");
    assert_eq!(find(&items, "C-states").verdict, Judgement::Unknown);
    assert_eq!(find(&items, "nohz_full").verdict, Judgement::Unknown, "without the command line nothing is known");
}

#[test]
fn threads_on_one_core_fail_where_they_spin_and_deep_sleep_is_found() {
    let machine = tuned();
    machine.put("/sys/devices/system/cpu/cpu4/cpuidle/state3/latency", "133");
    machine.put("/sys/devices/system/cpu/cpu4/cpuidle/state3/name", "C6");
    let mut config = low_latency();
    config.engine.cores.workers = vec![4, 4];
    let items = machine.examine(&config, &machine.probes());
    expect(&items, "shared", Judgement::Fail, "core 4: worker 0, worker 1");
    config.engine.idle = crate::config::Idle::Backoff;
    let items = machine.examine(&config, &machine.probes());
    expect(&items, "shared", Judgement::Warn, "core 4: worker 0, worker 1");
    expect(&items, "C-states", Judgement::Warn, "C6 takes 133 µs to leave, core 4 (driver intel_idle)");
    machine.put("/sys/devices/system/cpu/cpu4/cpuidle/state3/disable", "1");
    let items = machine.examine(&config, &machine.probes());
    assert_eq!(find(&items, "C-states").verdict, Judgement::Unknown, "the other cores say nothing");
}

#[test]
fn the_older_groups_are_followed_too() {
    let machine = tuned();
    machine.put("/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/a/b\n0::/\n");
    machine.put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000");
    machine.put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000");
    let items = machine.examine(&low_latency(), &machine.probes());
    expect(&items, "cgroup quota", Judgement::Fail, "0.50 cores for 5 threads, in /a");
    machine.put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1");
    let items = machine.examine(&low_latency(), &machine.probes());
    expect(&items, "cgroup quota", Judgement::Pass, "none");
}

#[test]
fn lines_keep_to_their_width_and_programs_get_every_field() {
    let machine = tuned();
    machine.put("/sys/devices/system/cpu/isolated", "");
    let items = machine.examine(&Config::default(), &machine.probes());
    for colour in [false, true] {
        let mut out = Vec::new();
        render(&items, Style { colour, width: 100 }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.contains('\x1b'), colour);
        if !colour {
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= 100, "{longest} columns\n{text}");
            assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
            assert!(
                text.contains("  WARN    isolcpus           none; no thread is kept on a core → the agents' cores\n")
            );
        }
    }
    let json = to_json(&items);
    let first = json.as_array().unwrap()[0].as_object().unwrap();
    let keys: Vec<&String> = first.keys().collect();
    assert_eq!(keys, ["section", "item", "verdict", "current", "wanted", "why", "fix"]);
    assert_eq!((first["section"].as_str(), first["verdict"].as_str()), (Some("time"), Some("PASS")));
}
