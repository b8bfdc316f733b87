//! The metric line that a function prints for each request.

use std::collections::BTreeMap;
use std::iter::Sum;

use serde::Deserialize;

/// The parts of a metric line that the commands use. Times are in milliseconds.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MetricLine {
    /// The route with its placeholders, such as `GET /api/journal/entries`.
    #[serde(rename = "Endpoint")]
    pub(crate) endpoint: String,
    #[serde(rename = "Requests")]
    pub(crate) requests: u64,
    /// The time from the request to the response within the function.
    #[serde(rename = "Latency")]
    pub(crate) latency: f64,
    /// The number of SQL statements.
    #[serde(rename = "DbQueries")]
    pub(crate) queries: u64,
    /// The time spent waiting for Postgres.
    #[serde(rename = "DbTime")]
    pub(crate) database_time: f64,
    /// 1 for the first request of an environment, and 0 for the others.
    #[serde(rename = "ColdStart")]
    pub(crate) cold_start: u8,
    /// The HTTP status of the response.
    pub(crate) status: u16,
    /// The value of the `X-Cache` header, if the response has one.
    pub(crate) cache: Option<String>,
    /// The lookups in the cache by family.
    #[serde(default)]
    pub(crate) families: BTreeMap<String, Lookups>,
    /// The number of exchanges with Redis.
    #[serde(rename = "cacheRoundTrips")]
    pub(crate) cache_round_trips: u64,
    /// The time spent waiting for Redis.
    #[serde(rename = "cacheTime")]
    pub(crate) cache_time: f64,
}

/// The numbers of cache hits and cache misses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Lookups {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl MetricLine {
    /// Parses a line of a function's output. Returns `None` if it is not the metric line of a
    /// request.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // Most other lines fail this cheap test.
        if !line.starts_with("{\"_aws\"") {
            return None;
        }
        serde_json::from_str(line).ok()
    }
}

impl Sum for Lookups {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let add = |sum: Self, more: Self| Self { hits: sum.hits + more.hits, misses: sum.misses + more.misses };
        all.fold(Self::default(), add)
    }
}

impl Lookups {
    pub(crate) const fn count(self) -> u64 {
        self.hits + self.misses
    }

    /// Returns the hit rate between 0 and 1, or NaN if there are no lookups.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn hit_rate(self) -> f64 {
        self.hits as f64 / self.count() as f64
    }
}

/// A metric line of a request with a cache hit, for tests.
#[cfg(test)]
pub(crate) const EXAMPLE: &str = concat!(
    r#"{"_aws":{},"Service":"kai","Endpoint":"GET /x","Latency":1.26,"Requests":1,"DbQueries":1,"DbTime":0.5,"#,
    r#""ColdStart":1,"status":200,"cache":"hit","families":{"profile":{"hits":2,"misses":1}},"cacheRoundTrips":2,"#,
    r#""cacheTime":0.25}"#
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_line_is_parsed() {
        let line = MetricLine::parse(EXAMPLE).unwrap();
        assert_eq!((line.endpoint.as_str(), line.status, line.cache.as_deref()), ("GET /x", 200, Some("hit")));
        assert_eq!((line.requests, line.queries, line.cache_round_trips, line.cold_start), (1, 1, 2, 1));
        assert_eq!((line.latency, line.database_time, line.cache_time), (1.26, 0.5, 0.25));
        assert_eq!(line.families["profile"], Lookups { hits: 2, misses: 1 });
    }

    #[test]
    fn other_lines_are_not_metric_lines_of_a_request() {
        for line in ["START", r#"{"level":"WARN"}"#, r#"{"_aws":{},"LinesFolded":7}"#, r#"{"_aws""#, ""] {
            assert!(MetricLine::parse(line).is_none(), "{line}");
        }
    }
}
