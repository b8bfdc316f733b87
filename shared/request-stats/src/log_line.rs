//! One parsed log line: a request, a slow query, or a line that is not counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use metrics::FamilyUse;
use metrics::catalog::NAMESPACE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::minute::{Minute, expiry};

/// The longest accepted name of an endpoint, in bytes. The routes of the API are far shorter.
const MAX_ENDPOINT_LENGTH: usize = 200;

/// A parsed log line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LogLine {
    /// The metrics of a request.
    Request(Request),
    /// The warning about a slow query.
    SlowQuery(SlowQuery),
    /// A line that is truncated, older than the retention, or of another kind.
    Unknown,
}

/// A request, as its line in the embedded metric format describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) endpoint: String,
    pub(crate) minute: Minute,
    pub(crate) latency_us: u64,
    pub(crate) errors: u64,
    pub(crate) client_errors: u64,
    pub(crate) queries: u64,
    pub(crate) slow_queries: u64,
    pub(crate) families: BTreeMap<String, FamilyUse>,
}

/// An SQL statement that took longer than the threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SlowQuery {
    /// The time at which the statement ended.
    #[serde(default)]
    #[schema(required)]
    pub(crate) at: Timestamp,
    /// The name of the statement.
    pub(crate) statement: String,
    /// The time that the function waited for the statement, in milliseconds.
    pub(crate) duration_ms: u64,
    /// The number of rows, or null if the statement failed.
    pub(crate) rows: Option<u64>,
    /// The route of the request.
    pub(crate) endpoint: Option<String>,
    /// The request id of Lambda.
    pub(crate) request_id: Option<String>,
}

impl LogLine {
    /// Parses a line that was logged at this time. A line older than the retention is
    /// [`Unknown`](Self::Unknown).
    pub(crate) fn parse(text: &str, logged: Timestamp, now: Timestamp) -> Self {
        let line = match serde_json::from_str::<KnownLine>(text) {
            Ok(KnownLine::Metrics(line)) => line.request().map(Self::Request),
            Ok(KnownLine::Warning(line)) => line.slow_query(logged).map(Self::SlowQuery),
            Err(_) => None,
        };
        line.filter(|line| line.is_retained(now)).unwrap_or(Self::Unknown)
    }

    fn is_retained(&self, now: Timestamp) -> bool {
        match self {
            Self::Request(request) => expiry(request.minute.start()) > now.as_second(),
            Self::SlowQuery(query) => expiry(query.at) > now.as_second(),
            Self::Unknown => true,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KnownLine {
    Metrics(MetricLine),
    Warning(WarningLine),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricLine {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    endpoint: String,
    latency: f64,
    requests: u64,
    errors: u64,
    client_errors: u64,
    db_queries: u64,
    slow_queries: u64,
    #[serde(rename = "families", default)]
    families: BTreeMap<String, FamilyUse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
}

impl MetricLine {
    fn request(self) -> Option<Request> {
        let is_ours = self.metadata.cloud_watch_metrics.iter().all(|directive| directive.namespace == NAMESPACE);
        let time = Timestamp::from_millisecond(self.metadata.timestamp).ok()?;
        let is_measured = self.latency.is_finite() && self.latency >= 0.0 && self.requests == 1;
        let is_named = (1..=MAX_ENDPOINT_LENGTH).contains(&self.endpoint.len());
        (is_ours && is_measured && is_named).then(|| Request {
            endpoint: self.endpoint,
            minute: Minute::of(time),
            latency_us: (self.latency * 1e3).round() as u64,
            errors: self.errors,
            client_errors: self.client_errors,
            queries: self.db_queries,
            slow_queries: self.slow_queries,
            families: self.families,
        })
    }
}

#[derive(Deserialize)]
struct WarningLine {
    message: String,
    #[serde(flatten)]
    query: SlowQuery,
}

impl WarningLine {
    fn slow_query(self, logged: Timestamp) -> Option<SlowQuery> {
        (self.message == "slow query").then_some(SlowQuery { at: logged, ..self.query })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use metrics::{CacheOutcome, EmfRecord, RequestMetrics, Summary};
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn request(endpoint: &str, latency_us: u64) -> Request {
        let line = line(endpoint, latency_us, 200, Timestamp::now());
        match LogLine::parse(&line, Timestamp::now(), Timestamp::now()) {
            LogLine::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the line that a function prints for a request with one cache hit and one cache miss.
    pub(crate) fn line(endpoint: &str, latency_us: u64, status: u16, at: Timestamp) -> String {
        let meter = RequestMetrics::default();
        meter.cache_lookup("session", CacheOutcome::Hit);
        meter.cache_lookup("journal:list", CacheOutcome::Miss);
        meter.db_query(Duration::from_millis(3), false);
        let latency = Duration::from_micros(latency_us);
        let summary = Summary { endpoint, request_id: "r-1", status, latency, response_bytes: 9, cold_start: false };
        let mut line = serde_json::to_value(EmfRecord::new(summary, &meter)).unwrap();
        line["_aws"]["Timestamp"] = at.as_millisecond().into();
        line.to_string()
    }

    fn parse(line: &Value) -> LogLine {
        LogLine::parse(&line.to_string(), Timestamp::now(), Timestamp::now())
    }

    #[test]
    fn the_metrics_of_a_request_are_parsed_as_they_were_printed() {
        let at = Timestamp::now();
        let LogLine::Request(request) = LogLine::parse(&line("GET /health", 2345, 503, at), at, at) else { panic!() };
        assert_eq!((request.endpoint.as_str(), request.latency_us), ("GET /health", 2345));
        assert_eq!((request.errors, request.client_errors, request.queries, request.slow_queries), (1, 0, 1, 0));
        assert_eq!(request.minute, Minute::of(at));
        assert_eq!(request.families["session"], FamilyUse { hits: 1, misses: 0 });
        assert_eq!(request.families["journal:list"], FamilyUse { hits: 0, misses: 1 });
    }

    #[test]
    fn a_slow_query_is_parsed_with_the_time_at_which_it_was_logged() {
        let logged: Timestamp = Timestamp::now();
        let warning = json!({
            "timestamp": "2026-11-26T09:00:00.000001Z", "level": "WARN", "message": "slow query", "statement": "journal.filtered",
            "sql": "SELECT 1", "duration_ms": 231, "rows": 20, "function": "JournalList", "request_id": "r-1",
            "endpoint": "GET /api/journal/entries", "ids": "", "target": "shared::db::slow",
        });
        let expected = SlowQuery {
            at: logged,
            statement: "journal.filtered".to_owned(),
            duration_ms: 231,
            rows: Some(20),
            endpoint: Some("GET /api/journal/entries".to_owned()),
            request_id: Some("r-1".to_owned()),
        };
        assert_eq!(LogLine::parse(&warning.to_string(), logged, logged), LogLine::SlowQuery(expected));
        let mut other = warning;
        other["message"] = "another warning".into();
        assert_eq!(parse(&other), LogLine::Unknown);
    }

    #[test]
    fn a_line_of_another_program_or_with_invalid_values_is_unknown() {
        let good: Value = serde_json::from_str(&line("GET /health", 7, 200, Timestamp::now())).unwrap();
        assert!(matches!(parse(&good), LogLine::Request(_)));
        let invalid = [
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("Other")),
            ("/_aws/Timestamp", json!("noon")),
            ("/_aws/Timestamp", json!(i64::MAX)),
            ("/Endpoint", json!("")),
            ("/Endpoint", json!("x".repeat(201))),
            ("/Endpoint", json!(7)),
            ("/Latency", json!(-1.0)),
            ("/Latency", json!(null)),
            ("/Requests", json!(2)),
            ("/Errors", json!(-1)),
            ("/families", json!({"session": 7})),
        ];
        for (pointer, value) in invalid {
            let mut line = good.clone();
            *line.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(parse(&line), LogLine::Unknown, "{pointer} = {value}");
        }
        let text = good.to_string();
        for unknown in ["", "START RequestId: 1", "[1]", "{}", &text[..text.len() - 1], &text[..200]] {
            assert_eq!(LogLine::parse(unknown, Timestamp::now(), Timestamp::now()), LogLine::Unknown, "{unknown}");
        }
    }

    #[test]
    fn a_line_older_than_the_retention_is_not_counted() {
        let now = Timestamp::now();
        let days = |days: i64| Timestamp::from_second(now.as_second() - days * 86_400).unwrap();
        assert!(matches!(LogLine::parse(&line("GET /health", 7, 200, days(13)), now, now), LogLine::Request(_)));
        assert_eq!(LogLine::parse(&line("GET /health", 7, 200, days(15)), now, now), LogLine::Unknown);
    }
}
