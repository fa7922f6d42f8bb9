//! Laws of the assignment of partitions to members.

use super::cases;
use proptest::{collection::vec, prelude::*};
use wagehood_engine::cli::{Evening, Shares, assign};

/// Members that take partitions or do not, weights, former owners and places, some of them of nobody.
#[derive(Debug, Clone)]
struct World {
    takes: Vec<bool>,
    weights: Vec<u64>,
    previous: Vec<Option<usize>>,
    placed: Vec<Option<usize>>,
}

impl World {
    fn assign(&self, previous: &[Option<usize>], evening: Evening) -> Vec<usize> {
        assign(&Shares { takes: &self.takes, weights: &self.weights, previous, placed: &self.placed, evening })
    }

    fn takers(&self) -> Vec<usize> {
        let all = 0..self.takes.len();
        let takers: Vec<usize> = all.clone().filter(|&member| self.takes[member]).collect();
        if takers.is_empty() { all.collect() } else { takers }
    }

    fn load(&self, owners: &[usize], member: usize) -> u64 {
        owners.iter().zip(&self.weights).filter(|(owner, _)| **owner == member).map(|(_, weight)| weight).sum()
    }

    fn spread(&self, owners: &[usize]) -> u64 {
        let loads: Vec<u64> = self.takers().iter().map(|&member| self.load(owners, member)).collect();
        loads.iter().max().unwrap() - loads.iter().min().unwrap()
    }
}

fn worlds() -> impl Strategy<Value = World> {
    (1usize..6, 1usize..24).prop_flat_map(|(members, partitions)| {
        let member = move || prop_oneof![1 => Just(None), 4 => (0..members).prop_map(Some)];
        let rarely = move || prop_oneof![6 => Just(None), 1 => (0..members).prop_map(Some)];
        let takes = vec(prop_oneof![4 => Just(true), 1 => Just(false)], members);
        (takes, vec(1u64..2_000, partitions), vec(member(), partitions), vec(rarely(), partitions))
            .prop_map(|(takes, weights, previous, placed)| World { takes, weights, previous, placed })
    })
}

const ALL: [Evening; 3] = [Evening::Not, Evening::Worthwhile, Evening::Fully];

proptest! {
    #![proptest_config(cases(300))]

    /// Every partition has one owner, which takes some, and the one it was placed with where that does.
    #[test]
    fn every_partition_has_one_owner(world in worlds()) {
        for evening in ALL {
            let owners = world.assign(&world.previous, evening);
            prop_assert_eq!(owners.len(), world.weights.len());
            prop_assert_eq!(&owners, &world.assign(&world.previous, evening), "the same again");
            for (partition, owner) in owners.iter().enumerate() {
                prop_assert!(world.takers().contains(owner), "{partition}: {owners:?}");
                if let Some(placed) = world.placed[partition].filter(|placed| world.takers().contains(placed)) {
                    prop_assert_eq!(*owner, placed);
                }
            }
        }
    }

    /// Nobody moves without need: an assignment is its own successor, and without evening out only what has lost its owner moves.
    #[test]
    fn nothing_moves_without_need(world in worlds()) {
        for evening in ALL {
            let owners = world.assign(&world.previous, evening);
            let again: Vec<Option<usize>> = owners.iter().copied().map(Some).collect();
            prop_assert_eq!(&world.assign(&again, evening), &owners, "{:?}", evening);
        }
        let owners = world.assign(&world.previous, Evening::Not);
        for (partition, before) in world.previous.iter().enumerate() {
            let stays = before.filter(|before| world.takers().contains(before));
            if let Some(before) = stays.filter(|_| world.placed[partition].is_none()) {
                prop_assert_eq!(owners[partition], before);
            }
        }
    }

    /// Evened out fully, no partition is left whose move would gain a quarter of what it weighs; otherwise the shares are at
    /// most a tenth of a fair one further apart than that.
    #[test]
    fn shares_are_even_within_bounds(world in worlds()) {
        let even = world.assign(&world.previous, Evening::Fully);
        for (partition, &owner) in even.iter().enumerate().filter(|(p, owner)| world.placed[*p] != Some(**owner)) {
            let least = world.takers().iter().map(|&member| world.load(&even, member)).min().unwrap();
            let apart = world.load(&even, owner) - least;
            prop_assert!(4 * apart < 5 * world.weights[partition], "{partition}: {even:?}");
        }
        let fair = world.weights.iter().sum::<u64>() / world.takers().len() as u64;
        let kept = world.assign(&world.previous, Evening::Worthwhile);
        prop_assert!(world.spread(&kept) <= world.spread(&even) + fair / 10, "{kept:?}, {even:?}");
    }

    /// Of partitions that weigh the same, a member that leaves moves its own alone, and one that joins takes its share and no more.
    #[test]
    fn one_that_leaves_or_joins_moves_only_its_share(members in 1usize..6, partitions in 1usize..40) {
        let world = |members: usize| World {
            takes: vec![true; members],
            weights: vec![1_000; partitions],
            previous: vec![None; partitions],
            placed: vec![None; partitions],
        };
        let settled = world(members).assign(&vec![None; partitions], Evening::Worthwhile);
        let before: Vec<Option<usize>> = settled.iter().copied().map(Some).collect();
        let joined = world(members + 1).assign(&before, Evening::Worthwhile);
        let moved: Vec<usize> = (0..partitions).filter(|&p| joined[p] != settled[p]).collect();
        prop_assert!(moved.iter().all(|&p| joined[p] == members), "{settled:?}, {joined:?}");
        prop_assert!(moved.len() <= partitions / (members + 1), "{settled:?}, {joined:?}");
        let before: Vec<Option<usize>> = joined.iter().map(|&owner| (owner < members).then_some(owner)).collect();
        let left = world(members).assign(&before, Evening::Worthwhile);
        prop_assert!((0..partitions).all(|p| joined[p] == members || left[p] == joined[p]), "{joined:?}, {left:?}");
    }
}
