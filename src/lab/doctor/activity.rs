//! Activity counters of the cores, as the kernel keeps them; the difference of two readings is the activity in between.

use crate::lab::{Cpus, Sysfs};
use std::collections::BTreeMap;

/// One reading of the counters.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// By core: time in all states and time stolen by the hypervisor, ticks; `None` if it cannot be read.
    pub(super) times: Option<BTreeMap<usize, (u64, u64)>>,
    /// By device interrupt: its name, and its count by core; `None` if it cannot be read.
    pub(super) interrupts: Option<BTreeMap<u32, Interrupt>>,
}

/// The line of one device in `/proc/interrupts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interrupt {
    /// Name of the device.
    pub name: String,
    /// Number of interrupts by core.
    pub counts: BTreeMap<usize, u64>,
}

impl Activity {
    /// Reads the counters.
    #[must_use]
    pub fn read(sys: &Sysfs) -> Self {
        Self {
            times: sys.read("/proc/stat").map(|text| times(&text)).filter(|times| !times.is_empty()),
            interrupts: sys.read("/proc/interrupts").and_then(|text| interrupts(&text)),
        }
    }

    /// Share of the cores' time that the hypervisor took since an earlier reading, or since boot if no time has passed
    /// in between; with a text that says which of the two.
    pub fn steal(&self, earlier: &Self, cores: &Cpus) -> Option<(f64, bool)> {
        let sum = |reading: &Self| {
            let times = reading.times.as_ref()?;
            let of = cores.iter().map(|core| times.get(&core)).collect::<Option<Vec<_>>>()?;
            Some(of.iter().fold((0, 0), |sum, time| (sum.0 + time.0, sum.1 + time.1)))
        };
        let ((all, stolen), (all_before, stolen_before)) = (sum(self)?, sum(earlier)?);
        let fresh = all.saturating_sub(all_before);
        if fresh > 0 {
            return Some((stolen.saturating_sub(stolen_before) as f64 / fresh as f64, true));
        }
        (all > 0).then(|| (stolen as f64 / all as f64, false))
    }
}

/// The `cpuN` lines: user nice system idle iowait irq softirq steal. User time includes guest time.
fn times(stat: &str) -> BTreeMap<usize, (u64, u64)> {
    let line = |line: &str| {
        let (head, rest) = line.split_once(' ')?;
        let core = head.strip_prefix("cpu")?.parse().ok()?;
        let ticks = rest.split_whitespace().take(8).map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
        Some((core, (ticks.iter().sum(), *ticks.get(7)?)))
    };
    stat.lines().filter_map(line).collect()
}

/// The lines of devices, which have numbers. Those with letters are interrupts of the kernel itself.
fn interrupts(text: &str) -> Option<BTreeMap<u32, Interrupt>> {
    let mut lines = text.lines();
    let heads = lines.next()?.split_whitespace().map(|head| head.strip_prefix("CPU")?.parse().ok());
    let cores = heads.collect::<Option<Vec<usize>>>()?;
    let line = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        let number = number.trim().parse().ok()?;
        let mut words = rest.split_whitespace();
        let counts = cores.iter().map_while(|&core| Some((core, words.next()?.parse().ok()?))).collect();
        Some((number, Interrupt { name: words.next_back().unwrap_or_default().to_owned(), counts }))
    };
    Some(lines.filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_that_between_the_readings_or_else_since_boot() {
        let reading = |text| Activity { times: Some(times(text)), interrupts: None };
        let before = reading("cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 10 70 0 0 0 10 3 0\ncpu1 50 0 0 50 0 0 0 0 0 0");
        let after = reading("cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 60 0 10 70 0 0 0 60 3 0\ncpu1 50 0 0 50 0 0 0 0 0 0");
        assert_eq!(after.steal(&before, &Cpus::from_iter([0])), Some((0.5, true)));
        assert_eq!(before.steal(&before, &Cpus::from_iter([0])), Some((0.1, false)));
        assert_eq!(after.steal(&before, &Cpus::from_iter([7])), None);
        assert_eq!(Activity::default().steal(&before, &Cpus::from_iter([0])), None);
    }

    #[test]
    fn device_interrupts_are_read_by_core() {
        let text = "           CPU0       CPU2\n 24:          1          7  IO-APIC   5-edge      ACPI:Ged\nLOC:  5 6  Local timer\nERR: 0\n";
        let read = interrupts(text).unwrap();
        let expected = Interrupt { name: "ACPI:Ged".to_owned(), counts: [(0, 1), (2, 7)].into() };
        assert_eq!(read, [(24, expected)].into());
        assert_eq!(interrupts("nonsense"), None);
    }
}
