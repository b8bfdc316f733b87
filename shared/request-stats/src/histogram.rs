//! Latencies in buckets whose width grows with them.
//!
//! Bucket `i` holds what is over γ^(i−1) and at most γ^i microseconds, with γ = (1+α)/(1−α). The middle of a bucket, 2γ^i/(γ+1), is then at
//! most α away from everything in it, in proportion: every quantile is right to within **one percent**, whatever the spread. Adding two
//! histograms bucket by bucket gives the histogram of both, so minutes, endpoints and environments can be merged in any order.
//!
//! Source: Masson, Rim and Lee, "`DDSketch`: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019, §2.1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The largest relative error of a quantile.
pub const RELATIVE_ERROR: f64 = 0.01;
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// The last bucket: a quarter of an hour, the longest that a function runs. What is longer counts there.
const LAST: u16 = 1031;

/// How many latencies fell into each bucket; empty buckets take no room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    /// Adds one latency, in microseconds. Less than one counts as one.
    pub fn record(&mut self, micros: u64) {
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    /// Adds all that another histogram holds.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The latency that a share `q` (0 to 1) of all does not exceed, in microseconds; none of nothing.
    pub fn quantile(&self, q: f64) -> Option<f64> {
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
    (bucket.ceil() as u16).min(LAST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(latencies: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        latencies.iter().for_each(|micros| histogram.record(*micros));
        histogram
    }

    /// The quantile by its definition: the smallest value that so many do not exceed.
    fn exact(latencies: &[u64], q: f64) -> u64 {
        let mut sorted = latencies.to_vec();
        sorted.sort_unstable();
        sorted[((q * sorted.len() as f64).ceil().max(1.0) as usize) - 1]
    }

    proptest! {
        #[test]
        fn every_quantile_is_right_to_within_one_percent(
            latencies in prop::collection::vec(prop_oneof![1_u64..50, 50_u64..1_000_000, 1_000_000_u64..900_000_000], 1..300),
            q in 0.0_f64..=1.0,
        ) {
            let (estimate, exact) = (of(&latencies).quantile(q).unwrap(), exact(&latencies, q) as f64);
            prop_assert!((estimate - exact).abs() <= exact * RELATIVE_ERROR * 1.000_001, "{estimate} for {exact}");
        }

        #[test]
        fn merging_is_the_same_as_recording_all_in_one(
            (one, other) in (prop::collection::vec(0_u64..10_000_000, 0..100), prop::collection::vec(0_u64..10_000_000, 0..100)),
        ) {
            let (mut there, mut back) = (of(&one), of(&other));
            there.merge(&of(&other));
            back.merge(&of(&one));
            prop_assert_eq!(&there, &of(&[one, other].concat()));
            prop_assert_eq!(there, back);
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_the_ends_have_a_bucket() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!((bucket(0), bucket(1), bucket(2)), (0, 0, 35));
        assert_eq!((bucket(900_000_000), bucket(u64::MAX)), (LAST, LAST));
    }
}
