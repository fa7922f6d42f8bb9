//! What the kernel's clock discipline says. The one system call here that has no safe wrapper in rustix.
#![allow(unsafe_code)]

/// Whether the kernel's clock is kept in step with the world's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelClock {
    /// Whether whoever keeps it says that it is.
    pub synchronised: bool,
    /// Furthest the clock may be off, µs; it grows while nobody keeps it.
    pub max_error_us: i64,
    /// How far it is thought to be off, µs.
    pub estimated_error_us: i64,
}

/// Asks the kernel; nothing where it refuses.
#[must_use]
pub fn kernel_clock() -> Option<KernelClock> {
    // SAFETY: `timex` is integers only, for which zeros are a value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes within the struct it is given; modes are 0, so nothing is set and no right is needed.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    (state >= 0).then_some(KernelClock {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        max_error_us: timex.maxerror,
        estimated_error_us: timex.esterror,
    })
}
