//! Threads that may wait.

/// Niceness of what may wait: a tenth of the share of a thread at 0 while both want the same core.
const NICE: i32 = 10;

/// Lets every other thread of the host go before the calling one, which reports or saves: on few cores the milliseconds
/// that it takes now and then would be taken from the pipeline, from Redis or from the readers of signals. Threads that it
/// starts later are as nice. Where the system does not allow it, nothing changes.
pub fn background() {
    // Of the calling thread alone: the system's "process" is what others call a thread.
    let _ = rustix::process::setpriority_process(None, NICE);
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
            nice()
        });
        assert_eq!(there.join().unwrap(), NICE.max(before));
        assert_eq!(nice(), before);
    }
}
