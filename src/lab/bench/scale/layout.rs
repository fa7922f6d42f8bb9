//! Who is where: symbols in partitions as the engine divides them, partitions on nodes by their slots, engines in zones.

use super::scenario::Scenario;
use crate::{
    config::PartitionMap,
    lab::bench::bars::symbol_name,
    redis_io::{SLOTS, slot},
};

/// A partition and its load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartPlace {
    /// Symbols in it.
    pub symbols: usize,
    /// Their bars per second.
    pub bars_per_s: f64,
    /// The node that has its slot.
    pub node: usize,
    /// The engine that owns it at the start.
    pub engine: usize,
}

/// Where everything is at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// By partition.
    pub parts: Vec<PartPlace>,
    /// By node: the zone of its primary.
    pub node_zone: Vec<usize>,
    /// By node: the zone of its replica.
    pub replica_zone: Vec<usize>,
    /// By engine: its zone.
    pub engine_zone: Vec<usize>,
}

impl Layout {
    /// The layout of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let Scenario { nodes, zones, engines, partitions, .. } = *scenario;
        let node_zone: Vec<usize> = (0..nodes).map(|node| node % zones).collect();
        // In another zone, and the replicas of one zone spread over the others.
        let replica = |node: usize| match zones {
            1 => 0,
            _ => (node % zones + 1 + node / zones % (zones - 1)) % zones,
        };
        let engine_zone: Vec<usize> = (0..engines).map(|engine| engine % zones).collect();
        let loads = loads(scenario);
        let tags = PartitionMap::new(partitions).tags();
        let node_of = |tag: &String| if partitions == 1 { 0 } else { node_of_slot(slot(tag.as_bytes()), nodes) };
        let mut parts: Vec<PartPlace> = loads
            .into_iter()
            .zip(&tags)
            .map(|((symbols, bars_per_s), tag)| PartPlace { symbols, bars_per_s, node: node_of(tag), engine: 0 })
            .collect();
        // The busiest first, each to the engine that has least to do, of the zone of its node if that has any.
        let mut order: Vec<usize> = (0..partitions).collect();
        order.sort_by(|&a, &b| parts[b].bars_per_s.total_cmp(&parts[a].bars_per_s).then(a.cmp(&b)));
        let mut load = vec![0.0; engines];
        for part in order {
            let zone = node_zone[parts[part].node];
            let near: Vec<usize> = (0..engines).filter(|&engine| engine_zone[engine] == zone).collect();
            let candidates = if near.is_empty() { (0..engines).collect() } else { near };
            let engine = least(&candidates, &load).unwrap_or(0);
            load[engine] += parts[part].bars_per_s;
            parts[part].engine = engine;
        }
        Self { parts, node_zone, replica_zone: (0..nodes).map(replica).collect(), engine_zone }
    }
}

/// The one of these with the least load; of two the first.
pub fn least(candidates: &[usize], load: &[f64]) -> Option<usize> {
    candidates.iter().copied().min_by(|&a, &b| load[a].total_cmp(&load[b]))
}

/// By partition: its symbols, and their bars per second.
fn loads(scenario: &Scenario) -> Vec<(usize, f64)> {
    let mut map = PartitionMap::new(scenario.partitions);
    let hot = scenario.hot.map_or(0, |hot| hot.symbols);
    let mut loads = vec![(0, 0.0); scenario.partitions];
    for symbol in hot..scenario.symbols {
        let own = &mut loads[map.of(&symbol_name(symbol))];
        *own = (own.0 + 1, own.1 + scenario.rate);
    }
    let Some(hot) = scenario.hot else { return loads };
    for symbol in 0..hot.symbols {
        let name = symbol_name(symbol);
        if hot.placed {
            let rates: Vec<f64> = loads.iter().map(|load| load.1).collect();
            let all: Vec<usize> = (0..loads.len()).collect();
            map.overrides.insert(name.clone(), least(&all, &rates).unwrap_or(0));
        }
        let own = &mut loads[map.of(&name)];
        *own = (own.0 + 1, own.1 + scenario.rate * hot.factor);
    }
    loads
}

/// The node of a slot, as `redis-cli --cluster create` deals them.
fn node_of_slot(slot: u16, nodes: usize) -> usize {
    let per_node = f64::from(SLOTS) / nodes as f64;
    (0..nodes).find(|&node| f64::from(slot) <= (per_node * (node + 1) as f64 - 1.0).round()).unwrap_or(nodes - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::scale::scenario::HotSymbols;

    #[test]
    fn everything_is_somewhere_and_evenly() {
        let scenario = Scenario { nodes: 6, engines: 6, partitions: 24, ..Scenario::default() };
        let layout = Layout::new(&scenario);
        let Layout { parts, node_zone, replica_zone, engine_zone } = &layout;
        assert_eq!(parts.iter().map(|part| part.symbols).sum::<usize>(), scenario.symbols);
        let all: f64 = parts.iter().map(|part| part.bars_per_s).sum();
        assert!((all - scenario.bars_per_s()).abs() < 1e-6);
        for node in 0..6 {
            assert_eq!(parts.iter().filter(|part| part.node == node).count(), 4);
            assert_ne!(node_zone[node], replica_zone[node]);
        }
        assert_eq!((0..6).filter(|&node| node_zone[node] == 0).map(|node| replica_zone[node]).sum::<usize>(), 1 + 2);
        let near = |part: &&PartPlace| engine_zone[part.engine] == node_zone[part.node];
        assert_eq!(parts.iter().filter(near).count(), parts.len());
    }

    #[test]
    fn hot_symbols_make_their_partitions_busy_unless_they_are_placed() {
        let busiest = |hot: Option<HotSymbols>| {
            let parts = Layout::new(&Scenario { hot, ..Scenario::default() }).parts;
            assert_eq!(parts.iter().map(|part| part.symbols).sum::<usize>(), 10_000);
            parts.iter().map(|part| part.bars_per_s).fold(0.0, f64::max)
        };
        let hot = |placed| Some(HotSymbols { symbols: 32, factor: 500.0, placed });
        let (none, hashed, placed) = (busiest(None), busiest(hot(false)), busiest(hot(true)));
        assert!(none < placed && placed < 0.7 * hashed, "{none} {placed} {hashed}");
    }
}
