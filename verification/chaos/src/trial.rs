//! One arm under load and faults, for a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::arm::Arm;
use crate::checker::Checker;
use crate::fault::Target;
use crate::load::{self, Load};
use crate::report::Outcome;
use crate::schedule::{Calm, Schedule};
use crate::stage::Stage;

/// How often what is suspicious is decided, and progress is told.
const DECIDE_EVERY: Duration = Duration::from_millis(500);
/// How long the database gets to answer the last questions, after everything was healed.
const LAST_WORD: Duration = Duration::from_secs(30);

/// How an arm is tried.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// When it ends.
    pub end: End,
    /// How many people there are.
    pub subjects: usize,
    /// What they do.
    pub load: Load,
    /// How long nothing happens between two faults.
    pub calm: Calm,
    /// Whether environments are processes, which can be frozen and killed.
    pub has_environments: bool,
    /// What the order of faults and the choices of readers and writers follow from.
    pub seed: u64,
}

/// When a trial ends: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// After this time, or when every fault has struck once if that is later.
    pub after: Duration,
    /// After this many checked reads.
    pub reads: Option<u64>,
    /// When something was found.
    pub at_a_violation: bool,
}

/// Where a trial stands.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Since it began.
    pub elapsed: Duration,
    /// What is being done to the system.
    pub fault: &'a str,
    /// What has been counted.
    pub checker: &'a Checker,
}

/// Runs a trial to its end.
///
/// # Errors
/// The system could not be healed, which tells nothing about the arm.
pub async fn run<A: Arm>(
    stage: &Stage,
    arm: A,
    checker: Checker,
    plan: Plan,
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Outcome> {
    let subjects = stage.settle(plan.subjects).await;
    let checker = Arc::new(checker);
    let target = Target { clustered: stage.cluster.is_some(), has_environments: plan.has_environments };
    let mut schedule = Schedule::new(plan.seed, target, plan.calm, !plan.end.at_a_violation);
    let (stop, stopped) = watch::channel(false);
    let fault = watch::Sender::new("calm");

    let began = Instant::now();
    let mut first_violation = None;
    let mut tasks = load::begin(arm, &checker, &subjects, plan.load, plan.seed);
    stage.monitor(&mut tasks);
    let watch = async {
        loop {
            sleep(DECIDE_EVERY).await;
            // While the database is away nothing is decided, and nothing forgotten.
            let _ = checker.decide().await;
            let elapsed = began.elapsed();
            tell(Progress { elapsed, fault: &fault.borrow(), checker: &checker });
            if checker.violations() > 0 {
                first_violation.get_or_insert(elapsed);
            }
            let enough = plan.end.reads.is_some_and(|reads| checker.tally.reads.load(Ordering::Relaxed) >= reads);
            if elapsed >= plan.end.after || enough || (plan.end.at_a_violation && first_violation.is_some()) {
                break;
            }
            if stop.is_closed() {
                // The schedule has ended before its time: it will say why.
                break;
            }
        }
        stop.send_replace(true);
    };
    let faults = schedule.run(stage, stopped, |name| {
        fault.send_replace(name);
    });
    let (healed, ()) = join(faults, watch).await;
    let took = began.elapsed();
    tasks.shutdown().await;
    healed.context("the system could not be healed")?;

    let last_word = Instant::now() + LAST_WORD;
    while let Err(error) = checker.decide().await {
        if Instant::now() > last_word {
            return Err(error).context("what is suspicious could not be decided");
        }
        sleep(DECIDE_EVERY).await;
    }
    Ok(Outcome::new(A::NAME, plan.seed, took, first_violation, &checker, &schedule.struck))
}
