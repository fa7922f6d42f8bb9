//! Order, back-pressure, the end of a ring, and wake-ups in both directions.

use super::*;
use crate::runtime::waker::Parker;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn by_hand<T>(capacity: usize, spill: usize) -> (Outlet<T>, Inlet<T>) {
    ring(capacity, spill, Waker::none(), Waker::none())
}

#[test]
fn a_full_ring_spills_and_flushes_in_order() {
    let (mut outlet, mut inlet) = by_hand(2, 4);
    for n in 0..5 {
        outlet.send(n);
    }
    assert!(!outlet.is_clear() && !outlet.flush());
    assert_eq!(inlet.peek(), Some(&0));
    assert_eq!(inlet.pop(), Some(0));
    assert!(!outlet.flush());
    outlet.send(5);
    let mut got = Vec::new();
    while inlet.drain(8, |n| got.push(n)) > 0 {
        outlet.flush();
    }
    assert!(outlet.is_clear());
    assert_eq!(got, [1, 2, 3, 4, 5]);
    let counters = inlet.counters();
    assert_eq!((counters.outlet.blocked.get(), counters.outlet.overflowed.get()), (4, 0));
    assert_eq!((counters.outlet.sent.get(), counters.inlet.received.get()), (6, 6));
    assert_eq!(counters.inlet.waiting_max.get(), 2);
}

#[test]
fn a_spill_that_is_too_small_grows_and_says_so() {
    let (mut outlet, _inlet) = by_hand(1, 1);
    for n in 0..100 {
        outlet.send(n);
    }
    assert_eq!(outlet.counters().outlet.blocked.get(), 99);
    assert!(outlet.counters().outlet.overflowed.get() > 0);
}

#[test]
fn finished_only_when_empty_and_abandoned() {
    let (mut outlet, mut inlet) = by_hand(4, 0);
    outlet.send('a');
    assert!(!inlet.is_finished());
    drop(outlet);
    assert!(!inlet.is_finished());
    assert_eq!(inlet.pop(), Some('a'));
    assert!(inlet.is_finished());

    let (outlet, inlet) = by_hand::<char>(4, 0);
    drop(inlet);
    assert!(outlet.is_abandoned());
}

#[test]
fn draining_stops_where_it_is_told_and_leaves_the_rest() {
    let (mut outlet, mut inlet) = by_hand(8, 0);
    (0..6).for_each(|n| outlet.send(n));
    let mut got = Vec::new();
    let taken = inlet.drain_while(8, |n| {
        got.push(n);
        n < 2
    });
    assert_eq!((taken, got), (3, vec![0, 1, 2]));
    assert_eq!(inlet.pop(), Some(3));
}

proptest! {
    /// Whatever the sizes and the interleaving of sending, flushing and taking: no message is lost, added or reordered.
    #[test]
    fn order_is_kept(capacity in 1usize..9, spill in 0usize..9, steps in prop::collection::vec((0u8..4, 1usize..7), 0..200)) {
        let (mut outlet, mut inlet) = by_hand(capacity, spill);
        let (mut sent, mut got) = (0u32, Vec::new());
        for (step, n) in steps {
            match step {
                0 => for _ in 0..n { outlet.send(sent); sent += 1; },
                1 => { outlet.flush(); }
                2 => { inlet.drain(n, |m| got.push(m)); }
                _ => got.extend(inlet.pop()),
            }
        }
        while !outlet.flush() {
            inlet.drain(usize::MAX, |m| got.push(m));
        }
        inlet.drain(usize::MAX, |m| got.push(m));
        prop_assert_eq!(got, (0..sent).collect::<Vec<_>>());
        let counters = inlet.counters();
        prop_assert_eq!(counters.outlet.sent.get(), counters.inlet.received.get());
    }
}

/// Longest sleep of a hammer thread: a lost wake-up takes this long and fails the test.
const PARK_NS: u64 = 20_000_000_000;

/// Parks until `ready`, as the runner does: announce, check once more, wait.
fn wait_until(parker: &Parker, mut ready: impl FnMut() -> bool) {
    while !ready() {
        parker.announce();
        if ready() {
            return parker.retract();
        }
        parker.park(&mut parker.interests(), PARK_NS);
    }
}

#[test]
fn ping_pong_between_parked_threads_loses_no_wake_up() {
    const ROUNDS: u32 = 100_000;
    let (here, there) = (Parker::new().unwrap(), Parker::new().unwrap());
    let (mut ping, mut ping_in) = ring(2, 1, here.waker(), there.waker());
    let (mut pong, mut pong_in) = ring(2, 1, there.waker(), here.waker());
    let start = Instant::now();
    let echo = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            let mut got = None;
            wait_until(&there, || {
                got = ping_in.pop();
                got.is_some()
            });
            pong.send(got.unwrap());
            pong.publish();
        }
    });
    for n in 0..ROUNDS {
        ping.send(n);
        ping.publish();
        let mut got = None;
        wait_until(&here, || {
            got = pong_in.pop();
            got.is_some()
        });
        assert_eq!(got, Some(n));
    }
    echo.join().unwrap();
    assert!(start.elapsed() < Duration::from_nanos(PARK_NS), "{:?}: a wake-up was lost", start.elapsed());
}

#[test]
fn a_sender_that_waits_for_room_is_woken() {
    const COUNT: u32 = 100_000;
    let (near, far) = (Parker::new().unwrap(), Parker::new().unwrap());
    let (mut outlet, mut inlet) = ring(2, 4, near.waker(), far.waker());
    let start = Instant::now();
    let receiver = std::thread::spawn(move || {
        let mut next = 0;
        while !inlet.is_finished() {
            let mut taken = 0;
            wait_until(&far, || {
                taken = inlet.drain(3, |n| {
                    assert_eq!(n, next);
                    next += 1;
                });
                taken > 0 || inlet.is_finished()
            });
        }
        next
    });
    for n in (0..COUNT).step_by(4) {
        (n..n + 4).for_each(|n| outlet.send(n));
        wait_until(&near, || outlet.flush());
    }
    drop(outlet);
    assert_eq!(receiver.join().unwrap(), COUNT);
    assert!(start.elapsed() < Duration::from_nanos(PARK_NS), "{:?}: a wake-up was lost", start.elapsed());
}

#[test]
fn what_lies_ahead_is_seen_and_stays() {
    let (sender, receiver) = (Parker::new().unwrap(), Parker::new().unwrap());
    let (mut outlet, mut inlet) = ring(8, 2, sender.waker(), receiver.waker());
    let see = |inlet: &mut Inlet<u32>, max| {
        let mut seen = Vec::new();
        assert_eq!(inlet.ahead(max, |message| seen.push(*message)), seen.len());
        seen
    };
    assert!(see(&mut inlet, 4).is_empty());
    // Past the end of the ring's buffer.
    for start in [0, 6, 12] {
        (start..start + 6).for_each(|n| outlet.send(n));
        assert_eq!(see(&mut inlet, 4), [start, start + 1, start + 2, start + 3]);
        assert_eq!(see(&mut inlet, 100).len(), 6);
        assert_eq!(std::iter::from_fn(|| inlet.pop()).collect::<Vec<_>>(), (start..start + 6).collect::<Vec<_>>());
    }
}
