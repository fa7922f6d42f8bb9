//! Lower priority for threads that are not on the path of a signal.

use std::sync::OnceLock;

/// Added niceness of a background thread: about a tenth of the pipeline's share if both want the same core.
const NICER: i32 = 10;
/// The largest niceness.
const NICE_MAX: i32 = 19;

/// Niceness of the first thread that called [`background`], before the call: that with which the process was started.
static STARTED: OnceLock<Option<i32>> = OnceLock::new();

/// Gives the calling thread, which reports or saves, a lower priority than the others: on few cores, its occasional
/// milliseconds would be taken from the pipeline, from Redis or from the readers of signals. Threads that it starts
/// later inherit this. If the system refuses, nothing changes.
pub fn background() {
    // This concerns the calling thread alone: what the system call names a "process" is a thread on Linux.
    let now = || rustix::process::getpriority_process(None).ok();
    let Some(nice) = STARTED.get_or_init(now).map(nicer) else { return };
    // Never lower the niceness: a privileged process would undo what its user has set.
    if now().is_some_and(|now| now < nice) {
        let _ = rustix::process::setpriority_process(None, nice);
    }
}

/// Niceness of a background thread in a process that was started with this one.
fn nicer(started: i32) -> i32 {
    (started + NICER).min(NICE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_calling_thread_gives_way() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let there = std::thread::spawn(move || {
            background();
            let first = nice();
            background();
            let started_by_it = std::thread::spawn(move || {
                background();
                nice()
            });
            [first, nice(), started_by_it.join().unwrap()]
        });
        assert_eq!(there.join().unwrap(), [nicer(before); 3]);
        assert_eq!(nice(), before);
    }

    #[test]
    fn it_is_nicer_than_the_pipeline_whatever_the_process_was_started_with() {
        assert_eq!([-20, 0, 5, 15, 18].map(nicer), [-10, 10, 15, 19, 19]);
    }
}
