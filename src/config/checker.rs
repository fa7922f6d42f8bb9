//! Where faults of several values are reported.

use super::{fault::Fault, node::Node};

/// Finds where a key was written, and reports a fault there.
pub(super) struct Checks<'a> {
    /// The values with their origins.
    pub tree: &'a Node,
    /// What was found.
    pub faults: &'a mut Vec<Fault>,
}

impl Checks<'_> {
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
        self.faults.push(Fault { origin, key, problem });
    }

    pub fn require(&mut self, good: bool, path: &[&str], problem: impl FnOnce() -> String) {
        if !good {
            self.fault(path, problem());
        }
    }
}
