//! The text of an expression, word by word.

use super::fault::ExpressionFault;
use std::ops::Range;

/// One word of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'a> {
    Number(f64),
    /// A name, or one of `and`, `or`, `not`.
    Name(&'a str),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
    /// Nothing follows.
    End,
}

impl Word<'_> {
    /// How it is called in a fault.
    pub fn told(&self) -> String {
        match self {
            Self::Number(number) => format!("the number {number}"),
            Self::Name(name) => format!("`{name}`"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// All signs; of two that begin alike, the longer first.
const SIGNS: [&str; 14] = ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ",", "="];

/// The words of a text with their places; the last is the end.
pub(super) fn words(text: &str) -> Result<Vec<(Word<'_>, Range<usize>)>, ExpressionFault> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first.is_ascii_digit() || first == '.' {
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            let length = length(|c| c.is_alphanumeric() || c == '_');
            (Word::Name(&rest[..length]), length)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Word::Sign(sign), sign.len())
        } else {
            let hint = match first {
                '&' => "; write `and`",
                '|' => "; write `or`",
                '!' => "; write `not`",
                _ => "",
            };
            let place = at..at + first.len_utf8();
            return Err(ExpressionFault::new(place, format!("found `{first}`, which means nothing here{hint}")));
        };
        found.push((word, at..at + length));
        at += length;
    }
    found.push((Word::End, text.len()..text.len()));
    Ok(found)
}

/// The number that a text begins with, and its length.
fn number(rest: &str, at: usize) -> Result<(Word<'_>, usize), ExpressionFault> {
    let digits = |from: usize| rest[from..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| from + n);
    let mut end = digits(0);
    if rest[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = end + 1 + usize::from(rest[end + 1..].starts_with(['+', '-']));
        if digits(sign) > sign {
            end = digits(sign);
        }
    }
    // `20x` is no number and a name.
    let whole =
        rest[end..].find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').map_or(rest.len(), |n| end + n);
    match rest[..whole].parse::<f64>().ok().filter(|number| number.is_finite() && whole == end) {
        Some(number) => Ok((Word::Number(number), end)),
        None => Err(ExpressionFault::new(at..at + whole, format!("`{}` is no number", &rest[..whole]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_words() {
        let found: Vec<Word<'_>> =
            words("rsi(14)<=60.5 and -x >1e-3").unwrap().into_iter().map(|(word, _)| word).collect();
        let sign = Word::Sign;
        let want = [
            Word::Name("rsi"),
            sign("("),
            Word::Number(14.0),
            sign(")"),
            sign("<="),
            Word::Number(60.5),
            Word::Name("and"),
            sign("-"),
            Word::Name("x"),
            sign(">"),
            Word::Number(1e-3),
            Word::End,
        ];
        assert_eq!(found, want);
        for (text, at) in
            [("a & b", 2..3), ("1.2.3", 0..5), ("2x", 0..2), ("9e999", 0..5), (".", 0..1), ("a § b", 2..4)]
        {
            assert_eq!(words(text).unwrap_err().at, at, "{text}");
        }
    }
}
