//! The kernel's figures on the calling thread. This one system call has no safe wrapper in rustix.
#![allow(unsafe_code)]

/// The kernel's figures on a thread since its start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ThreadUsage {
    /// Times that it gave up its core to wait.
    pub voluntary_switches: u64,
    /// Times that the system took the core from it.
    pub involuntary_switches: u64,
    /// Page faults served without a read.
    pub minor_faults: u64,
    /// Page faults that read from a disk.
    pub major_faults: u64,
    /// The core on which it runs.
    pub core: u64,
}

impl ThreadUsage {
    /// Asks the kernel, which takes less than a microsecond; zeros if it refuses.
    #[must_use]
    pub fn read() -> Self {
        // SAFETY: `rusage` holds only integers, for which zero is a valid value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes within the struct.
        let refused = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0;
        if refused {
            return Self::default();
        }
        Self {
            voluntary_switches: usage.ru_nvcsw.cast_unsigned(),
            involuntary_switches: usage.ru_nivcsw.cast_unsigned(),
            minor_faults: usage.ru_minflt.cast_unsigned(),
            major_faults: usage.ru_majflt.cast_unsigned(),
            core: rustix::thread::sched_getcpu() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_sleep_is_a_switch_and_fresh_memory_a_fault_of_this_thread_alone() {
        let before = ThreadUsage::read();
        std::thread::spawn(|| std::thread::sleep(Duration::from_millis(1))).join().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        let pages = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = ThreadUsage::read();
        assert!(after.voluntary_switches > before.voluntary_switches);
        // Pages of 4 KiB, or of 2 MiB if the system has them available.
        assert!(after.minor_faults >= before.minor_faults + pages.len() as u64 / (2 << 20) / 2);
    }
}
