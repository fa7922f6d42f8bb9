//! Percentile distributions as text, as HdrHistogram's tools and this program write them.

use super::distribution::Distribution;
use anyhow::{Context, Result, bail};
use std::{fs, path::Path};

/// Reads a `.hgrm` file.
///
/// The unit is in its first line, `#[Unit = µs]`, where this program wrote it; without, it is milliseconds, as the
/// standard tools write them.
///
/// # Errors
/// A file that cannot be read or is no distribution.
pub fn read_hgrm(path: &Path) -> Result<Distribution> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let unit_ns = match text.lines().find_map(|line| line.strip_prefix("#[Unit = ")) {
        Some("ns]") => 1.0,
        Some("µs]") => 1e3,
        None | Some("ms]") => 1e6,
        Some(other) => bail!("{}: the unit {other:?} is not known", path.display()),
    };
    let (mut points, mut count) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [value, quantile, total, ..] = columns[..] else { continue };
        // The heads are the only line of words.
        let (Ok(value), Ok(quantile), Ok(total)) = (value.parse::<f64>(), quantile.parse(), total.parse()) else {
            continue;
        };
        points.push((quantile, (value * unit_ns).round() as u64));
        count = total;
    }
    if points.is_empty() {
        bail!("{} is no percentile distribution", path.display());
    }
    Ok(Distribution::of_points(points, count))
}
