//! Ctrl-C or SIGTERM during a bench. Every wait of a bench checks for it.
//!
//! An interrupted bench returns as from any other error, so that its guards end the processes and remove the folders.

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

/// A request to stop, shared by all who wait. The default value is never interrupted.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Set by Ctrl-C and SIGTERM; a second signal ends the process at once.
    ///
    /// # Errors
    /// The system does not accept the handler.
    pub fn on_signals() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal finds the flag unset, and only sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupt.raised))?;
            flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize)?;
            flag::register(signal, Arc::clone(&interrupt.raised))?;
        }
        Ok(interrupt)
    }

    /// Returns `Ok` unless a stop was requested.
    ///
    /// # Errors
    /// [`Interrupted`] if a stop was requested.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.raised.load(Ordering::Acquire) {
            return Err(Interrupted { signal: self.signal.load(Ordering::Acquire) });
        }
        Ok(())
    }

    /// The result, or [`Interrupted`] if a stop was requested: an error after that is a consequence of it.
    ///
    /// # Errors
    /// That of the result, or [`Interrupted`].
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(error) => Err(self.check().err().map_or(error, anyhow::Error::from)),
            good => good,
        }
    }
}

/// The bench was stopped before it had results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by {}: all processes of the bench have been ended; there are no results", self.name())]
pub struct Interrupted {
    signal: usize,
}

impl Interrupted {
    /// Exit code of a program that a signal ended, by the shells' convention.
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
