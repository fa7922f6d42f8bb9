//! The state of the kernel's clock discipline. This one system call has no safe wrapper in rustix.
#![allow(unsafe_code)]

/// Whether the kernel's clock is synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelClock {
    /// Whether the time daemon reports that it is.
    pub synchronised: bool,
    /// Maximum error, µs; it grows while nothing synchronises the clock.
    pub max_error_us: i64,
    /// Estimated error, µs.
    pub estimated_error_us: i64,
}

/// Asks the kernel; `None` if it refuses.
#[must_use]
pub fn kernel_clock() -> Option<KernelClock> {
    // SAFETY: `timex` holds only integers, for which zero is a valid value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes within the struct. `modes` is 0, so that nothing is set and no right is needed.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    (state >= 0).then_some(KernelClock {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        max_error_us: timex.maxerror,
        estimated_error_us: timex.esterror,
    })
}
