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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_does_not_confuse_it() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse("12 (a"), None);
        assert!(used(None, None).is_some() && used(Some(u32::MAX), None).is_none());
    }
}
