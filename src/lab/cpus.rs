//! Sets of cores in the kernel's notation: `0-3,8`.

use std::{collections::BTreeSet, fmt};

/// A set of core numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpus(BTreeSet<usize>);

impl Cpus {
    /// Core numbers above this are treated as a mistake.
    const MAX: usize = 8_191;

    /// Parses a list such as `0-3,8`. The kernel's `(null)` and an empty text are the empty set; `all` is not accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text == "(null)" {
            return Some(Self::default());
        }
        let mut set = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse::<usize>().ok()?);
            if first > last || last > Self::MAX {
                return None;
            }
            set.extend(first..=last);
        }
        Some(Self(set))
    }

    /// Whether the set holds the core.
    #[must_use]
    pub fn contains(&self, core: usize) -> bool {
        self.0.contains(&core)
    }

    /// The cores, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// Number of cores.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cores that are in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// The cores of this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// The cores that are in either set.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// Adds a core.
    pub fn insert(&mut self, core: usize) {
        self.0.insert(core);
    }
}

impl FromIterator<usize> for Cpus {
    fn from_iter<T: IntoIterator<Item = usize>>(cores: T) -> Self {
        Self(cores.into_iter().collect())
    }
}

impl fmt::Display for Cpus {
    /// The kernel's notation; `none` for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut rest = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while rest.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_printed_as_the_kernel_has_them() {
        for (text, printed) in
            [("0-3,8\n", "0-3,8"), ("7", "7"), ("1,2,4-4", "1-2,4"), ("", "none"), ("(null)", "none")]
        {
            assert_eq!(Cpus::parse(text).unwrap().to_string(), printed);
        }
        for wrong in ["a", "3-1", "1,,2", "0-99999999", "all", "-1"] {
            assert_eq!(Cpus::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sets_combine() {
        let (a, b) = (Cpus::from_iter([1, 2, 3]), Cpus::from_iter([3, 4]));
        assert_eq!(a.and(&b).to_string(), "3");
        assert_eq!(a.without(&b).to_string(), "1-2");
        assert_eq!(a.or(&b).to_string(), "1-4");
    }
}
