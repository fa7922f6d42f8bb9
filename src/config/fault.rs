//! Faults of a configuration, with their origins.

use super::origin::Origin;
use std::fmt;

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the faulty value was written.
    pub origin: Origin,
    /// Its dotted key, such as `engine.workers` or `watchlist[3].symbol`; empty if the fault concerns no single key.
    pub key: String,
    /// What was found, and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both may quote text from outside, of any length.
        let problem = Short { text: &self.problem, longest: 1_000 };
        if self.key.is_empty() {
            write!(f, "{}: {problem}", self.origin)
        } else {
            write!(f, "{}: {}: {problem}", self.origin, Short { text: &self.key, longest: 160 })
        }
    }
}

/// A text, cut if it is longer than `longest` characters.
struct Short<'a> {
    text: &'a str,
    longest: usize,
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.char_indices().nth(self.longest) {
            Some((at, _)) => write!(f, "{}…", &self.text[..at]),
            None => f.write_str(self.text),
        }
    }
}

/// All faults of a configuration, in the order of its layers and lines; displayed one per line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, sorted by origin.
    pub(super) fn sorted(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| a.origin.cmp(&b.origin));
        faults.dedup();
        Self(faults)
    }

    /// Iterates over the faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// Number of faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no fault.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The candidate that is most similar to a misspelt word; `None` if no candidate is similar enough.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|c| c.len() <= LONGEST)
        .map(|c| (distance(word, c), c))
        .filter(|&(d, _)| d <= allowed)
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
}

/// Edit distance (insert, delete, replace, swap of neighbours) of two words: optimal string alignment.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_short_line_whatever_was_found() {
        let fault = Fault { origin: Origin::CommandLine, key: "é".repeat(70_000), problem: "x".repeat(70_000) };
        let line = fault.to_string();
        assert!(line.chars().count() < 1_200 && line.contains("é…: x") && line.ends_with("x…"), "{line:.300}");
        let fault = Fault { key: "engine.workers".to_owned(), problem: "found 7".to_owned(), ..fault };
        assert_eq!(fault.to_string(), "command line: engine.workers: found 7");
    }

    #[test]
    fn the_nearest_word_is_suggested() {
        let words = ["workers", "threading", "ring_size"];
        assert_eq!(nearest("wrokers", words), Some("workers"));
        assert_eq!(nearest("ringsize", words), Some("ring_size"));
        assert_eq!(nearest("elephant", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
