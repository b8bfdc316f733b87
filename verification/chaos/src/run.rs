//! One target under load and faults, for a time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::checker::Checker;
use crate::counts::Counts;
use crate::fault::Topology;
use crate::load::{self, Load};
use crate::report::Outcome;
use crate::schedule::{QuietPeriod, Schedule};
use crate::system::System;
use crate::target::Target;

/// The interval at which stale reads are decided and progress is reported.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The time that a slow machine gets to reach the minimum of a [`StopCondition`].
const MINIMUM_TIMEOUT: Duration = Duration::from_secs(600);
/// The time in which the database must answer the last queries of the oracle, after every fault was
/// healed.
const DECISION_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a target until the stop condition is met.
///
/// # Errors
/// The system could not be healed, which says nothing about the target.
pub async fn execute<T: Target>(
    system: &System,
    target: T,
    checker: Checker,
    plan: Plan,
    mut report: impl FnMut(Progress<'_>),
) -> Result<Outcome> {
    let users = system.create_users(plan.users).await;
    let checker = Arc::new(checker);
    let topology = Topology { clustered: system.is_clustered(), has_environments: plan.has_environments };
    let mut schedule = Schedule::new(plan.seed, topology, plan.quiet_period, !plan.stop.on_violation);
    let (stop, stopped) = watch::channel(false);
    let fault = watch::Sender::new("quiet");

    let began = Instant::now();
    let mut first_violation = None;
    let mut tasks = load::spawn(target, &checker, &users, plan.load, plan.seed);
    system.spawn_monitor(&mut tasks);
    let watch = async {
        loop {
            sleep(POLL_INTERVAL).await;
            // While the database is unavailable, the stale reads stay undecided.
            let _ = checker.decide_stale_reads().await;
            let (elapsed, counts) = (began.elapsed(), checker.counts());
            report(Progress { elapsed, fault: &fault.borrow(), counts });
            if counts.violations > 0 {
                first_violation.get_or_insert(elapsed);
            }
            // A closed channel means that the schedule has failed. It returns the error.
            if plan.stop.is_met(elapsed, &counts) || stop.is_closed() {
                break;
            }
        }
        stop.send_replace(true);
    };
    let faults = schedule.run(system, stopped, |name| {
        fault.send_replace(name);
    });
    let (healed, ()) = join(faults, watch).await;
    let took = began.elapsed();
    tasks.shutdown().await;
    healed.context("the system could not be healed")?;

    let deadline = Instant::now() + DECISION_TIMEOUT;
    while let Err(error) = checker.decide_stale_reads().await {
        if Instant::now() > deadline {
            return Err(error).context("the stale reads could not be decided");
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(Outcome::new(T::NAME, plan.seed, took, first_violation, &checker, &schedule.injected))
}

/// The parameters of a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// When it stops.
    pub stop: StopCondition,
    /// The number of users.
    pub users: usize,
    /// What they do.
    pub load: Load,
    /// The time between two faults.
    pub quiet_period: QuietPeriod,
    /// Whether environments are processes, which can be frozen and killed.
    pub has_environments: bool,
    /// Determines the order of the faults and the choices of readers and writers.
    pub seed: u64,
}

/// When a run stops: as soon as one of these conditions is met. Every fault must have had an effect
/// first, unless a violation stops the run.
#[derive(Debug, Clone, Copy)]
pub struct StopCondition {
    /// After this time, if `minimum` is reached by then, or as soon as it is.
    pub after: Duration,
    /// The events that must have occurred, however slow the machine is.
    pub minimum: Counts,
    /// After this many checked reads.
    pub reads: Option<u64>,
    /// On the first violation.
    pub on_violation: bool,
}

impl StopCondition {
    fn is_met(&self, elapsed: Duration, counts: &Counts) -> bool {
        let is_over = elapsed >= self.after
            && (counts.covers(&self.minimum) || elapsed >= self.after.saturating_add(MINIMUM_TIMEOUT));
        is_over || self.reads.is_some_and(|reads| counts.reads >= reads) || (self.on_violation && counts.violations > 0)
    }
}

/// The progress of a run.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The time since it began.
    pub elapsed: Duration,
    /// The name of the fault that is being injected.
    pub fault: &'a str,
    /// The numbers of events so far.
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_until_the_minimum_is_reached_but_not_for_ever() {
        let after = Duration::from_secs(10);
        let minimum = Counts { reads: 100, ..Counts::default() };
        let stop = StopCondition { after, minimum, reads: Some(1000), on_violation: true };
        let reads = |reads| Counts { reads, ..Counts::default() };
        assert!(!stop.is_met(after / 2, &reads(100)));
        assert!(!stop.is_met(after, &reads(99)));
        assert!(stop.is_met(after, &reads(100)));
        assert!(stop.is_met(after + MINIMUM_TIMEOUT, &reads(99)));
        assert!(stop.is_met(after / 2, &reads(1000)));
        assert!(stop.is_met(after / 2, &Counts { violations: 1, ..Counts::default() }));
    }
}
