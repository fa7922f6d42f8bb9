//! A bench that is told to end: Ctrl-C or SIGTERM, looked at wherever a bench waits.
//!
//! A bench so returns as it does from any other error, and its guards end what was started and remove its folders.

use anyhow::Result;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// The request to end, shared by everybody who waits. That of the default is never made.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Raised by Ctrl-C and SIGTERM; a second one ends the process at once.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub fn on_signals() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and only raises it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupt.raised))?;
            flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize)?;
            flag::register(signal, Arc::clone(&interrupt.raised))?;
        }
        Ok(interrupt)
    }

    /// Goes on where nobody has asked for the end.
    ///
    /// # Errors
    /// [`Interrupted`], once somebody has.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.raised.load(Ordering::Acquire) {
            return Err(Interrupted { signal: self.signal.load(Ordering::Acquire) });
        }
        Ok(())
    }

    /// The result, or that it was interrupted: what fails then, fails for that.
    ///
    /// # Errors
    /// The result's, or [`Interrupted`].
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(error) => Err(self.check().err().map_or(error, anyhow::Error::from)),
            good => good,
        }
    }
}

/// A bench was told to end before it had results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by {}: all processes of the bench have been ended; there are no results", self.name())]
pub struct Interrupted {
    signal: usize,
}

impl Interrupted {
    /// The exit code of a program that a signal ends, as shells have it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        u8::try_from(128 + self.signal).unwrap_or(u8::MAX)
    }

    fn name(self) -> String {
        match i32::try_from(self.signal) {
            Ok(SIGINT) => "Ctrl-C".to_owned(),
            Ok(SIGTERM) => "SIGTERM".to_owned(),
            _ => format!("signal {}", self.signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_after_an_interruption_fails_for_it() {
        let interrupt = Interrupt::default();
        let fail = || -> Result<()> { anyhow::bail!("the server is gone") };
        assert_eq!(interrupt.explain(fail()).unwrap_err().to_string(), "the server is gone");
        assert!(interrupt.check().is_ok());
        interrupt.signal.store(15, Ordering::Release);
        interrupt.raised.store(true, Ordering::Release);
        let error = interrupt.explain(fail()).unwrap_err();
        assert!(error.to_string().contains("interrupted by SIGTERM"), "{error}");
        assert_eq!(error.downcast_ref::<Interrupted>().map(|it| it.exit_code()), Some(143));
        assert!(interrupt.explain(Ok(())).is_ok(), "what is done is done");
    }
}
