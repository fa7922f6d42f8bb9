//! What stands between the braces in the names of a partition: it decides on which node of a cluster they are. Pure.
//!
//! A cluster gives each of its nodes a run of slots, as long as those of the others. So that each node gets as many
//! partitions as any other, or one more, the slots of the partitions are equally far from each other, and the tag of a
//! partition is the first text whose slot is near enough: its number, and letters behind it.

use crate::redis_io::{SLOTS, slot};

/// The tag of a partition of so many: always the same.
pub(super) fn tag(partition: usize, count: usize) -> String {
    let width = usize::from(SLOTS) / count;
    let centre = (2 * partition + 1) * usize::from(SLOTS) / (2 * count);
    let mut tag = partition.to_string();
    let digits = tag.len();
    let mut tried = 0usize;
    while usize::from(slot(tag.as_bytes())).abs_diff(centre) > width / 16 {
        tried += 1;
        tag.truncate(digits);
        let mut rest = tried;
        while rest > 0 {
            rest -= 1;
            // Below 26.
            tag.push(char::from(b'a' + (rest % 26) as u8));
            rest /= 26;
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::partitions::MAX_PARTITIONS;
    use std::collections::BTreeSet;

    /// By node of so many: partitions in its slots, as `redis-cli --cluster create` deals them.
    fn spread(count: usize, nodes: usize) -> Vec<usize> {
        let per_node = f64::from(SLOTS) / nodes as f64;
        let mut of_node = vec![0; nodes];
        for partition in 0..count {
            let slot = f64::from(slot(tag(partition, count).as_bytes()));
            // The last slot of a node is a rounded one.
            let node = (0..nodes).find(|&node| slot <= (per_node * (node + 1) as f64 - 1.0).round());
            of_node[node.unwrap_or(nodes - 1)] += 1;
        }
        of_node
    }

    #[test]
    fn every_node_gets_as_many_partitions_as_any_other_or_one_more() {
        for nodes in [1, 2, 3, 4, 5, 6] {
            for count in [2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 100, 128, MAX_PARTITIONS] {
                let of_node = spread(count, nodes);
                let (least, most) = (of_node.iter().min().unwrap(), of_node.iter().max().unwrap());
                assert!(most - least <= 1, "{count} on {nodes}: {of_node:?}");
            }
        }
        assert_eq!((spread(8, 3), spread(8, 6)), (vec![3, 2, 3], vec![1, 2, 1, 1, 2, 1]));
    }

    #[test]
    fn plain_numbers_would_leave_nodes_empty() {
        let per_node = usize::from(SLOTS) / 6;
        let nodes: BTreeSet<usize> = (0..8).map(|p| usize::from(slot(p.to_string().as_bytes())) / per_node).collect();
        assert_eq!(nodes.len(), 4);
    }

    #[test]
    fn tags_are_for_life() {
        let of = |count| (0..count).map(|partition| tag(partition, count)).collect::<Vec<_>>().join(" ");
        assert_eq!(of(4), "0j 1q 2fh 3ka");
        assert_eq!(of(8), "0ma 1m 2ta 3b 4l 5rd 6c 7kd");
        let all: BTreeSet<String> = (0..MAX_PARTITIONS).map(|p| tag(p, MAX_PARTITIONS)).collect();
        assert_eq!(all.len(), MAX_PARTITIONS);
        let number = |tag: &String| tag.trim_end_matches(|c: char| c.is_ascii_lowercase()).parse::<usize>().unwrap();
        assert!((0..8).all(|p| number(&tag(p, 8)) == p));
    }
}
