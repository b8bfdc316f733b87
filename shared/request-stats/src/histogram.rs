//! Latencies in buckets whose width grows with the latency.
//!
//! Bucket `i` counts latencies over γ^(i−1) and up to γ^i microseconds, with γ = (1+α)/(1−α). The
//! middle of a bucket, 2γ^i/(γ+1), then differs from every latency in the bucket by at most the
//! share α. Every quantile is therefore correct to within **one percent**, for any distribution.
//! Adding two histograms bucket by bucket gives the histogram of both, so minutes, endpoints and
//! environments can be merged in any order.
//!
//! Source: Masson, Rim and Lee, "`DDSketch`: A Fast and Fully-Mergeable Quantile Sketch with
//! Relative-Error Guarantees", VLDB 2019, §2.1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The largest relative error of a quantile.
const RELATIVE_ERROR: f64 = 0.01;
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// The last bucket. It ends at a quarter of an hour, the longest time that a function runs, and
/// also counts longer latencies.
const LAST_BUCKET: u16 = 1031;

/// The number of latencies in each bucket. Empty buckets are not stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    /// Adds one latency in microseconds. Zero counts as one.
    pub(crate) fn record(&mut self, micros: u64) {
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    /// Adds all latencies of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// Returns the latency in microseconds that the share `q` (0 to 1) of all latencies does not
    /// exceed, or `None` if the histogram is empty.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let count: u64 = self.0.values().sum();
        let rank = (q * count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        bucket.map(|(bucket, _)| 2.0 * GAMMA.powi(i32::from(*bucket)) / (GAMMA + 1.0))
    }
}

fn bucket(micros: u64) -> u16 {
    let bucket = (micros.max(1) as f64).ln() / GAMMA.ln();
    (bucket.ceil() as u16).min(LAST_BUCKET)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(latencies: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        latencies.iter().for_each(|micros| histogram.record(*micros));
        histogram
    }

    /// Returns the quantile by its definition: the smallest value that the share `q` of all values
    /// does not exceed.
    fn exact(latencies: &[u64], q: f64) -> u64 {
        let mut sorted = latencies.to_vec();
        sorted.sort_unstable();
        sorted[((q * sorted.len() as f64).ceil().max(1.0) as usize) - 1]
    }

    proptest! {
        #[test]
        fn every_quantile_is_correct_to_within_one_percent(
            latencies in prop::collection::vec(prop_oneof![1_u64..50, 50_u64..1_000_000, 1_000_000_u64..900_000_000], 1..300),
            q in 0.0_f64..=1.0,
        ) {
            let (estimate, exact) = (histogram(&latencies).quantile(q).unwrap(), exact(&latencies, q) as f64);
            prop_assert!((estimate - exact).abs() <= exact * RELATIVE_ERROR * 1.000_001, "{estimate} for {exact}");
        }

        #[test]
        fn merging_histograms_is_the_same_as_recording_all_latencies_in_one(
            (one, other) in (prop::collection::vec(0_u64..10_000_000, 0..100), prop::collection::vec(0_u64..10_000_000, 0..100)),
        ) {
            let (mut there, mut back) = (histogram(&one), histogram(&other));
            there.merge(&histogram(&other));
            back.merge(&histogram(&one));
            prop_assert_eq!(&there, &histogram(&[one, other].concat()));
            prop_assert_eq!(there, back);
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantile_and_extreme_latencies_have_a_bucket() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!((bucket(0), bucket(1), bucket(2)), (0, 0, 35));
        assert_eq!((bucket(900_000_000), bucket(u64::MAX)), (LAST_BUCKET, LAST_BUCKET));
    }
}
