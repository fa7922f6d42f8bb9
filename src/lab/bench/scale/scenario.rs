//! A deployment, its load and what it loses: as data.

use crate::lab::bench::bars::Form;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Greatest number of partitions that a configuration may have.
const PARTITIONS_MAX: usize = 256;

/// How the bars of a symbol lie in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// At equal distances, each symbol at a moment of its own.
    Even,
    /// At random: a Poisson process.
    #[default]
    Random,
    /// All symbols at the same instant.
    Burst,
}

/// Symbols that are busier than the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotSymbols {
    /// How many.
    pub symbols: usize,
    /// How many times the bars of another symbol each has.
    pub factor: f64,
    /// Whether each is placed by hand, in the partition that is least busy then; else by its hash.
    #[serde(default)]
    pub placed: bool,
}

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lost {
    /// The host of the primary of a node; its replica takes over.
    Node(usize),
    /// The host of an engine; the other engines take its partitions.
    Engine(usize),
    /// All hosts of a zone.
    Zone(usize),
}

/// A loss, and when. What is lost does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Since the start, s.
    pub at_s: f64,
    /// What is lost.
    pub what: Lost,
}

/// A deployment under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// Symbols.
    pub symbols: usize,
    /// Bars per second of a symbol that is not hot.
    pub rate: f64,
    /// How they lie in time.
    pub spread: Spread,
    /// Symbols that are busier.
    pub hot: Option<HotSymbols>,
    /// Form of bars and signals.
    pub form: Form,
    /// Bars of a frame, at most; a partition that is not busy sends what [`gather_ms`](Self::gather_ms) gathers.
    pub frame: usize,
    /// How long bars are gathered for a frame, ms.
    pub gather_ms: f64,
    /// Partitions of the symbols.
    pub partitions: usize,
    /// Nodes of the cluster: primaries, each with a replica in another zone. One is a server without a cluster.
    pub nodes: usize,
    /// Zones, over which nodes and engines are spread.
    pub zones: usize,
    /// Hosts of engines.
    pub engines: usize,
    /// Cores of each of them.
    pub cores: usize,
    /// Programs that read the signals.
    pub readers: usize,
    /// Bandwidth of a node's network, each way, Gbit/s.
    pub network_gbit: f64,
    /// From host to host within a zone, one way, µs, beside the hop that was measured.
    pub network_us: f64,
    /// The same between zones, µs.
    pub zone_us: f64,
    /// From the loss of a primary until its replica serves, ms: `cluster-node-timeout`, and a vote.
    pub failover_ms: f64,
    /// How far a replica is behind, ms.
    pub replica_lag_ms: f64,
    /// Length of the lease of a partition, ms: `redis.lease_ms`.
    pub lease_ms: f64,
    /// Longest wait of a batch without a signal, ms: `output.batch_interval_ms`.
    pub batch_ms: f64,
    /// Maximum number of entries per read: `input.read_count`.
    pub read_count: usize,
    /// How long bars are kept in their stream, s.
    pub keep_s: f64,
    /// Cores of the one machine that everything runs on, the load too; 0: a machine for each node and each engine.
    pub one_machine: usize,
    /// Length, s.
    pub duration_s: f64,
    /// What is lost meanwhile.
    pub losses: Vec<Loss>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "custom".to_owned(),
            about: String::new(),
            symbols: 10_000,
            rate: 1.0,
            spread: Spread::Random,
            hot: None,
            form: Form::Legacy,
            frame: 64,
            gather_ms: 10.0,
            partitions: 32,
            nodes: 3,
            zones: 3,
            engines: 3,
            cores: 8,
            readers: 1,
            network_gbit: 10.0,
            network_us: 50.0,
            zone_us: 500.0,
            failover_ms: 6_000.0,
            replica_lag_ms: 5.0,
            lease_ms: 3_000.0,
            batch_ms: 100.0,
            read_count: 1_000,
            keep_s: 600.0,
            one_machine: 0,
            duration_s: 20.0,
            losses: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    scenario: Vec<Scenario>,
}

impl Scenario {
    /// The scenarios of the repository.
    ///
    /// # Errors
    /// The embedded file is wrong; a test reads it.
    pub fn built_in() -> Result<Vec<Self>> {
        let file: ScenarioFile = toml::from_str(include_str!("../../../../perf/scale/scenarios.toml"))?;
        Ok(file.scenario)
    }

    /// A scenario by its name, or from a file.
    ///
    /// # Errors
    /// There is neither, or the file holds something else.
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::built_in()?;
        if let Some(found) = all.iter().find(|scenario| scenario.name == name) {
            return Ok(found.clone());
        }
        let names: Vec<&str> = all.iter().map(|scenario| scenario.name.as_str()).collect();
        let text = std::fs::read_to_string(Path::new(name))
            .with_context(|| format!("{name:?} is neither a file nor one of the scenarios {}", names.join(", ")))?;
        toml::from_str(&text).with_context(|| format!("{name} is no scenario"))
    }

    /// Bars per second of all symbols.
    #[must_use]
    pub fn bars_per_s(&self) -> f64 {
        let hot = self.hot.map_or(0.0, |hot| hot.symbols as f64 * (hot.factor - 1.0));
        self.rate * (self.symbols as f64 + hot)
    }

    /// Whether it can be run.
    ///
    /// # Errors
    /// What cannot be, and what is allowed.
    pub fn check(&self) -> Result<()> {
        let wholes = [
            ("symbols", self.symbols, 1, 10_000_000),
            ("partitions", self.partitions, 1, PARTITIONS_MAX),
            ("nodes", self.nodes, 1, 1_000),
            ("zones", self.zones, 1, 100),
            ("engines", self.engines, 1, 1_000),
            ("cores", self.cores, 1, 1_024),
            ("readers", self.readers, 0, 1_000),
            ("frame", self.frame, 1, crate::feed::MAX_FRAME_RECORDS),
            ("read_count", self.read_count, 1, 1_000_000),
            ("one_machine", self.one_machine, 0, 1_024),
        ];
        for (name, value, least, most) in wholes {
            ensure!((least..=most).contains(&value), "{name} is {value}; allowed: {least} to {most}");
        }
        let times = [
            ("rate", self.rate, 1e-6, 1e6),
            ("network_gbit", self.network_gbit, 1e-3, 1e4),
            ("network_us", self.network_us, 0.0, 1e6),
            ("zone_us", self.zone_us, 0.0, 1e6),
            ("gather_ms", self.gather_ms, 0.0, 1e5),
            ("failover_ms", self.failover_ms, 0.0, 1e6),
            ("replica_lag_ms", self.replica_lag_ms, 0.0, 1e6),
            ("lease_ms", self.lease_ms, 0.0, 1e6),
            ("batch_ms", self.batch_ms, 0.0, 6e4),
            ("keep_s", self.keep_s, 0.0, 1e7),
            ("duration_s", self.duration_s, 1.0, 3_600.0),
        ];
        for (name, value, least, most) in times {
            ensure!((least..=most).contains(&value), "{name} is {value}; allowed: {least} to {most}");
        }
        if let Some(HotSymbols { symbols, factor, .. }) = self.hot {
            ensure!(symbols <= self.symbols, "{symbols} hot symbols of {} symbols", self.symbols);
            ensure!((1.0..=1e6).contains(&factor), "hot symbols have {factor} times the bars; allowed: 1 to 1000000");
        }
        self.losses.iter().try_for_each(|loss| self.check_loss(loss))
    }

    fn check_loss(&self, loss: &Loss) -> Result<()> {
        let (name, index, count) = match loss.what {
            Lost::Node(index) => ("node", index, self.nodes),
            Lost::Engine(index) => ("engine", index, self.engines),
            Lost::Zone(index) => ("zone", index, self.zones),
        };
        if index >= count {
            bail!("{name} {index} is lost, but there are {count}, counted from 0");
        }
        ensure!(
            (0.0..self.duration_s).contains(&loss.at_s),
            "{name} {index} is lost at {} s of {} s",
            loss.at_s,
            self.duration_s
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenarios_of_the_repository_can_be_run() {
        let all = Scenario::built_in().unwrap();
        assert!(all.len() >= 5);
        for scenario in &all {
            scenario.check().unwrap();
            assert!(!scenario.about.is_empty(), "{}", scenario.name);
            assert_eq!(&Scenario::named(&scenario.name).unwrap(), scenario);
        }
        let error = Scenario::named("no-such").unwrap_err().to_string();
        assert!(error.contains(&all[0].name), "{error}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |change: fn(&mut Scenario)| {
            let mut scenario = Scenario::default();
            change(&mut scenario);
            scenario.check().unwrap_err().to_string()
        };
        assert!(refused(|s| s.partitions = 257).contains("1 to 256"));
        assert!(refused(|s| s.rate = f64::NAN).contains("rate"));
        assert!(refused(|s| s.hot = Some(HotSymbols { symbols: 10_001, factor: 2.0, placed: false })).contains("hot"));
        let lost = refused(|s| s.losses = vec![Loss { at_s: 1.0, what: Lost::Zone(3) }]);
        assert_eq!(lost, "zone 3 is lost, but there are 3, counted from 0");
        assert!(refused(|s| s.losses = vec![Loss { at_s: 20.0, what: Lost::Node(0) }]).contains("at 20 s of 20 s"));
        assert!(toml::from_str::<Scenario>("symbol = 3").is_err());
    }
}
