//! Everything that is sent arrives once and in order, whichever end parks, however small the ring.

mod common;

use common::{check, drive};
use loom::thread;
use wagehood_models::runtime::{
    ring::{Inlet, Outlet, ring},
    waker::Parker,
};

/// Sends `items` work items of `messages` messages each as an agent does: a new one only while the outlet is clear.
fn send(parker: &Parker, mut outlet: Outlet<u32>, items: u32, messages: u32) {
    let (mut item, mut next) = (0, 0);
    drive(parker, || {
        let clear = outlet.flush();
        if item == items {
            return clear.then_some(true);
        }
        if !clear {
            return None;
        }
        for _ in 0..messages {
            outlet.send(next);
            next += 1;
        }
        item += 1;
        outlet.flush();
        Some(false)
    });
}

/// Takes `count` messages with `take` and then sees the end.
fn receive(parker: &Parker, mut inlet: Inlet<u32>, count: u32, mut take: impl FnMut(&mut Inlet<u32>, &mut Vec<u32>)) {
    let mut got = Vec::new();
    drive(parker, || {
        let before = got.len();
        take(&mut inlet, &mut got);
        if got.len() > before {
            return Some(false);
        }
        inlet.is_finished().then_some(true)
    });
    assert!(got.iter().copied().eq(0..count), "{got:?}");
}

fn one_by_one(inlet: &mut Inlet<u32>, got: &mut Vec<u32>) {
    got.extend(inlet.pop());
}

fn in_batches(inlet: &mut Inlet<u32>, got: &mut Vec<u32>) {
    inlet.drain(8, |message| got.push(message));
}

/// Both ends on threads that park at once, with a ring of so many slots.
fn both_park(
    preemptions: usize,
    (capacity, items, messages): (usize, u32, u32),
    take: fn(&mut Inlet<u32>, &mut Vec<u32>),
) {
    check(preemptions, move || {
        let (sending, receiving) = (Parker::new().unwrap(), Parker::new().unwrap());
        let (outlet, inlet) = ring(capacity, 4, sending.waker(), receiving.waker());
        let sender = thread::spawn(move || send(&sending, outlet, items, messages));
        receive(&receiving, inlet, items * messages, take);
        sender.join().unwrap();
    });
}

#[test]
fn with_room_for_all() {
    both_park(3, (2, 2, 1), one_by_one);
}

#[test]
fn with_one_slot_and_a_spill() {
    both_park(2, (1, 1, 2), in_batches);
}

#[test]
fn with_one_slot_and_two_items() {
    both_park(2, (1, 2, 1), one_by_one);
}

#[test]
fn with_two_slots_and_a_spill() {
    both_park(2, (2, 1, 3), one_by_one);
}

#[test]
fn with_two_slots_and_a_spill_of_two_in_batches() {
    both_park(2, (2, 1, 4), in_batches);
}

#[test]
fn a_sender_that_waits_for_room_is_told_when_the_receiver_goes() {
    check(3, || {
        let (sending, receiving) = (Parker::new().unwrap(), Parker::new().unwrap());
        let (mut outlet, inlet) = ring(1, 2, sending.waker(), receiving.waker());
        let receiver = thread::spawn(move || drop(inlet));
        outlet.send(1);
        outlet.send(2);
        drive(&sending, || {
            outlet.flush();
            outlet.is_abandoned().then_some(true)
        });
        receiver.join().unwrap();
    });
}
