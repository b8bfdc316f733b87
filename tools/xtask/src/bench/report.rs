//! The figures beside each other, and beside their aims.

mod aim;
mod raw;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use self::aim::Aim;

use super::contestant::{BOTH, Contestant, Reference};
use super::measure::Measured;
use crate::sample::Sample;
use crate::table::Table;
use crate::terminal::seconds;

/// Everything that one run has found out.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) conditions: Conditions,
    pub(crate) results: Vec<(Contestant, Measured)>,
}

/// Where and how it was measured.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) profile: String,
    pub(crate) machine: String,
    /// The one processor that everything ran on, if the system could be told.
    pub(crate) processor: Option<usize>,
    pub(crate) versions: String,
    /// Averages of the last minute, before and after.
    pub(crate) load: (f64, f64),
    pub(crate) build: Duration,
    /// Sizes of all functions' binaries in bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
}

impl Report {
    fn measured(&self, name: &str) -> Option<&Measured> {
        self.results.iter().find(|(contestant, _)| contestant.name == name).map(|(_, measured)| measured)
    }

    /// How many times the floors a case takes: the median over the rounds of the ratio of medians within a round, which what befalls
    /// the machine for some seconds does not bend.
    fn ratio(&self, case: &Measured, reference: &Reference) -> f64 {
        let floor = |round: usize, names: &[&str]| -> f64 {
            names.iter().map(|name| self.measured(name).map_or(f64::NAN, |floor| floor.median_of_round(round))).sum()
        };
        let rounds = 0..case.rounds.len();
        let ratios = rounds
            .map(|round| case.median_of_round(round) / (floor(round, reference.plus) - floor(round, reference.minus)));
        Sample::new(ratios.collect()).median()
    }

    /// How many times the start of the floor with both connections a start takes, to its first answer.
    fn start_ratio(&self, case: &Measured) -> f64 {
        case.first_answer().median() / self.measured(BOTH).map_or(f64::NAN, |floor| floor.first_answer().median())
    }

    fn overview(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "first poll ms",
            "first answer ms (quartiles)",
            "× floor",
            "p50 µs",
            "p99 µs",
            "Redis + SQL",
            "× floor",
            "floor",
            "peak MB",
            "binary MB",
        ]);
        for (contestant, measured) in &self.results {
            let (answer, warm) = (measured.first_answer(), measured.warm());
            let is_floor = contestant.name.starts_with("floor");
            let mut references = contestant.references.iter();
            let first = references.next();
            table.row([
                contestant.name.to_owned(),
                milliseconds(measured.first_poll().median()),
                format!(
                    "{} ({}–{})",
                    milliseconds(answer.median()),
                    milliseconds(answer.quantile(0.25)),
                    milliseconds(answer.quantile(0.75))
                ),
                if is_floor { String::new() } else { format!("{:.2}", self.start_ratio(measured)) },
                format!("{:.0}", warm.median()),
                format!("{:.0}", warm.quantile(0.99)),
                measured
                    .told
                    .as_ref()
                    .map_or_else(String::new, |told| format!("{} + {}", told.round_trips.0, told.round_trips.1)),
                first.map_or_else(String::new, |reference| format!("{:.2}", self.ratio(measured, reference))),
                first.map_or_else(String::new, |reference| reference.label.to_owned()),
                megabytes(measured.peak_memory),
                megabytes(measured.binary_size),
            ]);
            for reference in references {
                let mut cells = vec![String::new(); 11];
                if let [_, _, _, _, _, _, _, ratio, label, ..] = cells.as_mut_slice() {
                    *ratio = format!("{:.2}", self.ratio(measured, reference));
                    reference.label.clone_into(label);
                }
                table.row(cells);
            }
        }
        table
    }

    /// Where the median request spends its time.
    fn breakdown(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "p50 µs",
            "waiting for Redis",
            "waiting for Postgres",
            "rest of the handler",
            "event, answer, metrics",
        ]);
        for (contestant, measured) in &self.results {
            let Some(told) = &measured.told else { continue };
            let p50 = measured.warm().median();
            let parts = [p50, told.cache, told.database, told.rest.max(0.0), (p50 - told.latency).max(0.0)];
            let mut cells = vec![contestant.name.to_owned()];
            cells.extend(parts.map(|part| format!("{part:.0}")));
            table.row(cells);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conditions { profile, machine, processor, versions, load, build, .. } = &self.conditions;
        writeln!(
            f,
            "{machine}; everything on {}; {versions} with fsync; load {:.2} before and {:.2} after; profile {profile}",
            processor.map_or_else(|| "any processor".to_owned(), |number| format!("processor {number}")),
            load.0,
            load.1
        )?;
        writeln!(f, "the functions took {} to build (next to nothing where they were up to date)", seconds(*build))?;
        writeln!(f, "\n{}", self.overview())?;
        let mut aims = Table::new(&["aim", "at most", "is", ""]);
        self.aims().into_iter().for_each(|Aim { what, limit, figure, met }| {
            aims.row([what, limit, figure, if met { "met" } else { "not met" }.to_owned()]);
        });
        writeln!(f, "{aims}\n{}", self.breakdown())?;
        for (contestant, measured) in self.results.iter().filter(|(_, measured)| measured.strays > 0) {
            let all = measured.strays + measured.rounds.iter().map(Vec::len).sum::<usize>();
            writeln!(
                f,
                "{}: {} of {all} invocations took another path and are left out",
                contestant.name, measured.strays
            )?;
        }
        Ok(())
    }
}

impl Measured {
    fn warm(&self) -> Sample {
        Sample::of(self.rounds.iter().flatten().copied())
    }

    fn median_of_round(&self, round: usize) -> f64 {
        self.rounds.get(round).map_or(f64::NAN, |durations| Sample::of(durations.iter().copied()).median())
    }

    fn first_poll(&self) -> Sample {
        Sample::of(self.starts.iter().map(|(first_poll, _)| *first_poll))
    }

    fn first_answer(&self) -> Sample {
        Sample::of(self.starts.iter().map(|(_, first_answer)| *first_answer))
    }
}

fn milliseconds(micros: f64) -> String {
    format!("{:.1}", micros / 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
