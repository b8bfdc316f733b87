//! The report: every case with its baselines, and the targets.

mod json;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use self::target::Target;
use super::case::{BOTH, Case, Reference};
use super::measure::Measurement;
use crate::measurement::Conditions;
use crate::measurement::distribution::{Distribution, milliseconds};
use crate::table::Table;
use crate::terminal::seconds;

/// The results of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) conditions: Conditions,
    /// The number of the processor that everything ran on, or `None` if the system does not support
    /// pinning.
    pub(crate) processor: Option<usize>,
    pub(crate) build: Build,
    pub(crate) results: Vec<(Case, Measurement)>,
}

/// The build of the functions.
#[derive(Debug)]
pub(crate) struct Build {
    /// The duration of the build.
    pub(crate) time: Duration,
    /// The sizes of all binaries in bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
}

impl Report {
    fn measurement(&self, name: &str) -> Option<&Measurement> {
        self.results.iter().find(|(case, _)| case.name == name).map(|(_, measurement)| measurement)
    }

    /// Returns the duration of a case as a multiple of its baselines. The result is the median of
    /// the rounds' ratios, each of which compares the medians within a round. A disturbance of some
    /// seconds does not change it.
    fn ratio(&self, measurement: &Measurement, reference: &Reference) -> f64 {
        let sum = |round: usize, names: &[&str]| -> f64 {
            let median = |name| self.measurement(name).map_or(f64::NAN, |baseline| baseline.median_of_round(round));
            names.iter().map(|&name| median(name)).sum()
        };
        let rounds = 0..measurement.rounds.len();
        let ratios = rounds.map(|round| {
            measurement.median_of_round(round) / (sum(round, reference.plus) - sum(round, reference.minus))
        });
        Distribution::new(ratios.collect()).median()
    }

    /// Returns the time to the first response as a multiple of that of the baseline with both
    /// connections.
    fn cold_start_ratio(&self, measurement: &Measurement) -> f64 {
        let baseline = self.measurement(BOTH).map_or(f64::NAN, |baseline| baseline.first_response().median());
        measurement.first_response().median() / baseline
    }

    fn overview(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "first poll ms",
            "first response ms (quartiles)",
            "× baseline",
            "p50 µs",
            "p99 µs",
            "Redis + SQL",
            "× baseline",
            "baseline",
            "peak MB",
            "binary MB",
        ]);
        for (case, measurement) in &self.results {
            let (first_response, warm) = (measurement.first_response(), measurement.warm());
            let mut references = case.references.iter();
            let first = references.next();
            table.row([
                case.name.to_owned(),
                milliseconds(measurement.first_poll().median()),
                format!(
                    "{} ({}–{})",
                    milliseconds(first_response.median()),
                    milliseconds(first_response.quantile(0.25)),
                    milliseconds(first_response.quantile(0.75))
                ),
                if case.is_baseline() { String::new() } else { format!("{:.2}", self.cold_start_ratio(measurement)) },
                format!("{:.0}", warm.median()),
                format!("{:.0}", warm.quantile(0.99)),
                measurement.metrics.as_ref().map_or_else(String::new, |metrics| {
                    format!("{} + {}", metrics.round_trips.0, metrics.round_trips.1)
                }),
                first.map_or_else(String::new, |reference| format!("{:.2}", self.ratio(measurement, reference))),
                first.map_or_else(String::new, |reference| reference.label.to_owned()),
                megabytes(measurement.peak_memory),
                megabytes(measurement.binary_size),
            ]);
            for reference in references {
                let mut cells = vec![String::new(); 11];
                if let [_, _, _, _, _, _, _, ratio, label, ..] = cells.as_mut_slice() {
                    *ratio = format!("{:.2}", self.ratio(measurement, reference));
                    reference.label.clone_into(label);
                }
                table.row(cells);
            }
        }
        table
    }

    /// Returns a table of the time that the median request spends in each part.
    fn breakdown(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "p50 µs",
            "waiting for Redis",
            "waiting for Postgres",
            "rest of the handler",
            "event, response, metrics",
        ]);
        for (case, measurement) in &self.results {
            let Some(metrics) = &measurement.metrics else { continue };
            let p50 = measurement.warm().median();
            let outside = (p50 - metrics.latency).max(0.0);
            let parts = [p50, metrics.cache, metrics.database, metrics.rest.max(0.0), outside];
            let mut cells = vec![case.name.to_owned()];
            cells.extend(parts.map(|part| format!("{part:.0}")));
            table.row(cells);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conditions { machine, versions, profile, load_average } = &self.conditions;
        writeln!(
            f,
            "{machine}; everything on {}; {versions} with fsync; load average {:.2} before and {:.2} after; profile {profile}",
            self.processor.map_or_else(|| "any processor".to_owned(), |number| format!("processor {number}")),
            load_average.0,
            load_average.1
        )?;
        writeln!(f, "the functions took {} to build (near zero if they were up to date)", seconds(self.build.time))?;
        writeln!(f, "\n{}", self.overview())?;
        let mut targets = Table::new(&["target", "at most", "measured", "result"]);
        for Target { name, limit, figure, is_met } in self.targets() {
            targets.row([name, limit, figure, if is_met { "met" } else { "not met" }.to_owned()]);
        }
        writeln!(f, "{targets}\n{}", self.breakdown())?;
        for (case, measurement) in self.results.iter().filter(|(_, measurement)| measurement.discarded > 0) {
            let all = measurement.discarded + measurement.rounds.iter().map(Vec::len).sum::<usize>();
            writeln!(
                f,
                "{}: {} of {all} invocations took another path and are not included",
                case.name, measurement.discarded
            )?;
        }
        Ok(())
    }
}

impl Measurement {
    fn warm(&self) -> Distribution {
        Distribution::from_durations(self.rounds.iter().flatten().copied())
    }

    fn median_of_round(&self, round: usize) -> f64 {
        self.rounds
            .get(round)
            .map_or(f64::NAN, |durations| Distribution::from_durations(durations.iter().copied()).median())
    }

    fn first_poll(&self) -> Distribution {
        Distribution::from_durations(self.cold_starts.iter().map(|(first_poll, _)| *first_poll))
    }

    fn first_response(&self) -> Distribution {
        Distribution::from_durations(self.cold_starts.iter().map(|(_, first_response)| *first_response))
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
