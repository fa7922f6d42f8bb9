//! Interval logs of HdrHistogram, as its standard tools write and read them: written with histograms of V2 in base 64, read
//! also with those of V0 and V1.
//!
//! Values are nanoseconds. The column of maxima is in milliseconds, as in the Java implementation.

use super::{
    distribution::{Interval, Series},
    encoding::decode,
};
use anyhow::{Context, Result, anyhow, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// Writes series of intervals of `length` each, by tag; `start_unix_ns` is the start of the first.
///
/// # Errors
/// The file cannot be written, or a tag contains a blank or comma.
pub fn write_hlog(
    path: &Path,
    start_unix_ns: i64,
    length: Duration,
    series: &[(Option<&str>, &[Histogram<u64>])],
) -> Result<()> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let start = UNIX_EPOCH + Duration::from_nanos(start_unix_ns.unsigned_abs());
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Unit = ns]")
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut bytes, &mut serializer)?;
    let count = series.iter().map(|(_, intervals)| intervals.len()).max().unwrap_or(0);
    for index in 0..count {
        for (tag, intervals) in series {
            let Some(histogram) = intervals.get(index) else { continue };
            let tag = match tag {
                Some(text) => Some(Tag::new(text).ok_or_else(|| anyhow!("{text:?} is no tag"))?),
                None => None,
            };
            let at = length * u32::try_from(index).unwrap_or(u32::MAX);
            log.write_histogram(histogram, at, length, tag).map_err(|error| anyhow!("{error}"))?;
        }
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a log: one series per tag, named after the tag, or after the file if there is no tag.
///
/// # Errors
/// The file cannot be read, or a line is none of a log; the error names file and line.
pub fn read_hlog(path: &Path) -> Result<Vec<Series>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut found: BTreeMap<String, Vec<Interval>> = BTreeMap::new();
    let mut has_base = false;
    for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let line = line.trim();
        has_base |= line.starts_with("#[BaseTime:");
        // Comments, and the heads of the columns.
        if line.is_empty() || line.starts_with(['#', '"']) {
            continue;
        }
        let at = || format!("{}:{}: not an interval of a histogram log", path.display(), index + 1);
        let (tag, interval) = interval(line).with_context(at)?;
        found.entry(tag.unwrap_or(&stem).to_owned()).or_default().push(interval);
    }
    if !has_base {
        // Without a base time the times are absolute: the log starts at the first.
        let first = found.values().flatten().map(|interval| interval.start_s).fold(f64::INFINITY, f64::min);
        found.values_mut().flatten().for_each(|interval| interval.start_s -= first);
    }
    let series = |(name, intervals)| Series::new(name, intervals).with_context(|| path.display().to_string());
    found.into_iter().map(series).collect()
}

/// A line of a log: its tag, if any, then start and length in seconds, the maximum, and the histogram in base 64.
fn interval(line: &str) -> Result<(Option<&str>, Interval)> {
    let (tag, rest) = match line.strip_prefix("Tag=") {
        Some(tagged) => {
            let (tag, rest) = tagged.split_once(',').context("nothing follows the tag")?;
            (Some(tag), rest)
        }
        None => (None, line),
    };
    let columns: Vec<&str> = rest.split(',').collect();
    let [start, length, _, encoded] = columns[..] else {
        bail!("it has {} columns, not start, length, maximum and histogram", columns.len());
    };
    let seconds = |text: &str| text.trim().parse::<f64>().with_context(|| format!("{text:?} is no time in seconds"));
    let encoded = STANDARD.decode(encoded).context("its histogram is not base 64")?;
    let histogram = decode(&encoded).context("its histogram cannot be read")?;
    Ok((tag, Interval { start_s: seconds(start)?, length_s: seconds(length)?, histogram }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{HgrmUnit, write_hgrm};

    #[test]
    fn logs_and_distributions_read_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let intervals: Vec<Histogram<u64>> = (0..5)
            .map(|second| {
                let mut histogram = Histogram::new(3).unwrap();
                (1..=1_000).for_each(|n| histogram.record(n * n * (second + 1)).unwrap());
                histogram
            })
            .collect();
        let path = dir.path().join("signals.hlog");
        let second = Duration::from_secs(1);
        let series: [(Option<&str>, &[Histogram<u64>]); 2] =
            [(Some("day"), &intervals), (Some("swing"), &intervals[..2])];
        write_hlog(&path, 1_760_000_000_123_000_000, second, &series).unwrap();
        let read = read_hlog(&path).unwrap();
        assert_eq!(read.iter().map(|series| series.name.as_str()).collect::<Vec<_>>(), ["day", "swing"]);
        assert_eq!((read[0].intervals.len(), read[1].intervals.len()), (5, 2));
        for (index, (interval, written)) in read[0].intervals.iter().zip(&intervals).enumerate() {
            assert_eq!((interval.start_s, interval.length_s), (index as f64, 1.0));
            assert_eq!(&interval.histogram, written);
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#[Histogram log format version 1.3]\n")
                && text.contains("\nTag=day,0.000,1.000,1.000,HISTFA")
        );

        let mut total = intervals[0].clone();
        intervals[1..].iter().for_each(|more| total.add(more).unwrap());
        assert_eq!(read[0].total.count(), total.len());
        let path = dir.path().join("day.hgrm");
        write_hgrm(&path, &total, HgrmUnit::Microseconds).unwrap();
        let lines = super::super::read_hgrm(&path).unwrap();
        assert_eq!(lines.count(), total.len());
        for quantile in [0.5, 0.75, 0.9, 0.99, 1.0] {
            let (file, log) = (lines.at(quantile), read[0].total.at(quantile));
            assert!(file.abs_diff(log) <= log / 20, "{quantile}: {file} and {log}");
        }
        for (quantile, value) in lines.curve() {
            let exact = total.value_at_quantile(quantile);
            assert!(value.abs_diff(exact) <= exact / 200 + 1, "{quantile}: {value} and {exact}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named_by_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.hlog");
        let says = |line: &str| {
            fs::write(&path, format!("#[Histogram log format version 1.3]\n\n{line}\n")).unwrap();
            format!("{:#}", read_hlog(&path).unwrap_err())
        };
        for (line, why) in [
            ("Tag=day", "nothing follows the tag"),
            ("0.0,1.0,HISTFA==", "3 columns"),
            ("0.0,soon,1.0,HISTFA==", "cannot be read"),
            ("0.0,1.0,1.0,no base 64", "not base 64"),
            ("0.0,1.0,1.0,AAAAAAAAAAA=", "the encoding 0x0 is not known"),
            ("0.0,1.0,1.0,HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJ", "cannot be read"),
        ] {
            let said = says(line);
            assert!(said.contains("bad.hlog:3: ") && said.contains(why), "{line}: {said}");
        }
    }

    #[test]
    fn a_log_of_the_java_tools_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("java.hlog");
        let log = "#[Logged with jHiccup version 2.0.7]\n#[Histogram log format version 1.2]\n\
                   #[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09 08:24:39 PDT 2015]\n\
                   \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n\
                   0.127,1.007,2.769,HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJISEuATEZMQ4uASkhIR4nrxg9v2lMaxhvMekILGZkKmcCAEf2CsI=\n";
        fs::write(&path, log).unwrap();
        let read = read_hlog(&path).unwrap();
        assert_eq!((read[0].name.as_str(), read[0].intervals.len()), ("java", 1));
        assert!((2_750_000..2_790_000).contains(&read[0].total.max_ns()), "{}", read[0].total.max_ns());
    }
}
