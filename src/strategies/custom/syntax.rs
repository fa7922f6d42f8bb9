//! Words in, a tree out.

use super::{
    fault::ExpressionFault,
    words::{Word, words},
};
use std::ops::Range;

/// Most bytes of an expression, and deepest nesting.
const LONGEST: usize = 4_096;
const DEEPEST: usize = 64;

/// A part of an expression, with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub what: What,
    pub at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Number(f64),
    /// A name without brackets.
    Name(String),
    /// A name with what stands in its brackets.
    Call(String, Range<usize>, Vec<Part>),
    Negated(Box<Part>),
    Not(Box<Part>),
    Both(Binary, Box<Part>, Box<Part>),
}

/// What stands between two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    Unequal,
    Plus,
    Minus,
    Times,
    Over,
}

impl Binary {
    fn of(word: &Word<'_>) -> Option<(Self, u8)> {
        Some(match word {
            Word::Name("or") => (Self::Or, 1),
            Word::Name("and") => (Self::And, 2),
            Word::Sign("<") => (Self::Less, 4),
            Word::Sign("<=") => (Self::LessOrEqual, 4),
            Word::Sign(">") => (Self::More, 4),
            Word::Sign(">=") => (Self::MoreOrEqual, 4),
            Word::Sign("==") => (Self::Equal, 4),
            Word::Sign("!=") => (Self::Unequal, 4),
            Word::Sign("+") => (Self::Plus, 5),
            Word::Sign("-") => (Self::Minus, 5),
            Word::Sign("*") => (Self::Times, 6),
            Word::Sign("/") => (Self::Over, 6),
            _ => return None,
        })
    }

    /// Whether it compares two numbers.
    pub const fn compares(self) -> bool {
        use Binary::*;
        matches!(self, Less | LessOrEqual | More | MoreOrEqual | Equal | Unequal)
    }
}

/// How tightly `not` and a sign before a number bind.
const NOT: u8 = 3;
const SIGN: u8 = 7;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Part, ExpressionFault> {
    if text.len() > LONGEST {
        let problem = format!("has {} bytes; allowed: at most {LONGEST}", text.len());
        return Err(ExpressionFault::new(0..0, problem));
    }
    let mut parser = Parser { words: words(text)?, next: 0, depth: 0 };
    let part = parser.part(0)?;
    match parser.peek() {
        Word::End => Ok(part),
        Word::Sign("=") => Err(parser.fault("found `=`; to compare, write `==`".to_owned())),
        word => {
            Err(parser.fault(format!("found {}; allowed here: an operator, such as `and`, or the end", word.told())))
        }
    }
}

struct Parser<'a> {
    words: Vec<(Word<'a>, Range<usize>)>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Word<'a> {
        self.words[self.next].0.clone()
    }

    fn at(&self) -> Range<usize> {
        self.words[self.next].1.clone()
    }

    fn take(&mut self) -> (Word<'a>, Range<usize>) {
        let word = self.words[self.next].clone();
        self.next = (self.next + 1).min(self.words.len() - 1);
        word
    }

    fn fault(&self, problem: String) -> ExpressionFault {
        ExpressionFault::new(self.at(), problem)
    }

    /// A part whose operators all bind more tightly than `above`.
    fn part(&mut self, above: u8) -> Result<Part, ExpressionFault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault(format!("is nested more than {DEEPEST} deep")));
        }
        let mut left = self.first()?;
        while let Some((binary, tightness)) = Binary::of(&self.peek()).filter(|(_, tightness)| *tightness > above) {
            if binary.compares() && matches!(&left.what, What::Both(before, ..) if before.compares() && !self.closed())
            {
                return Err(self.fault("compares a comparison; write `a < b and b < c`".to_owned()));
            }
            self.take();
            let right = self.part(tightness)?;
            let at = left.at.start..right.at.end;
            left = Part { what: What::Both(binary, Box::new(left), Box::new(right)), at };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Whether the word before was a closing bracket.
    fn closed(&self) -> bool {
        self.next > 0 && self.words[self.next - 1].0 == Word::Sign(")")
    }

    fn first(&mut self) -> Result<Part, ExpressionFault> {
        let (word, at) = self.take();
        match word {
            Word::Number(number) => Ok(Part { what: What::Number(number), at }),
            Word::Sign("-") => {
                let inner = self.part(SIGN)?;
                let at = at.start..inner.at.end;
                Ok(Part { what: What::Negated(Box::new(inner)), at })
            }
            Word::Name("not") => {
                let inner = self.part(NOT)?;
                let at = at.start..inner.at.end;
                Ok(Part { what: What::Not(Box::new(inner)), at })
            }
            Word::Sign("(") => {
                let mut inner = self.part(0)?;
                inner.at = at.start..self.close()?;
                Ok(inner)
            }
            Word::Name(name) if !matches!(name, "and" | "or") => self.named(name, at),
            word => {
                let problem = format!("found {}; allowed here: a number, a name or `(`", word.told());
                Err(ExpressionFault::new(at, problem))
            }
        }
    }

    /// Takes the closing bracket; where it ends.
    fn close(&mut self) -> Result<usize, ExpressionFault> {
        if self.peek() == Word::Sign(")") {
            return Ok(self.take().1.end);
        }
        Err(self.fault(format!("found {}; a closing bracket `)` is missing", self.peek().told())))
    }

    fn named(&mut self, name: &str, at: Range<usize>) -> Result<Part, ExpressionFault> {
        if self.peek() != Word::Sign("(") {
            return Ok(Part { what: What::Name(name.to_owned()), at });
        }
        self.take();
        let mut given = Vec::new();
        while self.peek() != Word::Sign(")") {
            if !given.is_empty() {
                if self.peek() != Word::Sign(",") {
                    break;
                }
                self.take();
            }
            given.push(self.part(0)?);
        }
        let end = self.close()?;
        Ok(Part { what: What::Call(name.to_owned(), at.clone(), given), at: at.start..end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree with all its brackets.
    fn told(part: &Part) -> String {
        match &part.what {
            What::Number(number) => number.to_string(),
            What::Name(name) => name.clone(),
            What::Call(name, _, given) => {
                format!("{name}({})", given.iter().map(told).collect::<Vec<_>>().join(","))
            }
            What::Negated(inner) => format!("-{}", told(inner)),
            What::Not(inner) => format!("not {}", told(inner)),
            What::Both(binary, a, b) => format!("[{} {binary:?} {}]", told(a), told(b)),
        }
    }

    #[test]
    fn operators_bind_as_everywhere() {
        for (text, want) in [
            ("a + b * c - d", "[[a Plus [b Times c]] Minus d]"),
            ("a < b + 1 and c or not d > -2", "[[[a Less [b Plus 1]] And c] Or not [d More -2]]"),
            ("-a * b", "[-a Times b]"),
            ("not not f(x, 2)", "not not f(x,2)"),
            ("(a or b) and (c < d) == e", "[[a Or b] And [[c Less d] Equal e]]"),
            ("a - b - c / d / e", "[[a Minus b] Minus [[c Over d] Over e]]"),
        ] {
            assert_eq!(told(&parse(text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn a_fault_has_a_place() {
        for (text, at, problem) in [
            ("a +", 3..3, "found the end"),
            ("a b", 2..3, "found `b`"),
            ("a = 1", 2..3, "write `==`"),
            ("rsi(14", 6..6, "`)` is missing"),
            ("f(1 2)", 4..5, "`)` is missing"),
            ("1 < a < 2", 6..7, "write `a < b and b < c`"),
            ("and a", 0..3, "found `and`"),
            ("", 0..0, "found the end"),
            ("(a", 2..2, "`)` is missing"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.at, at, "{text}: {fault:?}");
            assert!(fault.problem.contains(problem), "{text}: {fault:?}");
        }
        let deep = "(".repeat(2_000) + "1";
        assert!(parse(&deep).unwrap_err().problem.contains("nested"));
        assert!(parse(&" ".repeat(5_000)).unwrap_err().problem.contains("bytes"));
    }
}
