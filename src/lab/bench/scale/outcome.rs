//! What a run of the model says. Pure.

use super::{costs::Costs, scenario::Scenario, world::World};
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Share of a second's bars that may be on their way without being a backlog.
const BACKLOG_S: f64 = 0.25;

/// How late signals were seen, ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// Median.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
    /// Longest.
    pub max_ns: u64,
}

impl Lateness {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50_ns: at(0.5), p99_ns: at(0.99), p999_ns: at(0.999), max_ns: histogram.max() }
    }
}

/// One second of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSecond {
    /// Of the signals of bars sent in it: how late they were seen.
    pub late: Lateness,
    /// Bars on their way at its end.
    pub behind: u64,
}

/// A node in a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NodeFigure {
    /// Zone at the end.
    pub zone: usize,
    /// Partitions.
    pub partitions: usize,
    /// Their bars per second.
    pub bars_per_s: f64,
    /// Share of a core that its process uses, until something is lost.
    pub utilisation: f64,
    /// The same in its busiest second.
    pub busiest: f64,
    /// Its network, inwards and outwards, Mbit/s on average.
    pub network_mbit: [f64; 2],
    /// Time without a primary, s.
    pub away_s: f64,
}

/// A host of engines in a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EngineFigure {
    /// Its zone.
    pub zone: usize,
    /// Partitions at the end.
    pub partitions: usize,
    /// Cores that its threads use, until something is lost.
    pub cores: f64,
    /// Cores in use on its machine in the busiest second.
    pub busiest: f64,
    /// Memory of its partitions at the end, MiB.
    pub memory_mib: f64,
}

/// What a run says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaleOutcome {
    /// What was run.
    pub scenario: Scenario,
    /// Under which seed.
    pub seed: u64,
    /// Bars sent.
    pub bars_in: u64,
    /// Bars whose transaction was committed.
    pub bars_out: u64,
    /// Bars on their way at the end.
    pub waiting: u64,
    /// Signals committed.
    pub signals: u64,
    /// Bars that a lost primary had taken, and that its replica may lack: their writer has to send them again.
    pub at_risk: u64,
    /// Partitions that another engine took over.
    pub moved: u64,
    /// Partitions whose node has no primary at the end.
    pub stranded: usize,
    /// How late signals were seen, all together.
    pub late: Lateness,
    /// The same, of bars sent before anything was lost.
    pub late_before: Lateness,
    /// Second by second.
    pub course: Vec<ModelSecond>,
    /// By node.
    pub nodes: Vec<NodeFigure>,
    /// By host of engines.
    pub engines: Vec<EngineFigure>,
    /// Share of a core that the busiest thread of a partition uses, until something is lost.
    pub busiest_thread: f64,
    /// Memory of the fullest node for the bars it keeps, MiB.
    pub kept_mib: f64,
    /// From the last loss until no more bars are on their way than before, s; `None` if nothing was lost, or if it never is.
    pub recovered_s: Option<f64>,
    /// Whether the load was held: no backlog at the end, no partition without a node.
    pub held: bool,
}

/// Runs the model.
///
/// # Errors
/// The scenario cannot be run, or costs of its form are missing.
pub fn simulate(scenario: &Scenario, costs: &Costs, seed: u64) -> Result<ScaleOutcome> {
    scenario.check()?;
    let mut world = World::new(scenario, costs.form(scenario.form)?, &costs.common, seed);
    world.run();
    outcome(&world, seed)
}

fn outcome(world: &World<'_>, seed: u64) -> Result<ScaleOutcome> {
    let scenario = world.scenario;
    let seconds = scenario.duration_s.ceil() as usize;
    let first_loss = scenario.losses.iter().map(|loss| loss.at_s).fold(scenario.duration_s, f64::min);
    let before = (first_loss as usize).clamp(1, seconds);
    let (mut all, mut early) = (Histogram::<u64>::new(2)?, Histogram::<u64>::new(2)?);
    for (second, late) in world.late.iter().enumerate() {
        all.add(late)?;
        if second < before {
            early.add(late)?;
        }
    }
    let course: Vec<ModelSecond> = (0..world.behind.len())
        .map(|second| ModelSecond {
            late: world.late.get(second).map(Lateness::of).unwrap_or_default(),
            behind: world.behind[second],
        })
        .collect();
    let stranded = world.parts.iter().filter(|part| !world.nodes[part.place.node].up).count();
    let recovered_s = recovery(scenario, &world.behind, before);
    let threads = world.parts.iter().map(|part| mean(&world.stations.of_station(part.thread, seconds)[..before]));
    let nodes = nodes(world, seconds, before);
    let kept = nodes.iter().map(|node| node.bars_per_s).fold(0.0, f64::max) * scenario.keep_s;
    let held = stranded == 0 && if scenario.losses.is_empty() { keeps_up(world) } else { recovered_s.is_some() };
    Ok(ScaleOutcome {
        scenario: scenario.clone(),
        seed,
        bars_in: world.bars_in,
        bars_out: world.bars_out,
        waiting: world.waiting(),
        signals: world.signals,
        at_risk: world.at_risk,
        moved: world.moved,
        stranded,
        late: Lateness::of(&all),
        late_before: Lateness::of(&early),
        course,
        engines: engines(world, seconds, before),
        busiest_thread: threads.fold(0.0, f64::max),
        kept_mib: kept * world.costs.bar_kept_bytes.median / f64::from(1 << 20),
        nodes,
        recovered_s,
        held,
    })
}

fn nodes(world: &World<'_>, seconds: usize, before: usize) -> Vec<NodeFigure> {
    let figure = |(number, node): (usize, &super::state::NodeState)| {
        let parts = world.parts.iter().filter(|part| part.place.node == number);
        let busy = world.stations.of_station(number, seconds);
        let away_ns = node.away_ns + if node.up { 0 } else { world.now - node.since };
        NodeFigure {
            zone: node.zone,
            partitions: parts.clone().count(),
            bars_per_s: parts.map(|part| part.place.bars_per_s).sum(),
            utilisation: mean(&busy[..before]),
            busiest: busy.iter().copied().fold(0.0, f64::max),
            network_mbit: node.bytes.map(|bytes| bytes * 8.0 / 1e6 / world.scenario.duration_s),
            away_s: away_ns as f64 / 1e9,
        }
    };
    world.nodes.iter().enumerate().map(figure).collect()
}

fn engines(world: &World<'_>, seconds: usize, before: usize) -> Vec<EngineFigure> {
    let common = world.common;
    let figure = |(number, engine): (usize, &super::state::EngineState)| {
        let parts = world.parts.iter().filter(|part| engine.up && part.place.engine == number);
        let symbols: usize = parts.clone().map(|part| part.place.symbols).sum();
        let busy = world.stations.of_machine(engine.machine, seconds);
        let own = world.parts.iter().zip(&world.homes).filter(|(_, home)| **home == number);
        let threads = own.map(|(part, _)| mean(&world.stations.of_station(part.thread, seconds)[..before]));
        EngineFigure {
            zone: engine.zone,
            partitions: parts.count(),
            cores: threads.sum(),
            busiest: busy.iter().copied().fold(0.0, f64::max),
            memory_mib: common.engine_mib.median + symbols as f64 * common.symbol_kib.median / 1_024.0,
        }
    };
    world.engines.iter().enumerate().map(figure).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Bars on their way that are no backlog: twice those of the seconds before anything was lost, and a little.
fn usual(scenario: &Scenario, behind: &[u64], before: usize) -> f64 {
    let most = behind.iter().take(before).copied().max().unwrap_or(0);
    2.0 * most as f64 + 0.02 * scenario.bars_per_s()
}

fn recovery(scenario: &Scenario, behind: &[u64], before: usize) -> Option<f64> {
    let last = scenario.losses.iter().map(|loss| loss.at_s).reduce(f64::max)?;
    let limit = usual(scenario, behind, before);
    // The loss itself falls into this second.
    let from = last as usize;
    let Some(late) = behind.iter().enumerate().skip(from).rev().find(|(_, bars)| **bars as f64 > limit) else {
        return Some(0.0);
    };
    // By the end of the second after the last in which there were more.
    let end = late.0 + 2;
    (end <= behind.len()).then_some(end as f64 - last)
}

/// Whether the backlog does not grow, judged as `bench throughput` judges a steady rate.
fn keeps_up(world: &World<'_>) -> bool {
    let third = world.behind.len().div_ceil(3);
    let part = |from: usize| {
        let values: Vec<f64> = world.behind.iter().skip(from).take(third).map(|&bars| bars as f64).collect();
        mean(&values)
    };
    let (middle, last, rate) = (part(third), part(world.behind.len() - third), world.scenario.bars_per_s());
    last < BACKLOG_S * rate && last < middle + 0.1 * rate
}
