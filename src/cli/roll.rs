//! The engines of one process, for a service manager that knows only the process: it is ready when all of them are, and
//! alive while each of them comes round. Without several engines everything counts at once.
#![allow(clippy::disallowed_types, reason = "for threads that look after engines, off the hot path")]

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Who is expected, and who has said what since all of them last had.
#[derive(Debug)]
struct Roll {
    expected: BTreeSet<usize>,
    ready: BTreeSet<usize>,
    alive: BTreeSet<usize>,
}

static ROLL: Mutex<Roll> = Mutex::new(Roll::new());

thread_local! {
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

fn roll() -> MutexGuard<'static, Roll> {
    ROLL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Roll {
    const fn new() -> Self {
        Self { expected: BTreeSet::new(), ready: BTreeSet::new(), alive: BTreeSet::new() }
    }

    fn ready(&mut self, own: usize) -> bool {
        self.ready.insert(own);
        self.ready.is_superset(&self.expected)
    }

    fn alive(&mut self, own: usize) -> bool {
        self.alive.insert(own);
        let all = self.alive.is_superset(&self.expected);
        if all {
            self.alive.clear();
        }
        all
    }
}

/// Expects these engines.
pub(super) fn expect(engines: impl IntoIterator<Item = usize>) {
    roll().expected.extend(engines);
}

/// This thread looks after this engine.
pub(super) fn enter(engine: usize) {
    OWN.set(Some(engine));
}

/// The engine of this thread has ended: nobody waits for it.
pub(super) fn leave() {
    if let Some(own) = OWN.take() {
        roll().expected.remove(&own);
    }
}

/// The engine of this thread is ready; whether all are.
pub(super) fn ready() -> bool {
    OWN.get().is_none_or(|own| roll().ready(own))
}

/// The engine of this thread is alive; whether all are, since it was last so.
pub(super) fn alive() -> bool {
    OWN.get().is_none_or(|own| roll().alive(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_count() {
        let mut roll = Roll { expected: [1, 2].into(), ..Roll::new() };
        assert_eq!([roll.ready(1), roll.ready(1), roll.ready(2), roll.ready(1)], [false, false, true, true]);
        assert_eq!([roll.alive(1), roll.alive(1), roll.alive(2)], [false, false, true]);
        assert_eq!([roll.alive(2), roll.alive(2), roll.alive(1)], [false, false, true]);
        roll.expected.remove(&1);
        assert!(roll.alive(2));
        assert!(ready() && alive(), "a lone engine");
    }
}
