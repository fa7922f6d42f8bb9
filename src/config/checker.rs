//! Where faults of several values are reported.

use super::{fault::Fault, heal::related, node::Node};

/// Finds where a key was written, and reports a fault there.
pub(super) struct Checks<'a> {
    /// The values with their origins.
    pub tree: &'a Node,
    /// Keys whose values are faulty by themselves: nothing is said of what depends on them.
    pub spoiled: &'a [String],
    /// What was found.
    pub faults: &'a mut Vec<Fault>,
}

impl Checks<'_> {
    /// Whether nothing in these sections is faulty by itself.
    pub fn knows(&self, sections: &[&str]) -> bool {
        !self.spoiled.iter().any(|key| sections.iter().any(|section| related(key, section)))
    }

    pub fn fault(&mut self, path: &[&str], problem: String) {
        let origin = self.tree.nearest(path).origin.clone();
        let mut key = String::new();
        for part in path {
            if part.parse::<usize>().is_ok() {
                key = format!("{key}[{part}]");
            } else if key.is_empty() {
                key = (*part).to_owned();
            } else {
                key = format!("{key}.{part}");
            }
        }
        if self.knows(&[&key]) {
            self.faults.push(Fault { origin, key, problem });
        }
    }

    pub fn require(&mut self, good: bool, path: &[&str], problem: impl FnOnce() -> String) {
        if !good {
            self.fault(path, problem());
        }
    }
}
