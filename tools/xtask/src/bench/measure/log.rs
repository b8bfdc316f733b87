//! What a function says of itself, in the metric lines that it prints.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::sample::Sample;

/// The medians over all requests.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    /// Exchanges with Redis and queries of one request, as most requests had them.
    pub(crate) round_trips: (u64, u64),
    /// In microseconds: from the request to the response, within the function.
    pub(crate) latency: f64,
    /// Of that, waiting for Redis.
    pub(crate) cache: f64,
    /// Of that, waiting for Postgres.
    pub(crate) database: f64,
    /// Of that, neither; health asks both at once, so that the two overlap and less than nothing is left.
    pub(crate) rest: f64,
}

/// Times are in milliseconds.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Latency")]
    latency: f64,
    #[serde(rename = "DbQueries")]
    queries: u64,
    #[serde(rename = "DbTime")]
    database: f64,
    #[serde(rename = "cacheRoundTrips")]
    exchanges: u64,
    #[serde(rename = "cacheTime")]
    cache: f64,
}

impl Told {
    /// Reads the metric lines of a log; none, if it has none.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn read(log: &Path) -> Result<Option<Self>> {
        let reading = || format!("cannot read {}", log.display());
        let lines = BufReader::new(File::open(log).with_context(reading)?).lines();
        let mut metrics = Vec::new();
        for line in lines {
            metrics.extend(serde_json::from_str::<Line>(&line.with_context(reading)?).ok());
        }
        Ok(Self::of(&metrics))
    }

    fn of(lines: &[Line]) -> Option<Self> {
        let mut counts: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        for line in lines {
            *counts.entry((line.exchanges, line.queries)).or_default() += 1;
        }
        let (round_trips, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let median =
            |value: fn(&Line) -> f64| Sample::new(lines.iter().map(|line| value(line) * 1e3).collect()).median();
        Some(Self {
            round_trips,
            latency: median(|line| line.latency),
            cache: median(|line| line.cache),
            database: median(|line| line.database),
            rest: median(|line| line.latency - line.cache - line.database),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn metric_lines_are_found_among_others() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |latency: f64| {
            format!(
                r#"{{"_aws":{{}},"Latency":{latency},"DbQueries":1,"DbTime":0.5,"cacheRoundTrips":2,"cacheTime":0.25}}"#
            )
        };
        let text = format!("{{\"level\":\"WARN\"}}\nnot JSON\n{}\n{}\n{}\n", line(1.0), line(3.0), line(2.0));
        fs::write(file.path(), text).unwrap();
        let told = Told { round_trips: (2, 1), latency: 2000.0, cache: 250.0, database: 500.0, rest: 1250.0 };
        assert_eq!(Told::read(file.path()).unwrap(), Some(told));
    }

    #[test]
    fn a_floor_says_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Told::read(file.path()).unwrap(), None);
    }
}
