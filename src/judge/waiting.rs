//! Signals that wait for their outcome, and what was said of them. Hot.

use super::learner::{FEATURES, Features};
use crate::{
    model::{Roster, Strategy, TimeframeId},
    state::{StateError, is_sound_time, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// The end of a list.
const NONE: u32 = u32::MAX;
/// Signals of a cell that there is room for at first, on average.
const ROOM: usize = 2;

/// A signal that waits.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub(super) struct Waiter {
    /// Start of its bar, Unix ms.
    pub signal_ts: i64,
    /// Its place in the order of publication.
    pub order: u64,
    /// Its composite confidence.
    pub composite: f64,
    /// Its calibrated confidence; NaN where there is none.
    pub calibrated: f64,
    /// Its strategy.
    pub strategy: Strategy,
}

/// The signals of one cell: first and last of a list.
#[derive(Debug, Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
}

/// The signals that wait, each cell's in the order of publication. Takes memory where more wait than ever before.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: Vec<Waiter>,
    /// What described each, where the calibrated confidence learns from it.
    features: Option<Vec<Features>>,
    /// By waiter: the next of its cell, or of the free places.
    next: Vec<u32>,
    free: Option<u32>,
    /// By symbol and timeframe.
    queues: Vec<Queue>,
    /// Place of the next signal in the order of publication.
    order: u64,
}

impl Waiting {
    /// None; `described` says whether it is kept what describes them.
    pub fn new(described: bool) -> Self {
        Self { features: described.then(Vec::new), ..Self::default() }
    }

    /// Adds the cells of a symbol. Allocates.
    pub fn add_cells(&mut self, count: usize) {
        self.queues.extend((0..count).map(|_| Queue { first: NONE, last: NONE }));
        self.waiters.reserve((self.queues.len() * ROOM).saturating_sub(self.waiters.len()));
        if let Some(features) = &mut self.features {
            features.reserve((self.queues.len() * ROOM).saturating_sub(features.len()));
        }
        self.next.reserve((self.queues.len() * ROOM).saturating_sub(self.next.len()));
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.waiters.capacity() * size_of::<Waiter>()
            + self.features.as_ref().map_or(0, Vec::capacity) * size_of::<Features>()
            + self.next.capacity() * size_of::<u32>()
            + self.queues.capacity() * size_of::<Queue>()
    }

    /// The place of the next signal in the order of publication.
    pub fn next_order(&mut self) -> u64 {
        let order = self.order;
        self.order += 1;
        order
    }

    /// Puts a signal behind the others of its cell.
    #[inline]
    pub fn push(&mut self, cell: usize, waiter: Waiter, features: &Features) {
        self.order = self.order.max(waiter.order + 1);
        let place = if let Some(place) = self.free {
            self.free = Some(self.next[place as usize]).filter(|&next| next != NONE);
            self.waiters[place as usize] = waiter;
            self.next[place as usize] = NONE;
            if let Some(all) = &mut self.features {
                all[place as usize] = *features;
            }
            place
        } else {
            self.waiters.push(waiter);
            if let Some(all) = &mut self.features {
                all.push(*features);
            }
            self.next.push(NONE);
            (self.waiters.len() - 1) as u32
        };
        let queue = &mut self.queues[cell];
        if queue.first == NONE {
            queue.first = place;
        } else {
            self.next[queue.last as usize] = place;
        }
        queue.last = place;
    }

    /// What described the signal at a place, where that is kept.
    #[inline]
    pub fn features(&self, place: u32) -> Option<&Features> {
        self.features.as_ref().map(|features| &features[place as usize])
    }

    /// The places of a cell's signals, in the order of publication.
    fn places(&self, cell: usize) -> impl Iterator<Item = u32> {
        let some = |place: u32| (place != NONE).then_some(place);
        std::iter::successors(some(self.queues[cell].first), move |&place| some(self.next[place as usize]))
    }

    /// The place of a signal.
    #[inline]
    pub fn find(&self, cell: usize, signal_ts: i64, strategy: Strategy) -> Option<u32> {
        self.places(cell).find(|&place| {
            let waiter = &self.waiters[place as usize];
            waiter.signal_ts == signal_ts && waiter.strategy == strategy
        })
    }

    /// The signal at a place.
    #[inline]
    pub fn get(&self, place: u32) -> &Waiter {
        &self.waiters[place as usize]
    }

    /// Removes a signal of a cell, and those before its bar, whose outcomes will never come.
    #[inline]
    pub fn remove(&mut self, cell: usize, place: u32) {
        let signal_ts = self.waiters[place as usize].signal_ts;
        let (mut before, mut at) = (NONE, self.queues[cell].first);
        while at != NONE {
            let next = self.next[at as usize];
            if at == place || self.waiters[at as usize].signal_ts < signal_ts {
                if before == NONE {
                    self.queues[cell].first = next;
                } else {
                    self.next[before as usize] = next;
                }
                if next == NONE {
                    self.queues[cell].last = before;
                }
                self.next[at as usize] = self.free.unwrap_or(NONE);
                self.free = Some(at);
            } else {
                before = at;
            }
            if at == place {
                return;
            }
            at = next;
        }
    }

    /// Appends the signals of the cells of a symbol, each with the place of its timeframe.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, cells: std::ops::Range<usize>, out: &mut Vec<u8>) -> Result<(), StateError> {
        let count = cells.clone().map(|cell| self.places(cell).count()).sum::<usize>();
        put(out, &(count as u64))?;
        for (timeframe, cell) in cells.enumerate() {
            for place in self.places(cell) {
                let Waiter { signal_ts, order, composite, calibrated, strategy } = *self.get(place);
                put(out, &(timeframe as u8, strategy.name(), signal_ts, order, composite, calibrated))?;
                put(out, &self.features.is_some())?;
                if let Some(features) = self.features(place) {
                    put(out, features)?;
                }
            }
        }
        Ok(())
    }
}

/// Signals that waited when they were saved, with their timeframes, in the order of publication.
pub(super) type SavedWaiters = Vec<(TimeframeId, Waiter, Features)>;

/// Takes off the front what [`Waiting::save`] wrote; `timeframe` finds the saved one in the plan.
///
/// # Errors
/// The bytes do not decode to signals.
pub(super) fn read_waiters(
    version: u8,
    bytes: &mut &[u8],
    roster: &Roster,
    timeframe: impl Fn(usize) -> Option<usize>,
) -> Result<SavedWaiters, StateError> {
    let count: u64 = take(bytes)?;
    let mut waiters = SavedWaiters::new();
    for _ in 0..count {
        let (column, name, signal_ts, order): (u8, String, i64, u64) = take(bytes)?;
        let (composite, calibrated): (f64, f64) = take(bytes)?;
        let described = version >= 2 && take(bytes)?;
        let features: Features = if described { take(bytes)? } else { [0.0; FEATURES] };
        if !is_sound_time(signal_ts) || order >= 1 << 60 {
            return Err(StateError::Shape("the signals that wait for their outcome"));
        }
        let Some((strategy, timeframe)) = roster.named(&name).zip(timeframe(usize::from(column))) else { continue };
        waiters.push((
            TimeframeId::new(timeframe),
            Waiter { signal_ts, order, composite, calibrated, strategy },
            features,
        ));
    }
    waiters.sort_by_key(|(_, waiter, _)| waiter.order);
    Ok(waiters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue_for_each_cell(steps in proptest::collection::vec((0usize..3, 0usize..5, any::<bool>()), 1..200)) {
            let mut waiting = Waiting::new(true);
            waiting.add_cells(3);
            let mut naive: [VecDeque<i64>; 3] = Default::default();
            for (i, (cell, at, push)) in steps.into_iter().enumerate() {
                let ts = i as i64;
                if push {
                    let order = waiting.next_order();
                    let strategy = Strategy::MacdRsi;
                    waiting.push(cell, Waiter { signal_ts: ts, order, composite: 0.5, calibrated: f64::NAN, strategy }, &[0.0; FEATURES]);
                    naive[cell].push_back(ts);
                } else if let Some(&ts) = naive[cell].get(at) {
                    let place = waiting.find(cell, ts, Strategy::MacdRsi).unwrap();
                    waiting.remove(cell, place);
                    naive[cell].drain(..=at);
                    prop_assert_eq!(waiting.find(cell, ts, Strategy::MacdRsi), None);
                }
                for (cell, want) in naive.iter().enumerate() {
                    let found: Vec<i64> = waiting.places(cell).map(|place| waiting.get(place).signal_ts).collect();
                    prop_assert!(found.iter().eq(want), "{:?} {:?}", found, want);
                }
            }
            let most: usize = 200;
            prop_assert!(waiting.waiters.len() <= most);
        }
    }
}
