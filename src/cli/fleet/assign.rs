//! Who is to own which partition: a function of the members, of what the partitions weigh and of who owned them before. Pure.
//!
//! It moves as little as it can. A partition stays where it is, unless its owner is gone or drained; such ones go to whoever has
//! least. Only where that leaves the shares further apart than it must are partitions taken from those that have most, and only
//! where the gain is worth the moves.

/// Shares may differ by this part of a fair one more than they must, before partitions move for that.
const TOLERANCE: u64 = 10;

/// How far shares are evened out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evening {
    /// Not at all: nothing moves that has an owner.
    Not,
    /// Where it is worth the moves.
    Worthwhile,
    /// As far as whole partitions allow.
    Fully,
}

/// What an assignment depends on. Members are numbers, in an order that everybody knows.
#[derive(Debug, Clone)]
pub struct Shares<'a> {
    /// By member: whether it takes partitions. Where none does, all of them count as if they did: somebody must.
    pub takes: &'a [bool],
    /// By partition: what it weighs, above 0.
    pub weights: &'a [u64],
    /// By partition: the member that owned it before, if that is still one.
    pub previous: &'a [Option<usize>],
    /// By partition: the member with which a person has placed it, if that is still one.
    pub placed: &'a [Option<usize>],
    /// How far shares are evened out.
    pub evening: Evening,
}

/// By partition: its owner; nothing where there is no member.
#[must_use]
pub fn assign(shares: &Shares<'_>) -> Vec<usize> {
    let mut takers: Vec<usize> = (0..shares.takes.len()).filter(|&member| shares.takes[member]).collect();
    if takers.is_empty() {
        takers = (0..shares.takes.len()).collect();
    }
    if takers.is_empty() {
        return Vec::new();
    }
    let kept = Draft::kept(shares, &takers);
    let even = match shares.evening {
        Evening::Not => return kept.owners,
        Evening::Worthwhile | Evening::Fully => kept.clone().evened(shares, &takers),
    };
    let tolerance = shares.weights.iter().sum::<u64>() / takers.len() as u64 / TOLERANCE;
    let worth = shares.evening == Evening::Fully || kept.spread(&takers) > even.spread(&takers) + tolerance;
    if worth { even.owners } else { kept.owners }
}

/// An assignment in the making.
#[derive(Clone)]
struct Draft {
    /// By partition.
    owners: Vec<usize>,
    /// By member.
    loads: Vec<u64>,
}

impl Draft {
    /// Everything where it was; what has no owner goes to whoever has least, the heaviest first.
    fn kept(shares: &Shares<'_>, takers: &[usize]) -> Self {
        let takes = |member: &usize| takers.contains(member);
        let before = shares.placed.iter().zip(shares.previous);
        let before: Vec<Option<usize>> =
            before.map(|(placed, previous)| placed.filter(takes).or(previous.filter(takes))).collect();
        let mut loads = vec![0; shares.takes.len()];
        for (partition, owner) in before.iter().enumerate() {
            if let Some(owner) = owner {
                loads[*owner] += shares.weights[partition];
            }
        }
        let mut orphans: Vec<usize> = (0..before.len()).filter(|&partition| before[partition].is_none()).collect();
        // Stable: of equal ones the first.
        orphans.sort_by_key(|&partition| std::cmp::Reverse(shares.weights[partition]));
        let mut owners: Vec<usize> = before.iter().map(|owner| owner.unwrap_or_default()).collect();
        for partition in orphans {
            let least = takers.iter().copied().min_by_key(|&member| loads[member]).unwrap_or_default();
            owners[partition] = least;
            loads[least] += shares.weights[partition];
        }
        Self { owners, loads }
    }

    /// The difference between the greatest and the least share.
    fn spread(&self, takers: &[usize]) -> u64 {
        let loads = || takers.iter().map(|&member| self.loads[member]);
        loads().max().unwrap_or(0) - loads().min().unwrap_or(0)
    }

    /// Moves one partition after the other from one that has much to one that has little. Each move brings the two nearer to
    /// each other, so there is a last one.
    fn evened(mut self, shares: &Shares<'_>, takers: &[usize]) -> Self {
        while let Some((partition, to)) = self.step(shares, takers) {
            let weight = shares.weights[partition];
            self.loads[self.owners[partition]] -= weight;
            self.loads[to] += weight;
            self.owners[partition] = to;
        }
        self
    }

    /// The next move, from the one that has most to the one that has least where there is one.
    fn step(&self, shares: &Shares<'_>, takers: &[usize]) -> Option<(usize, usize)> {
        let mut by_load = takers.to_vec();
        by_load.sort_by_key(|&member| self.loads[member]);
        by_load.iter().rev().find_map(|&from| by_load.iter().find_map(|&to| Some((self.best(shares, from, to)?, to))))
    }

    /// The partition whose move from one member to another brings the two nearest to each other, where it is worth a move.
    fn best(&self, shares: &Shares<'_>, from: usize, to: usize) -> Option<usize> {
        let apart = self.loads[from].checked_sub(self.loads[to])?;
        let own = |&partition: &usize| self.owners[partition] == from && shares.placed[partition] != Some(from);
        let worth = |&partition: &usize| is_worth_a_move(shares.weights[partition], apart);
        let nearest = |&partition: &usize| (2 * shares.weights[partition]).abs_diff(apart);
        (0..self.owners.len()).filter(own).filter(worth).min_by_key(nearest)
    }
}

/// Whether the move of a partition of this weight, between two whose shares are so far apart, gains at least a quarter of it.
const fn is_worth_a_move(weight: u64, apart: u64) -> bool {
    weight > 0 && 4 * apart >= 5 * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [Option<usize>; 4] = [None; 4];

    fn of(takes: &[bool], weights: &[u64], previous: &[Option<usize>], evening: Evening) -> Vec<usize> {
        assign(&Shares { takes, weights, previous, placed: &NOBODY[..previous.len()], evening })
    }

    #[test]
    fn what_has_no_owner_goes_to_whoever_has_least() {
        assert_eq!(of(&[true; 2], &[1; 4], &NOBODY, Evening::Not), [0, 1, 0, 1]);
        assert_eq!(of(&[true; 2], &[1, 1, 1, 3], &NOBODY, Evening::Not), [1, 1, 1, 0]);
        assert_eq!(of(&[true; 2], &[1; 4], &[Some(1), Some(1), Some(0), None], Evening::Not), [1, 1, 0, 0]);
        assert!(of(&[], &[1; 4], &NOBODY, Evening::Fully).is_empty());
    }

    #[test]
    fn the_drained_have_nothing_unless_all_are() {
        let previous = [Some(0), Some(1), Some(0), Some(1)];
        assert_eq!(of(&[false, true], &[1; 4], &previous, Evening::Not), [1, 1, 1, 1]);
        assert_eq!(of(&[false, false], &[1; 4], &previous, Evening::Not), [0, 1, 0, 1]);
    }

    #[test]
    fn nothing_moves_for_little_and_one_that_joins_gets_its_share() {
        let previous = [Some(0), Some(0), Some(1), Some(1)];
        assert_eq!(of(&[true; 2], &[10, 10, 9, 10], &previous, Evening::Worthwhile), [0, 0, 1, 1]);
        let joined = of(&[true; 3], &[10, 10, 9, 10], &previous, Evening::Worthwhile);
        assert_eq!(joined.iter().filter(|&&owner| owner == 2).count(), 1, "{joined:?}");
        assert_eq!(of(&[true; 3], &[1; 4], &previous, Evening::Not), [0, 0, 1, 1]);
    }

    #[test]
    fn what_a_person_has_placed_stays_there() {
        let previous = [Some(0); 4];
        let placed = [Some(0), Some(0), Some(0), None];
        let shares = Shares {
            takes: &[true; 2],
            weights: &[1; 4],
            previous: &previous,
            placed: &placed,
            evening: Evening::Fully,
        };
        assert_eq!(assign(&shares), [0, 0, 0, 1]);
        assert_eq!(assign(&Shares { takes: &[false, true], ..shares }), [1; 4]);
    }
}
