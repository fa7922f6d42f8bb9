//! Which edges of the program an input passes. `coverage.sh` in the place of rustc adds a counter of one byte to each;
//! without it there are none, and the outcomes of the checks are all that guides.
#![allow(unsafe_code)] // the counters are a piece of memory that the linker lays out

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

static BEGIN: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static END: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Called before `main` by every object with counters. The linker has laid them one behind the other, so that each says
/// the same.
// SAFETY: the name is the compiler's own, for this very function.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(begin: *mut u8, end: *mut u8) {
    BEGIN.store(begin, Relaxed);
    END.store(end, Relaxed);
}

/// Counters that are looked at together: most of them are 0, and comparing a block is one call.
const BLOCK: usize = 256;

/// The counters, and what the inputs so far have made of them.
pub struct Edges {
    counts: Vec<u8>,
    /// By edge, a bit for each range of counts that it has had.
    seen: Vec<u8>,
    reached: usize,
}

impl Edges {
    /// `None` where the program has no counters.
    pub fn new() -> Option<Self> {
        let len = counters().1;
        (len > 0).then(|| Self { counts: vec![0; len], seen: vec![0; len], reached: 0 })
    }

    /// Begins to count.
    pub fn start(&mut self) {
        let (begin, len) = counters();
        // SAFETY: the counters lie from here on, nobody has a reference to them, and no other thread counts meanwhile.
        unsafe { ptr::write_bytes(begin, 0, len) };
    }

    /// Notes what has been counted.
    pub fn stop(&mut self) {
        let (begin, len) = counters();
        assert_eq!(len, self.counts.len(), "the counters stay where they are");
        // SAFETY: as above; the copy has the same length.
        unsafe { ptr::copy_nonoverlapping(begin, self.counts.as_mut_ptr(), len) };
    }

    /// Whether an edge has been reached, or a range of counts, for the first time. It counts as seen from here on.
    pub fn is_new(&mut self) -> bool {
        let mut is_new = false;
        for (counts, seen) in self.counts.chunks(BLOCK).zip(self.seen.chunks_mut(BLOCK)) {
            if counts == &[0; BLOCK][..counts.len()] {
                continue;
            }
            for (count, seen) in counts.iter().zip(seen).filter(|(count, _)| **count > 0) {
                let range = range(*count);
                if *seen & range == 0 {
                    self.reached += usize::from(*seen == 0);
                    *seen |= range;
                    is_new = true;
                }
            }
        }
        is_new
    }

    /// Edges that any input has reached.
    pub fn reached(&self) -> usize {
        self.reached
    }
}

/// Where the counters begin, and how many there are.
fn counters() -> (*mut u8, usize) {
    let begin = BEGIN.load(Relaxed);
    (begin, END.load(Relaxed).addr() - begin.addr())
}

/// The range of a count, a bit each: a loop that runs once more is something new only where it ran seldom.
fn range(count: u8) -> u8 {
    match count {
        0..=1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        _ => 128,
    }
}
