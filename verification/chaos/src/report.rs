//! The outcome of a run, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::checker::Checker;
use crate::counts::Counts;
use crate::fault::Fault;
use crate::schedule::Injected;
use crate::target::Target as _;
use crate::target::naive::Naive;

/// The outcome of the run of one target.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The name of the target.
    pub target: &'static str,
    /// The seed that repeats the order of the faults.
    pub seed: u64,
    /// The duration of the run, in seconds.
    pub seconds: f64,
    /// The event counts of the run.
    #[serde(flatten)]
    pub counts: Counts,
    /// The highest ratio of violations to reads, with 95 % confidence.
    pub violations_at_most: f64,
    /// The time until the first violation was found, in seconds.
    pub first_violation_seconds: Option<f64>,
    /// The faults by name: how often each was injected, and its effects.
    pub faults: BTreeMap<&'static str, Injected>,
    /// The descriptions of violations and of unexpected responses.
    pub findings: Vec<String>,
}

impl Outcome {
    pub(crate) fn new(
        target: &'static str,
        seed: u64,
        took: Duration,
        first_violation: Option<Duration>,
        checker: &Checker,
        injected: &BTreeMap<Fault, Injected>,
    ) -> Self {
        let counts = checker.counts();
        Self {
            target,
            seed,
            seconds: took.as_secs_f64(),
            counts,
            violations_at_most: upper_bound(counts.violations) / counts.reads.max(1) as f64,
            first_violation_seconds: first_violation.map(|after| after.as_secs_f64()),
            faults: injected.iter().map(|(fault, injected)| (fault.name(), *injected)).collect(),
            findings: checker.findings(),
        }
    }

    /// Returns the reason why the target failed, if it did. The plain cache-aside fails if no
    /// violation is found.
    pub fn failure(&self) -> Option<String> {
        let (target, Counts { violations, unexpected, .. }) = (self.target, self.counts);
        match (target == Naive::NAME, violations) {
            (true, 0) => Some(format!("{target}: no violation was found, so the check proves nothing")),
            (true, _) => None,
            (false, 0) if unexpected == 0 => None,
            (false, 0) => Some(format!("{target}: {unexpected} unexpected responses")),
            (false, _) => Some(format!("{target}: {violations} violations")),
        }
    }

    /// Returns the fraction of reads that got a response, from 0 to 1.
    pub fn availability(&self) -> f64 {
        let Counts { reads, failed_reads, .. } = self.counts;
        reads as f64 / (reads + failed_reads).max(1) as f64
    }

    /// Returns the fraction of responses that came from the cache, from 0 to 1.
    pub fn hit_rate(&self) -> f64 {
        self.counts.hits as f64 / self.counts.reads.max(1) as f64
    }
}

/// Returns the highest expected number of events that is compatible with the counted number, at 95
/// % confidence. The events must be rare and independent. For zero events, this is the rule of
/// three. Otherwise it is the approximation of the chi-squared distribution by Wilson and Hilferty
/// (1931).
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
        let counts = &self.counts;
        let per_second = counts.reads as f64 / self.seconds.max(0.1);
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<22}{value}");
        line(
            "reads",
            format!("{} ({per_second:.0}/s), {:.1} % from the cache", counts.reads, 100.0 * self.hit_rate()),
        )?;
        line(
            "availability of reads",
            format!("{:.3} % ({} without a response)", 100.0 * self.availability(), counts.failed_reads),
        )?;
        line("writes", format!("{} acknowledged, {} attempts not", counts.writes, counts.failed_writes))?;
        line(
            "sign-outs",
            format!(
                "{} acknowledged, {} attempts not; {} requests rejected afterwards",
                counts.sign_outs, counts.failed_sign_outs, counts.rejections
            ),
        )?;
        let found = self.first_violation_seconds.map(|after| format!(", the first after {after:.1} s"));
        line(
            "violations",
            format!(
                "{}{}; at 95 % confidence at most {:.1e} of the reads",
                counts.violations,
                found.unwrap_or_default(),
                self.violations_at_most
            ),
        )?;
        line("stale within bound", counts.within_bound.to_string())?;
        if counts.unexpected > 0 {
            line("unexpected responses", counts.unexpected.to_string())?;
        }
        let times: u64 = self.faults.values().map(|injected| injected.times).sum();
        line("faults", format!("{times} in {:.0} s, seed {}", self.seconds, self.seed))?;
        for (name, Injected { times, affected }) in &self.faults {
            writeln!(f, "    {name:<30}{times:>4}{affected:>8}")?;
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
    fn the_upper_bound_agrees_with_the_exact_poisson_bounds() {
        // Exact Poisson bounds, one-sided, at 95 %.
        for (events, bound) in [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.96), (100, 118.1)] {
            let found = upper_bound(events);
            assert!((found - bound).abs() / bound < 0.005, "{events}: {found}");
        }
    }
}
