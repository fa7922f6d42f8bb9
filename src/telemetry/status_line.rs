//! The state of a running engine in one line, as wide as there is room. Not hot.

use super::table::{human_count, human_ns};

/// The state of a running engine; `None` where there is nothing to be said.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct StatusLine {
    /// Bars closed since the start.
    pub bars: u64,
    /// Bars closed per second in the last interval.
    pub bars_per_s: u64,
    /// Signals published since the start.
    pub signals: u64,
    /// Time since the last of them, s.
    pub last_signal_s: Option<u64>,
    /// Median latency of the last interval, ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the latency of the last interval, ns.
    pub p99_ns: Option<u64>,
    /// Records refused per second in the last interval.
    pub refused_per_s: u64,
    /// Age of the oldest entry that waits in an input stream, ms.
    pub lag_ms: Option<u64>,
    /// Messages waiting in the rings.
    pub backlog: u64,
    /// Cells whose indicators all have a value, and all cells.
    pub defined: [u64; 2],
}

/// What stands where there is nothing.
const NOTHING: &str = "–";

impl StatusLine {
    /// The line, in at most so many characters: what matters least is left out first.
    #[must_use]
    pub fn within(&self, width: usize) -> String {
        let or_nothing = |value: Option<u64>, text: fn(u64) -> String| value.map_or(NOTHING.to_owned(), text);
        let ago = |s: u64| format!("{} ago", human_ns(s.saturating_mul(1_000_000_000)).replace(".00", ""));
        let [defined, cells] = self.defined;
        let warming = if defined < cells { format!("warming up {defined}/{cells} cells") } else { String::new() };
        // How much each part matters, the least first.
        let parts = [
            (9, format!("bars {:>6} ({:>6}/s)", human_count(self.bars), human_count(self.bars_per_s))),
            (8, format!("signals {:>6}", human_count(self.signals))),
            (2, format!("last {:>9}", or_nothing(self.last_signal_s, ago))),
            (3, format!("p50 {:>7}", or_nothing(self.p50_ns, human_ns))),
            (6, format!("p99 {:>7}", or_nothing(self.p99_ns, human_ns))),
            (7, format!("refused {:>5}/s", human_count(self.refused_per_s))),
            (4, format!("lag {:>7}", or_nothing(self.lag_ms, |ms| human_ns(ms.saturating_mul(1_000_000))))),
            (1, format!("backlog {:>5}", human_count(self.backlog))),
            (5, warming),
        ];
        let mut least = 0;
        loop {
            let kept = parts
                .iter()
                .filter(|(matters, text)| *matters > least && !text.is_empty())
                .map(|(_, text)| text.as_str());
            let line = kept.collect::<Vec<_>>().join("  ");
            if line.chars().count() <= width || least + 1 >= parts.len() {
                return line;
            }
            least += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_and_keeps_what_matters_most() {
        let nothing = StatusLine::default();
        let something = StatusLine {
            bars: 1_234_567,
            bars_per_s: 45_600,
            signals: 89,
            last_signal_s: Some(3),
            p50_ns: Some(12_300),
            p99_ns: Some(1_000_000),
            refused_per_s: 7,
            lag_ms: Some(0),
            backlog: 0,
            defined: [3, 3],
        };
        let text = something.within(200);
        let want = "bars  1.23M ( 45.6K/s)  signals     89  last   3 s ago  p50 12.3 µs  p99 1.00 ms  refused     7/s  \
                    lag    0 ns  backlog     0";
        assert_eq!(text, want);
        assert!(nothing.within(200).contains("p50       –"), "{}", nothing.within(200));
        assert_eq!(nothing.within(200).chars().count(), text.chars().count(), "of steady width");
        let warming = StatusLine { defined: [37, 200], ..something };
        assert_eq!(warming.within(200), text + "  warming up 37/200 cells");
        for width in 24..140 {
            let line = something.within(width);
            assert!(line.chars().count() <= width && line.starts_with("bars "), "{width}: {line}");
        }
        assert!(something.within(80).contains("refused") && something.within(80).contains("p99"));
    }
}
