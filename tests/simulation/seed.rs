//! One seed from end to end: a run with its faults, one without on the same input, and the verdict.

use crate::{
    market::Market,
    outcome::Outcome,
    plan::{CHANGED, Fault, Plan},
    server::Planted,
    sim::{Sim, Stuck},
};
use std::{
    any::Any,
    mem::take,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// What has come of a seed.
#[derive(Debug, Default)]
pub struct Seen {
    pub failure: Option<String>,
    /// Whether something is missing, and the engine has said so.
    pub is_named: bool,
    /// What has happened, and when, ns.
    pub trace: Vec<(u64, String)>,
    pub entries: usize,
    pub signals: usize,
    pub faults: usize,
}

/// Words by which an engine says that something is not as it would have been.
const NAMED: [&str; 7] = [
    "does not count the entries",
    "lost: ",
    "history=incomplete",
    "is incomplete",
    "accepted: ",
    "gone back to an older state",
    "has vanished",
];

/// Words by which an engine says that a stream that it had read is read once more.
const READ_AGAIN: &str = "is read as new, from input.start on";

/// Where snapshots go: memory, where the system has such a directory.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?").to_owned()
}

pub fn run(seed: u64, planted: Planted) -> Seen {
    let market = Market::new(seed);
    let plan = Plan::new(seed, &market);
    let dirs = [scratch(), scratch()];
    let sim = Sim::new(&plan, &market, market.feed.clone(), true, planted, dirs[0].path());
    let ended = catch_unwind(AssertUnwindSafe(|| sim.run()));
    let (found, log, trace) = {
        let mut world = sim.world.get();
        (Outcome::of(&world.server.data), take(&mut world.log), take(&mut world.server.trace))
    };
    let mut seen = Seen { trace, entries: log.len(), faults: plan.faults.len(), ..Seen::default() };
    seen.failure = match ended {
        Ok(Ok(())) => None,
        Ok(Err(Stuck(why))) => Some(format!("it does not come to an end: {why}")),
        Err(panic) => Some(format!("it panicked: {}", words(&*panic))),
    };
    if seen.failure.is_some() {
        return seen;
    }
    let undisturbed = Sim::new(&plan, &market, log, false, Planted::Nothing, dirs[1].path());
    if let Err(Stuck(why)) = undisturbed.run() {
        seen.failure = Some(format!("the undisturbed run does not come to an end: {why}"));
        return seen;
    }
    let wanted = Outcome::of(&undisturbed.world.get().server.data);
    seen.signals = wanted.count("signals");
    judge(&plan, !market.steps.is_empty(), &mut seen, found, wanted);
    seen
}

fn judge(plan: &Plan, is_stepped: bool, seen: &mut Seen, found: Outcome, wanted: Outcome) {
    let says = |seen: &Seen, words: &str| seen.trace.iter().any(|(_, line)| line.contains(words));
    let takes = plan.has(|fault| matches!(fault, Fault::Trim(_) | Fault::FailOver));
    let repeated = found.repeated();
    if !repeated.is_empty() {
        // Whoever accepts the loss has all of the stream published again, as he was told.
        seen.is_named = takes && says(seen, READ_AGAIN);
        if !seen.is_named {
            seen.failure = Some(format!("published more than once: {}", repeated.join(", ")));
        }
        return;
    }
    let (mut found, mut wanted) = (found, wanted);
    if plan.has(|fault| *fault == Fault::Change) {
        (found, wanted) = (found.without(CHANGED), wanted.without(CHANGED));
    }
    // Where the server's clock is set, it matters when an engine looks at it: for when bars close, not for what they say.
    if is_stepped {
        (found, wanted) = (found.by_content(), wanted.by_content());
    }
    let differences = found.differences(&wanted);
    if differences.is_empty() {
        return;
    }
    // Only what takes something away from the input may cost something, and only with a word about it.
    seen.is_named = takes && NAMED.iter().any(|words| says(seen, words));
    if !seen.is_named {
        seen.failure = Some(format!("not what an undisturbed engine publishes:\n  {}", differences.join("\n  ")));
    }
}
