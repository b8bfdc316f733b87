//! Sums up the metric lines that the functions print.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use emulator::{LogLine, LogSink};

use crate::metric_line::{Lookups, MetricLine};

/// The sums of the metric lines of many requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    /// The number of SQL statements of all requests.
    pub(crate) queries: u64,
    /// The number of `GET` requests, and the number of their SQL statements.
    reads: (u64, u64),
    /// The lookups in the cache by family.
    pub(crate) families: BTreeMap<String, Lookups>,
}

impl Summary {
    fn add(&mut self, line: &MetricLine) {
        self.requests += line.requests;
        self.queries += line.queries;
        if line.endpoint.starts_with("GET ") {
            self.reads = (self.reads.0 + line.requests, self.reads.1 + line.queries);
        }
        for (name, lookups) in &line.families {
            let family = self.families.entry(name.clone()).or_default();
            family.hits += lookups.hits;
            family.misses += lookups.misses;
        }
    }

    /// Returns the statements per request, or NaN if there are no requests.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn queries_per_request(&self) -> f64 {
        self.queries as f64 / self.requests as f64
    }

    /// Returns the statements per `GET` request, or NaN if there are none.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn queries_per_read(&self) -> f64 {
        self.reads.1 as f64 / self.reads.0 as f64
    }

    /// Returns the hit rate of all lookups together.
    pub(crate) fn hit_rate(&self) -> f64 {
        self.families.values().copied().sum::<Lookups>().hit_rate()
    }

    /// Returns the lookups of the requested data. Sessions are left out, because every request
    /// needs one and their hit rate is higher than any other.
    pub(crate) fn records(&self) -> Lookups {
        self.families.iter().filter(|(family, _)| *family != "session").map(|(_, lookups)| *lookups).sum()
    }
}

/// Collects the metric lines of a running API into a summary.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Summary>>);

impl Collector {
    /// Returns the sink for the functions' output.
    pub(crate) fn sink(&self) -> LogSink {
        let collector = self.clone();
        Arc::new(move |line: &LogLine| {
            if let Some(line) = MetricLine::parse(&line.text) {
                collector.0.lock().unwrap_or_else(PoisonError::into_inner).add(&line);
            }
        })
    }

    /// Returns the summary since the last call, and begins a new one.
    pub(crate) fn take(&self) -> Summary {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_lines_are_summed_up() {
        let families = |families: &[(&str, u64, u64)]| {
            let lookups = |&(name, hits, misses): &(&str, u64, u64)| (name.to_owned(), Lookups { hits, misses });
            families.iter().map(lookups).collect()
        };
        let line = |endpoint: &str, queries, families| MetricLine {
            endpoint: endpoint.to_owned(),
            requests: 1,
            queries,
            families,
            ..MetricLine::default()
        };
        let mut summary = Summary::default();
        summary.add(&line("POST /x", 2, families(&[("session", 1, 0)])));
        summary.add(&line("GET /x", 0, families(&[("session", 0, 1), ("profile", 2, 0)])));
        assert_eq!((summary.requests, summary.queries), (2, 2));
        assert_eq!(summary.families["session"], Lookups { hits: 1, misses: 1 });
        assert_eq!(summary.records(), Lookups { hits: 2, misses: 0 });
        assert!((summary.hit_rate() - 0.75).abs() < 1e-9 && (summary.queries_per_request() - 1.0).abs() < 1e-9);
        assert!(summary.queries_per_read().abs() < 1e-9);
        assert!(Summary::default().hit_rate().is_nan());
    }
}
