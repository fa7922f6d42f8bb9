//! Interval logs in HdrHistogram's format V2 in base 64, as its standard tools write and read them.
//!
//! Values are nanoseconds. The column of maxima is in milliseconds, as in the Java implementation.

use super::distribution::{Interval, Series};
use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer, V2DeflateSerializer,
        interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag},
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
/// The file cannot be read or is no log.
pub fn read_hlog(path: &Path) -> Result<Vec<Series>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut found: BTreeMap<String, Vec<Interval>> = BTreeMap::new();
    let mut decoder = Deserializer::new();
    let mut base_s = 0.0;
    for entry in IntervalLogIterator::new(&bytes) {
        let entry = entry.map_err(|error| anyhow!("{} is not an interval log: {error:?}", path.display()))?;
        let LogEntry::Interval(interval) = entry else {
            if let LogEntry::BaseTime(time) = entry {
                base_s = time.as_secs_f64();
            }
            continue;
        };
        let at = || format!("{}: the interval at {} s", path.display(), interval.start_timestamp().as_secs_f64());
        let encoded =
            STANDARD.decode(interval.encoded_histogram()).with_context(|| format!("{} is not base 64", at()))?;
        let histogram: Histogram<u64> =
            decoder.deserialize(&mut &encoded[..]).map_err(|error| anyhow!("{} is no histogram: {error}", at()))?;
        let name = interval.tag().map_or_else(|| stem.clone(), |tag| tag.as_str().to_owned());
        found.entry(name).or_default().push(Interval {
            start_s: interval.start_timestamp().as_secs_f64(),
            length_s: interval.duration().as_secs_f64(),
            histogram,
        });
    }
    if base_s == 0.0 {
        // Without a base time the times are absolute: the log starts at the first.
        let first = found.values().flatten().map(|interval| interval.start_s).fold(f64::INFINITY, f64::min);
        found.values_mut().flatten().for_each(|interval| interval.start_s -= first);
    }
    let series = |(name, intervals)| Series::new(name, intervals).with_context(|| path.display().to_string());
    found.into_iter().map(series).collect()
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
