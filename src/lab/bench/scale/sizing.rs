//! What a load needs: the fewest hosts with which the model holds it, even when a zone is lost. Pure.

use super::{
    costs::Costs,
    outcome::{ScaleOutcome, simulate},
    scenario::{Loss, Lost, Scenario},
};
use crate::lab::bench::bars::Form;
use anyhow::{Result, bail};

/// Busiest node, at most: the rest is for catching up after a failover, and for hours that are busier than the average.
const NODE_SHARE: f64 = 0.6;
/// Busiest thread of a partition, at most.
const THREAD_SHARE: f64 = 0.5;
/// Cores of the engines in use while a zone is away, at most.
const CORES_SHARE: f64 = 0.7;
/// Sizes of hosts that can be bought, cores.
const SIZES: [usize; 5] = [2, 4, 8, 16, 32];
/// Zones: with two, the loss of one leaves no majority.
const ZONES: usize = 3;
const PARTITIONS_MAX: usize = 256;
/// Attempts to find what holds.
const ATTEMPTS: usize = 12;

/// A load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleLoad {
    /// Symbols.
    pub symbols: usize,
    /// Bars per second of each.
    pub rate: f64,
    /// Form of bars and signals.
    pub form: Form,
}

/// What holds a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchase {
    /// The load, undisturbed.
    pub calm: ScaleOutcome,
    /// The same, while a zone is lost.
    pub lost: ScaleOutcome,
}

/// Finds what holds a load.
///
/// # Errors
/// Costs of the form are missing, or the load is more than the greatest number of partitions can hold.
pub fn purchase(load: ScaleLoad, costs: &Costs, seed: u64) -> Result<Purchase> {
    let mut scenario = Scenario {
        name: "purchase".to_owned(),
        symbols: load.symbols,
        rate: load.rate,
        form: load.form,
        partitions: 2 * ZONES,
        nodes: ZONES,
        zones: ZONES,
        engines: ZONES,
        cores: SIZES[0],
        duration_s: 4.0,
        ..Scenario::default()
    };
    for _ in 0..ATTEMPTS {
        // Engines that are never short of cores, to see how many they use.
        let trial = simulate(&Scenario { cores: 1_024, ..scenario.clone() }, costs, seed)?;
        if grow(&mut scenario, &trial)? {
            continue;
        }
        let cores: f64 = trial.engines.iter().map(|engine| engine.cores).sum();
        size_engines(&mut scenario, cores);
        let calm = simulate(&Scenario { duration_s: 10.0, ..scenario.clone() }, costs, seed)?;
        let losses = vec![Loss { at_s: 5.0, what: Lost::Zone(0) }];
        let lost = simulate(&Scenario { duration_s: 45.0, losses, ..scenario.clone() }, costs, seed)?;
        if calm.held && lost.held {
            return Ok(Purchase { calm, lost });
        }
        scenario.nodes += ZONES;
        scenario.partitions = partitions(&scenario, scenario.partitions);
    }
    bail!("nothing was found that holds {:.0} bars/s", scenario.bars_per_s())
}

/// More nodes or partitions, if those of a trial were too busy.
fn grow(scenario: &mut Scenario, trial: &ScaleOutcome) -> Result<bool> {
    let node = trial.nodes.iter().map(|node| node.utilisation).fold(0.0, f64::max);
    let thread = trial.busiest_thread;
    let before = (scenario.nodes, scenario.partitions);
    if node > NODE_SHARE || !trial.held {
        let wanted = (scenario.nodes as f64 * node / NODE_SHARE / ZONES as f64).ceil() as usize * ZONES;
        scenario.nodes = wanted.max(scenario.nodes + ZONES);
    }
    let wanted = (scenario.partitions as f64 * thread / THREAD_SHARE).ceil() as usize;
    scenario.partitions = partitions(scenario, wanted.max(scenario.partitions));
    if scenario.nodes > PARTITIONS_MAX || (scenario.partitions == PARTITIONS_MAX && thread > THREAD_SHARE) {
        bail!(
            "{:.0} bars/s are more than {PARTITIONS_MAX} partitions hold: the busiest thread uses {:.0}% of a core",
            scenario.bars_per_s(),
            100.0 * thread
        );
    }
    Ok(before != (scenario.nodes, scenario.partitions))
}

/// At least so many partitions, and as many on each node.
fn partitions(scenario: &Scenario, wanted: usize) -> usize {
    let nodes = scenario.nodes;
    let each = wanted.div_ceil(nodes).max(2);
    (each * nodes).min(PARTITIONS_MAX)
}

/// Hosts of engines that have cores enough while those of a zone are away.
fn size_engines(scenario: &mut Scenario, cores: f64) {
    let left = (ZONES - 1) as f64 / ZONES as f64;
    let needed = cores / CORES_SHARE / left;
    let largest = SIZES[SIZES.len() - 1];
    scenario.engines = (needed / largest as f64 / ZONES as f64).ceil().max(1.0) as usize * ZONES;
    let each = needed / scenario.engines as f64;
    scenario.cores = SIZES.into_iter().find(|&size| size as f64 >= each).unwrap_or(largest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::scale::costs::testing::costs;

    #[test]
    fn more_bars_need_more_and_frames_need_less() {
        // Costs of a slow host, so that few bars fill it.
        let slow = |mut costs: Costs| {
            for (form, times) in [(&mut costs.legacy, 240.0), (&mut costs.compact, 100.0)] {
                let form = form.as_mut().unwrap();
                form.write_us.median *= times;
                form.bar_ns.median *= 2_000.0;
            }
            costs
        };
        let of = |symbols, form| purchase(ScaleLoad { symbols, rate: 1.0, form }, &slow(costs()), 1).unwrap();
        let (few, many, framed) = (of(500, Form::Legacy), of(6_000, Form::Legacy), of(6_000, Form::Compact));
        let nodes = |purchase: &Purchase| purchase.calm.scenario.nodes;
        let cores = |purchase: &Purchase| purchase.calm.scenario.engines * purchase.calm.scenario.cores;
        assert!(nodes(&few) == 3 && nodes(&many) > 3 && nodes(&framed) == 3, "{many:?}");
        assert!(cores(&many) > cores(&few) && cores(&many) > cores(&framed));
        for purchase in [&few, &many, &framed] {
            assert!(purchase.calm.held && purchase.lost.held);
            assert!(purchase.calm.nodes.iter().all(|node| node.utilisation <= NODE_SHARE + 0.02));
            assert!(purchase.calm.scenario.partitions.is_multiple_of(nodes(purchase)));
        }
    }

    #[test]
    fn what_no_number_of_partitions_holds_is_said() {
        let mut costs = costs();
        costs.legacy.as_mut().unwrap().bar_ns.median = 1e9;
        let error = purchase(ScaleLoad { symbols: 1_000, rate: 1.0, form: Form::Legacy }, &costs, 1).unwrap_err();
        assert!(error.to_string().contains("more than 256 partitions hold"), "{error}");
    }
}
