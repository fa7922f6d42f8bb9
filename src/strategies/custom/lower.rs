//! A tree in, values out: checks that numbers stand where numbers are wanted and conditions where conditions are.
//!
//! `not` is worked inwards, to the comparisons: `not a < b` is `a >= b`. So a comparison with something undefined is false
//! under `not` as well, and no condition becomes true because something is not known yet.

use super::{
    super::params::MAX_PERIOD,
    fault::ExpressionFault,
    functions::{FUNCTIONS, Function, Gives, function},
    graph::{Field, Graph, Id, Node, Pure},
    syntax::{Binary, Part, What, parse},
};
use crate::config::nearest;
use std::ops::Range;

/// Bars of a volume ratio without brackets.
const VOLUME_PERIOD: u32 = 20;
/// Values that all expressions of a timeframe may have together.
const MOST_VALUES: usize = 4_096;

/// Adds the values of expressions to a graph.
pub(super) struct Lowering<'g> {
    graph: &'g mut Graph,
}

type Lowered = Result<Id, ExpressionFault>;

impl<'g> Lowering<'g> {
    pub fn new(graph: &'g mut Graph) -> Self {
        Self { graph }
    }

    /// The value of an expression that is a number.
    pub fn number_of(&mut self, text: &str) -> Lowered {
        let part = parse(text)?;
        let id = self.number(&part)?;
        self.fits(id)
    }

    /// The value of an expression that is a condition: 1 where it holds, else 0.
    pub fn condition_of(&mut self, text: &str) -> Lowered {
        let part = parse(text)?;
        let id = self.truth(&part, false)?;
        if let Some(value) = self.graph.known(id) {
            let always = if value > 0.5 { "always" } else { "never" };
            return Err(ExpressionFault::new(part.at, format!("{always} holds, whatever the bars are")));
        }
        self.fits(id)
    }

    fn fits(&self, id: Id) -> Lowered {
        if self.graph.nodes.len() <= MOST_VALUES {
            return Ok(id);
        }
        Err(ExpressionFault::new(0..0, format!("the expressions of a timeframe have more than {MOST_VALUES} parts")))
    }

    fn number(&mut self, part: &Part) -> Lowered {
        match &part.what {
            What::Number(value) => Ok(self.graph.constant(*value)),
            What::Name(name) => self.field(name, &part.at),
            What::Negated(inner) => {
                let (zero, inner) = (self.graph.constant(0.0), self.number(inner)?);
                Ok(self.graph.pure(Pure::Sub, zero, inner))
            }
            What::Call(name, at, given) => {
                let function = self.called(name, at, given)?;
                if function.gives == Gives::Truth {
                    return Err(truth_for_number(part));
                }
                self.call(function, part, given)
            }
            What::Both(binary, a, b) => {
                let pure = match binary {
                    Binary::Plus => Pure::Add,
                    Binary::Minus => Pure::Sub,
                    Binary::Times => Pure::Mul,
                    Binary::Over => Pure::Div,
                    _ => return Err(truth_for_number(part)),
                };
                let (a, b) = (self.number(a)?, self.number(b)?);
                Ok(self.graph.pure(pure, a, b))
            }
            What::Not(_) => Err(truth_for_number(part)),
        }
    }

    fn truth(&mut self, part: &Part, negated: bool) -> Lowered {
        match &part.what {
            What::Not(inner) => self.truth(inner, !negated),
            What::Both(binary @ (Binary::And | Binary::Or), a, b) => {
                let (a, b) = (self.truth(a, negated)?, self.truth(b, negated)?);
                let pure = if (*binary == Binary::And) != negated { Pure::And } else { Pure::Or };
                Ok(self.graph.pure(pure, a, b))
            }
            What::Both(binary, a, b) if binary.compares() => {
                let (a, b) = (self.number(a)?, self.number(b)?);
                Ok(self.compared(*binary, negated, a, b))
            }
            What::Call(name, at, given) => {
                let function = self.called(name, at, given)?;
                if function.gives == Gives::Number {
                    return Err(number_for_truth(part));
                }
                self.told(function, given, negated)
            }
            What::Name(name) => {
                self.field(name, &part.at)?;
                Err(number_for_truth(part))
            }
            _ => Err(number_for_truth(part)),
        }
    }

    fn compared(&mut self, binary: Binary, negated: bool, a: Id, b: Id) -> Id {
        let (pure, swapped) = match (binary, negated) {
            (Binary::Less, false) | (Binary::MoreOrEqual, true) => (Pure::Less, false),
            (Binary::More, false) | (Binary::LessOrEqual, true) => (Pure::Less, true),
            (Binary::LessOrEqual, false) | (Binary::More, true) => (Pure::LessOrEqual, false),
            (Binary::MoreOrEqual, false) | (Binary::Less, true) => (Pure::LessOrEqual, true),
            (Binary::Equal, false) | (Binary::Unequal, true) => (Pure::Equal, false),
            _ => (Pure::Unequal, false),
        };
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        self.graph.pure(pure, a, b)
    }

    fn field(&mut self, name: &str, at: &Range<usize>) -> Lowered {
        if let Some((_, field)) = Field::ALL.iter().find(|(known, _)| *known == name) {
            return Ok(self.graph.add(Node::Field(*field)));
        }
        if name == "volume_ratio" {
            return Ok(self.volume_ratio(VOLUME_PERIOD));
        }
        let problem = match function(name) {
            Some(function) => format!("`{name}` wants values in brackets; write {}", function.form),
            None => unknown(name, Field::ALL.iter().map(|(name, _)| *name)),
        };
        Err(ExpressionFault::new(at.clone(), problem))
    }

    /// The function of a call, with as many values as it takes.
    fn called(&self, name: &str, at: &Range<usize>, given: &[Part]) -> Result<&'static Function, ExpressionFault> {
        let Some(function) = function(name) else {
            let problem = match Field::ALL.iter().any(|(field, _)| *field == name) {
                true => format!("`{name}` takes no brackets"),
                false => unknown(name, []),
            };
            return Err(ExpressionFault::new(at.clone(), problem));
        };
        let (fewest, most) = function.takes;
        if (fewest..=most).contains(&given.len()) && !(name == "clamp" && given.len() == 2) {
            return Ok(function);
        }
        let count = given.len();
        let values = if count == 1 { "value" } else { "values" };
        Err(ExpressionFault::new(at.clone(), format!("found {count} {values}; write {}", function.form)))
    }

    /// What a function takes the past of: its first value where it has two, else the price.
    fn source(&mut self, given: &[Part]) -> Lowered {
        match given {
            [x, _] => {
                let x = self.number(x)?;
                Ok(self.tame(x))
            }
            _ => Ok(self.graph.add(Node::Field(Field::Price))),
        }
    }

    /// A value that may be remembered: infinite ones are undefined.
    fn tame(&mut self, id: Id) -> Id {
        match self.graph.nodes[usize::from(id)] {
            Node::Pure(Pure::Add | Pure::Sub | Pure::Mul | Pure::Div | Pure::Min | Pure::Max, ..) | Node::Pick(..) => {
                self.graph.pure(Pure::Tame, id, id)
            }
            _ => id,
        }
    }

    /// Functions that are conditions.
    fn told(&mut self, function: &Function, given: &[Part], negated: bool) -> Lowered {
        let above = match function.name {
            "crosses_above" => true,
            "crosses_below" => false,
            name => {
                let (source, n) = (self.source(given)?, period(&given[given.len() - 1])?);
                let node = if name == "rising" { Node::Rises(source, n) } else { Node::Falls(source, n) };
                let (value, half) = (self.graph.add(node), self.graph.constant(0.5));
                let (a, b) = if negated { (value, half) } else { (half, value) };
                return Ok(self.graph.pure(Pure::Less, a, b));
            }
        };
        let (a, b) = (self.number(&given[0])?, self.number(&given[1])?);
        let (a, b) = if above { (a, b) } else { (b, a) };
        let (a_before, b_before) = (self.before(a, b), self.before(b, a));
        // From at most b to more than b.
        let before = self.compared(Binary::LessOrEqual, negated, a_before, b_before);
        let now = self.compared(Binary::More, negated, a, b);
        Ok(self.graph.pure(if negated { Pure::Or } else { Pure::And }, before, now))
    }

    /// What is compared with another value one bar before: of a number that is always the same, itself.
    fn before(&mut self, id: Id, other: Id) -> Id {
        if self.graph.known(id).is_some() && self.graph.known(other).is_none() {
            return id;
        }
        let tame = self.tame(id);
        self.graph.add(Node::Last(tame))
    }

    /// Functions that are numbers.
    fn call(&mut self, function: &Function, part: &Part, given: &[Part]) -> Lowered {
        let price = self.graph.add(Node::Field(Field::Price));
        match function.name {
            "sma" | "ema" | "rsi" | "highest" | "lowest" | "stddev" => {
                let (source, n) = (self.source(given)?, period(&given[given.len() - 1])?);
                Ok(self.windowed(function.name, source, n))
            }
            "previous" => {
                let x = self.number(&given[0])?;
                let (x, n) = (self.tame(x), given.get(1).map_or(Ok(1), period)?);
                Ok(self.graph.add(if n == 1 { Node::Last(x) } else { Node::Back(x, n) }))
            }
            "count" => {
                let (condition, n) = (self.truth(&given[0], false)?, period(&given[1])?);
                Ok(self.graph.add(Node::Count(condition, n)))
            }
            "if" => {
                let condition = self.truth(&given[0], false)?;
                let (a, b) = (self.number(&given[1])?, self.number(&given[2])?);
                Ok(self.graph.add(Node::Pick(condition, a, b)))
            }
            "macd" | "macd_signal" | "macd_histogram" => self.macd(function.name, price, part, given),
            "bollinger_upper" | "bollinger_middle" | "bollinger_lower" => self.bollinger(function.name, price, given),
            "atr" => self.atr(period(&given[0])?),
            "donchian_upper" | "donchian_middle" | "donchian_lower" => {
                let (high, low) = self.channel(period(&given[0])?);
                Ok(match function.name {
                    "donchian_upper" => high,
                    "donchian_lower" => low,
                    _ => {
                        let (sum, two) = (self.graph.pure(Pure::Add, high, low), self.graph.constant(2.0));
                        self.graph.pure(Pure::Div, sum, two)
                    }
                })
            }
            "stochastic_k" => Ok(self.stochastic(period(&given[0])?)),
            "stochastic_d" => {
                let (k, m) = (self.stochastic(period(&given[0])?), period(&given[1])?);
                let k = self.tame(k);
                Ok(self.graph.add(Node::Mean(k, m)))
            }
            "volume_average" => {
                let (volume, n) = (self.graph.add(Node::Field(Field::Volume)), period(&given[0])?);
                Ok(self.graph.add(Node::Mean(volume, n)))
            }
            "volume_ratio" => Ok(self.volume_ratio(period(&given[0])?)),
            _ => self.combined(function.name, given),
        }
    }

    /// What is made of the last bars of one value.
    fn windowed(&mut self, name: &str, source: Id, n: u32) -> Id {
        let node = match name {
            "sma" => Node::Mean(source, n),
            "ema" => Node::Ema(source, 0, n),
            "rsi" => Node::Rsi(source, n),
            "highest" => Node::Highest(source, n),
            "lowest" => Node::Lowest(source, n),
            _ => return self.deviation(source, n),
        };
        self.graph.add(node)
    }

    /// `abs`, `min`, `max` and `clamp`.
    fn combined(&mut self, name: &str, given: &[Part]) -> Lowered {
        let values: Vec<Id> = given.iter().map(|part| self.number(part)).collect::<Result<_, _>>()?;
        let first = values[0];
        Ok(match name {
            "abs" => self.graph.pure(Pure::Abs, first, first),
            "min" => values[1..].iter().fold(first, |least, &next| self.graph.pure(Pure::Min, least, next)),
            "max" => values[1..].iter().fold(first, |most, &next| self.graph.pure(Pure::Max, most, next)),
            _ => {
                let low = values.get(1).copied().unwrap_or_else(|| self.graph.constant(0.0));
                let high = values.get(2).copied().unwrap_or_else(|| self.graph.constant(1.0));
                let raised = self.graph.pure(Pure::Max, first, low);
                self.graph.pure(Pure::Min, raised, high)
            }
        })
    }

    fn macd(&mut self, name: &str, price: Id, part: &Part, given: &[Part]) -> Lowered {
        let (fast, slow, signal) = (period(&given[0])?, period(&given[1])?, period(&given[2])?);
        if fast > slow {
            let at = given[0].at.start..given[1].at.end.min(part.at.end);
            return Err(ExpressionFault::new(at, format!("found {fast} and {slow}; allowed: fast at most slow")));
        }
        let fast = self.graph.add(Node::Ema(price, slow - fast, fast));
        let slow = self.graph.add(Node::Ema(price, 0, slow));
        let difference = self.graph.pure(Pure::Sub, fast, slow);
        let signal = self.graph.add(Node::Ema(difference, 0, signal));
        // All three become ready together.
        let (ready, undefined) = (self.graph.pure(Pure::Equal, signal, signal), self.graph.constant(f64::NAN));
        let line = self.graph.add(Node::Pick(ready, difference, undefined));
        Ok(match name {
            "macd" => line,
            "macd_signal" => signal,
            _ => self.graph.pure(Pure::Sub, line, signal),
        })
    }

    fn bollinger(&mut self, name: &str, price: Id, given: &[Part]) -> Lowered {
        let n = period(&given[0])?;
        let width = match given[1].what {
            What::Number(width) if width > 0.0 => width,
            _ => {
                let problem = "allowed: a number above 0, written out".to_owned();
                return Err(ExpressionFault::new(given[1].at.clone(), problem));
            }
        };
        let middle = self.graph.add(Node::Mean(price, n));
        if name == "bollinger_middle" {
            return Ok(middle);
        }
        let (deviation, width) = (self.deviation(price, n), self.graph.constant(width));
        let off = self.graph.pure(Pure::Mul, width, deviation);
        Ok(self.graph.pure(if name == "bollinger_upper" { Pure::Add } else { Pure::Sub }, middle, off))
    }

    fn deviation(&mut self, source: Id, n: u32) -> Id {
        let mean = self.graph.add(Node::Mean(source, n));
        self.graph.add(Node::Deviation(source, mean, n))
    }

    fn atr(&mut self, n: u32) -> Lowered {
        let [high, low, close] =
            [Field::High, Field::Low, Field::Close].map(|field| self.graph.add(Node::Field(field)));
        let before = self.graph.add(Node::Last(close));
        let mut range = self.graph.pure(Pure::Sub, high, low);
        for end in [high, low] {
            let off = self.graph.pure(Pure::Sub, end, before);
            let off = self.graph.pure(Pure::Abs, off, off);
            range = self.graph.pure(Pure::Max, range, off);
        }
        let range = self.tame(range);
        Ok(self.graph.add(Node::Wilder(range, n)))
    }

    /// The highest high and the lowest low.
    fn channel(&mut self, n: u32) -> (Id, Id) {
        let [high, low] = [Field::High, Field::Low].map(|field| self.graph.add(Node::Field(field)));
        (self.graph.add(Node::Highest(high, n)), self.graph.add(Node::Lowest(low, n)))
    }

    fn stochastic(&mut self, n: u32) -> Id {
        let (high, low) = self.channel(n);
        let close = self.graph.add(Node::Field(Field::Close));
        let (above, range) = (self.graph.pure(Pure::Sub, close, low), self.graph.pure(Pure::Sub, high, low));
        let (zero, middle, hundred) = (self.graph.constant(0.0), self.graph.constant(50.0), self.graph.constant(100.0));
        let scaled = self.graph.pure(Pure::Mul, hundred, above);
        let share = self.graph.pure(Pure::Div, scaled, range);
        // Where nothing has moved, it stands in the middle.
        let flat = self.graph.pure(Pure::Equal, range, zero);
        self.graph.add(Node::Pick(flat, middle, share))
    }

    fn volume_ratio(&mut self, n: u32) -> Id {
        let volume = self.graph.add(Node::Field(Field::Volume));
        let average = self.graph.add(Node::Mean(volume, n));
        self.graph.pure(Pure::Div, volume, average)
    }
}

/// A number of bars.
fn period(part: &Part) -> Result<u32, ExpressionFault> {
    match part.what {
        What::Number(n) if n.fract() == 0.0 && (1.0..=MAX_PERIOD as f64).contains(&n) => Ok(n as u32),
        _ => {
            let problem = format!("allowed: a whole number of bars from 1 to {MAX_PERIOD}, written out");
            Err(ExpressionFault::new(part.at.clone(), problem))
        }
    }
}

fn truth_for_number(part: &Part) -> ExpressionFault {
    let problem = "is a condition, and a number is wanted; write if(condition, 1, 0) for one";
    ExpressionFault::new(part.at.clone(), problem)
}

fn number_for_truth(part: &Part) -> ExpressionFault {
    ExpressionFault::new(part.at.clone(), "is a number, and a condition is wanted; compare it, such as with `> 0`")
}

/// What is said of a name that means nothing; `fields` are what it may be beside a function.
fn unknown(name: &str, fields: impl IntoIterator<Item = &'static str>) -> String {
    let known = FUNCTIONS.iter().map(|function| function.name).chain(fields);
    match nearest(name, known) {
        Some(word) => format!("unknown name `{name}`; did you mean `{word}`?"),
        None => {
            let fields = Field::ALL.map(|(name, _)| name).join(", ");
            let functions = FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>().join(", ");
            format!("unknown name `{name}`; known are {fields} and the functions {functions}")
        }
    }
}
