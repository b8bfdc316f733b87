//! Metrics that do not belong to a request, from the functions that run on a schedule or process
//! logs.

use jiff::Timestamp;
use serde::Serialize;

use super::catalog::{self, Directive};
use super::process::service;
use super::request_metrics::FamilyUse;

/// A set of values that are published together. Its serialized members have the names of the
/// metrics.
pub trait Reading: Serialize {
    /// The directives that declare the metrics.
    const DIRECTIVES: &'static [Directive];
}

/// The EMF document of a [`Reading`]. Its serialized form is a log line.
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
    /// Creates the document of a reading of the whole service.
    pub fn new(at: Timestamp, reading: &'a R) -> Self {
        let metadata = Metadata { timestamp: at.as_millisecond(), cloud_watch_metrics: R::DIRECTIVES };
        Self { metadata, service: service(), family: None, reading }
    }

    /// Creates the document of a reading of one family of cached records.
    pub fn of_family(at: Timestamp, family: &'a str, reading: &'a R) -> Self {
        Self { family: Some(family), ..Self::new(at, reading) }
    }
}

/// The metrics that Redis reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CacheReading {
    /// The memory in use, in bytes.
    pub cache_memory: u64,
    /// The memory in use, as a percentage of the limit. 0 if there is no limit.
    pub cache_memory_used: f64,
    /// The number of keys that Redis has evicted since the last reading because its memory was
    /// full.
    pub cache_evictions: u64,
    /// The number of keys of all kinds.
    pub cache_keys: u64,
    /// The number of client connections.
    pub cache_clients: u64,
}

/// The progress of the cache outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutboxReading {
    /// The number of pending invalidations that were completed.
    pub cache_outbox: u64,
}

/// The state of the nodes, as reported by `ElastiCache`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodesReading {
    /// The number of nodes.
    pub cache_nodes: u64,
    /// The number of available nodes.
    pub cache_nodes_available: u64,
    /// 1 if the cache as a whole is available, 0 if not.
    pub cache_available: u64,
}

/// The memory that a family uses in Redis, estimated from a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FamilyMemory {
    /// The number of records and guards.
    pub family_keys: u64,
    /// The memory of these keys, in bytes.
    pub family_bytes: u64,
    /// The memory that these keys use, as a percentage of the family's budget.
    pub family_budget_used: f64,
}

/// The outcome of the log lines of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RollupReading {
    /// The number of lines that were counted.
    pub lines_folded: u64,
    /// The number of lines that are truncated or not from the functions.
    pub lines_skipped: u64,
    /// 1 if the batch had already been counted, 0 if not.
    pub batches_repeated: u64,
}

/// The counters of [`FamilyUse`] under the names of their metrics.
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

    /// Asserts that every declared metric and dimension is a member of the document, and no other
    /// number.
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
        assert_eq!(members, directive["Metrics"].as_array().unwrap().len(), "an undeclared value: {line}");
    }

    #[test]
    fn every_reading_has_exactly_the_values_that_its_directives_declare() {
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
