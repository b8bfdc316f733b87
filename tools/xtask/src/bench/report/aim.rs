//! What was aimed at, and what came out. A missed aim is told, and fails nothing: a speed is never an assertion.

use super::super::contestant::{LIST_MISSES, LOGIN};
use super::{Measured, Report, megabytes};
use crate::sample::Sample;

/// First answer, in multiples of the floor's with both connections open.
const START: f64 = 1.5;
/// Peak memory of everything that hashes no password, in bytes.
const MEMORY: u64 = 16_000_000;
/// A stripped binary, in bytes.
const BINARY: u64 = 6_000_000;
/// The slowest of the journals' sizes, in multiples of the fastest.
const GROWTH: f64 = 1.2;

/// One aim.
#[derive(Debug)]
pub(super) struct Aim {
    pub(super) what: String,
    pub(super) limit: String,
    pub(super) figure: String,
    pub(super) met: bool,
}

impl Report {
    /// Every aim with its figure.
    pub(super) fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        for (contestant, measured) in &self.results {
            for reference in &contestant.references {
                let Some(limit) = reference.aim else { continue };
                aims.push(multiple(
                    format!("{} / ({})", contestant.name, reference.label),
                    limit,
                    self.ratio(measured, reference),
                ));
            }
        }
        let cases = || {
            self.results
                .iter()
                .filter(|(contestant, _)| !contestant.name.starts_with("floor") && contestant.name != LOGIN)
        };
        for (contestant, measured) in cases() {
            let what = format!("{}: spawn to first answer / floor with both connections", contestant.name);
            aims.push(multiple(what, START, self.start_ratio(measured)));
        }
        if let Some((contestant, measured)) = cases().max_by_key(|(_, measured)| measured.peak_memory) {
            aims.push(bytes(
                format!("peak memory, login apart (most: {})", contestant.name),
                MEMORY,
                measured.peak_memory,
            ));
        }
        if let Some((function, size)) = self.conditions.sizes.iter().max_by_key(|(_, size)| **size) {
            aims.push(bytes(format!("stripped binary (largest: {function})"), BINARY, *size));
        }
        aims.push(multiple(
            "list miss at 10², 10⁴ and 10⁶ entries: slowest / fastest".to_owned(),
            GROWTH,
            self.growth(),
        ));
        aims
    }

    fn growth(&self) -> f64 {
        let misses: Vec<&Measured> = LIST_MISSES.iter().filter_map(|name| self.measured(name)).collect();
        let rounds = misses.iter().map(|measured| measured.rounds.len()).min().unwrap_or(0);
        let growth = (0..rounds).map(|round| {
            let medians = Sample::new(misses.iter().map(|measured| measured.median_of_round(round)).collect());
            medians.quantile(1.0) / medians.quantile(0.0)
        });
        Sample::new(growth.collect()).median()
    }
}

fn multiple(what: String, limit: f64, figure: f64) -> Aim {
    // Two decimals are shown, and two decimals count: a figure that reads like its limit has met it.
    let met = (figure * 100.0).round() <= limit * 100.0;
    Aim { what, limit: format!("{limit:.2} ×"), figure: format!("{figure:.2} ×"), met }
}

fn bytes(what: String, limit: u64, figure: u64) -> Aim {
    Aim {
        what,
        limit: format!("{} MB", megabytes(limit)),
        figure: format!("{} MB", megabytes(figure)),
        met: figure < limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_its_limit_has_met_it_and_one_above_has_not() {
        assert!(multiple(String::new(), 1.2, 1.2).met && multiple(String::new(), 1.2, 1.204).met);
        assert!(!multiple(String::new(), 1.2, 1.21).met && !multiple(String::new(), 1.2, f64::NAN).met);
        assert!(!bytes(String::new(), 6, 6).met);
    }
}
