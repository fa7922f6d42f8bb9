//! Which items have been saved for the snapshot in progress.

/// A pass over items numbered from 0, each once: in order, or earlier if an item is about to change.
///
/// [`needs`](Self::needs) is hot; [`start`](Self::start) allocates if there are more items than ever before.
#[derive(Debug, Default)]
pub struct Sweep {
    /// One bit per item: still to be saved.
    open: Vec<u64>,
    left: usize,
    next: usize,
}

impl Sweep {
    /// Starts a pass over `count` items. The previous one must have ended.
    pub fn start(&mut self, count: usize) {
        self.open.clear();
        self.open.resize(count.div_ceil(64), 0);
        for (word, bits) in self.open.iter_mut().enumerate() {
            let here = (count - word * 64).min(64);
            *bits = u64::MAX >> (64 - here);
        }
        (self.left, self.next) = (count, 0);
    }

    /// Whether any item is still to be saved.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.left > 0
    }

    /// Whether an item must be saved before it changes; from now on it counts as saved.
    #[inline]
    pub fn needs(&mut self, index: usize) -> bool {
        self.left > 0 && self.claim(index)
    }

    #[cold]
    fn claim(&mut self, index: usize) -> bool {
        // An item that is newer than the barrier has no word, or no bit.
        let Some(word) = self.open.get_mut(index / 64) else { return false };
        let open = *word & 1 << (index % 64) != 0;
        *word &= !(1 << (index % 64));
        self.left -= usize::from(open);
        open
    }

    /// The next item that has not been saved; from now on it counts as saved.
    pub fn take_next(&mut self) -> Option<usize> {
        while let Some(word) = self.open.get(self.next) {
            if *word != 0 {
                let index = self.next * 64 + word.trailing_zeros() as usize;
                self.claim(index);
                return Some(index);
            }
            self.next += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_is_saved_once(count in 0usize..300, changes in prop::collection::vec((0usize..400, any::<bool>()), 0..600)) {
            let mut sweep = Sweep::default();
            for _ in 0..2 {
                sweep.start(count);
                let mut saved = Vec::new();
                for &(index, idle) in &changes {
                    saved.extend(if idle { sweep.take_next() } else { Some(index).filter(|&index| sweep.needs(index)) });
                }
                while let Some(index) = sweep.take_next() {
                    saved.push(index);
                }
                prop_assert!(!sweep.is_on() && !sweep.needs(0));
                saved.sort_unstable();
                prop_assert_eq!(saved, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
