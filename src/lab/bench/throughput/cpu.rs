//! Processor time that processes and threads have used.

use std::{fs, time::Duration};

/// What `/proc` counts in: `USER_HZ`, which is 100 on every Linux that programs see.
pub const TICK: Duration = Duration::from_millis(10);

/// Time used so far, user and system together; of a process by its id, of a thread of this process by the id of the
/// thread. None where it is gone.
pub fn used(process: Option<u32>, thread: Option<u64>) -> Option<Duration> {
    let path = match (process, thread) {
        (Some(pid), _) => format!("/proc/{pid}/stat"),
        (None, Some(tid)) => format!("/proc/self/task/{tid}/stat"),
        (None, None) => "/proc/self/stat".to_owned(),
    };
    parse(&fs::read_to_string(path).ok()?)
}

/// The fields behind the name, which may hold blanks and brackets: state is the first, user time the twelfth.
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
