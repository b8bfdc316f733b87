//! One log line: a request, a slow query, or nothing that is counted here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use metrics::FamilyUse;
use metrics::catalog::NAMESPACE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::minute::{Minute, expiry};

/// The longest name of an endpoint that is believed, in bytes: ours are far shorter.
const LONGEST_ENDPOINT: usize = 200;

/// What a log line tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A request's metrics.
    Request(Request),
    /// The warning about a slow query.
    SlowQuery(SlowQuery),
    /// Not ours, cut off, or without use here.
    Foreign,
}

/// A request, as its line in the embedded metric format tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub(crate) endpoint: String,
    pub(crate) minute: Minute,
    pub(crate) latency_us: u64,
    pub(crate) errors: u64,
    pub(crate) client_errors: u64,
    pub(crate) queries: u64,
    pub(crate) slow_queries: u64,
    pub(crate) families: BTreeMap<String, FamilyUse>,
}

/// A statement that took longer than it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlowQuery {
    /// When it was over.
    #[serde(default)]
    #[schema(required)]
    pub at: Timestamp,
    /// Its name in the catalogue of statements.
    pub statement: String,
    /// How long it was waited for, in milliseconds.
    pub duration_ms: u64,
    /// How many rows it gave, unless it failed.
    pub rows: Option<u64>,
    /// The route of the request.
    pub endpoint: Option<String>,
    /// Lambda's id of the request.
    pub request_id: Option<String>,
}

impl Line {
    /// Reads a line that was logged at this time. What is older than anything is kept for counts as foreign.
    pub fn parse(text: &str, logged: Timestamp, now: Timestamp) -> Self {
        let line = match serde_json::from_str::<Ours>(text) {
            Ok(Ours::Metrics(line)) => line.request().map(Self::Request),
            Ok(Ours::Warning(line)) => line.slow_query(logged).map(Self::SlowQuery),
            Err(_) => None,
        };
        line.filter(|line| line.is_kept(now)).unwrap_or(Self::Foreign)
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        match self {
            Self::Request(request) => expiry(request.minute.start()) > now.as_second(),
            Self::SlowQuery(query) => expiry(query.at) > now.as_second(),
            Self::Foreign => true,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ours {
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
        let ours = self.metadata.cloud_watch_metrics.iter().all(|directive| directive.namespace == NAMESPACE);
        let time = Timestamp::from_millisecond(self.metadata.timestamp).ok()?;
        let measured = self.latency.is_finite() && self.latency >= 0.0 && self.requests == 1;
        let named = (1..=LONGEST_ENDPOINT).contains(&self.endpoint.len());
        (ours && measured && named).then(|| Request {
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
        match Line::parse(&line, Timestamp::now(), Timestamp::now()) {
            Line::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The line that a function prints of a request that took a record from the cache and missed another.
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

    fn parse(line: &Value) -> Line {
        Line::parse(&line.to_string(), Timestamp::now(), Timestamp::now())
    }

    #[test]
    fn a_request_is_read_as_it_was_printed() {
        let at = Timestamp::now();
        let Line::Request(request) = Line::parse(&line("GET /health", 2345, 503, at), at, at) else { panic!() };
        assert_eq!((request.endpoint.as_str(), request.latency_us), ("GET /health", 2345));
        assert_eq!((request.errors, request.client_errors, request.queries, request.slow_queries), (1, 0, 1, 0));
        assert_eq!(request.minute, Minute::of(at));
        assert_eq!(request.families["session"], FamilyUse { hits: 1, misses: 0 });
        assert_eq!(request.families["journal:list"], FamilyUse { hits: 0, misses: 1 });
    }

    #[test]
    fn a_slow_query_is_read_as_it_was_logged_with_the_time_of_the_log() {
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
        assert_eq!(Line::parse(&warning.to_string(), logged, logged), Line::SlowQuery(expected));
        let mut other = warning;
        other["message"] = "another warning".into();
        assert_eq!(parse(&other), Line::Foreign);
    }

    #[test]
    fn what_is_not_ours_or_makes_no_sense_is_foreign() {
        let good: Value = serde_json::from_str(&line("GET /health", 7, 200, Timestamp::now())).unwrap();
        assert!(matches!(parse(&good), Line::Request(_)));
        let spoilt = [
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
        for (pointer, value) in spoilt {
            let mut line = good.clone();
            *line.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(parse(&line), Line::Foreign, "{pointer} = {value}");
        }
        let text = good.to_string();
        for foreign in ["", "START RequestId: 1", "[1]", "{}", &text[..text.len() - 1], &text[..200]] {
            assert_eq!(Line::parse(foreign, Timestamp::now(), Timestamp::now()), Line::Foreign, "{foreign}");
        }
    }

    #[test]
    fn what_would_have_expired_is_not_counted_again() {
        let now = Timestamp::now();
        let days = |days: i64| Timestamp::from_second(now.as_second() - days * 86_400).unwrap();
        assert!(matches!(Line::parse(&line("GET /health", 7, 200, days(13)), now, now), Line::Request(_)));
        assert_eq!(Line::parse(&line("GET /health", 7, 200, days(15)), now, now), Line::Foreign);
    }
}
