//! Fixed-width tables and human units. Not hot.

use std::fmt;

/// A table of text: the first column left-aligned, the others right-aligned, under one rule.
#[derive(Debug, Clone)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a title and the heads of its columns.
    #[must_use]
    pub fn new(title: &str, heads: &[&str]) -> Self {
        Self { title: title.to_owned(), rows: vec![heads.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row; missing cells at its end stay blank.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether the table has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let total = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
        writeln!(f, "{}", self.title)?;
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::with_capacity(2 * total);
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            }
            writeln!(f, "  {}", line.trim_end())?;
            if index == 0 {
                writeln!(f, "  {}", "─".repeat(total))?;
            }
        }
        Ok(())
    }
}

/// Three significant digits: `0.00`, `1.23`, `12.3`, `123`.
fn three(value: f64) -> String {
    // Compared after rounding, so that 9.996 becomes 10.0 and not 10.00.
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}")
}

/// `value` in the largest unit that it reaches; each unit is `step` times the one before it.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0}{}", units[0]) } else { format!("{}{}", three(value), units[unit]) }
}

/// A time in nanoseconds, such as `850 ns`, `12.3 µs`, `1.50 s`.
#[must_use]
pub fn human_ns(ns: u64) -> String {
    scaled(ns as f64, 1_000.0, &[" ns", " µs", " ms", " s"])
}

/// A count, such as `999`, `1.23K`, `45.6M`.
#[must_use]
pub fn human_count(count: u64) -> String {
    scaled(count as f64, 1_000.0, &["", "K", "M", "G", "T"])
}

/// An exact count in groups of three digits: `1,234,567`.
#[must_use]
pub fn exact_count(count: u64) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// A share of a whole, such as `12.5%`. Two clocks may differ by a hair: it never says more than the whole.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share.clamp(0.0, 1.0))
}

/// A size in bytes, such as `512 B`, `1.50 MiB`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    scaled(bytes as f64, 1_024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_human() {
        let ns = [0, 999, 1_000, 12_345, 999_999, 1_500_000_000, 90_000_000_000].map(human_ns);
        assert_eq!(ns, ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "1.00 ms", "1.50 s", "90.0 s"]);
        assert_eq!([7, 1_234, 45_600_000].map(human_count), ["7", "1.23K", "45.6M"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(exact_count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([512, 1_572_864].map(human_bytes), ["512 B", "1.50 MiB"]);
        assert_eq!([0.0, 0.125, 1.0, 1.004].map(percent), ["0.0%", "12.5%", "100.0%", "100.0%"]);
    }

    #[test]
    fn columns_line_up_by_characters() {
        let mut table = Table::new("Times", &["what", "max"]);
        table.row(["read".to_owned(), "9.50 µs".to_owned()]);
        table.row(["publishing".to_owned(), "1 ns".to_owned()]);
        let want =
            "Times\n  what            max\n  ───────────────────\n  read        9.50 µs\n  publishing     1 ns\n";
        assert_eq!(table.to_string(), want);
    }
}
