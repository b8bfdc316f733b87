//! What is known of the requests of one endpoint in one minute.

use std::collections::BTreeMap;

use metrics::FamilyUse;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::line::Request;

/// Sums of requests. Two of them merge into what all their requests would have made, in whatever order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aggregate {
    /// Requests.
    pub count: u64,
    /// Those that were answered with 5xx.
    pub errors: u64,
    /// Those that were answered with 4xx.
    pub client_errors: u64,
    /// All latencies together, in microseconds.
    pub total_us: u64,
    /// The shortest latency, in microseconds.
    pub min_us: u64,
    /// The longest latency, in microseconds.
    pub max_us: u64,
    /// Latencies.
    pub latency: Histogram,
    /// Statements.
    pub queries: u64,
    /// Those over the threshold.
    pub slow_queries: u64,
    /// Look-ups in the cache.
    pub families: BTreeMap<String, FamilyUse>,
}

impl Aggregate {
    /// Adds one request.
    pub fn record(&mut self, request: &Request) {
        let Request { latency_us, errors, client_errors, queries, slow_queries, families, .. } = request;
        let mut latency = Histogram::default();
        latency.record(*latency_us);
        self.merge(&Self {
            count: 1,
            errors: *errors,
            client_errors: *client_errors,
            total_us: *latency_us,
            min_us: *latency_us,
            max_us: *latency_us,
            latency,
            queries: *queries,
            slow_queries: *slow_queries,
            families: families.clone(),
        });
    }

    /// Adds all requests of another one.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min_us = if self.count == 0 { other.min_us } else { self.min_us.min(other.min_us) };
        self.max_us = self.max_us.max(other.max_us);
        self.count += other.count;
        self.errors += other.errors;
        self.client_errors += other.client_errors;
        self.total_us += other.total_us;
        self.latency.merge(&other.latency);
        self.queries += other.queries;
        self.slow_queries += other.slow_queries;
        add_families(&mut self.families, &other.families);
    }
}

/// Adds the look-ups of each family.
pub fn add_families(sum: &mut BTreeMap<String, FamilyUse>, more: &BTreeMap<String, FamilyUse>) {
    for (name, FamilyUse { hits, misses }) in more {
        let family = sum.entry(name.clone()).or_default();
        family.hits += hits;
        family.misses += misses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::request;

    fn of(latencies: &[u64]) -> Aggregate {
        let mut aggregate = Aggregate::default();
        latencies.iter().for_each(|latency| aggregate.record(&request("GET /health", *latency)));
        aggregate
    }

    #[test]
    fn merging_is_the_same_as_recording_all_in_one() {
        let all = of(&[7, 3, 900, 5]);
        assert_eq!((all.count, all.total_us, all.min_us, all.max_us), (4, 915, 3, 900));
        for split in 0..=4 {
            let (one, other) = [7, 3, 900, 5].split_at(split);
            let (mut there, mut back) = (of(one), of(other));
            there.merge(&of(other));
            back.merge(&of(one));
            assert_eq!((&there, &back), (&all, &all), "{split}");
        }
    }
}
