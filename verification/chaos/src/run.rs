//! The run of one target under load and faults.

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
/// The extra time that a slow machine gets to reach the minimum of a [`StopCondition`].
const MINIMUM_TIMEOUT: Duration = Duration::from_secs(600);
/// The time limit for the last queries of the oracle, after every fault was healed.
const DECISION_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a target until the stop condition is met.
///
/// # Errors
/// The system could not be healed. This is not a failure of the target.
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
            // The channel is closed if the schedule has failed. The schedule returns the error.
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
            return Err(error).context("the oracle could not decide the stale reads");
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(Outcome::new(T::NAME, plan.seed, took, first_violation, &checker, &schedule.injected))
}

/// The parameters of a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The condition that ends the run.
    pub stop: StopCondition,
    /// The number of users.
    pub users: usize,
    /// The tasks of the users, and their pace.
    pub load: Load,
    /// The shortest and the longest time between two faults.
    pub quiet_period: QuietPeriod,
    /// Whether the environments are processes, which can be frozen and killed.
    pub has_environments: bool,
    /// The seed of the order of the faults and of the choices of readers and writers.
    pub seed: u64,
}

/// The conditions that end a run. One of them is enough. Unless a violation ends the run, every
/// fault must have had an effect first.
#[derive(Debug, Clone, Copy)]
pub struct StopCondition {
    /// The duration of the run. If `minimum` is not reached by then, the run continues until it is.
    pub after: Duration,
    /// The events that must have occurred, even on a slow machine.
    pub minimum: Counts,
    /// The number of checked reads that ends the run before `after` has elapsed.
    pub reads: Option<u64>,
    /// Whether the first violation ends the run.
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
    /// The time since the run began.
    pub elapsed: Duration,
    /// The name of the fault that is being injected, or "quiet".
    pub fault: &'a str,
    /// The event counts so far.
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_continues_until_the_minimum_is_reached_or_a_time_limit_expires() {
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
