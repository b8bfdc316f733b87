//! Every metric that the stack publishes: its name, its unit and its dimensions.
//!
//! CloudWatch bills each combination of a name and the values of its dimensions as a metric. No
//! dimension may therefore have a value per user. Tests compare the dashboard and the alarms of
//! `infra/monitoring.yaml` with this list.

use serde::Serialize;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Kai";
/// A directive of an EMF document: a set of metrics with the same dimensions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Directive {
    namespace: &'static str,
    /// The sets of dimensions. Each set results in separate metrics.
    pub dimensions: &'static [&'static [&'static str]],
    /// The metrics that each set of dimensions applies to.
    pub metrics: &'static [Metric],
}

/// The name and the unit of a metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// The name, which is also the name of the document's member with the value.
    pub name: &'static str,
    /// The unit in CloudWatch: `Milliseconds`, `Count`, `Bytes` or `Percent`.
    pub unit: &'static str,
}

const fn metric(name: &'static str, unit: &'static str) -> Metric {
    Metric { name, unit }
}

const fn directive(dimensions: &'static [&'static [&'static str]], metrics: &'static [Metric]) -> Directive {
    Directive { namespace: NAMESPACE, dimensions, metrics }
}

const BY_SERVICE: &[&[&str]] = &[&["Service"]];
const BY_ENDPOINT: &[&[&str]] = &[&["Service", "Endpoint"], &["Service"]];
const BY_FAMILY: &[&[&str]] = &[&["Service", "Family"]];

/// The metrics of requests. The first [`COMMON`] directives apply to every request, the last one
/// only to chat requests.
pub(super) const REQUEST: [Directive; 3] = [
    directive(
        BY_ENDPOINT,
        &[metric("Latency", "Milliseconds"), metric("Requests", "Count"), metric("Errors", "Count")],
    ),
    directive(
        BY_SERVICE,
        &[
            metric("ClientErrors", "Count"),
            metric("CacheHits", "Count"),
            metric("CacheMisses", "Count"),
            metric("CacheErrors", "Count"),
            metric("DbQueries", "Count"),
            metric("DbTime", "Milliseconds"),
            metric("SlowQueries", "Count"),
            metric("ResponseBytes", "Bytes"),
            metric("ColdStart", "Count"),
        ],
    ),
    directive(
        BY_SERVICE,
        &[
            metric("LlmCalls", "Count"),
            metric("LlmSaved", "Count"),
            metric("LlmFailures", "Count"),
            metric("LlmTime", "Milliseconds"),
            metric("CrisisResources", "Count"),
            metric("CrisisFailures", "Count"),
        ],
    ),
];
/// The number of directives of [`REQUEST`] that apply to every request.
pub(super) const COMMON: usize = 2;

/// The cache hits and misses of a family, as counted by [`FamilyUse`](super::FamilyUse).
pub(super) const FAMILY_USE: [Directive; 1] =
    [directive(BY_FAMILY, &[metric("FamilyHits", "Count"), metric("FamilyMisses", "Count")])];

/// The memory that a family uses in Redis.
pub(super) const FAMILY_MEMORY: [Directive; 1] = [directive(
    BY_FAMILY,
    &[metric("FamilyKeys", "Count"), metric("FamilyBytes", "Bytes"), metric("FamilyBudgetUsed", "Percent")],
)];

/// The metrics that Redis reports.
pub(super) const CACHE: [Directive; 1] = [directive(
    BY_SERVICE,
    &[
        metric("CacheMemory", "Bytes"),
        metric("CacheMemoryUsed", "Percent"),
        metric("CacheEvictions", "Count"),
        metric("CacheKeys", "Count"),
        metric("CacheClients", "Count"),
    ],
)];

/// The progress of the cache outbox.
pub(super) const OUTBOX: [Directive; 1] = [directive(BY_SERVICE, &[metric("CacheOutbox", "Count")])];

/// The state of the nodes, as reported by `ElastiCache`.
pub(super) const CACHE_NODES: [Directive; 1] = [directive(
    BY_SERVICE,
    &[metric("CacheNodes", "Count"), metric("CacheNodesAvailable", "Count"), metric("CacheAvailable", "Count")],
)];

/// The outcome of the log lines that `metrics-rollup` received.
pub(super) const ROLLUP: [Directive; 1] = [directive(
    BY_SERVICE,
    &[metric("LinesFolded", "Count"), metric("LinesSkipped", "Count"), metric("BatchesRepeated", "Count")],
)];

/// Returns every directive that a document may have.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    const ALL: [&[Directive]; 7] = [&REQUEST, &FAMILY_USE, &FAMILY_MEMORY, &CACHE, &OUTBOX, &CACHE_NODES, &ROLLUP];
    ALL.into_iter().flatten()
}

/// Returns the number of metrics that CloudWatch bills for this number of routes and families.
pub fn billed(endpoints: usize, families: usize) -> usize {
    let values = |dimensions: &[&str]| match dimensions {
        [_, "Endpoint"] => endpoints,
        [_, "Family"] => families,
        _ => 1,
    };
    directives()
        .map(|directive| {
            directive.metrics.len() * directive.dimensions.iter().map(|dimensions| values(dimensions)).sum::<usize>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn metric_names_are_unique() {
        let names: Vec<_> = directives().flat_map(|directive| directive.metrics).map(|metric| metric.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }

    #[test]
    fn the_bill_counts_each_set_of_dimensions() {
        assert_eq!(billed(1, 0) - billed(0, 0), 3, "three metrics have the dimension Endpoint");
        assert_eq!(billed(0, 1) - billed(0, 0), 5, "five metrics have the dimension Family");
        let by_service = directives().filter(|directive| directive.dimensions.contains(&BY_SERVICE[0]));
        assert_eq!(billed(0, 0), by_service.map(|directive| directive.metrics.len()).sum::<usize>());
    }
}
