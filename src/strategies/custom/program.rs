//! The custom strategies of a timeframe, compiled: a flat list of steps over registers, and how the memory of its cells is
//! laid out.

use super::{
    fault::ExpressionFault,
    graph::{Field, Graph, Id, Node},
    lower::Lowering,
    ops::{Ops, Step},
};
use crate::{
    lanes::Line,
    model::{CustomStrategy, Side},
};

/// A custom strategy on one timeframe, as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CustomRule<'a> {
    /// Which it is.
    pub strategy: CustomStrategy,
    /// The side of its signals.
    pub side: Side,
    /// The condition under which it gives one.
    pub when: &'a str,
    /// How sure it is then.
    pub confidence: &'a str,
    /// Confidence below which it gives none, in [0, 1].
    pub min_confidence: f64,
    /// Whether it gives one on every bar on which the condition holds, not only on the first.
    pub every_bar: bool,
    /// The symbols that it runs on; `None` for all.
    pub symbols: Option<&'a [String]>,
}

/// What a strategy reads of the registers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub strategy: CustomStrategy,
    pub side: Side,
    pub when: Id,
    pub confidence: Id,
    pub min_confidence: f64,
    pub every_bar: bool,
    pub symbols: Option<Vec<String>>,
}

/// What steps write: each value is a number or a truth, and has a place in both.
#[derive(Debug)]
pub(super) struct Registers {
    /// A number of each of eight cells.
    pub numbers: Vec<Line>,
    /// Bit k: it is true of cell k.
    pub truths: Vec<u8>,
}

/// The custom strategies of one timeframe, ready to run.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub(super) steps: Vec<Step>,
    /// How many bars back the steps look into windows, each with first line and mask: what lies there is asked for before.
    pub(super) looks: Vec<(u32, (u32, u32))>,
    /// Those that only confidences need: taken where a condition holds.
    pub(super) late: Vec<Step>,
    /// What is read of bars, with its registers.
    pub(super) fields: Vec<(Field, Id)>,
    /// Constants with their registers.
    pub(super) constants: Vec<(Id, f64)>,
    pub(super) registers: usize,
    pub(super) outcomes: Vec<Outcome>,
    /// What every line of a cell's memory is before the first bar.
    pub(super) initial: Vec<f64>,
    /// The steps as they are taken.
    pub(super) ops: Ops,
    /// Bars after which everything is defined, and after which nothing from before them matters.
    horizons: [u64; 2],
}

impl PartialEq for Program {
    /// Constants that are undefined are equal as well.
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity() && self.outcomes == other.outcomes
    }
}

/// Which of the two expressions of a strategy is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulePart {
    /// `when`
    When,
    /// `confidence`
    Confidence,
}

impl Program {
    /// Compiles the strategies of a timeframe, in the order of their places. Allocates.
    ///
    /// # Errors
    /// The first fault of every strategy that has one: its number among them, the expression, and where in it.
    pub fn compile(rules: &[CustomRule<'_>]) -> Result<Self, Vec<(usize, RulePart, ExpressionFault)>> {
        let (mut graph, mut outcomes, mut faults) = (Graph::default(), Vec::new(), Vec::new());
        for (number, rule) in rules.iter().enumerate() {
            let when = Lowering::new(&mut graph).condition_of(rule.when);
            let confidence = Lowering::new(&mut graph).number_of(rule.confidence);
            match (when, confidence) {
                (Ok(when), Ok(confidence)) => {
                    let CustomRule { strategy, side, min_confidence, every_bar, symbols, .. } = *rule;
                    let symbols = symbols.map(<[String]>::to_vec);
                    outcomes.push(Outcome { strategy, side, when, confidence, min_confidence, every_bar, symbols });
                }
                (when, confidence) => {
                    faults.extend(when.err().map(|fault| (number, RulePart::When, fault)));
                    faults.extend(confidence.err().map(|fault| (number, RulePart::Confidence, fault)));
                }
            }
        }
        if faults.is_empty() { Ok(Self::of(&graph, outcomes)) } else { Err(faults) }
    }

    fn of(graph: &Graph, outcomes: Vec<Outcome>) -> Self {
        let used = used(graph, &outcomes);
        let register = |id: Id| used[..usize::from(id)].iter().filter(|used| **used).count() as Id;
        let mut program = Self { registers: used.iter().filter(|used| **used).count(), ..Self::default() };
        let nodes = graph.nodes.iter().zip(&used).filter(|(_, used)| **used).map(|(node, _)| node.renumbered(register));
        let nodes: Vec<Node> = nodes.collect();
        // How far back each register is looked at, and where its past lies.
        let mut depths = vec![0; nodes.len()];
        for (source, n) in nodes.iter().filter_map(Node::window) {
            let depth: &mut u32 = &mut depths[usize::from(source)];
            *depth = n.max(*depth);
        }
        let mut windows = vec![(0, 0); nodes.len()];
        let early = early(&nodes, outcomes.iter().map(|outcome| register(outcome.when)));
        for (to, node) in nodes.iter().enumerate() {
            match *node {
                Node::Const(value) => program.constants.push((to as Id, value)),
                Node::Field(field) => program.fields.push((field, to as Id)),
                node => {
                    let window = node.window().map_or((0, 0), |(source, _)| windows[usize::from(source)]);
                    let memory = program.initial.len() as u32;
                    program.initial.extend(remembers(&node));
                    let steps = if early[to] { &mut program.steps } else { &mut program.late };
                    steps.push(Step { node, to: to as Id, memory, window });
                }
            }
            if depths[to] > 0 {
                let length = (depths[to] + 1).next_power_of_two();
                windows[to] = (program.initial.len() as u32, length - 1);
                program.initial.extend(std::iter::repeat_n(f64::NAN, length as usize));
                let (to, window) = (to as Id, windows[to]);
                let node = if node.is_truth() { Node::Truths(to) } else { Node::Keep(to) };
                program.steps.push(Step { node, to, memory: 0, window });
            }
        }
        let back = |step: &Step| step.node.window().map_or(0, |(_, back)| back);
        let looks = program.steps.iter().filter(|step| step.window.1 > 0).map(|step| (back(step), step.window));
        program.looks = looks.collect();
        program.horizons = horizons(&nodes);
        let renumbered = |outcome: Outcome| Outcome {
            when: register(outcome.when),
            confidence: register(outcome.confidence),
            ..outcome
        };
        program.outcomes = outcomes.into_iter().map(renumbered).collect();
        let read = program.outcomes.iter().flat_map(|outcome| [outcome.when, outcome.confidence]);
        let undefined = program.constants.iter().filter(|(_, value)| value.is_nan()).map(|(id, _)| *id);
        program.ops = Ops::of(&program.steps, &program.late, read, &undefined.collect::<Vec<_>>());
        program
    }

    /// What the memory of its cells depends on, in words that mean the same in every process.
    #[must_use]
    pub fn identity(&self) -> String {
        let outcome = |outcome: &Outcome| format!("{} {} {}", outcome.strategy.name(), outcome.when, outcome.every_bar);
        let outcomes: Vec<String> = self.outcomes.iter().map(outcome).collect();
        format!("{:?} {:?} {:?} {outcomes:?}", self.steps, self.fields, self.constants)
    }

    /// Whether there is nothing to compute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Bars after which every value of a cell is defined, where all that it divides by is above or below 0.
    #[must_use]
    pub fn defined_after(&self) -> u64 {
        self.horizons[0]
    }

    /// Bars after which nothing from before them weighs more than a thousandth in any value.
    #[must_use]
    pub fn settling_bars(&self) -> u64 {
        self.horizons[1]
    }

    /// Registers of numbers, and of truths, with the constants in them.
    pub(super) fn new_registers(&self) -> Registers {
        let mut registers = Registers { numbers: vec![Line::NAN; self.registers], truths: vec![0; self.registers] };
        for &(register, value) in &self.constants {
            registers.numbers[usize::from(register)] = Line([value; 8]);
            registers.truths[usize::from(register)] = if value > 0.5 { u8::MAX } else { 0 };
        }
        registers
    }
}

/// Which values some strategy needs.
fn used(graph: &Graph, outcomes: &[Outcome]) -> Vec<bool> {
    let mut used = vec![false; graph.nodes.len()];
    for outcome in outcomes {
        (used[usize::from(outcome.when)], used[usize::from(outcome.confidence)]) = (true, true);
    }
    // What a value is made of comes before it.
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        if used[id] {
            node.reads().for_each(|read| used[usize::from(read)] = true);
        }
    }
    used
}

/// Which of the nodes are needed on every bar: by a condition, or by what remembers something.
fn early(nodes: &[Node], conditions: impl Iterator<Item = Id>) -> Vec<bool> {
    let mut early: Vec<bool> = nodes.iter().map(Node::remembers).collect();
    conditions.for_each(|condition| early[usize::from(condition)] = true);
    for (id, node) in nodes.iter().enumerate().rev() {
        if early[id] {
            node.reads().for_each(|read| early[usize::from(read)] = true);
        }
    }
    early
}

/// What a step remembers before the first bar, line by line.
fn remembers(node: &Node) -> impl Iterator<Item = f64> {
    const NONE: f64 = f64::NAN;
    let (words, count): ([f64; 5], usize) = match *node {
        Node::Last(_) => ([NONE; 5], 1),
        // Sum, its rounding error, the last value, how many of the newest are equal to it, how many are undefined.
        Node::Mean(_, n) => ([0.0, 0.0, NONE, 0.0, f64::from(n)], 5),
        // The extreme, the number of its bar, how many are undefined.
        Node::Highest(_, n) | Node::Lowest(_, n) => ([NONE, NONE, f64::from(n), 0.0, 0.0], 3),
        // Sum, how many are undefined.
        Node::Count(_, n) => ([0.0, f64::from(n), 0.0, 0.0, 0.0], 2),
        // The average, the sum of the first values, how many there were.
        Node::Ema(..) => ([NONE, 0.0, 0.0, 0.0, 0.0], 3),
        // The average, how many there were.
        Node::Wilder(..) => ([0.0; 5], 2),
        // The last value, average gain and loss, how many changes there were, the index.
        Node::Rsi(..) => ([NONE, 0.0, 0.0, 0.0, NONE], 5),
        // The last value, how often it rose in a row, how many were defined in a row.
        Node::Rises(..) | Node::Falls(..) => ([NONE, 0.0, 0.0, 0.0, 0.0], 3),
        _ => ([0.0; 5], 0),
    };
    words.into_iter().take(count)
}

/// Bars after which all of these are defined, and settled.
fn horizons(nodes: &[Node]) -> [u64; 2] {
    let mut all: Vec<[u64; 2]> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let own = node.looks_back();
        let below = node.reads().map(|read| all[usize::from(read)]);
        let below = below.fold([1; 2], |far: [u64; 2], of| [far[0].max(of[0]), far[1].max(of[1])]);
        all.push([below[0] + own[0], below[1] + own[1]]);
    }
    all.into_iter().fold([1; 2], |far, of| [far[0].max(of[0]), far[1].max(of[1])])
}
