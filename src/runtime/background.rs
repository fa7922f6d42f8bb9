//! Threads that may wait.

use std::sync::OnceLock;

/// How much nicer than the pipeline is what may wait: a tenth of its share while both want the same core.
const NICER: i32 = 10;
/// The nicest that the system knows.
const NICE_MAX: i32 = 19;

/// Niceness of the first thread that was to give way, before it did: that with which the process was started.
static STARTED: OnceLock<Option<i32>> = OnceLock::new();

/// Lets every other thread of the host go before the calling one, which reports or saves: on few cores the milliseconds
/// that it takes now and then would be taken from the pipeline, from Redis or from the readers of signals. Threads that it
/// starts later are as nice. Where the system does not allow it, nothing changes.
pub fn background() {
    // Of the calling thread alone: the system's "process" is what others call a thread.
    let now = || rustix::process::getpriority_process(None).ok();
    let Some(nice) = STARTED.get_or_init(now).map(nicer) else { return };
    // A privileged process could take back what its user gave.
    if now().is_some_and(|now| now < nice) {
        let _ = rustix::process::setpriority_process(None, nice);
    }
}

/// Niceness of what may wait in a process that was started with this one.
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
