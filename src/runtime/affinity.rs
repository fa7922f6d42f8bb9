//! Cores: which exist, which one a thread runs on, and how to pin it. System calls, at start only.

/// Why a thread was not pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The core does not exist or is not this process's to use.
    #[error("core {core} is not available, only {available:?} are")]
    NotAvailable {
        /// The core asked for.
        core: usize,
        /// The cores that the calling thread may use.
        available: Vec<usize>,
    },
    /// The system refused.
    #[error("the system refused to pin to core {core}")]
    Refused {
        /// The core asked for.
        core: usize,
    },
    /// The system agreed, but the mask read back differs.
    #[error("asked for core {core}, but the mask is {mask:?}")]
    NotEffective {
        /// The core asked for.
        core: usize,
        /// The cores of the mask read back.
        mask: Vec<usize>,
    },
}

/// Cores that the calling thread may use, ascending; those of the process if the thread was not pinned yet.
///
/// Reads the thread's mask: call this once, on the thread that starts the others, before it pins itself.
#[must_use]
pub fn available_cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

/// Core on which the calling thread runs now.
#[must_use]
pub fn current_core() -> usize {
    rustix::thread::sched_getcpu()
}

/// Cores in the calling thread's mask, as the kernel has it; empty if it cannot be read.
#[must_use]
pub fn current_mask() -> Vec<usize> {
    let Ok(mask) = rustix::thread::sched_getaffinity(None) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| mask.is_set(core)).collect()
}

/// Pins the calling thread to one core, and reads the mask back to check it.
///
/// # Errors
/// The core is not in the thread's mask, or the mask afterwards is not that core alone.
pub fn pin_current_thread(core: usize) -> Result<(), PinError> {
    let available = current_mask();
    if !available.contains(&core) {
        return Err(PinError::NotAvailable { core, available });
    }
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        return Err(PinError::Refused { core });
    }
    let mask = current_mask();
    if mask == [core] { Ok(()) } else { Err(PinError::NotEffective { core, mask }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_to_each_core_and_refuses_others() {
        let cores = available_cores();
        assert!(!cores.is_empty());
        assert_eq!(cores, current_mask());
        for core in cores {
            std::thread::spawn(move || {
                assert_eq!(pin_current_thread(core), Ok(()));
                assert_eq!((current_core(), current_mask()), (core, vec![core]));
            })
            .join()
            .unwrap();
        }
        assert!(matches!(pin_current_thread(1_023), Err(PinError::NotAvailable { core: 1_023, .. })));
    }
}
