//! CPU time used by processes and threads.

use std::{fs, time::Duration};

/// The clock tick of `/proc`: `USER_HZ`, which is 100 per second on every Linux that programs see.
pub const TICK: Duration = Duration::from_millis(10);

/// CPU time used so far, user and system together: of a process by its id, or of a thread of this process by its
/// thread id. `None` if it has ended.
pub fn used(process: Option<u32>, thread: Option<u64>) -> Option<Duration> {
    let path = match (process, thread) {
        (Some(pid), _) => format!("/proc/{pid}/stat"),
        (None, Some(tid)) => format!("/proc/self/task/{tid}/stat"),
        (None, None) => "/proc/self/stat".to_owned(),
    };
    parse(&fs::read_to_string(path).ok()?)
}

/// The fields after the name, which may contain blanks and parentheses: state is the first, user time the twelfth.
fn parse(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(TICK * next()?.checked_add(next()?)?)
}

/// The same to the nanosecond, as far as the kernel tells: of the threads of a process that live, or of the calling thread.
/// Falls back on [`used`], whose ticks are coarse.
pub fn precise(process: Option<u32>) -> Duration {
    let exact = match process {
        None => of_thread("/proc/thread-self"),
        Some(pid) => fs::read_dir(format!("/proc/{pid}/task")).ok().and_then(|tasks| {
            let threads = tasks.flatten().filter_map(|task| of_thread(&task.path().to_string_lossy()));
            threads.reduce(|sum, one| sum + one)
        }),
    };
    exact.or_else(|| used(process, None)).unwrap_or_default()
}

/// The time on a core of one thread.
fn of_thread(folder: &str) -> Option<Duration> {
    let text = fs::read_to_string(format!("{folder}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_ascii_whitespace().next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_does_not_confuse_it() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse("12 (a"), None);
        assert!(used(None, None).is_some() && used(Some(u32::MAX), None).is_none());
        let own = precise(None);
        let all = precise(Some(std::process::id()));
        assert!(!own.is_zero() && all >= own && precise(Some(u32::MAX)).is_zero(), "{own:?} {all:?}");
    }
}
