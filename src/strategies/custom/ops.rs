//! Steps as the processor takes them: one flat kind each, with all that is the same on every bar worked out, and what
//! comes together often taken in one. Nothing here is hot but the types.

use super::graph::{Id, Node, Pure};

/// One step: what is computed, where its memory lies, and where the past of what it looks back at does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub node: Node,
    /// The register that it writes.
    pub to: Id,
    /// First line of its memory.
    pub memory: u32,
    /// First line of the window that it reads, and one less than its length, a power of two.
    pub window: (u32, u32),
}

/// What is done. Those that end in `And` compare and hold the truth against another in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Abs,
    Tame,
    Less,
    LessOrEqual,
    Equal,
    Unequal,
    And,
    Or,
    LessAnd,
    LessOrEqualAnd,
    EqualAnd,
    UnequalAnd,
    Pick,
    /// The second where the first is defined.
    WhereKnown,
    /// Of high, low and the close before.
    TrueRange,
    Truths,
    Keep,
    Last,
    Back,
    Mean,
    Deviation,
    Highest,
    Lowest,
    Count,
    Ema,
    Wilder,
    Rsi,
    Rises,
    Falls,
}

/// One step, ready to be taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Op {
    pub code: Code,
    /// The register that it writes, and those that it reads.
    pub to: Id,
    pub a: Id,
    pub b: Id,
    pub c: Id,
    /// Its number among the steps that settle.
    pub settled: u16,
    /// First line of its memory.
    pub memory: u32,
    /// First line of the window that it reads or writes, and one less than its length, a power of two.
    pub window: u32,
    pub mask: u32,
    /// Bars that it looks over, as a whole number and as a number.
    pub n: u32,
    pub bars: f64,
    /// Of an exponential average: values before the first, and the weight of a new one.
    pub from: f64,
    pub weight: f64,
}

/// The steps of a program as they are taken: those of every bar, and those that only confidences need.
#[derive(Debug, Clone, Default)]
pub(super) struct Ops {
    pub every_bar: Vec<Op>,
    pub late: Vec<Op>,
    /// How many of them settle.
    pub settling: usize,
}

impl Ops {
    /// Of steps, with the registers that are read of them from outside, and the constants that are undefined. Allocates.
    pub fn of(steps: &[Step], late: &[Step], read: impl Iterator<Item = Id>, undefined: &[Id]) -> Self {
        let mut readers = vec![0u32; 1 + usize::from(Id::MAX)];
        read.for_each(|id| readers[usize::from(id)] += 1);
        for step in steps.iter().chain(late) {
            let mut reads: Vec<Id> = step.node.reads().collect();
            reads.sort_unstable();
            reads.dedup();
            reads.iter().for_each(|&id| readers[usize::from(id)] += 1);
        }
        let [every_bar, late] = [steps, late].map(|steps| Joiner { steps, readers: &readers, undefined }.ops());
        let mut ops = Self { every_bar, late, settling: 0 };
        for op in ops.every_bar.iter_mut().filter(|op| op.settles()) {
            op.settled = ops.settling as u16;
            ops.settling += 1;
        }
        ops
    }
}

impl Op {
    /// Whether it takes a shorter way once its first bars have gone by.
    const fn settles(&self) -> bool {
        use Code::*;
        matches!(self.code, Mean | Highest | Lowest | Count | Ema | Wilder | Rsi | Rises | Falls)
    }

    fn of(step: &Step) -> Self {
        let mut reads = step.node.reads();
        let [a, b, c] = [(); 3].map(|()| reads.next().unwrap_or_default());
        let (n, from) = match step.node {
            Node::Ema(_, from, n) => (n, from),
            Node::Rises(_, n) | Node::Falls(_, n) | Node::Wilder(_, n) | Node::Rsi(_, n) => (n, 0),
            node => (node.window().map_or(0, |(_, n)| n), 0),
        };
        let (bars, from) = (f64::from(n), f64::from(from));
        let (memory, (window, mask)) = (step.memory, step.window);
        let (code, weight) = (code(&step.node), 2.0 / (bars + 1.0));
        Self { code, to: step.to, a, b, c, settled: 0, memory, window, mask, n, bars, from, weight }
    }
}

const fn code(node: &Node) -> Code {
    match node {
        Node::Pure(pure, ..) => match pure {
            Pure::Add => Code::Add,
            Pure::Sub => Code::Sub,
            Pure::Mul => Code::Mul,
            Pure::Div => Code::Div,
            Pure::Min => Code::Min,
            Pure::Max => Code::Max,
            Pure::Abs => Code::Abs,
            Pure::Tame => Code::Tame,
            Pure::Less => Code::Less,
            Pure::LessOrEqual => Code::LessOrEqual,
            Pure::Equal => Code::Equal,
            Pure::Unequal => Code::Unequal,
            Pure::And => Code::And,
            Pure::Or => Code::Or,
        },
        Node::Pick(..) => Code::Pick,
        Node::Truths(_) => Code::Truths,
        // Constants and fields are no steps.
        Node::Keep(_) | Node::Const(_) | Node::Field(_) => Code::Keep,
        Node::Last(_) => Code::Last,
        Node::Back(..) => Code::Back,
        Node::Mean(..) => Code::Mean,
        Node::Deviation(..) => Code::Deviation,
        Node::Highest(..) => Code::Highest,
        Node::Lowest(..) => Code::Lowest,
        Node::Count(..) => Code::Count,
        Node::Ema(..) => Code::Ema,
        Node::Wilder(..) => Code::Wilder,
        Node::Rsi(..) => Code::Rsi,
        Node::Rises(..) => Code::Rises,
        Node::Falls(..) => Code::Falls,
    }
}

/// Joins steps whose values nothing else reads.
struct Joiner<'a> {
    steps: &'a [Step],
    /// By register.
    readers: &'a [u32],
    undefined: &'a [Id],
}

impl Joiner<'_> {
    fn ops(&self) -> Vec<Op> {
        let mut gone = vec![false; self.steps.len()];
        let mut ops = Vec::new();
        for step in self.steps {
            let mut taken = Vec::new();
            let plain = Op::of(step);
            let joined = match step.node {
                Node::Pure(Pure::And, a, b) if a != b => self.held_against(a, b, plain, &mut taken),
                Node::Pure(Pure::Tame, a, _) => self.true_range(a, plain, &mut taken),
                Node::Pick(condition, ..) => self.where_known(condition, plain, &mut taken),
                _ => None,
            };
            if joined.is_some() {
                taken.into_iter().for_each(|at: usize| gone[at] = true);
            }
            ops.push(joined.unwrap_or(plain));
        }
        ops.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(op, _)| op).collect()
    }

    /// What a register that only one step reads is made of, which is then taken.
    fn only(&self, id: Id, taken: &mut Vec<usize>) -> Option<(Pure, Id, Id)> {
        let at = self.steps.iter().position(|step| step.to == id && !matches!(step.node, Node::Keep(_)))?;
        match self.steps[at].node {
            Node::Pure(pure, a, b) if self.readers[usize::from(id)] == 1 => {
                taken.push(at);
                Some((pure, a, b))
            }
            _ => None,
        }
    }

    /// A comparison that is only held against another truth.
    fn held_against(&self, a: Id, b: Id, plain: Op, taken: &mut Vec<usize>) -> Option<Op> {
        for (compared, other) in [(b, a), (a, b)] {
            taken.clear();
            let Some((pure, x, y)) = self.only(compared, taken) else { continue };
            let code = match pure {
                Pure::Less => Code::LessAnd,
                Pure::LessOrEqual => Code::LessOrEqualAnd,
                Pure::Equal => Code::EqualAnd,
                Pure::Unequal => Code::UnequalAnd,
                _ => continue,
            };
            return Some(Op { code, a: x, b: y, c: other, ..plain });
        }
        None
    }

    /// The largest of high − low, |high − close before| and |low − close before|, tame.
    fn true_range(&self, largest: Id, plain: Op, taken: &mut Vec<usize>) -> Option<Op> {
        let mut of = |wanted: Pure, id: Id| self.only(id, taken).filter(|(pure, ..)| *pure == wanted);
        let (_, wider, below) = of(Pure::Max, largest)?;
        let (_, spread, above) = of(Pure::Max, wider)?;
        let (_, high, low) = of(Pure::Sub, spread)?;
        let (_, above, _) = of(Pure::Abs, above)?;
        let (_, below, _) = of(Pure::Abs, below)?;
        let (above, below) = (of(Pure::Sub, above)?, of(Pure::Sub, below)?);
        let is_it = above.1 == high && below.1 == low && above.2 == below.2;
        is_it.then_some(Op { code: Code::TrueRange, a: high, b: low, c: above.2, ..plain })
    }

    /// One value where another is defined, else undefined.
    fn where_known(&self, condition: Id, plain: Op, taken: &mut Vec<usize>) -> Option<Op> {
        let (pure, a, b) = self.only(condition, taken)?;
        let is_it = pure == Pure::Equal && a == b && self.undefined.contains(&plain.c);
        is_it.then_some(Op { code: Code::WhereKnown, a, b: plain.b, ..plain })
    }
}
