//! Writes a histogram as `.hgrm`, the percentile distribution that HdrHistogram plotters read. Not hot.
//!
//! Format: `outputPercentileDistribution` of the reference implementation: four columns, and a footer of lines that
//! begin with `#`. The first line is a comment that gives the unit.

use hdrhistogram::Histogram;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Lines per halving of the distance to 100 %.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// Unit of the values written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HgrmUnit {
    /// Nanoseconds, as recorded.
    Nanoseconds,
    /// Microseconds, with three decimals.
    Microseconds,
}

impl HgrmUnit {
    const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
        }
    }

    /// Nanoseconds per unit.
    const fn ns(self) -> f64 {
        match self {
            Self::Nanoseconds => 1.0,
            Self::Microseconds => 1_000.0,
        }
    }
}

/// The distribution as text.
///
/// # Errors
/// The formatter fails; writing to a string never does.
pub fn format_hgrm(histogram: &Histogram<u64>, unit: HgrmUnit) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(16 * 1024);
    writeln!(text, "#[Unit = {}]", unit.name())?;
    writeln!(text, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / unit.ns();
        let quantile = step.quantile_iterated_to();
        write!(text, "{value:12.3} {quantile:14.12} {total:10}")?;
        if quantile < 1.0 {
            write!(text, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(text)?;
    }
    let (mean, deviation) = (histogram.mean() / unit.ns(), histogram.stdev() / unit.ns());
    let max = histogram.max() as f64 / unit.ns();
    // 2 × 10^digits, rounded up to a power of two.
    let sub_buckets = (2 * 10_u64.pow(u32::from(histogram.sigfig()))).next_power_of_two();
    writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len())?;
    writeln!(text, "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]", histogram.buckets())?;
    Ok(text)
}

/// Writes the distribution to a file, atomically: the file is complete or absent.
///
/// # Errors
/// The temporary file beside it (`.tmp`) cannot be written or renamed.
pub fn write_hgrm(path: &Path, histogram: &Histogram<u64>, unit: HgrmUnit) -> io::Result<()> {
    let text = format_hgrm(histogram, unit).map_err(io::Error::other)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        (1..=10_000u64).for_each(|n| histogram.saturating_record(n * n));
        histogram
    }

    #[test]
    fn what_was_written_parses_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("day.hgrm");
        let histogram = sample();
        write_hgrm(&path, &histogram, HgrmUnit::Microseconds).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the file beside it is gone");
        let text = fs::read_to_string(&path).unwrap();
        let mut last = (0.0, 0.0, 0);
        let mut lines = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')).skip(2) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let row: (f64, f64, u64) =
                (columns[0].parse().unwrap(), columns[1].parse().unwrap(), columns[2].parse().unwrap());
            assert!(row.0 >= last.0 && row.1 >= last.1 && row.2 >= last.2, "{line}");
            let value_ns = (row.0 * 1_000.0).round() as u64;
            assert_eq!(histogram.count_between(0, value_ns), row.2, "{line}");
            assert!(row.2 as f64 >= row.1 * 10_000.0 - 1e-6, "{line}");
            assert_eq!(columns.len() == 4, row.1 < 1.0, "{line}");
            last = row;
            lines += 1;
        }
        assert!(lines > 30);
        assert_eq!((last.1, last.2), (1.0, 10_000));
        assert!(text.contains("Total count    =        10000]") && text.contains("SubBuckets     =         2048]"));
        assert!(text.starts_with("#[Unit = µs]\n       Value     Percentile TotalCount 1/(1-Percentile)\n\n"));
    }

    #[test]
    fn an_empty_histogram_has_a_footer() {
        let histogram = Histogram::new_with_bounds(1, 1_000, 3).unwrap();
        let text = format_hgrm(&histogram, HgrmUnit::Nanoseconds).unwrap();
        assert!(text.starts_with("#[Unit = ns]") && text.contains("Total count    =            0]"));
    }
}
