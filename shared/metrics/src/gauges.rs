//! What is measured beside the requests, by the functions that run on a schedule or on logs.

use jiff::Timestamp;
use serde::Serialize;

use super::catalog::{self, Directive};
use super::process::service;
use super::request_metrics::FamilyUse;

/// Values that are published together: their members are named as the metrics are.
pub trait Reading: Serialize {
    /// What they are.
    const DIRECTIVES: &'static [Directive];
}

/// A reading as a line of the embedded metric format, ready to be serialised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Published<'a, R> {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    service: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    #[serde(flatten)]
    reading: &'a R,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) timestamp: i64,
    pub(super) cloud_watch_metrics: &'static [Directive],
}

impl<'a, R: Reading> Published<'a, R> {
    /// A reading of the service as a whole.
    pub fn new(at: Timestamp, reading: &'a R) -> Self {
        let metadata = Metadata { timestamp: at.as_millisecond(), cloud_watch_metrics: R::DIRECTIVES };
        Self { metadata, service: service(), family: None, reading }
    }

    /// A reading of one family of cached records.
    pub fn of_family(at: Timestamp, family: &'a str, reading: &'a R) -> Self {
        Self { family: Some(family), ..Self::new(at, reading) }
    }
}

/// What Redis tells of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CacheReading {
    /// Bytes in use.
    pub cache_memory: u64,
    /// The same in percent of what may be used; 0 where there is no limit.
    pub cache_memory_used: f64,
    /// Records that Redis has dropped for want of memory since the last reading.
    pub cache_evictions: u64,
    /// Keys, of whatever kind.
    pub cache_keys: u64,
    /// Connections.
    pub cache_clients: u64,
}

/// What became of the outbox of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutboxReading {
    /// Invalidations that writers had to leave behind, and that were finished.
    pub cache_outbox: u64,
}

/// What `ElastiCache` tells of the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodesReading {
    /// Nodes that there are.
    pub cache_nodes: u64,
    /// Nodes that can be used.
    pub cache_nodes_available: u64,
    /// 1 when the cache as a whole can be used.
    pub cache_available: u64,
}

/// What Redis holds of a family, estimated from a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FamilyMemory {
    /// Records and guards.
    pub family_keys: u64,
    /// What they take up.
    pub family_bytes: u64,
    /// The same in percent of the family's budget.
    pub family_budget_used: f64,
}

/// What became of the log lines of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RollupReading {
    /// Lines that were counted.
    pub lines_folded: u64,
    /// Lines that are not ours, or cut off.
    pub lines_skipped: u64,
    /// 1 when the batch had been counted before.
    pub batches_repeated: u64,
}

/// [`FamilyUse`] under the names of its metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FamilyUseReading {
    family_hits: u64,
    family_misses: u64,
}

impl From<FamilyUse> for FamilyUseReading {
    fn from(FamilyUse { hits, misses }: FamilyUse) -> Self {
        Self { family_hits: hits, family_misses: misses }
    }
}

impl Reading for CacheReading {
    const DIRECTIVES: &'static [Directive] = &catalog::CACHE;
}

impl Reading for OutboxReading {
    const DIRECTIVES: &'static [Directive] = &catalog::OUTBOX;
}

impl Reading for NodesReading {
    const DIRECTIVES: &'static [Directive] = &catalog::CACHE_NODES;
}

impl Reading for FamilyMemory {
    const DIRECTIVES: &'static [Directive] = &catalog::FAMILY_MEMORY;
}

impl Reading for FamilyUseReading {
    const DIRECTIVES: &'static [Directive] = &catalog::FAMILY_USE;
}

impl Reading for RollupReading {
    const DIRECTIVES: &'static [Directive] = &catalog::ROLLUP;
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Every metric and dimension that is declared stands at the root.
    fn assert_complete(line: impl Serialize) {
        let line = serde_json::to_value(line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &line["Service"]), (&"Kai".into(), &"kai".into()));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric} in {line}");
        }
        let sets = directive["Dimensions"].as_array().unwrap();
        for dimension in sets.iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension} in {line}");
        }
        let members = line.as_object().unwrap().values().filter(|value| Value::is_number(value)).count();
        assert_eq!(members, directive["Metrics"].as_array().unwrap().len(), "a value that is not declared: {line}");
    }

    #[test]
    fn every_reading_holds_what_its_directive_declares_and_no_more() {
        let now = Timestamp::now();
        assert_complete(Published::new(now, &RollupReading::default()));
        assert_complete(Published::new(
            now,
            &NodesReading { cache_nodes: 2, cache_nodes_available: 1, cache_available: 1 },
        ));
        assert_complete(Published::new(
            now,
            &CacheReading {
                cache_memory: 1,
                cache_memory_used: 0.5,
                cache_evictions: 0,
                cache_keys: 3,
                cache_clients: 4,
            },
        ));
        assert_complete(Published::new(now, &OutboxReading { cache_outbox: 5 }));
        let memory = FamilyMemory { family_keys: 1, family_bytes: 2, family_budget_used: 3.0 };
        assert_complete(Published::of_family(now, "session", &memory));
        let used = FamilyUseReading::from(FamilyUse { hits: 3, misses: 1 });
        assert_complete(Published::of_family(now, "session", &used));
    }
}
