//! The report: every phase in a table, and the targets for the cache and for compression.

use std::fmt;

use serde_json::{Value, json};

use super::phase::Outcome;
use super::workload::REQUEST_KINDS;
use crate::measurement;
use crate::measurement::Conditions;
use crate::measurement::distribution::milliseconds;
use crate::table::Table;

/// The share of queries that the cache must save, and of bytes that gzip must save.
const SAVED: f64 = 0.6;
/// The hit rate that the cache must reach.
const HIT_RATE: f64 = 0.8;

/// The results of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) conditions: Conditions,
    pub(crate) users: u16,
    pub(crate) with_cache: Outcome,
    pub(crate) without_gzip: Outcome,
    pub(crate) without_cache: Outcome,
    /// The phases of the search for the knee.
    pub(crate) steps: Vec<Outcome>,
    /// The highest rate that was sustained, or `None` if no rate was.
    pub(crate) knee: Option<f64>,
    pub(crate) overload: Outcome,
    pub(crate) recovery: Outcome,
}

/// A target and the measured figure, as shares.
struct Target {
    name: &'static str,
    at_least: f64,
    figure: f64,
}

impl Report {
    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        [&self.with_cache, &self.without_gzip, &self.without_cache]
            .into_iter()
            .chain(&self.steps)
            .chain([&self.overload, &self.recovery])
    }

    fn targets(&self) -> [Target; 4] {
        let Self { with_cache, without_gzip, without_cache, .. } = self;
        let queries = with_cache.summary.queries_per_request() / without_cache.summary.queries_per_request();
        let of_reads = with_cache.summary.queries_per_read() / without_cache.summary.queries_per_read();
        let bytes = with_cache.bytes_per_read() / without_gzip.bytes_per_read();
        [
            Target { name: "queries per read that the cache saves", at_least: SAVED, figure: 1.0 - of_reads },
            Target { name: "queries per request that the cache saves", at_least: SAVED, figure: 1.0 - queries },
            Target { name: "hit rate of all families", at_least: HIT_RATE, figure: with_cache.summary.hit_rate() },
            Target { name: "bytes per read that gzip saves", at_least: SAVED, figure: 1.0 - bytes },
        ]
    }

    fn overview(&self) -> Table {
        let mut table = Table::new(&[
            "phase",
            "due /s",
            "successful /s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "max ms",
            "4xx",
            "5xx",
            "no response",
            "hit rate",
            "queries / request",
            "bytes / read",
        ]);
        for outcome in self.outcomes() {
            let latencies = outcome.latencies(None);
            table.row([
                outcome.phase.name.clone(),
                format!("{:.0}", outcome.phase.rate),
                format!("{:.0}", outcome.throughput()),
                milliseconds(latencies.median()),
                milliseconds(latencies.quantile(0.9)),
                milliseconds(latencies.quantile(0.99)),
                milliseconds(latencies.quantile(1.0)),
                outcome.count(400..500).to_string(),
                outcome.count(500..600).to_string(),
                outcome.unanswered().to_string(),
                percent(outcome.summary.hit_rate()),
                format!("{:.2}", outcome.summary.queries_per_request()),
                format!("{:.0}", outcome.bytes_per_read()),
            ]);
        }
        table
    }

    fn kinds(&self) -> Table {
        let mut table = Table::new(&[
            "request",
            "share %",
            "p50 ms",
            "p99 ms",
            "p50 ms without the cache",
            "p99 ms without the cache",
        ]);
        for kind in &REQUEST_KINDS {
            let (with, without) =
                (self.with_cache.latencies(Some(kind.name)), self.without_cache.latencies(Some(kind.name)));
            let mut cells = vec![kind.name.to_owned(), format!("{:.0}", kind.share)];
            cells.extend(
                [&with, &without]
                    .into_iter()
                    .flat_map(|latencies| [latencies.median(), latencies.quantile(0.99)])
                    .map(milliseconds),
            );
            table.row(cells);
        }
        table
    }

    fn families(&self) -> Table {
        let mut table = Table::new(&["family", "lookups", "hit rate"]);
        for (name, lookups) in &self.with_cache.summary.families {
            table.row([name.clone(), lookups.count().to_string(), percent(lookups.hit_rate())]);
        }
        let records = self.with_cache.summary.records();
        table.row(["all but sessions".to_owned(), records.count().to_string(), percent(records.hit_rate())]);
        table
    }
}

impl measurement::Report for Report {
    /// Returns every figure. Latencies are in microseconds.
    fn to_json(&self) -> Value {
        let conditions = &self.conditions;
        let outcomes = self.outcomes().map(|outcome| {
            let latencies = outcome.latencies(None);
            json!({
                "name": outcome.phase.name, "rate": outcome.phase.rate, "seconds": outcome.phase.length.as_secs(),
                "due": outcome.due, "unanswered": outcome.unanswered(), "throughput": outcome.throughput(),
                "2xx": outcome.count(200..300), "4xx": outcome.count(400..500), "5xx": outcome.count(500..600),
                "p50": latencies.median(), "p90": latencies.quantile(0.9), "p99": latencies.quantile(0.99),
                "max": latencies.quantile(1.0), "hit_rate": outcome.summary.hit_rate(),
                "queries_per_request": outcome.summary.queries_per_request(), "queries_per_read": outcome.summary.queries_per_read(), "bytes_per_read": outcome.bytes_per_read(),
            })
        });
        json!({
            "machine": conditions.machine, "versions": conditions.versions, "profile": conditions.profile, "users": self.users,
            "load": [conditions.load_average.0, conditions.load_average.1], "knee": self.knee, "outcomes": outcomes.collect::<Vec<_>>(),
            "targets": self.targets().map(|Target { name, at_least, figure }| json!({"what": name, "at_least": at_least, "is": figure})),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conditions: Conditions { machine, versions, profile, load_average }, users, knee, .. } = self;
        writeln!(
            f,
            "{machine}, shared by clients, gateway, functions and servers; {versions} with fsync; {users} users; load average {:.2} before \
            and {:.2} after; profile {profile}",
            load_average.0, load_average.1
        )?;
        writeln!(f, "\n{}", self.overview())?;
        match (knee, self.steps.last()) {
            (Some(knee), Some(last)) => {
                writeln!(f, "The API sustained {knee:.0} requests per second, but not {:.0}.\n", last.phase.rate)?;
            }
            _ => writeln!(f, "The API did not sustain any of these rates.\n")?,
        }
        writeln!(f, "{}\n{}", self.kinds(), self.families())?;
        let mut targets = Table::new(&["target", "at least", "measured", "result"]);
        for Target { name, at_least, figure } in self.targets() {
            let met = if figure >= at_least { "met" } else { "not met" };
            targets.row([name.to_owned(), percent(at_least), percent(figure), met.to_owned()]);
        }
        write!(f, "{targets}")
    }
}

fn percent(share: f64) -> String {
    if share.is_nan() { "–".to_owned() } else { format!("{:.1} %", share * 100.0) }
}
