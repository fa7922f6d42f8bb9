//! A tree in which other values stand in place of faulty ones, so that what does not go together is found beside them.

use super::{
    fault::Fault,
    node::{Data, Node},
};

/// The parts of a key as a fault names it, such as `watchlist[3].symbol`.
fn parts(key: &str) -> Vec<&str> {
    key.split(['.', '[']).map(|part| part.trim_end_matches(']')).collect()
}

/// Whether two keys are of the same value, or one lies within the other.
pub(super) fn related(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The tree with the default in place of each faulty value, or without it where there is none.
pub(super) fn heal(tree: &Node, defaults: &Node, faults: &[Fault]) -> Node {
    let mut healed = tree.clone();
    for fault in faults {
        let path = parts(&fault.key);
        replace(&mut healed, &path, get(defaults, &path));
    }
    healed
}

fn get<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    let Some((first, rest)) = path.split_first() else { return Some(node) };
    get(node.table()?.get(*first)?, rest)
}

fn replace(node: &mut Node, path: &[&str], with: Option<&Node>) {
    let Some((first, rest)) = path.split_first() else { return };
    let below = match &mut node.data {
        Data::Table(table) if rest.is_empty() => {
            match with {
                Some(with) => table.insert((*first).to_owned(), with.clone()),
                None => table.remove(*first),
            };
            return;
        }
        Data::Table(table) => table.get_mut(*first),
        // An entry keeps its place: others are named by theirs.
        Data::List(list) => first.parse().ok().and_then(|place: usize| list.get_mut(place)),
        _ => None,
    };
    if let Some(below) = below {
        replace(below, rest, with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_related_where_one_lies_within_the_other() {
        assert!(related("watchlist[3].symbol", "watchlist") && related("engine", "engine.workers"));
        assert!(related("input.streams", "input.streams[0].name") && related("engine.workers", "engine.workers"));
        assert!(!related("engine.worker", "engine.workers") && !related("watchlist[1]", "watchlist[12].symbol"));
        assert_eq!(
            parts("watchlist[3].strategy_overrides.macd_rsi"),
            ["watchlist", "3", "strategy_overrides", "macd_rsi"]
        );
    }
}
