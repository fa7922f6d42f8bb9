//! Reads percentile distributions as text, in the format of HdrHistogram's tools and of this program.

use super::distribution::Distribution;
use anyhow::{Context, Result, bail};
use std::{fs, path::Path};

/// Reads a `.hgrm` file.
///
/// The first line, `#[Unit = µs]`, gives the unit of a file that this program wrote. Without it the unit is
/// milliseconds, as in files of the standard tools.
///
/// # Errors
/// The file cannot be read or holds no distribution.
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
        if columns.is_empty() || columns[0] == "Value" {
            continue;
        }
        let parsed = match columns[..] {
            [value, quantile, total, ..] => (value.parse::<f64>().ok(), quantile.parse().ok(), total.parse().ok()),
            _ => (None, None, None),
        };
        let (Some(value), Some(quantile), Some(total)) = parsed else {
            bail!("{}: {line:?} is no line of a percentile distribution", path.display());
        };
        points.push((quantile, (value * unit_ns).round() as u64));
        count = total;
    }
    if points.is_empty() {
        bail!("{} is no percentile distribution", path.display());
    }
    Ok(Distribution::of_points(points, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_not_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("day.hgrm");
        let text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n       1.000 0.500000000000          3           2.00\n";
        fs::write(&path, text).unwrap();
        assert_eq!((read_hgrm(&path).unwrap().count(), read_hgrm(&path).unwrap().max_ns()), (3, 1_000_000));
        for broken in ["9.000 1.000000000000 fourteen", "9.000 1.0"] {
            fs::write(&path, format!("{text}{broken}\n")).unwrap();
            let error = read_hgrm(&path).unwrap_err().to_string();
            assert!(error.contains("day.hgrm") && error.contains(broken), "{error}");
        }
    }
}
