//! A thread as the runner drives it, and how far loom looks.

use wagehood_models::runtime::waker::Parker;

const FOREVER_NS: u64 = u64::MAX;

/// Tries all interleavings with at most so many involuntary switches of threads.
pub fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Duty cycles until `work` says that all is done, parked where it says that there is nothing to do: `Some(true)` is
/// done, `Some(false)` busy, `None` idle. As `Seat::drive` does it with an idle strategy that parks at once.
pub fn drive(parker: &Parker, mut work: impl FnMut() -> Option<bool>) {
    loop {
        match work() {
            Some(true) => return,
            Some(false) => continue,
            None => {}
        }
        parker.announce();
        match work() {
            Some(done) => {
                parker.retract();
                if done {
                    return;
                }
            }
            None => parker.park(&mut parker.interests(), FOREVER_NS),
        }
    }
}
