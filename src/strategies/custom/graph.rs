//! What expressions compute, each value once however many expressions read it.

/// What of a bar, or of its cell, is read as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Price,
    Open,
    High,
    Low,
    Close,
    Volume,
    Vwap,
    Scale,
}

impl Field {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("price", Self::Price),
        ("open", Self::Open),
        ("high", Self::High),
        ("low", Self::Low),
        ("close", Self::Close),
        ("volume", Self::Volume),
        ("vwap", Self::Vwap),
        ("scale", Self::Scale),
    ];
}

/// Number of a value.
pub(super) type Id = u16;

/// What is made of one or two values of the same bar. Truths are 1 and 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pure {
    Add,
    Sub,
    Mul,
    /// Undefined where the divisor is 0.
    Div,
    /// Undefined where one of them is.
    Min,
    Max,
    Abs,
    /// Undefined where it is infinite.
    Tame,
    /// False where one of them is undefined.
    Less,
    LessOrEqual,
    Equal,
    Unequal,
    And,
    Or,
}

/// One value of every bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node {
    Const(f64),
    Field(Field),
    /// Where it takes one value, both are the same.
    Pure(Pure, Id, Id),
    /// The second where the first is true, else the third.
    Pick(Id, Id, Id),
    /// The value one bar before.
    Last(Id),
    /// The value so many bars before.
    Back(Id, u32),
    /// The mean of so many bars.
    Mean(Id, u32),
    /// Their population standard deviation; the second is their mean.
    Deviation(Id, Id, u32),
    Highest(Id, u32),
    Lowest(Id, u32),
    /// On how many of so many bars it was true.
    Count(Id, u32),
    /// An exponential average over so many bars that begins after so many defined values.
    Ema(Id, u32, u32),
    /// Wilder's average of values that are not negative.
    Wilder(Id, u32),
    Rsi(Id, u32),
    /// The value, which is put into its window: of programs alone.
    Keep(Id),
    /// The same of a truth, as a number.
    Truths(Id),
    /// Whether it rose on each of so many bars, or fell.
    Rises(Id, u32),
    Falls(Id, u32),
}

impl Node {
    /// The same node, to the bit.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Const(a), Self::Const(b)) => a.to_bits() == b.to_bits(),
            _ => self == other,
        }
    }

    /// The values that it is made of.
    pub fn reads(&self) -> impl Iterator<Item = Id> {
        use Node::*;
        let (all, count) = match *self {
            Const(_) | Field(_) => ([0; 3], 0),
            Pure(_, a, b) | Deviation(a, b, _) => ([a, b, 0], 2),
            Pick(a, b, c) => ([a, b, c], 3),
            Keep(a)
            | Truths(a)
            | Last(a)
            | Back(a, _)
            | Mean(a, _)
            | Highest(a, _)
            | Lowest(a, _)
            | Count(a, _)
            | Ema(a, ..)
            | Wilder(a, _)
            | Rsi(a, _)
            | Rises(a, _)
            | Falls(a, _) => ([a, 0, 0], 1),
        };
        all.into_iter().take(count)
    }

    /// Whether it depends on bars before.
    pub const fn remembers(&self) -> bool {
        !matches!(self, Self::Const(_) | Self::Field(_) | Self::Pure(..) | Self::Pick(..))
    }

    /// Whether it is a truth.
    pub const fn is_truth(&self) -> bool {
        use Pure::*;
        matches!(self, Self::Pure(Less | LessOrEqual | Equal | Unequal | And | Or, ..))
    }

    /// The same of renumbered values.
    pub fn renumbered(self, to: impl Fn(Id) -> Id) -> Self {
        use Node::*;
        match self {
            Const(_) | Field(_) => self,
            Pure(pure, a, b) => Pure(pure, to(a), to(b)),
            Pick(a, b, c) => Pick(to(a), to(b), to(c)),
            Keep(a) => Keep(to(a)),
            Truths(a) => Truths(to(a)),
            Last(a) => Last(to(a)),
            Back(a, n) => Back(to(a), n),
            Mean(a, n) => Mean(to(a), n),
            Deviation(a, b, n) => Deviation(to(a), to(b), n),
            Highest(a, n) => Highest(to(a), n),
            Lowest(a, n) => Lowest(to(a), n),
            Count(a, n) => Count(to(a), n),
            Ema(a, from, n) => Ema(to(a), from, n),
            Wilder(a, n) => Wilder(to(a), n),
            Rsi(a, n) => Rsi(to(a), n),
            Rises(a, n) => Rises(to(a), n),
            Falls(a, n) => Falls(to(a), n),
        }
    }

    /// The value whose past it looks at, and how many bars back.
    pub const fn window(&self) -> Option<(Id, u32)> {
        use Node::*;
        match *self {
            Back(a, n) | Mean(a, n) | Deviation(a, _, n) | Highest(a, n) | Lowest(a, n) | Count(a, n) => Some((a, n)),
            _ => None,
        }
    }

    /// Bars that it looks back over beyond what it is made of, until it is defined, and until it has forgotten what came
    /// before but for a thousandth: as the built-in indicators count them.
    pub fn looks_back(&self) -> [u64; 2] {
        use Node::*;
        let forgets = |n: u32, share: f64| (f64::from(n) * share * 1_000f64.ln()).ceil() as u64;
        match *self {
            Const(_) | Field(_) | Pure(..) | Pick(..) | Keep(_) | Truths(_) => [0; 2],
            Last(_) => [1; 2],
            Back(_, n) | Rises(_, n) | Falls(_, n) => [u64::from(n); 2],
            Mean(_, n) | Deviation(_, _, n) | Highest(_, n) | Lowest(_, n) | Count(_, n) => [u64::from(n) - 1; 2],
            Ema(_, from, n) => [u64::from(from + n) - 1, forgets(n, 0.5).max(u64::from(from + n))],
            Wilder(_, n) => [u64::from(n) - 1, forgets(n, 1.0)],
            Rsi(_, n) => [u64::from(n), forgets(n, 1.0)],
        }
    }
}

/// Values in an order in which each comes behind those that it is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
}

impl Graph {
    /// The value of a node, which is computed once.
    pub fn add(&mut self, node: Node) -> Id {
        let node = self.folded(node);
        let known = self.nodes.iter().position(|known| known.is(&node));
        known.unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        }) as Id
    }

    pub fn constant(&mut self, value: f64) -> Id {
        self.add(Node::Const(value))
    }

    pub fn pure(&mut self, pure: Pure, a: Id, b: Id) -> Id {
        self.add(Node::Pure(pure, a, b))
    }

    /// A number that is the same on every bar.
    pub fn known(&self, id: Id) -> Option<f64> {
        match self.nodes[usize::from(id)] {
            Node::Const(value) => Some(value),
            _ => None,
        }
    }

    /// A constant where all that it is made of is constant.
    fn folded(&self, node: Node) -> Node {
        match node {
            Node::Pure(pure, a, b) => match (self.known(a), self.known(b)) {
                (Some(a), Some(b)) => Node::Const(pure.of(a, b)),
                _ => node,
            },
            Node::Pick(condition, a, b) => match (self.known(condition), self.known(a), self.known(b)) {
                (Some(condition), Some(a), Some(b)) => Node::Const(if condition > 0.5 { a } else { b }),
                _ => node,
            },
            _ => node,
        }
    }
}

impl Pure {
    /// Of two numbers, as it is of vectors.
    pub fn of(self, a: f64, b: f64) -> f64 {
        let truth = |truth: bool| f64::from(u8::from(truth));
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div if b == 0.0 => f64::NAN,
            Self::Div => a / b,
            Self::Min if a.is_nan() => a,
            Self::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Self::Max if a.is_nan() => a,
            Self::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            Self::Abs => a.abs(),
            Self::Tame => {
                if a.is_finite() {
                    a
                } else {
                    f64::NAN
                }
            }
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Equal => truth(a == b),
            #[allow(clippy::double_comparisons, reason = "what is not defined is not unequal either")]
            Self::Unequal => truth(a < b || a > b),
            Self::And => a * b,
            Self::Or => {
                if a > b {
                    a
                } else {
                    b
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_there_once_and_constants_are_folded() {
        let mut graph = Graph::default();
        let price = graph.add(Node::Field(Field::Price));
        let mean = graph.add(Node::Mean(price, 20));
        assert_eq!(graph.add(Node::Mean(price, 20)), mean);
        assert_ne!(graph.add(Node::Mean(price, 21)), mean);
        let (two, three) = (graph.constant(2.0), graph.constant(3.0));
        let six = graph.pure(Pure::Mul, two, three);
        assert_eq!(graph.known(six), Some(6.0));
        let nan = graph.constant(f64::NAN);
        assert_eq!(graph.constant(f64::NAN), nan);
    }

    #[test]
    fn what_is_undefined_stays_so_in_arithmetic_and_is_false_in_comparisons() {
        for pure in [Pure::Add, Pure::Sub, Pure::Mul, Pure::Div, Pure::Min, Pure::Max] {
            assert!(pure.of(f64::NAN, 1.0).is_nan() && pure.of(1.0, f64::NAN).is_nan(), "{pure:?}");
        }
        for pure in [Pure::Less, Pure::LessOrEqual, Pure::Equal, Pure::Unequal] {
            assert_eq!((pure.of(f64::NAN, 1.0), pure.of(1.0, f64::NAN)), (0.0, 0.0), "{pure:?}");
        }
        assert!(Pure::Div.of(1.0, 0.0).is_nan() && Pure::Tame.of(f64::INFINITY, 0.0).is_nan());
    }
}
