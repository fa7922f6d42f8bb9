//! Metrics as text: the format of Prometheus, and OpenMetrics for who asks for it.

use std::{collections::HashMap, fmt::Write as _};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

/// Labels of a sample: names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

#[derive(Debug)]
struct Family {
    name: String,
    kind: Kind,
    help: String,
    samples: String,
}

/// Families of metrics being gathered: samples of one family stand together, whatever the order in which they come.
#[derive(Debug)]
pub(super) struct Exposition {
    open_metrics: bool,
    families: Vec<Family>,
    places: HashMap<String, usize>,
}

impl Exposition {
    /// Nothing yet.
    pub fn new(open_metrics: bool) -> Self {
        Self { open_metrics, families: Vec::new(), places: HashMap::new() }
    }

    /// The samples of a family, which is made where there is none of the name; the name is without `_total`.
    fn samples(&mut self, name: &str, kind: Kind, help: &str) -> &mut String {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let family = Family { name: name.to_owned(), kind, help: help.to_owned(), samples: String::new() };
                self.families.push(family);
                self.places.insert(name.to_owned(), self.families.len() - 1);
                self.families.len() - 1
            }
        };
        &mut self.families[place].samples
    }

    /// Adds a sample of a counter or gauge.
    pub fn add(&mut self, name: &str, kind: Kind, help: &str, labels: Labels<'_>, value: f64) {
        let suffix = if kind == Kind::Counter { "_total" } else { "" };
        push(self.samples(name, kind, help), name, suffix, labels, value);
    }

    /// Adds the samples of a histogram: cumulative counts by upper edge, all of them, their sum.
    pub fn histogram(
        &mut self,
        (name, help): (&str, &str),
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (f64, u64)>,
        (count, sum): (u64, f64),
    ) {
        let samples = self.samples(name, Kind::Histogram, help);
        // What the many lines have in common is written once, up to their edge.
        let (mut with, mut head) = (labels.to_vec(), String::new());
        with.push(("le", ""));
        push(&mut head, name, "_bucket", &with, 0.0);
        let head = head.trim_end_matches("\"} 0\n");
        for (edge, below) in buckets.chain([(f64::INFINITY, count)]) {
            samples.push_str(head);
            samples.push_str(&number(edge));
            // Writing into a text cannot fail.
            let _ = writeln!(samples, "\"}} {below}");
        }
        push(samples, name, "_sum", labels, sum);
        push(samples, name, "_count", labels, count as f64);
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut out = String::with_capacity(1 << 16);
        for Family { name, kind, help, samples } in self.families {
            let (kind, suffix) = match kind {
                Kind::Counter => ("counter", if self.open_metrics { "" } else { "_total" }),
                Kind::Gauge => ("gauge", ""),
                Kind::Histogram => ("histogram", ""),
            };
            let help = help.trim().replace('\\', "\\\\").replace('\n', " ");
            // Writing into a text cannot fail.
            let _ = write!(out, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n{samples}");
        }
        if self.open_metrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { format!("{value}") }
}

fn push(out: &mut String, name: &str, suffix: &str, labels: Labels<'_>, value: f64) {
    out.push_str(name);
    out.push_str(suffix);
    for (index, (label, text)) in labels.iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        for c in text.chars() {
            match c {
                '\\' | '"' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    out.push(' ');
    out.push_str(&number(value));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_and_labels_are_escaped() {
        for open_metrics in [false, true] {
            let mut text = Exposition::new(open_metrics);
            text.add("a", Kind::Counter, " One.", &[("x", "q\"\\\n")], 1.0);
            text.add("b_seconds", Kind::Gauge, "Two.", &[], 0.5);
            text.add("a", Kind::Counter, "One.", &[("x", "y"), ("z", "w")], 2.0);
            text.histogram(("h", "Three."), &[("of", "k")], [(0.1, 3), (1.0, 4)].into_iter(), (5, 2.5));
            let suffix = if open_metrics { "" } else { "_total" };
            let end = if open_metrics { "# EOF\n" } else { "" };
            let want = format!(
                "# HELP a{suffix} One.\n# TYPE a{suffix} counter\na_total{{x=\"q\\\"\\\\\\n\"}} 1\na_total{{x=\"y\",z=\"w\"}} 2\n\
                 # HELP b_seconds Two.\n# TYPE b_seconds gauge\nb_seconds 0.5\n\
                 # HELP h Three.\n# TYPE h histogram\nh_bucket{{of=\"k\",le=\"0.1\"}} 3\nh_bucket{{of=\"k\",le=\"1\"}} 4\n\
                 h_bucket{{of=\"k\",le=\"+Inf\"}} 5\nh_sum{{of=\"k\"}} 2.5\nh_count{{of=\"k\"}} 5\n{end}"
            );
            assert_eq!(text.finish(), want);
        }
    }
}
