//! Nobody sleeps through a wake-up.

mod common;

use common::{check, drive};
use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use wagehood_models::runtime::waker::Parker;

#[test]
fn what_is_written_before_a_wake_up_is_seen_before_the_next_wait() {
    check(3, || {
        let parker = Parker::new().unwrap();
        let (waker, written) = (parker.waker(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&written);
        let writer = thread::spawn(move || {
            for n in 1..=2 {
                written.store(n, Relaxed);
                waker.wake();
            }
        });
        let mut last = 0;
        drive(&parker, || {
            let now = seen.load(Relaxed);
            let news = now > last;
            last = now;
            if now == 2 { Some(true) } else { news.then_some(false) }
        });
        writer.join().unwrap();
    });
}

#[test]
fn two_threads_wake_one() {
    check(2, || {
        let parker = Parker::new().unwrap();
        let flags = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        let writers: Vec<_> = flags
            .iter()
            .map(|flag| {
                let (flag, waker) = (Arc::clone(flag), parker.waker());
                thread::spawn(move || {
                    flag.store(1, Relaxed);
                    waker.wake();
                })
            })
            .collect();
        let mut last = 0;
        drive(&parker, || {
            let now: usize = flags.iter().map(|flag| flag.load(Relaxed)).sum();
            let news = now > last;
            last = now;
            if now == 2 { Some(true) } else { news.then_some(false) }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}

#[test]
fn a_forced_wake_up_ends_a_wait_without_an_announcement() {
    check(3, || {
        let parker = Parker::new().unwrap();
        let (waker, stop) = (parker.waker(), Arc::new(AtomicUsize::new(0)));
        let raised = Arc::clone(&stop);
        let stopper = thread::spawn(move || {
            raised.store(1, Relaxed);
            waker.force();
        });
        while stop.load(Relaxed) == 0 {
            parker.sleep(&mut parker.interests(), u64::MAX);
        }
        stopper.join().unwrap();
    });
}
