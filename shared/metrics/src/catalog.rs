//! Every metric that the stack makes: its name, its unit, and what tells its values apart.
//!
//! Each distinct name with distinct values of its dimensions is a metric that CloudWatch bills, so nothing that grows with the number of
//! users is a dimension. The dashboard and the alarms of `infra/monitoring.yaml` are held against this list.

use serde::Serialize;

/// Where CloudWatch files them.
pub const NAMESPACE: &str = "Kai";
/// One directive of a document: metrics that have the same dimensions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Directive {
    namespace: &'static str,
    /// Each set of dimensions makes metrics of its own.
    pub dimensions: &'static [&'static [&'static str]],
    /// What is measured.
    pub metrics: &'static [Metric],
}

/// What is measured, and in which of CloudWatch's units.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Its name, which is also the member of the document that holds the value.
    pub name: &'static str,
    /// `Milliseconds`, `Count`, `Bytes` or `Percent`.
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

/// What every request measures, and after it what only a conversation does.
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
/// How many of them every request has.
pub(super) const COMMON: usize = 2;

/// How often the cache had the records of a family, as [`FamilyUse`](super::FamilyUse) counts it.
pub(super) const FAMILY_USE: [Directive; 1] =
    [directive(BY_FAMILY, &[metric("FamilyHits", "Count"), metric("FamilyMisses", "Count")])];

/// What Redis holds of a family.
pub(super) const FAMILY_MEMORY: [Directive; 1] = [directive(
    BY_FAMILY,
    &[metric("FamilyKeys", "Count"), metric("FamilyBytes", "Bytes"), metric("FamilyBudgetUsed", "Percent")],
)];

/// What Redis tells of itself.
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

/// What became of the outbox of the cache.
pub(super) const OUTBOX: [Directive; 1] = [directive(BY_SERVICE, &[metric("CacheOutbox", "Count")])];

/// What `ElastiCache` tells of the nodes.
pub(super) const CACHE_NODES: [Directive; 1] = [directive(
    BY_SERVICE,
    &[metric("CacheNodes", "Count"), metric("CacheNodesAvailable", "Count"), metric("CacheAvailable", "Count")],
)];

/// What became of the log lines that `metrics-rollup` was given.
pub(super) const ROLLUP: [Directive; 1] = [directive(
    BY_SERVICE,
    &[metric("LinesFolded", "Count"), metric("LinesSkipped", "Count"), metric("BatchesRepeated", "Count")],
)];

/// Every directive that any document may have.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    const ALL: [&[Directive]; 7] = [&REQUEST, &FAMILY_USE, &FAMILY_MEMORY, &CACHE, &OUTBOX, &CACHE_NODES, &ROLLUP];
    ALL.into_iter().flatten()
}

/// How many metrics CloudWatch bills when so many routes and families are in use.
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
    fn a_name_stands_for_one_metric() {
        let names: Vec<_> = directives().flat_map(|directive| directive.metrics).map(|metric| metric.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }

    #[test]
    fn the_bill_counts_each_set_of_dimensions() {
        assert_eq!(billed(1, 0) - billed(0, 0), 3, "three metrics tell the routes apart");
        assert_eq!(billed(0, 1) - billed(0, 0), 5, "five metrics tell the families apart");
        let by_service = directives().filter(|directive| directive.dimensions.contains(&BY_SERVICE[0]));
        assert_eq!(billed(0, 0), by_service.map(|directive| directive.metrics.len()).sum::<usize>());
    }
}
