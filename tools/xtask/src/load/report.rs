//! The figures beside each other, and what was promised of the cache and of compression.

use std::fmt;

use serde_json::{Value, json};

use super::day::KINDS;
use super::phase::Outcome;
use crate::table::Table;

/// How many fewer queries and bytes the original promises, as shares.
const FEWER: f64 = 0.6;
/// The hit rate that it promises.
const HIT_RATE: f64 = 0.8;

/// Everything that one run has found out.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) versions: String,
    pub(crate) profile: String,
    pub(crate) people: u16,
    /// Averages of the last minute, before and after.
    pub(crate) load: (f64, f64),
    pub(crate) with_cache: Outcome,
    pub(crate) plain: Outcome,
    pub(crate) without_cache: Outcome,
    pub(crate) steps: Vec<Outcome>,
    /// The highest rate that was kept up with, if there was one.
    pub(crate) knee: Option<f64>,
    pub(crate) beyond: Outcome,
    pub(crate) after: Outcome,
}

/// A promise, and what became of it.
struct Promise {
    what: &'static str,
    at_least: f64,
    is: f64,
}

impl Report {
    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        [&self.with_cache, &self.plain, &self.without_cache]
            .into_iter()
            .chain(&self.steps)
            .chain([&self.beyond, &self.after])
    }

    fn promises(&self) -> [Promise; 4] {
        let Self { with_cache, plain, without_cache, .. } = self;
        let queries = with_cache.told.queries_per_request() / without_cache.told.queries_per_request();
        let of_reads = with_cache.told.queries_per_read() / without_cache.told.queries_per_read();
        let bytes = with_cache.bytes_per_read() / plain.bytes_per_read();
        [
            Promise {
                what: "fewer queries of a read with the cache than without",
                at_least: FEWER,
                is: 1.0 - of_reads,
            },
            Promise {
                what: "fewer queries of all requests with the cache than without",
                at_least: FEWER,
                is: 1.0 - queries,
            },
            Promise { what: "hit rate, all families together", at_least: HIT_RATE, is: with_cache.told.hit_rate() },
            Promise { what: "fewer bytes of a read with gzip than without", at_least: FEWER, is: 1.0 - bytes },
        ]
    }

    /// Latencies are in microseconds.
    pub(crate) fn raw(&self) -> Value {
        let outcomes = self.outcomes().map(|outcome| {
            let latencies = outcome.latencies(None);
            json!({
                "name": outcome.phase.name, "rate": outcome.phase.rate, "seconds": outcome.phase.length.as_secs(),
                "due": outcome.due, "unanswered": outcome.unanswered(), "throughput": outcome.throughput(),
                "2xx": outcome.count(200..300), "4xx": outcome.count(400..500), "5xx": outcome.count(500..600),
                "p50": latencies.median(), "p90": latencies.quantile(0.9), "p99": latencies.quantile(0.99),
                "max": latencies.quantile(1.0), "hit_rate": outcome.told.hit_rate(),
                "queries_per_request": outcome.told.queries_per_request(), "queries_per_read": outcome.told.queries_per_read(), "bytes_per_read": outcome.bytes_per_read(),
            })
        });
        json!({
            "machine": self.machine, "versions": self.versions, "profile": self.profile, "people": self.people,
            "load": [self.load.0, self.load.1], "knee": self.knee, "outcomes": outcomes.collect::<Vec<_>>(),
            "promises": self.promises().map(|Promise { what, at_least, is }| json!({"what": what, "at_least": at_least, "is": is})),
        })
    }

    fn overview(&self) -> Table {
        let mut table = Table::new(&[
            "",
            "due /s",
            "answered well /s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "most ms",
            "4xx",
            "5xx",
            "not sent or no answer",
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
                percent(outcome.told.hit_rate()),
                format!("{:.2}", outcome.told.queries_per_request()),
                format!("{:.0}", outcome.bytes_per_read()),
            ]);
        }
        table
    }

    fn kinds(&self) -> Table {
        let mut table = Table::new(&[
            "of a hundred",
            "",
            "p50 ms",
            "p99 ms",
            "p50 ms without the cache",
            "p99 ms without the cache",
        ]);
        for kind in &KINDS {
            let (with, without) =
                (self.with_cache.latencies(Some(kind.name)), self.without_cache.latencies(Some(kind.name)));
            let mut cells = vec![kind.name.to_owned(), format!("{:.0}", kind.share)];
            cells.extend(
                [&with, &without]
                    .into_iter()
                    .flat_map(|sample| [sample.median(), sample.quantile(0.99)])
                    .map(milliseconds),
            );
            table.row(cells);
        }
        table
    }

    fn families(&self) -> Table {
        let mut table = Table::new(&["family", "look-ups", "hit rate"]);
        for (name, lookups) in &self.with_cache.told.families {
            table.row([name.clone(), lookups.count().to_string(), percent(lookups.hit_rate())]);
        }
        let records = self.with_cache.told.records();
        table.row(["all but sessions".to_owned(), records.count().to_string(), percent(records.hit_rate())]);
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, versions, profile, people, load, knee, .. } = self;
        writeln!(
            f,
            "{machine}, shared by clients, gateway, functions and servers; {versions} with fsync; {people} people; load {:.2} before \
            and {:.2} after; profile {profile}",
            load.0, load.1
        )?;
        writeln!(f, "\n{}", self.overview())?;
        match (knee, self.steps.last()) {
            (Some(knee), Some(last)) => {
                writeln!(f, "{knee:.0} requests a second were kept up with, {:.0} were not.\n", last.phase.rate)?;
            }
            _ => writeln!(f, "None of these rates was kept up with.\n")?,
        }
        writeln!(f, "{}\n{}", self.kinds(), self.families())?;
        let mut promises = Table::new(&["promise", "at least", "is", ""]);
        for Promise { what, at_least, is } in self.promises() {
            let kept = if is >= at_least { "kept" } else { "not kept" };
            promises.row([what.to_owned(), percent(at_least), percent(is), kept.to_owned()]);
        }
        write!(f, "{promises}")
    }
}

fn milliseconds(micros: f64) -> String {
    if micros.is_nan() { "–".to_owned() } else { format!("{:.1}", micros / 1e3) }
}

fn percent(share: f64) -> String {
    if share.is_nan() { "–".to_owned() } else { format!("{:.1} %", share * 100.0) }
}
