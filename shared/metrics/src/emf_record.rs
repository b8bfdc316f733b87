//! The metrics of a request as a document in CloudWatch's embedded metric format (EMF).
//!
//! The format is specified in the Amazon CloudWatch user guide, "Specification: Embedded metric
//! format". The dimensions are `Service` and, for metrics that are shown by route, `Endpoint`. Each
//! further value of a dimension would be another metric. Values that vary from request to request
//! are properties.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::catalog::{COMMON, REQUEST};
use super::gauges::Metadata;
use super::process::service;
use super::request_metrics::{FamilyUse, RequestMetrics};

/// The facts about a request that are known after the response.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// The route with its placeholders, such as `GET /api/journal/entries`.
    pub endpoint: &'a str,
    /// The request id that Lambda assigned.
    pub request_id: &'a str,
    /// The HTTP status of the response.
    pub status: u16,
    /// The time from the event to the response.
    pub latency: Duration,
    /// The size of the body as it is sent, in bytes before base64.
    pub response_bytes: usize,
    /// Whether the request is the environment's first.
    pub cold_start: bool,
}

/// The EMF document of a request. Its serialized form is a log line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EmfRecord<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    service: &'static str,
    endpoint: &'a str,
    latency: f64,
    requests: u8,
    errors: u8,
    client_errors: u8,
    cache_hits: u64,
    cache_misses: u64,
    cache_errors: u8,
    db_queries: u64,
    db_time: f64,
    slow_queries: u64,
    response_bytes: usize,
    cold_start: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_saved: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_failures: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crisis_resources: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crisis_failures: Option<u64>,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(rename = "status")]
    status: u16,
    #[serde(rename = "cache", skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
    #[serde(rename = "families", skip_serializing_if = "BTreeMap::is_empty")]
    families: BTreeMap<&'static str, FamilyUse>,
    #[serde(rename = "cacheRoundTrips")]
    cache_round_trips: u64,
    #[serde(rename = "cacheTime")]
    cache_time: f64,
}

impl<'a> EmfRecord<'a> {
    /// Creates the document from the counters and the outcome of a request.
    pub fn new(summary: Summary<'a>, meter: &RequestMetrics) -> Self {
        let conversed = meter.llm_calls() + meter.saved_llm_calls() + meter.crises() > 0;
        let cloud_watch_metrics = if conversed { REQUEST.as_slice() } else { REQUEST.split_at(COMMON).0 };
        Self {
            metadata: Metadata { timestamp: Timestamp::now().as_millisecond(), cloud_watch_metrics },
            service: service(),
            endpoint: summary.endpoint,
            latency: milliseconds(summary.latency),
            requests: 1,
            errors: u8::from(summary.status >= 500),
            client_errors: u8::from((400..500).contains(&summary.status)),
            cache_hits: meter.cache_hits(),
            cache_misses: meter.cache_misses(),
            cache_errors: u8::from(meter.cache_failed()),
            db_queries: meter.db_queries(),
            db_time: milliseconds(meter.db_time()),
            slow_queries: meter.slow_queries(),
            response_bytes: summary.response_bytes,
            cold_start: u8::from(summary.cold_start),
            llm_calls: conversed.then(|| meter.llm_calls()),
            llm_saved: conversed.then(|| meter.saved_llm_calls()),
            llm_failures: conversed.then(|| meter.llm_failures()),
            llm_time: conversed.then(|| milliseconds(meter.llm_time())),
            crisis_resources: conversed.then(|| meter.crises()),
            crisis_failures: conversed.then(|| meter.crisis_failures()),
            request_id: summary.request_id,
            status: summary.status,
            cache: meter.outcome().map(super::CacheOutcome::as_str),
            families: meter.families(),
            cache_round_trips: meter.cache_round_trips(),
            cache_time: milliseconds(meter.cache_time()),
        }
    }
}

/// Converts a duration to milliseconds with three decimals.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::CacheOutcome;

    const SUMMARY: Summary<'static> = Summary {
        endpoint: "GET /health",
        request_id: "r-1",
        status: 200,
        latency: Duration::from_micros(2345),
        response_bytes: 17,
        cold_start: true,
    };

    fn document(status: u16) -> Value {
        let meter = RequestMetrics::default();
        meter.cache_lookup("thing", CacheOutcome::Hit);
        meter.answer_from(CacheOutcome::Hit);
        meter.db_query(Duration::from_micros(1500), true);
        serde_json::to_value(EmfRecord::new(Summary { status, ..SUMMARY }, &meter)).unwrap()
    }

    #[test]
    fn every_declared_metric_and_dimension_is_a_member_of_the_document() {
        let document = document(200);
        for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(document[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
            }
            let sets = directive["Dimensions"].as_array().unwrap();
            for dimension in sets.iter().flat_map(|set| set.as_array().unwrap()) {
                assert!(document[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
        assert_eq!(document["families"], serde_json::json!({"thing": {"hits": 1, "misses": 0}}));
        assert!(document["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    }

    #[test]
    fn only_chat_requests_declare_the_metrics_of_conversations() {
        let plain = document(200);
        let meter = RequestMetrics::default();
        meter.llm_call(Duration::from_millis(7));
        let spoken = EmfRecord::new(SUMMARY, &meter);
        let spoken = serde_json::to_value(spoken).unwrap();
        for (document, declared) in [(&plain, false), (&spoken, true)] {
            let directives = document["_aws"]["CloudWatchMetrics"].as_array().unwrap();
            let metrics: Vec<_> = directives.iter().flat_map(|one| one["Metrics"].as_array().unwrap()).collect();
            for metric in &metrics {
                assert!(document[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
            }
            assert_eq!(metrics.iter().any(|metric| metric["Name"] == "LlmCalls"), declared);
            assert_eq!(document.get("LlmTime").is_some(), declared);
        }
        assert_eq!(
            (&spoken["LlmCalls"], &spoken["LlmTime"], &spoken["CrisisResources"]),
            (&1.into(), &7.0.into(), &0.into())
        );
    }

    #[test]
    fn client_errors_and_server_errors_are_counted_separately() {
        for (status, errors, client_errors) in [(200, 0, 0), (304, 0, 0), (404, 0, 1), (500, 1, 0), (503, 1, 0)] {
            let document = document(status);
            assert_eq!(
                (document["Errors"].as_i64(), document["ClientErrors"].as_i64()),
                (Some(errors), Some(client_errors))
            );
        }
    }

    #[test]
    fn times_are_in_milliseconds() {
        let document = document(200);
        assert_eq!((document["Latency"].as_f64(), document["DbTime"].as_f64()), (Some(2.345), Some(1.5)));
        assert_eq!(document["cache"], "hit");
    }
}
