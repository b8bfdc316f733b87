//! The functions' own figures, which are in the metric lines that they print.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

use crate::measurement::distribution::Distribution;
use crate::metric_line::MetricLine;

/// The medians of a function's metric lines. Times are in microseconds.
#[derive(Debug, PartialEq)]
pub(crate) struct MedianMetrics {
    /// The number of Redis round trips and the number of SQL statements of a request: the most
    /// frequent pair in the metric lines.
    pub(crate) round_trips: (u64, u64),
    /// The time from the request to the response within the function.
    pub(crate) latency: f64,
    /// The part of the latency that was spent waiting for Redis.
    pub(crate) cache: f64,
    /// The part of the latency that was spent waiting for Postgres.
    pub(crate) database: f64,
    /// The rest of the latency, which is negative if both waits overlap, as in `health`.
    pub(crate) rest: f64,
}

impl MedianMetrics {
    /// Reads the metric lines of a log. Returns `None` if the log has none.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn read(log: &Path) -> Result<Option<Self>> {
        let reading = || format!("cannot read {}", log.display());
        let lines = BufReader::new(File::open(log).with_context(reading)?).lines();
        let mut metrics = Vec::new();
        for line in lines {
            metrics.extend(MetricLine::parse(&line.with_context(reading)?));
        }
        Ok(Self::new(&metrics))
    }

    fn new(lines: &[MetricLine]) -> Option<Self> {
        let mut counts: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        for line in lines {
            *counts.entry((line.cache_round_trips, line.queries)).or_default() += 1;
        }
        let (round_trips, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let median = |value: fn(&MetricLine) -> f64| {
            Distribution::new(lines.iter().map(|line| value(line) * 1e3).collect()).median()
        };
        Some(Self {
            round_trips,
            latency: median(|line| line.latency),
            cache: median(|line| line.cache_time),
            database: median(|line| line.database_time),
            rest: median(|line| line.latency - line.cache_time - line.database_time),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::metric_line::EXAMPLE;

    #[test]
    fn metric_lines_are_found_among_others() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |latency: &str| EXAMPLE.replace("1.26", latency);
        let text = format!("{{\"level\":\"WARN\"}}\nnot JSON\n{}\n{}\n{}\n", line("1.0"), line("3.0"), line("2.0"));
        fs::write(file.path(), text).unwrap();
        let expected =
            MedianMetrics { round_trips: (2, 1), latency: 2000.0, cache: 250.0, database: 500.0, rest: 1250.0 };
        assert_eq!(MedianMetrics::read(file.path()).unwrap(), Some(expected));
    }

    #[test]
    fn a_baseline_has_no_metrics() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(MedianMetrics::read(file.path()).unwrap(), None);
    }
}
