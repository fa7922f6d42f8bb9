//! The earliest of many times that change all the time: a tree of minima. Allocates only where it grows; never blocks.

/// A time by dense index, and the earliest of them at hand.
#[derive(Debug, Clone)]
pub(super) struct Deadlines {
    /// Number of leaves: a power of two.
    leaves: usize,
    /// The root at 1, the children of `n` at `2n` and `2n + 1`, the leaves at the end.
    nodes: Vec<i64>,
}

/// No deadline.
pub(super) const NEVER: i64 = i64::MAX;

impl Deadlines {
    /// Room for so many, none of them set.
    pub fn new(count: usize) -> Self {
        let leaves = count.next_power_of_two().max(2);
        Self { leaves, nodes: vec![NEVER; 2 * leaves] }
    }

    /// Makes room for so many. Allocates.
    #[cold]
    pub fn grow(&mut self, count: usize) {
        if count <= self.leaves {
            return;
        }
        let mut larger = Self::new(count.max(2 * self.leaves));
        for (index, &time) in self.nodes[self.leaves..].iter().enumerate() {
            larger.set(index, time);
        }
        *self = larger;
    }

    /// The earliest time.
    #[inline]
    pub fn earliest(&self) -> i64 {
        self.nodes[1]
    }

    /// The first index that has the earliest time.
    #[inline]
    pub fn first(&self) -> usize {
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            node += usize::from(self.nodes[node] != self.nodes[1]);
        }
        node - self.leaves
    }

    /// Sets the time of an index: as many steps as the tree is deep, fewer where the earliest of a part stays the same.
    #[inline]
    pub fn set(&mut self, index: usize, time: i64) {
        let mut node = self.leaves + index;
        self.nodes[node] = time;
        while node > 1 {
            node /= 2;
            let earlier = self.nodes[2 * node].min(self.nodes[2 * node + 1]);
            if self.nodes[node] == earlier {
                break;
            }
            self.nodes[node] = earlier;
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_is_that_of_a_list(changes in prop::collection::vec((0usize..70, -50i64..50), 1..200)) {
            let mut list = vec![NEVER; 70];
            let mut tree = Deadlines::new(3);
            for (index, time) in changes {
                tree.grow(index + 1);
                tree.set(index, time);
                list[index] = time;
                let earliest = *list.iter().min().unwrap();
                prop_assert_eq!(tree.earliest(), earliest);
                prop_assert_eq!(Some(tree.first()), list.iter().position(|&time| time == earliest));
            }
        }
    }
}
