//! What happens when a host or a zone is lost: replicas and other engines take over.

use super::{
    agenda::Happening,
    layout::least,
    scenario::Lost,
    state::Task,
    world::{World, us},
};

impl World<'_> {
    /// Something is lost.
    pub fn lose(&mut self, what: Lost) {
        let (nodes, engines): (Vec<usize>, Vec<usize>) = match what {
            Lost::Node(node) => (vec![node], Vec::new()),
            Lost::Engine(engine) => (Vec::new(), vec![engine]),
            Lost::Zone(zone) => {
                self.zone_lost[zone] = true;
                let nodes = (0..self.nodes.len()).filter(|&node| self.nodes[node].zone == zone).collect();
                (nodes, (0..self.engines.len()).filter(|&engine| self.engines[engine].zone == zone).collect())
            }
        };
        nodes.iter().for_each(|&node| self.lose_node(node));
        // The primaries that are left vote; a server without a cluster has Sentinels elsewhere.
        let up = self.nodes.iter().filter(|node| node.up).count();
        if 2 * up > self.nodes.len() || self.nodes.len() == 1 {
            let at = self.now + us(self.scenario.failover_ms * 1e3);
            nodes.into_iter().for_each(|node| self.at(at, Happening::Promote(node)));
        }
        engines.into_iter().for_each(|engine| self.lose_engine(engine));
    }

    fn lose_node(&mut self, node: usize) {
        let now = self.now;
        let own = &mut self.nodes[node];
        if !std::mem::replace(&mut own.up, false) {
            return;
        }
        own.since = now;
        let lag = us(self.scenario.replica_lag_ms * 1e3);
        self.at_risk += own.fresh.drain(..).filter(|(at, _)| at + lag >= now).map(|(_, bars)| bars).sum::<u64>();
        let machine = own.machine;
        let (lost, next) = self.stations.fail(node, machine, now);
        self.start(next);
        for work in lost {
            match work {
                Task::Write { part, parcel } => self.parts[part].held.push_back(parcel),
                Task::Give { .. } => self.nodes[node].unseen.push(work),
                _ => {}
            }
        }
        self.parts.iter_mut().filter(|part| part.place.node == node).for_each(|part| part.reset());
    }

    /// The replica of a node serves: the writer sends what it holds, engines read on from their positions.
    pub fn promote(&mut self, node: usize) {
        let now = self.now;
        let own = &mut self.nodes[node];
        let Some(zone) = own.replica.take().filter(|&zone| !self.zone_lost[zone] && !own.up) else { return };
        (own.zone, own.up, own.free) = (zone, true, [now; 2]);
        own.away_ns += now - own.since;
        let unseen = std::mem::take(&mut own.unseen);
        unseen.into_iter().for_each(|work| self.arrive(node, work));
        for part in 0..self.parts.len() {
            if self.parts[part].place.node != node {
                continue;
            }
            for parcel in std::mem::take(&mut self.parts[part].held) {
                self.send(part, parcel);
            }
            self.ask(part);
        }
    }

    fn lose_engine(&mut self, engine: usize) {
        self.engines[engine].up = false;
        let at = self.now + us(self.scenario.lease_ms * 1e3);
        for part in 0..self.parts.len() {
            let own = &mut self.parts[part];
            if own.place.engine != engine {
                continue;
            }
            own.reset();
            own.ready = false;
            let (_, next) = self.stations.fail(own.thread, self.engines[engine].machine, self.now);
            self.start(next);
            self.at(at, Happening::Adopt(part));
        }
    }

    /// The engine with the least load, of the zone of its node if one lives there, takes a partition.
    pub fn adopt(&mut self, part: usize) {
        if self.engines[self.parts[part].place.engine].up {
            return;
        }
        let zone = self.nodes[self.parts[part].place.node].zone;
        let mut load = vec![0.0; self.engines.len()];
        for own in self.parts.iter().filter(|own| self.engines[own.place.engine].up) {
            load[own.place.engine] += own.place.bars_per_s;
        }
        let up: Vec<usize> = (0..self.engines.len()).filter(|&engine| self.engines[engine].up).collect();
        let near = up.iter().copied().filter(|&engine| self.engines[engine].zone == zone);
        let near: Vec<usize> = near.collect();
        // Of the others too, where those nearby have more to do than they.
        let best = least(&up, &load);
        let nearest = least(&near, &load).filter(|&engine| best.is_some_and(|best| load[engine] <= 1.25 * load[best]));
        let Some(engine) = nearest.or(best) else { return };
        let machine = self.engines[engine].machine;
        let own = &mut self.parts[part];
        own.place.engine = engine;
        let (thread, epoch) = (own.thread, own.epoch);
        let (_, next) = self.stations.fail(thread, machine, self.now);
        self.start(next);
        self.moved += 1;
        self.arrive(thread, Task::Restore { part, epoch });
    }
}
