//! The targets and their results. A missed target is reported but never fails the command, because
//! speed depends on the machine.

use super::{Measurement, Report, megabytes};
use crate::bench::case::{LIST_MISSES, LOGIN};
use crate::measurement::distribution::Distribution;

/// The maximum time to the first response, as a multiple of the time of the baseline with both
/// connections.
const COLD_START: f64 = 1.5;
/// The maximum peak memory in bytes, for a case that does not hash a password.
const MEMORY: u64 = 16_000_000;
/// The maximum size of a stripped binary in bytes.
const BINARY: u64 = 6_000_000;
/// The maximum time of the slowest list miss of the three journals, as a multiple of the fastest.
const GROWTH: f64 = 1.2;

/// A target, the measured figure and the result.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) limit: String,
    pub(super) figure: String,
    pub(super) is_met: bool,
}

impl Report {
    /// Returns every target with its figure.
    pub(super) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (case, measurement) in &self.results {
            for reference in &case.references {
                let Some(limit) = reference.target else { continue };
                targets.push(multiple(
                    format!("{} / ({})", case.name, reference.label),
                    limit,
                    self.ratio(measurement, reference),
                ));
            }
        }
        let functions = || self.results.iter().filter(|(case, _)| !case.is_baseline() && case.name != LOGIN);
        for (case, measurement) in functions() {
            let name = format!("{}: spawn to first response / baseline with both connections", case.name);
            targets.push(multiple(name, COLD_START, self.cold_start_ratio(measurement)));
        }
        if let Some((case, measurement)) = functions().max_by_key(|(_, measurement)| measurement.peak_memory) {
            targets.push(bytes(
                format!("peak memory without the login (highest: {})", case.name),
                MEMORY,
                measurement.peak_memory,
            ));
        }
        if let Some((function, size)) = self.build.sizes.iter().max_by_key(|(_, size)| **size) {
            targets.push(bytes(format!("stripped binary (largest: {function})"), BINARY, *size));
        }
        targets.push(multiple(
            "list miss at 10², 10⁴ and 10⁶ entries: slowest / fastest".to_owned(),
            GROWTH,
            self.growth(),
        ));
        targets
    }

    fn growth(&self) -> f64 {
        let misses: Vec<&Measurement> = LIST_MISSES.iter().filter_map(|name| self.measurement(name)).collect();
        let rounds = misses.iter().map(|miss| miss.rounds.len()).min().unwrap_or(0);
        let growth = (0..rounds).map(|round| {
            let medians = Distribution::new(misses.iter().map(|miss| miss.median_of_round(round)).collect());
            medians.quantile(1.0) / medians.quantile(0.0)
        });
        Distribution::new(growth.collect()).median()
    }
}

fn multiple(name: String, limit: f64, figure: f64) -> Target {
    // The comparison uses the two decimals that are shown, so that a figure that looks equal to its
    // limit meets the target.
    let is_met = (figure * 100.0).round() <= limit * 100.0;
    Target { name, limit: format!("{limit:.2} ×"), figure: format!("{figure:.2} ×"), is_met }
}

fn bytes(name: String, limit: u64, figure: u64) -> Target {
    Target {
        name,
        limit: format!("{} MB", megabytes(limit)),
        figure: format!("{} MB", megabytes(figure)),
        is_met: figure < limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_its_limit_meets_the_target_and_one_above_does_not() {
        assert!(multiple(String::new(), 1.2, 1.2).is_met && multiple(String::new(), 1.2, 1.204).is_met);
        assert!(!multiple(String::new(), 1.2, 1.21).is_met && !multiple(String::new(), 1.2, f64::NAN).is_met);
        assert!(!bytes(String::new(), 6, 6).is_met);
    }
}
