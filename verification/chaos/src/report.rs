//! What came of it: for people as a table, for programs as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::checker::{Checker, Tally};
use crate::fault::Fault;
use crate::schedule::Struck;

/// What came of one arm.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Which arm.
    pub arm: &'static str,
    /// The seed that repeats the order of the faults.
    pub seed: u64,
    /// How long it was tried.
    pub seconds: f64,
    /// Reads that were answered, and checked.
    pub reads: u64,
    /// Reads that were not answered, or with an error of the server's.
    pub failed_reads: u64,
    /// Reads that were answered from the cache.
    pub hits: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Attempts to write that were not acknowledged.
    pub failed_writes: u64,
    /// Sign-outs that were acknowledged.
    pub sign_outs: u64,
    /// Attempts to sign out that were not acknowledged.
    pub failed_sign_outs: u64,
    /// Requests that were refused because their session had ended.
    pub refusals: u64,
    /// Answers that must not have been given.
    pub violations: u64,
    /// With 95 % confidence no more of the reads are violations than this.
    pub violations_at_most: f64,
    /// After how long the first was found.
    pub first_violation_seconds: Option<f64>,
    /// Stale answers within the bound that is stated for writes that Redis could not be told of.
    pub within_bound: u64,
    /// Answers that have no place here.
    pub unexpected: u64,
    /// Faults by their names: how often, and how much they struck.
    pub faults: BTreeMap<&'static str, Struck>,
    /// What was found, in words.
    pub findings: Vec<String>,
}

impl Outcome {
    pub(crate) fn new(
        arm: &'static str,
        seed: u64,
        took: Duration,
        first_violation: Option<Duration>,
        checker: &Checker,
        struck: &BTreeMap<Fault, Struck>,
    ) -> Self {
        let Tally {
            reads,
            failed_reads,
            hits,
            writes,
            failed_writes,
            sign_outs,
            failed_sign_outs,
            refusals,
            within_bound,
            violations,
            unexpected,
        } = &checker.tally;
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            arm,
            seed,
            seconds: took.as_secs_f64(),
            reads: value(reads),
            failed_reads: value(failed_reads),
            hits: value(hits),
            writes: value(writes),
            failed_writes: value(failed_writes),
            sign_outs: value(sign_outs),
            failed_sign_outs: value(failed_sign_outs),
            refusals: value(refusals),
            violations: value(violations),
            violations_at_most: upper_bound(value(violations)) / value(reads).max(1) as f64,
            first_violation_seconds: first_violation.map(|after| after.as_secs_f64()),
            within_bound: value(within_bound),
            unexpected: value(unexpected),
            faults: struck.iter().map(|(fault, struck)| (fault.name(), *struck)).collect(),
            findings: checker.findings(),
        }
    }

    /// Why the arm has failed its trial, if it has: the naive one by not being caught.
    pub fn failure(&self) -> Option<String> {
        let Self { arm, violations, unexpected, .. } = self;
        match (*arm, *violations) {
            ("naive", 0) => Some(format!("{arm} was not caught: the check proves nothing")),
            ("naive", _) => None,
            (_, 0) if *unexpected == 0 => None,
            (_, 0) => Some(format!("{arm}: {unexpected} answers that have no place here")),
            _ => Some(format!("{arm}: {violations} violations")),
        }
    }

    /// The part of the reads that were answered.
    pub fn availability(&self) -> f64 {
        self.reads as f64 / (self.reads + self.failed_reads).max(1) as f64
    }

    /// The part of the answers that came from the cache.
    pub fn hit_rate(&self) -> f64 {
        self.hits as f64 / self.reads.max(1) as f64
    }
}

/// The highest expectation that a count of events is compatible with, at 95 %, if they are rare and independent: the rule of three, and
/// for more than none the approximation of the chi-squared distribution by Wilson and Hilferty (1931).
fn upper_bound(events: u64) -> f64 {
    if events == 0 {
        return 3.0;
    }
    let freedom = 2.0 * (events as f64 + 1.0);
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + 1.6449 * spread.sqrt()).powi(3) / 2.0
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = self.reads as f64 / self.seconds.max(0.1);
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<22}{value}");
        line("reads", format!("{} ({per_second:.0}/s), {:.1} % from the cache", self.reads, 100.0 * self.hit_rate()))?;
        line(
            "availability of reads",
            format!("{:.3} % ({} without an answer)", 100.0 * self.availability(), self.failed_reads),
        )?;
        line("writes", format!("{} acknowledged, {} attempts not", self.writes, self.failed_writes))?;
        line(
            "sign-outs",
            format!(
                "{} acknowledged, {} attempts not; {} requests refused afterwards",
                self.sign_outs, self.failed_sign_outs, self.refusals
            ),
        )?;
        let found = self.first_violation_seconds.map(|after| format!(", the first after {after:.1} s"));
        line(
            "violations",
            format!(
                "{}{}; at 95 % confidence at most {:.1e} of the reads",
                self.violations,
                found.unwrap_or_default(),
                self.violations_at_most
            ),
        )?;
        line("stale as stated", self.within_bound.to_string())?;
        if self.unexpected > 0 {
            line("unexpected answers", self.unexpected.to_string())?;
        }
        let times: u64 = self.faults.values().map(|struck| struck.times).sum();
        line("faults", format!("{times} in {:.0} s, seed {}", self.seconds, self.seed))?;
        for (name, Struck { times, things }) in &self.faults {
            writeln!(f, "    {name:<30}{times:>4}{things:>8}")?;
        }
        for finding in self.findings.iter().take(10) {
            writeln!(f, "  ! {finding}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_tables() {
        // Exact Poisson bounds, one-sided, at 95 %.
        for (events, bound) in [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.96), (100, 118.1)] {
            let found = upper_bound(events);
            assert!((found - bound).abs() / bound < 0.005, "{events}: {found}");
        }
    }
}
