//! The sums of the requests of one endpoint in one minute or hour.

use std::collections::BTreeMap;

use metrics::FamilyUse;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::log_line::Request;

/// The sums of a set of requests. Merging two aggregates gives the aggregate of all their requests,
/// in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Aggregate {
    /// The number of requests.
    pub(crate) count: u64,
    /// The number of requests that were answered with a 5xx status.
    pub(crate) errors: u64,
    /// The number of requests that were answered with a 4xx status.
    pub(crate) client_errors: u64,
    pub(crate) total_us: u64,
    pub(crate) min_us: u64,
    pub(crate) max_us: u64,
    pub(crate) latency: Histogram,
    /// The number of SQL statements.
    pub(crate) queries: u64,
    /// The number of SQL statements that took longer than the threshold.
    pub(crate) slow_queries: u64,
    /// The cache lookups by family.
    pub(crate) families: BTreeMap<String, FamilyUse>,
}

impl Aggregate {
    pub(crate) fn record(&mut self, request: &Request) {
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

    /// Adds all requests of another aggregate.
    pub(crate) fn merge(&mut self, other: &Self) {
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

/// Adds the lookups of each family.
pub(crate) fn add_families(sum: &mut BTreeMap<String, FamilyUse>, more: &BTreeMap<String, FamilyUse>) {
    for (name, FamilyUse { hits, misses }) in more {
        let family = sum.entry(name.clone()).or_default();
        family.hits += hits;
        family.misses += misses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_line::tests::request;

    fn aggregate(latencies: &[u64]) -> Aggregate {
        let mut aggregate = Aggregate::default();
        latencies.iter().for_each(|latency| aggregate.record(&request("GET /health", *latency)));
        aggregate
    }

    #[test]
    fn merging_aggregates_is_the_same_as_recording_all_requests_in_one() {
        let all = aggregate(&[7, 3, 900, 5]);
        assert_eq!((all.count, all.total_us, all.min_us, all.max_us), (4, 915, 3, 900));
        for split in 0..=4 {
            let (one, other) = [7, 3, 900, 5].split_at(split);
            let (mut there, mut back) = (aggregate(one), aggregate(other));
            there.merge(&aggregate(other));
            back.merge(&aggregate(one));
            assert_eq!((&there, &back), (&all, &all), "{split}");
        }
    }
}
