//! Adds histograms up without losing a value. Not hot: allocates if the sum must grow.

use hdrhistogram::Histogram;

/// Why two histograms cannot be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Together they hold more values than 64 bits can count.
    #[error("{0} and {1} values are more than 64 bits count")]
    Count(u64, u64),
    /// There is no memory for the wider range.
    #[error("values up to {0} take more memory than this machine can address")]
    Range(u64),
}

/// Adds every value of `more` to `sum`.
///
/// The sum takes the wider range and the finer resolution of both. (The library's `add` refuses a value above the
/// range of a histogram that may not grow, and one that was read from a log may not grow.)
///
/// # Errors
/// A count or a range is too large to hold. `sum` then keeps its own values, and gets none of `more`.
pub fn merge(sum: &mut Histogram<u64>, more: &Histogram<u64>) -> Result<(), MergeError> {
    if sum.len().checked_add(more.len()).is_none() {
        return Err(MergeError::Count(sum.len(), more.len()));
    }
    let range = MergeError::Range(sum.high().max(more.high()).max(more.max()));
    if more.low() < sum.low() || more.sigfig() > sum.sigfig() {
        let low = sum.low().min(more.low());
        let (high, digits) = (sum.high().max(more.high()), sum.sigfig().max(more.sigfig()));
        let mut finer = Histogram::new_with_bounds(low, high, digits).map_err(|_| range)?;
        finer.auto(true);
        finer.add(&*sum).map_err(|_| range)?;
        *sum = finer;
    }
    sum.auto(true);
    sum.add(more).map_err(|_| range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    /// What a log may hold: any bounds, any resolution, growing or not.
    fn histogram(values: &[u64], low: u64, digits: u8, grows: bool) -> Histogram<u64> {
        let highest = values.iter().copied().max().unwrap_or(0).max(2 * low);
        let mut histogram = Histogram::new_with_bounds(low, highest, digits).unwrap();
        histogram.auto(grows);
        values.iter().for_each(|&value| histogram.record(value).unwrap());
        histogram
    }

    /// Values of every magnitude up to an hour in nanoseconds.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        vec((0_u32..42, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1)), 0..60)
    }

    proptest! {
        #[test]
        fn a_sum_is_that_of_the_plain_values(parts in vec((values(), 1_u64..5_000, 1_u8..=3, any::<bool>()), 1..8)) {
            let low = parts.iter().map(|part| part.1).min().unwrap();
            let digits = parts.iter().map(|part| part.2).max().unwrap();
            let same = parts.iter().all(|part| (part.1, part.2) == (parts[0].1, parts[0].2));
            let mut parts_of = parts.iter().map(|(values, low, digits, grows)| histogram(values, *low, *digits, *grows));
            let mut sum = parts_of.next().unwrap();
            parts_of.for_each(|part| merge(&mut sum, &part).unwrap());
            let mut sorted: Vec<u64> = parts.iter().flat_map(|part| part.0.iter().copied()).collect();
            sorted.sort_unstable();
            prop_assert_eq!(sum.len(), sorted.len() as u64);
            prop_assert_eq!((sum.low(), sum.sigfig()), (low, digits));
            let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return Ok(()) };
            // Equal within the resolution of the coarsest part, and exactly if all have the same resolution.
            let coarse = |value: u64| parts.iter().map(|part| (value / 10_u64.pow(u32::from(part.2)) * 2).max(2 * part.1)).max().unwrap();
            let holds = |got: u64, exact: u64, own: u64| {
                if same { got == own } else { got.abs_diff(exact) <= coarse(exact) }
            };
            // The greatest of nothing but zeros is zero, whatever else counts as zero.
            let own = if *most == 0 { 0 } else { sum.highest_equivalent(*most) };
            prop_assert!(holds(sum.max(), *most, own), "{} for {}", sum.max(), most);
            prop_assert!(holds(sum.min(), *least, sum.lowest_equivalent(*least)), "{} for {}", sum.min(), least);
            for quantile in [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let rank = ((quantile * sorted.len() as f64).ceil() as usize).max(1);
                let (got, exact) = (sum.value_at_quantile(quantile), sorted[rank - 1]);
                prop_assert!(holds(got, exact, sum.highest_equivalent(exact)), "{}: {} for {}", quantile, got, exact);
            }
        }
    }

    #[test]
    fn a_count_that_cannot_be_held_is_refused_and_changes_nothing() {
        let mut sum = histogram(&[7], 1, 3, false);
        let mut more = histogram(&[9_000_000], 1, 3, false);
        more.record_n(5, u64::MAX - 1).unwrap();
        assert_eq!(merge(&mut sum, &more), Err(MergeError::Count(1, u64::MAX)));
        assert_eq!((sum.len(), sum.max()), (1, 7));
    }
}
