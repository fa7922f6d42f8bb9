//! An eventfd without the system: a flag under a mutex, and a wait that only ringing ends.

use loom::sync::{Condvar, Mutex};
use std::{io, marker::PhantomData};

/// What else a thread waits for: nothing.
#[derive(Debug)]
pub struct Interests<'a>(PhantomData<&'a ()>);

#[derive(Debug)]
pub(super) struct Doorbell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Doorbell {
    pub fn new() -> io::Result<Self> {
        Ok(Self { rung: Mutex::new(false), changed: Condvar::new() })
    }

    pub fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }

    pub fn silence(&self) {
        *self.rung.lock().unwrap() = false;
    }

    pub fn interests(&self) -> Interests<'_> {
        Interests(PhantomData)
    }

    /// Waits for as long as it takes, whatever the timeout: no timeout is to mend a lost wake-up.
    pub fn wait(&self, _: &mut Interests<'_>, _timeout_ns: u64) -> bool {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.changed.wait(rung).unwrap();
        }
        true
    }
}
