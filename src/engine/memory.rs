//! Memory by component, written by its owners when they grow.

use crate::telemetry::Counter;

/// Bytes held by the parts of an engine.
#[derive(Debug)]
pub struct Memory {
    rings: u64,
    /// Symbol table and admission.
    pub intake: Counter,
    /// Open bars.
    pub aggregator: Counter,
    /// Cells, by worker.
    pub cells: Vec<Counter>,
    /// Queues of the merge.
    pub merge: Counter,
    /// Active signals and cooldowns.
    pub correlator: Counter,
    /// Latest values.
    pub output: Counter,
    /// What the signals are worth.
    pub judge: Counter,
    /// How often histories longer than windows need are halved, because memory is short.
    pub halvings: Counter,
    /// What symbols have in common.
    pub cross: Counter,
}

impl Memory {
    /// The rings only.
    #[must_use]
    pub fn new(ring_bytes: usize, workers: usize) -> Self {
        Self {
            rings: ring_bytes as u64,
            intake: Counter::default(),
            aggregator: Counter::default(),
            cells: (0..workers).map(|_| Counter::default()).collect(),
            merge: Counter::default(),
            correlator: Counter::default(),
            output: Counter::default(),
            judge: Counter::default(),
            halvings: Counter::default(),
            cross: Counter::default(),
        }
    }

    /// Bytes by component.
    #[must_use]
    pub fn read(&self) -> Vec<(String, u64)> {
        let cells = self.cells.iter().map(Counter::get).sum();
        [
            ("rings", self.rings),
            ("symbols", self.intake.get()),
            ("open bars", self.aggregator.get()),
            ("cells", cells),
            ("merge", self.merge.get()),
            ("correlator", self.correlator.get()),
            ("latest values", self.output.get()),
            ("signals' worth", self.judge.get()),
            ("correlation across assets", self.cross.get()),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .into()
    }
}
